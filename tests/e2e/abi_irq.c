// SPDX-License-Identifier: MIT
/*
 * Local APICs, NMI and ExtINT in the lab, with real guests: timers in each mode, IPIs, INIT and SIPI,
 * priorities, and what wakes a HLT. A guest that ends with VMMCALL never left the kernel before. TAP.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "abi_irq_guest.h"

static int dev;

/* Five ticks, slept for in HLT. */
#define WAIT_FOR(n) \
	"1:	sti\n	hlt\n	cli\n	cmpw $" #n ", 0x3000\n	jb 1b\n	vmmcall\n"

ABI_CODE16(one_shot,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x40, " APIC(320) "\n"
	"	movl $1000000, " APIC(380) "\n"
	WAIT_FOR(1) HANDLER("one_shot_handler", "0x40"));
ABI_LABEL(one_shot_handler);
ABI_CODE16(periodic,
	APIC_ON "	movl $0xb, " APIC(3e0) "\n	movl $0x20040, " APIC(320) "\n"
	"	movl $1000000, " APIC(380) "\n"
	WAIT_FOR(5) HANDLER("periodic_handler", "0x40"));
ABI_LABEL(periodic_handler);
/* By MSRs: x2APIC on, SVR, LVT timer in TSC deadline mode, deadline a million ticks from now. */
ABI_CODE16(deadline,
	"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"
	"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	xor %edx, %edx\n	wrmsr\n"
	"	mov $0x832, %ecx\n	mov $0x40040, %eax\n	wrmsr\n"
	"	rdtsc\n	add $1000000, %eax\n	adc $0, %edx\n	mov $0x6e0, %ecx\n	wrmsr\n"
	WAIT_FOR(1)
	"deadline_handler:\n	pushal\n	incw 0x3000\n	mov $0x80b, %ecx\n	xor %eax, %eax\n"
	"	xor %edx, %edx\n	wrmsr\n	popal\n	iret\n");
ABI_LABEL(deadline_handler);

static void test_timers(void)
{
	static const struct {
		const char *name;
		const uint8_t *code, *end, *handler;
		int ticks;
	} modes[] = {
		{ "one-shot", one_shot, one_shot_end, one_shot_handler, 1 },
		{ "periodic", periodic, periodic_end, periodic_handler, 5 },
		{ "TSC deadline, in x2APIC mode", deadline, deadline_end, deadline_handler, 1 },
	};
	struct svmrt_stats stats;
	unsigned int i;
	int reason;
	int counted;

	for (i = 0; i < 3; i++) {
		irq_start(dev, 1, 1, modes[i].code, modes[i].end);
		irq_vector(0x40, modes[i].code, modes[i].handler);
		reason = abi_run(&ig);
		irq_stats(&stats);
		/* A periodic timer may tick once more behind the IRET, before the guest looks. */
		counted = modes[i].ticks == 1 ? GUEST_COUNT(&ig) == 1 : GUEST_COUNT(&ig) >= modes[i].ticks;
		abi_ok(reason == SVMRT_RUN_STOP && counted &&
		       stats.interrupts >= (uint64_t)modes[i].ticks && stats.exits[0x78],
		       "timer, %s: %d ticks wake HLT without user space (reason %d, count %u)",
		       modes[i].name, modes[i].ticks, reason, GUEST_COUNT(&ig));
		irq_stop();
	}
}

/* Self IPIs 30, 50, 40 with IF=0; then with TPR 40, and lower, the last step through CR8 (LOCK MOV CR0). */
ABI_CODE16(order,
	APIC_ON
	"	movl $0x44030, " APIC(300) "\n	movl $0x44050, " APIC(300) "\n"
	"	movl $0x44040, " APIC(300) "\n	sti\n	nop\n	nop\n	cli\n"
	"	movl $0x40, " APIC(080) "\n"
	"	movl $0x44030, " APIC(300) "\n	movl $0x44050, " APIC(300) "\n"
	"	movl $0x44040, " APIC(300) "\n	sti\n	nop\n	nop\n"
	"	movw $0, 0x3002\n	mov 0x3000, %ax\n	mov %ax, 0x3004\n"
	"	movl $0x30, " APIC(080) "\n	nop\n	mov 0x3000, %ax\n	mov %ax, 0x3006\n"
	"	xor %eax, %eax\n	.byte 0xf0, 0x0f, 0x22, 0xc0\n	nop\n"
	"	mov " APIC(080) ", %eax\n	mov %eax, 0x3008\n"
	"	vmmcall\n"
	HANDLER("order30", "0x30") HANDLER("order40", "0x40") HANDLER("order50", "0x50"));
ABI_LABEL(order30);
ABI_LABEL(order40);
ABI_LABEL(order50);

static void test_priorities(void)
{
	static const uint8_t wanted[] = { 0x50, 0x40, 0x30, 0x50, 0x40, 0x30 };
	int reason;

	irq_start(dev, 1, 1, order, order_end);
	irq_vector(0x30, order, order30);
	irq_vector(0x40, order, order40);
	irq_vector(0x50, order, order50);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 6 && !memcmp(ig.ram + 0x3100, wanted, 6),
	       "pending vectors come highest first (reason %d, %u: %02x %02x %02x %02x %02x %02x)", reason,
	       GUEST_COUNT(&ig), ig.ram[0x3100], ig.ram[0x3101], ig.ram[0x3102], ig.ram[0x3103],
	       ig.ram[0x3104], ig.ram[0x3105]);
	abi_ok(ig.ram[0x3004] == 4 && ig.ram[0x3006] == 5,
	       "TPR 0x40 lets 0x50 through, TPR 0x30 then 0x40, CR8 0 the rest (%u, %u)",
	       ig.ram[0x3004], ig.ram[0x3006]);
	abi_ok(!ig.ram[0x3008], "CR8 and TPR are one register");
	irq_stop();
}

/* INIT, SIPI with vector 2 (code at 0x2000), then wait for the IPI that the other sends back. */
ABI_CODE16(boot,
	APIC_ON
	"	movl $0x01000000, " APIC(310) "\n	movl $0x4500, " APIC(300) "\n"
	"	movl $0x01000000, " APIC(310) "\n	movl $0x4602, " APIC(300) "\n"
	WAIT_FOR(3) HANDLER("boot_handler", "0x41"));
ABI_LABEL(boot_handler);
/* At 0x2000, CS 0x200: unreal data segments do not survive INIT, so this one speaks x2APIC. */
ABI_CODE16(second,
	"	mov $0x1b, %ecx\n	rdmsr\n	or $0xc00, %eax\n	wrmsr\n"
	"	mov $0x80f, %ecx\n	mov $0x1ff, %eax\n	xor %edx, %edx\n	wrmsr\n"
	"	mov %cs, %ax\n	mov %ax, 0x3200\n"
	"	mov $0x802, %ecx\n	rdmsr\n	mov %eax, 0x3204\n"
	"	mov $0x830, %ecx\n	mov $0x4041, %eax\n	xor %edx, %edx\n"
	"	mov $1, %bx\n"
	"2:	wrmsr\n"
	"1:	pause\n	cmp %bx, 0x3000\n	jb 1b\n	inc %bx\n	cmp $3, %bx\n	jbe 2b\n"
	"	cli\n	hlt\n");

static void *run_ap(void *arg)
{
	*(int *)arg = abi_run(&ap);
	return NULL;
}

static void test_second_vcpu(void)
{
	int reason, ap_reason = -1;
	pthread_t thread;

	irq_start(dev, 1, 2, boot, boot_end);
	irq_vector(0x41, boot, boot_handler);
	memcpy(ig.ram + 0x2000, second, (size_t)(second_end - second));
	pthread_create(&thread, NULL, run_ap, &ap_reason);
	reason = abi_run(&ig);
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 3,
	       "the second vCPU starts by INIT and SIPI and sends three IPIs (reason %d, %u)", reason,
	       GUEST_COUNT(&ig));
	abi_ok(ig.ram[0x3201] == 2 && !ig.ram[0x3200] && ig.ram[0x3204] == 1,
	       "it started at CS 0x200 and has APIC ID 1");
	ioctl(ap.vcpu, SVMRT_VCPU_KICK);
	pthread_join(thread, NULL);
	abi_ok(ap_reason == SVMRT_RUN_KICKED, "a kick ends its HLT with IF=0 (reason %d)", ap_reason);
	irq_stop();
}

/* NMI handler: notes how deep it is, calls user space, leaves by IRET. */
ABI_CODE16(nmi,
	"1:	pause\n	cmpw $2, 0x3000\n	jb 1b\n	vmmcall\n"
	"nmi_handler:\n	push %ax\n	incw 0x3002\n	mov 0x3002, %ax\n	cmp %ax, 0x3004\n"
	"	jae 2f\n	mov %ax, 0x3004\n2:	out %al, $0x80\n	incw 0x3000\n	decw 0x3002\n"
	"	pop %ax\n	iret\n");
ABI_LABEL(nmi_handler);

static void test_nmi(unsigned int apics)
{
	int reason, first;

	irq_start(dev, apics, 1, nmi, nmi_end);
	irq_vector(2, nmi, nmi_handler);
	ioctl(ig.vcpu, SVMRT_VCPU_NMI);
	first = abi_run(&ig);
	ioctl(ig.vcpu, SVMRT_VCPU_NMI);		/* while the handler runs */
	ioctl(ig.vcpu, SVMRT_VCPU_NMI);		/* only one is remembered */
	while ((reason = abi_run(&ig)) == SVMRT_RUN_EXIT) {
		ig.run->rip = ig.run->next_rip;
		ig.run->dirty = SVMRT_DIRTY_RIP;
	}
	abi_ok(first == SVMRT_RUN_EXIT && reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 2 &&
	       ig.ram[0x3004] == 1,
	       "an NMI during an NMI handler waits for its IRET%s (reason %d, %u NMIs, depth %u)",
	       apics ? ", with an APIC" : "", reason, GUEST_COUNT(&ig), ig.ram[0x3004]);
	irq_stop();
}

/* The template's EVENTINJ is an NMI: the next one waits for the IRET of its handler. */
static void test_nmi_of_the_template(void)
{
	int reason;

	irq_event = 1ULL << 31 | 2 << 8 | 2;
	irq_start(dev, 0, 1, nmi, nmi_end);
	irq_event = 0;
	irq_vector(2, nmi, nmi_handler);
	ioctl(ig.vcpu, SVMRT_VCPU_NMI);
	while ((reason = abi_run(&ig)) == SVMRT_RUN_EXIT) {
		ig.run->rip = ig.run->next_rip;
		ig.run->dirty = SVMRT_DIRTY_RIP;
	}
	abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 2 && ig.ram[0x3004] == 1,
	       "an NMI of the template's EVENTINJ blocks the next one (reason %d, %u NMIs, depth %u)",
	       reason, GUEST_COUNT(&ig), ig.ram[0x3004]);
	irq_stop();
}

/*
 * Interrupts come with IF open, with IF closed, in the shadow of STI and of MOV SS. The handler keeps the
 * flags that were pushed and where it came from: under a debugger's single step they are the same.
 */
ABI_CODE16(stepped,
	APIC_ON "	sti\n	nop\n	movl $0x44050, " APIC(300) "\n	nop\n	nop\n"
	"	cli\n	movl $0x44050, " APIC(300) "\n	nop\n	sti\n	nop\n	nop\n"
	"	movl $0x44050, " APIC(300) "\n	mov %ss, %ax\n	mov %ax, %ss\n	nop\n"
	"	cli\n	vmmcall\n"
	"stepped_handler:\n	push %bp\n	push %ax\n	push %bx\n	mov %sp, %bp\n	mov 0x3000, %bx\n"
	"	mov 6(%bp), %ax\n	mov %ax, 0x3100(%bx)\n	mov 10(%bp), %ax\n	mov %ax, 0x3102(%bx)\n"
	"	addw $4, 0x3000\n	mov $0xfee00000, %ebp\n" APIC_EOI
	"	pop %bx\n	pop %ax\n	pop %bp\n	iret\n");
ABI_LABEL(stepped_handler);

static void test_stepped(void)
{
	struct svmrt_vcpu_debug debug = { .size = sizeof(debug), .flags = SVMRT_DEBUG_STEP };
	uint8_t seen[2][32];
	unsigned int steps = 0, i;
	int reason = 0;

	for (i = 0; i < 2; i++) {
		irq_start(dev, 1, 1, stepped, stepped_end);
		irq_vector(0x50, stepped, stepped_handler);
		if (i && ioctl(ig.vcpu, SVMRT_VCPU_DEBUG, &debug))
			abi_ok(0, "SVMRT_VCPU_DEBUG: %s", debug.error);
		while ((reason = abi_run(&ig)) == SVMRT_RUN_DEBUG)
			steps++;
		memcpy(seen[i], ig.ram + 0x3100, sizeof(seen[i]));
		abi_ok(reason == SVMRT_RUN_STOP && GUEST_COUNT(&ig) == 12,
		       "three interrupts come%s (reason %d, %u)", i ? " under a single step" : "", reason,
		       GUEST_COUNT(&ig) / 4);
		irq_stop();
	}
	abi_ok(!memcmp(seen[0], seen[1], sizeof(seen[0])) && !(seen[1][3] & 1) && steps > 60,
	       "from the same places and with the same flags, none of them the step's TF (%u steps)", steps);
}

/* Interrupts off for a while, then on: the INTR line waits for the STI and what follows it. */
ABI_CODE16(extint,
	"	mov $100, %cx\n1:	loop 1b\n	movw $1, 0x3002\n	sti\n	nop\n"
	"2:	hlt\n	jmp 2b\n"
	"extint_handler:\n	vmmcall\n");
ABI_LABEL(extint_handler);

static void test_extint(unsigned int apics)
{
	struct svmrt_vcpu_extint line = { .size = sizeof(line), .level = 1 };
	int first, again;

	irq_start(dev, apics, 1, extint, extint_end);
	irq_vector(0x48, extint, extint_handler);
	ig.run->inta = 0x48;
	ig.run->dirty = SVMRT_DIRTY_INTA;
	abi_ok(abi_run(&ig) == -EINVAL, "a vector that nobody asked for is refused");
	ioctl(ig.vcpu, SVMRT_VCPU_EXTINT, &line);
	first = abi_run(&ig);
	abi_ok(first == SVMRT_RUN_INTA && ig.ram[0x3002] == 1 && ig.run->rflags & 0x200,
	       "the INTR line asks for its vector when the guest opens IF (APICs %u, reason %d, RFLAGS %#llx)",
	       apics, first, (unsigned long long)ig.run->rflags);
	line.level = 0;
	ioctl(ig.vcpu, SVMRT_VCPU_EXTINT, &line);
	ig.run->inta = 0x48;
	ig.run->dirty = SVMRT_DIRTY_INTA;
	again = abi_run(&ig);
	abi_ok(again == SVMRT_RUN_STOP && ig.run->rip == ABI_CODE_GPA + (uint64_t)(extint_handler - extint),
	       "and its handler runs with the vector of the INTA cycle (reason %d)", again);
	irq_stop();
}

/* xAPIC registers by MOV to and from registers; EOI reads as 0. A byte access is for user space. */
ABI_CODE16(forms,
	APIC_ON
	"	mov $0x20, %ebx\n	mov %ebx, " APIC(080) "\n	mov " APIC(0b0) ", %ebx\n	mov %ebx, 0x3000\n"
	"	mov " APIC(080) ", %eax\n	mov %eax, 0x3004\n"
	"	mov " APIC(030) ", %esi\n	mov %esi, 0x3008\n"
	"	mov $0x1b, %ecx\n	rdmsr\n	mov %eax, 0x300c\n"
	"	movb $1, " APIC(080) "\n");

static void test_registers(void)
{
	struct svmrt_lapic_state state = { .size = sizeof(state) };
	uint32_t words[4];
	int reason;

	irq_start(dev, 1, 1, forms, forms_end);
	reason = abi_run(&ig);
	memcpy(words, ig.ram + 0x3000, sizeof(words));
	abi_ok(!words[0] && words[1] == 0x20 && words[2] == 0x50014 && words[3] == 0xfee00900,
	       "registers read as written (%#x %#x %#x %#x)", words[0], words[1], words[2], words[3]);
	abi_ok(reason == SVMRT_RUN_EXIT && ig.run->exitcode == 0x400 &&
	       ig.run->exitinfo2 == 0xfee00080, "another form of access is user space's");
	abi_ok(!ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, &state) && state.regs[8] == 0x20 &&
	       state.base == 0xfee00900 && state.regs[0xf] == 0x1ff, "its state can be read");
	state.flags = SVMRT_LAPIC_SET;
	state.regs[8] = 0x70;
	abi_ok(!ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, &state), "and written");
	state.flags = 0;
	memset(state.regs, 0, sizeof(state.regs));
	abi_ok(!ioctl(ig.vcpu, SVMRT_VCPU_LAPIC, &state) && state.regs[8] == 0x70 &&
	       state.regs[3] == 0x50014, "what was written is there");
	state.flags = SVMRT_LAPIC_SET;
	state.base = 0xfee00400;
	abi_ok(abi_call(&ig, ig.vcpu, SVMRT_VCPU_LAPIC, &state, state.error) == -EINVAL && ig.error[0],
	       "%s", ig.error);
	irq_stop();
}

static void test_bad_calls(void)
{
	struct svmrt_irqchip chip = { .size = sizeof(chip), .flags = 2 };
	struct svmrt_lapic_state state = { .size = sizeof(state) };
	struct svmrt_vcpu_init init = { .size = sizeof(init) };
	struct svmrt_vcpu_extint line = { .size = sizeof(line), .level = 2 };

	irq_start(dev, 0, 1, forms, forms_end);
	abi_ok(abi_call(&ig, ig.vm, SVMRT_VM_IRQCHIP, &chip, chip.error) == -EINVAL, "%s", ig.error);
	chip.flags = SVMRT_IRQCHIP_LAPIC;
	abi_ok(abi_call(&ig, ig.vm, SVMRT_VM_IRQCHIP, &chip, chip.error) == -EEXIST, "%s", ig.error);
	abi_ok(irq_msi(0xfee00000, 0x40) == -ENODEV, "%s", ig.error);
	abi_ok(abi_call(&ig, ig.vcpu, SVMRT_VCPU_LAPIC, &state, state.error) == -ENODEV, "%s", ig.error);
	abi_ok(abi_call(&ig, ig.vcpu, SVMRT_VCPU_INIT, &init, init.error) == -EINVAL, "%s", ig.error);
	abi_ok(abi_call(&ig, ig.vcpu, SVMRT_VCPU_EXTINT, &line, line.error) == -EINVAL, "%s", ig.error);
	irq_stop();
	irq_start(dev, 1, 1, forms, forms_end);
	abi_ok(irq_msi(0xfed00000, 0x40) == -EINVAL, "%s", ig.error);
	abi_ok(irq_msi(0xfee05000, 0x40) == 0, "a message for nobody is taken by nobody");
	irq_stop();
}

int main(int argc, char **argv)
{
	struct svmrt_info info;

	irq_options(argc, argv);
	dev = abi_open();
	test_timers();
	test_priorities();
	if (!irq_on_bochs)
		test_second_vcpu();
	test_nmi(0);
	test_nmi(1);
	test_nmi_of_the_template();
	if (!irq_on_bochs)
		test_stepped();
	test_extint(0);
	test_extint(SVMRT_IRQCHIP_LAPIC | SVMRT_IRQCHIP_VIRTUAL_WIRE);
	test_registers();
	test_bad_calls();
	abi_info(dev, &info);
	abi_ok(!info.vms && !info.vcpus && !info.pages, "nothing is left");
	return abi_done();
}
