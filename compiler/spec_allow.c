/* SPDX-License-Identifier: MIT */
/*
 * `allow:`: checks whose illegal save state is wanted, since VMEXIT_INVALID is what a test of a
 * processor may be after and harms nobody. Any other rule stays, and the answer says why.
 */
#include <stdlib.h>
#include <string.h>
#include "checks/checks.h"
#include "read.h"
#include "spec_read.h"

/* The rows of facts/consistency_checks.csv by their class. */
static const struct {
	char letter;
	unsigned long first, last;
	const char *why;		/* NULL: class save, which may be allowed */
} classes[] = {
	{ 'C', 1, 12, NULL },
	{ 'C', 13, 22, "is about control state, which never reaches the hardware: svmrt.ko builds "
		"it itself" },
	{ 'C', 23, 26, "is about nested paging, which svmrt.ko sets up itself; illegal state of "
		"that kind never reaches the hardware" },
	{ 'C', 27, 27, "is about paging without nested paging, which svmrt.ko always turns on" },
	{ 'C', 28, 31, "is about CET, whose state svmrt.ko wants to be zero" },
	{ 'C', 32, 39, "is about confidential guests, which svmrt.ko refuses" },
	{ 'G', 1, 4, "is about the host's side of VMRUN, which no spec describes" },
	{ 'W', 1, 22, "is a warning and refuses nothing; -W no-NAME hides it" },
};
#define CLASS_COUNT (sizeof(classes) / sizeof(classes[0]))

static const char *save_name_next(size_t index)
{
	static const char *const names[] = {
		"C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12",
	};

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

static int find_class(const char *name)
{
	char *end;
	unsigned long number = name[0] ? strtoul(name + 1, &end, 10) : 0;

	if (strlen(name) != 3 || strspn(name + 1, "0123456789") != 2)
		return -1;
	for (size_t i = 0; i < CLASS_COUNT; i++)
		if (classes[i].letter == name[0] && number >= classes[i].first &&
		    number <= classes[i].last)
			return (int)i;
	return -1;
}

static bool read_name(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	const char *name;
	int class;

	if (!read_text(c, node, "allow", &name))
		return false;
	class = find_class(name);
	if (class < 0 && check_find(name)) {
		diag_error(&c->diag, &node->range, "%s is a rule of svmkit's, not a save state "
			   "that VMRUN refuses; it cannot be allowed", node_quote(&c->arena, node));
		return false;
	}
	if (class < 0) {
		unknown_name(c, node, "check that can be allowed", save_name_next,
			     "these are C01 to C12, the save states that VMRUN refuses");
		return false;
	}
	if (classes[class].why) {
		diag_error(&c->diag, &node->range, "%s cannot be allowed: it %s",
			   node_quote(&c->arena, node), classes[class].why);
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
