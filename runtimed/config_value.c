/* SPDX-License-Identifier: MIT */
/* Decimal numbers with a unit; a leading zero, a sign or a space inside is refused, as in specs. */
#include <string.h>
#include "config_value.h"

struct suffix {
	const char *text;
	uint64_t factor;
};

static const struct suffix suffixes[][5] = {
	[CONFIG_COUNT] = { { "", 1 } },
	[CONFIG_BYTES] = { { "", 1 }, { "KiB", 1u << 10 }, { "MiB", 1u << 20 }, { "GiB", 1u << 30 } },
	[CONFIG_MS] = { { "", 1 }, { "ms", 1 }, { "s", 1000 }, { "min", 60000 } },
};

const char *config_unit_rule(enum config_unit unit)
{
	switch (unit) {
	case CONFIG_BYTES: return "a number of bytes, with KiB, MiB or GiB if you like,";
	case CONFIG_MS: return "a time in milliseconds, or with ms, s or min,";
	default: return "a number";
	}
}

bool config_number(const char *text, enum config_unit unit, uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number = 0;

	if (!digits || (digits > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number))
			return false;
	for (const struct suffix *suffix = suffixes[unit]; suffix->text; suffix++)
		if (!strcmp(text + digits, suffix->text))
			return !__builtin_mul_overflow(number, suffix->factor, value);
	return false;
}
