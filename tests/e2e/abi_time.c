// SPDX-License-Identifier: MIT
/*
 * SVMRT_VM_TIME in the lab: what a guest sees of a pause in its TSC and in its APIC timer, what it sees
 * when the pause is told (JUMP), what must not happen meanwhile, and calls that make no sense. No bound
 * is a guess: guest time between two reads is at most the host's time around them, less the pause. TAP.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "abi_irq_guest.h"

#define REG(offset) ((offset) >> 4)
#define VECTOR 0x40
#define PAUSE_US 150000

static int dev;

static uint64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct svmrt_time answer;

static int guest_time(uint32_t op)
{
	answer = (struct svmrt_time){ .size = sizeof(answer), .op = op };
	return abi_call(&ig, ig.vm, SVMRT_VM_TIME, &answer, answer.error);
}

static void lapic(struct svmrt_lapic_state *state)
{
	memset(state, 0, sizeof(*state));
	state->size = sizeof(*state);
	if (ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, state))
		abi_ok(0, "SVMRT_VCPU_LAPIC: %s", state->error);
}

static int waits(void)
{
	struct svmrt_lapic_state state;

	lapic(&state);
	return state.regs[REG(0x200) + VECTOR / 32] >> VECTOR % 32 & 1;
}

static uint64_t missed(void)
{
	struct svmrt_stats stats;

	irq_stats(&stats);
	return stats.timer_missed;
}

static int go_on(void)
{
	ig.run->rip = ig.run->next_rip;
	ig.run->dirty = SVMRT_DIRTY_RIP;
	return abi_run(&ig);
}

/* One pause in the middle of a guest's work; times by the host's clocks. */
static struct {
	uint64_t begin_ns, end_ns, begin_tsc, end_tsc;	/* around the guest's reads */
	uint64_t pause_ns, pause_tsc;			/* ns: exact; TSC: at least */
	uint64_t missed_before, missed_after;		/* read while time stands still */
	int waited;					/* the timer's interrupt was there when it ended */
	int reason;
} span;

static void pause_guest(uint32_t op)
{
	uint64_t stopped_ns, stopped_tsc;
	int err = guest_time(SVMRT_TIME_STOP);

	stopped_ns = answer.ns;
	stopped_tsc = __rdtsc();
	span.missed_before = missed();
	span.waited = waits();
	usleep(PAUSE_US);
	span.waited = !span.waited && waits();
	span.missed_after = missed();
	span.pause_tsc = __rdtsc() - stopped_tsc;
	if (err || guest_time(op))
		abi_ok(0, "pause: %s", answer.error);
	span.pause_ns = answer.ns - stopped_ns;
}

/* The guest reads, leaves by OUT, reads again and stops. */
static void run_with_pause(uint32_t op)
{
	span.begin_ns = host_ns();
	span.begin_tsc = __rdtsc();
	span.reason = abi_run(&ig);
	if (span.reason != SVMRT_RUN_EXIT)
		return;
	pause_guest(op);
	span.reason = go_on();
	span.end_ns = host_ns();
	span.end_tsc = __rdtsc();
}

/* ---- Clocks that are read ---- */

/* A timer of 4 s that only counts; TSC and count before and after the way to user space. */
ABI_CODE16(clocks,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x10040, " APIC(320) "\n"
	"	movl $4000000000, " APIC(380) "\n"
	"	rdtsc\n	mov %eax, 0x3010\n	mov %edx, 0x3014\n"
	"	movl " APIC(390) ", %eax\n	mov %eax, 0x3020\n	out %al, $0x80\n"
	"	movl " APIC(390) ", %eax\n	mov %eax, 0x3024\n"
	"	rdtsc\n	mov %eax, 0x3018\n	mov %edx, 0x301c\n	vmmcall\n");

static void test_clocks(uint32_t op, const char *what)
{
	uint64_t tsc[2], tsc_passed, ns_passed;
	uint32_t count[2];

	irq_tsc_offset = 1ULL << 50;
	irq_start(dev, 1, 1, clocks, clocks_end);
	irq_tsc_offset = 0;
	run_with_pause(op);
	memcpy(tsc, ig.ram + 0x3010, sizeof(tsc));
	memcpy(count, ig.ram + 0x3020, sizeof(count));
	tsc_passed = tsc[1] - tsc[0];
	ns_passed = count[0] - count[1];
	if (op == SVMRT_TIME_GO) {
		abi_ok(span.reason == SVMRT_RUN_STOP &&
		       tsc_passed <= span.end_tsc - span.begin_tsc - span.pause_tsc,
		       "%s: the TSC counted %llu of %llu", what, (unsigned long long)tsc_passed,
		       (unsigned long long)(span.end_tsc - span.begin_tsc));
		abi_ok(ns_passed <= span.end_ns - span.begin_ns - span.pause_ns,
		       "%s: the timer counted %llu ns of %llu", what, (unsigned long long)ns_passed,
		       (unsigned long long)(span.end_ns - span.begin_ns));
	} else {
		abi_ok(span.reason == SVMRT_RUN_STOP && tsc_passed >= span.pause_tsc,
		       "%s: the TSC counted %llu, the pause was %llu", what,
		       (unsigned long long)tsc_passed, (unsigned long long)span.pause_tsc);
		abi_ok(ns_passed >= span.pause_ns, "%s: the timer counted %llu ns, the pause was %llu",
		       what, (unsigned long long)ns_passed, (unsigned long long)span.pause_ns);
	}
	irq_stop();
}

/* ---- Timers that expire ---- */

/* The handler notes the TSC. 20 ms: the pause is longer. */
#define AFTERWARDS(name) "	out %al, $0x80\n1:	sti\n	hlt\n	cli\n	cmpw $1, 0x3000\n	jb 1b\n	vmmcall\n" \
	name ":\n	pushal\n	rdtsc\n	mov %eax, 0x3018\n	mov %edx, 0x301c\n	incw 0x3000\n" \
	APIC_EOI "	popal\n	iret\n"
ABI_CODE16(one_shot,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x40, " APIC(320) "\n"
	"	rdtsc\n	mov %eax, 0x3010\n	mov %edx, 0x3014\n"
	"	movl $20000000, " APIC(380) "\n" AFTERWARDS("one_shot_handler"));
ABI_LABEL(one_shot_handler);
ABI_CODE16(deadline,
	APIC_ON "	movl $0x40040, " APIC(320) "\n"
	"	rdtsc\n	mov %eax, 0x3010\n	mov %edx, 0x3014\n"
	"	add $20000000, %eax\n	adc $0, %edx\n	mov $0x6e0, %ecx\n	wrmsr\n"
	AFTERWARDS("deadline_handler"));
ABI_LABEL(deadline_handler);

static void test_expiry(const uint8_t *code, const uint8_t *end, const uint8_t *handler, uint32_t op,
			const char *what)
{
	uint64_t tsc[2], passed;

	irq_start(dev, 1, 1, code, end);
	irq_vector(VECTOR, code, handler);
	run_with_pause(op);
	memcpy(tsc, ig.ram + 0x3010, sizeof(tsc));
	passed = tsc[1] - tsc[0];
	abi_ok(!span.waited, "%s: it does not expire while time stands still", what);
	abi_ok(span.reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1, "%s: it expires once (reason %d, %u)",
	       what, span.reason, GUEST_COUNT(&ig));
	if (op == SVMRT_TIME_GO)
		abi_ok(passed <= span.end_tsc - span.begin_tsc - span.pause_tsc,
		       "%s: after guest time without the pause (%llu of %llu)", what,
		       (unsigned long long)passed, (unsigned long long)(span.end_tsc - span.begin_tsc));
	else
		abi_ok(passed >= span.pause_tsc, "%s: the handler sees the pause (%llu, it was %llu)", what,
		       (unsigned long long)passed, (unsigned long long)span.pause_tsc);
	irq_stop();
}

/* ---- Ticks ---- */

/* 1000 a second, which the guest does not take. */
ABI_CODE16(ticks,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x20040, " APIC(320) "\n"
	"	movl $1000000, " APIC(380) "\n	out %al, $0x80\n	vmmcall\n");

static void test_ticks(uint32_t op, const char *what)
{
	uint64_t count, most;

	irq_start(dev, 1, 1, ticks, ticks_end);
	run_with_pause(op);
	/* What has expired meanwhile does so at once, but by an interrupt; or the alarm ends it. */
	do {
		count = missed();
	} while (op == SVMRT_TIME_JUMP && count + 1 < span.pause_ns / 1000000);
	most = (host_ns() - span.begin_ns - span.pause_ns) / 1000000 + 1;
	abi_ok(span.missed_before == span.missed_after, "%s: no tick while time stands still", what);
	if (op == SVMRT_TIME_GO)
		abi_ok(span.reason == SVMRT_RUN_STOP && count <= most,
		       "%s: %llu ticks are missed, not more than %llu", what, (unsigned long long)count,
		       (unsigned long long)most);
	else
		abi_ok(span.reason == SVMRT_RUN_STOP && count <= most + span.pause_ns / 1000000,
		       "%s: those of %llu ns are missed, one interrupt, and counted: %llu", what,
		       (unsigned long long)span.pause_ns, (unsigned long long)count);
	irq_stop();
}

/* ---- Rules ---- */

ABI_CODE16(spin, "1:	jmp 1b\n");
ABI_CODE16(nothing, "	vmmcall\n");

static uint64_t offset_of(const struct abi_guest *guest)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state state;
	struct svmrt_vcpu_image image = {
		.size = sizeof(image), .vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};

	if (ioctl(guest->vcpu, SVMRT_VCPU_IMAGE, &image))
		abi_ok(0, "SVMRT_VCPU_IMAGE: %s", strerror(errno));
	return vmcb_get_TSC_OFFSET(&vmcb);
}

static void test_together(void)
{
	uint64_t before[2], after[2], jumped[2];

	irq_tsc_offset = 12345;
	irq_start(dev, 1, 2, nothing, nothing_end);
	irq_tsc_offset = 0;
	before[0] = offset_of(&ig);
	before[1] = offset_of(&ap);
	pause_guest(SVMRT_TIME_GO);
	after[0] = offset_of(&ig);
	after[1] = offset_of(&ap);
	abi_ok(before[0] == 12345 && before[1] == 12345 && after[0] == after[1] &&
	       before[0] - after[0] >= span.pause_tsc, "every vCPU's TSC is held back by the same (%llu)",
	       (unsigned long long)(before[0] - after[0]));
	pause_guest(SVMRT_TIME_JUMP);
	jumped[0] = offset_of(&ig);
	jumped[1] = offset_of(&ap);
	abi_ok(jumped[0] == after[0] && jumped[1] == after[1], "by nothing with JUMP");
	irq_stop();
}

static int refused(uint32_t size, uint32_t flags, uint32_t op, uint32_t reserved)
{
	struct svmrt_time bad = { .size = size, .flags = flags, .op = op, .reserved = reserved };

	return abi_call(&ig, ig.vm, SVMRT_VM_TIME, &bad, bad.error) == -EINVAL;
}

static void test_calls(void)
{
	int first, again, stopped, run, early;

	irq_start(dev, 1, 1, nothing, nothing_end);
	early = guest_time(SVMRT_TIME_GO);
	abi_ok(early == -EALREADY && guest_time(SVMRT_TIME_JUMP) == -EALREADY,
	       "time that runs cannot go on (%d: %s)", early, ig.error);
	abi_ok(refused(sizeof(answer), 0, 0, 0) && refused(sizeof(answer), 0, 4, 0) &&
	       refused(sizeof(answer), 0, UINT32_MAX, 0) && refused(sizeof(answer), 1, 1, 0) &&
	       refused(sizeof(answer), 0, 1, 1) && refused(sizeof(answer) - 1, 0, 1, 0) && refused(0, 0, 1, 0),
	       "unknown operations, flags, reserved bits and sizes are refused");
	abi_ok(ioctl(ig.vm, SVMRT_VM_TIME, (void *)8) == -1 && errno == EFAULT, "so is a bad pointer");
	first = guest_time(SVMRT_TIME_STOP);
	again = guest_time(SVMRT_TIME_STOP);
	abi_ok(!first && again == -EALREADY, "time that stands still cannot be stopped (%d %d: %s)", first,
	       again, ig.error);
	stopped = abi_run(&ig);
	again = abi_run(&ig);
	first = guest_time(SVMRT_TIME_GO);
	run = abi_run(&ig);
	abi_ok(stopped == -EBUSY && again == -EBUSY && !first && run == SVMRT_RUN_STOP,
	       "nothing runs meanwhile (%d %d), and then it does (%d %d)", stopped, again, first, run);
	abi_ok(!guest_time(SVMRT_TIME_STOP), "a VM may end while its time stands still");
	irq_stop();

	irq_start(dev, 0, 1, nothing, nothing_end);
	abi_ok(!guest_time(SVMRT_TIME_STOP) && !guest_time(SVMRT_TIME_GO) && abi_run(&ig) == SVMRT_RUN_STOP,
	       "a VM without local APICs has guest time, too");
	irq_stop();
}

static void *run_thread(void *reason)
{
	*(int *)reason = abi_run(&ig);
	return NULL;
}

static void test_running(void)
{
	struct svmrt_stats stats;
	pthread_t thread;
	int reason = 0, busy, still;

	irq_start(dev, 1, 1, spin, spin_end);
	if (pthread_create(&thread, NULL, run_thread, &reason)) {
		abi_ok(0, "no thread");
		return;
	}
	do {
		irq_stats(&stats);
	} while (!stats.entries);
	busy = guest_time(SVMRT_TIME_STOP);
	abi_ok(busy == -EBUSY, "time cannot be stopped while a vCPU runs (%d: %s)", busy, ig.error);
	ioctl(ig.vcpu, SVMRT_VCPU_KICK);
	pthread_join(thread, NULL);
	still = guest_time(SVMRT_TIME_STOP);
	abi_ok(reason == SVMRT_RUN_KICKED && !still && !guest_time(SVMRT_TIME_GO),
	       "and nothing is left of that: after a kick it can (%d %d)", reason, still);
	irq_stop();
}

/* A vCPU and a timer that come while time stands still. */
static void test_late_comers(void)
{
	static struct svmk_vmcb vmcb;
	static struct svmrt_vcpu_state registers;
	struct svmrt_lapic_state state;
	struct abi_guest late;
	uint64_t before, count;
	int err;

	irq_start(dev, 1, 1, nothing, nothing_end);
	err = guest_time(SVMRT_TIME_STOP);
	abi_real_mode(&vmcb, &registers);
	late = ig;
	late.vcpu = abi_vcpu(&late, 1, &vmcb, &registers);
	err |= late.vcpu < 0;
	lapic(&state);
	state.flags = SVMRT_LAPIC_SET;
	state.regs[REG(0xf0)] = 0x1ff;
	state.regs[REG(0x3e0)] = 0xb;
	state.regs[REG(0x320)] = VECTOR;
	state.regs[REG(0x380)] = 1000000;
	err |= ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, &state);
	usleep(PAUSE_US);
	before = (uint64_t)waits();
	lapic(&state);
	count = state.regs[REG(0x390)];
	abi_ok(!err && !before && count == 1000000,
	       "a timer that is set while time stands still does not run (%d %llu)", err,
	       (unsigned long long)count);
	err = guest_time(SVMRT_TIME_GO);
	while (!err && !waits())	/* or the alarm ends it */
		usleep(1000);
	abi_ok(!err, "then it does");
	abi_ok(offset_of(&ig) == offset_of(&late), "a vCPU that came meanwhile has the others' TSC");
	close(late.vcpu);
	irq_stop();
}

int main(void)
{
	struct svmrt_info info;

	dev = abi_open();
	test_clocks(SVMRT_TIME_GO, "a pause");
	test_clocks(SVMRT_TIME_JUMP, "a jump");
	test_expiry(one_shot, one_shot_end, one_shot_handler, SVMRT_TIME_GO, "one-shot timer, pause");
	test_expiry(one_shot, one_shot_end, one_shot_handler, SVMRT_TIME_JUMP, "one-shot timer, jump");
	test_expiry(deadline, deadline_end, deadline_handler, SVMRT_TIME_GO, "TSC deadline, pause");
	test_expiry(deadline, deadline_end, deadline_handler, SVMRT_TIME_JUMP, "TSC deadline, jump");
	test_ticks(SVMRT_TIME_GO, "a pause");
	test_ticks(SVMRT_TIME_JUMP, "a jump");
	test_together();
	test_calls();
	test_running();
	test_late_comers();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.pages, "nothing is left");
	return abi_done();
}
