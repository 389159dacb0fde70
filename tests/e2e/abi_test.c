// SPDX-License-Identifier: MIT
/*
 * /dev/svmrt without the daemon, inside the lab: what VMRUN really does through the module, and what
 * a wrong or hostile caller gets. Prints TAP. Guests are bytes of real-mode code, shown in comments.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi_guest.h"

#define RULE(c, a, e) { .code = c, .action = a, .event = e }

/* mov $0x1234, %ax; out %al, $0x80; cpuid; vmmcall */
static const uint8_t simple[] = { 0xb8, 0x34, 0x12, 0xe6, 0x80, 0x0f, 0xa2, 0x0f, 0x01, 0xd9 };
/* 1: jmp 1b */
static const uint8_t spin[] = { 0xeb, 0xfe };
/* 1: out %al, $0x80; jmp 1b */
static const uint8_t out_loop[] = { 0xe6, 0x80, 0xeb, 0xfc };

static struct abi_guest g;
static int dev;

static void test_simple(void)
{
	struct svmrt_exit_rule rules[] = {
		RULE(0x72, SVMRT_DO_SKIP, SVMRT_EVENT_STREAM),
		RULE(0x7b, SVMRT_DO_USER, SVMRT_EVENT_STREAM),
		RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_STREAM),
	};
	struct svmrt_info info;
	int reason;

	abi_start(&g, dev, simple, sizeof(simple), rules, 3);
	abi_info(dev, &info);
	abi_ok(info.vms == 1 && info.vcpus == 1 && info.cpus_claimed == info.cpus_online,
	       "a VM claims every online CPU");
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_EXIT && g.run->exitcode == 0x7b &&
	       g.run->exitinfo1 >> 16 == 0x80 && (g.run->gpr[0] & 0xffff) == 0x1234 &&
	       g.run->next_rip == 0x1005,
	       "OUT comes to user space with port, RAX and next RIP");
	g.run->gpr[3] = 0xabcd;
	g.run->rip = g.run->next_rip;
	g.run->dirty = SVMRT_DIRTY_GPR | SVMRT_DIRTY_RIP;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && g.run->exitcode == 0x81 && g.run->rip == 0x1007 &&
	       g.run->gpr[3] == 0xabcd,
	       "CPUID is stepped over, VMMCALL stops with RIP at it, a written register arrives (RIP %#llx)",
	       (unsigned long long)g.run->rip);
	abi_ok(g.ring->head == 3 && g.records[0].code == 0x7b && g.records[0].rip == 0x1003 &&
	       g.records[1].code == 0x72 && g.records[1].rip == 0x1005 &&
	       g.records[2].code == 0x81 && g.records[2].seq == 2,
	       "three events with codes, RIPs and sequence numbers are in the ring");
	abi_stop(&g);
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.memory_objects && !info.pages && !info.cpus_claimed,
	       "closing the descriptors returns everything");
}

static uint64_t entries(void)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	return ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats) ? UINT64_MAX : stats.entries;
}

/* Kicks once the guest has run on from where it is now: entries are counted by the module. */
static void *kicker(void *before)
{
	while (entries() < *(uint64_t *)before + 3)
		;
	ioctl(g.vcpu, SVMRT_VCPU_KICK);
	return NULL;
}

static int run_until_kicked(void)
{
	uint64_t before = entries();
	pthread_t thread;
	int reason;

	pthread_create(&thread, NULL, kicker, &before);
	reason = abi_run(&g);
	pthread_join(thread, NULL);
	return reason;
}

static void test_kick(void)
{
	int reason;

	abi_start(&g, dev, spin, sizeof(spin), NULL, 0);
	reason = run_until_kicked();
	abi_ok(reason == SVMRT_RUN_KICKED, "a kick ends RUN of a guest that never exits by itself");
	abi_stop(&g);
}

static void test_ring(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x7b, SVMRT_DO_SKIP, SVMRT_EVENT_STREAM) };
	struct pollfd poll_fd;
	int reason;

	abi_start(&g, dev, out_loop, sizeof(out_loop), rules, 1);
	g.ring->lossless = 1;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_RING_FULL && g.ring->head == ABI_RING && !g.ring->dropped,
	       "a full lossless ring ends RUN and loses nothing");
	poll_fd = (struct pollfd) { .fd = g.vcpu, .events = POLLIN };
	abi_ok(poll(&poll_fd, 1, 0) == 1, "the vCPU descriptor polls readable while events wait");
	g.ring->tail = g.ring->head;
	abi_ok(poll(&poll_fd, 1, 0) == 0, "and not after they are consumed");
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_RING_FULL && g.ring->head == 2 * ABI_RING &&
	       g.records[0].seq == ABI_RING, "after consuming, it goes on with the next sequence number");
	g.ring->tail = 0x123456789abcdefULL;
	abi_ok(abi_run(&g) == SVMRT_RUN_RING_FULL, "a tail that makes no sense counts as full");
	g.ring->lossless = 0;
	reason = run_until_kicked();
	abi_ok(reason == SVMRT_RUN_KICKED && g.ring->dropped > 0 && g.ring->head == 2 * ABI_RING,
	       "a full lossy ring drops and counts");
	abi_stop(&g);
}

static void test_details(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x7b, SVMRT_DO_SKIP, SVMRT_EVENT_COUNT) };
	struct svmrt_detail_row rows[SVMRT_DETAIL_ROWS] = { 0 };
	struct svmrt_details details = { .size = sizeof(details), .rows = (uintptr_t)rows };
	struct svmrt_stats stats = { .size = sizeof(stats) };
	uint64_t ports = 0, others = 0;
	int bad;

	abi_start(&g, dev, out_loop, sizeof(out_loop), rules, 1);
	run_until_kicked();
	bad = ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats) || ioctl(g.vcpu, SVMRT_VCPU_DETAILS, &details);
	for (unsigned int i = 0; i < SVMRT_DETAIL_ROWS; i++) {
		if (rows[i].kind == SVMRT_DETAIL_PORT && rows[i].key == 0x80)
			ports += rows[i].count;
		else
			others += rows[i].count;
	}
	abi_ok(!bad && ports && ports == stats.exits[0x7b] && !others,
	       "every OUT is counted for its port (%llu of %llu, %llu others)",
	       (unsigned long long)ports, (unsigned long long)stats.exits[0x7b],
	       (unsigned long long)others);
	details.rows = 8;
	abi_ok(ioctl(g.vcpu, SVMRT_VCPU_DETAILS, &details) == -1 && errno == EFAULT,
	       "details to an address that is not the caller's are EFAULT");
	abi_stop(&g);
}

/* hlt; vmmcall */
static const uint8_t halt[] = { 0xf4, 0x0f, 0x01, 0xd9 };

static void test_halt(void)
{
	struct svmrt_exit_rule rules[] = {
		RULE(0x78, SVMRT_DO_WAIT, SVMRT_EVENT_COUNT), RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT),
	};
	pid_t child;
	int status = 0, reason;

	abi_start(&g, dev, halt, sizeof(halt), rules, 2);
	child = fork();
	if (!child)
		_exit(abi_run(&g) == SVMRT_RUN_KICKED ? 7 : 1);
	/* The child sleeps in the kernel; the kick must wake it whenever it comes. */
	while (waitpid(child, &status, WNOHANG) == 0) {
		ioctl(g.vcpu, SVMRT_VCPU_KICK);
		usleep(1000);
	}
	abi_ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "a halted vCPU wakes on a kick");
	g.run->rip = ABI_CODE_GPA + 1;
	g.run->dirty = SVMRT_DIRTY_RIP;
	reason = abi_run(&g);
	if (reason == SVMRT_RUN_KICKED)		/* by a kick that came after the child had woken */
		reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP, "and leaves its HLT when it is told where to go on");
	abi_stop(&g);
}

static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9 };

/* lidt 0x2000 (all zeroes there: limit 0); ud2 */
static const uint8_t triple[] = { 0x0f, 0x01, 0x1e, 0x00, 0x20, 0x0f, 0x0b };

static void test_shutdown(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x7f, SVMRT_DO_STOP, SVMRT_EVENT_STREAM) };
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct svmrt_vcpu_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};
	int reason;

	abi_start(&g, dev, triple, sizeof(triple), rules, 1);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_SHUTDOWN && g.run->exitcode == 0x7f, "a triple fault is SHUTDOWN");
	abi_ok(g.ring->head == 1 && g.records[0].code == 0x7f && !g.records[0].rip,
	       "its event carries the code only");
	memcpy(g.ram + 0x1800, vmmcall, sizeof(vmmcall));
	g.run->rip = 0x1800;
	g.run->dirty = SVMRT_DIRTY_RIP;
	abi_ok(abi_run(&g) == SVMRT_RUN_SHUTDOWN, "and the vCPU stays down, wherever it is sent");
	abi_ok(!ioctl(g.vcpu, SVMRT_VCPU_IMAGE, &image) && image.flags == SVMRT_IMAGE_INPUTS &&
	       vmcb_get_CS_LIMIT(&vmcb) == 0xffff && !vmcb_get_N_CR3(&vmcb) &&
	       !vmcb_get_IOPM_BASE_PA(&vmcb),
	       "its image shows the inputs, without host addresses");
	abi_stop(&g);
}

static int try_vmcb(const struct svmk_vmcb *vmcb, const struct svmrt_vcpu_state *state)
{
	int fd = abi_vcpu(&g, 1, vmcb, state);

	if (fd >= 0)
		close(fd);
	return fd;
}

static void test_control(void)
{
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	int refused = 0, named = 0, bad = 0;
	unsigned int bit;

	abi_start(&g, dev, spin, sizeof(spin), NULL, 0);
	abi_real_mode(&vmcb, &state);
	vmcb_set_SEV_ENABLE(&vmcb, 1);
	abi_ok(try_vmcb(&vmcb, &state) == -EINVAL && strstr(g.error, "SEV_ENABLE"),
	       "SEV_ENABLE is refused by name: %s", g.error);
	/* Every bit of the control area, one at a time. */
	for (bit = 0; bit < 0x400 * 8; bit++) {
		int err;

		abi_real_mode(&vmcb, &state);
		vmcb_set_field(&vmcb, bit / 8, 1, bit % 8, bit % 8, VMCB_NEVER_CACHED, 1);
		err = try_vmcb(&vmcb, &state);
		if (err == -EINVAL) {
			refused++;
			named += strstr(g.error, "VMCB 0x") != NULL;
		} else if (err < 0) {
			bad++;
		}
	}
	abi_ok(refused > 7500 && named == refused && !bad,
	       "%d single control bits are refused, each with its place", refused);
	abi_real_mode(&vmcb, &state);
	vmcb_set_EFER(&vmcb, 0);
	abi_ok(try_vmcb(&vmcb, &state) >= 0, "an illegal save state is taken as it is");
	state.xcr0 = 4;
	abi_ok(try_vmcb(&vmcb, &state) == -EINVAL && strstr(g.error, "XCR0"), "%s", g.error);
	state.xcr0 = 1;
	memset(state.fxsave + 24, 0xff, 4);
	abi_ok(try_vmcb(&vmcb, &state) == -EINVAL && strstr(g.error, "MXCSR"), "%s", g.error);
	abi_stop(&g);
}

/* mov $0xaa55, %ax; mov %ax, 0xf000; vmmcall */
static const uint8_t store[] = { 0xb8, 0x55, 0xaa, 0xa3, 0x00, 0xf0, 0x0f, 0x01, 0xd9 };

static void test_invalid(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct svmrt_info info;
	void *page;
	int reason;

	abi_start(&g, dev, store, sizeof(store), rules, 1);
	close(g.vcpu);
	munmap(g.run, 2 * 4096 + ABI_RING * sizeof(struct svmrt_event));
	abi_real_mode(&vmcb, &state);
	vmcb_set_EFER(&vmcb, 0);	/* C01: EFER.SVME must be 1 */
	g.vcpu = abi_vcpu(&g, 1, &vmcb, &state);
	page = mmap(NULL, 2 * 4096 + ABI_RING * sizeof(struct svmrt_event),
		    PROT_READ | PROT_WRITE, MAP_SHARED, g.vcpu, 0);
	g.run = page;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_INVALID && g.run->exitcode == ~0ULL,
	       "EFER.SVME=0 gives VMEXIT_INVALID as -1, and the host lives");
	abi_stop(&g);

	abi_start(&g, dev, store, sizeof(store), rules, 1);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && g.ram[0xf000] == 0x55 && g.ram[0xf001] == 0xaa,
	       "a guest store is seen through the shared mapping");
	abi_stop(&g);
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages, "nothing is left");
}

static void test_cow(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = ABI_RAM_BYTES };
	struct svmrt_access access = { .size = sizeof(access), .gpa = 0xf000, .bytes = 2 };
	struct svmrt_info before, info;
	uint8_t seen[2] = { 0 };
	int reason;

	abi_info(dev, &before);
	memset(&g, 0, sizeof(g));
	abi_create_vm(&g, dev);
	g.mem = ioctl(dev, SVMRT_CREATE_MEM, &mem);
	g.ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g.mem, 0);
	memcpy(g.ram + ABI_CODE_GPA, store, sizeof(store));
	g.ram[0xf000] = 0x11;
	abi_map(&g, g.mem, 0, ABI_RAM_BYTES, SVMRT_MAP_COW);
	abi_policy(&g, rules, 1);
	abi_real_mode(&vmcb, &state);
	g.vcpu = abi_vcpu(&g, 0, &vmcb, &state);
	g.run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, g.vcpu, 0);
	reason = abi_run(&g);
	access.buffer = (uintptr_t)seen;
	abi_ok(reason == SVMRT_RUN_STOP && g.ram[0xf000] == 0x11 &&
	       !ioctl(g.vm, SVMRT_VM_ACCESS, &access) && seen[0] == 0x55 && seen[1] == 0xaa,
	       "copy-on-write: the guest sees its store, the object keeps its page");
	munmap(g.run, 4096);
	munmap(g.ram, ABI_RAM_BYTES);
	close(g.mem);
	close(g.vcpu);
	close(g.vm);
	abi_info(dev, &info);
	abi_ok(info.pages == before.pages, "and every page comes back");
}

static void test_bad_calls(void)
{
	struct svmrt_info *readonly = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct svmrt_create_vm vm = { .size = 3 };
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = 4095 };
	struct svmrt_exit_rule wait_cpuid[] = { RULE(0x72, SVMRT_DO_WAIT, SVMRT_EVENT_COUNT) };
	struct svmrt_exit_rule stream_intr[] = { RULE(0x60, SVMRT_DO_USER, SVMRT_EVENT_STREAM) };
	uint8_t map[8192];
	struct svmrt_policy policy = { .size = sizeof(policy), .msrpm = (uintptr_t)map };

	abi_ok(ioctl(dev, SVMRT_CREATE_VM, &vm) < 0 && errno == EINVAL, "a wrong size is EINVAL");
	vm.size = sizeof(vm);
	vm.flags = 1;
	abi_ok(ioctl(dev, SVMRT_CREATE_VM, &vm) < 0 && errno == EINVAL, "an unknown flag is EINVAL");
	abi_ok(ioctl(dev, SVMRT_CREATE_VM, NULL) < 0 && errno == EFAULT, "a null pointer is EFAULT");
	*readonly = (struct svmrt_info) { .size = sizeof(*readonly) };
	mprotect(readonly, 4096, PROT_READ);
	abi_ok(ioctl(dev, SVMRT_INFO, readonly) < 0 && errno == EFAULT,
	       "INFO whose answer cannot be delivered is EFAULT");
	munmap(readonly, 4096);
	abi_ok(ioctl(dev, 0x1234, &vm) < 0 && errno == ENOTTY, "an unknown call is ENOTTY");
	abi_ok(abi_call(&g, dev, SVMRT_CREATE_MEM, &mem, mem.error) == -EINVAL && g.error[0],
	       "%s", g.error);
	abi_create_vm(&g, dev);
	abi_ok(abi_map(&g, dev, 0, 4096, 0) == -EBADF && g.error[0], "%s", g.error);
	mem.bytes = 8192;
	g.mem = abi_call(&g, dev, SVMRT_CREATE_MEM, &mem, mem.error);
	abi_ok(abi_map(&g, g.mem, ~0ULL & ~4095ULL, 8192, 0) == -EINVAL, "%s", g.error);
	abi_ok(abi_map(&g, g.mem, 0, 16384, 0) == -EINVAL, "%s", g.error);
	abi_ok(!abi_map(&g, g.mem, 0x1000, 8192, 0) &&
	       abi_map(&g, g.mem, 0x2000, 4096, 0) == -EEXIST, "%s", g.error);
	abi_ok(abi_policy(&g, wait_cpuid, 1) == -EINVAL, "%s", g.error);
	abi_ok(abi_policy(&g, stream_intr, 1) == -EINVAL, "%s", g.error);
	memset(map, 0xff, sizeof(map));
	map[0x1b / 4] &= (uint8_t)~(3 << (0x1b % 4 * 2));	/* APIC_BASE */
	abi_ok(abi_call(&g, g.vm, SVMRT_VM_POLICY, &policy, policy.error) == -EINVAL &&
	       strstr(g.error, "0x1b"), "%s", g.error);
	close(g.mem);
	close(g.vm);
}

static void test_killed(void)
{
	struct svmrt_info info;
	pid_t child = fork();
	int status;

	if (!child) {
		abi_start(&g, dev, spin, sizeof(spin), NULL, 0);
		abi_run(&g);
		_exit(0);
	}
	do
		abi_info(dev, &info);
	while (!info.vcpus);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	abi_info(dev, &info);
	abi_ok(WIFSIGNALED(status) && !info.vms && !info.vcpus && !info.pages && !info.cpus_claimed,
	       "SIGKILL of a process in RUN leaves no VM, page or claimed CPU");
}

int main(void)
{
	dev = abi_open();
	test_simple();
	test_kick();
	test_ring();
	test_details();
	test_halt();
	test_shutdown();
	test_control();
	test_invalid();
	test_cow();
	test_bad_calls();
	test_killed();
	return abi_done();
}
