/* SPDX-License-Identifier: MIT */
/*
 * A list of tests that are known to fail on one machine: of an emulator, say, that answers otherwise
 * than the manual. One line each, `NAME: REASON`; NAME is the file's without directory and suffix.
 * Empty lines and lines that begin with # do not count.
 */
#ifndef SVMKIT_CTL_DEVIATIONS_H
#define SVMKIT_CTL_DEVIATIONS_H

#include "test_one.h"

struct deviation {
	char *name, *reason;
	unsigned int line;
};

struct deviations {
	const char *path;	/* NULL: there is no list */
	struct deviation *rows;
	size_t count;
};

/* 0, or -1 after a message that has file and line. The caller frees in any case. */
int deviations_read(struct deviations *list, const char *path);
void deviations_free(struct deviations *list);

/* A listed failure becomes TEST_DEVIATED with the reason; a listed pass TEST_FAILED. */
void deviations_judge(const struct deviations *list, const char *path,
		      struct test_verdict *verdict);

#endif
