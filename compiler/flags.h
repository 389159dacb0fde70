/* SPDX-License-Identifier: MIT */
/* Names of the bits that are set in cr0, cr4, efer or rflags; for other registers nothing. */
#ifndef SVMC_FLAGS_H
#define SVMC_FLAGS_H

#include <stddef.h>
#include <stdint.h>

/* Name number `index` of the register's bits, or NULL. */
const char *flags_name(const char *reg, size_t index);

/* Its mask. */
uint64_t flags_bit(const char *reg, size_t index);

void flags_text(const char *reg, uint64_t value, char *text, size_t bytes);

#endif
