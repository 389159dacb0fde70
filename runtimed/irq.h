/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines of a VM: inputs of the I/O APIC by number, and below 16 of the PICs. The level of a
 * line is the OR of its sources. Without a chipset there are no sinks and lines go nowhere. All with
 * the bus's lock.
 */
#ifndef SVMRUND_IRQ_H
#define SVMRUND_IRQ_H

#include <stdbool.h>
#include <stdint.h>
#include <svmkit/svmt.h>

struct vm;

/* Embedded in a device, for each line that it drives. */
struct irq_source {
	struct vm *vm;		/* NULL: attached to nothing */
	uint32_t irq;
	bool level;
};

/* An interrupt controller. */
struct irq_sink {
	struct irq_sink *next;
	void (*line)(struct irq_sink *sink, unsigned int irq, bool level);
};

struct irq_lines {
	struct irq_sink *sinks;
	uint32_t high[SVMT_IRQS];	/* sources of each line that are high */
};

/* SVMT_NO_IRQ: attached to nothing. */
void irq_attach(struct vm *vm, struct irq_source *source, uint32_t irq);
void irq_add_sink(struct vm *vm, struct irq_sink *sink);
void irq_set(struct irq_source *source, bool level);
/* Down and up again: an edge, if no other source holds the line. */
void irq_pulse(struct irq_source *source);

#endif
