/* SPDX-License-Identifier: MIT */
/*
 * `control:`: intercepts relative to the profile, and the few control fields that svmrt.ko takes
 * from a template. The module owns the others; asking for them is an error that says so.
 */
#include <ctype.h>
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

/* kmod/control.c has the same list: TSC_OFFSET, the PAUSE filter, V_TPR and the shadow. */
static const char *const allowed_fields[] = {
	"TSC_OFFSET", "PAUSE_FILTER_THRESHOLD", "PAUSE_FILTER_COUNT", "V_TPR", "INTERRUPT_SHADOW",
};
#define ALLOWED_COUNT (sizeof(allowed_fields) / sizeof(allowed_fields[0]))
#define ALLOWED_LIST "intercepts, tsc_offset, pause_filter_threshold, pause_filter_count, v_tpr " \
	"and interrupt_shadow"

static const char *intercept_name_next(size_t index)
{
	return index < svm_intercept_count ? svm_intercepts[index].name : NULL;
}

/* The module refuses write traps, bus lock and idle HLT intercepts from every template. */
bool control_takes_intercept(const struct svm_intercept_info *row)
{
	return row->word < 4 || (row->word == 4 && row->bit < 15) ||
	       (row->word == 5 && row->bit < 5);
}

bool control_takes_field(const struct vmcb_field_info *field)
{
	for (size_t i = 0; !field->save && i < ALLOWED_COUNT; i++)
		if (!strcmp(allowed_fields[i], field->name))
			return true;
	return false;
}

static void change(struct comp *c, const struct svm_intercept_info *row, bool set)
{
	uint32_t word = vmcb_get_intercepts(c->spec.vmcb, row->word);

	word = set ? word | 1u << row->bit : word & ~(1u << row->bit);
	vmcb_set_intercepts(c->spec.vmcb, row->word, word);
}

static bool read_intercept(struct comp *c, const struct node *node)
{
	const struct svm_intercept_info *row;
	const char *name;
	struct node bare = *node;
	struct range *range;
	bool *seen;

	if (!read_text(c, node, "intercepts", &name))
		return false;
	if (*name != '+' && *name != '-') {
		diag_error(&c->diag, &node->range,
			   "the intercept %s has no sign; write `+%.40s` to add it "
			   "to the profile's, `-%.40s` to remove it",
			   node_quote(&c->arena, node), name, name);
		return false;
	}
	row = svm_intercept_find(name + 1);
	if (!row) {
		bare.text = name + 1;
		bare.text_bytes--;
		unknown_name(c, &bare, "intercept", intercept_name_next,
			     "svmspec(5) lists the intercepts");
		return false;
	}
	if (!control_takes_intercept(row) && *name == '+') {
		diag_error(&c->diag, &node->range,
			   "svmrt.ko does not take the intercept %s (%s); leave it "
			   "out",
			   row->name, row->feature);
		return false;
	}
	range = &c->spec.intercept_range[row - svm_intercepts];
	seen = &c->spec.intercept_seen[row - svm_intercepts];
	if (*seen) {
		diag_error(&c->diag, &node->range, "the intercept %s is there twice; remove one",
			   row->name);
		diag_note(&c->diag, range, "the first one is here");
		return false;
	}
	*seen = true;
	spec_set_range(c, range, &node->range);
	change(c, row, *name == '+');
	return true;
}

static bool read_intercepts(struct comp *c, const struct node *node)
{
	bool good = true;

	if (!want_list(c, node, "intercepts"))
		return false;
	memset(c->spec.intercept_seen, 0, svm_intercept_count * sizeof(bool));
	for (size_t i = 0; i < node->count; i++)
		good &= read_intercept(c, node->items[i]);
	return good;
}

/* Table row of a control field named in lower case, or NULL. */
static const struct vmcb_field_info *find_field(const char *key)
{
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const char *name = vmcb_fields[i].name, *k = key;

		if (vmcb_fields[i].save)
			continue;
		while (*k && *k == tolower((unsigned char)*name))
			k++, name++;
		if (!*k && !*name)
			return &vmcb_fields[i];
	}
	return NULL;
}

static const char *allowed_name_next(size_t index)
{
	static const char *const names[] = {
		"intercepts", "tsc_offset", "pause_filter_threshold", "pause_filter_count", "v_tpr",
		"interrupt_shadow",
	};

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

static bool read_field(struct comp *c, const struct node *key, const struct node *value_node)
{
	const struct vmcb_field_info *field = find_field(key->text);
	uint64_t value = 0;

	if (!field) {
		unknown_name(c, key, "key of control", allowed_name_next,
			     "its keys are " ALLOWED_LIST);
		return false;
	}
	if (!control_takes_field(field)) {
		diag_error(&c->diag, &key->range,
			   "the control field %s belongs to svmrt.ko, which wants it "
			   "to be zero in a template; a spec may set " ALLOWED_LIST,
			   node_quote(&c->arena, key));
		return false;
	}
	if (!read_number(c, value_node, key->text, field->hi - field->lo + 1u, UNIT_NONE, &value))
		return false;
	vmcb_set_field(c->spec.vmcb, field->offset, field->bytes, field->hi, field->lo,
		       field->clean, value);
	return true;
}

bool spec_read_control(struct comp *c, const struct node *node, void *into)
{
	bool good = want_map(c, node, "control");

	(void)into;
	for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++) {
		const struct node *key = node->pairs[i].key, *value = node->pairs[i].value;

		if (!strcmp(key->text, "intercepts"))
			good &= read_intercepts(c, value);
		else
			good &= read_field(c, key, value);
	}
	return good;
}
