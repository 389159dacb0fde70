// SPDX-License-Identifier: MIT
/*
 * One random call of the fuzzer: the structures are built right and then bent, descriptors are mostly
 * of the right kind, pointers mostly good. What a call may answer is judged in abi_fuzz.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi_fuzz.h"
#include "abi_guest.h"

#define SHARED_BYTES (2 * 4096 + ABI_RING * sizeof(struct svmrt_event))

/* ---- Making calls ---- */

static int call(struct fuzz *f, int fd, unsigned long request, void *arg)
{
	int result = ioctl(fd, request, arg);

	f->ioctls++;
	if (result >= 0)
		return result;
	f->refused++;
	return -errno;
}

/* Sometimes another size, an unknown flag or any byte; every struct begins with size and flags. */
static void bend(struct fuzz *f, void *arg, unsigned int bytes)
{
	uint32_t words[2];

	memcpy(words, arg, sizeof(words));
	if (fuzz_chance(f, 3))
		words[0] = (uint32_t)fuzz_value(f);
	if (fuzz_chance(f, 3))
		words[1] = (uint32_t)fuzz_value(f);
	memcpy(arg, words, sizeof(words));
	if (fuzz_chance(f, 3))
		((uint8_t *)arg)[fuzz_below(f, bytes)] ^= (uint8_t)fuzz_random(f);
}

static uint64_t page_value(struct fuzz *f, uint64_t limit)
{
	if (fuzz_chance(f, 10))
		return fuzz_value(f);
	return fuzz_random(f) % (limit / 4096) * 4096;
}

static int call_info(struct fuzz *f)
{
	struct svmrt_info info = { .size = sizeof(info) };

	bend(f, &info, sizeof(info));
	return call(f, fuzz_pick(f, FUZZ_SYSTEM), SVMRT_INFO, fuzz_pointer(f, &info));
}

static int create_vm(struct fuzz *f)
{
	struct svmrt_create_vm vm = { .size = sizeof(vm) };
	int fd;

	bend(f, &vm, sizeof(vm));
	fd = call(f, fuzz_pick(f, FUZZ_SYSTEM), SVMRT_CREATE_VM, fuzz_pointer(f, &vm));
	fuzz_keep(f, fd, FUZZ_VM);
	return fd;
}

static int create_mem(struct fuzz *f)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = FUZZ_RAM_BYTES };
	int fd;

	if (fuzz_chance(f, 30))
		mem.bytes = page_value(f, 1ULL << 41);
	bend(f, &mem, sizeof(mem));
	fd = call(f, fuzz_pick(f, FUZZ_SYSTEM), SVMRT_CREATE_MEM, fuzz_pointer(f, &mem));
	fuzz_keep(f, fd, FUZZ_MEM);
	return fd;
}

static int map_memory(struct fuzz *f)
{
	struct svmrt_map map = {
		.size = sizeof(map), .gpa = page_value(f, 1 << 24), .mem_fd = fuzz_pick(f, FUZZ_MEM),
		.bytes = page_value(f, FUZZ_RAM_BYTES), .offset = page_value(f, FUZZ_RAM_BYTES),
		.mode = fuzz_below(f, 3),
	};

	if (fuzz_chance(f, 3))
		map.mem_fd = (int)fuzz_value(f);
	bend(f, &map, sizeof(map));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_MAP, fuzz_pointer(f, &map));
}

/* Rows in order, with a gap each; values and accesses are anything near the allowed. */
static unsigned int make_msrs(struct fuzz *f, struct svmrt_msr_row *rows, unsigned int room)
{
	unsigned int count = fuzz_below(f, room), i;
	uint32_t msr = 0;

	for (i = 0; i < count; i++) {
		msr += 1 + fuzz_below(f, 0x200);
		rows[i] = (struct svmrt_msr_row) {
			.first = msr, .last = msr, .read = (uint8_t)fuzz_below(f, 2),
			.write = (uint8_t)(2 + fuzz_below(f, 2)), .value = fuzz_random(f),
		};
	}
	return count;
}

static unsigned int make_cpuid(struct fuzz *f, struct svmrt_cpuid_row *rows, unsigned int room)
{
	unsigned int count = fuzz_below(f, room), i;

	for (i = 0; i < count; i++)
		rows[i] = (struct svmrt_cpuid_row) {
			.leaf = fuzz_chance(f, 50) ? fuzz_below(f, 32) : (uint32_t)fuzz_value(f),
			.subleaf = fuzz_below(f, 4), .flags = fuzz_below(f, 2),
			.keep = { (uint32_t)fuzz_value(f), (uint32_t)fuzz_random(f) },
			.set = { (uint32_t)fuzz_random(f) },
		};
	return count;
}

static int set_policy(struct fuzz *f, int vm)
{
	static struct svmrt_exit_rule rules[64];
	static struct svmrt_cpuid_row cpuid[64];
	static struct svmrt_msr_row msrs[64];
	static uint8_t msrpm[8192];
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rule_count = fuzz_rules(f, rules, 64),
		.cpuid_count = make_cpuid(f, cpuid, 64), .msr_count = make_msrs(f, msrs, 64),
	};

	memset(msrpm, 0xff, sizeof(msrpm));
	if (fuzz_chance(f, 30))
		memset(msrpm + 0x800 + 0x81 / 4, 0, 1);		/* STAR .. SFMASK: allowed */
	if (fuzz_chance(f, 5))
		msrpm[fuzz_below(f, sizeof(msrpm))] = (uint8_t)fuzz_random(f);
	policy.rules = (uintptr_t)fuzz_pointer(f, rules);
	policy.cpuid = (uintptr_t)fuzz_pointer(f, cpuid);
	policy.msrs = (uintptr_t)fuzz_pointer(f, msrs);
	policy.msrpm = fuzz_chance(f, 30) ? 0 : (uintptr_t)fuzz_pointer(f, msrpm);
	if (fuzz_chance(f, 3))
		policy.cpuid_count = (uint32_t)fuzz_value(f);
	bend(f, &policy, sizeof(policy));
	return call(f, vm, SVMRT_VM_POLICY, fuzz_pointer(f, &policy));
}

static int call_policy(struct fuzz *f)
{
	return set_policy(f, fuzz_pick(f, FUZZ_VM));
}

static int create_vcpu(struct fuzz *f, int vm, uint32_t index)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_create_vcpu vcpu = {
		.size = sizeof(vcpu), .index = index, .ring_entries = 64u << fuzz_below(f, 3),
		.flags = fuzz_chance(f, 10) ? SVMRT_VCPU_WAIT_SIPI : 0,
	};
	int fd;

	fuzz_vmcb(f, &vmcb, &state);
	vcpu.vmcb = (uintptr_t)fuzz_pointer(f, &vmcb);
	vcpu.state = (uintptr_t)fuzz_pointer(f, &state);
	if (fuzz_chance(f, 5))
		vcpu.ring_entries = (uint32_t)fuzz_value(f);
	bend(f, &vcpu, sizeof(vcpu));
	fd = call(f, vm, SVMRT_VM_CREATE_VCPU, fuzz_pointer(f, &vcpu));
	fuzz_keep(f, fd, FUZZ_VCPU);
	if (fd >= 0) {
		f->vcpus++;
		fuzz_map(f, fd, FUZZ_VCPU, SHARED_BYTES);
	}
	return fd;
}

static int call_vcpu(struct fuzz *f)
{
	return create_vcpu(f, fuzz_pick(f, FUZZ_VM),
			   fuzz_chance(f, 90) ? fuzz_below(f, 255) : (uint32_t)fuzz_value(f));
}

/* All that a guest needs, nearly right, because random calls alone seldom come this far. */
static int make_guest(struct fuzz *f)
{
	struct svmrt_create_vm create_vm_arg = { .size = sizeof(create_vm_arg) };
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = FUZZ_RAM_BYTES };
	struct svmrt_map map = { .size = sizeof(map), .bytes = FUZZ_RAM_BYTES };
	struct svmrt_irqchip chip = { .size = sizeof(chip), .flags = SVMRT_IRQCHIP_LAPIC };
	unsigned int vcpus = 1 + fuzz_below(f, 3), i;
	int vm, err;

	vm = call(f, f->dev, SVMRT_CREATE_VM, &create_vm_arg);
	fuzz_keep(f, vm, FUZZ_VM);
	map.mem_fd = call(f, f->dev, SVMRT_CREATE_MEM, &mem);
	fuzz_keep(f, map.mem_fd, FUZZ_MEM);
	if (vm < 0 || map.mem_fd < 0)
		return vm < 0 ? vm : map.mem_fd;
	fuzz_map(f, map.mem_fd, FUZZ_MEM, FUZZ_RAM_BYTES);
	fuzz_touch(f, fuzz_find_map(f, map.mem_fd, FUZZ_MEM), fuzz_write_guest);
	map.mode = fuzz_below(f, 3);
	if (fuzz_chance(f, 50))
		call(f, vm, SVMRT_VM_IRQCHIP, &chip);
	err = call(f, vm, SVMRT_VM_MAP, &map);
	if (err)
		return err;
	err = set_policy(f, vm);
	for (i = 0; i < vcpus && !err; i++)
		if (create_vcpu(f, vm, i) < 0)
			break;
	return err;
}

static int call_access(struct fuzz *f)
{
	static uint8_t buffer[1 << 16];
	struct fuzz_map *map = &f->maps[fuzz_below(f, FUZZ_MAPS)];
	struct svmrt_access access = {
		.size = sizeof(access), .gpa = fuzz_below(f, FUZZ_RAM_BYTES * 2),
		.bytes = fuzz_below(f, sizeof(buffer)), .flags = fuzz_below(f, 2),
		.buffer = (uintptr_t)fuzz_pointer(f, buffer),
	};

	if (fuzz_chance(f, 20) && map->at) {	/* guest memory into guest memory */
		access.buffer = (uintptr_t)map->at;
		if (access.bytes > map->bytes)
			access.bytes = map->bytes;
	}
	if (fuzz_chance(f, 10)) {		/* may fail anywhere, but must not overrun the buffer */
		access.gpa = fuzz_value(f);
		access.bytes %= 4096;
	}
	if (fuzz_chance(f, 3))
		access.bytes = (1ULL << 20) + fuzz_below(f, 4096) + 1;
	if (fuzz_chance(f, 3))
		access.size = (uint32_t)fuzz_value(f);
	if (fuzz_chance(f, 3))
		access.flags = (uint32_t)fuzz_value(f);
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_ACCESS, fuzz_pointer(f, &access));
}

static int call_range(struct fuzz *f)
{
	struct svmrt_range range = {
		.size = sizeof(range), .gpa = page_value(f, FUZZ_RAM_BYTES * 2),
		.bytes = page_value(f, FUZZ_RAM_BYTES),
	};

	bend(f, &range, sizeof(range));
	return call(f, fuzz_pick(f, FUZZ_VM), fuzz_chance(f, 70) ? SVMRT_VM_ZAP : SVMRT_VM_UNMAP,
		    fuzz_pointer(f, &range));
}

static int call_dirty(struct fuzz *f)
{
	static uint64_t bitmap[8192];
	struct svmrt_dirty dirty = {
		.size = sizeof(dirty), .op = 1 + fuzz_below(f, 4), .gpa = page_value(f, FUZZ_RAM_BYTES),
		.bytes = page_value(f, FUZZ_RAM_BYTES),
	};

	if (fuzz_chance(f, 70))
		dirty.gpa = 0;
	bend(f, &dirty, sizeof(dirty));
	dirty.bitmap = (uintptr_t)fuzz_pointer(f, bitmap);
	if (dirty.bytes > sizeof(bitmap) * 8 * 4096)
		dirty.bytes = sizeof(bitmap) * 8 * 4096;
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_DIRTY, fuzz_pointer(f, &dirty));
}

static int call_time(struct fuzz *f)
{
	struct svmrt_time time = { .size = sizeof(time), .op = 1 + fuzz_below(f, 3) };

	bend(f, &time, sizeof(time));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_TIME, fuzz_pointer(f, &time));
}

/* ---- vCPU calls ---- */

static void write_input(struct fuzz *f, uint8_t *at, size_t bytes)
{
	struct svmrt_run_page *run = (void *)at;
	struct svmrt_ring *ring = (void *)(at + 4096);
	unsigned int i;

	if (bytes < SHARED_BYTES)
		return;
	if (fuzz_chance(f, 70))
		ring->tail = ring->head;
	if (fuzz_chance(f, 20))
		ring->lossless = fuzz_below(f, 3);
	if (fuzz_chance(f, 50))
		return;
	run->dirty = fuzz_chance(f, 90) ? fuzz_below(f, 128) : (uint32_t)fuzz_value(f);
	run->inta = fuzz_below(f, 300);
	run->apic_offset = fuzz_chance(f, 80) ? fuzz_below(f, 64) * 16 : (uint32_t)fuzz_value(f);
	run->apic_value = (uint32_t)fuzz_value(f);
	run->inject = 0x80000300u | fuzz_below(f, 32) | (fuzz_chance(f, 50) ? 0x800 : 0);
	if (fuzz_chance(f, 10))
		run->inject = fuzz_value(f);
	run->rip = fuzz_chance(f, 70) ? FUZZ_CODE_GPA + fuzz_below(f, 64) : fuzz_value(f);
	for (i = 0; i < 16; i++)
		if (fuzz_chance(f, 20))
			run->gpr[i] = fuzz_value(f);
}

static int call_run(struct fuzz *f)
{
	int fd = fuzz_pick(f, FUZZ_VCPU);

	fuzz_touch(f, fuzz_find_map(f, fd, FUZZ_VCPU), write_input);
	return call(f, fd, SVMRT_VCPU_RUN, fuzz_pointer(f, NULL));
}

static int call_kick(struct fuzz *f)
{
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_KICK, NULL);
}

static int call_stats(struct fuzz *f)
{
	static struct svmrt_stats stats;

	stats.size = sizeof(stats);
	bend(f, &stats, sizeof(stats));
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_STATS, fuzz_pointer(f, &stats));
}

static int call_rule_counts(struct fuzz *f)
{
	static uint64_t counts[4096];
	struct svmrt_rule_counts arg = { .size = sizeof(arg), .count = fuzz_below(f, 64) };

	bend(f, &arg, sizeof(arg));
	arg.counts = (uintptr_t)fuzz_pointer(f, counts);
	if (fuzz_chance(f, 20))
		call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_WAKE, NULL);
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_RULE_COUNTS, fuzz_pointer(f, &arg));
}

static int call_details(struct fuzz *f)
{
	static struct svmrt_detail_row rows[SVMRT_DETAIL_ROWS];
	static struct svmrt_details details;

	details = (struct svmrt_details){ .size = sizeof(details),
					  .rows = (uintptr_t)fuzz_pointer(f, rows) };
	bend(f, &details, sizeof(details));
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_DETAILS, fuzz_pointer(f, &details));
}

static int call_image(struct fuzz *f)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_vcpu_image image = { .size = sizeof(image) };

	bend(f, &image, sizeof(image));
	image.vmcb = (uintptr_t)fuzz_pointer(f, &vmcb);
	image.state = (uintptr_t)fuzz_pointer(f, &state);
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_IMAGE, fuzz_pointer(f, &image));
}

static int call_set_image(struct fuzz *f)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_vcpu_set_image image = { .size = sizeof(image) };

	fuzz_vmcb(f, &vmcb, &state);
	bend(f, &image, sizeof(image));
	image.vmcb = (uintptr_t)fuzz_pointer(f, &vmcb);
	image.state = (uintptr_t)fuzz_pointer(f, &state);
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_SET_IMAGE, fuzz_pointer(f, &image));
}

static int call_debug(struct fuzz *f)
{
	struct svmrt_vcpu_debug debug = { .size = sizeof(debug), .flags = fuzz_below(f, 8) };
	unsigned int i;

	if (debug.flags & SVMRT_DEBUG_HW) {
		for (i = 0; i < 4; i++)
			debug.dr[i] = FUZZ_CODE_GPA + fuzz_below(f, 64);
		debug.dr7 = fuzz_random(f) & 0xddddffu;		/* no I/O breakpoint in the first two */
	}
	bend(f, &debug, sizeof(debug));
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_DEBUG, fuzz_pointer(f, &debug));
}

/* ---- Interrupts ---- */

static uint64_t msi_address(struct fuzz *f)
{
	return fuzz_chance(f, 80) ? 0xfee00000u | fuzz_below(f, 1u << 20) : fuzz_value(f);
}

static int call_irqchip(struct fuzz *f)
{
	struct svmrt_irqchip chip = { .size = sizeof(chip), .flags = SVMRT_IRQCHIP_LAPIC | fuzz_below(f, 4) };

	bend(f, &chip, sizeof(chip));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_IRQCHIP, fuzz_pointer(f, &chip));
}

static int call_msi(struct fuzz *f)
{
	struct svmrt_msi msi = {
		.size = sizeof(msi), .address = msi_address(f), .data = fuzz_below(f, 1u << 16),
	};

	bend(f, &msi, sizeof(msi));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_MSI, fuzz_pointer(f, &msi));
}

static int call_eventfd(struct fuzz *f)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	fuzz_keep(f, fd, FUZZ_OTHER);
	return fd;
}

static int call_signal(struct fuzz *f)
{
	uint64_t value = 1 + fuzz_below(f, 3);

	return write(fuzz_pick(f, FUZZ_OTHER), &value, sizeof(value)) < 0 ? -errno : 0;
}

static int call_irqfd(struct fuzz *f)
{
	struct svmrt_irqfd irqfd = {
		.size = sizeof(irqfd), .flags = fuzz_chance(f, 30) ? SVMRT_FD_REMOVE : 0, .fd = fuzz_pick(f, FUZZ_OTHER),
		.address = msi_address(f), .data = fuzz_below(f, 1u << 16),
	};

	bend(f, &irqfd, sizeof(irqfd));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_IRQFD, fuzz_pointer(f, &irqfd));
}

static int call_eoifd(struct fuzz *f)
{
	struct svmrt_eoifd eoifd = {
		.size = sizeof(eoifd), .flags = fuzz_chance(f, 30) ? SVMRT_FD_REMOVE : 0, .fd = fuzz_pick(f, FUZZ_OTHER),
		.vector = fuzz_below(f, 256),
	};

	bend(f, &eoifd, sizeof(eoifd));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_EOIFD, fuzz_pointer(f, &eoifd));
}

static int call_ioeventfd(struct fuzz *f)
{
	struct svmrt_ioeventfd bell = {
		.size = sizeof(bell), .flags = fuzz_below(f, 8), .fd = fuzz_pick(f, FUZZ_OTHER),
		.address = fuzz_chance(f, 80) ? fuzz_below(f, 256) : fuzz_value(f),
		.bytes = fuzz_below(f, 5),
	};

	bend(f, &bell, sizeof(bell));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_IOEVENTFD, fuzz_pointer(f, &bell));
}

static int call_ports(struct fuzz *f)
{
	struct svmrt_ports ports = {
		.size = sizeof(ports), .fd = fuzz_pick(f, FUZZ_OTHER),
		.delay_ns = 1000 + fuzz_below(f, 100000),
	};

	bend(f, &ports, sizeof(ports));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_PORTS, fuzz_pointer(f, &ports));
}

static int call_port(struct fuzz *f)
{
	struct svmrt_port port = {
		.size = sizeof(port), .flags = fuzz_below(f, 2), .port = fuzz_below(f, 256),
		.bytes = 1u << fuzz_below(f, 3), .cell = fuzz_below(f, SVMRT_PORT_CELLS + 1),
		.store_mask = fuzz_below(f, 256),
	};

	if (port.flags & SVMRT_PORT_UNLESS) {
		port.unless_cell = fuzz_below(f, SVMRT_PORT_CELLS);
		port.unless_mask = fuzz_below(f, 4);
		port.unless_value = fuzz_below(f, 4);
	}
	bend(f, &port, sizeof(port));
	return call(f, fuzz_pick(f, FUZZ_VM), SVMRT_VM_PORT, fuzz_pointer(f, &port));
}

static int call_interrupt(struct fuzz *f)
{
	struct svmrt_vcpu_extint line = { .size = sizeof(line), .level = fuzz_below(f, 2) };
	struct svmrt_vcpu_init init = {
		.size = sizeof(init), .flags = fuzz_below(f, 4), .vector = fuzz_below(f, 4),
	};
	int fd = fuzz_pick(f, FUZZ_VCPU);

	bend(f, &line, sizeof(line));
	bend(f, &init, sizeof(init));
	switch (fuzz_below(f, 4)) {
	case 0: return call(f, fd, SVMRT_VCPU_EXTINT, fuzz_pointer(f, &line));
	case 1: return call(f, fd, SVMRT_VCPU_INIT, fuzz_pointer(f, &init));
	default: return call(f, fd, SVMRT_VCPU_NMI, NULL);
	}
}

static int call_lapic(struct fuzz *f)
{
	static struct svmrt_lapic_state state;
	unsigned int i;

	state = (struct svmrt_lapic_state) {
		.size = sizeof(state), .flags = fuzz_below(f, 2), .base = 0xfee00800 | fuzz_below(f, 2) << 10,
		.tsc_deadline = fuzz_value(f),
	};
	for (i = 0; i < 64; i++)
		if (fuzz_chance(f, 30))
			state.regs[i] = (uint32_t)fuzz_value(f);
	if (fuzz_chance(f, 50))
		state.regs[0xf] = 0x1ff;
	bend(f, &state, sizeof(state));
	return call(f, fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_LAPIC, fuzz_pointer(f, &state));
}

static int call_poll(struct fuzz *f)
{
	struct pollfd poll_fd = {
		.fd = fuzz_pick(f, FUZZ_VCPU), .events = (short)fuzz_random(f),
	};

	return poll(&poll_fd, 1, (int)fuzz_below(f, 2)) < 0 ? -errno : 0;
}

/* Any request number on any descriptor; the buffer is larger than every struct. */
static int call_wrong(struct fuzz *f)
{
	static const unsigned long requests[] = {
		SVMRT_INFO, SVMRT_CREATE_VM, SVMRT_CREATE_MEM, SVMRT_VM_MAP, SVMRT_VM_POLICY,
		SVMRT_VM_CREATE_VCPU, SVMRT_VM_ACCESS, SVMRT_VCPU_STATS, SVMRT_VCPU_DETAILS, SVMRT_VCPU_IMAGE,
		SVMRT_VM_UNMAP, SVMRT_VM_ZAP, SVMRT_VM_DIRTY,
		SVMRT_VCPU_SET_IMAGE, SVMRT_VCPU_DEBUG, SVMRT_VCPU_NMI, SVMRT_VCPU_EXTINT,
		SVMRT_VCPU_INIT, SVMRT_VCPU_LAPIC, SVMRT_VM_IRQCHIP, SVMRT_VM_MSI, SVMRT_VM_IRQFD,
		SVMRT_VM_EOIFD, SVMRT_VM_IOEVENTFD, SVMRT_VM_PORTS, SVMRT_VM_PORT, SVMRT_VM_TIME,
	};
	/* On pages of its own, so that a struct of random addresses can only hit itself. */
	static uint64_t buffer[1024];
	unsigned long request = requests[fuzz_below(f, sizeof(requests) / sizeof(requests[0]))];
	int fd = fuzz_pick(f, (enum fuzz_kind)(FUZZ_SYSTEM + fuzz_below(f, 5)));
	unsigned int i;

	for (i = 0; i < 64; i++)
		buffer[i] = fuzz_below(f, 2) ? 0 : fuzz_value(f) | 1ULL << 63;
	if (fuzz_chance(f, 50))
		request = _IOC(fuzz_below(f, 4), SVMRT_IOC, fuzz_below(f, 64), fuzz_below(f, 512));
	else
		buffer[0] = _IOC_SIZE(request);
	fd = call(f, fd, request, buffer);
	fuzz_keep(f, fd, FUZZ_OTHER);
	return fd;
}

/* ---- Files and mappings ---- */

static int call_file(struct fuzz *f)
{
	int fd = fuzz_pick(f, (enum fuzz_kind)(FUZZ_VM + fuzz_below(f, 3)));
	char bytes[16] = "";
	long result;

	switch (fuzz_below(f, 7)) {
	case 0: result = read(fd, bytes, sizeof(bytes)); break;
	case 1: result = write(fd, bytes, sizeof(bytes)); break;
	case 2: result = lseek(fd, (off_t)fuzz_value(f), SEEK_SET) < 0 ? -1 : 0; break;
	case 3: result = ftruncate(fd, (off_t)fuzz_value(f)); break;
	case 4: result = fsync(fd); break;
	case 5: result = fcntl(fd, F_SETFL, O_NONBLOCK); break;
	default: result = pwrite(fd, bytes, sizeof(bytes), 0); break;
	}
	return result < 0 ? -errno : 0;
}

static int call_mmap(struct fuzz *f)
{
	enum fuzz_kind kind = (enum fuzz_kind)(FUZZ_SYSTEM + fuzz_below(f, 5));

	if (fuzz_chance(f, 60))
		kind = FUZZ_MEM;
	return fuzz_map(f, fuzz_pick(f, kind), kind, 0);
}

static int call_munmap(struct fuzz *f)
{
	fuzz_unmap_slot(f, fuzz_below(f, FUZZ_MAPS));
	return 0;
}

static int call_advise(struct fuzz *f)
{
	static const int advices[] = { MADV_DONTNEED, MADV_WILLNEED, MADV_DONTFORK, MADV_DOFORK };
	struct fuzz_map *map = &f->maps[fuzz_below(f, FUZZ_MAPS)];

	if (!map->at)
		return 0;
	return madvise(map->at, map->bytes, advices[fuzz_below(f, 4)]) ? -errno : 0;
}

static int call_touch(struct fuzz *f)
{
	fuzz_touch(f, &f->maps[fuzz_below(f, FUZZ_MAPS)], fuzz_scribble);
	return 0;
}

static int call_rewrite(struct fuzz *f)
{
	fuzz_touch(f, fuzz_find_map(f, fuzz_pick(f, FUZZ_MEM), FUZZ_MEM), fuzz_write_guest);
	return 0;
}

static int call_close(struct fuzz *f)
{
	fuzz_close_slot(f, fuzz_below(f, FUZZ_FDS));
	return 0;
}

static int call_dup(struct fuzz *f)
{
	unsigned int slot = fuzz_below(f, FUZZ_FDS);
	int fd;

	if (f->fds[slot].kind == FUZZ_FREE)
		return 0;
	fd = fcntl(f->fds[slot].fd, F_DUPFD_CLOEXEC, 0);
	fuzz_keep(f, fd, (enum fuzz_kind)(int)f->fds[slot].kind);
	return fd < 0 ? -errno : fd;
}

/* A child that has it all, and goes. */
static int call_fork(struct fuzz *f)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return -errno;
	if (!child) {
		ioctl(fuzz_pick(f, FUZZ_VCPU), SVMRT_VCPU_KICK);
		_exit(0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -ECHILD : 0;
}

/* ---- Which ---- */

static const struct {
	const char *name;
	int (*call)(struct fuzz *f);
	unsigned int weight;
} calls[] = {
	{ "INFO", call_info, 3 },
	{ "CREATE_VM", create_vm, 2 },
	{ "CREATE_MEM", create_mem, 3 },
	{ "VM_MAP", map_memory, 6 },
	{ "VM_POLICY", call_policy, 4 },
	{ "VM_CREATE_VCPU", call_vcpu, 6 },
	{ "VM_ACCESS", call_access, 6 },
	{ "VM_ZAP or UNMAP", call_range, 5 },
	{ "VM_DIRTY", call_dirty, 6 },
	{ "VM_TIME", call_time, 6 },
	{ "a guest", make_guest, 6 },
	{ "VCPU_RUN", call_run, 20 },
	{ "VCPU_KICK", call_kick, 2 },
	{ "VCPU_STATS", call_stats, 2 },
	{ "VCPU_RULE_COUNTS", call_rule_counts, 2 },
	{ "VCPU_DETAILS", call_details, 2 },
	{ "VCPU_IMAGE", call_image, 4 },
	{ "VCPU_SET_IMAGE", call_set_image, 3 },
	{ "VCPU_DEBUG", call_debug, 3 },
	{ "VM_IRQCHIP", call_irqchip, 2 },
	{ "VM_MSI", call_msi, 3 },
	{ "VM_IRQFD", call_irqfd, 3 },
	{ "VM_EOIFD", call_eoifd, 2 },
	{ "VM_IOEVENTFD", call_ioeventfd, 3 },
	{ "VM_PORTS", call_ports, 3 },
	{ "VM_PORT", call_port, 4 },
	{ "an eventfd", call_eventfd, 3 },
	{ "a signal", call_signal, 4 },
	{ "NMI, INTR, INIT or SIPI", call_interrupt, 4 },
	{ "VCPU_LAPIC", call_lapic, 4 },
	{ "poll", call_poll, 2 },
	{ "a wrong ioctl", call_wrong, 6 },
	{ "a file operation", call_file, 3 },
	{ "mmap", call_mmap, 6 },
	{ "munmap", call_munmap, 4 },
	{ "madvise", call_advise, 1 },
	{ "a touch", call_touch, 4 },
	{ "new guest code", call_rewrite, 3 },
	{ "close", call_close, 10 },
	{ "dup", call_dup, 1 },
	{ "fork", call_fork, 1 },
};

int fuzz_call(struct fuzz *f, const char **name)
{
	unsigned int total = 0, pick, i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		total += calls[i].weight;
	pick = fuzz_below(f, total);
	for (i = 0; pick >= calls[i].weight; i++)
		pick -= calls[i].weight;
	*name = calls[i].name;
	return calls[i].call(f);
}
