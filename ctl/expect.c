/* SPDX-License-Identifier: MIT */
/*
 * exit, end, regs and serial of an EXPECT section; expect_events.c does its events. Every comparison
 * prints expected and actual through one function, so that all mismatches read alike.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "expect.h"
#include "expect_events.h"
#include "text.h"

void expect_mismatch(FILE *out, const char *what, const char *expected, const char *actual)
{
	fprintf(out, "  - what: \"");
	text_escape_to(out, what, strlen(what));
	fprintf(out, "\"\n    expected: \"");
	text_escape_to(out, expected, strlen(expected));
	fprintf(out, "\"\n    actual: \"");
	text_escape_to(out, actual, strlen(actual));
	fprintf(out, "\"\n");
}

static unsigned int bad_member(FILE *out, const char *name, const char *rule)
{
	char what[80];

	snprintf(what, sizeof(what), "expect.%.40s", name);
	expect_mismatch(out, what, rule, "something else in the template's EXPECT section");
	return 1;
}

/* Ends in which the guest did not do what it was written to do, whatever `expect` says of exits. */
static bool end_is_failure(const cJSON *end)
{
	const char *reason = json_text(end, "reason", "");

	return !strcmp(reason, "broken") || !strcmp(reason, "error") || !strcmp(reason, "requested");
}

static unsigned int compare_exit(const cJSON *expected, const struct observed *observed, FILE *out)
{
	const cJSON *end = observed->end;
	const char *want = cJSON_IsString(expected) ? expected->valuestring : NULL;
	const char *got = json_text(end, "exit", "(none)");
	char actual[400];

	if (expected && !want)
		return bad_member(out, "exit", "the name of an exit");
	if (!end) {
		expect_mismatch(out, "end", want ? want : "the guest ends",
				"the guest was still running when the time limit passed");
		return 1;
	}
	snprintf(actual, sizeof(actual), "%.40s (reason %.40s, vCPU %.0f, rip %.20s%s%.200s)", got,
		 json_text(end, "reason", "?"), json_number(end, "vcpu", 0),
		 json_text(end, "rip", "?"), *json_text(end, "text", "") ? ": " : "",
		 json_text(end, "text", ""));
	if (end_is_failure(end) || (want && strcmp(want, got))) {
		expect_mismatch(out, "exit", want ? want : "an end by the guest itself", actual);
		return 1;
	}
	/* Without an expected exit, the guest's own verdict counts. */
	if (!want && !strcmp(json_text(end, "reason", ""), "debug-exit") &&
	    json_number(end, "status", -1) != 0) {
		expect_mismatch(out, "exit", "debug-exit status 0", actual);
		return 1;
	}
	return 0;
}

static unsigned int compare_end(const cJSON *expected, const struct observed *observed, FILE *out)
{
	const char *got = json_text(observed->end, "reason", "?");

	if (!expected)
		return 0;
	if (!cJSON_IsString(expected))
		return bad_member(out, "end", "the reason of an end");
	/* That it still runs is said once, as the exit. */
	if (!observed->end || !strcmp(got, expected->valuestring))
		return 0;
	expect_mismatch(out, "end", expected->valuestring, got);
	return 1;
}

static unsigned int compare_register(const cJSON *expected, const cJSON *cpu, FILE *out)
{
	const cJSON *regs = json_member(cpu, "regs");
	const cJSON *vmcb = json_member(cpu, "vmcb");
	const cJSON *from = json_member(regs, expected->string) ? regs : vmcb;
	uint64_t want, got;
	char what[64];

	snprintf(what, sizeof(what), "regs.%.40s", expected->string);
	if (!json_hex_item(expected, &want))
		return bad_member(out, what, "a hex string");
	if (!json_hex(from, expected->string, &got)) {
		expect_mismatch(out, what, expected->valuestring,
				cpu ? "no such register in the daemon's vcpu.get" :
				      "registers could not be read");
		return 1;
	}
	if (want == got)
		return 0;
	expect_mismatch(out, what, expected->valuestring,
			json_text(from, expected->string, "?"));
	return 1;
}

static unsigned int compare_registers(const cJSON *expected, const struct observed *observed,
				      FILE *out)
{
	unsigned int mismatches = 0;
	const cJSON *item;

	if (!expected)
		return 0;
	if (!cJSON_IsObject(expected))
		return bad_member(out, "regs", "registers by name");
	if (!observed->end)
		return 0;	/* it still ran: that is said once, as the exit */
	cJSON_ArrayForEach(item, expected)
		mismatches += compare_register(item, observed->cpu, out);
	return mismatches;
}

static void print_quoted(FILE *out, const char *key, const char *bytes, size_t length)
{
	fprintf(out, "    %s: \"", key);
	text_escape_to(out, bytes, length);
	fprintf(out, "\"\n");
}

static unsigned int compare_serial(const cJSON *expected, const struct observed *observed, FILE *out)
{
	size_t length, at = 0;

	if (!expected)
		return 0;
	if (!cJSON_IsString(expected))
		return bad_member(out, "serial", "a text");
	length = strlen(expected->valuestring);
	if (length == observed->console_bytes &&
	    !memcmp(expected->valuestring, observed->console, length))
		return 0;
	while (at < length && at < observed->console_bytes &&
	       expected->valuestring[at] == observed->console[at])
		at++;
	fprintf(out, "  - what: \"serial, first difference at byte %zu\"\n", at);
	print_quoted(out, "expected", expected->valuestring, length);
	print_quoted(out, "actual", observed->console, observed->console_bytes);
	return 1;
}

/* Each text somewhere behind the one before. */
static unsigned int compare_serial_has(const cJSON *expected, const struct observed *observed,
				       FILE *out)
{
	size_t at = 0;
	const cJSON *item;

	if (expected && !cJSON_IsArray(expected))
		return bad_member(out, "serial_has", "texts");
	cJSON_ArrayForEach(item, expected) {
		const char *text = cJSON_IsString(item) ? item->valuestring : NULL;
		const char *found = NULL;

		if (!text)
			return bad_member(out, "serial_has", "texts");
		if (observed->console_bytes > at)
			found = memmem(observed->console + at, observed->console_bytes - at, text,
				       strlen(text));
		if (!found) {
			fprintf(out, "  - what: \"serial_has, behind byte %zu\"\n", at);
			print_quoted(out, "expected", text, strlen(text));
			print_quoted(out, "actual", observed->console, observed->console_bytes);
			return 1;
		}
		at = (size_t)(found - observed->console) + strlen(text);
	}
	return 0;
}

static unsigned int compare_members(const cJSON *expect, FILE *out)
{
	static const char *const known[] = {
		"exit", "end", "regs", "serial", "serial_has", "events", "strict", "within_ns",
	};
	unsigned int mismatches = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, expect) {
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= !strcmp(item->string, known[i]);
		if (!found)
			mismatches += bad_member(out, item->string, "a member that this svmctl knows");
	}
	return mismatches;
}

unsigned int expect_compare(const cJSON *expect, const struct observed *observed, FILE *out)
{
	unsigned int mismatches;

	mismatches = compare_members(expect, out);
	mismatches += compare_exit(json_member(expect, "exit"), observed, out);
	mismatches += compare_end(json_member(expect, "end"), observed, out);
	mismatches += compare_registers(json_member(expect, "regs"), observed,
					out);
	mismatches += compare_serial(json_member(expect, "serial"), observed,
				     out);
	mismatches += compare_serial_has(json_member(expect, "serial_has"), observed, out);
	mismatches += expect_compare_events(expect, observed, out);
	return mismatches;
}

int64_t expect_within_ns(const cJSON *expect, int64_t absent)
{
	double within = json_number(expect, "within_ns", 0);

	return within >= 1 && within < 9e18 ? (int64_t)within : absent;
}

bool expect_wants_events(const cJSON *expect)
{
	return json_member(expect, "events") != NULL;
}
