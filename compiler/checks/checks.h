/* SPDX-License-Identifier: MIT */
/*
 * Named rules over the whole description, in the shape of dtc's: a check is one function and one
 * registration line under it. A check runs only when the parts that it needs were read without
 * errors, so that one mistake does not set off others.
 */
#ifndef SVMC_CHECKS_H
#define SVMC_CHECKS_H

#include "../comp.h"

/* Rows of svm_intercepts[] by name: checks ask for the same ones in every spec. */
enum intercept_row {
#define SVM_INTERCEPT(word, bit, NAME, exitcode, force, feature, safety, meaning) ROW_##NAME,
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	INTERCEPT_ROWS
};

enum check_kind {
	CHECK_KIND_RULE,		/* an error, always */
	CHECK_KIND_SAVE,		/* VMRUN refuses the state: an error, unless `allow` names it */
	CHECK_KIND_WARNING,		/* legal, but hardly meant; -W changes it */
};

struct check {
	const char *name;
	const char *section;		/* of APM volume 2, or the page that has the rule */
	uint32_t needs;			/* PART_* */
	enum check_kind kind;
	void (*run)(struct comp *c, const struct check *check);
};

/* A message of a check that runs for every set of vCPUs. */
struct check_told {
	struct check_told *next;
	const struct check *check;
	struct range range;
	const char *message;
};

/* Place the line `CHECK...(...)` under the function that it registers. */
#define CHECK_OF(kind_, function, name_, section_, needs_) \
	static const struct check check_##function = { name_, section_, needs_, kind_, function }
#define CHECK(...) CHECK_OF(CHECK_KIND_RULE, __VA_ARGS__)
#define CHECK_SAVE(...) CHECK_OF(CHECK_KIND_SAVE, __VA_ARGS__)
#define CHECK_WARNING(...) CHECK_OF(CHECK_KIND_WARNING, __VA_ARGS__)

/* The families, one array each, NULL-terminated; one file has one family. */
extern const struct check *const memory_checks[];
extern const struct check *const payload_checks[];
extern const struct check *const table_checks[];
extern const struct check *const save_checks[];
extern const struct check *const control_checks[];
extern const struct check *const intercept_checks[];
extern const struct check *const event_checks[];
extern const struct check *const exit_checks[];
extern const struct check *const device_checks[];
extern const struct check *const warning_checks[];
extern const struct check *const launch_checks[];
extern const struct check *const cpuid_checks[];
extern const struct check *const shadow_checks[];
extern const struct check *const vmsa_checks[];

/*
 * Tell of a broken rule; the message ends in [name, section]. By the check's kind it is an error, a
 * note (`allow` names the check, and the template is marked) or what -W makes of a warning.
 */
__attribute__((format(printf, 4, 5)))
void check_found(struct comp *c, const struct check *check, const struct range *range,
		 const char *format, ...);

/* Whether the selected set has the intercept. */
bool check_intercepted(const struct comp *c, enum intercept_row row);

/* Where the spec sets a control field, or where it names the profile. */
const struct range *control_field_range(const struct comp *c, const char *name);

/* Run every check. The messages are in c->diag. */
void checks_run(struct comp *c);

/* Every check, for `svmc check --list`; NULL behind the last. */
const struct check *check_next(size_t index);

/* A check by its name, or NULL. */
const struct check *check_find(const char *name);

enum check_level { CHECK_LEVEL_OFF, CHECK_LEVEL_WARNING, CHECK_LEVEL_ERROR };

/* What a warning is under the options of this compilation: the last -W that names it decides. */
enum check_level check_level(const struct svmc_options *options, const struct check *check);

#endif
