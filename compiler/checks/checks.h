/* SPDX-License-Identifier: MIT */
/*
 * Named rules over the whole description, in the shape of dtc's: a check is one function and one
 * registration line under it. A check runs only when the parts that it needs were read without
 * errors, so that one mistake does not set off others.
 */
#ifndef SVMC_CHECKS_H
#define SVMC_CHECKS_H

#include "../comp.h"

struct check {
	const char *name;
	const char *section;		/* of APM volume 2, or the page that has the rule */
	uint32_t needs;			/* PART_* */
	void (*run)(struct comp *c, const struct check *check);
};

/* Place the line `CHECK(...)` under the function that it registers. */
#define CHECK(function, name_, section_, needs_) \
	static const struct check check_##function = { name_, section_, needs_, function }

/* The families, one array each, NULL-terminated; one file has one family. */
extern const struct check *const memory_checks[];
extern const struct check *const payload_checks[];
extern const struct check *const save_checks[];
extern const struct check *const control_checks[];
extern const struct check *const exit_checks[];
extern const struct check *const device_checks[];

/* Report an error that ends in [name, section]. */
__attribute__((format(printf, 4, 5)))
void check_error(struct comp *c, const struct check *check, const struct range *range,
		 const char *format, ...);

/* Run every check. The messages are in c->diag. */
void checks_run(struct comp *c);

/* Every check, for `svmc check --list`; NULL behind the last. */
const struct check *check_next(size_t index);

#endif
