/* SPDX-License-Identifier: MIT */
/*
 * svmctl test: runs specs that say what to expect and prints TAP version 13. One guest at a time over
 * one connection; a test that fails shows expected against actual, the last exits and the console.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "capture.h"
#include "ctl.h"
#include "end.h"
#include "expect.h"
#include "spec_list.h"
#include "template.h"
#include "text.h"

static struct {
	struct ctl_list defines;
	int64_t time_limit_ns;
} o;

static const struct ctl_option options[] = {
	{ 'D', "define", CTL_LIST, "NAME=VALUE", &o.defines, "set a variable of the specs" },
	{ 't', "time-limit", CTL_TIME, "TIME", &o.time_limit_ns,
	  "for every spec, instead of its `within:`\n(default without `within:` 10s)" },
	{ 0 },
};

static const char help[] =
	"Run specs or templates that have `expect:` and compare. Of a directory, every *.yaml and\n"
	"*.svmt in it runs, sorted by name; one without `expect:` is skipped. Prints TAP version 13: a\n"
	"failed test shows what was expected and what happened, the last exits and the console's end.\n"
	"The status is 0 when nothing failed. Events are compared from a lossless subscription.\n";

#define DEFAULT_LIMIT_NS 10000000000

struct suite {
	struct rpc *rpc;	/* NULL until the first test that needs it */
	unsigned int failed;
	int abort_status;	/* not 0: nothing further can run */
};

/* "not ok", and a YAML block that the caller's `print` fills. */
static void print_failure(struct suite *suite, size_t number, const char *path, const char *message)
{
	suite->failed++;
	printf("not ok %zu - %s\n  ---\n  message: \"", number, path);
	text_escape_to(stdout, message, strlen(message));
	printf("\"\n");
}

static void end_failure(void)
{
	printf("  ...\n");
}

static void bail_out(struct suite *suite, int status, const char *why)
{
	printf("Bail out! ");
	text_escape_to(stdout, why, strlen(why));
	printf("\n");
	suite->abort_status = status;
}

static void print_diagnostics(const char *text)
{
	printf("  diagnostics:%s\n", *text ? "" : " []");
	while (*text) {
		size_t length = strcspn(text, "\n");

		printf("  - \"");
		text_escape_to(stdout, text, length);
		printf("\"\n");
		text += length + (text[length] == '\n');
	}
}

static bool connected(struct suite *suite)
{
	if (!suite->rpc) {
		suite->rpc = ctl_connect();
		if (!suite->rpc)
			bail_out(suite, CTL_ERROR, "no daemon");
		else if (rpc_catch_signals(suite->rpc))
			bail_out(suite, CTL_ERROR, strerror(errno));
	}
	return !suite->abort_status;
}

/* A call failed: either this test is over, or every test is. */
static void call_failed(struct suite *suite, size_t number, const char *path,
			enum rpc_status status)
{
	if (status == RPC_REFUSED) {
		print_failure(suite, number, path, rpc_text(suite->rpc));
		end_failure();
	} else if (status == RPC_INTERRUPTED) {
		bail_out(suite, 128 + rpc_signal(suite->rpc), "interrupted");
	} else {
		bail_out(suite, CTL_ERROR, rpc_text(suite->rpc));
	}
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

static void report(struct suite *suite, size_t number, const char *path, const cJSON *expect,
		   const struct guest *guest, const struct capture *capture, const cJSON *cpu)
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
	if (!mismatches) {
		printf("ok %zu - %s\n", number, path);
	} else {
		if (guest->end)
			end_text(text, sizeof(text), guest->end);
		print_failure(suite, number, path, text);
		printf("  mismatches:\n%s", list ? list : "");
		capture_print_tail(capture, stdout);
		end_failure();
	}
	free(list);
}

/* A guest that filled the record is reported like one that did not end in time. */
static void report_full(struct suite *suite, size_t number, const char *path,
			const struct capture *capture)
{
	print_failure(suite, number, path, capture->full);
	capture_print_tail(capture, stdout);
	end_failure();
}

static void run_created(struct suite *suite, size_t number, const char *path, const cJSON *expect,
			struct guest *guest)
{
	int64_t limit = o.time_limit_ns ? o.time_limit_ns : expect_within_ns(expect, DEFAULT_LIMIT_NS);
	struct capture capture = { .keep_all = expect_wants_events(expect) };
	struct guest_sink sink = capture_sink(&capture);
	enum rpc_status status = guest_start(guest);
	enum guest_result result;
	cJSON *cpu = NULL;

	if (status != RPC_OK) {
		call_failed(suite, number, path, status);
		return;
	}
	result = guest_run(guest, &sink, rpc_deadline(limit));
	if (result == GUEST_FAILED) {
		bail_out(suite, CTL_ERROR, rpc_text(guest->rpc));
	} else if (result == GUEST_INTERRUPTED) {
		bail_out(suite, 128 + rpc_signal(guest->rpc), "interrupted");
	} else if (result == GUEST_SINK) {
		report_full(suite, number, path, &capture);
	} else {
		if (guest->end && json_member(expect, "regs"))
			cpu = read_registers(guest);
		report(suite, number, path, expect, guest, &capture, cpu);
	}
	cJSON_Delete(cpu);
	capture_free(&capture);
}

static void run_template(struct suite *suite, size_t number, const char *path,
			 const struct template *template, const cJSON *expect)
{
	enum rpc_status status;
	struct guest guest;

	if (!connected(suite))
		return;
	status = guest_create(&guest, suite->rpc, template->image, template->bytes, NULL,
			      expect_wants_events(expect) ? GUEST_LOSSLESS : GUEST_LOSSY);
	if (status == RPC_OK)
		run_created(suite, number, path, expect, &guest);
	else
		call_failed(suite, number, path, status);
	status = guest_destroy(&guest);
	/* The verdict on this guest stands, but nothing may run beside one that cannot be removed. */
	if (status != RPC_OK && !suite->abort_status)
		bail_out(suite, CTL_ERROR, rpc_text(suite->rpc));
}

static void run_file(struct suite *suite, size_t number, const char *path)
{
	char *diagnostics = NULL;
	size_t bytes = 0;
	FILE *memory = open_memstream(&diagnostics, &bytes);
	struct template template;
	int status;
	cJSON *expect = NULL;

	if (!memory) {
		bail_out(suite, CTL_ERROR, strerror(errno));
		return;
	}
	status = template_read(&template, path, &o.defines, memory);
	fclose(memory);
	if (status == CTL_OK && template.view.expect)
		expect = cJSON_ParseWithLength(template.view.expect, template.view.expect_bytes);
	if (status != CTL_OK) {
		print_failure(suite, number, path, status == CTL_REJECTED ? "it was rejected" :
			      "it could not be read");
		print_diagnostics(diagnostics);
		end_failure();
	} else if (!template.view.expect) {
		printf("ok %zu - %s # SKIP has no expect:\n", number, path);
	} else if (!cJSON_IsObject(expect)) {
		print_failure(suite, number, path, "the EXPECT section is not a JSON object");
		end_failure();
	} else {
		run_template(suite, number, path, &template, expect);
	}
	cJSON_Delete(expect);
	template_free(&template);
	free(diagnostics);
}

static int command_test(int count, char **operands)
{
	struct suite suite = { .rpc = NULL };
	struct spec_list list = { .paths = NULL };
	int status = CTL_OK;

	for (int i = 0; i < count && status == CTL_OK; i++)
		status = spec_list_add(&list, operands[i]) ? CTL_ERROR : CTL_OK;
	if (status == CTL_OK)
		printf("TAP version 13\n1..%zu\n", list.count);
	for (size_t i = 0; i < list.count && status == CTL_OK; i++) {
		run_file(&suite, i + 1, list.paths[i]);
		status = suite.abort_status;
		/* Each verdict is seen as it falls; nobody to see it is a reason to end. */
		if (ctl_flush() != CTL_OK)
			status = CTL_ERROR;
	}
	rpc_close(suite.rpc);
	spec_list_free(&list);
	return status != CTL_OK ? status : suite.failed ? CTL_ERROR : CTL_OK;
}

const struct ctl_command ctl_test = {
	"test", "SPEC|DIR...", 1, -1, "run specs with `expect:` and print TAP", help, options,
	command_test,
};
