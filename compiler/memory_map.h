/* SPDX-License-Identifier: MIT */
/* The memory map that a guest is told, in the rows that firmware has (ACPI 6.3, 15). */
#ifndef SVMC_MEMORY_MAP_H
#define SVMC_MEMORY_MAP_H

#include "comp.h"

enum map_type { MAP_RAM = 1, MAP_RESERVED = 2, MAP_ACPI = 3 };

struct map_row {
	uint64_t gpa, bytes;
	uint32_t type;		/* enum map_type */
};

/*
 * Regions in ascending order, in arena memory: RAM, ROM as reserved. With a chipset no RAM is told
 * between 640 KiB and 1 MiB, which is a PC's firmware; ACPI tables elsewhere are rows of their own.
 */
const struct map_row *memory_map(struct comp *c, size_t *count);

#endif
