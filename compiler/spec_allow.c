/* SPDX-License-Identifier: MIT */
/*
 * `allow:`: checks whose illegal save state is wanted, since VMEXIT_INVALID is what a test of a
 * processor may be after and harms nobody. Any other rule stays, and the answer says why.
 */
#include <string.h>
#include "checks/checks.h"
#include "read.h"
#include "spec_read.h"

static const struct rule {
	const char *id, *class;
} rules[] = {
#define SVM_RULE(id_, class_, illegal_when, result, decided, host_fact, apm) { #id_, class_ },
#include <svmkit/consistency.def>
#undef SVM_RULE
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* Why a rule of the class cannot be broken; class save is not here. */
static const struct {
	const char *class, *why;
} classes[] = {
	{ "control", "is about control state, which never reaches the hardware: svmrt.ko builds it "
		"itself" },
	{ "np", "is about nested paging, which svmrt.ko sets up itself; illegal state of that kind "
		"never reaches the hardware" },
	{ "pae", "is about paging without nested paging, which svmrt.ko always turns on" },
	{ "cet", "is about CET, which svmrt.ko does not offer to guests" },
	{ "sev", "is about confidential guests, which svmrt.ko refuses" },
	{ "snp", "is about confidential guests, which svmrt.ko refuses" },
	{ "#GP", "is about the host's side of VMRUN, which no spec describes" },
	{ "#UD", "is about the host's side of VMRUN, which no spec describes" },
	{ "warn", "is a warning and refuses nothing; -W no-NAME hides it" },
};

static bool is_save(const struct rule *rule)
{
	return !strcmp(rule->class, "save");
}

static const char *save_name_next(size_t index)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (is_save(&rules[i]) && !index--)
			return rules[i].id;
	return NULL;
}

static const struct rule *find_rule(const char *id)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (!strcmp(rules[i].id, id))
			return &rules[i];
	return NULL;
}

static const char *why_not(const struct rule *rule)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcmp(classes[i].class, rule->class))
			return classes[i].why;
	return "is about no save state";
}

static bool read_name(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	const struct rule *rule;
	const char *name;

	if (!read_text(c, node, "allow", &name))
		return false;
	rule = find_rule(name);
	if (!rule && check_find(name)) {
		diag_error(&c->diag, &node->range, "%s is a rule of svmkit's, not a save state "
			   "that VMRUN refuses; it cannot be allowed", node_quote(&c->arena, node));
		return false;
	}
	if (!rule) {
		unknown_name(c, node, "check that can be allowed", save_name_next,
			     "these are C01 to C12, the save states that VMRUN refuses");
		return false;
	}
	if (!is_save(rule)) {
		diag_error(&c->diag, &node->range, "%s cannot be allowed: it %s",
			   node_quote(&c->arena, node), why_not(rule));
		return false;
	}
	spec->allow = arena_grow(&c->arena, spec->allow, spec->allow_count, &spec->allow_capacity,
				 sizeof(*spec->allow));
	spec->allow[spec->allow_count++] = name;
	return true;
}

bool spec_read_allow(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "allow");

	(void)into;
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= read_name(c, node->items[i]);
	return good;
}
