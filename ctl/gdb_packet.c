/* SPDX-License-Identifier: MIT */
/* Bytes that are no packet are skipped, as GDB's own servers do; a packet that is too long is, too. */
#include <string.h>
#include "gdb_packet.h"

#define ESCAPE '}'
#define ESCAPE_XOR 0x20
#define INTERRUPT 3

static const char digits[] = "0123456789abcdef";

char *gdb_input_room(struct gdb_input *input, size_t *bytes)
{
	if (input->start) {
		input->length -= input->start;
		memmove(input->bytes, input->bytes + input->start, input->length);
		input->start = 0;
	}
	/* Nothing as long as this can become a packet. */
	if (input->length == sizeof(input->bytes))
		input->length = 0;
	*bytes = sizeof(input->bytes) - input->length;
	return input->bytes + input->length;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The bytes between $ and #. False: too long. */
static bool unescape(const char *from, size_t bytes, char *payload, size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < bytes; i++) {
		char c = from[i];

		if (*length == GDB_PACKET_BYTES)
			return false;
		if (c == ESCAPE && i + 1 < bytes)
			c = (char)(from[++i] ^ ESCAPE_XOR);
		payload[(*length)++] = c;
	}
	payload[*length] = '\0';
	return true;
}

static enum gdb_got take_packet(struct gdb_input *input, char *payload, size_t *length)
{
	const char *begin = input->bytes + input->start + 1, *end;
	size_t left = input->length - input->start - 1;
	uint8_t sum = 0;

	end = memchr(begin, '#', left);
	if (!end || (size_t)(end - begin) + 3 > left)
		return GDB_MORE;
	input->start += (size_t)(end - begin) + 4;
	for (const char *at = begin; at < end; at++)
		sum = (uint8_t)(sum + (uint8_t)*at);
	if (nibble(end[1]) < 0 || nibble(end[2]) < 0 || (nibble(end[1]) << 4 | nibble(end[2])) != sum ||
	    !unescape(begin, (size_t)(end - begin), payload, length))
		return GDB_DAMAGED;
	return GDB_PACKET;
}

enum gdb_got gdb_input_next(struct gdb_input *input, char payload[GDB_PACKET_BYTES + 1],
			    size_t *length)
{
	while (input->start < input->length) {
		switch (input->bytes[input->start]) {
		case '$':
			return take_packet(input, payload, length);
		case INTERRUPT:
			input->start++;
			return GDB_INTERRUPT;
		case '-':
			input->start++;
			return GDB_NAK;
		default:
			input->start++;
		}
	}
	return GDB_MORE;
}

void gdb_put_packet(struct json_out *out, const char *payload, size_t length)
{
	uint8_t sum = 0;
	char *at = json_out_room(out, 2 * length + 4);
	const char *start = at;

	if (!at)
		return;
	*at++ = '$';
	for (size_t i = 0; i < length; i++) {
		char c = payload[i];

		if (c == '$' || c == '#' || c == ESCAPE || c == '*') {
			*at++ = ESCAPE;
			sum = (uint8_t)(sum + ESCAPE);
			c = (char)(c ^ ESCAPE_XOR);
		}
		*at++ = c;
		sum = (uint8_t)(sum + (uint8_t)c);
	}
	*at++ = '#';
	*at++ = digits[sum >> 4];
	*at++ = digits[sum & 15];
	out->length += (size_t)(at - start);
}

void gdb_put_hex(struct json_out *out, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	char *at = json_out_room(out, 2 * length);

	if (!at)
		return;
	for (size_t i = 0; i < length; i++) {
		at[2 * i] = digits[from[i] >> 4];
		at[2 * i + 1] = digits[from[i] & 15];
	}
	out->length += 2 * length;
}

bool gdb_take_hex(const char *text, void *bytes, size_t length)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < length; i++) {
		int high = nibble(text[2 * i]), low = high < 0 ? -1 : nibble(text[2 * i + 1]);

		if (low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool gdb_take_number(const char **at, uint64_t *value)
{
	unsigned int count = 0;

	*value = 0;
	for (; nibble(**at) >= 0; ++*at, count++) {
		if (count == 16)
			return false;
		*value = *value << 4 | (uint64_t)nibble(**at);
	}
	return count > 0;
}
