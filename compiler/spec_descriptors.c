/* SPDX-License-Identifier: MIT */
/* `gdt:` and `idt:`: segment descriptors and gates (APM volume 2, 4.7 and 4.8). */
#include <string.h>
#include "guest_tables.h"
#include "read.h"
#include "spec_tables.h"

/* Packed attributes as in the VMCB (descriptor bits 55:52 and 47:40), and the limit that suits. */
static const struct descriptor_kind {
	const char *name;
	uint64_t attrib, limit;
} kinds[] = {
	{ "code16", 0x09b, 0xffff }, { "code32", 0xc9b, 0xffffffff },
	{ "code64", 0xa9b, 0xffffffff }, { "data16", 0x093, 0xffff },
	{ "data", 0xc93, 0xffffffff }, { "ldt", 0x082, 0xffff }, { "tss", 0x089, 0x67 },
	{ "tss16", 0x081, 0x2b },
};
#define KINDS "code16, code32, code64, data16, data, ldt, tss and tss16"

struct entry {
	struct spec_descriptor d;
	const struct descriptor_kind *kind;
	bool has_attrib, has_limit, has_dpl;
	uint64_t dpl;
};

static const char *kind_name_next(size_t index)
{
	return index < sizeof(kinds) / sizeof(kinds[0]) ? kinds[index].name : NULL;
}

const char *descriptor_kind_name(size_t index)
{
	return kind_name_next(index);
}

const char *descriptor_kind_of(uint64_t attrib, uint64_t *limit)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].attrib != (attrib & ~0x60ULL))
			continue;
		*limit = kinds[i].limit;
		return kinds[i].name;
	}
	return NULL;
}

static bool read_selector(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	if (!read_number(c, node, "selector", 16, UNIT_NONE, &entry->d.selector))
		return false;
	if (entry->d.selector >= 8 && !(entry->d.selector & 7))
		return true;
	diag_error(&c->diag, &node->range, "`selector` is %s; the rule is a multiple of 8 from 8 to "
		   "0xfff8, without RPL", node_quote(&c->arena, node));
	return false;
}

static bool read_kind(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	for (size_t i = 0; node->kind == NODE_SCALAR && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, node->text))
			entry->kind = &kinds[i];
	if (entry->kind)
		return true;
	unknown_name(c, node, "kind of descriptor", kind_name_next, "the kinds are " KINDS);
	return false;
}

static bool read_attrib(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	entry->has_attrib = true;
	return read_number(c, node, "attrib", 12, UNIT_NONE, &entry->d.attrib);
}

static bool read_base(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	return read_number(c, node, "base", 64, UNIT_SIZE, &entry->d.base);
}

static bool read_limit(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	entry->has_limit = true;
	return read_number(c, node, "limit", 32, UNIT_SIZE, &entry->d.limit);
}

static bool read_dpl(struct comp *c, const struct node *node, void *into)
{
	struct entry *entry = into;

	entry->has_dpl = true;
	return read_number(c, node, "dpl", 2, UNIT_NONE, &entry->dpl);
}

static const struct key entry_keys[] = {
	{ "selector", read_selector, true, 0 }, { "kind", read_kind, false, 0 },
	{ "attrib", read_attrib, false, 0 }, { "base", read_base, false, 0 },
	{ "limit", read_limit, false, 0 }, { "dpl", read_dpl, false, 0 },
};
KEY_TABLE(gdt_entry_keys, entry_keys);

static bool add_entry(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	struct entry entry = { .d = { .range = node->range } };

	if (!read_map(c, node, "a descriptor", entry_keys,
		      sizeof(entry_keys) / sizeof(entry_keys[0]), &entry))
		return false;
	if (!entry.kind == !entry.has_attrib || (entry.has_dpl && !entry.kind)) {
		diag_error(&c->diag, &node->range, "the descriptor has %s; the rule is `kind`, at "
			   "will with `dpl`, or `attrib` alone", !entry.kind && !entry.has_attrib ?
			   "neither `kind` nor `attrib`" : "`attrib`, which says all of them");
		return false;
	}
	if (entry.kind) {
		entry.d.attrib = entry.kind->attrib | entry.dpl << 5;
		if (!entry.has_limit)
			entry.d.limit = entry.kind->limit;
	}
	spec->descriptors = arena_grow(&c->arena, spec->descriptors, spec->descriptor_count,
				       &spec->descriptor_capacity, sizeof(entry.d));
	spec->descriptors[spec->descriptor_count++] = entry.d;
	return true;
}

static bool read_table_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_table *table = into;

	table->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &table->gpa);
}

static bool read_entries(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "entries");

	(void)into;
	if (good && (!node->count || node->count > 8191)) {
		diag_error(&c->diag, &node->range, "`entries` has %zu items; the rule is 1 to 8191",
			   node->count);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= add_entry(c, node->items[i]);
	return good;
}

static const struct key gdt_keys_[] = {
	{ "at", read_table_at, false, 0 }, { "entries", read_entries, true, 0 },
};
KEY_TABLE(gdt_keys, gdt_keys_);

bool spec_read_gdt(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	c->spec.gdt.given = true;
	c->spec.gdt.range = node->range;
	return read_map(c, node, "gdt", gdt_keys_, 2, &c->spec.gdt);
}

/* APM volume 2, 4.8.4: types of gates in an IDT; a task gate is none in long mode. */
static const struct {
	const char *name;
	unsigned int type;
} gate_kinds[] = {
	{ "interrupt", 0xe }, { "trap", 0xf }, { "interrupt16", 6 }, { "trap16", 7 },
	{ "task", 5 },
};
#define GATE_KINDS (sizeof(gate_kinds) / sizeof(gate_kinds[0]))

static const char *gate_name_next(size_t index)
{
	return index < GATE_KINDS ? gate_kinds[index].name : NULL;
}

const char *gate_kind_name(size_t index)
{
	return gate_name_next(index);
}

const char *gate_type_name(unsigned int type)
{
	for (size_t i = 0; i < GATE_KINDS; i++)
		if (gate_kinds[i].type == type)
			return gate_kinds[i].name;
	return NULL;
}

static bool read_vector(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;
	uint64_t first = 0, last = 0;

	if (!read_span(c, node, "vector", 32, &first, &last))
		return false;
	gate->first = (unsigned int)first;
	gate->last = (unsigned int)last;
	if (last < 256)
		return true;
	diag_error(&c->diag, &node->range, "`vector` is %s; the rule is 0 to 255, or a range of them",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_gate_to(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	return read_number(c, node, "to", 64, UNIT_SIZE, &gate->to);
}

static bool read_step(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	return read_number(c, node, "step", 32, UNIT_SIZE, &gate->step);
}

static bool read_gate_selector(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	gate->has_selector = true;
	return read_number(c, node, "selector", 16, UNIT_NONE, &gate->selector);
}

static bool read_gate_kind(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	for (size_t i = 0; node->kind == NODE_SCALAR && i < GATE_KINDS; i++) {
		if (strcmp(gate_kinds[i].name, node->text))
			continue;
		gate->type = gate_kinds[i].type;
		return true;
	}
	unknown_name(c, node, "kind of gate", gate_name_next,
		     "the kinds are interrupt, trap, interrupt16, trap16 and task");
	return false;
}

static bool read_gate_dpl(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	return read_number(c, node, "dpl", 2, UNIT_NONE, &gate->dpl);
}

static bool read_ist(struct comp *c, const struct node *node, void *into)
{
	struct spec_gate *gate = into;

	return read_number(c, node, "ist", 3, UNIT_NONE, &gate->ist);
}

static const struct key gate_keys[] = {
	{ "vector", read_vector, true, 0 }, { "to", read_gate_to, true, 0 },
	{ "step", read_step, false, 0 }, { "selector", read_gate_selector, false, 0 },
	{ "kind", read_gate_kind, false, 0 }, { "dpl", read_gate_dpl, false, 0 },
	{ "ist", read_ist, false, 0 },
};
KEY_TABLE(idt_gate_keys, gate_keys);

static bool read_gates(struct comp *c, const struct node *node, void *into)
{
	struct spec *spec = &c->spec;
	bool good = want_list(c, node, "gates");

	(void)into;
	if (good && (!node->count || node->count > 256)) {
		diag_error(&c->diag, &node->range, "`gates` has %zu items; the rule is 1 to 256",
			   node->count);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++) {
		struct spec_gate gate = { .type = 0xe, .range = node->items[i]->range };

		if (!read_map(c, node->items[i], "a gate", gate_keys,
			      sizeof(gate_keys) / sizeof(gate_keys[0]), &gate)) {
			good = false;
			continue;
		}
		spec->gates = arena_grow(&c->arena, spec->gates, spec->gate_count,
					 &spec->gate_capacity, sizeof(gate));
		spec->gates[spec->gate_count++] = gate;
	}
	return good;
}

static const struct key idt_keys_[] = {
	{ "at", read_table_at, false, 0 }, { "gates", read_gates, true, 0 },
};
KEY_TABLE(idt_keys, idt_keys_);

bool spec_read_idt(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	c->spec.idt.given = true;
	c->spec.idt.range = node->range;
	return read_map(c, node, "idt", idt_keys_, 2, &c->spec.idt);
}
