/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory at the start: the payload, and for profiles that want them descriptor and page
 * tables in the last pages of the first RAM region below 1 GiB.
 */
#ifndef SVMC_MEMORY_H
#define SVMC_MEMORY_H

#include "comp.h"

/* Region that holds all of [gpa, gpa + bytes), or NULL. */
const struct spec_region *memory_region(const struct spec *spec, uint64_t gpa, uint64_t bytes);

/* Whether the vCPU starts in 64-bit mode (CS.base is ignored). */
bool memory_is_64bit_code(const struct spec *spec);

/* Linear address of CS:RIP. */
uint64_t memory_entry(const struct spec *spec);

/* Whether that linear address is a physical one: paging off, or svmc's own identity map. */
bool memory_entry_is_physical(const struct comp *c);

/* Build the tables and point GDTR, TR and CR3 at them, unless the spec sets those itself. */
void memory_build_tables(struct comp *c);

/* Note that `data` is in guest memory at the start; it is not copied. */
void memory_add(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data, uint64_t bytes,
		const struct range *range);

#endif
