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

/* Strings are read 16 bytes at a time where nothing is special: here something is, at every place. */
static void what_is_special_is_seen_anywhere_in_a_string(void **state)
{
	static const unsigned char refused[] = { 0x01, 0x1f, 0x80, 0xff };
	struct json_check_error error;

	(void)state;
	for (size_t at = 1; at <= 50; at++) {
		char text[54], *copy = malloc(at + 1);

		text[0] = '"';
		memset(text + 1, 'a', 52);
		text[51] = '"';
		assert_int_equal(json_check(text, 52, 8, &error), JSON_CHECK_OK);
		for (size_t i = 0; i < sizeof(refused); i++) {
			text[at] = (char)refused[i];
			assert_int_equal(json_check(text, 52, 8, &error), JSON_CHECK_SYNTAX);
			assert_int_equal(error.offset, at);
		}
		text[at] = '\\';		/* \a is no escape */
		assert_int_equal(json_check(text, 52, 8, &error), JSON_CHECK_SYNTAX);
		text[at] = '"';
		assert_int_equal(json_check(text, at + 1, 8, &error), JSON_CHECK_OK);
		text[at] = '\x7f';
		assert_int_equal(json_check(text, 52, 8, &error), JSON_CHECK_OK);
		assert_non_null(copy);
		memcpy(copy, text, at + 1);
		assert_int_equal(json_check(copy, at + 1, 8, &error), JSON_CHECK_SYNTAX);
		assert_int_equal(error.offset, at + 1);
		free(copy);
	}
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

static void base64_takes_the_alphabet_and_names_the_place_of_another_byte(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t back[12];
	size_t bad;

	(void)state;
	for (size_t at = 0; at < 12; at++) {
		for (unsigned int c = 0; c < 256; c++) {
			const char *known = c ? strchr(alphabet, (int)c) : NULL;
			char text[] = "AAAAAAAAAAAA";
			ssize_t length;

			text[at] = (char)c;
			if (c == '=' && at == 11)
				continue;
			length = json_b64_decode(back, text, 12, &bad);
			assert_int_equal(length, known ? 9 : -1);
			if (known)
				assert_int_equal(back[at / 4 * 3] << 16 | back[at / 4 * 3 + 1] << 8 |
						 back[at / 4 * 3 + 2],
						 (known - alphabet) << (18 - 6 * (at % 4)));
			else
				assert_int_equal(bad, at);
		}
	}
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

static struct event_json_head vcpu_head(uint64_t vm, unsigned int vcpu)
{
	struct event_json_head head;

	event_json_head(&head, vm, vcpu);
	return head;
}

static void add_hex(cJSON *json, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	cJSON_AddStringToObject(json, name, text);
}

static bool is_wanted(uint32_t fields, const char *name)
{
	uint32_t bit;

	assert_true(event_json_field(name, &bit));
	return !bit || fields & bit;
}

#define ADD_HEX(json, fields, name, value) do { \
		if (is_wanted((fields), (name))) \
			add_hex((json), (name), (value)); \
	} while (0)

/* The same event through cJSON, which is what every other message goes through. */
static char *print_with_cjson(const struct svmrt_event *event, uint32_t fields)
{
	const struct svm_exit_info *row = svm_exit_by_code(event->code);
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(event->flags));
	const char *action = svmrt_action_name(SVMRT_EVENT_ACTION(event->flags));
	cJSON *json = cJSON_CreateObject(), *params;
	char code[24], *text;

	cJSON_AddStringToObject(json, "jsonrpc", "2.0");
	cJSON_AddStringToObject(json, "method", "exit");
	params = cJSON_AddObjectToObject(json, "params");
	cJSON_AddNumberToObject(params, "subscription", 7);
	cJSON_AddNumberToObject(params, "vm", 3);
	cJSON_AddNumberToObject(params, "vcpu", 2);
	if (event->seq >> 53)
		add_hex(params, "seq", event->seq);
	else
		cJSON_AddNumberToObject(params, "seq", (double)event->seq);
	snprintf(code, sizeof(code), "0x%x", event->code);
	if (is_wanted(fields, "exit"))
		cJSON_AddStringToObject(params, "exit", row ? row->name : code);
	ADD_HEX(params, fields, "code", row ? row->code : event->code);
	ADD_HEX(params, fields, "info1", event->exitinfo1);
	ADD_HEX(params, fields, "info2", event->exitinfo2);
	ADD_HEX(params, fields, "intinfo", event->exitintinfo);
	ADD_HEX(params, fields, "rip", event->rip);
	ADD_HEX(params, fields, "rax", event->rax);
	ADD_HEX(params, fields, "tsc", event->tsc);
	if (is_wanted(fields, "cpl"))
		cJSON_AddNumberToObject(params, "cpl", event->flags & 3);
	if (is_wanted(fields, "mode"))
		cJSON_AddStringToObject(params, "mode", mode ? mode : "unknown");
	if (is_wanted(fields, "shadow"))
		cJSON_AddBoolToObject(params, "shadow", !!(event->flags & SVMRT_EVENT_SHADOW));
	if (is_wanted(fields, "action"))
		cJSON_AddStringToObject(params, "action", action ? action : "unknown");
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

/* Byte for byte what cJSON prints, and an LF. */
static void compare(const struct svmrt_event *event, uint32_t fields)
{
	char line[EVENT_JSON_MAX_BYTES + 80] = EVENT_JSON_PREFIX "7";
	struct event_json_head vcpu = vcpu_head(3, 2);
	size_t head = strlen(line);
	size_t length = event_json_body(line + head, &vcpu, event, fields);
	char *want = print_with_cjson(event, fields);
	struct json_check_error error;

	assert_true(length < EVENT_JSON_MAX_BYTES);
	assert_int_equal(line[head + length - 1], '\n');
	line[head + length - 1] = '\0';
	assert_int_equal(json_check(line, head + length - 1, 4, &error), JSON_CHECK_OK);
	assert_string_equal(line, want);
	cJSON_free(want);
}

static void every_exit_code_and_flag_is_written_as_cjson_would(void **state)
{
	struct svmrt_event event = {
		.tsc = ~0ULL, .exitinfo1 = ~0ULL, .exitinfo2 = ~0ULL, .rip = ~0ULL, .rax = ~0ULL,
		.exitintinfo = ~0ULL,
	};

	(void)state;
	for (unsigned int slot = 0; slot < SVMRT_SLOTS; slot++) {	/* known or not */
		event.code = slot < 0x100 ? slot : slot < 0x110 ? 0x400 + slot - 0x100 :
			~(slot - 0x110);
		event.seq = slot % 2 ? ~0ULL - slot : slot;
		compare(&event, EVENT_FIELDS_ALL);
		compare(&event, slot);
	}
	event.code = 0x12345678;
	compare(&event, EVENT_FIELDS_ALL);
	for (uint32_t flags = 0; flags < 0x10000; flags++) {
		event.flags = flags;
		event.rip = flags;
		if ((flags & 0xc0) == 0 && (flags >> 8) <= SVMRT_ACTIONS + 12)
			compare(&event, EVENT_FIELDS_ALL);
	}
}

/* The number in the head is counted up: from 9 to 10, over gaps, backwards, and past 2^53. */
static void sequence_numbers_follow_each_other_as_they_come(void **state)
{
	static const uint64_t starts[] = { 0, 8, 98, 999998, (1ULL << 53) - 3, ~0ULL - 3, 5, 5 };
	struct event_json_head vcpu = vcpu_head(1, 0);
	struct svmrt_event event = { .code = SVM_EXIT_CODE_HLT };

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (uint64_t n = 0; n < 6; n++) {
			struct event_json_head fresh = vcpu_head(1, 0);
			char got[EVENT_JSON_MAX_BYTES], want[EVENT_JSON_MAX_BYTES];
			size_t length;

			event.seq = starts[i] + n;
			length = event_json_body(got, &vcpu, &event, EVENT_FIELDS_ALL);
			assert_int_equal(event_json_body(want, &fresh, &event, EVENT_FIELDS_ALL),
					 length);
			assert_memory_equal(got, want, length);
			/* A second view of the same event. */
			event_json_body(got, &vcpu, &event, 1);
		}
	}
}

/* Every number of digits of every field, and every view. */
static void numbers_of_any_length_and_any_view_are_written_as_cjson_would(void **state)
{
	struct svmrt_event event = { .code = SVM_EXIT_CODE_IOIO };

	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		uint64_t value = (1ULL << shift) | (shift % 3 ? 0 : 0x0123456789abcdefULL >> shift);

		event.seq = value;
		event.tsc = value - 1;
		event.exitinfo1 = value + 1;
		event.exitinfo2 = value ^ 0xa;
		event.rip = ~value;
		event.rax = value >> 1;
		event.exitintinfo = shift;
		compare(&event, EVENT_FIELDS_ALL);
	}
	for (uint32_t fields = 0; fields <= EVENT_FIELDS_ALL; fields++)
		compare(&event, fields);
	/* From 10^15 on cJSON writes round numbers with an exponent: the same value, another text. */
	for (uint64_t seq = 1; seq < 1000000000000000ULL; seq *= 10) {
		event.seq = seq - 1;
		compare(&event, EVENT_FIELDS_ALL);
		event.seq = seq;
		compare(&event, EVENT_FIELDS_ALL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scanner_accepts_what_rfc_8259_allows),
		cmocka_unit_test(the_scanner_names_the_first_bad_byte),
		cmocka_unit_test(a_truncated_text_is_never_accepted),
		cmocka_unit_test(what_is_special_is_seen_anywhere_in_a_string),
		cmocka_unit_test(slices_find_members_and_elements),
		cmocka_unit_test(utf8_prefixes_end_at_whole_characters),
		cmocka_unit_test(base64_decodes_what_it_encoded),
		cmocka_unit_test(base64_takes_the_alphabet_and_names_the_place_of_another_byte),
		cmocka_unit_test(base64_has_one_text_for_one_value),
		cmocka_unit_test(numbers_are_written_as_printf_would),
		cmocka_unit_test(strings_survive_escaping),
		cmocka_unit_test(every_exit_code_and_flag_is_written_as_cjson_would),
		cmocka_unit_test(sequence_numbers_follow_each_other_as_they_come),
		cmocka_unit_test(numbers_of_any_length_and_any_view_are_written_as_cjson_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
