// SPDX-License-Identifier: MIT
/*
 * What an exit costs, here and in KVM, with the same guest in one boot of the lab: time stamp ticks
 * an exit, which are instructions when the lab counts them (svmlab up --icount, or on Bochs). The
 * guest is a real-mode loop, CPUID tables are alike, KVM is driven by the smallest program that can.
 * Streaming an event stands beside what KVM's tracepoints kvm_exit and kvm_entry add.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>
#include "../tests/e2e/abi_guest.h"
#include "kvm_guest.h"

#define EXITS 2000u
#define WARM 200u
#define CPUID_ROWS KVM_GUEST_CPUID_ROWS
#define TO_USER_TARGET 0.45
#define TO_USER_REACHED 0.6

/* mov $N, %si; 1: INSN; dec %si; jnz 1b; out %al, $0xf4 */
struct guest_code {
	const char *name;
	uint8_t insn[4];
	uint8_t bytes;
	int to_user;		/* every exit returns to user space */
};

static const struct guest_code codes[] = {
	{ "CPUID, in kernel", { 0x0f, 0xa2 }, 2, 0 },
	{ "VMMCALL, in kernel", { 0x0f, 0x01, 0xd9 }, 3, 0 },
	{ "OUT to user space and back", { 0xe6, 0x80 }, 2, 1 },
};

/* The loop twice: a warm-up, then the exits that count, each ended by OUT 0xf4. */
static size_t assemble(const struct guest_code *code, uint8_t *out)
{
	static const uint32_t rounds[2] = { WARM, EXITS };
	size_t n = 0;
	int i;

	for (i = 0; i < 2; i++) {
		out[n++] = 0xbe;
		out[n++] = (uint8_t)rounds[i];
		out[n++] = (uint8_t)(rounds[i] >> 8);
		out[n++] = 0x31;	/* xor %eax, %eax: the CPUID leaf */
		out[n++] = 0xc0;
		memcpy(out + n, code->insn, code->bytes);
		n += code->bytes;
		out[n++] = 0x4e;
		out[n++] = 0x75;
		out[n] = (uint8_t)-(code->bytes + 5);
		n++;
		out[n++] = 0xe6;
		out[n++] = 0xf4;
	}
	return n;
}

/* ---- KVM ---- */

static void kvm_tracepoints(const char *on)
{
	static const char *const files[] = {
		"/sys/kernel/tracing/events/kvm/kvm_exit/enable",
		"/sys/kernel/tracing/events/kvm/kvm_entry/enable",
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_WRONLY);

		if (fd < 0 || write(fd, on, 1) != 1)
			kvm_guest_fail(files[i]);
		close(fd);
	}
}

static uint64_t kvm_cost(const uint8_t *code, size_t bytes)
{
	struct kvm_guest g;
	uint64_t begin;

	kvm_guest_start(&g, code, bytes, 1);
	kvm_guest_until_marker(&g, 0);
	begin = __rdtsc();
	kvm_guest_until_marker(&g, 0);
	return (__rdtsc() - begin) / EXITS;
}

/* ---- svmrt ---- */

static void svmrt_until_marker(struct abi_guest *g)
{
	for (;;) {
		if (abi_run(g) != SVMRT_RUN_EXIT || g->run->exitcode != 0x7b)
			kvm_guest_fail("SVMRT_VCPU_RUN");
		g->run->rip = g->run->next_rip;
		g->run->dirty = SVMRT_DIRTY_RIP;
		if (g->run->exitinfo1 >> 16 == 0xf4)
			return;
	}
}

static uint64_t svmrt_cost(int dev, const uint8_t *code, size_t bytes, int event)
{
	struct svmrt_cpuid_row cpuid[CPUID_ROWS] = { 0 };
	struct svmrt_exit_rule rules[] = {
		{ .code = 0x72, .action = SVMRT_DO_TABLE, .event = (uint8_t)event },
		{ .code = 0x81, .action = SVMRT_DO_SKIP, .event = (uint8_t)event },
		{ .code = 0x7b, .action = SVMRT_DO_USER, .event = SVMRT_EVENT_COUNT },
	};
	struct abi_guest g = { 0 };
	uint64_t begin;
	uint32_t i;

	for (i = 0; i < CPUID_ROWS; i++)
		cpuid[i].leaf = i;
	abi_start_with(&g, dev, code, bytes, rules, 3, cpuid, CPUID_ROWS);
	svmrt_until_marker(&g);
	begin = __rdtsc();
	svmrt_until_marker(&g);
	begin = __rdtsc() - begin;
	abi_stop(&g);
	return begin / EXITS;
}

/* ---- Both, side by side ---- */

struct row {
	const char *name;
	uint64_t ours, theirs;
	double target;			/* the ratio that we want at most */
	const char *peer;		/* or NULL: the runner of kvm_guest.h */
};

/* KVM's half runs in a process of its own, whose end gives everything of it back. */
static uint64_t in_child(uint64_t (*cost)(const uint8_t *, size_t), const uint8_t *code, size_t bytes)
{
	uint64_t result;
	int channel[2];
	pid_t child;

	if (pipe(channel))
		kvm_guest_fail("pipe");
	child = fork();
	if (child < 0)
		kvm_guest_fail("fork");
	if (!child) {
		result = cost(code, bytes);
		_exit(write(channel[1], &result, sizeof(result)) != sizeof(result));
	}
	close(channel[1]);
	if (read(channel[0], &result, sizeof(result)) != sizeof(result))
		kvm_guest_fail("the KVM half");
	close(channel[0]);
	waitpid(child, NULL, 0);
	return result;
}

static uint64_t kvm_first_exit(const uint8_t *code, size_t bytes)
{
	const uint64_t begin = __rdtsc();
	struct kvm_guest g;

	kvm_guest_start(&g, code, bytes, 1);
	kvm_guest_until_marker(&g, 0);
	return __rdtsc() - begin;
}

static uint64_t svmrt_first_exit(const uint8_t *code, size_t bytes)
{
	struct svmrt_exit_rule rule = { .code = 0x7b, .action = SVMRT_DO_USER };
	struct abi_guest g = { 0 };
	uint64_t begin = __rdtsc();
	int dev = open("/dev/svmrt", O_RDWR);

	abi_start_with(&g, dev, code, bytes, &rule, 1, NULL, 0);
	svmrt_until_marker(&g);
	begin = __rdtsc() - begin;
	abi_stop(&g);
	close(dev);
	return begin;
}

/* Fills the table in; returns its number of rows. */
static size_t measure(int dev, double in_kernel, struct row *rows)
{
	static const uint8_t marker[] = { 0xe6, 0xf4 };
	const size_t count = sizeof(codes) / sizeof(codes[0]);
	uint8_t code[64];
	size_t i, n = 0, bytes;

	for (i = 0; i < count; i++) {
		bytes = assemble(&codes[i], code);
		rows[n++] = (struct row){
			codes[i].name, svmrt_cost(dev, code, bytes, SVMRT_EVENT_COUNT),
			in_child(kvm_cost, code, bytes), codes[i].to_user ? TO_USER_TARGET : in_kernel, NULL,
		};
	}
	/* The first two in the kernel, each with its own plain cost subtracted. */
	for (i = 0; i < 2; i++) {
		bytes = assemble(&codes[i], code);
		rows[n].name = i ? "added by streaming a VMMCALL" : "added by streaming a CPUID";
		rows[n].ours = svmrt_cost(dev, code, bytes, SVMRT_EVENT_STREAM) - rows[i].ours;
		kvm_tracepoints("1");
		rows[n].theirs = in_child(kvm_cost, code, bytes) - rows[i].theirs;
		kvm_tracepoints("0");
		rows[n].peer = "KVM's tracepoints";
		rows[n++].target = 0.15;
	}
	/* The second of two: warm. The first open claims the processor, so ours must be the last. */
	close(dev);
	for (i = 0; i < 2; i++)
		rows[n] = (struct row){ "open of the device to first exit",
			svmrt_first_exit(marker, sizeof(marker)),
			in_child(kvm_first_exit, marker, sizeof(marker)), 0.5, NULL };
	return n + 1;
}

static void print_table(const struct row *rows, size_t count)
{
	size_t i;

	printf("%-34s %10s %10s %6s %7s\n", "ticks an exit", "svmrt", "KVM", "ratio", "target");
	for (i = 0; i < count; i++) {
		const double ratio = (double)rows[i].ours / (double)rows[i].theirs;

		printf("%-34s %10llu %10llu %6.2f %7.2f%s\n", rows[i].name,
		       (unsigned long long)rows[i].ours, (unsigned long long)rows[i].theirs, ratio,
		       rows[i].target, ratio > rows[i].target ? " missed" : "");
	}
}

/* What a row is held to: a trip to user space is not at its target yet, but at what was reached. */
static double limit_of(const struct row *row)
{
	return row->target == TO_USER_TARGET ? TO_USER_REACHED : row->target;
}

static int print_json(const struct row *rows, size_t count)
{
	int missed = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		const double ratio = (double)rows[i].ours / (double)rows[i].theirs;
		const int ok = ratio <= limit_of(&rows[i]);

		missed |= !ok;
		printf("{\"row\": \"%s\", \"unit\": \"ticks\", \"ours\": %llu, \"peer\": %llu, "
		       "\"peer_name\": \"%s\", \"ratio\": %.4f, \"better\": \"lower\", "
		       "\"bound\": %.2f, \"ok\": %s, \"note\": \"target %.2f\"}\n",
		       rows[i].name, (unsigned long long)rows[i].ours,
		       (unsigned long long)rows[i].theirs,
		       rows[i].peer ? rows[i].peer : "minimal KVM runner", ratio, limit_of(&rows[i]),
		       ok ? "true" : "false", rows[i].target);
	}
	return missed;
}

/* As tests. (Most of a trip to user space is the system call, which the kernel has the same for KVM.) */
static void print_tap(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const double ratio = (double)rows[i].ours / (double)rows[i].theirs;
		const double limit = limit_of(&rows[i]);

		abi_ok(ratio <= limit, "%s: %llu of KVM's %llu, %.2f (limit %.2f, target %.2f)",
		       rows[i].name, (unsigned long long)rows[i].ours,
		       (unsigned long long)rows[i].theirs, ratio, limit, rows[i].target);
	}
}

/* One loop of exits after the other, until somebody ends it: for bench/exit-ops. */
static void forever(int dev, const char *engine, size_t number)
{
	uint8_t code[64];

	if (number >= sizeof(codes) / sizeof(codes[0]))
		exit(2);
	for (;;) {
		const size_t bytes = assemble(&codes[number], code);

		if (!strcmp(engine, "kvm"))
			kvm_cost(code, bytes);
		else
			svmrt_cost(dev, code, bytes, SVMRT_EVENT_COUNT);
	}
}

int main(int argc, char **argv)
{
	struct svmrt_info info;
	struct row rows[8];
	int dev = abi_open();
	size_t count;

	if (argc == 4 && !strcmp(argv[1], "--forever"))
		forever(dev, argv[2], strtoul(argv[3], NULL, 10));
	abi_info(dev, &info);
	/* KVM does not decode where the processor tells the next RIP: it saves more than we can. */
	count = measure(dev, info.caps & SVMRT_CAP_NRIPS ? 0.4 : 0.25, rows);
	if (argc == 2 && !strcmp(argv[1], "--json"))
		return print_json(rows, count);
	else if (argc == 2 && !strcmp(argv[1], "--tap"))
		print_tap(rows, count);
	else
		print_table(rows, count);
	return argc == 2 && !strcmp(argv[1], "--tap") ? abi_done() : 0;
}
