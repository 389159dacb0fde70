// SPDX-License-Identifier: MIT
/*
 * What reaches a local APIC, in the lab: logical and cluster destinations, lowest priority, what LVT
 * sends for errors and for the INTR line, ExtINT through LINT0 and by message, the TSC deadline under
 * a TSC offset, ticks that come too late. Guests are real, or stand still while messages come. TAP.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi_irq_guest.h"

#define REG(offset) ((offset) >> 4)
#define X2APIC_BASE 0xfee00c00ULL
#define XAPIC_BASE 0xfee00800ULL
#define LOGICAL 4u		/* in the address of a message */
#define LOWEST 0x100u		/* delivery modes in its data */
#define EXTINT 0x700u

static int dev;

ABI_CODE16(nothing, "	vmmcall\n");

static void get(struct abi_guest *guest, struct svmrt_lapic_state *state)
{
	memset(state, 0, sizeof(*state));
	state->size = sizeof(*state);
	if (ioctl(guest->vcpu, SVMRT_VCPU_LAPIC, state))
		abi_ok(0, "SVMRT_VCPU_LAPIC: %s", state->error);
}

/* An APIC that takes messages: mode, logical destination register and format, TPR. */
static void set(struct abi_guest *guest, uint64_t base, uint32_t ldr, uint32_t dfr, uint32_t tpr)
{
	struct svmrt_lapic_state state;

	get(guest, &state);
	state.flags = SVMRT_LAPIC_SET;
	state.base = base;
	state.regs[REG(0xf0)] = 0x1ff;
	state.regs[REG(0x80)] = tpr;
	state.regs[REG(0xd0)] = ldr;
	state.regs[REG(0xe0)] = dfr;
	memset(state.regs + REG(0x200), 0, 8 * sizeof(state.regs[0]));
	if (ioctl(guest->vcpu, SVMRT_VCPU_LAPIC, &state))
		abi_ok(0, "SVMRT_VCPU_LAPIC set: %s", state.error);
}

static int waits(struct abi_guest *guest, unsigned int vector)
{
	struct svmrt_lapic_state state;

	get(guest, &state);
	return state.regs[REG(0x200) + vector / 32] >> vector % 32 & 1;
}

/* Who got it: bit 0 and 1 for vCPU 0 and 1; or what the call said if that is another number. */
static int sent_to(uint64_t address, uint32_t data)
{
	int taken = irq_msi(address, data);
	int first = waits(&ig, data & 0xff), second = waits(&ap, data & 0xff);

	return taken == first + second ? first | second << 1 : -100 - taken;
}

static void test_logical(void)
{
	static const struct {
		const char *name;
		uint64_t base;
		uint32_t ldr[2], dfr;
		struct { uint64_t dest; int wanted; } to[6];
	} modes[] = {
		{ "flat", XAPIC_BASE, { 0x01000000, 0x02000000 }, 0xffffffff,
		  { { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 0 }, { 0, 0 }, { 0xff, 3 } } },
		{ "cluster", XAPIC_BASE, { 0x11000000, 0x22000000 }, 0x0fffffff,
		  { { 0x11, 1 }, { 0x22, 2 }, { 0x12, 0 }, { 0x2f, 2 }, { 0x31, 0 }, { 0xff, 3 } } },
		{ "x2APIC", X2APIC_BASE, { 0, 0 }, 0,
		  { { 1, 1 }, { 2, 2 }, { 3, 3 }, { 0x1000001, 0 }, { 0x1000000, 0 }, { 0xffffffff, 3 } } },
	};
	unsigned int i, j;
	int got;

	for (i = 0; i < 3; i++) {
		irq_start(dev, 1, 2, nothing, nothing_end);
		for (j = 0; j < 6; j++) {
			const uint64_t dest = modes[i].to[j].dest;
			const uint64_t address = 0xfee00000u | (dest & 0xff) << 12 | (dest >> 8) << 40;

			set(&ig, modes[i].base, modes[i].ldr[0], modes[i].dfr, 0);
			set(&ap, modes[i].base, modes[i].ldr[1], modes[i].dfr, 0);
			got = sent_to(address | LOGICAL, 0x60 + j);
			abi_ok(got == modes[i].to[j].wanted, "logical, %s: %#llx names APICs %d (%d)",
			       modes[i].name, (unsigned long long)dest, modes[i].to[j].wanted, got);
		}
		irq_stop();
	}
}

static void test_lowest(void)
{
	const uint64_t both = 0xfee03000u | LOGICAL;
	int got, again, i, turns[2] = { 0, 0 };

	irq_start(dev, 1, 2, nothing, nothing_end);
	set(&ig, XAPIC_BASE, 0x01000000, 0xffffffff, 0x40);
	set(&ap, XAPIC_BASE, 0x02000000, 0xffffffff, 0x10);
	got = sent_to(both, 0x61 | LOWEST);
	again = sent_to(both, 0x62 | LOWEST);
	abi_ok(got == 2 && again == 2, "lowest priority: the APIC with the lower TPR gets it (%d, %d)", got,
	       again);
	set(&ig, XAPIC_BASE, 0x01000000, 0xffffffff, 0x10);
	set(&ap, XAPIC_BASE, 0x02000000, 0xffffffff, 0x40);
	got = sent_to(both, 0x63 | LOWEST);
	again = sent_to(both, 0x64 | LOWEST);
	abi_ok(got == 1 && again == 1, "and the other one if that is lower (%d, %d)", got, again);
	set(&ap, XAPIC_BASE, 0x02000000, 0xffffffff, 0x10);
	for (i = 0; i < 4; i++) {
		got = sent_to(both, (0x70u + (unsigned int)i) | LOWEST);
		turns[0] += got == 1;
		turns[1] += got == 2;
	}
	abi_ok(turns[0] == 2 && turns[1] == 2, "equals take turns (%d, %d)", turns[0], turns[1]);
	got = sent_to(0xfee01000u | LOGICAL, 0x65 | LOWEST);
	abi_ok(got == 1, "one that is not named gets none (%d)", got);
	irq_stop();
}

/* By ICR, to both, in each kind of logical destination; the sender's own handler counts. */
#define TO_BOTH(ldr, dfr, dest) \
	APIC_ON "	movl $" ldr ", " APIC(0d0) "\n	movl $" dfr ", " APIC(0e0) "\n" \
	"	sti\n	movl $" dest ", " APIC(310) "\n	movl $0x4841, " APIC(300) "\n	nop\n" \
	"	cli\n	vmmcall\n"
ABI_CODE16(flat_ipi, TO_BOTH("0x01000000", "0xffffffff", "0x03000000") HANDLER("flat_handler", "0x41"));
ABI_LABEL(flat_handler);
ABI_CODE16(cluster_ipi, TO_BOTH("0x11000000", "0x0fffffff", "0x13000000") HANDLER("cluster_handler", "0x41"));
ABI_LABEL(cluster_handler);

static void test_ipis(void)
{
	int reason;

	irq_start(dev, 1, 2, flat_ipi, flat_ipi_end);
	irq_vector(0x41, flat_ipi, flat_handler);
	set(&ap, XAPIC_BASE, 0x02000000, 0xffffffff, 0);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1 && waits(&ap, 0x41),
	       "a guest's IPI to two flat logical destinations reaches itself and the other (%d, %u)",
	       reason, GUEST_COUNT(&ig));
	irq_stop();
	irq_start(dev, 1, 2, cluster_ipi, cluster_ipi_end);
	irq_vector(0x41, cluster_ipi, cluster_handler);
	set(&ap, XAPIC_BASE, 0x12000000, 0x0fffffff, 0);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1 && waits(&ap, 0x41),
	       "and one to two members of a cluster (%d, %u)", reason, GUEST_COUNT(&ig));
	irq_stop();
}

/* A vector below 16 is an error: its interrupt comes, and ESR says what it was, once written to. */
ABI_CODE16(error,
	APIC_ON "	movl $0x33, " APIC(370) "\n	sti\n	movl $0x44005, " APIC(300) "\n	nop\n	cli\n"
	"	movl $0, " APIC(280) "\n	mov " APIC(280) ", %eax\n	mov %eax, 0x3004\n	vmmcall\n"
	HANDLER("error_handler", "0x33"));
ABI_LABEL(error_handler);

static void test_error(void)
{
	int reason;

	irq_start(dev, 1, 1, error, error_end);
	irq_vector(0x33, error, error_handler);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1 && ig.ram[0x3004] == 0x20,
	       "an IPI with vector 5 raises LVT's error interrupt, ESR %#x (reason %d)", ig.ram[0x3004],
	       reason);
	irq_stop();
}

/* LINT0 as %eax says, then open for interrupts; one stop after each of two waits. */
#define WITH_LINT0(lvt) \
	APIC_ON "	movl $" lvt ", " APIC(350) "\n	sti\n" \
	"1:	mov $200, %cx\n2:	loop 2b\n	vmmcall\n	jmp 1b\n"
ABI_CODE16(lint0_fixed, WITH_LINT0("0x52") HANDLER("lint0_handler", "0x52"));
ABI_LABEL(lint0_handler);
ABI_CODE16(lint0_nmi, WITH_LINT0("0x400")
	"lint0_nmi_handler:\n	incw 0x3000\n	iret\n");
ABI_LABEL(lint0_nmi_handler);
ABI_CODE16(lint0_masked, WITH_LINT0("0x10700") HANDLER("masked_handler", "0x48"));
ABI_LABEL(masked_handler);
ABI_CODE16(lint0_extint, WITH_LINT0("0x700") "lint0_extint_handler:\n	incw 0x3000\n	iret\n");
ABI_LABEL(lint0_extint_handler);

static void line(unsigned int level)
{
	struct svmrt_vcpu_extint extint = { .size = sizeof(extint), .level = level };

	if (ioctl(ig.vcpu, SVMRT_VCPU_EXTINT, &extint))
		abi_ok(0, "SVMRT_VCPU_EXTINT: %s", extint.error);
}

/* Past the VMMCALL that stopped it. */
static int go_on(void)
{
	ig.run->rip += 3;
	ig.run->dirty = SVMRT_DIRTY_RIP;
	return abi_run(&ig);
}

static int give(uint32_t vector)
{
	ig.run->inta = vector;
	ig.run->dirty = SVMRT_DIRTY_INTA;
	return abi_run(&ig);
}

static void test_lint0_sends(const char *what, const uint8_t *code, const uint8_t *end,
			     unsigned int vector, const uint8_t *handler)
{
	unsigned int first, second, third;
	int reason;

	irq_start(dev, 1, 1, code, end);
	irq_vector(vector, code, handler);
	reason = abi_run(&ig);
	line(1);
	reason = reason == SVMRT_RUN_STOP ? go_on() : reason;
	first = GUEST_COUNT(&ig);
	line(1);
	reason = reason == SVMRT_RUN_STOP ? go_on() : reason;
	second = GUEST_COUNT(&ig);
	line(0);
	line(1);
	reason = reason == SVMRT_RUN_STOP ? go_on() : reason;
	third = GUEST_COUNT(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && first == 1 && second == 1 && third == 2,
	       "LINT0 in mode %s sends it each time the INTR line rises (reason %d, %u %u %u)", what, reason,
	       first, second, third);
	irq_stop();
}

static void test_extint(void)
{
	int reason, given, again;

	irq_start(dev, 1, 1, lint0_masked, lint0_masked_end);
	irq_vector(0x48, lint0_masked, masked_handler);
	line(1);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP, "a masked LINT0 lets no ExtINT through (reason %d)", reason);
	line(0);
	abi_ok(irq_msi(0xfee00000u, EXTINT) == 1, "ExtINT as a message is taken");
	reason = go_on();
	given = reason == SVMRT_RUN_INTA ? give(0x48) : reason;
	again = go_on();
	abi_ok(reason == SVMRT_RUN_INTA && given == SVMRT_RUN_STOP && again == SVMRT_RUN_STOP &&
	       GUEST_COUNT(&ig) == 1,
	       "it asks for one vector, whatever LINT0 says (reasons %d %d %d, count %u)", reason, given, again,
	       GUEST_COUNT(&ig));
	irq_stop();

	irq_start(dev, 1, 1, lint0_extint, lint0_extint_end);
	irq_vector(0x8, lint0_extint, lint0_extint_handler);
	line(1);
	reason = abi_run(&ig);
	line(0);
	given = reason == SVMRT_RUN_INTA ? give(0x8) : reason;
	abi_ok(reason == SVMRT_RUN_INTA && given == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1,
	       "the INTR line passes LINT0 in ExtINT mode, with a PIC's vector 8 (reasons %d %d, count %u)",
	       reason, given, GUEST_COUNT(&ig));
	irq_stop();
}

/* A deadline of the guest's own TSC; the handler notes the TSC that it finds. */
ABI_CODE16(offset,
	"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"
	"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	xor %edx, %edx\n	wrmsr\n"
	"	mov $0x832, %ecx\n	mov $0x40040, %eax\n	wrmsr\n"
	"	rdtsc\n	add $1000000, %eax\n	adc $0, %edx\n	mov $0x6e0, %ecx\n"
	"	mov %eax, 0x3010\n	mov %edx, 0x3014\n	wrmsr\n"
	"1:	sti\n	hlt\n	cli\n	cmpw $1, 0x3000\n	jb 1b\n	vmmcall\n"
	"offset_handler:\n	pushal\n	rdtsc\n	mov %eax, 0x3018\n	mov %edx, 0x301c\n	incw 0x3000\n"
	"	mov $0x80b, %ecx\n	xor %eax, %eax\n	xor %edx, %edx\n	wrmsr\n	popal\n	iret\n");
ABI_LABEL(offset_handler);

static void test_tsc_offset(void)
{
	static const uint64_t offsets[] = { 1ULL << 50, -(1ULL << 20) };
	uint64_t tsc[2];
	unsigned int i;
	int reason;

	for (i = 0; i < 2; i++) {
		irq_tsc_offset = offsets[i];
		irq_start(dev, 1, 1, offset, offset_end);
		irq_tsc_offset = 0;
		irq_vector(0x40, offset, offset_handler);
		reason = abi_run(&ig);
		memcpy(tsc, ig.ram + 0x3010, sizeof(tsc));
		abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1 && tsc[1] >= tsc[0] &&
		       (tsc[0] >= offsets[0]) == !i,
		       "TSC offset %#llx: the deadline is of the guest's own TSC (%lld after it)",
		       (unsigned long long)offsets[i], (long long)(tsc[1] - tsc[0]));
		irq_stop();
	}
}

/* 10,000 ticks a second, and a guest that does not take them until user space has seen some missed. */
ABI_CODE16(late,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x20040, " APIC(320) "\n"
	"	movl $100000, " APIC(380) "\n	out %al, $0x80\n"
	"	movl $0x10040, " APIC(320) "\n	sti\n	nop\n	nop\n	cli\n	vmmcall\n"
	HANDLER("late_handler", "0x40"));
ABI_LABEL(late_handler);

static void test_late_ticks(void)
{
	struct svmrt_stats stats;
	int first, reason;

	irq_start(dev, 1, 1, late, late_end);
	irq_vector(0x40, late, late_handler);
	first = abi_run(&ig);
	do {
		usleep(1000);
		irq_stats(&stats);
	} while (first == SVMRT_RUN_EXIT && stats.timer_missed < 5);	/* or the alarm ends it */
	ig.run->rip = ig.run->next_rip;
	ig.run->dirty = SVMRT_DIRTY_RIP;
	reason = abi_run(&ig);
	abi_ok(first == SVMRT_RUN_EXIT && reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 1,
	       "ticks that nobody took are one interrupt, and %llu are counted as missed (reason %d, %u)",
	       (unsigned long long)stats.timer_missed, reason, GUEST_COUNT(&ig));
	irq_stop();
}

int main(int argc, char **argv)
{
	struct svmrt_info info;

	irq_options(argc, argv);
	dev = abi_open();
	test_logical();
	test_lowest();
	test_ipis();
	test_error();
	test_lint0_sends("fixed", lint0_fixed, lint0_fixed_end, 0x52, lint0_handler);
	test_lint0_sends("NMI", lint0_nmi, lint0_nmi_end, 2, lint0_nmi_handler);
	test_extint();
	test_tsc_offset();
	test_late_ticks();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.pages, "nothing is left");
	return abi_done();
}
