/* SPDX-License-Identifier: MIT */
/*
 * What svmctl shows to people: escaping (nothing that a guest or a daemon wrote may steer a
 * terminal), aligned tables, exits as lines, ends as sentences with their exit status.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "end.h"
#include "event_text.h"
#include "text.h"

static const char *escaped(const void *bytes, size_t length, size_t most)
{
	static char text[256];

	text_escape(text, sizeof(text), bytes, length, most);
	return text;
}

static void control_characters_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped("a\n\t\"\\\033[2J\177", 10, 99), "a\\n\\t\\\"\\\\\\u001b[2J\\u007f");
	assert_string_equal(escaped("\0x", 2, 99), "\\u0000x");
	assert_string_equal(escaped("gr\303\274n \342\202\254", 9, 99), "gr\303\274n \342\202\254");
	/* C1 controls, bad UTF-8, an overlong form, a surrogate, a cut character. */
	assert_string_equal(escaped("\302\233", 2, 99), "\\u00c2\\u009b");
	assert_string_equal(escaped("\377\200", 2, 99), "\\u00ff\\u0080");
	assert_string_equal(escaped("\300\257", 2, 99), "\\u00c0\\u00af");
	assert_string_equal(escaped("\355\240\200", 3, 99), "\\u00ed\\u00a0\\u0080");
	assert_string_equal(escaped("\342\202", 2, 99), "\\u00e2\\u0082");
}

static void long_text_is_cut_and_says_so(void **state)
{
	char small[10];

	(void)state;
	assert_string_equal(escaped("abcdef", 6, 3), "abc...");
	assert_string_equal(escaped("abc", 3, 3), "abc");
	for (size_t size = 4; size <= sizeof(small); size++) {
		memset(small, 'X', sizeof(small));
		text_escape(small, size, "\033\033\033\033", 4, 99);
		assert_true(memchr(small, 0, size) != NULL);
	}
}

static void no_byte_sequence_escapes_the_escaping(void **state)
{
	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		for (unsigned int second = 0; second < 256; second++) {
			unsigned char bytes[2] = { (unsigned char)first, (unsigned char)second };
			const char *text = escaped(bytes, 2, 99);

			for (const char *c = text; *c; c++)
				assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
			assert_null(strstr(text, "\302\233"));
		}
	}
}

static char printed[4096];

static FILE *print_here(void)
{
	FILE *out = fmemopen(printed, sizeof(printed), "w");

	assert_non_null(out);
	return out;
}

static void tables_align_their_columns(void **state)
{
	FILE *out = print_here();
	struct table table;

	(void)state;
	table_begin(&table, ">VM|NAME|STATE");
	table_row(&table, "1", "hello", "running");
	table_row(&table, "12", "x\033", "stopped");
	assert_true(table_end(&table, out));
	fclose(out);
	assert_string_equal(printed, "VM  NAME     STATE\n"
				     " 1  hello    running\n"
				     "12  x\\u001b  stopped\n");
}

static const char *line_of(const char *params)
{
	cJSON *json = cJSON_Parse(params);
	FILE *out = print_here();

	assert_non_null(json);
	event_print(out, false, json);
	fclose(out);
	cJSON_Delete(json);
	return printed;
}

#define PARAMS(exit, code, info1, info2, rax) \
	"{\"vm\":1,\"vcpu\":0,\"seq\":17,\"exit\":\"" exit "\",\"code\":\"" code "\",\"info1\":\"" \
	info1 "\",\"info2\":\"" info2 "\",\"intinfo\":\"0x0\",\"rip\":\"0x1000\",\"rax\":\"" rax \
	"\",\"cpl\":0,\"mode\":\"long64\",\"shadow\":false,\"action\":\"user\"}"

static void exits_say_what_they_mean(void **state)
{
	(void)state;
	assert_string_equal(line_of(PARAMS("IOIO", "0x7b", "0x3f80010", "0x1004", "0x168")),
		"vm1/0 #17    IOIO           out 0x3f8 8 bit <- 0x68        rip=0x1000     "
		"info1=0x3f80010    info2=0x1004     rax=0x168        long64 cpl0 user\n");
	assert_non_null(strstr(line_of(PARAMS("IOIO", "0x7b", "0x600011", "0x0", "0x0")),
			       "in 0x60 8 bit "));
	assert_non_null(strstr(line_of(PARAMS("IOIO", "0x7b", "0x1f0002d", "0x0", "0x0")),
			       "rep ins 0x1f0 16 bit "));
	assert_non_null(strstr(line_of(PARAMS("MSR", "0x7c", "0x1", "0x0", "0x0")), " wrmsr "));
	assert_non_null(strstr(line_of(PARAMS("CPUID", "0x72", "0x0", "0x0", "0x80000008")),
			       "leaf 0x80000008"));
	assert_non_null(strstr(line_of(PARAMS("NPF", "0x400", "0x100000006", "0xfee00300", "0x0")),
			       "write gpa 0xfee00300, absent "));
	assert_non_null(strstr(line_of(PARAMS("EXC_PF", "0x4e", "0x3", "0xdead", "0x0")),
			       "write 0xdead, protected"));
	assert_non_null(strstr(line_of(PARAMS("EXC_GP", "0x4d", "0x18", "0x0", "0x0")),
			       "error code 0x18"));
}

static void broken_exits_do_not_break_the_line(void **state)
{
	(void)state;
	assert_non_null(strstr(line_of("{}"), "vm0/0 #0     ?"));
	assert_non_null(strstr(line_of("{\"exit\":\"\\u001b[31m\",\"rip\":7}"), "\\u001b[31m"));
}

static void ends_have_a_sentence_and_a_status(void **state)
{
	static const struct { const char *end; int status; const char *text; } ends[] = {
		{ "{\"reason\":\"stop\",\"exit\":\"VMMCALL\",\"rip\":\"0x1010\"}", 0,
		  "exit VMMCALL at rip=0x1010" },
		{ "{\"reason\":\"debug-exit\",\"status\":0}", 0, "status 0" },
		{ "{\"reason\":\"debug-exit\",\"status\":3}", 13, "status 3" },
		{ "{\"reason\":\"debug-exit\"}", 13, "debug-exit" },
		{ "{\"reason\":\"power-off\"}", 0, "power off" },
		{ "{\"reason\":\"reset\"}", 15, "reset" },
		{ "{\"reason\":\"shutdown\"}", 10, "triple fault" },
		{ "{\"reason\":\"invalid\"}", 11, "VMEXIT_INVALID" },
		{ "{\"reason\":\"broken\",\"text\":\"no\\u001bmore\"}", 12, "no\\u001bmore" },
		{ "{\"reason\":\"error\",\"text\":\"INS\"}", 12, "INS" },
		{ "{\"reason\":\"requested\"}", 14, "on request" },
		{ "{\"reason\":\"limit\"}", 14, "a limit of its VM" },
		{ "{\"reason\":\"bored\"}", 1, "bored" },
		{ "{}", 1, "does not know" },
	};
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		cJSON *end = cJSON_Parse(ends[i].end);

		end_text(text, sizeof(text), end);
		assert_int_equal(end_status(end), ends[i].status);
		if (!strstr(text, ends[i].text))
			fail_msg("'%s' is not in '%s'", ends[i].text, text);
		cJSON_Delete(end);
	}
}

static void times_and_numbers_parse_exactly(void **state)
{
	int64_t ns;
	uint64_t n;

	(void)state;
	assert_true(ctl_parse_time("5s", &ns) && ns == 5000000000);
	assert_true(ctl_parse_time("5", &ns) && ns == 5000000000);
	assert_true(ctl_parse_time("250ms", &ns) && ns == 250000000);
	assert_true(ctl_parse_time("2m", &ns) && ns == 120000000000);
	assert_false(ctl_parse_time("", &ns));
	assert_false(ctl_parse_time("s", &ns));
	assert_false(ctl_parse_time("-1s", &ns));
	assert_false(ctl_parse_time("1.5s", &ns));
	assert_false(ctl_parse_time("5 s", &ns));
	assert_false(ctl_parse_time("9999999999999999999h", &ns));
	assert_true(ctl_parse_number("0x1F", &n) && n == 31);
	assert_false(ctl_parse_number("0x", &n));
	assert_false(ctl_parse_number("1f", &n));
	assert_false(ctl_parse_number("99999999999999999999", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_escaped),
		cmocka_unit_test(long_text_is_cut_and_says_so),
		cmocka_unit_test(no_byte_sequence_escapes_the_escaping),
		cmocka_unit_test(tables_align_their_columns),
		cmocka_unit_test(exits_say_what_they_mean),
		cmocka_unit_test(broken_exits_do_not_break_the_line),
		cmocka_unit_test(ends_have_a_sentence_and_a_status),
		cmocka_unit_test(times_and_numbers_parse_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
