/* SPDX-License-Identifier: MIT */
/*
 * Checks of `exits:`: what svmrt.ko accepts as a rule, said here in words of the spec.
 *
 *   exit                         user  table  skip  inject       wait  stop  events
 *   CPUID, MSR                   yes   yes    yes   vector       -     yes   all
 *   `rules` of IOIO and NPF: as those, and table
 *   HLT                          yes   -      yes   vector       yes   yes   all
 *   other instructions, IOIO     yes   -      yes   vector       -     yes   all
 *   exceptions                   yes   -      #DB   same/vector  -     yes   all
 *   NPF                          yes   -      -     -            -     yes   all
 *   SHUTDOWN, INVALID and alike  -     -      -     -            -     yes   all
 *   INTR NMI SMI INIT EXC_MC     yes   -      -     -            -     -     none, count
 *   anything else                yes   -      -     -            -     yes   all
 */
#include <inttypes.h>
#include <string.h>
#include "checks.h"
#include "spec_exits.h"

#define NEEDS PART_EXITS

enum group {
	GROUP_INSN, GROUP_EXC, GROUP_NPF, GROUP_END, GROUP_HOST, GROUP_OTHER,
};

static enum group group_of(const struct svm_exit_info *info)
{
	if (info->kind == SVM_KIND_INTR || info == &svm_exits[SVM_ROW_EXC_MC])
		return GROUP_HOST;
	if (info->kind == SVM_KIND_ERROR || info == &svm_exits[SVM_ROW_SHUTDOWN])
		return GROUP_END;
	switch (info->kind) {
	case SVM_KIND_INSN:
	case SVM_KIND_IOIO:
	case SVM_KIND_MSR:
		return GROUP_INSN;
	case SVM_KIND_EXC:
		return GROUP_EXC;
	case SVM_KIND_NPF:
		return GROUP_NPF;
	default:
		return GROUP_OTHER;
	}
}

typedef void test_rule(struct comp *c, const struct check *check, const struct svm_exit_info *info,
		       const struct spec_exit *exit);

static void each_rule(struct comp *c, const struct check *check, test_rule *test, size_t row)
{
	const struct spec_exit *exit = &c->spec.exits[row];

	test(c, check, &svm_exits[row], exit);
	for (size_t i = 0; i < exit->fine_count; i++)
		test(c, check, &svm_exits[row], &exit->fine[i]);
}

/* Run `test` over the rules that the spec changes. */
static void each(struct comp *c, const struct check *check, test_rule *test)
{
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		if (c->spec.exits[i].there && c->spec.exits[i].in_spec)
			each_rule(c, check, test, i);
}

static const struct range *do_range(const struct spec_exit *exit)
{
	return exit->do_range.source ? &exit->do_range : &exit->range;
}

static void test_table(struct comp *c, const struct check *check,
		       const struct svm_exit_info *info, const struct spec_exit *exit)
{
	if (exit->rule.action != SVMRT_DO_TABLE || exit->rule.access || !strcmp(info->name, "CPUID") ||
	    !strcmp(info->name, "MSR") || !strcmp(info->name, "XSETBV"))
		return;
	if (exit_rules_what(info->code))
		check_found(c, check, do_range(exit),
			    "`do: table` answers %s exits by %s only; write it into `rules`", info->name,
			    exit_rules_what(info->code));
	else
		check_found(c, check, do_range(exit),
			    "`do: table` answers CPUID, MSR and XSETBV exits only, not %s; "
			    "use user, skip, inject or stop",
			    info->name);
}

static void table(struct comp *c, const struct check *check)
{
	each(c, check, test_table);
}
CHECK(table, "exit-table", "svmspec(5)", NEEDS);

static void test_wait(struct comp *c, const struct check *check,
		      const struct svm_exit_info *info, const struct spec_exit *exit)
{
	if (exit->rule.action == SVMRT_DO_WAIT && strcmp(info->name, "HLT"))
		check_found(c, check, do_range(exit),
			    "`do: wait` sleeps at HLT only, not at %s; use user "
			    "or stop",
			    info->name);
}

static void wait(struct comp *c, const struct check *check)
{
	each(c, check, test_wait);
}
CHECK(wait, "exit-wait", "svmspec(5)", NEEDS);

static void test_skip(struct comp *c, const struct check *check,
		      const struct svm_exit_info *info, const struct spec_exit *exit)
{
	enum group group = group_of(info);

	if (exit->rule.action == SVMRT_DO_SKIP && group != GROUP_INSN &&
	    strcmp(info->name, "EXC_DB") && group != GROUP_END && group != GROUP_HOST)
		check_found(c, check, do_range(exit),
			    "`do: skip` steps over an instruction or drops a #DB; "
			    "%s is neither; use user or stop",
			    info->name);
}

static void skip(struct comp *c, const struct check *check)
{
	each(c, check, test_skip);
}
CHECK(skip, "exit-skip", "svmspec(5)", NEEDS);

static void test_inject(struct comp *c, const struct check *check,
			const struct svm_exit_info *info, const struct spec_exit *exit)
{
	enum group group = group_of(info);
	const struct range *range = exit->vector_range.source ? &exit->vector_range
							      : do_range(exit);

	if (exit->rule.action != SVMRT_DO_INJECT || group == GROUP_END || group == GROUP_HOST)
		return;
	if (group != GROUP_INSN && group != GROUP_EXC)
		check_found(c, check, do_range(exit),
			    "`do: inject` is for instructions and exceptions, not "
			    "for %s; use user or stop",
			    info->name);
	else if (group == GROUP_INSN && exit->rule.vector == SVMRT_VECTOR_SAME)
		check_found(c, check, range,
			    "`vector: same` is the intercepted exception itself, but %s "
			    "is an instruction; give a number",
			    info->name);
	else if (exit->rule.vector == 2 || exit->rule.vector == 31 ||
		 (exit->rule.vector == SVMRT_VECTOR_SAME &&
		  (!strcmp(info->name, "EXC_2_RESERVED") ||
		   !strcmp(info->name, "EXC_31_RESERVED"))))
		check_found(c, check, range,
			    "an exception with vector 2 or 31 cannot be injected: VMRUN "
			    "refuses it (C17); use another vector");
}

static void inject(struct comp *c, const struct check *check)
{
	each(c, check, test_inject);
}
CHECK(inject, "exit-inject", "APM 15.20", NEEDS);

static void test_end(struct comp *c, const struct check *check,
		     const struct svm_exit_info *info, const struct spec_exit *exit)
{
	if (group_of(info) == GROUP_END && exit->rule.action != SVMRT_DO_STOP)
		check_found(c, check, do_range(exit),
			    "after %s there is no state to go on from; the only "
			    "action is stop",
			    info->name);
}

static void end(struct comp *c, const struct check *check)
{
	each(c, check, test_end);
}
CHECK(end, "exit-end", "APM 15.14.3", NEEDS);

static void test_host(struct comp *c, const struct check *check,
		      const struct svm_exit_info *info, const struct spec_exit *exit)
{
	if (group_of(info) != GROUP_HOST)
		return;
	if (exit->rule.action != SVMRT_DO_USER)
		check_found(c, check, do_range(exit),
			    "%s is the host's: svmrt.ko hands it over and no rule "
			    "changes that; remove `do`",
			    info->name);
	if (exit->rule.event > SVMRT_EVENT_COUNT)
		check_found(c, check, exit->event_range.source ? &exit->event_range : &exit->range,
			    "%s is the host's and never part of a guest's stream; use `event: "
			    "count` or "
			    "none",
			    info->name);
}

static void host(struct comp *c, const struct check *check)
{
	each(c, check, test_host);
}
CHECK(host, "exit-host", "APM 15.13", NEEDS);

/* Finer rules of one exit come sorted by their first. */
static void test_overlap(struct comp *c, const struct check *check, const struct svm_exit_info *info,
			 const struct spec_exit *exit)
{
	const struct spec_exit *last[2] = { NULL, NULL };	/* by direction */

	for (size_t i = 0; i < exit->fine_count; i++) {
		const struct spec_exit *rule = &exit->fine[i], *other = NULL;

		for (unsigned int d = 0; d < 2; d++) {
			if (!(rule->rule.access >> d & 1))
				continue;
			if (last[d] && last[d]->rule.last >= rule->rule.first)
				other = last[d];
			if (!last[d] || rule->rule.last > last[d]->rule.last)
				last[d] = rule;
		}
		if (!other)
			continue;
		check_found(c, check, &rule->range,
			    "two rules of %s are for the %s 0x%" PRIx64 "; make them apart", info->name,
			    exit_rules_what(info->code), (uint64_t)rule->rule.first);
		diag_note(&c->diag, &other->range, "the other rule is here");
	}
}

static void test_rule_count(struct comp *c, const struct check *check)
{
	size_t count = 0;

	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		count += c->spec.exits[i].there + c->spec.exits[i].fine_count;
	for (size_t i = 0; i < SVM_EXIT_ROWS && count > SVMRT_MAX_RULES; i++) {
		if (!c->spec.exits[i].fine_count)
			continue;
		check_found(c, check, &c->spec.exits[i].range,
			    "%zu rules for exits, but a VM has at most %u; put ranges together", count,
			    SVMRT_MAX_RULES);
		break;
	}
}

static void rules(struct comp *c, const struct check *check)
{
	each(c, check, test_overlap);
	test_rule_count(c, check);
}
CHECK(rules, "exit-rules", "svmspec(5)", NEEDS);

static bool streamed(const struct spec *spec, uint64_t code)
{
	int row = svm_exit_row(code);
	bool found = row >= 0 && spec->exits[row].rule.event == SVMRT_EVENT_STREAM;

	for (size_t i = 0; row >= 0 && i < spec->exits[row].fine_count; i++)
		found |= spec->exits[row].fine[i].rule.event == SVMRT_EVENT_STREAM;
	return found;
}

static void expected(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.expect_event_count; i++) {
		const struct spec_expect_event *event = &c->spec.expect_events[i];

		if (!streamed(&c->spec, event->code))
			check_found(c, check, &event->range,
				    "the event %s is expected, but its exits are "
				    "not all told; write `%s: { event: stream }` under `exits`",
				    event->name, event->name);
	}
}
CHECK(expected, "expect-streamed", "svmspec(5)", PART_EXITS | PART_EXPECT);

/* Whether any vCPU can exit with the code: intercepts decide, for codes that have one. */
static bool can_happen(const struct comp *c, uint64_t code)
{
	const struct svm_intercept_info *row = svm_intercept_by_code(code);

	return !row || row->force != SVM_FORCE_NO ||
	       vmcb_get_intercepts(c->spec.vmcb, row->word) & 1u << row->bit;
}

static void test_never(struct comp *c, const struct check *check,
		       const struct svm_exit_info *info, const struct spec_exit *exit)
{
	if (!can_happen(c, info->code))
		check_found(c, check, &exit->range, "the rule for %s never has an exit, since no "
			    "vCPU has that intercept; add +%s to intercepts of `control`, or remove "
			    "the rule", info->name, info->name);
}

static void never(struct comp *c, const struct check *check)
{
	each(c, check, test_never);
}
CHECK_WARNING(never, "exit-never", "svmspec(5)", NEEDS | PART_PROFILE | PART_CONTROL);

/* Rows that the spec has, not the chipset. */
static bool has_own_msrs(const struct spec *spec)
{
	for (size_t i = 0; i < spec->msr_count; i++)
		if (!spec->msrs[i].of_platform)
			return true;
	return false;
}

/* The tables answer only exits whose rule says so. */
static void unused(struct comp *c, const struct check *check)
{
	const struct spec_exit *cpuid = &c->spec.exits[svm_exit_row(SVM_EXIT_CODE_CPUID)];
	const struct spec_exit *msr = &c->spec.exits[svm_exit_row(SVM_EXIT_CODE_MSR)];
	const bool own_cpuid = c->spec.cpuid_count && node_get(c->root, "cpuid");

	if (own_cpuid && cpuid->rule.action != SVMRT_DO_TABLE)
		check_found(c, check, do_range(cpuid), "CPUID exits are not answered from the table "
			    "of `cpuid`, which is then without use; write `do: table`, or remove "
			    "`cpuid`");
	else if (own_cpuid && !can_happen(c, SVM_EXIT_CODE_CPUID))
		check_found(c, check, &c->spec.cpuid[0].range, "CPUID is not intercepted, so that "
			    "the table of `cpuid` is without use; leave the intercept in, or remove "
			    "`cpuid`");
	if (has_own_msrs(&c->spec) && msr->rule.action != SVMRT_DO_TABLE)
		check_found(c, check, do_range(msr), "MSR exits are not answered from the table of "
			    "`msrs`, which is then without use; write `do: table`, or remove `msrs`");
}
CHECK_WARNING(unused, "table-unused", "svmspec(5)", NEEDS | PART_CONTROL | PART_CPUID | PART_MSRS);

const struct check *const exit_checks[] = {
	&check_table, &check_wait, &check_skip, &check_inject, &check_end, &check_host,
	&check_rules, &check_expected, &check_never, &check_unused, NULL,
};
