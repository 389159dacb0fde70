/* SPDX-License-Identifier: MIT */
/* Interrupt lines: sources are ORed, changes are told to the interrupt controllers. */
#include "irq.h"
#include "vm.h"

void irq_attach(struct vm *vm, struct irq_source *source, uint32_t irq)
{
	*source = (struct irq_source){ .vm = irq < SVMT_IRQS ? vm : NULL, .irq = irq };
}

void irq_add_sink(struct vm *vm, struct irq_sink *sink)
{
	sink->next = vm->lines.sinks;
	vm->lines.sinks = sink;
}

void irq_set(struct irq_source *source, bool level)
{
	struct irq_lines *lines;
	uint32_t before;

	if (source->level == level || !source->vm)
		return;
	lines = &source->vm->lines;
	source->level = level;
	before = lines->high[source->irq];
	lines->high[source->irq] = level ? before + 1 : before - 1;
	if (!before == !lines->high[source->irq])
		return;
	for (struct irq_sink *sink = lines->sinks; sink; sink = sink->next)
		sink->line(sink, source->irq, level);
}

void irq_pulse(struct irq_source *source)
{
	irq_set(source, false);
	irq_set(source, true);
}
