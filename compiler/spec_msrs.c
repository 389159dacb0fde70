/* SPDX-License-Identifier: MIT */
/* `msrs:`: the table that answers RDMSR and WRMSR exits. An MSR without a row is #GP both ways. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

static bool read_index(struct comp *c, const struct node *node, void *into)
{
	struct svmrt_msr_row *row = into;
	uint64_t first = 0, last = 0;

	if (!read_span(c, node, "index", 32, &first, &last))
		return false;
	row->first = (uint32_t)first;
	row->last = (uint32_t)last;
	return true;
}

static bool read_read(struct comp *c, const struct node *node, void *into)
{
	struct svmrt_msr_row *row = into;
	uint64_t value = 0;

	if (node->kind == NODE_SCALAR && !strcmp(node->text, "gp")) {
		row->read = SVMRT_MSR_GP;
		return true;
	}
	if (node->kind == NODE_SCALAR && (node->text[0] < '0' || node->text[0] > '9')) {
		diag_error(&c->diag, &node->range, "`read` is %s; the rule is a number or `gp`",
			   node_quote(&c->arena, node));
		return false;
	}
	row->read = SVMRT_MSR_VALUE;
	if (!read_number(c, node, "read", 64, UNIT_NONE, &value))
		return false;
	row->value = value;
	return true;
}

static bool read_write(struct comp *c, const struct node *node, void *into)
{
	struct svmrt_msr_row *row = into;
	const char *text = node->kind == NODE_SCALAR ? node->text : "";

	if (!strcmp(text, "gp"))
		row->write = SVMRT_MSR_GP;
	else if (!strcmp(text, "ignore"))
		row->write = SVMRT_MSR_IGNORE;
	else if (!strcmp(text, "store"))
		row->write = SVMRT_MSR_STORE;
	else {
		diag_error(&c->diag, &node->range,
			   "`write` is %s; the rule is `ignore`, `gp` or `store`",
			   node_quote(&c->arena, node));
		return false;
	}
	return true;
}

static const struct key row_keys[] = {
	{ "index", read_index, true, 0 }, { "read", read_read, false, 0 },
	{ "write", read_write, false, 0 },
};
KEY_TABLE(msr_row_keys, row_keys);

static int compare(const void *a, const void *b)
{
	const struct spec_msr *x = a, *y = b;

	return x->row.first < y->row.first ? -1 : x->row.first > y->row.first;
}

static bool check_order(struct comp *c)
{
	const struct spec_msr *msrs = c->spec.msrs;
	bool good = true;

	for (size_t i = 1; i < c->spec.msr_count; i++) {
		if (msrs[i - 1].row.last < msrs[i].row.first)
			continue;
		diag_error(&c->diag, &msrs[i].range,
			   "the MSRs 0x%" PRIx32 " to 0x%" PRIx32 " overlap "
			   "another row; an MSR has one row",
			   msrs[i].row.first, msrs[i].row.last);
		diag_note(&c->diag, &msrs[i - 1].range, "the other row is here");
		good = false;
	}
	return good;
}

bool spec_read_msrs(struct comp *c, const struct node *node, void *into)
{
	struct spec *spec = &c->spec;
	bool good = want_list(c, node, "msrs");

	(void)into;
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++) {
		const struct node *item = node->items[i];
		struct spec_msr msr = { .range = item->range };

		if (!read_map(c, item, "an MSR row", row_keys, 3, &msr.row)) {
			good = false;
			continue;
		}
		if (msr.row.write == SVMRT_MSR_STORE && msr.row.first != msr.row.last) {
			diag_error(
				&c->diag, &node_get(item, "write")->range,
				"`write: store` keeps the "
				"value of one MSR, but the row is a range; write one row for each");
			good = false;
			continue;
		}
		spec->msrs = arena_grow(&c->arena, spec->msrs, spec->msr_count, &spec->msr_capacity,
					sizeof(msr));
		spec->msrs[spec->msr_count++] = msr;
	}
	if (spec->msr_count)
		qsort(spec->msrs, spec->msr_count, sizeof(*spec->msrs), compare);
	return check_order(c) && good;
}
