/* SPDX-License-Identifier: MIT */
/*
 * The codecs of the control socket: the strict JSON scanner, base64, hex numbers, and the event
 * encoder, whose every output must parse with cJSON to the values that went in.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include "event_json.h"
#include "json_b64.h"
#include "json_check.h"
#include "json_out.h"
#include "tables.h"

static enum json_check_result check(const char *text)
{
	struct json_check_error error;

	return json_check(text, strlen(text), 8, &error);
}

static void the_scanner_accepts_what_rfc_8259_allows(void **state)
{
	static const char *const good[] = {
		"0", "-0", "1.5e+10", "\"\"", "true", "null", "[]", "{}", " [ 1 , 2 ] ",
		"{\"a\":{\"b\":[{}]},\"c\":\"\\u00e9\\ud83d\\ude00\\n\"}", "\"\xf0\x9f\x98\x80\"",
		"[[[[[[[[1]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(check(good[i]), JSON_CHECK_OK);
}

static void the_scanner_names_the_first_bad_byte(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {
		{ "", 0 }, { "[1,]", 3 }, { "{\"a\":1,}", 7 }, { "[1 2]", 3 }, { "01", 1 },
		{ "\"\x01\"", 1 }, { "\"\xff\"", 1 }, { "1 1", 2 }, { "[\"\\q\"]", 3 },
		{ "{\"a\" 1}", 5 }, { "[1", 2 }, { "nulL", 0 }, { "\"abc", 4 }, { "-", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json_check_error error;

		assert_int_equal(json_check(bad[i].text, strlen(bad[i].text), 8, &error),
				 JSON_CHECK_SYNTAX);
		assert_int_equal(error.offset, bad[i].offset);
		assert_non_null(error.text);
	}
	assert_int_equal(check("[[[[[[[[[1]]]]]]]]]"), JSON_CHECK_DEPTH);
}

/* Every truncation of a text is refused, and nothing behind the end is read (ASan watches). */
static void a_truncated_text_is_never_accepted(void **state)
{
	static const char text[] = "{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa9\",true,null],\"b\":{}}";

	(void)state;
	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		char *copy = malloc(length + !length);
		struct json_check_error error;

		memcpy(copy, text, length);
		assert_int_equal(json_check(copy, length, 8, &error), JSON_CHECK_SYNTAX);
		assert_true(error.offset <= length);
		free(copy);
	}
	assert_int_equal(check(text), JSON_CHECK_OK);
}

static void slices_find_members_and_elements(void **state)
{
	static const char text[] = " { \"x\" : [1 , {\"id\":2} ] , \"id\" : 12345678901234567890 }";
	struct json_slice object = { text, sizeof(text) - 1 }, value, element;
	size_t at = 0, count = 0;

	(void)state;
	assert_true(json_slice_member(object, "id", &value));
	assert_int_equal(value.length, 20);
	assert_memory_equal(value.text, "12345678901234567890", 20);
	assert_false(json_slice_member(object, "i", &value));
	assert_true(json_slice_member(object, "x", &value));
	while (json_slice_element(value, &at, &element))
		count++;
	assert_int_equal(count, 2);
	assert_memory_equal(element.text, "{\"id\":2}", 8);
}

static void utf8_prefixes_end_at_whole_characters(void **state)
{
	bool bad;

	(void)state;
	assert_int_equal(json_utf8_prefix("a\xc3\xa9", 3, &bad), 3);
	assert_int_equal(json_utf8_prefix("a\xc3", 2, &bad), 1);
	assert_false(bad);
	assert_int_equal(json_utf8_prefix("a\xc3g", 3, &bad), 1);
	assert_true(bad);
}

static void base64_decodes_what_it_encoded(void **state)
{
	uint8_t bytes[64], back[64];
	char text[JSON_B64_CHARS(64)];
	size_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t length = 0; length <= sizeof(bytes); length++) {
		size_t chars = json_b64_encode(text, bytes, length);

		assert_int_equal(chars, JSON_B64_CHARS(length));
		assert_int_equal(json_b64_decode(back, text, chars, &bad), length);
		assert_memory_equal(back, bytes, length);
	}
	assert_int_equal(json_b64_encode(text, "fo", 2), 4);
	assert_memory_equal(text, "Zm8=", 4);
}

static void base64_has_one_text_for_one_value(void **state)
{
	static const char *const refused[] = { "A", "A===", "====", "AB==", "AAB=", "A=AA" };
	uint8_t back[16];
	size_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(json_b64_decode(back, refused[i], strlen(refused[i]), &bad), -1);
	assert_int_equal(json_b64_decode(back, "AAAAA*AA", 8, &bad), -1);
	assert_int_equal(bad, 5);
}

static void numbers_are_written_as_printf_would(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (uint64_t below = 0; below <= 2; below++) {
			uint64_t value = (1ULL << shift) + 1 - below;
			char got[24], want[24];

			*json_put_hex(got, value) = '\0';
			snprintf(want, sizeof(want), "0x%llx", (unsigned long long)value);
			assert_string_equal(got, want);
			*json_put_u64(got, value) = '\0';
			snprintf(want, sizeof(want), "%llu", (unsigned long long)value);
			assert_string_equal(got, want);
		}
	}
}

static void strings_survive_escaping(void **state)
{
	struct json_out out = { 0 };
	char text[128];
	cJSON *json;

	(void)state;
	for (int i = 1; i < 128; i++)
		text[i - 1] = (char)i;
	text[127] = '\0';
	json_out_string(&out, text, 127);
	json = cJSON_ParseWithLength(out.data, out.length);
	assert_string_equal(cJSON_GetStringValue(json), text);
	cJSON_Delete(json);
	json_out_free(&out);
}

static uint64_t hex_of(const cJSON *json, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(json, name));

	assert_non_null(text);
	return strtoull(text, NULL, 16);
}

static const char *text_of(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
}

/* Encodes, checks strictly, parses with cJSON and compares every member. */
static void round_trip(const struct svmrt_event *event)
{
	char line[EVENT_JSON_MAX_BYTES + 80] = EVENT_JSON_PREFIX "7";
	size_t head = strlen(line);
	size_t length = event_json_body(line + head, 3, 2, event,
					EVENT_FIELDS_ALL);
	const struct svm_exit_info *row = svm_exit_by_code(event->code);
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(event->flags));
	struct json_check_error error;
	cJSON *json, *params;

	assert_true(length < EVENT_JSON_MAX_BYTES);
	assert_int_equal(line[head + length - 1], '\n');
	assert_int_equal(json_check(line, head + length, 4, &error), JSON_CHECK_OK);
	json = cJSON_ParseWithLength(line, head + length);
	params = cJSON_GetObjectItem(json, "params");
	assert_int_equal(cJSON_GetArraySize(params), 16);
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(params, "subscription")), 7);
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(params, "vm")), 3);
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(params, "vcpu")), 2);
	if (event->seq >> 53)
		assert_true(hex_of(params, "seq") == event->seq);
	else
		assert_true((uint64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(params, "seq")) ==
			    event->seq);
	if (row)
		assert_string_equal(text_of(params, "exit"), row->name);
	assert_true(hex_of(params, "code") == (row ? row->code : event->code));
	assert_true(hex_of(params, "info1") == event->exitinfo1);
	assert_true(hex_of(params, "info2") == event->exitinfo2);
	assert_true(hex_of(params, "intinfo") == event->exitintinfo);
	assert_true(hex_of(params, "rip") == event->rip);
	assert_true(hex_of(params, "rax") == event->rax);
	assert_true(hex_of(params, "tsc") == event->tsc);
	assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(params, "cpl")),
			 event->flags & 3);
	assert_string_equal(text_of(params, "mode"), mode ? mode : "unknown");
	assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(params, "shadow")),
			 !!(event->flags & SVMRT_EVENT_SHADOW));
	assert_non_null(text_of(params, "action"));
	cJSON_Delete(json);
}

static void every_exit_code_and_flag_encodes_to_what_cjson_reads(void **state)
{
	struct svmrt_event event = {
		.tsc = ~0ULL, .exitinfo1 = ~0ULL, .exitinfo2 = ~0ULL, .rip = ~0ULL, .rax = ~0ULL,
		.exitintinfo = ~0ULL,
	};

	(void)state;
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		event.code = (uint32_t)svm_exits[i].code;
		event.seq = i % 2 ? ~0ULL - i : i;
		round_trip(&event);
	}
	event.code = 0x12345678;
	round_trip(&event);
	for (uint32_t flags = 0; flags < 0x10000; flags += 1) {
		if ((flags & 0xc0) || (flags >> 8) > SVMRT_ACTIONS)
			continue;
		event.flags = flags;
		event.rip = flags;
		round_trip(&event);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scanner_accepts_what_rfc_8259_allows),
		cmocka_unit_test(the_scanner_names_the_first_bad_byte),
		cmocka_unit_test(a_truncated_text_is_never_accepted),
		cmocka_unit_test(slices_find_members_and_elements),
		cmocka_unit_test(utf8_prefixes_end_at_whole_characters),
		cmocka_unit_test(base64_decodes_what_it_encoded),
		cmocka_unit_test(base64_has_one_text_for_one_value),
		cmocka_unit_test(numbers_are_written_as_printf_would),
		cmocka_unit_test(strings_survive_escaping),
		cmocka_unit_test(every_exit_code_and_flag_encodes_to_what_cjson_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
