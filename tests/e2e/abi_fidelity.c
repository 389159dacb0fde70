/* SPDX-License-Identifier: MIT */
/*
 * Register fidelity: two guests and the host threads that run them fill every register that should
 * survive an exit with patterns of their own, and none changes, whatever causes the exit. The guests
 * are fidelity_guest.S; a third thread interrupts them all the time. Patterns come from the seed.
 */
#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "abi_guest.h"
#include "fidelity_guest.h"

#define GUESTS 2
#define ROUNDS_PER_VM 10000u
#define PAGE 4096u

extern const uint8_t fidelity_guest[], fidelity_guest_end[], fidelity_guest_ud[], fidelity_guest_de[],
	fidelity_guest_nmi[];

struct fidelity_host {
	uint8_t own[512], want[512], got[512], want_ymm[512], got_ymm[512];
	uint64_t want_gpr[FH_GPRS], got_gpr[FH_GPRS];
	uint32_t avx;
} __attribute__((aligned(64)));

_Static_assert(offsetof(struct fidelity_host, want_gpr) == FH_WANT_GPR, "FH_WANT_GPR");
_Static_assert(offsetof(struct fidelity_host, got_gpr) == FH_GOT_GPR, "FH_GOT_GPR");
_Static_assert(offsetof(struct fidelity_host, avx) == FH_AVX, "FH_AVX");

long fidelity_ioctl(struct fidelity_host *h, int fd, unsigned long request);

struct runner {
	pthread_t thread;
	uint64_t random;
	struct abi_guest guest;
	int fresh;			/* memory object of the pages that are touched */
	uint64_t gs_base;
	uint64_t watched;		/* a host breakpoint counts its writes */
	struct fidelity_host host;
	uint64_t exits, interrupts;
	uint64_t touches, hits;
	timer_t timer;			/* makes the host interrupt the guest */
	bool spinning;			/* until host_intr is above this: */
	uint64_t spun_from;
	unsigned int spins;
	unsigned int steps;		/* of the debugger's, still to come */
	uint32_t pkru;			/* the host thread's own */
	bool failed;
	char why[320];
};

static struct runner runners[GUESTS];
static unsigned int rounds = ROUNDS_PER_VM;
static int dev, interrupter_stops;
static uint64_t guest_xcr0;
static bool no_cr2, have_pkru;
static volatile int running_vcpu[GUESTS];

static uint64_t next_random(struct runner *r)
{
	/* xorshift64*: any good mixing will do. */
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return r->random * 0x2545f4914f6cdd1dULL;
}

static uint64_t canonical(uint64_t value)
{
	return (uint64_t)((int64_t)(value << 16) >> 16);
}

static void fill_random(struct runner *r, void *to, size_t bytes)
{
	uint8_t *p = to;

	while (bytes--)
		*p++ = (uint8_t)(next_random(r) >> 56);
}

/* An FXSAVE image: any x87 registers, none of them empty, no exception pending or unmasked. */
static void fill_fx(struct runner *r, uint8_t *fx)
{
	const uint16_t fcw = 0x0f7f;		/* rounds to zero: not what anybody else has */
	const uint32_t mxcsr = 0x5f80;
	int i;

	memset(fx, 0, 512);
	memcpy(fx, &fcw, sizeof(fcw));
	fx[4] = 0xff;
	memcpy(fx + 24, &mxcsr, sizeof(mxcsr));
	for (i = 0; i < 8; i++)
		fill_random(r, fx + 32 + 16 * i, 10);
	fill_random(r, fx + 160, 256);
}

/* XMM is the low half of YMM: both must say the same. */
static void fill_vectors(struct runner *r, uint8_t *fx, uint8_t *ymm)
{
	int i;

	fill_fx(r, fx);
	fill_random(r, ymm, 512);
	for (i = 0; i < 16; i++)
		memcpy(ymm + 32 * i, fx + 160 + 16 * i, 16);
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Identity-mapped first GiB, a GDT with code and data, an IDT with two exceptions and NMI. */
static void fill_tables(uint8_t *ram)
{
	const uint64_t handlers[3] = {
		FG_CODE + (uint64_t)(fidelity_guest_de - fidelity_guest),
		FG_CODE + (uint64_t)(fidelity_guest_ud - fidelity_guest),
		FG_CODE + (uint64_t)(fidelity_guest_nmi - fidelity_guest),
	};
	const int vectors[3] = { 0, 6, 2 };
	uint64_t i;

	put64(ram + FG_PML4, FG_PML4 + PAGE + 3);
	put64(ram + FG_PML4 + PAGE, FG_PML4 + 2 * PAGE + 3);
	for (i = 0; i < 512; i++)
		put64(ram + FG_PML4 + 2 * PAGE + 8 * i, i << 21 | 0x83);
	put64(ram + FG_GDT + 8, 0x00af9b000000ffff);
	put64(ram + FG_GDT + 16, 0x00cf93000000ffff);
	for (i = 0; i < 3; i++) {
		put64(ram + FG_IDT + 16 * vectors[i],
		      (handlers[i] & 0xffff) | 8 << 16 | 0x8eULL << 40 | handlers[i] >> 16 << 48);
		put64(ram + FG_IDT + 16 * vectors[i] + 8, handlers[i] >> 32);
	}
}

static void long_mode(struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state)
{
	abi_real_mode(vmcb, state);
	vmcb_set_CS_SELECTOR(vmcb, 8);
	vmcb_set_CS_ATTRIB(vmcb, 0xa9b);
	vmcb_set_SS_SELECTOR(vmcb, 16);
	vmcb_set_SS_ATTRIB(vmcb, 0xc93);
	vmcb_set_GDTR_BASE(vmcb, FG_GDT);
	vmcb_set_GDTR_LIMIT(vmcb, 23);
	vmcb_set_IDTR_BASE(vmcb, FG_IDT);
	vmcb_set_IDTR_LIMIT(vmcb, 0xfff);
	vmcb_set_EFER(vmcb, 0x1d00 | 1);
	vmcb_set_CR0(vmcb, 0x80000033);
	vmcb_set_CR3(vmcb, FG_PML4);
	vmcb_set_CR4(vmcb, 0x620 | (guest_xcr0 ? 1 << 18 : 0) | (have_pkru ? 1 << 22 : 0));
	vmcb_set_RIP(vmcb, FG_CODE);
	vmcb_set_RSP(vmcb, FG_STACK);
}

/* What the guest must find, in its table, its VMCB and the state beside that. */
static void fill_state(struct runner *r, struct svmk_vmcb *vmcb, struct svmrt_vcpu_state *state)
{
	uint8_t *want = r->guest.ram + FG_WANT;
	uint64_t msrs[FG_MSR_COUNT];
	int i;

	for (i = 0; i < 16; i++)
		put64(want + FG_GPR + 8 * i, next_random(r));
	put64(want + FG_GPR + 8 * 1, (next_random(r) << 32) | FG_MSR_IGNORED);
	put64(want + FG_GPR + 8 * 4, FG_STACK);
	put64(want + FG_GPR + 8 * 7, FG_FRESH);
	fill_vectors(r, want + FG_FX, want + FG_YMM);
	for (i = 0; i < 4; i++) {
		state->dr[i] = canonical(next_random(r));
		put64(want + FG_DR + 8 * i, state->dr[i]);
	}
	put64(want + FG_DR + 32, 0xffff0ff0);
	put64(want + FG_DR + 40, 0x400);
	put64(want + FG_CR2, canonical(next_random(r)));
	vmcb_set_CR2(vmcb, get64(want + FG_CR2));
	state->xcr0 = guest_xcr0 ? guest_xcr0 : 1;
	put64(want + FG_XCR0, state->xcr0);
	put64(want + FG_PKRU, (uint32_t)next_random(r));
	for (i = 0; i < FG_MSR_COUNT; i++)
		msrs[i] = canonical(next_random(r));
	msrs[3] = (uint32_t)msrs[3];		/* SFMASK and SYSENTER_CS have 32 bits */
	msrs[7] = (uint16_t)msrs[7];
	vmcb_set_STAR(vmcb, msrs[0]);
	vmcb_set_LSTAR(vmcb, msrs[1]);
	vmcb_set_CSTAR(vmcb, msrs[2]);
	vmcb_set_SFMASK(vmcb, msrs[3]);
	vmcb_set_FS_BASE(vmcb, msrs[4]);
	vmcb_set_GS_BASE(vmcb, msrs[5]);
	vmcb_set_KERNEL_GS_BASE(vmcb, msrs[6]);
	vmcb_set_SYSENTER_CS(vmcb, msrs[7]);
	vmcb_set_SYSENTER_ESP(vmcb, msrs[8]);
	vmcb_set_SYSENTER_EIP(vmcb, msrs[9]);
	for (i = 0; i < FG_MSR_COUNT; i++)
		put64(want + FG_MSRS + 8 * i, msrs[i]);
	memcpy(r->guest.ram + FG_GOT, want, FG_END);
	*(uint32_t *)(void *)(r->guest.ram + FG_AVX) = (guest_xcr0 & 4) != 0;
	*(uint32_t *)(void *)(r->guest.ram + FG_NO_CR2) = no_cr2;
	*(uint32_t *)(void *)(r->guest.ram + FG_XSAVE) = guest_xcr0 != 0;
	*(uint32_t *)(void *)(r->guest.ram + FG_PKU) = have_pkru;
}

static void msrpm_open(uint8_t *msrpm, uint32_t msr)
{
	const uint32_t base = msr < 0x2000 ? 0 : 0x800, index = msr & 0x1fff;

	msrpm[base + index / 4] &= (uint8_t)~(3 << index % 4 * 2);
}

static int set_policy(struct runner *r)
{
	static const uint32_t open_msrs[] = {
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
		0x174, 0x175, 0x176,
	};
	const uint8_t *want = r->guest.ram + FG_WANT;
	struct svmrt_exit_rule rules[] = {
		{ .code = 0x72, .action = SVMRT_DO_TABLE },
		{ .code = 0x7c, .action = SVMRT_DO_TABLE },
		{ .code = 0x81, .action = SVMRT_DO_SKIP, .event = SVMRT_EVENT_STREAM },
		{ .code = 0x78, .action = SVMRT_DO_SKIP },
		{ .code = 0x46, .action = SVMRT_DO_INJECT, .vector = SVMRT_VECTOR_SAME },
		{ .code = 0x7b, .action = SVMRT_DO_USER },
		{ .code = 0x13, .action = SVMRT_DO_SKIP },
		{ .code = 0x37, .action = SVMRT_DO_SKIP },
		{ .code = 0x8d, .action = SVMRT_DO_SKIP },
	};
	struct svmrt_cpuid_row cpuid = { .leaf = (uint32_t)get64(want), .set = {
		(uint32_t)get64(want), (uint32_t)get64(want + 24), (uint32_t)get64(want + 8),
		(uint32_t)get64(want + 16) } };
	struct svmrt_msr_row msr = { .first = FG_MSR_IGNORED, .last = FG_MSR_IGNORED,
		.read = SVMRT_MSR_VALUE, .write = SVMRT_MSR_IGNORE };
	uint8_t msrpm[8192];
	struct svmrt_policy policy = {
		.size = sizeof(policy), .rules = (uintptr_t)rules, .rule_count = sizeof(rules) / sizeof(rules[0]),
		.cpuid = (uintptr_t)&cpuid, .cpuid_count = 1, .msrs = (uintptr_t)&msr,
		.msr_count = 1, .msrpm = (uintptr_t)msrpm,
	};
	size_t i;

	memset(msrpm, 0xff, sizeof(msrpm));
	for (i = 0; i < sizeof(open_msrs) / sizeof(open_msrs[0]); i++)
		msrpm_open(msrpm, open_msrs[i]);
	return abi_call(&r->guest, r->guest.vm, SVMRT_VM_POLICY, &policy, policy.error);
}

static int memory(struct runner *r, uint64_t bytes)
{
	struct svmrt_create_mem mem = { .size = sizeof(mem), .bytes = bytes };

	return abi_call(&r->guest, dev, SVMRT_CREATE_MEM, &mem, mem.error);
}

static bool fail(struct runner *r, const char *what, long value)
{
	if (!r->failed)
		snprintf(r->why, sizeof(r->why), "%s (%ld) %s", what, value, r->guest.error);
	r->failed = true;
	return false;
}

static bool start(struct runner *r, unsigned int count)
{
	struct svmk_vmcb *vmcb = aligned_alloc(PAGE, PAGE);
	struct svmrt_vcpu_state *state = aligned_alloc(PAGE, PAGE);
	struct abi_guest *g = &r->guest;
	bool good = false;

	memset(g, 0, sizeof(*g));
	abi_create_vm(g, dev);
	g->mem = memory(r, ABI_RAM_BYTES);
	r->fresh = memory(r, (uint64_t)count * PAGE);
	g->ram = mmap(NULL, ABI_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->mem, 0);
	if (!vmcb || !state || g->vm < 0 || g->mem < 0 || r->fresh < 0 || g->ram == MAP_FAILED) {
		fail(r, "no VM", errno);
		goto out;
	}
	memcpy(g->ram + FG_CODE, fidelity_guest, (size_t)(fidelity_guest_end - fidelity_guest));
	fill_tables(g->ram);
	long_mode(vmcb, state);
	fill_state(r, vmcb, state);
	put64(g->ram + FG_ROUNDS, count);
	/* CPUID, HLT, MSR; #UD; MOV to CR3 and DR7. The first of DR0-3 is not zero, so they are the guest's. */
	vmcb_set_intercepts(vmcb, 0, 1u << 19);
	vmcb_set_intercepts(vmcb, 1, 1u << 23);
	vmcb_set_intercepts(vmcb, 2, 1u << 6);
	vmcb_set_intercepts(vmcb, 3, 1u << 18 | 1u << 24 | 1u << 28);
	if (abi_map(g, g->mem, 0, ABI_RAM_BYTES, SVMRT_MAP_SHARED) ||
	    abi_map(g, r->fresh, FG_FRESH, (uint64_t)count * PAGE, SVMRT_MAP_SHARED) ||
	    set_policy(r)) {
		fail(r, "no policy", errno);
		goto out;
	}
	g->vcpu = abi_vcpu(g, 0, vmcb, state);
	if (g->vcpu < 0) {
		fail(r, "no vCPU", g->vcpu);
		goto out;
	}
	g->run = mmap(NULL, 2 * PAGE + ABI_RING * sizeof(struct svmrt_event),
		      PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	good = g->run != MAP_FAILED || fail(r, "no run page", errno);
out:
	free(vmcb);
	free(state);
	return good;
}

static uint32_t read_pkru(void)
{
	uint32_t pkru, edx;

	asm volatile("rdpkru" : "=a" (pkru), "=d" (edx) : "c" (0));
	return pkru;
}

static void write_pkru(uint32_t pkru)
{
	asm volatile("wrpkru" : : "a" (pkru), "c" (0), "d" (0) : "memory");
}

/* FXSAVE leaves bytes that nobody defines; what counts are control words and registers. */
static bool host_is_unchanged(struct runner *r)
{
	const struct fidelity_host *h = &r->host;
	uint64_t gs = 0;
	unsigned int aux;
	int cpu;

	if (memcmp(h->want_gpr, h->got_gpr, sizeof(h->want_gpr)))
		return fail(r, "the host's general registers changed", 0);
	if (memcmp(h->want, h->got, 5) || memcmp(h->want + 24, h->got + 24, 4) ||
	    memcmp(h->want + 32, h->got + 32, 416 - 32))
		return fail(r, "the host's x87 or SSE state changed", 0);
	if (h->avx && memcmp(h->want_ymm, h->got_ymm, sizeof(h->want_ymm)))
		return fail(r, "the host's AVX state changed", 0);
	if (syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) || gs != r->gs_base)
		return fail(r, "the host's GS base changed", (long)gs);
	cpu = sched_getcpu();
	__rdtscp(&aux);
	if ((aux & 0xfff) != (unsigned int)cpu && sched_getcpu() == cpu)
		return fail(r, "the host's TSC_AUX changed", (long)aux);
	if (have_pkru && read_pkru() != r->pkru)
		return fail(r, "the host's PKRU changed", (long)read_pkru());
	__atomic_store_n(&r->watched, r->touches++, __ATOMIC_RELAXED);
	return true;
}

/* The guest says that a register has another value than it should: which? */
static bool guest_changed(struct runner *r)
{
	const uint8_t *want = r->guest.ram + FG_WANT, *got = r->guest.ram + FG_GOT;
	const unsigned int exit = (unsigned int)(r->guest.run->gpr[0] & 0xff);
	unsigned int i;

	for (i = exit ? 0 : FG_SLOW; i < FG_END; i += 8) {
		if (get64(want + i) != get64(got + i))
			break;
	}
	snprintf(r->why, sizeof(r->why), "exit %u, offset %#x: %#llx instead of %#llx",
		 exit, i, (unsigned long long)get64(got + i), (unsigned long long)get64(want + i));
	r->failed = true;
	return false;
}

static uint64_t host_interrupts(struct runner *r)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };

	if (ioctl(r->guest.vcpu, SVMRT_VCPU_STATS, &stats))
		fail(r, "VCPU_STATS", errno);
	return stats.host_intr;
}

/*
 * The guest waits for an interrupt of the host's: a timer of this thread's is one, if it does not come
 * before the guest runs. So it is given longer each time.
 */
static void spin(struct runner *r)
{
	struct itimerspec soon = { 0 };

	soon.it_value.tv_nsec = 20000L << r->spins;
	r->spins += r->spins < 10;
	r->spinning = host_interrupts(r) == r->spun_from;
	*(volatile uint32_t *)(void *)(r->guest.ram + FG_SPIN) = r->spinning;
	if (r->spinning && timer_settime(r->timer, 0, &soon, NULL))
		fail(r, "timer_settime", errno);
}

static void debug(struct runner *r, uint32_t flags)
{
	struct svmrt_vcpu_debug arg = { .size = sizeof(arg), .flags = flags };

	if (ioctl(r->guest.vcpu, SVMRT_VCPU_DEBUG, &arg))
		fail(r, arg.error, errno);
}

/* What the guest asks for, besides going on behind its OUT. */
static void serve(struct runner *r, unsigned int port)
{
	struct svmrt_run_page *run = r->guest.run;

	run->rip = run->next_rip;
	run->dirty = SVMRT_DIRTY_RIP;
	switch (port) {
	case FG_PORT_INJECT:
		run->inject = 1ULL << 31 | 3 << 8;	/* valid, exception, #DE */
		run->dirty = SVMRT_DIRTY_RIP | SVMRT_DIRTY_INJECT;
		break;
	case FG_PORT_SPIN:
		r->spun_from = host_interrupts(r);
		r->spins = 0;
		spin(r);
		break;
	case FG_PORT_NMI:
		if (ioctl(r->guest.vcpu, SVMRT_VCPU_NMI))
			fail(r, "VCPU_NMI", errno);
		break;
	case FG_PORT_TRAP:
		r->steps = 2;
		debug(r, SVMRT_DEBUG_STEP);
		break;
	default:
		break;
	}
}

/* True while the guest goes on. */
static bool step(struct runner *r)
{
	struct svmrt_run_page *run = r->guest.run;
	const long err = fidelity_ioctl(&r->host, r->guest.vcpu, SVMRT_VCPU_RUN);
	unsigned int port;

	if (!host_is_unchanged(r))
		return false;
	r->exits++;
	if (r->spinning)
		spin(r);
	if (err == -EINTR || (!err && run->reason == SVMRT_RUN_KICKED))
		return !r->failed;
	if (!err && run->reason == SVMRT_RUN_DEBUG && r->steps) {
		if (!--r->steps)
			debug(r, 0);
		return !r->failed;
	}
	if (err || run->reason != SVMRT_RUN_EXIT || run->exitcode != 0x7b) {
		snprintf(r->guest.error, sizeof(r->guest.error), "reason %u code %#llx rip %#llx %.80s",
			 run->reason, (unsigned long long)run->exitcode,
			 (unsigned long long)run->rip, run->text);
		return fail(r, "RUN", err);
	}
	port = (unsigned int)(run->exitinfo1 >> 16);
	if (port == FG_PORT_FAILED)
		return guest_changed(r);
	if (port == FG_PORT_DONE)
		return false;
	serve(r, port);
	return !r->failed;
}

static void one_vm(struct runner *r, unsigned int count)
{
	struct svmrt_stats stats = { .size = sizeof(stats) };
	const int number = (int)(r - runners);

	r->steps = 0;
	r->spinning = false;
	if (!start(r, count))
		return;
	running_vcpu[number] = r->guest.vcpu + 1;
	while (step(r))
		;
	running_vcpu[number] = 0;
	if (!ioctl(r->guest.vcpu, SVMRT_VCPU_STATS, &stats)) {
		r->interrupts += stats.host_intr;
		r->exits += stats.entries;
		if (!r->failed && stats.host_npf < count)
			fail(r, "too few pages were populated", (long)stats.host_npf);
	}
	if (!r->failed && get64(r->guest.ram + FG_ROUNDS))
		fail(r, "the guest stopped early", (long)get64(r->guest.ram + FG_ROUNDS));
	if (!r->failed && get64(r->guest.ram + FG_NMIS) != count)
		fail(r, "NMIs were lost or came twice", (long)get64(r->guest.ram + FG_NMIS));
	if (!r->failed && (stats.exits[0x13] != count || stats.exits[0x37] != count))
		fail(r, "MOV to CR3 or DR7 was no exit", (long)stats.exits[0x13]);
	if (!r->failed && guest_xcr0 && stats.exits[0x8d] + stats.xcr0_restored < 2 * count)
		fail(r, "XSETBV was not noticed", (long)stats.exits[0x8d]);
	close(r->fresh);
	abi_stop(&r->guest);
}

/* The host's own breakpoint, which must go on counting: DR0-3 and DR7 of the host. */
static int watch(struct runner *r)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)&r->watched, .bp_len = HW_BREAKPOINT_LEN_8,
		.exclude_kernel = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void *run_thread(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct runner *r = arg;
	unsigned int left = rounds;
	int counter, i;

	r->gs_base = canonical(next_random(r)) & 0x00007fffffffffff;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, r->gs_base))
		fail(r, "arch_prctl", errno);
	counter = watch(r);
	if (counter < 0)
		fail(r, "no hardware breakpoint", errno);
	r->host.avx = (guest_xcr0 & 4) != 0;
	event._sigev_un._tid = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &r->timer))
		fail(r, "timer_create", errno);
	r->pkru = (uint32_t)next_random(r) & ~3u;	/* key 0 is everything's */
	if (have_pkru)
		write_pkru(r->pkru);
	while (left && !r->failed) {
		const unsigned int now = left < ROUNDS_PER_VM ? left : ROUNDS_PER_VM;

		fill_vectors(r, r->host.want, r->host.want_ymm);
		for (i = 0; i < FH_GPRS; i++)
			r->host.want_gpr[i] = next_random(r);
		one_vm(r, now);
		left -= now;
	}
	timer_delete(r->timer);
	if (counter >= 0 && read(counter, &r->hits, sizeof(r->hits)) != sizeof(r->hits))
		fail(r, "the breakpoint's counter", errno);
	return NULL;
}

/*
 * Kicks whoever runs, in no rhythm: each is an IPI to a guest, or a RUN that returns at once. One that
 * has not entered its guest since it was kicked is left alone: kicks that come faster than RUN begins, as
 * they can on one slow processor, would keep the guest out for ever.
 */
static void *interrupter(void *arg)
{
	struct timespec pause = { .tv_nsec = 50000 };
	uint64_t entries[GUESTS] = { 0 };
	unsigned int i = 0;

	(void)arg;
	while (!__atomic_load_n(&interrupter_stops, __ATOMIC_RELAXED)) {
		struct svmrt_stats stats = { .size = sizeof(stats) };
		const unsigned int n = i++ % GUESTS;
		const int fd = running_vcpu[n] - 1;

		if (fd >= 0 && !ioctl(fd, SVMRT_VCPU_STATS, &stats) && stats.entries != entries[n]) {
			entries[n] = stats.entries;
			ioctl(fd, SVMRT_VCPU_KICK);
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void no_signal(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = no_signal };
	unsigned int cpuid[4];
	uint64_t seed = 1;
	pthread_t kicks;
	struct svmrt_info info;
	int i, c;

	while ((c = getopt(argc, argv, "cr:s:")) != -1) {
		if (c == 'r')
			rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'c')
			no_cr2 = true;
		else
			c = '?';
		if (c == '?' || !rounds) {
			fputs("usage: abi_fidelity [-c] [-r ROUNDS] [-s SEED]\n"
			      "-c: leave CR2 out, for an emulator whose VMRUN does not load it\n"
			      "ROUNDS (10000): how often each kind of exit is caused in each guest\n", stderr);
			return 2;
		}
	}
	dev = abi_open();
	abi_info(dev, &info);
	sigaction(SIGUSR1, &ignore, NULL);
	have_pkru = __get_cpuid_count(7, 0, &cpuid[0], &cpuid[1], &cpuid[2], &cpuid[3]) && cpuid[2] >> 4 & 1;
	guest_xcr0 = info.caps & SVMRT_CAP_XSAVE ? info.host_xcr0 & 7 : 0;
	printf("# seed %llu, %u rounds, guests with XCR0 %#llx%s\n", (unsigned long long)seed, rounds,
	       (unsigned long long)guest_xcr0, have_pkru ? " and PKRU" : "");
	for (i = 0; i < GUESTS; i++) {
		runners[i].random = (seed * GUESTS + (unsigned int)i + 1) * 0x9e3779b97f4a7c15ULL;
		pthread_create(&runners[i].thread, NULL, run_thread, &runners[i]);
	}
	pthread_create(&kicks, NULL, interrupter, NULL);
	for (i = 0; i < GUESTS; i++) {
		const struct runner *r = &runners[i];

		pthread_join(r->thread, NULL);
		abi_ok(!r->failed, "guest %d: %u times %d kinds of exit change no register %s%s", i,
		       rounds, guest_xcr0 ? 14 : 13, r->failed ? ": " : "", r->why);
		abi_ok(r->interrupts >= rounds, "guest %d: the host's interrupts came in between (%llu of %llu)",
		       i, (unsigned long long)r->interrupts, (unsigned long long)r->exits);
		abi_ok(r->hits == r->touches, "host thread %d: its hardware breakpoint hit %llu of %llu times",
		       i, (unsigned long long)r->hits, (unsigned long long)r->touches);
	}
	__atomic_store_n(&interrupter_stops, 1, __ATOMIC_RELAXED);
	pthread_join(kicks, NULL);
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages, "everything was given back");
	return abi_done();
}
