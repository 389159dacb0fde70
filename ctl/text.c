/* SPDX-License-Identifier: MIT */
/*
 * Escaping and colours. One escaped form serves terminals, YAML blocks and error messages, so a
 * reader learns it once.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "json_check.h"
#include "text.h"

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

bool text_wants_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb");
}

const char *text_colour(bool wanted, enum text_colour colour)
{
	static const char *const codes[] = {
		[TEXT_PLAIN] = "", [TEXT_BOLD] = "\033[1m", [TEXT_RED] = "\033[31m",
		[TEXT_GREEN] = "\033[32m", [TEXT_YELLOW] = "\033[33m", [TEXT_CYAN] = "\033[36m",
	};

	return wanted ? codes[colour] : "";
}

const char *text_colour_end(bool wanted)
{
	return wanted ? "\033[0m" : "";
}

const cJSON *json_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_text(const cJSON *object, const char *name, const char *absent)
{
	const cJSON *item = json_member(object, name);

	return cJSON_IsString(item) ? item->valuestring : absent;
}

double json_number(const cJSON *object, const char *name, double absent)
{
	const cJSON *item = json_member(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : absent;
}

bool json_hex(const cJSON *object, const char *name, uint64_t *value)
{
	return json_hex_item(json_member(object, name), value);
}

bool json_hex_item(const cJSON *item, uint64_t *value)
{
	const char *text = cJSON_IsString(item) ? item->valuestring : "";

	if (strncmp(text, "0x", 2) || strlen(text) > 18 || !text[2] ||
	    text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
		return false;
	*value = strtoull(text + 2, NULL, 16);
	return true;
}

const char *text_count(double value)
{
	static char ring[TABLE_COLUMNS][24];
	static unsigned int next;
	char *text = ring[next++ % TABLE_COLUMNS];

	snprintf(text, sizeof(ring[0]), "%.0f", value);
	return text;
}
