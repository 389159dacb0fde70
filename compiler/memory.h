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

/* Whether linear addresses are physical ones: paging off, or svmc's own identity map of 1 GiB. */
bool memory_is_identity(const struct comp *c);

/* Whether the linear address of CS:RIP is a physical one. */
bool memory_entry_is_physical(const struct comp *c);

/* Build the tables and point GDTR, TR and CR3 at them, unless the spec sets those itself. */
void memory_build_tables(struct comp *c);

/* Note that `data` is in guest memory at the start; it is not copied. */
void memory_add(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data, uint64_t bytes,
		const struct range *range);

/* The same, and the rest of `bytes` bytes is zero; only the data cost memory. */
void memory_add_padded(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data,
		       uint64_t data_bytes, uint64_t bytes, const struct range *range);

/* Place of `pages` pages in front of the profile's tables, or 0 when the region is too small. */
uint64_t memory_below_tables(const struct spec *spec, uint64_t pages);

#endif
