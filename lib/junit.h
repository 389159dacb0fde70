/* SPDX-License-Identifier: MIT */
/* Test results as JUnit's XML, the form that CI systems read. */
#ifndef SVMKIT_JUNIT_H
#define SVMKIT_JUNIT_H

#include <stdint.h>
#include <stdio.h>

enum junit_outcome { JUNIT_PASSED, JUNIT_FAILED, JUNIT_SKIPPED };

struct junit_case {
	const char *name;
	enum junit_outcome outcome;
	const char *message;		/* one line: why it failed or was skipped; else not used */
	const char *text;		/* lines about a failure, or NULL */
	int64_t ns;			/* how long it took; negative: not told */
};

void junit_begin(FILE *out, const char *suite, size_t tests, size_t failures, size_t skipped);
/* `classname`: "svmctl.test": what CI systems group by. */
void junit_print(FILE *out, const char *classname, const struct junit_case *one);
void junit_end(FILE *out);

#endif
