/* SPDX-License-Identifier: MIT */
/*
 * Tests side by side: each in a process of its own with a connection of its own, results in the
 * order of the list. A test that crashes svmctl fails alone.
 */
#ifndef SVMKIT_CTL_TEST_JOBS_H
#define SVMKIT_CTL_TEST_JOBS_H

#include "test_one.h"

struct test_result {
	struct test_verdict verdict;
	char *details;		/* "" if there is nothing to say; freed by the caller */
};

/*
 * Run `count` tests, `jobs` at a time (1: in this process). tell() is called for each in order, as
 * soon as it and all before it have a verdict; non-zero, or a TEST_ABORTED, starts no further one.
 */
int test_jobs_run(struct test_setup *setup, char *const *paths, size_t count, unsigned int jobs,
		  int (*tell)(void *context, size_t index, struct test_result *result),
		  void *context);

#endif
