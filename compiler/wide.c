/* SPDX-License-Identifier: MIT */
/*
 * Wide values, and the x87 and SSE registers that have them. The same digits as numbers.c takes, in
 * hexadecimal only: nobody writes 128 bits in decimal.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "read.h"
#include "wide.h"

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Digits of "0x...", `_` between two of them; false for anything else. */
static bool hex_digits(const char *text, char *digits, size_t most, size_t *count)
{
	*count = 0;
	if (text[0] != '0' || text[1] != 'x' || !isxdigit((unsigned char)text[2]))
		return false;
	for (text += 2; *text; text++) {
		if (*text == '_' && isxdigit((unsigned char)text[1]))
			continue;
		if (!isxdigit((unsigned char)*text))
			return false;
		if (!*count && *text == '0')
			continue;
		if (*count < most)
			digits[*count] = *text;
		++*count;
	}
	return true;
}

bool read_wide(struct comp *c, const struct node *node, const char *what, unsigned int bytes,
	       uint8_t *value)
{
	char digits[2 * WIDE_MAX_BYTES];
	uint64_t number = 0;
	size_t count;

	memset(value, 0, bytes);
	if (bytes <= 8) {
		if (!read_number(c, node, what, bytes * 8, UNIT_SIZE, &number))
			return false;
		memcpy(value, &number, bytes);
		return true;
	}
	if (node->kind != NODE_SCALAR ||
	    !hex_digits(node->text, digits, sizeof(digits), &count)) {
		if (!read_number(c, node, what, 64, UNIT_NONE, &number))
			return false;
		memcpy(value, &number, sizeof(number));
		return true;
	}
	if (count > 2 * (size_t)bytes) {
		diag_error(&c->diag, &node->range, "`%s` has %zu hexadecimal digits; it has %u bits, "
			   "which are at most %u", what, count, bytes * 8, 2 * bytes);
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const size_t place = count - 1 - i;

		value[place / 2] |= (uint8_t)(digit(digits[i]) << (place % 2 ? 4 : 0));
	}
	return true;
}

void wide_text(const uint8_t *value, unsigned int bytes, char *text)
{
	while (bytes > 1 && !value[bytes - 1])
		bytes--;
	text += sprintf(text, "0x%x", value[bytes - 1]);
	while (--bytes)
		text += sprintf(text, "%02x", value[bytes - 1]);
}

bool read_wide_field(struct comp *c, const struct node *node, const char *what,
		     const struct vmcb_field_info *field)
{
	uint8_t value[WIDE_MAX_BYTES];
	uint64_t word;

	if (!read_wide(c, node, what, field->bytes, value))
		return false;
	for (unsigned int i = 0; i < field->bytes / 8u; i++) {
		memcpy(&word, value + 8 * i, sizeof(word));
		vmcb_set_field(c->spec.vmcb, field->offset + 8 * i, 8, 63, 0, field->clean, word);
	}
	return true;
}

#define ST(n) { "st" #n, "x87 register", 32 + 16 * (n), 10 }
#define XMM(n) { "xmm" #n, "SSE register", 160 + 16 * (n), 16 }

const struct fxsave_register *fxsave_register(size_t index)
{
	static const struct fxsave_register registers[] = {
		{ "fcw", "x87 control word", 0, 2 }, { "fsw", "x87 status word", 2, 2 },
		{ "ftw", "x87 tag word, abridged: a bit for each register that is not empty", 4, 1 },
		{ "fop", "x87 last opcode", 6, 2 },
		{ "fip", "x87 last instruction pointer", 8, 8 },
		{ "fdp", "x87 last data pointer", 16, 8 }, { "mxcsr", "SSE control and status", FXSAVE_MXCSR, 4 },
		ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
		XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9),
		XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	};

	return index < sizeof(registers) / sizeof(registers[0]) ? &registers[index] : NULL;
}
