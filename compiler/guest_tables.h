/* SPDX-License-Identifier: MIT */
/*
 * `page_tables`, `gdt` and `idt`: tables of the guest that a spec describes and svmc builds into
 * its memory. Addresses are guest physical; the formats are those of vCPU 0's mode.
 */
#ifndef SVMC_GUEST_TABLES_H
#define SVMC_GUEST_TABLES_H

#include "comp.h"

#define PAGE_TABLES_MAX 4096u	/* pages of one set of page tables: 16 MiB */
#define MAPS_MAX 4096u

/* Bits of an entry, APM volume 2, 5.4. */
#define PTE_P 1ULL
#define PTE_W 2ULL
#define PTE_U 4ULL
#define PTE_PS 0x80ULL
#define PTE_G 0x100ULL
#define PTE_NX (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

/* Permissions of a map, letters of `access`. */
enum { MAP_READ = 1, MAP_WRITE = 2, MAP_EXEC = 4, MAP_USER = 8, MAP_GLOBAL = 16 };

/* APM volume 2, 5.2 and 5.3: the levels of a page table, the root first. */
struct paging_format {
	const char *name;
	unsigned int levels, entry_bytes;
	unsigned int bits;		/* of the address, each level but the first of PAE */
	unsigned int address_bits;	/* of linear addresses */
	uint64_t pages[3];		/* sizes of pages, ascending; 0: no more */
};

/* The format of the selected set's mode, also when its paging is off. */
const struct paging_format *paging_format(const struct comp *c);

/* Number of bits below the index of a level; level 0 is the last one, of 4 KiB pages. */
unsigned int paging_shift(const struct paging_format *format, unsigned int level);

/* Whether linear addresses of the format reach it (APM volume 2, 5.3.1). */
bool paging_reaches(const struct paging_format *format, uint64_t linear);

/* Size of the page at `done` bytes of the map: the given one, or the largest that fits there. */
uint64_t paging_page_at(const struct paging_format *format, const struct spec_map *map,
			uint64_t done);

/* Readers, of the form that struct key wants. */
bool spec_read_page_tables(struct comp *c, const struct node *node, void *into);
bool spec_read_gdt(struct comp *c, const struct node *node, void *into);
bool spec_read_idt(struct comp *c, const struct node *node, void *into);

/* Put the tables into memory and point CR3, GDTR and IDTR at them, as far as the spec does not. */
void build_guest_tables(struct comp *c);

/* The tables' bytes, as build_guest_tables() makes them; NULL after a message. */
uint8_t *build_pages(struct comp *c, uint64_t gpa, uint64_t *bytes);
uint8_t *build_gdt(struct comp *c, uint64_t *bytes);
uint8_t *build_idt(struct comp *c, uint64_t *bytes);

/* Bytes of an IDT entry in the selected set's mode: 4 (real mode), 8 or 16. */
unsigned int gate_bytes(const struct comp *c);

/* Whether system descriptors of the GDT have 16 bytes: the selected set is in long mode. */
bool has_long_descriptors(const struct comp *c);

/* Whether the maps fit the format and each other; the checks tell why not. */
bool maps_are_sound(struct comp *c);

/* Words of the language, by index (NULL behind the last) and by a gate's type. */
const char *descriptor_kind_name(size_t index);
const char *gate_kind_name(size_t index);
const char *gate_type_name(unsigned int type);

/* The kind of descriptor that has the attributes but for the DPL, and its usual limit; or NULL. */
const char *descriptor_kind_of(uint64_t attrib, uint64_t *limit);

enum walk_result { WALK_MAPPED, WALK_NOT_PRESENT, WALK_NOT_CANONICAL };

/*
 * What the selected set's paging makes of a linear address, by the memory's initial contents: the
 * physical address and MAP_* of the page. Without paging, or below it, everything is allowed.
 */
enum walk_result walk(const struct comp *c, uint64_t linear, uint64_t *gpa, unsigned int *access);

/* Initial memory at `gpa`: contents, and zeroes where there are none. */
void memory_read(const struct spec *spec, uint64_t gpa, void *into, uint64_t bytes);

#endif
