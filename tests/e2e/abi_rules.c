// SPDX-License-Identifier: MIT
/*
 * Finer exit rules through /dev/svmrt, inside the lab: which are refused, which one an access meets,
 * and what is counted and told. Prints TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi_guest.h"

#define FINE(c, acc, from, to, ...) \
	{ .code = c, .access = acc, .first = from, .last = to, __VA_ARGS__ }
#define BOTH (SVMRT_ON_READ | SVMRT_ON_WRITE)

static struct abi_guest g;
static int dev;

static void refused(const struct svmrt_exit_rule *rules, uint32_t count, const char *what)
{
	int err;

	if (abi_create_vm(&g, dev) < 0)
		return;
	err = abi_policy(&g, rules, count);
	abi_ok(err == -EINVAL && g.error[0], "%s is refused: %s", what, g.error);
	err = abi_policy(&g, NULL, 0);
	abi_ok(!err, "and the VM can still have another policy");
	close(g.vm);
}

static void test_bad(void)
{
	static const struct { struct svmrt_exit_rule rules[2]; uint32_t count; const char *what; } bad[] = {
		{ { FINE(0x7b, BOTH, 5, 4) }, 1, "a range that ends before it begins" },
		{ { FINE(0x7b, BOTH, 0, 0x10000) }, 1, "a port of 17 bits" },
		{ { FINE(0x7c, BOTH, 0, 1ULL << 32) }, 1, "an MSR of 33 bits" },
		{ { FINE(0x400, BOTH, 0, 1ULL << 52) }, 1, "an address of 53 bits" },
		{ { FINE(0x7b, 4, 0, 1) }, 1, "an unknown access" },
		{ { FINE(0x72, BOTH, 0, 1) }, 1, "a write of CPUID" },
		{ { FINE(0x78, SVMRT_ON_READ, 0, 1) }, 1, "a range of HLT" },
		{ { FINE(~0ULL, SVMRT_ON_READ, 0, 1, .action = SVMRT_DO_STOP) }, 1, "a range of INVALID" },
		{ { FINE(0x7b, 0, 1, 1) }, 1, "a range without an access" },
		{ { FINE(0x7b, BOTH, 0, 1, .value = 1) }, 1, "a value for user space" },
		{ { FINE(0x7c, BOTH, 0, 1, .action = SVMRT_DO_TABLE, .value = 1) }, 1, "a value for MSRs" },
		{ { FINE(0x7b, BOTH, 0, 1, .reserved = 1) }, 1, "a reserved word" },
		{ { { .code = 0x7b, .action = SVMRT_DO_TABLE } }, 1, "a table of all ports" },
		{ { FINE(0x400, BOTH, 0, 1, .action = SVMRT_DO_SKIP) }, 1, "stepping over an access" },
		{ { FINE(0x7b, BOTH, 0, 1, .event = SVMRT_EVENT_SAMPLE) }, 1, "a sample of none" },
		{ { FINE(0x7b, BOTH, 0, 8), FINE(0x7b, SVMRT_ON_READ, 8, 9) }, 2, "two rules for one port" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].rules, bad[i].count, bad[i].what);
}

/* mov $0x80, %dx; 1: out %al, (%dx); in (%dx), %al; cmp $0x84, %dx; je 2f; inc %dx; jmp 1b
 * 2: vmmcall */
static const uint8_t ports[] = {
	0xba, 0x80, 0x00, 0xee, 0xec, 0x81, 0xfa, 0x84, 0x00, 0x74, 0x03, 0x42, 0xeb, 0xf5,
	0x0f, 0x01, 0xd9,
};

static void test_which(void)
{
	const struct svmrt_exit_rule rules[] = {
		{ .code = 0x7b, .action = SVMRT_DO_SKIP, .event = SVMRT_EVENT_NONE },
		{ .code = 0x81, .action = SVMRT_DO_STOP },
		/* in no order */
		FINE(0x7b, SVMRT_ON_READ, 0x83, 0x83, .action = SVMRT_DO_TABLE, .value = 0x1ff,
		     .event = SVMRT_EVENT_STREAM),
		FINE(0x7b, SVMRT_ON_WRITE, 0x83, 0x90, .event = SVMRT_EVENT_STREAM),
		FINE(0x7b, BOTH, 0x80, 0x81, .action = SVMRT_DO_SKIP, .event = SVMRT_EVENT_SAMPLE,
		     .sample = 3),
	};
	struct svmrt_stats stats = { .size = sizeof(stats) };
	uint64_t counts[3] = { 0 };
	struct svmrt_rule_counts counted = {
		.size = sizeof(counted), .counts = (uintptr_t)counts,
	};
	int reason;

	abi_start(&g, dev, ports, sizeof(ports), rules, 5);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_EXIT && g.run->exitinfo1 >> 16 == 0x83 && !(g.run->exitinfo1 & 1) &&
	       g.ring->head == 2 && g.records[0].exitinfo1 >> 16 == 0x81 &&
	       g.records[1].exitinfo1 >> 16 == 0x83,
	       "a rule of one direction catches its first port; one of three is told of another");
	g.run->rip = g.run->next_rip;
	g.run->dirty = SVMRT_DIRTY_RIP;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_EXIT && g.run->exitinfo1 >> 16 == 0x84 &&
	       (g.run->gpr[0] & 0xff) == 0xff && g.ring->head == 4,
	       "IN gets the low byte of the constant and is told, the next OUT is in the range, too");
	g.run->rip = g.run->next_rip;
	g.run->dirty = SVMRT_DIRTY_RIP;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && !ioctl(g.vcpu, SVMRT_VCPU_STATS, &stats) &&
	       stats.exits[0x7b] == 10 && stats.events == 4,
	       "all ten accesses are counted, whatever their rule");
	counted.count = 2;
	abi_ok(ioctl(g.vcpu, SVMRT_VCPU_RULE_COUNTS, &counted) && errno == ENOSPC,
	       "counters by rule need room for all");
	counted.count = 3;
	abi_ok(!ioctl(g.vcpu, SVMRT_VCPU_RULE_COUNTS, &counted) && counted.count == 3 &&
	       counts[0] == 1 && counts[1] == 2 && counts[2] == 4,
	       "and tell how many exits met each, in the order of the policy");
	abi_stop(&g);
}

/* mov $0x83, %dx; mov $0x2000, %di; insb; vmmcall */
static const uint8_t string[] = { 0xba, 0x83, 0x00, 0xbf, 0x00, 0x20, 0x6c, 0x0f, 0x01, 0xd9 };
/* mov $0xf000, %ax; mov %ax, %ds; incb 0x8000 (GPA 0xf8000); vmmcall */
static const uint8_t increment[] = {
	0xb8, 0x00, 0xf0, 0x8e, 0xd8, 0xfe, 0x06, 0x00, 0x80, 0x0f, 0x01, 0xd9,
};

static void test_other_forms(void)
{
	const struct svmrt_exit_rule rules[] = {
		FINE(0x7b, BOTH, 0x83, 0x83, .action = SVMRT_DO_TABLE, .value = 1),
		FINE(0x400, BOTH, 0xf8000, 0xf8fff, .action = SVMRT_DO_TABLE, .value = 1),
	};

	abi_start(&g, dev, string, sizeof(string), rules, 2);
	abi_ok(abi_run(&g) == SVMRT_RUN_EXIT && g.run->exitcode == 0x7b && g.run->exitinfo1 & 4,
	       "INS is not for a constant: it goes to user space");
	abi_stop(&g);
	abi_start(&g, dev, increment, sizeof(increment), rules, 2);
	abi_ok(abi_run(&g) == SVMRT_RUN_EXIT && g.run->exitcode == 0x400 &&
	       g.run->exitinfo2 == 0xf8000 && g.run->insn_bytes == 15 && g.run->insn[0] == 0xfe,
	       "nor is anything but MOV at an address");
	abi_stop(&g);
}

int main(void)
{
	struct svmrt_info info;

	dev = abi_open();
	test_bad();
	test_which();
	test_other_forms();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.pages, "nothing is left");
	return abi_done();
}
