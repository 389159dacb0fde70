/* SPDX-License-Identifier: MIT */
/*
 * Escaping; see escape.h. One escaped form serves terminals, YAML blocks and error messages, so a
 * reader learns it once.
 */
#include <string.h>
#include "escape.h"
#include "json_check.h"

/* Escape the character at `at`; returns how many bytes it had. `out` takes up to 8 bytes. */
static size_t escape_one(char out[8], const unsigned char *at, size_t length)
{
	static const char names[] = "\b" "b" "\t" "t" "\n" "n" "\f" "f" "\r" "r" "\"" "\"" "\\" "\\";
	size_t whole;
	bool bad;

	for (const char *n = names; *n; n += 2) {
		if (*at == (unsigned char)*n) {
			out[0] = '\\';
			out[1] = n[1];
			out[2] = 0;
			return 1;
		}
	}
	if (*at >= 0x20 && *at < 0x7f) {
		out[0] = (char)*at;
		out[1] = 0;
		return 1;
	}
	/* C1 controls (0xc2 0x80 to 0xc2 0x9f) are obeyed by terminals like their 7-bit forms. */
	for (whole = 2; *at >= 0xc2 && whole <= 4 && whole <= length; whole++) {
		if (json_utf8_prefix((const char *)at, whole, &bad) != whole)
			continue;
		if (*at == 0xc2 && at[1] < 0xa0)
			break;
		memcpy(out, at, whole);
		out[whole] = 0;
		return whole;
	}
	snprintf(out, 8, "\\u%04x", *at);
	return 1;
}

void text_escape(char *text, size_t size, const void *bytes, size_t length, size_t most)
{
	const unsigned char *at = bytes;
	size_t taken = 0, n = 0;

	while (taken < length && taken < most) {
		char one[8];
		size_t step = escape_one(one, at + taken, length - taken), width = strlen(one);

		if (n + width + 4 > size)
			break;
		memcpy(text + n, one, width);
		n += width;
		taken += step;
	}
	if (taken < length && n + 4 <= size) {
		memcpy(text + n, "...", 3);
		n += 3;
	}
	text[n] = 0;
}

void text_escape_to(FILE *out, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t taken = 0; taken < length; ) {
		char one[8];

		taken += escape_one(one, at + taken, length - taken);
		fputs(one, out);
	}
}
