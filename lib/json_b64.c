/* SPDX-License-Identifier: MIT */
/* Base64, strict both ways; see json_b64.h. No streaming: a message is one line in memory. */
#include "json_b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 1 + the value of a character; 0: it is none of the alphabet. */
static const uint8_t values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
	21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
	46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['+'] = 63, ['/'] = 64,
};

static int value_of(char c)
{
	return values[(unsigned char)c] - 1;
}

/* Of four characters, none of them padding; -1: one is none of the alphabet. */
static int word_of(const char *text)
{
	const int a = value_of(text[0]), b = value_of(text[1]), c = value_of(text[2]),
		d = value_of(text[3]);

	return (a | b | c | d) < 0 ? -1 : a << 18 | b << 12 | c << 6 | d;
}

size_t json_b64_encode(char *text, const void *bytes, size_t length)
{
	const uint8_t *in = bytes;
	char *at = text;

	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t word = (uint32_t)in[i] << 16;

		if (left > 1)
			word |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			word |= in[i + 2];
		*at++ = alphabet[word >> 18];
		*at++ = alphabet[word >> 12 & 63];
		*at++ = left > 1 ? alphabet[word >> 6 & 63] : '=';
		*at++ = left > 2 ? alphabet[word & 63] : '=';
	}
	return (size_t)(at - text);
}

/* Number of '=' at the end: 0, 1 or 2. */
static size_t padding(const char *text, size_t length)
{
	if (!length || text[length - 1] != '=')
		return 0;
	return text[length - 2] == '=' ? 2 : 1;
}

ssize_t json_b64_decode(void *bytes, const char *text, size_t length, size_t *bad)
{
	uint8_t *at = bytes;
	size_t pad, i;

	*bad = length;
	if (length % 4)
		return -1;
	pad = padding(text, length);
	/* All that can be without padding; then character by character, from one that is wrong. */
	for (i = 0; i + 4 < length; i += 4) {
		const int word = word_of(text + i);

		if (word < 0)
			break;
		*at++ = (uint8_t)(word >> 16);
		*at++ = (uint8_t)(word >> 8);
		*at++ = (uint8_t)word;
	}
	for (; i < length; i += 4) {
		size_t significant = i + 4 == length ? 4 - pad : 4;
		uint32_t word = 0;

		for (size_t k = 0; k < 4; k++) {
			int v = k < significant ? value_of(text[i + k]) : 0;

			*bad = i + k;
			if (v < 0)
				return -1;
			word = word << 6 | (uint32_t)v;
		}
		/* Bits under the padding must be zero, else two texts would mean the same bytes. */
		if ((significant == 2 && (word & 0xffff)) || (significant == 3 && (word & 0xff)))
			return -1;
		*at++ = (uint8_t)(word >> 16);
		if (significant > 2)
			*at++ = (uint8_t)(word >> 8);
		if (significant > 3)
			*at++ = (uint8_t)word;
	}
	return at - (uint8_t *)bytes;
}
