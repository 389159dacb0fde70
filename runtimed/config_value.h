/* SPDX-License-Identifier: MIT */
/* Scalars of svmrund.conf. */
#ifndef SVMRUND_CONFIG_VALUE_H
#define SVMRUND_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

enum config_unit { CONFIG_COUNT, CONFIG_BYTES, CONFIG_MS };

/* "64", "32MiB", "10s" (to milliseconds). False: it is none, or does not fit 64 bits. */
bool config_number(const char *text, enum config_unit unit, uint64_t *value);
const char *config_unit_rule(enum config_unit unit);	/* in words */

#endif
