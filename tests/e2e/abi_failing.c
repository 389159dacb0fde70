// SPDX-License-Identifier: MIT
/*
 * Every allocation that svmrt.ko makes, failed in turn, inside the lab on a debug kernel: with
 * /proc/thread-self/fail-nth the n-th allocation or user copy of one call fails, for n = 1, 2, ...
 * until the call uses fewer. Each time the call returns an error or does its work all the same,
 * nothing is left behind, and the same call then works. Prints TAP, one line a kind of call.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "abi_guest.h"

#define RULE(c, a, e) { .code = c, .action = a, .event = e }
#define MAX_SITES 2000
#define FAR_AWAY 1000000	/* an n that no call reaches: what is left of it tells the count */
#define SHARED_BYTES (2 * 4096 + ABI_RING * sizeof(struct svmrt_event))

static int dev, fail_nth;
static const char *module_file;

/* ---- The n-th allocation of this thread ---- */

static void arm(long n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%ld", n);

	if (pwrite(fail_nth, text, (size_t)length, 0) != length)
		abi_ok(0, "fail-nth takes %s: %s", text, strerror(errno));
}

/* How much of the armed count is left: 0 when the fault has happened. */
static long disarm(void)
{
	char text[16] = "";
	/* Reading copies to user space, which the fault hits when it is the next: then it is armed. */
	ssize_t length = pread(fail_nth, text, sizeof(text) - 1, 0);

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return length > 0 ? strtol(text, NULL, 10) : 1;
}

/* ---- The kinds of calls ---- */

struct scene {
	struct abi_guest g;
	int event;			/* an eventfd, or -1 */
	int made;			/* descriptor that the call under test made, or -1 */
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state state;
};

struct kind {
	const char *name;
	void (*prepare)(struct scene *s);
	int (*call)(struct scene *s);	/* >= 0 or -errno */
	enum {
		CLEAN,		/* a failed call leaves everything as it was */
		KEEPS,		/* it may keep pages until its VM is closed */
	} failure;
};

/* mov %ax, 0xf000; cpuid; vmmcall: touches two pages and is answered from the table. */
static const uint8_t code[] = { 0xa3, 0x00, 0xf0, 0x0f, 0xa2, 0x0f, 0x01, 0xd9 };

static const struct svmrt_exit_rule rules[] = {
	RULE(0x72, SVMRT_DO_TABLE, SVMRT_EVENT_STREAM), RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT),
};
static const struct svmrt_cpuid_row cpuid[] = {
	{ .leaf = 0, .keep = { ~0u, ~0u, ~0u, ~0u } }, { .leaf = 1, .set = { 1, 2, 3, 4 } },
};
static const struct svmrt_msr_row msrs[] = {
	{ .first = 0x10a, .last = 0x10a, .read = SVMRT_MSR_VALUE, .write = SVMRT_MSR_STORE },
};
static uint8_t msrpm[8192];

static void must(int good, const char *what, struct scene *s)
{
	if (good)
		return;
	printf("Bail out! %s: %s %s\n", what, strerror(errno), s ? s->g.error : "");
	exit(1);
}

static int create_mem(struct scene *s)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = ABI_RAM_BYTES };

	return abi_call(&s->g, dev, SVMRT_CREATE_MEM, &mem, mem.error);
}

static int set_policy(struct scene *s)
{
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rules = (uintptr_t)rules, .rule_count = 2,
		.cpuid = (uintptr_t)cpuid, .cpuid_count = 2,
		.msrs = (uintptr_t)msrs, .msr_count = 1, .msrpm = (uintptr_t)msrpm,
	};

	return abi_call(&s->g, s->g.vm, SVMRT_VM_POLICY, &policy, policy.error);
}

static void with_nothing(struct scene *s)
{
	(void)s;
}

static void with_vm(struct scene *s)
{
	must(abi_create_vm(&s->g, dev) >= 0, "CREATE_VM", s);
}

static void with_mem(struct scene *s)
{
	s->g.mem = create_mem(s);
	must(s->g.mem >= 0, "CREATE_MEM", s);
	s->g.ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->g.mem, 0);
	must(s->g.ram != MAP_FAILED, "mmap of memory", s);
}

static void with_vm_and_mem(struct scene *s)
{
	with_vm(s);
	with_mem(s);
}

static void with_policy(struct scene *s)
{
	with_vm_and_mem(s);
	must(!set_policy(s), "VM_POLICY", s);
	memcpy(s->g.ram + ABI_CODE_GPA, code, sizeof(code));
	must(!abi_map(&s->g, s->g.mem, 0, ABI_RAM_BYTES, SVMRT_MAP_COW), "VM_MAP", s);
	abi_real_mode(&s->vmcb, &s->state);
}

static void with_vcpu(struct scene *s)
{
	with_policy(s);
	s->g.vcpu = abi_vcpu(&s->g, 0, &s->vmcb, &s->state);
	must(s->g.vcpu >= 0, "CREATE_VCPU", s);
	s->g.run = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->g.vcpu, 0);
	must(s->g.run != MAP_FAILED, "mmap of the vCPU", s);
	memset(&s->vmcb, 0, sizeof(s->vmcb));
	memset(&s->state, 0, sizeof(s->state));
}

#define HUGE 0x200000ULL	/* where 4 MiB of private memory are, in two pieces */

static int access_at(struct scene *s, uint64_t gpa)
{
	struct svmrt_access access = {
		.size = sizeof(access), .flags = SVMRT_ACCESS_WRITE, .gpa = gpa, .bytes = 8,
		.buffer = (uintptr_t)&s->vmcb,
	};

	return abi_call(&s->g, s->g.vm, SVMRT_VM_ACCESS, &access, access.error);
}

/* Two pieces of 2 MiB, which whoever takes a part of them must split. */
static void with_huge(struct scene *s)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = 2 * HUGE };
	struct svmrt_info before, after;

	with_vm(s);
	s->g.mem = abi_call(&s->g, dev, SVMRT_CREATE_MEM, &mem, mem.error);
	must(s->g.mem >= 0 && !abi_map(&s->g, s->g.mem, HUGE, 2 * HUGE, SVMRT_MAP_COW), "VM_MAP", s);
	abi_info(dev, &before);
	must(!access_at(s, HUGE) && !access_at(s, 2 * HUGE), "VM_ACCESS", s);
	abi_info(dev, &after);
	must(after.pages >= before.pages + 1024, "there are no 2 MiB pages to be had", s);
}

/* Local APICs, and an eventfd. */
static void with_apics(struct scene *s)
{
	struct svmrt_irqchip chip = { .size = sizeof(chip), .flags = SVMRT_IRQCHIP_LAPIC };

	with_policy(s);
	must(!abi_call(&s->g, s->g.vm, SVMRT_VM_IRQCHIP, &chip, chip.error), "VM_IRQCHIP", s);
	s->event = eventfd(0, EFD_CLOEXEC);
	must(s->event >= 0, "eventfd", s);
}

static int call_info(struct scene *s)
{
	struct svmrt_info info = { .size = sizeof(info) };

	if (ioctl(dev, SVMRT_INFO, &info))
		return -errno;
	(void)s;
	/* Success without an answer would be a lie. */
	return info.abi_version == SVMRT_ABI_VERSION ? 0 : -EPROTO;
}

static int call_create_vm(struct scene *s)
{
	return s->made = abi_create_vm(&s->g, dev);
}

static int call_create_mem(struct scene *s)
{
	return s->made = create_mem(s);
}

static int call_map(struct scene *s)
{
	return abi_map(&s->g, s->g.mem, 0, ABI_RAM_BYTES, SVMRT_MAP_SHARED);
}

/* The middle of the region goes, so that the array of regions grows. */
static int call_unmap(struct scene *s)
{
	struct svmrt_range range = { .size = sizeof(range), .gpa = 0x4000, .bytes = 0x1000 };

	return abi_call(&s->g, s->g.vm, SVMRT_VM_UNMAP, &range, range.error);
}

/* From the middle of one piece to the middle of the other. */
static int in_huge(struct scene *s, unsigned long request)
{
	struct svmrt_range range = { .size = sizeof(range), .gpa = HUGE + 0x5000, .bytes = HUGE + 0x1000 };

	return abi_call(&s->g, s->g.vm, request, &range, range.error);
}

static int call_zap_huge(struct scene *s)
{
	return in_huge(s, SVMRT_VM_ZAP);
}

static int call_unmap_huge(struct scene *s)
{
	return in_huge(s, SVMRT_VM_UNMAP);
}

/* The first write to memory that is tracked splits its 2 MiB. */
static int call_dirty_huge(struct scene *s)
{
	struct svmrt_dirty dirty = {
		.size = sizeof(dirty), .op = SVMRT_DIRTY_START, .gpa = HUGE, .bytes = 0,
	};
	int err = abi_call(&s->g, s->g.vm, SVMRT_VM_DIRTY, &dirty, dirty.error);

	return err && err != -EEXIST ? err : access_at(s, HUGE + 0x7000);
}

static int set_finer_policy(struct scene *s)
{
	static const struct svmrt_exit_rule finer[] = {
		RULE(0x72, SVMRT_DO_TABLE, SVMRT_EVENT_COUNT), RULE(0x7b, SVMRT_DO_USER, SVMRT_EVENT_COUNT),
		{ .code = 0x7b, .action = SVMRT_DO_TABLE, .first = 0x60, .last = 0x64,
		  .access = SVMRT_ON_READ | SVMRT_ON_WRITE, .value = 1 },
		{ .code = 0x72, .action = SVMRT_DO_USER, .first = 1, .last = 1, .access = SVMRT_ON_READ },
		{ .code = 0x7c, .action = SVMRT_DO_USER, .first = 0x1b, .last = 0x1b,
		  .access = SVMRT_ON_WRITE },
		{ .code = 0x400, .action = SVMRT_DO_TABLE, .first = 0xfed00000, .last = 0xfed00fff,
		  .access = SVMRT_ON_READ },
	};
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rules = (uintptr_t)finer,
		.rule_count = sizeof(finer) / sizeof(finer[0]), .msrpm = (uintptr_t)msrpm,
	};

	return abi_call(&s->g, s->g.vm, SVMRT_VM_POLICY, &policy, policy.error);
}

static int call_irqfd(struct scene *s)
{
	struct svmrt_irqfd irqfd = {
		.size = sizeof(irqfd), .address = 0xfee00000, .data = 0x40, .fd = s->event,
	};

	return abi_call(&s->g, s->g.vm, SVMRT_VM_IRQFD, &irqfd, irqfd.error);
}

static int call_eoifd(struct scene *s)
{
	struct svmrt_eoifd eoifd = { .size = sizeof(eoifd), .fd = s->event, .vector = 0x40 };

	return abi_call(&s->g, s->g.vm, SVMRT_VM_EOIFD, &eoifd, eoifd.error);
}

static int call_doorbell(struct scene *s)
{
	struct svmrt_ioeventfd bell = {
		.size = sizeof(bell), .flags = SVMRT_IOEVENT_PORT, .address = 0x90, .fd = s->event,
	};

	return abi_call(&s->g, s->g.vm, SVMRT_VM_IOEVENTFD, &bell, bell.error);
}

static int call_ports(struct scene *s)
{
	struct svmrt_ports ports = { .size = sizeof(ports), .fd = s->event, .delay_ns = 1000 };

	return abi_call(&s->g, s->g.vm, SVMRT_VM_PORTS, &ports, ports.error);
}

static int call_dirty(struct scene *s)
{
	uint64_t bits = 0;
	struct svmrt_dirty dirty = {
		.size = sizeof(dirty), .op = SVMRT_DIRTY_START, .bytes = ABI_RAM_BYTES,
		.bitmap = (uintptr_t)&bits,
	};
	int err = abi_call(&s->g, s->g.vm, SVMRT_VM_DIRTY, &dirty, dirty.error);

	if (err && err != -EEXIST)	/* when the harvest failed the last time */
		return err;
	dirty.op = SVMRT_DIRTY_HARVEST;
	return abi_call(&s->g, s->g.vm, SVMRT_VM_DIRTY, &dirty, dirty.error);
}

static int call_vcpu(struct scene *s)
{
	return s->made = abi_vcpu(&s->g, 0, &s->vmcb, &s->state);
}

static int map_and_unmap(int fd, size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	int err;

	if (p == MAP_FAILED)
		return -errno;
	if (!munmap(p, bytes))
		return 0;
	err = -errno;
	munmap(p, bytes);	/* the fault is spent */
	return err;
}

static int call_mmap_mem(struct scene *s)
{
	return map_and_unmap(s->g.mem, ABI_RAM_BYTES);
}

static int call_mmap_vcpu(struct scene *s)
{
	return map_and_unmap(s->g.vcpu, SHARED_BYTES);
}

static sigjmp_buf touched;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(touched, 1);
}

static int call_touch(struct scene *s)
{
	if (sigsetjmp(touched, 1))
		return -ENOMEM;
	((volatile uint8_t *)s->g.ram)[0x3000] = 1;
	return 0;
}

static int call_run(struct scene *s)
{
	int reason = abi_run(&s->g);

	/* A second RUN stops at the same VMMCALL, so that "works afterwards" is the same question. */
	return reason < 0 ? reason : reason == SVMRT_RUN_STOP ? 0 : -EPROTO;
}

static int call_access(struct scene *s)
{
	struct svmrt_access access = {
		.size = sizeof(access), .flags = SVMRT_ACCESS_WRITE, .gpa = 0x4ff0, .bytes = 0x1020,
		.buffer = (uintptr_t)&s->vmcb,
	};
	int err = abi_call(&s->g, s->g.vm, SVMRT_VM_ACCESS, &access, access.error);

	if (err)
		return err;
	access.flags = 0;
	return abi_call(&s->g, s->g.vm, SVMRT_VM_ACCESS, &access, access.error);
}

static int call_image(struct scene *s)
{
	struct svmrt_vcpu_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&s->vmcb, .state = (uintptr_t)&s->state,
	};

	memset(&s->vmcb, 0, sizeof(s->vmcb));
	if (ioctl(s->g.vcpu, SVMRT_VCPU_IMAGE, &image))
		return -errno;
	return vmcb_get_CS_LIMIT(&s->vmcb) == 0xffff ? 0 : -EPROTO;
}

static int call_set_image(struct scene *s)
{
	struct svmrt_vcpu_set_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&s->vmcb, .state = (uintptr_t)&s->state,
	};

	abi_real_mode(&s->vmcb, &s->state);
	return abi_call(&s->g, s->g.vcpu, SVMRT_VCPU_SET_IMAGE, &image, image.error);
}

static int call_stats(struct scene *s)
{
	struct svmrt_stats stats = { .size = sizeof(stats), .entries = ~0ULL };

	if (ioctl(s->g.vcpu, SVMRT_VCPU_STATS, &stats))
		return -errno;
	return stats.entries == 0 ? 0 : -EPROTO;
}

static int call_details(struct scene *s)
{
	static struct svmrt_detail_row rows[SVMRT_DETAIL_ROWS];
	struct svmrt_details details = { .size = sizeof(details), .rows = (uintptr_t)rows };

	if (ioctl(s->g.vcpu, SVMRT_VCPU_DETAILS, &details))
		return -errno;
	return rows[0].count == 0 ? 0 : -EPROTO;
}

static const struct kind kinds[] = {
	{ "INFO", with_nothing, call_info, CLEAN },
	{ "CREATE_VM", with_nothing, call_create_vm, CLEAN },
	{ "CREATE_MEM", with_nothing, call_create_mem, CLEAN },
	{ "VM_MAP", with_vm_and_mem, call_map, CLEAN },
	{ "VM_POLICY", with_vm, set_policy, CLEAN },
	{ "VM_POLICY with finer rules", with_vm, set_finer_policy, CLEAN },
	{ "CREATE_VCPU", with_policy, call_vcpu, CLEAN },
	{ "CREATE_VCPU with a local APIC", with_apics, call_vcpu, CLEAN },
	{ "VM_IRQFD", with_apics, call_irqfd, CLEAN },
	{ "VM_EOIFD", with_apics, call_eoifd, CLEAN },
	{ "VM_IOEVENTFD", with_apics, call_doorbell, CLEAN },
	{ "VM_PORTS", with_apics, call_ports, CLEAN },
	{ "mmap of memory", with_mem, call_mmap_mem, CLEAN },
	{ "mmap of a vCPU", with_vcpu, call_mmap_vcpu, CLEAN },
	{ "a touch of mapped memory", with_mem, call_touch, CLEAN },
	{ "RUN that populates", with_vcpu, call_run, KEEPS },
	{ "VM_ACCESS", with_policy, call_access, KEEPS },
	{ "VM_UNMAP", with_policy, call_unmap, CLEAN },
	{ "VM_DIRTY", with_policy, call_dirty, KEEPS },
	{ "VM_ZAP that splits 2 MiB", with_huge, call_zap_huge, KEEPS },
	{ "VM_UNMAP that splits 2 MiB", with_huge, call_unmap_huge, KEEPS },
	{ "a tracked write that splits 2 MiB", with_huge, call_dirty_huge, KEEPS },
	{ "VCPU_IMAGE", with_vcpu, call_image, CLEAN },
	{ "VCPU_SET_IMAGE", with_vcpu, call_set_image, CLEAN },
	{ "VCPU_STATS", with_vcpu, call_stats, CLEAN },
	{ "VCPU_DETAILS", with_vcpu, call_details, CLEAN },
};

/* ---- One kind after the other ---- */

static int open_scene(struct scene **s, const struct kind *kind)
{
	*s = aligned_alloc(4096, (sizeof(**s) + 4095) & ~4095UL);
	if (!*s)
		return 0;
	memset(*s, 0, sizeof(**s));
	(*s)->g.vm = (*s)->g.mem = (*s)->g.vcpu = (*s)->made = (*s)->event = -1;
	kind->prepare(*s);
	return 1;
}

static void close_scene(struct scene *s)
{
	if (s->g.run)
		munmap(s->g.run, SHARED_BYTES);
	if (s->g.ram)
		munmap(s->g.ram, ABI_RAM_BYTES);
	if (s->made >= 0)
		close(s->made);
	if (s->g.vcpu >= 0)
		close(s->g.vcpu);
	if (s->event >= 0)
		close(s->event);
	if (s->g.mem >= 0)
		close(s->g.mem);
	if (s->g.vm >= 0 && s->g.vm != s->made)
		close(s->g.vm);
	free(s);
}

static int same(const struct svmrt_info *a, const struct svmrt_info *b)
{
	return a->vms == b->vms && a->vcpus == b->vcpus && a->pages == b->pages &&
	       a->memory_objects == b->memory_objects && a->cpus_claimed == b->cpus_claimed;
}

static int error_expected(int result)
{
	return result == -ENOMEM || result == -EFAULT || result == -ENFILE;
}

struct tally {
	long faults, errors;
	char bad[160];
};

/* The call with its n-th allocation failed. Returns 0 when it has fewer. */
static int one_fault(const struct kind *kind, long n, struct tally *tally)
{
	struct svmrt_info empty, before, after, end;
	struct scene *s;
	int result, again = 0, hit;

	abi_info(dev, &empty);
	must(open_scene(&s, kind), "memory for a test", NULL);
	abi_info(dev, &before);
	arm(n);
	result = kind->call(s);
	hit = !disarm();
	abi_info(dev, &after);
	if (result < 0)
		again = kind->call(s);
	close_scene(s);
	abi_info(dev, &end);

	tally->faults += hit;
	tally->errors += hit && result < 0;
	if (result < 0 && !(hit && error_expected(result)))
		snprintf(tally->bad, sizeof(tally->bad), "n=%ld: %s, fault %s", n, strerror(-result),
			 hit ? "injected" : "not injected");
	else if (result < 0 && kind->failure == CLEAN && !same(&before, &after))
		snprintf(tally->bad, sizeof(tally->bad),
			 "n=%ld: a failed call changed INFO: pages %llu to %llu, vms %u to %u", n,
			 (unsigned long long)before.pages, (unsigned long long)after.pages,
			 before.vms, after.vms);
	else if (again < 0)
		snprintf(tally->bad, sizeof(tally->bad), "n=%ld: the next call fails: %s", n,
			 strerror(-again));
	else if (!same(&empty, &end))
		snprintf(tally->bad, sizeof(tally->bad), "n=%ld: left behind: pages %llu, vms %u, vcpus %u",
			 n, (unsigned long long)(end.pages - empty.pages), end.vms - empty.vms,
			 end.vcpus - empty.vcpus);
	return hit;
}

static void test_kind(const struct kind *kind)
{
	struct tally tally = { .bad = "" };
	long n = 1;

	while (n < MAX_SITES && !tally.bad[0] && one_fault(kind, n, &tally))
		n++;
	abi_ok(!tally.bad[0] && n < MAX_SITES && tally.faults > 0 && tally.errors > 0,
	       "%s: %ld faults, %ld of them errors of the call, nothing left %s", kind->name,
	       tally.faults, tally.errors, tally.bad);
}

/* ---- Loading the module: the last allocations are those of its own init ---- */

#define INIT_SITES 60

static int load(void)
{
	int fd = open(module_file, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0))
		err = -errno;
	close(fd);
	return err;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "svmrt", O_NONBLOCK) ? -errno : 0;
}

static void test_load(void)
{
	long sites, n, errors = 0, faults = 0;
	int err, bad = 0;

	close(dev);
	err = unload();
	arm(FAR_AWAY);
	if (!err)
		err = load();
	sites = FAR_AWAY - disarm();
	abi_ok(!err && sites > 0, "unload and load: %ld allocations (%s)", sites, strerror(-err));
	if (err || unload())
		return;
	for (n = sites > INIT_SITES ? sites - INIT_SITES : 1; n <= sites + 5; n++) {
		arm(n);
		err = load();
		faults += !disarm();
		errors += err < 0;
		if (!err && unload())
			bad++;
		if (err && (access("/dev/svmrt", F_OK) == 0 || access("/sys/module/svmrt", F_OK) == 0))
			bad++;
	}
	abi_ok(errors > 0 && !bad, "init: %ld faults, %ld of them errors of the load, nothing left",
	       faults, errors);
	err = load();
	abi_ok(!err, "then the module loads");
	dev = err ? -1 : abi_open();
}

int main(int argc, char **argv)
{
	size_t i;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0) {
		printf("Bail out! no /proc/thread-self/fail-nth: this is not the debug kernel\n");
		return 1;
	}
	memset(msrpm, 0xff, sizeof(msrpm));
	signal(SIGBUS, on_bus_error);
	dev = abi_open();
	/* Page faults of our own code and stack must not be what fails. */
	mlockall(MCL_CURRENT);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		test_kind(&kinds[i]);
	if (argc > 1) {
		module_file = argv[1];
		test_load();
	}
	return abi_done();
}
