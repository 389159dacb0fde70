/* SPDX-License-Identifier: MIT */
/*
 * Runs one guest and compares; see test_one.h. A test that fails shows expected against actual, the
 * last exits and the console.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "capture.h"
#include "end.h"
#include "expect.h"
#include "template.h"
#include "test_one.h"
#include "text.h"

#define DEFAULT_LIMIT_NS 10000000000

/* What the steps of one test share. */
struct test {
	struct test_setup *setup;
	FILE *details;
	struct test_verdict *verdict;
};

static void fail(struct test *test, const char *message)
{
	test->verdict->outcome = TEST_FAILED;
	snprintf(test->verdict->message, sizeof(test->verdict->message), "%s", message);
}

static void abort_all(struct test *test, int exit_status, const char *why)
{
	test->verdict->outcome = TEST_ABORTED;
	test->verdict->exit_status = exit_status;
	snprintf(test->verdict->message, sizeof(test->verdict->message), "%s", why);
}

static void print_diagnostics(FILE *out, const char *text)
{
	fprintf(out, "  diagnostics:%s\n", *text ? "" : " []");
	while (*text) {
		size_t length = strcspn(text, "\n");

		fprintf(out, "  - \"");
		text_escape_to(out, text, length);
		fprintf(out, "\"\n");
		text += length + (text[length] == '\n');
	}
}

static bool connected(struct test *test)
{
	struct test_setup *setup = test->setup;

	if (setup->rpc)
		return true;
	setup->rpc = ctl_connect();
	if (!setup->rpc)
		abort_all(test, CTL_ERROR, "no daemon");
	else if (rpc_catch_signals(setup->rpc))
		abort_all(test, CTL_ERROR, strerror(errno));
	return test->verdict->outcome != TEST_ABORTED;
}

/* A call failed: either this test is over, or every test is. */
static void call_failed(struct test *test, enum rpc_status status)
{
	struct rpc *rpc = test->setup->rpc;

	if (status == RPC_REFUSED)
		fail(test, rpc_text(rpc));
	else if (status == RPC_INTERRUPTED)
		abort_all(test, 128 + rpc_signal(rpc), "interrupted");
	else
		abort_all(test, CTL_ERROR, rpc_text(rpc));
}

/* Registers of the vCPU that ended the guest; NULL when the daemon does not tell. */
static cJSON *read_registers(struct guest *guest)
{
	cJSON *params = cJSON_CreateObject(), *answer = NULL;

	cJSON_AddNumberToObject(params, "vm", (double)guest->vm);
	cJSON_AddNumberToObject(params, "vcpu", json_number(guest->end, "vcpu", 0));
	rpc_call(guest->rpc, "vcpu.get", params, &answer);
	return answer;
}

static void report(struct test *test, const cJSON *expect, const struct guest *guest,
		   const struct capture *capture, const cJSON *cpu)
{
	struct observed observed = {
		.end = guest->end, .cpu = cpu, .console = capture->console,
		.console_bytes = capture->console_bytes,
		.exits = (const cJSON *const *)capture->exits,
		.exit_count = capture->exit_count, .dropped = capture->dropped,
	};
	char *list = NULL, text[600] = "it did not end";
	size_t bytes = 0;
	FILE *memory = open_memstream(&list, &bytes);
	unsigned int mismatches = memory ? expect_compare(expect, &observed, memory) : 1;

	if (memory)
		fclose(memory);
	if (mismatches) {
		if (guest->end)
			end_text(text, sizeof(text), guest->end);
		fail(test, text);
		fprintf(test->details, "  mismatches:\n%s", list ? list : "");
		capture_print_tail(capture, test->details);
	}
	free(list);
}

static void run_created(struct test *test, const cJSON *expect, struct guest *guest)
{
	int64_t limit = test->setup->limit_ns ? test->setup->limit_ns :
		expect_within_ns(expect, DEFAULT_LIMIT_NS);
	struct capture capture = { .keep_all = expect_wants_events(expect) };
	struct guest_sink sink = capture_sink(&capture);
	enum rpc_status status = guest_start(guest);
	enum guest_result result;
	cJSON *cpu = NULL;

	if (status != RPC_OK) {
		call_failed(test, status);
		return;
	}
	result = guest_run(guest, &sink, rpc_deadline(limit));
	if (result == GUEST_FAILED) {
		abort_all(test, CTL_ERROR, rpc_text(guest->rpc));
	} else if (result == GUEST_INTERRUPTED) {
		abort_all(test, 128 + rpc_signal(guest->rpc), "interrupted");
	} else if (result == GUEST_SINK) {
		/* A guest that filled the record is reported like one that did not end in time. */
		fail(test, capture.full);
		capture_print_tail(&capture, test->details);
	} else {
		if (guest->end && json_member(expect, "regs"))
			cpu = read_registers(guest);
		report(test, expect, guest, &capture, cpu);
	}
	cJSON_Delete(cpu);
	capture_free(&capture);
}

static void run_template(struct test *test, const struct template *template, const cJSON *expect)
{
	enum rpc_status status;
	struct guest guest;
	cJSON *more;

	if (!connected(test))
		return;
	more = cJSON_CreateObject();
	backings_add(more, test->setup->backings, &template->view);
	status = guest_create(&guest, test->setup->rpc, template->image, template->bytes, more,
			      expect_wants_events(expect) ? GUEST_LOSSLESS : GUEST_LOSSY);
	cJSON_Delete(more);
	if (status == RPC_OK)
		run_created(test, expect, &guest);
	else
		call_failed(test, status);
	status = guest_destroy(&guest);
	/* Nothing may run beside a guest that cannot be removed. */
	if (status != RPC_OK && test->verdict->outcome != TEST_ABORTED)
		abort_all(test, CTL_ERROR, rpc_text(test->setup->rpc));
}

static void run_file(struct test *test, const char *path)
{
	char *diagnostics = NULL;
	size_t bytes = 0;
	FILE *memory = open_memstream(&diagnostics, &bytes);
	struct template template;
	cJSON *expect = NULL;
	int status;

	if (!memory) {
		abort_all(test, CTL_ERROR, strerror(errno));
		return;
	}
	status = template_read(&template, path, test->setup->defines, memory);
	fclose(memory);
	if (status == CTL_OK && template.view.expect)
		expect = cJSON_ParseWithLength(template.view.expect, template.view.expect_bytes);
	if (status != CTL_OK) {
		fail(test, status == CTL_REJECTED ? "it was rejected" : "it could not be read");
		print_diagnostics(test->details, diagnostics);
	} else if (!template.view.expect) {
		test->verdict->outcome = TEST_SKIPPED;
		strcpy(test->verdict->message, "has no expect:");
	} else if (!cJSON_IsObject(expect)) {
		fail(test, "the EXPECT section is not a JSON object");
	} else {
		run_template(test, &template, expect);
	}
	cJSON_Delete(expect);
	template_free(&template);
	free(diagnostics);
}

void test_one(struct test_setup *setup, const char *path, FILE *details,
	      struct test_verdict *verdict)
{
	struct test test = { setup, details, verdict };
	int64_t begin = rpc_now();

	*verdict = (struct test_verdict){ .outcome = TEST_PASSED };
	run_file(&test, path);
	verdict->ns = rpc_now() - begin;
}
