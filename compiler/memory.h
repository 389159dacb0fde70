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

/* Whether linear addresses are physical ones: paging off, or the profile's own identity map. */
bool memory_is_identity(const struct comp *c);

/* Whether the linear address of CS:RIP is a physical one. */
bool memory_entry_is_physical(const struct comp *c);

/* APM volume 2, 4.7: a descriptor from the VMCB's form of the segment (packed attributes). */
uint64_t memory_descriptor(uint64_t base, uint64_t limit, uint64_t attrib);

/* Build the profile's tables and point GDTR, TR and CR3 at them, unless the spec sets those itself. */
void memory_build_tables(struct comp *c);

/* Note that `data` is in guest memory at the start; it is not copied. */
void memory_add(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data, uint64_t bytes,
		const struct range *range);

/* The same, and the rest of `bytes` bytes is zero; only the data cost memory. */
void memory_add_padded(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data,
		       uint64_t data_bytes, uint64_t bytes, const struct range *range);

/*
 * The highest place in RAM of `bytes` bytes that begins on a page, ends at or below `limit` and
 * shares no page with what is in memory so far. False when there is none.
 */
bool memory_find_room(const struct spec *spec, uint64_t bytes, uint64_t limit, uint64_t *gpa);

/* Copy of the regions in ascending order, in arena memory. */
const struct spec_region *memory_sorted(struct comp *c);

#endif
