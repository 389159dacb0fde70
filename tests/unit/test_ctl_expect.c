/* SPDX-License-Identifier: MIT */
/*
 * What `svmctl test` calls a pass and a failure: each rule of an EXPECT section against a guest that
 * keeps it and one that does not, with the text that a person then reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"

#define STOPPED "{\"reason\":\"stop\",\"vcpu\":0,\"exit\":\"VMMCALL\",\"rip\":\"0x1010\"}"
#define OUT_H "{\"exit\":\"IOIO\",\"info1\":\"0x3f80010\",\"info2\":\"0x1004\",\"rip\":\"0x1003\"}"
#define OUT_I "{\"exit\":\"IOIO\",\"info1\":\"0x3f90010\",\"info2\":\"0x1007\",\"rip\":\"0x1006\"}"
#define CALL "{\"exit\":\"VMMCALL\",\"info1\":\"0x0\",\"info2\":\"0x0\",\"rip\":\"0x1010\"}"

struct world {
	const char *expect, *end, *cpu, *console, *exits;
	double dropped;
};

static char report[4096];

/* Compare; `report` holds what was printed. */
static unsigned int compare(const struct world *w)
{
	cJSON *expect = cJSON_Parse(w->expect), *end = w->end ? cJSON_Parse(w->end) : NULL;
	cJSON *cpu = w->cpu ? cJSON_Parse(w->cpu) : NULL, *exits = cJSON_Parse(w->exits ? w->exits :
									       "[]");
	const cJSON *list[16];
	struct observed observed = {
		.end = end, .cpu = cpu, .console = w->console ? w->console : "",
		.console_bytes = w->console ? strlen(w->console) : 0, .exits = list,
		.exit_count = (size_t)cJSON_GetArraySize(exits), .dropped = w->dropped,
	};
	FILE *out = fmemopen(report, sizeof(report), "w");
	unsigned int mismatches;

	assert_non_null(expect);
	assert_non_null(out);
	assert_true(observed.exit_count <= 16);
	for (size_t i = 0; i < observed.exit_count; i++)
		list[i] = cJSON_GetArrayItem(exits, (int)i);
	mismatches = expect_compare(expect, &observed, out);
	fclose(out);
	cJSON_Delete(expect);
	cJSON_Delete(end);
	cJSON_Delete(cpu);
	cJSON_Delete(exits);
	return mismatches;
}

static void passes(struct world w)
{
	if (compare(&w))
		fail_msg("expected a pass, got:\n%s", report);
}

static void fails_with(struct world w, const char *text)
{
	if (compare(&w) != 1)
		fail_msg("expected one mismatch, got:\n%s", report);
	if (!strstr(report, text))
		fail_msg("expected '%s' in:\n%s", text, report);
}

static void exit_must_be_the_one_that_ended_the_guest(void **state)
{
	(void)state;
	passes((struct world){ .expect = "{\"exit\":\"VMMCALL\"}", .end = STOPPED });
	fails_with((struct world){ .expect = "{\"exit\":\"HLT\"}", .end = STOPPED },
		   "expected: \"HLT\"\n    actual: \"VMMCALL (reason stop");
	fails_with((struct world){ .expect = "{\"exit\":\"HLT\"}", .end = NULL },
		   "still running when the time limit passed");
}

static void an_end_that_the_guest_did_not_cause_never_passes(void **state)
{
	(void)state;
	passes((struct world){ .expect = "{}", .end = STOPPED });
	passes((struct world){ .expect = "{}", .end = "{\"reason\":\"shutdown\"}" });
	fails_with((struct world){ .expect = "{}", .end = "{\"reason\":\"requested\"}" }, "requested");
	fails_with((struct world){ .expect = "{}", .end = NULL }, "still running");
	fails_with((struct world){ .expect = "{\"exit\":\"IOIO\"}",
				   .end = "{\"reason\":\"error\",\"exit\":\"IOIO\",\"text\":\"no device\"}" },
		   "no device");
	fails_with((struct world){ .expect = "{\"exit\":\"NPF\"}",
				   .end = "{\"reason\":\"broken\",\"exit\":\"NPF\"}" }, "broken");
}

static void debug_exit_status_counts_when_no_exit_is_expected(void **state)
{
	static const char *const zero = "{\"reason\":\"debug-exit\",\"exit\":\"IOIO\",\"status\":0}";
	static const char *const one = "{\"reason\":\"debug-exit\",\"exit\":\"IOIO\",\"status\":1}";

	(void)state;
	passes((struct world){ .expect = "{}", .end = zero });
	fails_with((struct world){ .expect = "{}", .end = one }, "debug-exit status 0");
	passes((struct world){ .expect = "{\"exit\":\"IOIO\"}", .end = one });
}

static void registers_compare_as_numbers(void **state)
{
	static const char *const cpu = "{\"regs\":{\"rax\":\"0x42\",\"rip\":\"0xffffffffffffffff\"},"
		"\"vmcb\":{\"cr0\":\"0x80000011\"}}";

	(void)state;
	passes((struct world){ .expect = "{\"regs\":{\"rax\":\"0x0042\",\"cr0\":\"0x80000011\","
		"\"rip\":\"0xffffffffffffffff\"}}", .end = STOPPED, .cpu = cpu });
	fails_with((struct world){ .expect = "{\"regs\":{\"rax\":\"0x43\"}}", .end = STOPPED, .cpu = cpu },
		   "what: \"regs.rax\"\n    expected: \"0x43\"\n    actual: \"0x42\"");
	/* One above a double's 53 bits must not be taken for its neighbour. */
	fails_with((struct world){ .expect = "{\"regs\":{\"rip\":\"0xfffffffffffffffe\"}}",
				   .end = STOPPED, .cpu = cpu }, "regs.rip");
	fails_with((struct world){ .expect = "{\"regs\":{\"rzz\":\"0x0\"}}", .end = STOPPED, .cpu = cpu },
		   "no such register");
	fails_with((struct world){ .expect = "{\"regs\":{\"rax\":\"0x42\"}}", .end = STOPPED },
		   "could not be read");
}

static void serial_is_compared_whole(void **state)
{
	(void)state;
	passes((struct world){ .expect = "{\"serial\":\"hello\\n\"}", .end = STOPPED,
			       .console = "hello\n" });
	passes((struct world){ .expect = "{\"serial\":\"\"}", .end = STOPPED });
	fails_with((struct world){ .expect = "{\"serial\":\"hello\\n\"}", .end = STOPPED,
				   .console = "hello\n\n" }, "first difference at byte 6");
	fails_with((struct world){ .expect = "{\"serial\":\"hello\\n\"}", .end = STOPPED,
				   .console = "hel" }, "actual: \"hel\"");
	fails_with((struct world){ .expect = "{\"serial\":\"ab\"}", .end = STOPPED,
				   .console = "a\033[2J" }, "actual: \"a\\u001b[2J\"");
}

static void texts_of_serial_come_in_their_order(void **state)
{
	static const char *const two = "{\"serial_has\":[\"one\",\"two\"]}";

	(void)state;
	passes((struct world){ .expect = two, .end = STOPPED, .console = "a one b\ntwo" });
	passes((struct world){ .expect = "{\"serial_has\":[]}", .end = STOPPED });
	passes((struct world){ .expect = "{\"serial_has\":[\"aa\",\"aa\"]}", .end = STOPPED,
			       .console = "aaaa" });
	fails_with((struct world){ .expect = two, .end = STOPPED, .console = "two one" },
		   "behind byte 7\"\n    expected: \"two\"");
	fails_with((struct world){ .expect = "{\"serial_has\":[\"aa\",\"aa\"]}", .end = STOPPED,
				   .console = "aaa" }, "behind byte 2");
	fails_with((struct world){ .expect = two, .end = STOPPED }, "behind byte 0");
	fails_with((struct world){ .expect = "{\"serial_has\":\"one\"}", .end = STOPPED,
				   .console = "one" }, "texts");
	fails_with((struct world){ .expect = "{\"serial_has\":[1]}", .end = STOPPED,
				   .console = "one" }, "texts");
}

static void the_reason_of_the_end_is_compared(void **state)
{
	static const char *const off = "{\"end\":\"power-off\"}";

	(void)state;
	passes((struct world){ .expect = off, .end = "{\"reason\":\"power-off\"}" });
	fails_with((struct world){ .expect = off, .end = "{\"reason\":\"reset\"}" },
		   "expected: \"power-off\"\n    actual: \"reset\"");
	fails_with((struct world){ .expect = off, .end = NULL }, "still running");
	fails_with((struct world){ .expect = "{\"end\":1}", .end = STOPPED }, "the reason of an end");
}

static void only_masked_bits_of_events_count(void **state)
{
	(void)state;
	passes((struct world){ .expect = "{\"events\":[{\"exit\":\"IOIO\",\"info1\":\"0x03f80010\","
		"\"mask\":\"0xffff007f\"}]}", .end = STOPPED, .exits =
		"[{\"exit\":\"IOIO\",\"info1\":\"0x3f80210\"}]" });
	fails_with((struct world){ .expect = "{\"events\":[{\"exit\":\"IOIO\",\"info1\":\"0x3f80010\"}]}",
		.end = STOPPED, .exits = "[{\"exit\":\"IOIO\",\"info1\":\"0x3f80210\"}]" },
		"actual: \"IOIO info1=0x3f80210");
	passes((struct world){ .expect = "{\"events\":[{\"info2\":\"0x1000\",\"mask2\":\"0xf000\"}]}",
		.end = STOPPED, .exits = "[" OUT_H "]" });
	fails_with((struct world){ .expect = "{\"events\":[{\"rip\":\"0x1004\"}]}", .end = STOPPED,
		.exits = "[" OUT_H "]" }, "rip=0x1004");
}

static void events_without_strict_are_an_ordered_part(void **state)
{
	static const char *const in_order = "{\"events\":[{\"exit\":\"IOIO\",\"rip\":\"0x1003\"},"
		"{\"exit\":\"VMMCALL\"}]}";
	static const char *const reversed = "{\"events\":[{\"exit\":\"VMMCALL\"},{\"exit\":\"IOIO\"}]}";

	(void)state;
	passes((struct world){ .expect = in_order, .end = STOPPED,
			       .exits = "[" OUT_I "," OUT_H "," OUT_I "," CALL "," OUT_I "]" });
	fails_with((struct world){ .expect = reversed, .end = STOPPED,
				   .exits = "[" OUT_H "," OUT_I "," CALL "]" }, "events[1]");
	fails_with((struct world){ .expect = in_order, .end = STOPPED, .exits = "[]" }, "events[0]");
	/* One event cannot serve for two. */
	fails_with((struct world){ .expect = "{\"events\":[{\"exit\":\"VMMCALL\"},{\"exit\":\"VMMCALL\"}]}",
				   .end = STOPPED, .exits = "[" CALL "]" }, "events[1]");
}

static void strict_events_are_the_whole_stream(void **state)
{
	static const char *const expect = "{\"strict\":true,\"events\":[{\"exit\":\"IOIO\"},"
		"{\"exit\":\"VMMCALL\"}]}";

	(void)state;
	passes((struct world){ .expect = expect, .end = STOPPED, .exits = "[" OUT_H "," CALL "]" });
	fails_with((struct world){ .expect = expect, .end = STOPPED,
				   .exits = "[" OUT_H "," OUT_I "," CALL "]" },
		   "what: \"events[1]\"\n    expected: \"VMMCALL\"\n    actual: \"IOIO");
	fails_with((struct world){ .expect = expect, .end = STOPPED,
				   .exits = "[" OUT_H "," CALL "," CALL "]" }, "no further event");
	fails_with((struct world){ .expect = expect, .end = STOPPED, .exits = "[" OUT_H "]" },
		   "actual: \"no further event\"");
	fails_with((struct world){ .expect = "{\"strict\":true,\"events\":[]}", .end = STOPPED,
				   .exits = "[" CALL "]" }, "events[0]");
}

static void dropped_events_fail_a_test_that_compares_events(void **state)
{
	(void)state;
	fails_with((struct world){ .expect = "{\"events\":[{\"exit\":\"VMMCALL\"}]}", .end = STOPPED,
				   .exits = "[" CALL "]", .dropped = 2 }, "2 events were dropped");
	passes((struct world){ .expect = "{}", .end = STOPPED, .dropped = 2 });
}

static void what_cannot_be_checked_does_not_pass(void **state)
{
	(void)state;
	fails_with((struct world){ .expect = "{\"exti\":\"HLT\"}", .end = STOPPED }, "exti");
	fails_with((struct world){ .expect = "{\"exit\":7}", .end = STOPPED }, "expect.exit");
	fails_with((struct world){ .expect = "{\"serial\":7}", .end = STOPPED }, "expect.serial");
	fails_with((struct world){ .expect = "{\"regs\":{\"rax\":66}}", .end = STOPPED,
				   .cpu = "{\"regs\":{\"rax\":\"0x42\"}}" }, "regs.rax");
	fails_with((struct world){ .expect = "{\"events\":[{\"exit\":\"HLT\",\"vcpu\":0}]}",
				   .end = STOPPED }, "malformed");
	fails_with((struct world){ .expect = "{\"events\":{}}", .end = STOPPED }, "expect.events");
}

static void within_is_the_limit(void **state)
{
	cJSON *expect = cJSON_Parse("{\"within_ns\":5000000000}"), *none = cJSON_Parse("{}");

	(void)state;
	assert_true(expect_within_ns(expect, 7) == 5000000000);
	assert_true(expect_within_ns(none, 7) == 7);
	cJSON_Delete(expect);
	cJSON_Delete(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_must_be_the_one_that_ended_the_guest),
		cmocka_unit_test(an_end_that_the_guest_did_not_cause_never_passes),
		cmocka_unit_test(debug_exit_status_counts_when_no_exit_is_expected),
		cmocka_unit_test(registers_compare_as_numbers),
		cmocka_unit_test(serial_is_compared_whole),
		cmocka_unit_test(texts_of_serial_come_in_their_order),
		cmocka_unit_test(the_reason_of_the_end_is_compared),
		cmocka_unit_test(only_masked_bits_of_events_count),
		cmocka_unit_test(events_without_strict_are_an_ordered_part),
		cmocka_unit_test(strict_events_are_the_whole_stream),
		cmocka_unit_test(dropped_events_fail_a_test_that_compares_events),
		cmocka_unit_test(what_cannot_be_checked_does_not_pass),
		cmocka_unit_test(within_is_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
