// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exit rules: for a whole exit code in a dense array; finer ones, by CPUID leaf, MSR, port or guest
 * physical address, in sorted tables that are searched only for codes that have some.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include "policy.h"

static bool is_host_event(int slot)
{
	return (slot >= 0x60 && slot <= 0x63) || slot == 0x52;	/* INTR NMI SMI INIT, #MC */
}

static bool is_instruction(int slot)
{
	return slot < 0x40 || (slot >= 0x65 && slot <= 0x7c) || (slot >= 0x80 && slot < 0x100);
}

static bool is_exception(int slot)
{
	return slot >= 0x40 && slot < 0x60 && slot != 0x52;
}

/*
 * action  | allowed for
 * user    | everything but SHUTDOWN and the errors (-1 .. -4)
 * stop    | everything
 * table   | CPUID, MSR, XSETBV; a range of ports or GPAs: a constant
 * wait    | HLT
 * skip    | instructions, and #DB, whose trap is dropped
 * inject  | instructions and exceptions; SAME for exceptions only
 */
static bool action_allowed(int slot, const struct svmrt_exit_rule *rule)
{
	switch (rule->action) {
	case SVMRT_DO_USER:
		return slot != 0x7f && slot < 0x110;
	case SVMRT_DO_STOP:
		return true;
	case SVMRT_DO_TABLE:
		return slot == SVMRT_SLOT_CPUID || slot == SVMRT_SLOT_MSR ||
		       slot == SVMRT_SLOT_XSETBV ||
		       (rule->access && (slot == SVMRT_SLOT_IOIO || slot == SVMRT_SLOT_NPF));
	case SVMRT_DO_WAIT:
		return slot == 0x78;
	case SVMRT_DO_SKIP:
		return is_instruction(slot) || slot == 0x41;
	case SVMRT_DO_INJECT:
		if (rule->vector == SVMRT_VECTOR_SAME)
			return is_exception(slot);
		return rule->vector < 32 && rule->vector != 2 &&
		       (is_instruction(slot) || is_exception(slot));
	default:
		return false;
	}
}

/* Does this action move RIP over the instruction? NPFs find that out for themselves. */
static bool skips(int slot, const struct svmrt_exit_rule *rule)
{
	switch (rule->action) {
	case SVMRT_DO_TABLE:
		return slot != SVMRT_SLOT_NPF;
	case SVMRT_DO_WAIT:
		return true;
	case SVMRT_DO_SKIP:
		return slot != 0x41;
	case SVMRT_DO_INJECT:	/* INT3 and INTO are traps */
		return rule->vector == SVMRT_VECTOR_SAME && (slot == 0x43 || slot == 0x44);
	default:
		return false;
	}
}

static int check_rule(const struct svmrt_exit_rule *rule, int slot, struct svmrt_policy *arg)
{
	if (slot < 0) {
		svmrt_err(arg, "exit rule for code %#llx: no such exit code", rule->code);
		return -EINVAL;
	}
	if (!action_allowed(slot, rule)) {
		svmrt_err(arg, "exit rule for code %#llx: action %u is not possible for this exit",
			  rule->code, rule->action);
		return -EINVAL;
	}
	if (rule->event >= SVMRT_EVENTS ||
	    (is_host_event(slot) && rule->event > SVMRT_EVENT_COUNT) ||
	    (rule->event == SVMRT_EVENT_SAMPLE) != !!rule->sample) {
		svmrt_err(arg, "exit rule for code %#llx: event class %u, sample %u", rule->code,
			  rule->event, rule->sample);
		return -EINVAL;
	}
	return 0;
}

static struct svmrt_policy_slot slot_of(int slot, const struct svmrt_exit_rule *rule, u32 counter)
{
	return (struct svmrt_policy_slot) {
		.action = rule->action, .event = rule->event, .vector = rule->vector,
		.sample = rule->sample, .skips = skips(slot, rule), .counter = counter,
		.value = rule->value,
	};
}

/* ---- Finer rules ---- */

/* Table of a slot and direction, or -1 where there are no finer rules. */
static int table_of(int slot, bool write)
{
	switch (slot) {
	case SVMRT_SLOT_CPUID:
		return write ? -1 : SVMRT_FINE_CPUID;
	case SVMRT_SLOT_MSR:
		return SVMRT_FINE_MSR + write;
	case SVMRT_SLOT_IOIO:
		return SVMRT_FINE_PORT + write;
	case SVMRT_SLOT_NPF:
		return SVMRT_FINE_GPA + write;
	default:
		return -1;
	}
}

static u64 highest(int slot)
{
	return slot == SVMRT_SLOT_IOIO ? 0xffff :
	       slot == SVMRT_SLOT_NPF ? (1ULL << 52) - 1 : 0xffffffff;
}

static int check_fine(const struct svmrt_exit_rule *rule, int slot, struct svmrt_policy *arg)
{
	bool constant = rule->action == SVMRT_DO_TABLE &&
			(slot == SVMRT_SLOT_IOIO || slot == SVMRT_SLOT_NPF);

	if (table_of(slot, false) < 0 || rule->access & ~(SVMRT_ON_READ | SVMRT_ON_WRITE) ||
	    (rule->access & SVMRT_ON_WRITE && table_of(slot, true) < 0)) {
		svmrt_err(arg, "exit rule for code %#llx: no finer rules for its access %u",
			  rule->code, rule->access);
		return -EINVAL;
	}
	if (rule->first > rule->last || rule->last > highest(slot) || rule->reserved ||
	    (rule->value && !constant)) {
		svmrt_err(arg, "exit rule for code %#llx, %#llx to %#llx: wrong range or value",
			  rule->code, rule->first, rule->last);
		return -EINVAL;
	}
	return 0;
}

static int compare_fine(const void *a, const void *b)
{
	const struct svmrt_fine_row *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int add_fine(struct svmrt_vm *vm, const struct svmrt_exit_rule *rules, u32 count, int table,
		    struct svmrt_policy *arg)
{
	struct svmrt_fine_table *t = &vm->fine[table];
	u32 i, fine = 0;

	for (i = 0; i < count; i++) {
		const struct svmrt_exit_rule *rule = &rules[i];
		int slot = svmrt_exit_slot(rule->code);

		if (!rule->access)
			continue;
		if ((rule->access & SVMRT_ON_READ && table_of(slot, false) == table) ||
		    (rule->access & SVMRT_ON_WRITE && table_of(slot, true) == table))
			t->rows[t->count++] = (struct svmrt_fine_row) {
				.first = rule->first, .last = rule->last, .rule = fine,
			};
		fine++;
	}
	sort(t->rows, t->count, sizeof(*t->rows), compare_fine, NULL);
	for (i = 1; i < t->count; i++) {
		if (t->rows[i].first > t->rows[i - 1].last)
			continue;
		svmrt_err(arg, "two finer exit rules for %#llx", t->rows[i].first);
		return -EINVAL;
	}
	return 0;
}

/* All tables and their rules; `fine` of them are finer rules. */
static int set_fine(struct svmrt_vm *vm, const struct svmrt_exit_rule *rules, u32 count, u32 fine,
		    struct svmrt_policy *arg)
{
	u32 i, at = 0;
	int table, err = 0;

	vm->fine_rules = kvcalloc(fine, sizeof(*vm->fine_rules), SVMRT_GFP);
	if (!vm->fine_rules)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		int slot = svmrt_exit_slot(rules[i].code);

		if (!rules[i].access)
			continue;
		vm->fine_rules[at] = slot_of(slot, &rules[i], SVMRT_SLOTS + at);
		vm->policy[slot].finer = true;
		at++;
	}
	vm->fine_count = fine;
	for (table = 0; table < SVMRT_FINE_TABLES && !err; table++) {
		vm->fine[table].rows = kvcalloc(fine, sizeof(*vm->fine[table].rows), SVMRT_GFP);
		if (!vm->fine[table].rows)
			return -ENOMEM;
		err = add_fine(vm, rules, count, table, arg);
	}
	return err;
}

const struct svmrt_policy_slot *svmrt_rule_find(const struct svmrt_vm *vm, int slot, u64 key,
						bool write)
{
	const struct svmrt_fine_table *t = &vm->fine[table_of(slot, write)];
	u32 low = 0, high = t->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct svmrt_fine_row *row = &t->rows[middle];

		if (key < row->first)
			high = middle;
		else if (key > row->last)
			low = middle + 1;
		else
			return &vm->fine_rules[row->rule];
	}
	return &vm->policy[slot];
}

/* ---- All of them ---- */

static int set_rule(struct svmrt_vm *vm, struct svmrt_policy *arg,
		    const struct svmrt_exit_rule *rule, u32 *fine)
{
	int slot = svmrt_exit_slot(rule->code);
	int err = check_rule(rule, slot, arg);

	if (err)
		return err;
	if (rule->access) {
		++*fine;
		return check_fine(rule, slot, arg);
	}
	if (rule->first || rule->last || rule->value || rule->reserved) {
		svmrt_err(arg, "exit rule for code %#llx: a range without an access", rule->code);
		return -EINVAL;
	}
	vm->policy[slot] = slot_of(slot, rule, slot);
	return 0;
}

int svmrt_rules_set(struct svmrt_vm *vm, struct svmrt_policy *arg)
{
	struct svmrt_exit_rule *rules;
	u32 i, fine = 0;
	int err = 0, slot;

	for (slot = 0; slot < SVMRT_SLOTS; slot++)
		vm->policy[slot] = (struct svmrt_policy_slot) {
			.action = slot == 0x7f || slot >= 0x110 ? SVMRT_DO_STOP : SVMRT_DO_USER,
			.event = SVMRT_EVENT_COUNT, .counter = slot,
		};
	if (!arg->rule_count)
		return 0;
	rules = svmrt_dup_user(arg->rules, arg->rule_count, sizeof(*rules));
	if (IS_ERR(rules))
		return PTR_ERR(rules);
	for (i = 0; i < arg->rule_count && !err; i++)
		err = set_rule(vm, arg, &rules[i], &fine);
	if (!err && fine)
		err = set_fine(vm, rules, arg->rule_count, fine, arg);
	kvfree(rules);
	return err;
}

void svmrt_rules_free(struct svmrt_vm *vm)
{
	int table;

	kvfree(vm->fine_rules);
	vm->fine_rules = NULL;
	vm->fine_count = 0;
	for (table = 0; table < SVMRT_FINE_TABLES; table++) {
		kvfree(vm->fine[table].rows);
		vm->fine[table] = (struct svmrt_fine_table) { 0 };
	}
}
