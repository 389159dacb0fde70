/* SPDX-License-Identifier: MIT */
/* Bytes of a GDT (APM volume 2, 4.7) and of an IDT (4.8.3, 4.8.4; in real mode 8.6.1). */
#include <string.h>
#include "guest_tables.h"
#include "memory.h"

#define CR0_PE 1ULL
#define EFER_LMA (1ULL << 10)
#define ATTRIB_S 0x10u

bool has_long_descriptors(const struct comp *c)
{
	return vmcb_get_EFER(c->spec.vmcb) & EFER_LMA;
}

unsigned int gate_bytes(const struct comp *c)
{
	if (!(vmcb_get_CR0(c->spec.vmcb) & CR0_PE))
		return 4;
	return has_long_descriptors(c) ? 16 : 8;
}

static unsigned int descriptor_bytes(const struct comp *c, const struct spec_descriptor *d)
{
	return has_long_descriptors(c) && !(d->attrib & ATTRIB_S) ? 16 : 8;
}

uint8_t *build_gdt(struct comp *c, uint64_t *bytes)
{
	const struct spec *spec = &c->spec;
	uint8_t *table;

	*bytes = 0;
	for (size_t i = 0; i < spec->descriptor_count; i++) {
		const struct spec_descriptor *d = &spec->descriptors[i];
		const uint64_t end = d->selector + descriptor_bytes(c, d);

		*bytes = end > *bytes ? end : *bytes;
	}
	table = arena_alloc(&c->arena, (size_t)*bytes);
	for (size_t i = 0; i < spec->descriptor_count; i++) {
		const struct spec_descriptor *d = &spec->descriptors[i];
		const uint64_t low = memory_descriptor(d->base, d->limit, d->attrib);
		const uint64_t high = d->base >> 32;

		memcpy(table + d->selector, &low, sizeof(low));
		if (descriptor_bytes(c, d) == 16)
			memcpy(table + d->selector + 8, &high, sizeof(high));
	}
	return table;
}

static void put_gate(uint8_t *entry, unsigned int bytes, const struct spec_gate *gate, uint64_t to,
		     uint64_t selector)
{
	const uint64_t low = (to & 0xffff) | selector << 16 | gate->ist << 32 |
			     (uint64_t)(gate->type | gate->dpl << 5 | 0x80) << 40 |
			     (to >> 16 & 0xffff) << 48;
	const uint64_t high = to >> 32;
	const uint32_t real = (uint32_t)((to & 0xffff) | selector << 16);

	if (bytes == 4) {
		memcpy(entry, &real, sizeof(real));
		return;
	}
	memcpy(entry, &low, sizeof(low));
	if (bytes == 16)
		memcpy(entry + 8, &high, sizeof(high));
}

uint8_t *build_idt(struct comp *c, uint64_t *bytes)
{
	const struct spec *spec = &c->spec;
	const unsigned int entry = gate_bytes(c);
	uint8_t *table = arena_alloc(&c->arena, 256 * (size_t)entry);

	*bytes = 0;
	for (size_t i = 0; i < spec->gate_count; i++) {
		const struct spec_gate *gate = &spec->gates[i];

		for (unsigned int v = gate->first; v <= gate->last; v++)
			put_gate(table + v * entry, entry, gate,
				 gate->to + (v - gate->first) * gate->step, gate->has_selector ?
				 gate->selector : vmcb_get_CS_SELECTOR(spec->vmcb));
		if ((gate->last + 1) * (uint64_t)entry > *bytes)
			*bytes = (gate->last + 1) * (uint64_t)entry;
	}
	return table;
}

#define MAPPED_END (1ULL << 30)	/* what every profile can reach */

static bool no_room(struct comp *c, const struct spec_table *table, const char *what,
		    uint64_t bytes, const char *where)
{
	diag_error(&c->diag, &table->range, "%s (0x%llx bytes) finds no room in RAM below 1GiB%s; "
		   "make a region of `memory` larger, or say `at`", what, (unsigned long long)bytes,
		   where);
	return false;
}

/*
 * Where a descriptor table goes: `at`, or the highest free pages that the guest reaches by the same
 * linear address: below 1 GiB, and in an identity map where the spec has page tables.
 */
static bool find_place(struct comp *c, struct spec_table *table, const char *what, uint64_t bytes)
{
	const struct spec *spec = &c->spec;
	uint64_t best = 0, gpa;

	if (table->has_at)
		return true;
	if (!spec->page_tables.given)
		return memory_find_room(spec, bytes, MAPPED_END, &table->gpa) ||
		       no_room(c, table, what, bytes, "");
	for (size_t i = 0; i < spec->map_count; i++) {
		const struct spec_map *m = &spec->maps[i];
		const uint64_t end = m->gpa + m->bytes;

		if (m->linear == m->gpa && m->access & MAP_WRITE &&
		    memory_find_room(spec, bytes, end < MAPPED_END ? end : MAPPED_END, &gpa) &&
		    gpa >= m->gpa && gpa >= best)
			best = gpa;
	}
	table->gpa = best;
	return best || no_room(c, table, what, bytes, " that a writable map of `page_tables` has at "
			       "the same linear address");
}

static void add_pages(struct comp *c)
{
	struct spec_table *table = &c->spec.page_tables;
	uint64_t bytes = 0;
	uint8_t *data = build_pages(c, 0, &bytes);	/* how many there are */

	if (!data || (!table->has_at &&
		      !memory_find_room(&c->spec, bytes, MAPPED_END, &table->gpa) &&
		      !no_room(c, table, "the page tables", bytes, "")))
		return;
	data = build_pages(c, table->gpa, &bytes);
	memory_add(c, "the page tables", table->gpa, data, bytes, &table->range);
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		if (!spec_sets_field(c, "cr3"))
			vmcb_set_CR3(c->spec.vmcb, table->gpa);
	}
	spec_select_set(c, 0);
}

static void add_gdt(struct comp *c)
{
	struct spec_table *table = &c->spec.gdt;
	uint64_t bytes;
	const uint8_t *data = build_gdt(c, &bytes);

	if (!find_place(c, table, "the descriptor table", bytes))
		return;
	memory_add(c, "the descriptor table", table->gpa, data, bytes, &table->range);
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		if (spec_sets_field(c, "gdtr.base"))
			continue;
		vmcb_set_GDTR_BASE(c->spec.vmcb, table->gpa);
		if (!spec_sets_field(c, "gdtr.limit"))
			vmcb_set_GDTR_LIMIT(c->spec.vmcb, bytes - 1);
	}
	spec_select_set(c, 0);
}

static void add_idt(struct comp *c)
{
	struct spec_table *table = &c->spec.idt;
	uint64_t bytes;
	const uint8_t *data = build_idt(c, &bytes);

	if (!find_place(c, table, "the interrupt table", bytes))
		return;
	memory_add(c, "the interrupt table", table->gpa, data, bytes, &table->range);
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		if (spec_sets_field(c, "idtr.base"))
			continue;
		vmcb_set_IDTR_BASE(c->spec.vmcb, table->gpa);
		if (!spec_sets_field(c, "idtr.limit"))
			vmcb_set_IDTR_LIMIT(c->spec.vmcb, bytes - 1);
	}
	spec_select_set(c, 0);
}

void build_guest_tables(struct comp *c)
{
	const struct spec *spec = &c->spec;

	if (spec->page_tables.given && maps_are_sound(c))
		add_pages(c);
	if (spec->gdt.given)
		add_gdt(c);
	if (spec->idt.given)
		add_idt(c);
}
