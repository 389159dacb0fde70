/* SPDX-License-Identifier: MIT */
/*
 * Rows of `cpuid` and `msrs`, and finer rules of MSR, that something else keeps from ever being asked:
 * an exit that a finer rule takes, or an access that does not exit.
 */
#include <inttypes.h>
#include "../spec_tables.h"
#include "checks.h"

/* The rule that takes all exits for [first, last] in the direction away from the table, or NULL. */
static const struct spec_exit *taker(const struct spec_exit *exit, uint64_t first, uint64_t last,
				     uint32_t direction)
{
	for (size_t i = 0; i < exit->fine_count; i++) {
		const struct svmrt_exit_rule *rule = &exit->fine[i].rule;

		if (rule->access & direction && rule->first <= first && last <= rule->last &&
		    rule->action != SVMRT_DO_TABLE)
			return &exit->fine[i];
	}
	return NULL;
}

static void found_row(struct comp *c, const struct check *check, const struct range *row,
		      const struct spec_exit *rule, const char *what)
{
	check_found(c, check, row, "the row is never asked: a finer rule of %s has `do: %s` for all of "
		    "it; remove one of them", what, svmrt_action_name(rule->rule.action));
	diag_note(&c->diag, &rule->range, "the rule is here");
}

static void rows(struct comp *c, const struct check *check)
{
	const struct spec_exit *cpuid = &c->spec.exits[svm_exit_row(SVM_EXIT_CODE_CPUID)];
	const struct spec_exit *msr = &c->spec.exits[svm_exit_row(SVM_EXIT_CODE_MSR)];
	const struct spec_exit *rule;

	for (size_t i = 0; cpuid->fine_count && i < c->spec.cpuid_count; i++) {
		const struct spec_cpuid *x = &c->spec.cpuid[i];

		rule = x->in_set ? taker(cpuid, x->row.leaf, x->row.leaf, SVMRT_ON_READ) : NULL;
		if (rule)
			found_row(c, check, &x->range, rule, "CPUID");
	}
	for (size_t i = 0; msr->fine_count && i < c->spec.msr_count; i++) {
		const struct spec_msr *x = &c->spec.msrs[i];

		/* Of a switched MSR the row also says what exits. */
		if (!x->range.source || msr_is_switched(x->row.first))
			continue;
		rule = taker(msr, x->row.first, x->row.last, SVMRT_ON_READ);
		if (rule && taker(msr, x->row.first, x->row.last, SVMRT_ON_WRITE))
			found_row(c, check, &x->range, rule, "MSR");
	}
}
CHECK_WARNING(rows, "row-shadowed", "svmspec(5)", PART_EXITS | PART_CPUID | PART_MSRS);

/* Whether no access to the MSRs in these directions exits. */
static bool passes_all(const struct comp *c, const struct svmrt_exit_rule *rule)
{
	if (rule->last - rule->first > 0xff)	/* more than the MSRs that pass have between them */
		return false;
	for (uint64_t msr = rule->first; msr <= rule->last; msr++)
		if (rule->access & ~msr_passes(&c->spec, (uint32_t)msr))
			return false;
	return true;
}

static void msr_rules(struct comp *c, const struct check *check)
{
	const struct spec_exit *msr = &c->spec.exits[svm_exit_row(SVM_EXIT_CODE_MSR)];

	for (size_t i = 0; i < msr->fine_count; i++)
		if (passes_all(c, &msr->fine[i].rule))
			check_found(c, check, &msr->fine[i].range, "the rule never has an exit, since the "
				    "guest has 0x%" PRIx64 " for itself; give it a row of `msrs`, or "
				    "remove the rule", (uint64_t)msr->fine[i].rule.first);
}
CHECK_WARNING(msr_rules, "msr-rule-never", "APM 15.11", PART_EXITS | PART_MSRS);

const struct check *const shadow_checks[] = { &check_rows, &check_msr_rules, NULL };
