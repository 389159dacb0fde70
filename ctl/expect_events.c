/* SPDX-License-Identifier: MIT */
/*
 * Matching of exit events. An expected event names any of exit, info1 (with mask), info2 (with
 * mask2) and rip; only what it names counts, and of the infos only the masked bits.
 */
#include <inttypes.h>
#include <string.h>
#include "expect_events.h"
#include "text.h"

/* Bits of member `name` that count: all, or those of member `mask_name`. False: malformed. */
static bool match_hex(const cJSON *expected, const cJSON *actual, const char *name,
		      const char *mask_name, bool *matches)
{
	uint64_t want, got, mask = UINT64_MAX;

	if (mask_name && json_member(expected, mask_name) &&
	    !json_hex(expected, mask_name, &mask))
		return false;
	if (!json_member(expected, name))
		return true;
	if (!json_hex(expected, name, &want))
		return false;
	*matches &= json_hex(actual, name, &got) && (got & mask) == (want & mask);
	return true;
}

static bool known_members(const cJSON *expected)
{
	static const char known[] = " exit info1 mask info2 mask2 rip ";
	const cJSON *item;
	char word[24];

	cJSON_ArrayForEach(item, expected) {
		snprintf(word, sizeof(word), " %.20s ", item->string);
		if (!strstr(known, word))
			return false;
	}
	return cJSON_IsObject(expected);
}

/* 1: matches; 0: does not; -1: the expectation itself is malformed. */
static int match(const cJSON *expected, const cJSON *actual)
{
	const cJSON *name = json_member(expected, "exit");
	bool matches = true;

	if (!known_members(expected) || (name && !cJSON_IsString(name)))
		return -1;
	if (name && strcmp(name->valuestring, json_text(actual, "exit", "")))
		matches = false;
	if (!match_hex(expected, actual, "info1", "mask", &matches) ||
	    !match_hex(expected, actual, "info2", "mask2", &matches) ||
	    !match_hex(expected, actual, "rip", NULL, &matches))
		return -1;
	return matches;
}

/* "IOIO info1=0x3f80010 mask=0xffff007f", the members in the order of `names`. */
static void describe(char *text, size_t size, const cJSON *event)
{
	static const char *const names[] = { "info1", "mask", "info2", "mask2", "rip" };
	int n = snprintf(text, size, "%.30s", json_text(event, "exit", "(any exit)"));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = json_text(event, names[i], NULL);

		if (value && n > 0 && (size_t)n < size)
			n += snprintf(text + n, size - (size_t)n, " %s=%.20s", names[i], value);
	}
}

static void print_mismatch(FILE *out, size_t index, const cJSON *expected, const char *how,
			   const cJSON *actual)
{
	char what[64], want[300], got[400] = "";

	snprintf(what, sizeof(what), "events[%zu]", index);
	if (expected)
		describe(want, sizeof(want), expected);
	if (actual)
		describe(got, sizeof(got), actual);
	snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", *got && *how ? " " : "", how);
	expect_mismatch(out, what, expected ? want : "no further event", got);
}

/* The whole stream, one by one. The first difference is enough: the rest would be shifted. */
static unsigned int compare_strict(const cJSON *events, const struct observed *observed, FILE *out)
{
	size_t index = 0;
	const cJSON *event;

	cJSON_ArrayForEach(event, events) {
		const cJSON *actual = index < observed->exit_count ? observed->exits[index] : NULL;
		int matches = match(event, actual);

		if (matches == 1 && actual) {
			index++;
			continue;
		}
		print_mismatch(out, index, event, matches < 0 ? "(malformed expectation)" :
			       actual ? "" : "no further event", actual);
		return 1;
	}
	if (index == observed->exit_count)
		return 0;
	print_mismatch(out, index, NULL, "", observed->exits[index]);
	return 1;
}

/* The first event from `from` on with the same exit: what was most likely meant. */
static const cJSON *nearest(const cJSON *expected, const struct observed *observed, size_t from)
{
	for (size_t i = from; i < observed->exit_count; i++) {
		if (!strcmp(json_text(expected, "exit", ""), json_text(observed->exits[i], "exit", "")))
			return observed->exits[i];
	}
	return NULL;
}

/* An ordered part. Taking the first match each time is right: a later one leaves fewer behind it. */
static unsigned int compare_subsequence(const cJSON *events, const struct observed *observed,
					FILE *out)
{
	size_t index = 0, next = 0;
	const cJSON *event;

	cJSON_ArrayForEach(event, events) {
		size_t from = next;
		int matches = match(event, NULL);

		for (; matches >= 0 && next < observed->exit_count; next++) {
			matches = match(event, observed->exits[next]);
			if (matches)
				break;
		}
		if (matches == 1 && next < observed->exit_count) {
			next++;
			index++;
			continue;
		}
		print_mismatch(out, index, event, matches < 0 ? "(malformed expectation)" :
			       "does not match, nor does any later event",
			       nearest(event, observed, from));
		return 1;
	}
	return 0;
}

unsigned int expect_compare_events(const cJSON *expect, const struct observed *observed, FILE *out)
{
	const cJSON *events = json_member(expect, "events");
	const cJSON *strict = json_member(expect, "strict");
	char dropped[64];

	if (!events)
		return 0;
	if (!cJSON_IsArray(events) || (strict && !cJSON_IsBool(strict))) {
		expect_mismatch(out, "expect.events", "a list, and strict: true or false",
				"something else in the template's EXPECT section");
		return 1;
	}
	if (observed->dropped > 0) {
		snprintf(dropped, sizeof(dropped), "%.0f events were dropped", observed->dropped);
		expect_mismatch(out, "events", "a lossless stream", dropped);
		return 1;
	}
	if (cJSON_IsTrue(strict))
		return compare_strict(events, observed, out);
	return compare_subsequence(events, observed, out);
}
