/* SPDX-License-Identifier: MIT */
/*
 * One test of `svmctl test`: a spec or template is run once and compared with its `expect:`. What is
 * to say about a failure goes to a stream, so that tests can run side by side.
 */
#ifndef SVMKIT_CTL_TEST_ONE_H
#define SVMKIT_CTL_TEST_ONE_H

#include <stdint.h>
#include <stdio.h>
#include "backings.h"
#include "ctl.h"

enum test_outcome {
	TEST_PASSED,
	TEST_FAILED,
	TEST_SKIPPED,
	TEST_DEVIATED,		/* failed, as a list of known deviations says */
	TEST_ABORTED,		/* nothing further can run: no daemon, interrupted */
};

struct test_verdict {
	enum test_outcome outcome;
	int exit_status;	/* TEST_ABORTED: of svmctl */
	int64_t ns;
	char message[640];	/* one line; why it did not pass */
};

struct test_setup {
	const struct ctl_list *defines;
	const struct backings *backings;
	int64_t limit_ns;	/* 0: the spec's `within:` */
	struct rpc *rpc;	/* NULL until the first test that needs it; the caller closes it */
};

/* `details` gets members of a YAML map about a failure, indented by two spaces. */
void test_one(struct test_setup *setup, const char *path, FILE *details,
	      struct test_verdict *verdict);

#endif
