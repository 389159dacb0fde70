/* SPDX-License-Identifier: MIT */
/*
 * svmctl test: runs specs that say what to expect, one at a time or several, and prints TAP version
 * 13, and JUnit XML for CI systems.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"
#include "deviations.h"
#include "junit.h"
#include "spec_list.h"
#include "test_jobs.h"
#include "text.h"

static struct {
	struct ctl_list defines;
	struct backings backings;
	int64_t time_limit_ns;
	uint64_t jobs;
	const char *junit, *deviations;
} o = { .jobs = 1 };

static const struct ctl_option options[] = {
	{ 'D', "define", CTL_LIST, "NAME=VALUE", &o.defines, "set a variable of the specs" },
	BACKING_OPTIONS(o.backings),
	{ 'j', "jobs", CTL_NUMBER, "N", &o.jobs, "run N tests at a time (default 1, at most 64)" },
	{ 't', "time-limit", CTL_TIME, "TIME", &o.time_limit_ns,
	  "for every spec, instead of its `within:`\n(default without `within:` 10s)" },
	{ 'J', "junit", CTL_TEXT, "FILE", &o.junit, "the results as JUnit XML, too" },
	{ 'x', "deviations", CTL_TEXT, "FILE", &o.deviations,
	  "tests that are known to fail here, as NAME: REASON\nlines; one that passes is a failure" },
	{ 0 },
};

static const char help[] =
	"Run specs or templates that have `expect:` and compare. Of a directory, every *.yaml and\n"
	"*.svmt in it runs, sorted by name; one without `expect:` is skipped. Prints TAP version 13: a\n"
	"failed test shows what was expected and what happened, the last exits and the console's end.\n"
	"The status is 0 when nothing failed. Events are compared from a lossless subscription.\n";

struct suite {
	const struct spec_list *list;
	struct test_result *results;
	struct deviations deviations;
	size_t told, failed, skipped, deviated;
};

static void print_result(size_t number, const char *path, const struct test_result *result)
{
	const struct test_verdict *verdict = &result->verdict;

	switch (verdict->outcome) {
	case TEST_PASSED:
		printf("ok %zu - %s\n", number, path);
		break;
	case TEST_SKIPPED:
		printf("ok %zu - %s # SKIP %s\n", number, path, verdict->message);
		break;
	case TEST_DEVIATED:
		printf("not ok %zu - %s # TODO ", number, path);
		text_escape_to(stdout, verdict->message, strlen(verdict->message));
		printf("\n");
		break;
	case TEST_ABORTED:
		printf("Bail out! ");
		text_escape_to(stdout, verdict->message, strlen(verdict->message));
		printf("\n");
		break;
	default:
		printf("not ok %zu - %s\n  ---\n  message: \"", number, path);
		text_escape_to(stdout, verdict->message, strlen(verdict->message));
		printf("\"\n%s  ...\n", result->details ? result->details : "");
	}
}

/* Each verdict is seen as it falls; nobody to see it is a reason to end. */
static int tell(void *context, size_t index, struct test_result *result)
{
	struct suite *suite = context;

	deviations_judge(&suite->deviations, suite->list->paths[index], &result->verdict);
	print_result(index + 1, suite->list->paths[index], result);
	suite->failed += result->verdict.outcome == TEST_FAILED;
	suite->skipped += result->verdict.outcome == TEST_SKIPPED;
	suite->deviated += result->verdict.outcome == TEST_DEVIATED;
	suite->results[suite->told++] = *result;
	return ctl_flush() == CTL_OK ? 0 : CTL_ERROR;
}

static void write_junit(FILE *out, const struct suite *suite)
{
	size_t aborted = 0;

	for (size_t i = 0; i < suite->told; i++)
		aborted += suite->results[i].verdict.outcome == TEST_ABORTED;
	junit_begin(out, "svmctl test", suite->told, suite->failed + aborted,
		    suite->skipped + suite->deviated);
	for (size_t i = 0; i < suite->told; i++) {
		const struct test_result *result = &suite->results[i];
		enum test_outcome outcome = result->verdict.outcome;

		junit_print(out, "svmctl.test", &(struct junit_case){
			.name = suite->list->paths[i], .message = result->verdict.message,
			.outcome = outcome == TEST_PASSED ? JUNIT_PASSED :
				   outcome == TEST_SKIPPED || outcome == TEST_DEVIATED ?
				   JUNIT_SKIPPED : JUNIT_FAILED,
			.text = result->details, .ns = result->verdict.ns });
	}
	junit_end(out);
}

/* Opened before the first test, so that a wrong name costs no run. */
static int open_junit(FILE **out)
{
	*out = NULL;
	if (!o.junit)
		return CTL_OK;
	*out = fopen(o.junit, "we");
	if (*out)
		return CTL_OK;
	ctl_say("%s: %s", o.junit, strerror(errno));
	return CTL_ERROR;
}

static int close_junit(FILE *out)
{
	bool failed = ferror(out);

	if (!fclose(out) && !failed)
		return CTL_OK;
	ctl_say("%s: %s", o.junit, strerror(errno));
	return CTL_ERROR;
}

static int run_suite(struct suite *suite, struct test_setup *setup)
{
	int status;
	FILE *junit;

	if (open_junit(&junit) != CTL_OK)
		return CTL_ERROR;
	/* Several processes that find no daemon would each begin to start the lab. */
	if (o.jobs > 1) {
		setup->rpc = ctl_connect();
		if (!setup->rpc) {
			if (junit)
				fclose(junit);
			return CTL_ERROR;
		}
	}
	printf("TAP version 13\n1..%zu\n", suite->list->count);
	status = test_jobs_run(setup, suite->list->paths, suite->list->count,
			       o.jobs < 64 ? (unsigned int)o.jobs : 64, tell, suite);
	if (junit) {
		write_junit(junit, suite);
		if (close_junit(junit) != CTL_OK && !status)
			status = CTL_ERROR;
	}
	return status;
}

static int command_test(int count, char **operands)
{
	struct test_setup setup = {
		.defines = &o.defines, .backings = &o.backings, .limit_ns = o.time_limit_ns,
	};
	struct spec_list list = { .paths = NULL };
	struct suite suite = { .list = &list };
	int status = CTL_OK;

	if (!o.jobs) {
		ctl_say("--jobs: 0 tests at a time would take forever");
		return CTL_USAGE;
	}
	if (!backings_check(&o.backings))
		return CTL_USAGE;
	for (int i = 0; i < count && status == CTL_OK; i++)
		status = spec_list_add(&list, operands[i]) ? CTL_ERROR : CTL_OK;
	if (status == CTL_OK && o.deviations && deviations_read(&suite.deviations, o.deviations))
		status = CTL_ERROR;
	if (status == CTL_OK) {
		suite.results = calloc(list.count + 1, sizeof(*suite.results));
		status = suite.results ? run_suite(&suite, &setup) : CTL_ERROR;
	}
	for (size_t i = 0; i < suite.told; i++)
		free(suite.results[i].details);
	free(suite.results);
	rpc_close(setup.rpc);
	deviations_free(&suite.deviations);
	spec_list_free(&list);
	return status != CTL_OK ? status : suite.failed ? CTL_ERROR : CTL_OK;
}

const struct ctl_command ctl_test = {
	"test", "SPEC|DIR...", 1, -1, "run specs with `expect:` and print TAP", help, options,
	command_test,
};
