/* SPDX-License-Identifier: MIT */
/*
 * The strict JSON scanner of json_check.h: one pass, a stack of bits instead of recursion. It only
 * accepts or refuses; values are cJSON's business.
 */
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>
#include "json_check.h"

struct scan {
	const char *text;
	size_t length, at;
	const char *rule;	/* the broken rule once a step failed */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct scan *s)
{
	return s->at < s->length ? s->text[s->at] : '\0';
}

static bool fail(struct scan *s, const char *rule)
{
	s->rule = rule;
	return false;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->length && strchr(" \t\r\n", s->text[s->at]) && s->text[s->at])
		s->at++;
}

/* Bytes of the UTF-8 character at p, 0: cut off by the end, -1: invalid (Unicode table 3-7). */
static int utf8_length(const unsigned char *p, size_t left)
{
	unsigned char lo = 0x80, hi = 0xbf;
	int n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return -1;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lo = 0xa0;	/* overlong */
	else if (p[0] == 0xed)
		hi = 0x9f;	/* surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90;	/* overlong */
	else if (p[0] == 0xf4)
		hi = 0x8f;	/* above U+10FFFF */
	for (int i = 1; i < n; i++) {
		if ((size_t)i >= left)
			return 0;
		if (p[i] < lo || p[i] > hi)
			return -1;
		lo = 0x80;
		hi = 0xbf;
	}
	return n;
}

size_t json_utf8_prefix(const char *text, size_t length, bool *bad)
{
	size_t at = 0;

	*bad = false;
	while (at < length) {
		int n = utf8_length((const unsigned char *)text + at, length - at);

		if (n <= 0) {
			*bad = n < 0;
			break;
		}
		at += (size_t)n;
	}
	return at;
}

/* Value of the four hex digits at s->at, or -1. */
static int hex4(const struct scan *s)
{
	int value = 0;

	if (s->length - s->at < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char c = s->text[s->at + i];
		int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			return -1;
		value = value << 4 | d;
	}
	return value;
}

static bool scan_unicode_escape(struct scan *s)
{
	int unit = hex4(s);

	if (unit < 0)
		return fail(s, "\\u needs four hex digits");
	if (unit == 0)
		return fail(s, "\\u0000 is not allowed in strings here");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return fail(s, "low surrogate without a high one");
	s->at += 4;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (s->length - s->at < 6 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
		return fail(s, "high surrogate without a low one");
	s->at += 2;
	unit = hex4(s);
	if (unit < 0xdc00 || unit > 0xdfff)
		return fail(s, "high surrogate without a low one");
	s->at += 4;
	return true;
}

/* Goes over the bytes, 16 by 16, that a string may have and that mean nothing but themselves. */
static void skip_plain(struct scan *s)
{
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');

	while (s->length - s->at >= 16) {
		const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s->text + s->at));
		/* Signed: what has bit 7 set is below the space, too. */
		const __m128i special = _mm_or_si128(_mm_cmplt_epi8(bytes, space),
				_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));

		if (_mm_movemask_epi8(special))
			return;
		s->at += 16;
	}
}

static bool scan_string(struct scan *s)
{
	s->at++;
	while (s->at < s->length) {
		unsigned char c;
		int n;

		skip_plain(s);
		if (s->at == s->length)
			break;
		c = (unsigned char)s->text[s->at];
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c == '\\') {
			s->at++;
			if (peek(s) == 'u') {
				s->at++;
				if (!scan_unicode_escape(s))
					return false;
				continue;
			}
			if (!peek(s) || !strchr("\"\\/bfnrt", peek(s)))
				return fail(s, "unknown escape in a string");
			s->at++;
			continue;
		}
		if (c < 0x20)
			return fail(s, "control character in a string");
		n = utf8_length((const unsigned char *)s->text + s->at, s->length - s->at);
		if (n <= 0)
			return fail(s, "invalid UTF-8");
		s->at += (size_t)n;
	}
	return fail(s, "string without an end");
}

static bool scan_digits(struct scan *s)
{
	if (!is_digit(peek(s)))
		return fail(s, "digit expected");
	while (is_digit(peek(s)))
		s->at++;
	return true;
}

static bool scan_number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0') {
		s->at++;
		if (is_digit(peek(s)))
			return fail(s, "number with a leading zero");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (peek(s) == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return false;
	}
	return true;
}

static bool scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if (s->length - s->at >= n && !memcmp(s->text + s->at, words[i], n)) {
			s->at += n;
			return true;
		}
	}
	return fail(s, s->at < s->length ? "JSON value expected" : "the text ends too early");
}

static bool scan_scalar(struct scan *s)
{
	char c = peek(s);

	if (c == '"')
		return scan_string(s);
	return c == '-' || is_digit(c) ? scan_number(s) : scan_word(s);
}

static bool scan_key(struct scan *s)
{
	skip_space(s);
	if (peek(s) != '"')
		return fail(s, "member name in quotes expected");
	if (!scan_string(s))
		return false;
	skip_space(s);
	if (peek(s) != ':')
		return fail(s, "':' expected");
	s->at++;
	return true;
}

/* After a value: closes what ends here and moves to the next value. 1: go on, 0: whole, -1: bad. */
static int scan_after_value(struct scan *s, uint64_t objects, unsigned int *depth)
{
	while (*depth) {
		bool object = objects >> (*depth - 1) & 1;
		char c;

		skip_space(s);
		c = peek(s);
		if (c == ',') {
			s->at++;
			return !object || scan_key(s) ? 1 : -1;
		}
		if (c != (object ? '}' : ']')) {
			fail(s, s->at >= s->length ? "the text ends too early" :
			     object ? "',' or '}' expected" : "',' or ']' expected");
			return -1;
		}
		s->at++;
		(*depth)--;
	}
	return 0;
}

/* One value with everything in it. */
static enum json_check_result scan_value(struct scan *s, unsigned int limit)
{
	uint64_t objects = 0;	/* bit n: level n + 1 is an object */
	unsigned int depth = 0;
	int more = 1;

	while (more > 0) {
		char c;

		skip_space(s);
		c = peek(s);
		if (c == '{' || c == '[') {
			if (depth == limit) {
				fail(s, "nested too deeply");
				return JSON_CHECK_DEPTH;
			}
			objects &= ~(1ULL << depth);
			objects |= (uint64_t)(c == '{') << depth;
			depth++;
			s->at++;
			skip_space(s);
			if (peek(s) != (c == '{' ? '}' : ']')) {
				if (c == '{' && !scan_key(s))
					return JSON_CHECK_SYNTAX;
				continue;
			}
			s->at++;
			depth--;
		} else if (!scan_scalar(s)) {
			return JSON_CHECK_SYNTAX;
		}
		more = scan_after_value(s, objects, &depth);
	}
	return more ? JSON_CHECK_SYNTAX : JSON_CHECK_OK;
}

enum json_check_result json_check(const char *text, size_t length, unsigned int depth,
				  struct json_check_error *error)
{
	struct scan s = { .text = text, .length = length };
	enum json_check_result result;

	result = scan_value(&s, depth < JSON_CHECK_MAX_DEPTH ? depth : JSON_CHECK_MAX_DEPTH);
	if (result == JSON_CHECK_OK) {
		skip_space(&s);
		if (s.at < s.length) {
			fail(&s, "text after the value");
			result = JSON_CHECK_SYNTAX;
		}
	}
	error->offset = s.at;
	error->text = s.rule;
	return result;
}

bool json_slice_member(struct json_slice object, const char *name, struct json_slice *value)
{
	struct scan s = { .text = object.text, .length = object.length };
	size_t name_length = strlen(name);

	skip_space(&s);
	s.at++;
	for (;;) {
		size_t key;
		bool hit;

		skip_space(&s);
		if (peek(&s) != '"')
			return false;
		key = s.at + 1;
		scan_string(&s);
		hit = s.at - 1 - key == name_length && !memcmp(s.text + key, name, name_length);
		skip_space(&s);
		s.at++;
		skip_space(&s);
		value->text = s.text + s.at;
		scan_value(&s, JSON_CHECK_MAX_DEPTH);
		value->length = (size_t)(s.text + s.at - value->text);
		if (hit)
			return true;
		skip_space(&s);
		if (peek(&s) != ',')
			return false;
		s.at++;
	}
}

bool json_slice_element(struct json_slice array, size_t *at, struct json_slice *value)
{
	struct scan s = { .text = array.text, .length = array.length, .at = *at };

	skip_space(&s);
	if (peek(&s) != (*at ? ',' : '['))
		return false;
	s.at++;
	skip_space(&s);
	if (peek(&s) == ']')
		return false;
	value->text = s.text + s.at;
	scan_value(&s, JSON_CHECK_MAX_DEPTH);
	value->length = (size_t)(s.text + s.at - value->text);
	*at = s.at;
	return true;
}
