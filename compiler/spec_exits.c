/* SPDX-License-Identifier: MIT */
/* `exits:`: what is done with an exit and what is told of it, over the defaults. */
#include <string.h>
#include "number.h"
#include "read.h"
#include "spec_exits.h"
#include "spec_read.h"
#include "spec_tables.h"

const char *exit_name_next(size_t index)
{
	for (size_t i = 0, seen = 0; i < SVM_EXIT_ROWS; i++) {
		bool there = svm_exits[i].kind != SVM_KIND_GHCB &&
			     svm_exits[i].kind != SVM_KIND_VC_CODE &&
			     svmrt_exit_slot(svm_exits[i].code) >= 0;

		if (there && seen++ == index)
			return svm_exits[i].name;
	}
	return NULL;
}

int read_exit_name(struct comp *c, const struct node *node)
{
	const char *name;
	const struct svm_exit_info *info;

	if (!read_text(c, node, "exit", &name))
		return -1;
	info = svm_exit_find(name);
	if (info && c->spec.exits[info - svm_exits].there)
		return (int)(info - svm_exits);
	if (info)
		diag_error(&c->diag, &node->range,
			   "%s is a code of the GHCB protocol or of #VC, never of "
			   "a VMCB; leave it out",
			   node_quote(&c->arena, node));
	else
		unknown_name(c, node, "exit code", exit_name_next, "svmspec(5) lists the names");
	return -1;
}

bool spec_read_do(struct comp *c, const struct node *node, void *into)
{
	struct spec_exit *exit = into;
	int action = node->kind == NODE_SCALAR ? svmrt_action_find(node->text) : -1;

	exit->do_range = node->range;
	if (action < 0) {
		diag_error(&c->diag, &node->range,
			   "`do` is %s; the rule is user, table, skip, inject, "
			   "wait or stop",
			   node_quote(&c->arena, node));
		return false;
	}
	if (action != exit->rule.action)
		exit->rule.vector = 0;
	exit->rule.action = (uint8_t)action;
	return true;
}

static bool set_sample(struct comp *c, const struct node *node, const char *text,
		       struct spec_exit *exit)
{
	uint64_t every = 0;

	if (number_parse(text, UNIT_NONE, &every) != NUMBER_GOOD || !every || every > UINT32_MAX) {
		diag_error(&c->diag, &node->range,
			   "the event class is %s; `sample N` tells one of every N "
			   "exits, N from 1 to 2^32 - 1",
			   node_quote(&c->arena, node));
		return false;
	}
	exit->rule.event = SVMRT_EVENT_SAMPLE;
	exit->rule.sample = (uint32_t)every;
	return true;
}

static bool read_sample_key(struct comp *c, const struct node *node, void *into)
{
	const char *text;

	return read_text(c, node, "sample", &text) && set_sample(c, node, text, into);
}

bool spec_read_event(struct comp *c, const struct node *node, void *into)
{
	static const struct key sample_keys[] = { { "sample", read_sample_key, true, 0 } };
	struct spec_exit *exit = into;
	int event;

	exit->event_range = node->range;
	if (node->kind == NODE_MAP)
		return read_map(c, node, "event", sample_keys, 1, exit);
	if (node->kind == NODE_SCALAR && !strncmp(node->text, "sample ", 7))
		return set_sample(c, node, node->text + 7, exit);
	event = node->kind == NODE_SCALAR ? svmrt_event_class_find(node->text) : -1;
	if (event < 0 || event == SVMRT_EVENT_SAMPLE) {
		diag_error(&c->diag, &node->range,
			   "`event` is %s; the rule is none, count, `sample N` or "
			   "stream",
			   node_quote(&c->arena, node));
		return false;
	}
	exit->rule.event = (uint8_t)event;
	exit->rule.sample = 0;
	return true;
}

bool spec_read_vector(struct comp *c, const struct node *node, void *into)
{
	struct spec_exit *exit = into;
	uint64_t vector = 0;

	exit->vector_range = node->range;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "same")) {
		exit->rule.vector = SVMRT_VECTOR_SAME;
		return true;
	}
	if (!read_number(c, node, "vector", 64, UNIT_NONE, &vector))
		return false;
	if (vector > 31) {
		diag_error(&c->diag, &node->range,
			   "`vector` is %s; an exception has a vector from 0 to 31, "
			   "or `same`",
			   node_quote(&c->arena, node));
		return false;
	}
	exit->rule.vector = (uint16_t)vector;
	return true;
}

static const struct key keys[] = {
	{ "do", spec_read_do, false, 0 }, { "event", spec_read_event, false, 0 },
	{ "vector", spec_read_vector, false, 0 }, { "rules", NULL, false, 0 },
};
KEY_TABLE(exit_keys, keys);

bool spec_exit_complete(struct comp *c, const struct svm_exit_info *info, struct spec_exit *exit,
			const struct node *map)
{
	const bool vector = node_get(map, "vector") != NULL;
	/* A file may change the action of a rule that it is merged over, whose vector goes with it. */
	const bool left_over = vector && exit->do_range.replaced &&
			       exit->do_range.source != exit->vector_range.source;

	if (left_over && exit->rule.action != SVMRT_DO_INJECT) {
		exit->rule.vector = 0;
		return true;
	}
	if (vector && exit->rule.action != SVMRT_DO_INJECT) {
		diag_error(&c->diag, &exit->vector_range,
			   "`vector` is for `do: inject`, but %s is handled "
			   "by `do: %s`; remove one",
			   info->name, svmrt_action_name(exit->rule.action));
		return false;
	}
	if (exit->rule.action != SVMRT_DO_INJECT || vector || !exit->do_range.source)
		return true;
	if (info->kind == SVM_KIND_EXC)
		exit->rule.vector = SVMRT_VECTOR_SAME;
	if (exit->rule.vector)
		return true;
	diag_error(&c->diag, &exit->do_range,
		   "`do: inject` on the instruction exit %s needs a `vector`, "
		   "such as 6 for #UD or 13 for #GP",
		   info->name);
	return false;
}

bool spec_read_exits(struct comp *c, const struct node *node, void *into)
{
	bool good = want_map(c, node, "exits");

	(void)into;
	for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++) {
		const struct pair *pair = &node->pairs[i];
		int row = read_exit_name(c, pair->key);
		struct spec_exit *exit;

		if (row < 0) {
			good = false;
			continue;
		}
		exit = &c->spec.exits[row];
		exit->in_spec = true;
		exit->range = pair->key->range;
		good &= read_map(c, pair->value, svm_exits[row].name, keys, 4, exit) &&
			spec_exit_complete(c, &svm_exits[row], exit, pair->value) &&
			spec_read_exit_rules(c, &svm_exits[row], exit, node_get(pair->value, "rules"));
	}
	return good;
}
