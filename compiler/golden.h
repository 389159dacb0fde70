/* SPDX-License-Identifier: MIT */
/* Goldens of users' specs: what svmc golden found, and how it is told. */
#ifndef SVMC_GOLDEN_H
#define SVMC_GOLDEN_H

#include <stdbool.h>
#include <stdio.h>

struct golden_result {
	char *name;			/* of the spec, without directory and .yaml */
	bool good;
	char *text;			/* why not: lines; NULL when good */
};

struct golden_results {
	struct golden_result *rows;
	size_t count, failures;
};

void golden_print_tap(FILE *out, const struct golden_results *results);

/* JUnit's XML as CI systems read it. */
void golden_print_junit(FILE *out, const char *suite, const struct golden_results *results);

#endif
