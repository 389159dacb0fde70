/* SPDX-License-Identifier: MIT */
/*
 * The growing buffer of json_out.h. Growth doubles, so a stream of small appends costs a copy of
 * each byte about once; numbers are written without printf because events come by the million.
 */
#include <stdlib.h>
#include "json_out.h"

static const char digits[] = "0123456789abcdef";

char *json_out_room(struct json_out *out, size_t bytes)
{
	size_t capacity = out->capacity ? out->capacity : 256;
	char *data;

	if (out->failed)
		return NULL;
	if (out->data && bytes <= out->capacity - out->length)
		return out->data + out->length;
	while (capacity - out->length < bytes) {
		if (capacity > SIZE_MAX / 4) {
			out->failed = true;
			return NULL;
		}
		capacity *= 2;
	}
	data = realloc(out->data, capacity);
	if (!data) {
		out->failed = true;
		return NULL;
	}
	out->data = data;
	out->capacity = capacity;
	return data + out->length;
}

void json_out_bytes(struct json_out *out, const void *bytes, size_t length)
{
	char *at = json_out_room(out, length);

	if (!at || !length)
		return;
	memcpy(at, bytes, length);
	out->length += length;
}

void json_out_text(struct json_out *out, const char *text)
{
	json_out_bytes(out, text, strlen(text));
}

/* Two digits at a time from the end, in front of which the number begins. */
char *json_put_u64(char *at, uint64_t value)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324"
		"25262728293031323334353637383940414243444546474849"
		"50515253545556575859606162636465666768697071727374"
		"75767778798081828384858687888990919293949596979899";
	char text[20];
	size_t from = sizeof(text);

	while (value >= 10) {
		uint64_t rest = value / 100;

		from -= 2;
		memcpy(text + from, pairs + 2 * (value - 100 * rest), 2);
		value = rest;
	}
	/* Nothing is left of a number of an even length; a zero is a digit of zero itself only. */
	if (value || from == sizeof(text))
		text[--from] = (char)('0' + value);
	memcpy(at, text + from, sizeof(text) - from);
	return at + sizeof(text) - from;
}

char *json_put_hex(char *at, uint64_t value)
{
	unsigned int nibbles = value ? (67u - (unsigned int)__builtin_clzll(value)) / 4 : 1;

	*at++ = '0';
	*at++ = 'x';
	while (nibbles--)
		*at++ = digits[(value >> (nibbles * 4)) & 15];
	return at;
}

void json_out_u64(struct json_out *out, uint64_t value)
{
	char *at = json_out_room(out, 20);

	if (at)
		out->length += (size_t)(json_put_u64(at, value) - at);
}

void json_out_hex(struct json_out *out, uint64_t value)
{
	char *at = json_out_room(out, 20), *end;

	if (!at)
		return;
	*at = '"';
	end = json_put_hex(at + 1, value);
	*end++ = '"';
	out->length += (size_t)(end - at);
}

/* The escape letter of a byte that has a short one, or 0. */
static char short_escape(unsigned char c)
{
	switch (c) {
	case '"': return '"';
	case '\\': return '\\';
	case '\b': return 'b';
	case '\f': return 'f';
	case '\n': return 'n';
	case '\r': return 'r';
	case '\t': return 't';
	default: return 0;
	}
}

void json_out_string(struct json_out *out, const char *text, size_t length)
{
	char *at = json_out_room(out, length * 6 + 2), *start = at;

	if (!at)
		return;
	*at++ = '"';
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		char letter = short_escape(c);

		if (letter) {
			*at++ = '\\';
			*at++ = letter;
		} else if (c < 0x20 || c == 0x7f) {
			memcpy(at, "\\u00", 4);
			at[4] = digits[c >> 4];
			at[5] = digits[c & 15];
			at += 6;
		} else {
			*at++ = (char)c;
		}
	}
	*at++ = '"';
	out->length += (size_t)(at - start);
}

void json_out_name(struct json_out *out, const char *name)
{
	if (out->length && out->data[out->length - 1] != '{')
		JSON_OUT_LITERAL(out, ",");
	json_out_string(out, name, strlen(name));
	JSON_OUT_LITERAL(out, ":");
}

void json_out_free(struct json_out *out)
{
	free(out->data);
	memset(out, 0, sizeof(*out));
}
