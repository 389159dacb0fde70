/* SPDX-License-Identifier: MIT */
/*
 * `cpuid:`: the table that answers CPUID exits. `base: none` starts from zeroes, `base: host` from
 * the leaves of cpuid_base.c, taken from the host when the VM is made; no host value is in a template.
 */
#include <stdlib.h>
#include <string.h>
#include "platform.h"
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

#define SUBLEAF SVMRT_CPUID_SUBLEAF
#define MAX_ROWS SVMT_MAX_ROWS

static void add_row(struct comp *c, const struct svmrt_cpuid_row *row, bool in_set,
		    const struct range *range)
{
	struct spec *spec = &c->spec;

	spec->cpuid = arena_grow(&c->arena, spec->cpuid, spec->cpuid_count, &spec->cpuid_capacity,
				 sizeof(*spec->cpuid));
	spec->cpuid[spec->cpuid_count++] = (struct spec_cpuid){ *row, in_set, *range };
}

static void add_base(struct comp *c, const struct range *range)
{
	size_t count;
	const struct svmrt_cpuid_row *rows = cpuid_base_rows(&c->arena, spec_has_chipset(&c->spec),
							     c->spec.vcpu_count, &count);

	for (size_t i = 0; i < count; i++)
		add_row(c, &rows[i], false, range);
}

static bool read_base(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "none"))
		return true;
	if (node->kind != NODE_SCALAR || strcmp(node->text, "host")) {
		diag_error(&c->diag, &node->range, "`base` is %s; the rule is `host` or `none`",
			   node_quote(&c->arena, node));
		return false;
	}
	add_base(c, &node->range);
	return true;
}

struct set_row {
	struct svmrt_cpuid_row row;
	bool given[4];
};

static bool read_leaf(struct comp *c, const struct node *node, void *into)
{
	struct set_row *set = into;
	uint64_t value = 0;
	bool good = read_number(c, node, "leaf", 32, UNIT_NONE, &value);

	set->row.leaf = (uint32_t)value;
	return good;
}

static bool read_subleaf(struct comp *c, const struct node *node, void *into)
{
	struct set_row *set = into;
	uint64_t value = 0;
	bool good = read_number(c, node, "subleaf", 32, UNIT_NONE, &value);

	set->row.subleaf = (uint32_t)value;
	set->row.flags = SUBLEAF;
	return good;
}

static bool read_answer(struct comp *c, const struct node *node, void *into, unsigned int reg,
			const char *name)
{
	struct set_row *set = into;
	uint64_t value = 0;
	bool good = read_number(c, node, name, 32, UNIT_NONE, &value);

	set->row.set[reg] = (uint32_t)value;
	set->given[reg] = true;
	return good;
}

static bool read_eax(struct comp *c, const struct node *node, void *into)
{
	return read_answer(c, node, into, 0, "eax");
}

static bool read_ebx(struct comp *c, const struct node *node, void *into)
{
	return read_answer(c, node, into, 1, "ebx");
}

static bool read_ecx(struct comp *c, const struct node *node, void *into)
{
	return read_answer(c, node, into, 2, "ecx");
}

static bool read_edx(struct comp *c, const struct node *node, void *into)
{
	return read_answer(c, node, into, 3, "edx");
}

static const struct key row_keys[] = {
	{ "leaf", read_leaf, true, 0 }, { "subleaf", read_subleaf, false, 0 },
	{ "eax", read_eax, false, 0 }, { "ebx", read_ebx, false, 0 },
	{ "ecx", read_ecx, false, 0 }, { "edx", read_edx, false, 0 },
};
KEY_TABLE(cpuid_row_keys, row_keys);

static bool same_key(const struct svmrt_cpuid_row *a, const struct svmrt_cpuid_row *b)
{
	return a->leaf == b->leaf && a->flags == b->flags && a->subleaf == b->subleaf;
}

/* Numbers of rows by leaf and subleaf, from 1; open addressing, at most half full. */
struct row_index {
	uint32_t *slots;
	size_t mask;
};

/* The slot of the row with this key, or the empty one where it belongs. */
static uint32_t *find_slot(const struct comp *c, const struct row_index *index,
			   const struct svmrt_cpuid_row *row)
{
	size_t at = (row->leaf * 0x9e3779b1u ^ row->subleaf * 0x85ebca6bu) & index->mask;

	while (index->slots[at] && !same_key(&c->spec.cpuid[index->slots[at] - 1].row, row))
		at = (at + 1) & index->mask;
	return &index->slots[at];
}

static struct row_index index_rows(struct comp *c, size_t more)
{
	struct row_index index = { .mask = 63 };

	while (index.mask < 2 * (c->spec.cpuid_count + more))
		index.mask = 2 * index.mask + 1;
	index.slots = arena_alloc(&c->arena, (index.mask + 1) * sizeof(*index.slots));
	for (size_t i = 0; i < c->spec.cpuid_count; i++)
		*find_slot(c, &index, &c->spec.cpuid[i].row) = (uint32_t)i + 1;
	return index;
}

uint32_t cpuid_live_of(unsigned int reg)
{
	static const uint32_t live[4] = {
		0, SVMRT_CPUID_LIVE_EBX_ID | SVMRT_CPUID_LIVE_XSAVE, SVMRT_CPUID_LIVE_OSXSAVE,
		SVMRT_CPUID_LIVE_EDX_ID,
	};

	return live[reg];
}

/* Registers that the row gives replace those of the base's row; the others stay as they are. */
static bool apply_row(struct comp *c, const struct row_index *index, const struct set_row *set,
		      const struct range *range)
{
	uint32_t *slot = find_slot(c, index, &set->row);
	struct spec_cpuid *old;

	if (!*slot) {
		add_row(c, &set->row, true, range);
		*slot = (uint32_t)c->spec.cpuid_count;
		return true;
	}
	old = &c->spec.cpuid[*slot - 1];
	if (old->in_set) {
		diag_error(&c->diag, range, "CPUID leaf 0x%x is set twice; merge the rows",
			   set->row.leaf);
		diag_note(&c->diag, &old->range, "the first one is here");
		return false;
	}
	for (unsigned int reg = 0; reg < 4; reg++) {
		if (!set->given[reg])
			continue;
		old->row.keep[reg] = 0;
		old->row.set[reg] = set->row.set[reg];
		old->row.live &= ~cpuid_live_of(reg);
	}
	old->in_set = true;
	old->range = *range;
	return true;
}

static bool read_set(struct comp *c, const struct node *node, void *into)
{
	struct row_index index;
	bool good = true;

	(void)into;
	if (!want_list(c, node, "set"))
		return false;
	if (node->count > MAX_ROWS) {
		diag_error(&c->diag, &node->range, "`set` has %zu rows; at most %u", node->count,
			   MAX_ROWS);
		return false;
	}
	index = index_rows(c, node->count);
	for (size_t i = 0; i < node->count; i++) {
		struct set_row set = { .row = { .leaf = 0 } };

		if (read_map(c, node->items[i], "a CPUID row", row_keys, 6, &set))
			good &= apply_row(c, &index, &set, &node->items[i]->range);
		else
			good = false;
	}
	return good;
}

/* By leaf, and rows for one subleaf before the general row: what a reader of templates wants. */
static int compare(const void *a, const void *b)
{
	const struct svmrt_cpuid_row *x = &((const struct spec_cpuid *)a)->row;
	const struct svmrt_cpuid_row *y = &((const struct spec_cpuid *)b)->row;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	if (x->flags != y->flags)
		return x->flags ? -1 : 1;
	return x->subleaf < y->subleaf ? -1 : x->subleaf > y->subleaf;
}

static const struct key keys[] = {
	{ "base", read_base, false, 0 }, { "set", read_set, false, 0 },
};
KEY_TABLE(cpuid_keys, keys);

static void sort_rows(struct comp *c)
{
	if (c->spec.cpuid_count)
		qsort(c->spec.cpuid, c->spec.cpuid_count, sizeof(*c->spec.cpuid), compare);
}

bool spec_read_cpuid(struct comp *c, const struct node *node, void *into)
{
	bool good = read_map(c, node, "cpuid", keys, 2, into);

	sort_rows(c);
	return good;
}

void spec_add_cpuid_base(struct comp *c, const struct range *range)
{
	add_base(c, range);
	sort_rows(c);
}
