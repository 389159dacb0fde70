/* SPDX-License-Identifier: MIT */
/* Base64, strict both ways; see json_b64.h. No streaming: a message is one line in memory. */
#include "json_b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
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
	size_t pad;

	*bad = length;
	if (length % 4)
		return -1;
	pad = padding(text, length);
	for (size_t i = 0; i < length; i += 4) {
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
