// SPDX-License-Identifier: MIT
/*
 * Run page and ring, inside the lab: a vCPU that waits for its consumer, user space that scribbles
 * over both at any time, and what INVALID tells. Prints TAP.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "abi_flat.h"

#define RULE(c, a, e) { .code = c, .action = a, .event = e }
#define ROUNDS 20000u

static struct abi_guest g;
static int dev;

/* 1: out %al, $0x80; dec %cx; jnz 1b; vmmcall (CX begins with 0: 65536 rounds) */
static const uint8_t outs[] = { 0xe6, 0x80, 0x49, 0x75, 0xfb, 0x0f, 0x01, 0xd9 };

static void *run_thread(void *result)
{
	*(int *)result = abi_run(&g);
	return NULL;
}

static uint64_t head(void)
{
	return __atomic_load_n(&g.ring->head, __ATOMIC_ACQUIRE);
}

/* As svmrt.h asks a consumer to do it. */
static void consume(uint64_t tail)
{
	__atomic_store_n(&g.ring->tail, tail, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&g.ring->waiting, __ATOMIC_SEQ_CST))
		ioctl(g.vcpu, SVMRT_VCPU_WAKE);
}

static void test_wait(void)
{
	struct svmrt_exit_rule rules[] = {
		RULE(0x7b, SVMRT_DO_SKIP, SVMRT_EVENT_STREAM), RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_STREAM),
	};
	uint64_t tail = 0, gaps = 0;
	pthread_t thread;
	int reason = -1;

	abi_start(&g, dev, outs, sizeof(outs), rules, 2);
	g.ring->lossless = SVMRT_RING_WAIT;
	pthread_create(&thread, NULL, run_thread, &reason);
	while (!__atomic_load_n(&g.ring->waiting, __ATOMIC_SEQ_CST))
		;
	abi_ok(head() == ABI_RING && !g.ring->dropped, "a full ring puts the vCPU to sleep in RUN");
	while (tail < 65537) {
		uint64_t end = head();

		for (; tail < end; tail++)
			gaps += g.records[tail % ABI_RING].seq != tail;
		consume(tail);
	}
	pthread_join(thread, NULL);
	abi_ok(reason == SVMRT_RUN_STOP && !gaps && !g.ring->dropped && !g.ring->waiting,
	       "the consumer wakes it, again and again: 65537 events, none lost, RUN never returned");

	g.run->rip = ABI_CODE_GPA;
	g.run->dirty = SVMRT_DIRTY_RIP;
	pthread_create(&thread, NULL, run_thread, &reason);
	while (!__atomic_load_n(&g.ring->waiting, __ATOMIC_SEQ_CST))
		;
	ioctl(g.vcpu, SVMRT_VCPU_KICK);
	pthread_join(thread, NULL);
	abi_ok(reason == SVMRT_RUN_KICKED && !g.ring->waiting, "a kick ends the sleep");
	pthread_create(&thread, NULL, run_thread, &reason);
	while (!__atomic_load_n(&g.ring->waiting, __ATOMIC_SEQ_CST))
		;
	g.ring->lossless = SVMRT_RING_LOSSY;
	ioctl(g.vcpu, SVMRT_VCPU_WAKE);
	pthread_join(thread, NULL);
	abi_ok(reason == SVMRT_RUN_STOP && g.ring->dropped > 0,
	       "a ring that becomes lossy lets it go, and drops");
	abi_stop(&g);
}

/* ---- Scribbling ---- */

static atomic_int stop;

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Words of all shared pages, most often those that mean something. */
static void *scribbler(void *unused)
{
	const size_t words = (2 * 4096 + ABI_RING * sizeof(struct svmrt_event)) / 8;
	volatile uint64_t *shared = (volatile uint64_t *)g.run;
	uint64_t state = 0x9e3779b97f4a7c15ULL;

	(void)unused;
	while (!atomic_load(&stop)) {
		uint64_t value = next(&state), pick = next(&state);

		switch (pick & 7) {
		case 0: g.run->dirty = (uint32_t)value & 15; break;
		case 1: g.run->rip = value & 1 ? ABI_CODE_GPA : value; break;
		case 2: g.run->inject = (value & 0xffffffff00000b1fULL) | 0x80000300; break;
		case 3: g.ring->tail = value & 1 ? g.ring->head : value; break;
		case 4: g.ring->lossless = (uint32_t)value & 3; break;
		default: shared[(pick >> 8) % words] = value; break;
		}
	}
	return NULL;
}

static atomic_int running;

static void *kicker(void *unused)
{
	(void)unused;
	while (atomic_load(&running)) {
		ioctl(g.vcpu, SVMRT_VCPU_KICK);
		ioctl(g.vcpu, SVMRT_VCPU_WAKE);
		usleep(50);
	}
	return NULL;
}

static void test_scribble(void)
{
	struct svmrt_exit_rule rules[] = {
		RULE(0x7b, SVMRT_DO_USER, SVMRT_EVENT_STREAM), RULE(0x81, SVMRT_DO_SKIP, SVMRT_EVENT_STREAM),
		RULE(0x7f, SVMRT_DO_STOP, SVMRT_EVENT_STREAM),
	};
	struct svmrt_stats stats = { .size = sizeof(stats) };
	unsigned long refused = 0, other = 0, guests = 0, entries = 0;

	for (uint32_t round = 0; round < ROUNDS;) {
		pthread_t writer, waker;
		int dead = 0;

		abi_start(&g, dev, outs, sizeof(outs), rules, 3);
		atomic_store(&stop, 0);
		atomic_store(&running, 1);
		pthread_create(&writer, NULL, scribbler, NULL);
		pthread_create(&waker, NULL, kicker, NULL);
		for (uint32_t i = 0; i < ROUNDS / 10 && !dead; i++, round++) {
			int result = ioctl(g.vcpu, SVMRT_VCPU_RUN) ? -errno : 0;

			refused += result == -EINVAL;
			other += result && result != -EINVAL;
			/* A guest that ran into nowhere is over; the truth is not in the scribbled page. */
			if (i % 64 == 63 && !ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats))
				dead = stats.exits[0x7f] || stats.exits[0x113];
		}
		atomic_store(&stop, 1);
		atomic_store(&running, 0);
		pthread_join(writer, NULL);
		pthread_join(waker, NULL);
		if (!ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats))
			entries += stats.entries;
		guests++;
		abi_stop(&g);
	}
	abi_ok(refused > 0 && !other && entries > 0,
	       "scribbling over run page and ring while guests run: calls are refused or work "
	       "(%lu guests, %lu entries, %lu refused)", guests, entries, refused);
}

/* ---- INVALID ---- */

static void test_invalid(void)
{
	struct svmk_vmcb vmcb, inputs;
	struct svmrt_vcpu_state state;
	struct svmrt_exit_rule rules[] = { RULE(~0ULL, SVMRT_DO_STOP, SVMRT_EVENT_STREAM) };
	int reason, first = 0;

	abi_start(&g, dev, outs, sizeof(outs), rules, 1);
	first = g.vcpu;
	munmap(g.run, 2 * 4096 + ABI_RING * sizeof(struct svmrt_event));
	abi_real_mode(&vmcb, &state);
	vmcb_set_CR0(&vmcb, 0x20000010);	/* NW without CD */
	g.vcpu = abi_vcpu(&g, 1, &vmcb, &state);
	g.run = mmap(NULL, 2 * 4096 + ABI_RING * sizeof(struct svmrt_event), PROT_READ | PROT_WRITE,
		     MAP_SHARED, g.vcpu, 0);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_INVALID && !strncmp(g.run->text, "C02: CR0.CD == 0", 16),
	       "INVALID names the rule that the state breaks: %s", g.run->text);
	memset(&inputs, 0, sizeof(inputs));
	memcpy(inputs.opaque_page, g.run->inputs, 0x100);
	memcpy(inputs.opaque_page + 0x400, g.run->inputs + 0x100, 0x300);
	abi_ok(vmcb_get_CR0(&inputs) == 0x20000010 && vmcb_get_RIP(&inputs) == ABI_CODE_GPA &&
	       vmcb_get_NP_ENABLE(&inputs) && !vmcb_get_N_CR3(&inputs) &&
	       !vmcb_get_MSRPM_BASE_PA(&inputs),
	       "the run page has what VMRUN was given, without host addresses");
	close(first);
	abi_stop(&g);
}

/* ---- Tracepoints and debugfs ---- */

static int put(const char *file, const char *text)
{
	FILE *to = fopen(file, "w");
	int good = to && fputs(text, to) >= 0;

	return to && !fclose(to) && good;
}

static int has_line(const char *file, const char *a, const char *b)
{
	char line[512];
	FILE *from = fopen(file, "r");
	int found = 0;

	while (from && fgets(line, sizeof(line), from))
		found |= strstr(line, a) && strstr(line, b);
	if (from)
		fclose(from);
	return found;
}

#define TRACING "/sys/kernel/tracing/"

static void test_tracing(void)
{
	struct svmrt_exit_rule rules[] = {
		RULE(0x72, SVMRT_DO_INJECT, SVMRT_EVENT_COUNT), RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT),
	};
	/* cpuid, answered by #UD; the handler at 0 is 0:0x2000: vmmcall */
	static const uint8_t cpuid[] = { 0x0f, 0xa2 }, handler[] = { 0x0f, 0x01, 0xd9 };
	const char trace[] = TRACING "trace";
	char command[128];
	int reason;

	rules[0].vector = 6;
	abi_ok(put(TRACING "events/svmrt/enable", "1") && put(TRACING "trace", ""),
	       "the tracepoints can be turned on");
	abi_start(&g, dev, cpuid, sizeof(cpuid), rules, 2);
	memcpy(g.ram + 0x2000, handler, sizeof(handler));
	((uint16_t *)g.ram)[2 * 6] = 0x2000;
	reason = abi_run(&g);
	put(TRACING "events/svmrt/enable", "0");
	abi_ok(reason == SVMRT_RUN_STOP && has_line(trace, "svmrt_claim: claim", "0") &&
	       has_line(trace, "svmrt_entry:", "rip=0x1000") &&
	       has_line(trace, "svmrt_fault:", "gpa=0x1000") &&
	       has_line(trace, "svmrt_exit:", "code=0x72 rip=0x1000") &&
	       has_line(trace, "svmrt_injection:", "type=3 vector=6") &&
	       has_line(trace, "svmrt_exit:", "code=0x81 rip=0x2000") &&
	       has_line(trace, "svmrt_user_exit:", "reason=2 code=0x81"),
	       "claim, entry, fault, exit, injection and the return of RUN are in the trace");
	/* The only VM of this machine, whatever its number is. */
	snprintf(command, sizeof(command), "cat /sys/kernel/debug/svmrt/vm*/* >/tmp/svmrt-debugfs");
	abi_ok(!system(command) && has_line("/tmp/svmrt-debugfs", "CPUID", " 1") &&
	       has_line("/tmp/svmrt-debugfs", "VMMCALL", " 1") &&
	       has_line("/tmp/svmrt-debugfs", "entries", " ") &&
	       has_line("/tmp/svmrt-debugfs", "0x0-0xffff shared:", "4KiB"),
	       "debugfs shows exits by name, counters and memory of the VM");
	abi_stop(&g);
	abi_ok(system("ls /sys/kernel/debug/svmrt/vm* 2>/dev/null"), "and nothing when the VM is gone");
}

int main(void)
{
	struct svmrt_info info;

	dev = abi_open();
	test_wait();
	test_invalid();
	test_tracing();
	test_scribble();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.pages, "nothing is left");
	return abi_done();
}
