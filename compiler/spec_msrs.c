/* SPDX-License-Identifier: MIT */
/* `msrs:`: the table that answers RDMSR and WRMSR exits. An MSR without a row is #GP both ways. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

static const char *msr_name_next(size_t index)
{
	return index < svm_msr_count ? svm_msrs[index].name : NULL;
}

/* One end of a range: a name of the table or a number. */
static bool read_end(struct comp *c, const struct node *node, const char *text, const char *what,
		     uint32_t *index)
{
	const struct svm_msr_info *msr = svm_msr_find(text);
	struct node end = *node;
	uint64_t value = 0;

	end.text = text;
	end.text_bytes = strlen(text);
	if (msr) {
		*index = msr->index;
		return true;
	}
	if (*text < '0' || *text > '9') {
		unknown_name(c, &end, "MSR", msr_name_next,
			     "svmspec(5) lists the names; a number is good for any MSR");
		return false;
	}
	if (!read_number(c, &end, what, 32, UNIT_NONE, &value))
		return false;
	*index = (uint32_t)value;
	return true;
}

bool read_msr_span(struct comp *c, const struct node *node, const char *what, uint32_t *first,
		   uint32_t *last)
{
	const char *text, *dash;

	if (!read_text(c, node, what, &text))
		return false;
	dash = strchr(text, '-');
	if (!dash) {
		if (!read_end(c, node, text, what, first))
			return false;
		*last = *first;
		return true;
	}
	if (!read_end(c, node, arena_copy(&c->arena, text, (size_t)(dash - text)), what, first) ||
	    !read_end(c, node, dash + 1, what, last))
		return false;
	if (*first <= *last)
		return true;
	diag_error(&c->diag, &node->range, "`%s` is %s, from 0x%" PRIx32 " to 0x%" PRIx32 "; a range "
		   "is FIRST-LAST, names or 32-bit numbers, both ends included", what,
		   node_quote(&c->arena, node), *first, *last);
	return false;
}

static bool read_index(struct comp *c, const struct node *node, void *into)
{
	struct spec_msr *msr = into;

	return read_msr_span(c, node, "index", &msr->row.first, &msr->row.last);
}

static bool read_pass(struct comp *c, const struct node *node, void *into)
{
	static const char *const words[] = { "none", "read", "write", "both" };
	struct spec_msr *msr = into;

	msr->pass_range = node->range;
	for (uint8_t i = 0; node->kind == NODE_SCALAR && i < 4; i++) {
		if (strcmp(node->text, words[i]))
			continue;
		msr->pass = i;
		return true;
	}
	diag_error(&c->diag, &node->range, "`pass` is %s; the rule is `none`, `read`, `write` or "
		   "`both`", node_quote(&c->arena, node));
	return false;
}

static bool read_read(struct comp *c, const struct node *node, void *into)
{
	struct svmrt_msr_row *row = &((struct spec_msr *)into)->row;
	uint64_t value = 0;

	if (node->kind == NODE_SCALAR && !strcmp(node->text, "gp")) {
		row->read = SVMRT_MSR_GP;
		return true;
	}
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "state")) {
		row->read = SVMRT_MSR_STATE;
		return true;
	}
	if (node->kind == NODE_SCALAR && (node->text[0] < '0' || node->text[0] > '9')) {
		diag_error(&c->diag, &node->range, "`read` is %s; the rule is a number, `gp` or `state`",
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
	struct svmrt_msr_row *row = &((struct spec_msr *)into)->row;
	const char *text = node->kind == NODE_SCALAR ? node->text : "";

	if (!strcmp(text, "gp"))
		row->write = SVMRT_MSR_GP;
	else if (!strcmp(text, "ignore"))
		row->write = SVMRT_MSR_IGNORE;
	else if (!strcmp(text, "store"))
		row->write = SVMRT_MSR_STORE;
	else if (!strcmp(text, "state"))
		row->write = SVMRT_MSR_STATE;
	else {
		diag_error(&c->diag, &node->range,
			   "`write` is %s; the rule is `ignore`, `gp`, `store` or `state`",
			   node_quote(&c->arena, node));
		return false;
	}
	return true;
}

static const struct key row_keys[] = {
	{ "index", read_index, true, 0 }, { "read", read_read, false, 0 },
	{ "write", read_write, false, 0 }, { "pass", read_pass, false, 0 },
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

/* What a guest touches without an exit must be switched for it (B4), and needs no answer. */
static bool check_pass(struct comp *c, const struct node *item, const struct spec_msr *msr)
{
	static const char *const keys[] = { "read", "write" };
	bool good = true;

	for (uint64_t i = msr->row.first; msr->pass && i <= msr->row.last; i++) {
		if (msr_is_switched((uint32_t)i))
			continue;
		diag_error(&c->diag, &msr->pass_range, "the MSR 0x%" PRIx64 " is the host's while "
			   "the guest runs, so that it cannot pass; VMLOAD and VMSAVE switch FS_BASE, "
			   "GS_BASE, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SFMASK and SYSENTER_*", i);
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		const struct node *answer = node_get(item, keys[i]);

		if (!answer || !(msr->pass & 1u << i))
			continue;
		diag_error(&c->diag, &answer->range, "`%s` is the answer to an exit, but `pass` "
			   "lets the guest do it without one; remove one of them", keys[i]);
		diag_note(&c->diag, &msr->pass_range, "`pass` is here");
		good = false;
	}
	return good;
}

/* `state` is for the few MSRs that svmrt.ko has a register of the vCPU for. */
static bool check_state(struct comp *c, const struct node *item, const struct spec_msr *msr)
{
	static const char *const keys[] = { "read", "write" };
	const bool wanted[] = {
		msr->row.read == SVMRT_MSR_STATE, msr->row.write == SVMRT_MSR_STATE,
	};
	bool good = true;

	for (unsigned int i = 0; i < 2; i++) {
		if (!wanted[i] || (msr->row.first == msr->row.last && svmrt_msr_has_state(msr->row.first)))
			continue;
		diag_error(&c->diag, &node_get(item, keys[i])->range, "`%s: state` is for TSC, PAT, EFER "
			   "and TSC_AUX, each in a row of its own", keys[i]);
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

		if (!read_map(c, item, "an MSR row", row_keys, 4, &msr) ||
		    !check_pass(c, item, &msr) || !check_state(c, item, &msr)) {
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
