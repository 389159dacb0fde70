/* SPDX-License-Identifier: MIT */
/* Numbers of the language: decimal or 0x, `_` between digits, units. No YAML version is asked. */
#ifndef SVMC_NUMBER_H
#define SVMC_NUMBER_H

#include <stdint.h>
#include "read.h"

enum number_status {
	NUMBER_GOOD,
	NUMBER_NONE,		/* not a number at all */
	NUMBER_LEADING_ZERO,
	NUMBER_UNDERSCORE,	/* not between two digits */
	NUMBER_UNIT,		/* a suffix that is no unit of this value */
	NUMBER_NEEDS_UNIT,
	NUMBER_OVERFLOW,	/* above 2^64 - 1 */
};

enum number_status number_parse(const char *text, enum unit unit, uint64_t *value);

#endif
