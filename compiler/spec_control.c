/* SPDX-License-Identifier: MIT */
/*
 * `control:`: intercepts relative to the profile, and every field of the control area that VMRUN
 * reads and that is no physical address of the host's. Whether svmrt.ko takes it is a check's
 * business: a VMCB may be meant for another hypervisor.
 */
#include <ctype.h>
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"
#include "suggest.h"
#include "wide.h"

/* kmod/control.c has the same list. */
static const char *const svmrt_fields[] = {
	"TSC_OFFSET", "PAUSE_FILTER_THRESHOLD", "PAUSE_FILTER_COUNT", "V_TPR", "INTERRUPT_SHADOW",
	"V_INTR_MASKING", "NP_ENABLE", "EVENTINJ",
};

/* Physical addresses of the host's, which no template knows. */
static const char *const addresses[] = {
	"IOPM_BASE_PA", "MSRPM_BASE_PA", "N_CR3", "AVIC_BACKING_PAGE", "AVIC_LOGICAL_TABLE",
	"AVIC_PHYSICAL_TABLE", "VMSA_PA", "PML_ADDR",
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static const char *intercept_name_next(size_t index)
{
	return index < svm_intercept_count ? svm_intercepts[index].name : NULL;
}

/* The module refuses write traps, bus lock and idle HLT intercepts from every template. */
bool svmrt_takes_intercept(const struct svm_intercept_info *row)
{
	return row->word < 4 || (row->word == 4 && row->bit < 15) ||
	       (row->word == 5 && row->bit < 5);
}

bool svmrt_takes_field(const struct vmcb_field_info *field)
{
	return !field->save && is_among(field->name, svmrt_fields,
					sizeof(svmrt_fields) / sizeof(svmrt_fields[0]));
}

/* The first six words are the intercepts. */
static bool is_intercept_word(const struct vmcb_field_info *field)
{
	return !field->save && field->offset < 6 * 4;
}

bool control_takes_field(const struct vmcb_field_info *field)
{
	return !field->save && !is_intercept_word(field) && field->access != VMCB_SBZ &&
	       field->access != VMCB_OUT &&
	       !is_among(field->name, addresses, sizeof(addresses) / sizeof(addresses[0]));
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

const char *field_key(struct comp *c, const struct vmcb_field_info *field)
{
	char *lower = arena_alloc(&c->arena, strlen(field->name) + 1);

	for (size_t i = 0; field->name[i]; i++)
		lower[i] = (char)tolower((unsigned char)field->name[i]);
	return lower;
}

static void unknown_field(struct comp *c, const struct node *key)
{
	struct suggest suggest;

	suggest_begin(&suggest, key->text);
	suggest_offer(&suggest, "intercepts");
	for (size_t i = 0; i < vmcb_field_count; i++)
		if (control_takes_field(&vmcb_fields[i]))
			suggest_offer(&suggest, field_key(c, &vmcb_fields[i]));
	if (suggest.best)
		diag_error(&c->diag, &key->range, "%s is no key of control; did you mean `%s`?",
			   node_quote(&c->arena, key), suggest.best);
	else
		diag_error(&c->diag, &key->range, "%s is no key of control; its keys are intercepts "
			   "and the control fields of svmspec(5)", node_quote(&c->arena, key));
}

/* Why a spec cannot set the field, with what it can do. */
static const char *why_not(const struct vmcb_field_info *field)
{
	if (is_intercept_word(field))
		return "is the intercepts' word; name its bits in `intercepts`";
	if (field->access == VMCB_OUT)
		return "is written by #VMEXIT and not read by VMRUN; leave it out";
	if (field->access == VMCB_SBZ)
		return "is reserved and must be zero; leave it out";
	return "is a physical address of the host, which the hypervisor sets; a template has zero "
	       "there, so leave it out";
}

static bool read_field(struct comp *c, const struct node *key, const struct node *value_node)
{
	const struct vmcb_field_info *field = find_field(key->text);
	uint64_t value = 0;

	if (!field) {
		unknown_field(c, key);
		return false;
	}
	if (!control_takes_field(field)) {
		diag_error(&c->diag, &key->range, "the control field %s %s",
			   node_quote(&c->arena, key), why_not(field));
		return false;
	}
	spec_set_range(c, &c->spec.field_range[field - vmcb_fields], &value_node->range);
	if (field->bytes > 8)
		return read_wide_field(c, value_node, key->text, field);
	if (!read_number(c, value_node, key->text, field->hi - field->lo + 1u, UNIT_NONE, &value))
		return false;
	/* Setting other fields clears clean bits, so these wait for the end. */
	if (!strcmp(field->name, "VMCB_CLEAN"))
		c->spec.vmcb_clean = (uint32_t)value;
	else
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
