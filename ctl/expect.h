/* SPDX-License-Identifier: MIT */
/*
 * Compares what a guest did with what its spec expects (the EXPECT section). Pure: knows neither the
 * daemon nor TAP; each mismatch becomes one text with expected against actual.
 */
#ifndef SVMKIT_CTL_EXPECT_H
#define SVMKIT_CTL_EXPECT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What was seen. The owner of the parts is the caller. */
struct observed {
	const cJSON *end;		/* END object, or NULL: it did not end in time */
	const cJSON *cpu;		/* answer of vcpu.get, or NULL */
	const char *console;		/* bytes, may hold NUL */
	size_t console_bytes;
	const cJSON *const *exits;	/* params of `exit` notifications, in order of arrival */
	size_t exit_count;
	double dropped;
};

/*
 * Print every mismatch as an item of a YAML list, indented by two spaces, and return how many there
 * are. An unknown or mistyped member of `expect` counts as a mismatch: what cannot be checked must
 * not pass.
 */
unsigned int expect_compare(const cJSON *expect, const struct observed *observed, FILE *out);

/* Limits and needs of an EXPECT object. */
int64_t expect_within_ns(const cJSON *expect, int64_t absent);
bool expect_wants_events(const cJSON *expect);

#endif
