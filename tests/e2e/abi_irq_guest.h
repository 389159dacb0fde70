/* SPDX-License-Identifier: MIT */
/*
 * Guests for the interrupt tests: VMs with local APICs and up to two real-mode vCPUs, whose FS reaches
 * all 4 GiB, so that 16-bit code can touch the xAPIC page.
 */
#ifndef SVMKIT_TESTS_ABI_IRQ_GUEST_H
#define SVMKIT_TESTS_ABI_IRQ_GUEST_H

#include "abi_guest.h"

/* EBP holds the page's address throughout. */
#define APIC(reg) "%fs:0x" #reg "(%ebp)"
#define APIC_ON	  "	mov $0xfee00000, %ebp\n	movl $0x1ff, " APIC(0f0) "\n"
#define APIC_EOI  "	movl $0, " APIC(0b0) "\n"
/* Handler: counts in the word at 0x3000, notes its vector from 0x3100 on, ends the interrupt. */
#define HANDLER(name, vector) \
	name ":\n	push %bx\n	mov 0x3000, %bx\n	movb $" vector ", 0x3100(%bx)\n" \
	"	incw 0x3000\n	pop %bx\n" APIC_EOI "	iret\n"
#define GUEST_COUNT(g) (*(volatile uint16_t *)((g)->ram + 0x3000))

extern struct abi_guest ig;	/* vCPU 0 */
extern struct abi_guest ap;	/* vCPU 1 of the same VM, if asked for */

/*
 * -b, for Bochs (run-lab-bochs): pages that a delivery touches are there before, and nothing is tried
 * that needs a host interrupt while the guest has IF=0. Exits if there are other arguments.
 */
extern int irq_on_bochs;
void irq_options(int argc, char **argv);

extern uint64_t irq_tsc_offset;	/* of vCPUs that irq_start makes */
extern uint64_t irq_event;	/* EVENTINJ of vCPU 0 */

/* `apics`: flags of SVMRT_VM_IRQCHIP, 0: not called. `vcpus` of them; the second waits for SIPI. HLT waits, OUT goes to user space, VMMCALL stops. */
void irq_start(int dev, unsigned int apics, int vcpus, const uint8_t *code, const uint8_t *end);
void irq_vector(unsigned int vector, const uint8_t *code, const uint8_t *label);
void irq_stop(void);
void irq_stats(struct svmrt_stats *stats);
int irq_msi(uint64_t address, uint32_t data);	/* SVMRT_VM_MSI: APICs that took it, or -errno */

#endif
