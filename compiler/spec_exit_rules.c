/* SPDX-License-Identifier: MIT */
/* `rules:` of an exit: what is done and told by CPUID leaf, MSR, port or guest physical address. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "spec_exits.h"
#include "spec_tables.h"

static const struct kind {
	uint64_t code;
	const char *what;
	unsigned int bits;
	bool directions;	/* reads and writes can be told apart */
} kinds[] = {
	{ SVM_EXIT_CODE_CPUID, "leaf", 32, false }, { SVM_EXIT_CODE_MSR, "MSR", 32, true },
	{ SVM_EXIT_CODE_IOIO, "port", 16, true },
	{ SVM_EXIT_CODE_NPF, "guest physical address", 52, true },
};

static const struct kind *kind_of(uint64_t code)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].code == code)
			return &kinds[i];
	return NULL;
}

const char *exit_rules_what(uint64_t code)
{
	const struct kind *kind = kind_of(code);

	return kind ? kind->what : NULL;
}

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_exit *exit = into;
	uint64_t first = 0, last = 0;

	if (!read_span(c, node, "at", kind_of(exit->rule.code)->bits, &first, &last))
		return false;
	exit->rule.first = first;
	exit->rule.last = last;
	return true;
}

static bool read_access(struct comp *c, const struct node *node, void *into)
{
	struct spec_exit *exit = into;
	const char *text = node->kind == NODE_SCALAR ? node->text : "";

	if (!kind_of(exit->rule.code)->directions) {
		diag_error(&c->diag, &node->range, "`access` is %s, but CPUID only reads; remove it",
			   node_quote(&c->arena, node));
		return false;
	}
	exit->rule.access = !strcmp(text, "read") ? SVMRT_ON_READ :
			    !strcmp(text, "write") ? SVMRT_ON_WRITE : 0;
	if (exit->rule.access)
		return true;
	diag_error(&c->diag, &node->range,
		   "`access` is %s; the rule is read or write, or no `access` for both",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_value(struct comp *c, const struct node *node, void *into)
{
	struct spec_exit *exit = into;
	uint64_t value = 0;

	exit->value_range = node->range;
	if (!read_number(c, node, "value", 64, UNIT_NONE, &value))
		return false;
	exit->rule.value = value;
	return true;
}

static const struct key keys[] = {
	{ "at", read_at, true, 0 }, { "access", read_access, false, 0 },
	{ "do", spec_read_do, false, 0 }, { "event", spec_read_event, false, 0 },
	{ "vector", spec_read_vector, false, 0 }, { "value", read_value, false, 0 },
};
KEY_TABLE(exit_rule_keys, keys);

/* `value` belongs to `do: table` of ports and addresses, and that to `value`. */
static bool check_value(struct comp *c, const struct svm_exit_info *info, const struct spec_exit *exit,
			const struct node *map)
{
	const bool constant = exit->rule.action == SVMRT_DO_TABLE && info->code != SVM_EXIT_CODE_CPUID &&
			      info->code != SVM_EXIT_CODE_MSR;
	const bool given = node_get(map, "value") != NULL;

	if (constant == given)
		return true;
	if (given)
		diag_error(&c->diag, &exit->value_range,
			   "`value` is what `do: table` answers for a port or an address; remove it, or "
			   "write `do: table` on IOIO or NPF");
	else
		diag_error(&c->diag, exit->do_range.source ? &exit->do_range : &exit->range,
			   "`do: table` for a %s needs a `value`, which reads give and writes drop",
			   kind_of(info->code)->what);
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct svmrt_exit_rule *x = &((const struct spec_exit *)a)->rule;
	const struct svmrt_exit_rule *y = &((const struct spec_exit *)b)->rule;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->access < y->access ? -1 : x->access > y->access;
}

/* What a rule does not say is as for the whole exit. */
static struct spec_exit from(const struct spec_exit *exit, const struct node *item)
{
	struct spec_exit rule = {
		.there = true, .in_spec = true, .rule = exit->rule, .range = item->range,
	};

	rule.rule.access = kind_of(exit->rule.code)->directions ? SVMRT_ON_READ | SVMRT_ON_WRITE :
								  SVMRT_ON_READ;
	return rule;
}

bool spec_read_exit_rules(struct comp *c, const struct svm_exit_info *info, struct spec_exit *exit,
			  const struct node *list)
{
	bool good;

	if (!list)
		return true;
	if (!kind_of(info->code)) {
		diag_error(&c->diag, &list->range,
			   "`rules` are for CPUID (by leaf), MSR, IOIO (by port) and NPF (by address), not "
			   "for %s; remove them",
			   info->name);
		return false;
	}
	good = want_list(c, list, "rules");
	for (size_t i = 0; list->kind == NODE_LIST && i < list->count; i++) {
		struct spec_exit rule = from(exit, list->items[i]);

		if (!read_map(c, list->items[i], "one of `rules`", keys, 6, &rule) ||
		    !spec_exit_complete(c, info, &rule, list->items[i]) ||
		    !check_value(c, info, &rule, list->items[i])) {
			good = false;
			continue;
		}
		exit->fine = arena_grow(&c->arena, exit->fine, exit->fine_count, &exit->fine_capacity,
					sizeof(rule));
		exit->fine[exit->fine_count++] = rule;
	}
	if (exit->fine_count)
		qsort(exit->fine, exit->fine_count, sizeof(*exit->fine), compare);
	return good;
}
