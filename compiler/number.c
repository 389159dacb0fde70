/* SPDX-License-Identifier: MIT */
/* Number parsing, and its errors in the words of the spec. */
#include <inttypes.h>
#include <string.h>
#include "number.h"

static const struct {
	const char *suffix;
	enum unit unit;
	uint64_t factor;
} units[] = {
	{ "KiB", UNIT_SIZE, 1ULL << 10 }, { "MiB", UNIT_SIZE, 1ULL << 20 },
	{ "GiB", UNIT_SIZE, 1ULL << 30 },
	{ "ns", UNIT_TIME, 1 }, { "us", UNIT_TIME, 1000 }, { "ms", UNIT_TIME, 1000000 },
	{ "s", UNIT_TIME, 1000000000 },
};

static int digit(char c, unsigned int base)
{
	int value = -1;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	return value < (int)base ? value : -1;
}

static enum number_status apply_unit(const char *suffix, enum unit unit, uint64_t *value)
{
	if (!*suffix)
		return unit == UNIT_TIME ? NUMBER_NEEDS_UNIT : NUMBER_GOOD;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == unit && !strcmp(units[i].suffix, suffix))
			return __builtin_mul_overflow(*value, units[i].factor, value) ?
				NUMBER_OVERFLOW : NUMBER_GOOD;
	return NUMBER_UNIT;
}

enum number_status number_parse(const char *text, enum unit unit, uint64_t *value)
{
	unsigned int base = 10;
	bool overflow = false;
	const char *p = text;

	*value = 0;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit(*p, base) < 0)
		return NUMBER_NONE;
	if (base == 10 && p[0] == '0' && (digit(p[1], 10) >= 0 || p[1] == '_'))
		return NUMBER_LEADING_ZERO;
	for (; digit(*p, base) >= 0 || *p == '_'; p++) {
		if (*p == '_' && digit(p[1], base) < 0)
			return NUMBER_UNDERSCORE;
		if (*p == '_')
			continue;
		overflow |= __builtin_mul_overflow(*value, (uint64_t)base, value) ||
			    __builtin_add_overflow(*value, (uint64_t)digit(*p, base), value);
	}
	if (overflow)
		return NUMBER_OVERFLOW;
	return apply_unit(p, unit, value);
}

static const char *unit_text(enum unit unit)
{
	return unit == UNIT_SIZE ? "KiB, MiB or GiB, or none" :
	       unit == UNIT_TIME ? "ns, us, ms or s" : "none";
}

/* "N" or "FIRST-LAST", both ends included. */
bool read_span(struct comp *c, const struct node *node, const char *what, unsigned int bits,
	       uint64_t *first, uint64_t *last)
{
	const char *dash = node->kind == NODE_SCALAR ? strchr(node->text, '-') : NULL;

	if (!dash) {
		if (!read_number(c, node, what, bits, UNIT_NONE, first))
			return false;
		*last = *first;
		return true;
	}
	if (number_parse(arena_copy(&c->arena, node->text, (size_t)(dash - node->text)), UNIT_NONE,
			 first) == NUMBER_GOOD &&
	    number_parse(dash + 1, UNIT_NONE, last) == NUMBER_GOOD && *last >> bits == 0 &&
	    *first <= *last)
		return true;
	diag_error(&c->diag, &node->range,
		   "`%s` is %s; a range is FIRST-LAST, both ends %u-bit numbers and included", what,
		   node_quote(&c->arena, node), bits);
	return false;
}

bool read_number(struct comp *c, const struct node *node, const char *what, unsigned int bits,
		 enum unit unit, uint64_t *value)
{
	enum number_status status = NUMBER_NONE;
	const char *found;

	if (node->kind == NODE_SCALAR)
		status = number_parse(node->text, unit, value);
	if (status == NUMBER_GOOD && (bits >= 64 || *value >> bits == 0))
		return true;
	found = node_quote(&c->arena, node);
	switch (status) {
	case NUMBER_GOOD:
		diag_error(&c->diag, &node->range,
			   "`%s` is %s, which does not fit its %u bits; at most "
			   "0x%" PRIx64,
			   what, found, bits, ((uint64_t)1 << bits) - 1);
		return false;
	case NUMBER_NONE:
		diag_error(&c->diag, &node->range,
			   "`%s` is %s, not a number; write it decimal or with 0x", what, found);
		return false;
	case NUMBER_LEADING_ZERO:
		diag_error(&c->diag, &node->range,
			   "`%s` is %s: a leading zero is octal in YAML 1.1 and "
			   "decimal in 1.2; remove it, or write 0x",
			   what, found);
		return false;
	case NUMBER_UNDERSCORE:
		diag_error(&c->diag, &node->range,
			   "`%s` is %s: a `_` stands between two digits only", what, found);
		return false;
	case NUMBER_UNIT:
	case NUMBER_NEEDS_UNIT:
		diag_error(&c->diag, &node->range, "`%s` is %s; the unit is %s", what, found,
			   unit_text(unit));
		return false;
	default:
		diag_error(&c->diag, &node->range, "`%s` is %s, which does not fit 64 bits", what,
			   found);
		return false;
	}
}
