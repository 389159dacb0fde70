// SPDX-License-Identifier: MIT
/*
 * SVMRT_VCPU_DEBUG and SVMRT_VCPU_SET_IMAGE in the lab. The strongest test: one guest runs free and
 * then under a single step, and its memory and registers, with all that it saw of TF, DR6 and pushed
 * flags, must be the same. Prints TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi_guest.h"

#define RULE(c, a, e) { .code = c, .action = a, .event = e }

static struct abi_guest g;
static int dev;

/*
 * What it sees is stored from 0x3000 on. Handlers of vectors 0, 1, 3, 4 and 0x40 keep the flags that
 * were pushed; that of #DB also the address and DR6.
 */
ABI_CODE16(tour,
	"	mov $0x3000, %di\n"
	"	pushf\n	pop %ax\n	stosw\n"
	"	int $0x40\n"
	"	int3\n"
	"	mov $0x7fff, %ax\n	add $1, %ax\n	into\n"
	"	xor %cl, %cl\n	div %cl\n"		/* #DE: its handler steps over the two bytes */
	"	cpuid\n"
	"	mov $5, %cx\n	mov $0x1000, %si\n	rep movsb\n"
	"	pushf\n	pop %ax\n	or $0x100, %ax\n	push %ax\n	popf\n"
	"	nop\n"
	"	int $0x40\n"
	"	cpuid\n"
	"	out %al, $0x80\n"
	"	pushf\n	pop %ax\n	stosw\n"
	"	and $0xfeff, %ax\n	push %ax\n	popf\n"
	"	nop\n"
	"	mov %dr7, %eax\n	stosl\n"
	"	mov %dr6, %eax\n	stosl\n"
	"	mov $0x1234, %eax\n	mov %eax, %dr1\n	mov %dr1, %ebx\n"
	"	mov $0xffff0ff0, %eax\n	mov %eax, %dr6\n"
	"	vmmcall\n"
	"int_handler:\n"				/* 0x40, 3, 4 */
	"	mov %sp, %bp\n	mov 4(%bp), %ax\n	stosw\n	iret\n"
	"de_handler:\n"
	"	mov %sp, %bp\n	addw $2, (%bp)\n	mov 4(%bp), %ax\n	stosw\n	iret\n"
	"db_handler:\n"
	"	push %eax\n	mov %sp, %bp\n"
	"	mov 4(%bp), %ax\n	stosw\n	mov 8(%bp), %ax\n	stosw\n"
	"	mov %dr6, %eax\n	stosl\n	mov $0xffff0ff0, %eax\n	mov %eax, %dr6\n"
	"	pop %eax\n	iret\n");
ABI_LABEL(int_handler);
ABI_LABEL(de_handler);
ABI_LABEL(db_handler);

static const struct svmrt_exit_rule tour_rules[] = {
	RULE(0x72, SVMRT_DO_SKIP, SVMRT_EVENT_COUNT), RULE(0x7b, SVMRT_DO_USER, SVMRT_EVENT_COUNT),
	RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT),
	{ .code = 0x41, .action = SVMRT_DO_INJECT, .vector = SVMRT_VECTOR_SAME },
};

static void set_vector(unsigned int vector, const uint8_t *code, const uint8_t *label)
{
	uint16_t entry[2] = { (uint16_t)(ABI_CODE_GPA + (label - code)), 0 };

	memcpy(g.ram + vector * 4, entry, 4);
}

static void start_tour(void)
{
	abi_start(&g, dev, tour, (size_t)(tour_end - tour), tour_rules, 4);
	set_vector(0, tour, de_handler);
	set_vector(1, tour, db_handler);
	set_vector(3, tour, int_handler);
	set_vector(4, tour, int_handler);
	set_vector(0x40, tour, int_handler);
}

static int debug(uint32_t flags, uint64_t dr0, uint64_t dr7)
{
	struct svmrt_vcpu_debug arg = {
		.size = sizeof(arg), .flags = flags, .dr = { dr0 }, .dr7 = dr7,
	};

	return abi_call(&g, g.vcpu, SVMRT_VCPU_DEBUG, &arg, arg.error);
}

static void finish_out(void)
{
	g.run->rip = g.run->next_rip;
	g.run->dirty = SVMRT_DIRTY_RIP;
}

struct seen {
	uint8_t ram[ABI_RAM_BYTES];
	uint64_t gpr[16], rflags, rip;
};

static void take(struct seen *seen)
{
	memcpy(seen->ram, g.ram, sizeof(seen->ram));
	memcpy(seen->gpr, g.run->gpr, sizeof(seen->gpr));
	seen->rflags = g.run->rflags;
	seen->rip = g.run->rip;
}

static void first_difference(const struct seen *a, const struct seen *b)
{
	size_t i;

	for (i = 0; i < sizeof(a->ram); i++)
		if (a->ram[i] != b->ram[i])
			printf("# memory %#zx: free %02x, stepped %02x\n", i, a->ram[i], b->ram[i]);
	for (i = 0; i < 16; i++)
		if (a->gpr[i] != b->gpr[i])
			printf("# gpr %zu: free %#llx, stepped %#llx\n", i,
			       (unsigned long long)a->gpr[i], (unsigned long long)b->gpr[i]);
	if (a->rflags != b->rflags)
		printf("# rflags: free %#llx, stepped %#llx\n", (unsigned long long)a->rflags,
		       (unsigned long long)b->rflags);
}

static void test_step_is_invisible(void)
{
	static struct seen unstepped, stepped;
	int reason, steps = 0, others = 0;
	uint64_t last = 0;

	start_tour();
	while ((reason = abi_run(&g)) == SVMRT_RUN_EXIT)
		finish_out();
	take(&unstepped);
	abi_ok(reason == SVMRT_RUN_STOP && unstepped.ram[0x3000], "the guest of this test runs free (reason %d)",
	       reason);
	abi_stop(&g);

	start_tour();
	abi_ok(!debug(SVMRT_DEBUG_STEP, 0, 0), "a single step can be asked for");
	while (steps < 2000) {
		reason = abi_run(&g);
		if (reason == SVMRT_RUN_EXIT) {
			finish_out();
		} else if (reason == SVMRT_RUN_DEBUG) {
			steps++;
			others += g.run->debug != SVMRT_DEBUG_HIT_STEP || g.run->rip == last;
			/* REP stays where it is between iterations */
			if (g.run->rip == last && g.ram[last] == 0xf3)
				others--;
			last = g.run->rip;
		} else {
			break;
		}
	}
	take(&stepped);
	abi_ok(reason == SVMRT_RUN_STOP && stepped.rip == unstepped.rip && !others && steps > 100,
	       "stepped, it comes to the same end in %d steps, each at another address", steps);
	first_difference(&unstepped, &stepped);
	abi_ok(!memcmp(&unstepped, &stepped, sizeof(stepped)),
	       "memory, registers, pushed flags, its own traps and DR6 are the same as without steps");
	abi_stop(&g);
}

static void test_step_ends_with_the_debugger(void)
{
	int reason, i;

	start_tour();
	debug(SVMRT_DEBUG_STEP, 0, 0);
	for (i = 0; i < 20; i++)
		abi_run(&g);
	debug(0, 0, 0);
	while ((reason = abi_run(&g)) == SVMRT_RUN_EXIT)
		finish_out();
	abi_ok(reason == SVMRT_RUN_STOP, "without the debugger the guest goes on by itself");
	abi_stop(&g);
}

/* nop; int3; nop; vmmcall */
static const uint8_t breaks[] = { 0x90, 0xcc, 0x90, 0x0f, 0x01, 0xd9 };

static void test_break(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	int reason;

	abi_start(&g, dev, breaks, sizeof(breaks), rules, 1);
	debug(SVMRT_DEBUG_BREAK, 0, 0);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_DEBUG && g.run->debug == SVMRT_DEBUG_HIT_BREAK &&
	       g.run->rip == 0x1001, "INT3 stops at itself (reason %d, RIP %#llx)", reason,
	       (unsigned long long)g.run->rip);
	g.ram[0x1001] = 0x90;
	debug(SVMRT_DEBUG_BREAK | SVMRT_DEBUG_STEP, 0, 0);
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_DEBUG && g.run->debug == SVMRT_DEBUG_HIT_STEP &&
	       g.run->rip == 0x1002, "the instruction below it can be stepped over");
	debug(SVMRT_DEBUG_BREAK, 0, 0);
	abi_ok(abi_run(&g) == SVMRT_RUN_STOP, "and the guest goes on");
	abi_stop(&g);
}

static void test_own_int3(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	int reason;

	/* The guest's own INT3: handed back by the debugger, it goes to the guest's handler. */
	abi_start(&g, dev, breaks, sizeof(breaks), rules, 1);
	memcpy(g.ram + 0x1100, "\x0f\x01\xd9", 3);
	set_vector(3, tour, tour + 0x100);
	debug(SVMRT_DEBUG_BREAK, 0, 0);
	abi_run(&g);
	g.run->rip = 0x1002;
	g.run->inject = 0x80000303;
	g.run->dirty = SVMRT_DIRTY_RIP | SVMRT_DIRTY_INJECT;
	reason = abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && g.run->rip == 0x1100 && g.ram[0x7ffa] == 2,
	       "an INT3 of the guest's own can be given back to it (reason %d, RIP %#llx)", reason,
	       (unsigned long long)g.run->rip);
	abi_stop(&g);
}

/* mov $3, %cx; 1: nop; mov %cx, 0x3000; loop 1b; mov %dr7, %eax; mov %dr0, %ebx; vmmcall */
static const uint8_t watched[] = {
	0xb9, 3, 0, 0x90, 0x89, 0x0e, 0x00, 0x30, 0xe2, 0xf9, 0x0f, 0x21, 0xf8, 0x0f, 0x21, 0xc3,
	0x0f, 0x01, 0xd9,
};

static void test_hardware(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	int reason, hits = 0, wrong = 0;

	abi_start(&g, dev, watched, sizeof(watched), rules, 1);
	abi_ok(!debug(SVMRT_DEBUG_HW, 0x1003, 2), "a breakpoint in DR0 can be asked for");
	while ((reason = abi_run(&g)) == SVMRT_RUN_DEBUG && hits < 10) {
		hits++;
		wrong += g.run->rip != 0x1003 || g.run->debug != SVMRT_DEBUG_HIT_DR(0);
	}
	abi_ok(reason == SVMRT_RUN_STOP && hits == 3 && !wrong,
	       "an instruction breakpoint stops before each of 3 passes (%d)", hits);
	abi_ok((uint32_t)g.run->gpr[0] == 0x400 && !g.run->gpr[3],
	       "and the guest sees its own DR7 and DR0 (%#llx, %#llx)",
	       (unsigned long long)g.run->gpr[0], (unsigned long long)g.run->gpr[3]);
	abi_stop(&g);

	abi_start(&g, dev, watched, sizeof(watched), rules, 1);
	debug(SVMRT_DEBUG_HW, 0x3000, 2 | 1u << 16 | 1u << 18);	/* write, 2 bytes */
	hits = wrong = 0;
	while ((reason = abi_run(&g)) == SVMRT_RUN_DEBUG && hits < 10) {
		wrong += g.run->rip != 0x1008 || g.ram[0x3000] != 3 - hits;
		hits++;
	}
	abi_ok(reason == SVMRT_RUN_STOP && hits == 3 && !wrong,
	       "a watchpoint stops behind each of 3 writes (%d)", hits);
	abi_stop(&g);
}

static struct svmk_vmcb vmcb, again;
static struct svmrt_vcpu_state state, state_again;

static int image(struct svmk_vmcb *to, struct svmrt_vcpu_state *to_state)
{
	struct svmrt_vcpu_image arg = {
		.size = sizeof(arg), .vmcb = (uintptr_t)to, .state = (uintptr_t)to_state,
	};

	return ioctl(g.vcpu, SVMRT_VCPU_IMAGE, &arg);
}

static int set_image(void)
{
	struct svmrt_vcpu_set_image arg = {
		.size = sizeof(arg), .vmcb = (uintptr_t)&vmcb, .state = (uintptr_t)&state,
	};

	return abi_call(&g, g.vcpu, SVMRT_VCPU_SET_IMAGE, &arg, arg.error);
}

/* mov 0x10, %ax; fstcw 0x20; vmmcall */
static const uint8_t loads[] = { 0xa1, 0x10, 0x00, 0xd9, 0x3e, 0x20, 0x00, 0x0f, 0x01, 0xd9 };

static void test_set_image(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	uint16_t fcw = 0x27f;
	int reason;

	abi_start(&g, dev, loads, sizeof(loads), rules, 1);
	abi_run(&g);
	image(&vmcb, &state);
	abi_ok(!set_image() && !image(&again, &state_again) && !memcmp(&vmcb, &again, sizeof(vmcb)) &&
	       !memcmp(&state, &state_again, sizeof(state)), "an image that is given back changes nothing");
	memcpy(g.ram + 0x4010, "\xcd\xab", 2);
	vmcb_set_DS_BASE(&vmcb, 0x4000);
	vmcb_set_DS_SELECTOR(&vmcb, 0x400);
	vmcb_set_RIP(&vmcb, ABI_CODE_GPA);
	vmcb_set_TSC_OFFSET(&vmcb, 0x123456);
	vmcb_set_IOPM_BASE_PA(&vmcb, 0xdead000);	/* not taken */
	memcpy(state.fxsave, &fcw, 2);
	state.gpr[15] = 0x5555;
	state.dr[2] = 0x7777;
	reason = set_image() ? -1 : abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP && (g.run->gpr[0] & 0xffff) == 0xabcd &&
	       g.ram[0x4020] == 0x7f && g.ram[0x4021] == 2 && g.run->gpr[15] == 0x5555,
	       "segments, RIP, FPU and registers are taken (reason %d %s)", reason, g.error);
	image(&again, &state_again);
	abi_ok(vmcb_get_TSC_OFFSET(&again) == 0x123456 && state_again.dr[2] == 0x7777 &&
	       !vmcb_get_IOPM_BASE_PA(&again), "TSC_OFFSET and DR2 are, the control area's addresses are not");
	vmcb_set_SPEC_CTRL(&vmcb, 1);
	abi_ok(set_image() == -EINVAL && strstr(g.error, "spec_ctrl"), "%s", g.error);
	vmcb_set_SPEC_CTRL(&vmcb, 0);
	state.xcr0 = 4;
	vmcb_set_RIP(&vmcb, 0x9999);
	abi_ok(set_image() == -EINVAL && !image(&vmcb, &state) && vmcb_get_RIP(&vmcb) != 0x9999,
	       "a refused state leaves all as it was: %s", g.error);
	abi_stop(&g);
}

/* lidt 0x2000 (limit 0); ud2 */
static const uint8_t triple[] = { 0x0f, 0x01, 0x1e, 0x00, 0x20, 0x0f, 0x0b };

static void test_revival(void)
{
	struct svmrt_exit_rule rules[] = { RULE(0x81, SVMRT_DO_STOP, SVMRT_EVENT_COUNT) };
	int reason;

	abi_start(&g, dev, triple, sizeof(triple), rules, 1);
	debug(SVMRT_DEBUG_HW, 0x5000, 2);
	abi_run(&g);
	image(&vmcb, &state);
	abi_ok(vmcb_get_DR7(&vmcb) == 0x400 && vmcb_get_DR6(&vmcb) == 0xffff0ff0,
	       "the image of a shutdown under a debugger has the guest's own debug registers");
	debug(0, 0, 0);
	abi_real_mode(&vmcb, &state);
	memcpy(g.ram + ABI_CODE_GPA, loads, sizeof(loads));
	reason = set_image() ? -1 : abi_run(&g);
	abi_ok(reason == SVMRT_RUN_STOP, "after a shutdown, a new state brings the vCPU back (reason %d)",
	       reason);
	abi_stop(&g);
}

static void test_bad_calls(void)
{
	struct svmrt_vcpu_debug arg = { .size = sizeof(arg), .flags = 8 };

	abi_start(&g, dev, breaks, sizeof(breaks), NULL, 0);
	abi_ok(abi_call(&g, g.vcpu, SVMRT_VCPU_DEBUG, &arg, arg.error) == -EINVAL && g.error[0],
	       "%s", g.error);
	abi_ok(debug(SVMRT_DEBUG_STEP, 1, 0) == -EINVAL && g.error[0], "%s", g.error);
	abi_ok(debug(SVMRT_DEBUG_HW, 1, 1u << 13) == -EINVAL, "%s", g.error);
	abi_ok(debug(SVMRT_DEBUG_HW, 1, 2u << 16) == -EINVAL, "an I/O breakpoint is refused");
	abi_ok(debug(SVMRT_DEBUG_HW, 1, 1ULL << 32) == -EINVAL, "DR7's high half is refused");
	arg = (struct svmrt_vcpu_debug) { .size = sizeof(arg) - 1 };
	abi_ok(abi_call(&g, g.vcpu, SVMRT_VCPU_DEBUG, &arg, arg.error) == -EINVAL,
	       "another size is refused");
	abi_stop(&g);
}

int main(int argc, char **argv)
{
	const int on_bochs = argc == 2 && !strcmp(argv[1], "-b");
	struct svmrt_info info;

	if (argc != 1 + on_bochs) {
		fputs("usage: abi_debug [-b]\n-b: leave out what Bochs cannot do (run-lab-bochs)\n", stderr);
		return 2;
	}
	dev = abi_open();
	if (!on_bochs) {
		test_step_is_invisible();
		test_step_ends_with_the_debugger();
		test_hardware();
	}
	test_break();
	test_own_int3();
	test_set_image();
	test_revival();
	test_bad_calls();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.pages, "nothing is left");
	return abi_done();
}
