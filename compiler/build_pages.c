/* SPDX-License-Identifier: MIT */
/*
 * Page tables from maps. Tables are numbered in the order in which a walk by ascending addresses
 * meets them, the root first, so that the same maps give the same bytes however they are listed or
 * cut. Upper levels allow everything: what a page allows is said by its own entry alone.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "guest_tables.h"

struct builder {
	struct comp *c;
	const struct paging_format *format;
	uint64_t gpa;			/* of the root */
	uint8_t *bytes;			/* PAGE_TABLES_MAX pages are its limit */
	size_t count, capacity;		/* tables */
};

static int compare_maps(const void *a, const void *b)
{
	const struct spec_map *x = a, *y = b;

	return x->linear < y->linear ? -1 : x->linear > y->linear;
}

static bool new_table(struct builder *b, const struct range *range)
{
	if (b->count == PAGE_TABLES_MAX) {
		diag_error(&b->c->diag, range, "the maps need more than %u pages of tables; use "
			   "larger pages or smaller maps", PAGE_TABLES_MAX);
		return false;
	}
	b->bytes = arena_grow(&b->c->arena, b->bytes, b->count, &b->capacity, SVMT_PAGE_BYTES);
	memset(b->bytes + b->count * SVMT_PAGE_BYTES, 0, SVMT_PAGE_BYTES);
	b->count++;
	return true;
}

static uint8_t *entry_at(struct builder *b, size_t table, uint64_t linear, unsigned int level)
{
	const uint64_t index = linear >> paging_shift(b->format, level) &
			       ((1u << b->format->bits) - 1);

	return b->bytes + table * SVMT_PAGE_BYTES + index * b->format->entry_bytes;
}

/* A PDPTE of PAE has no permissions (APM volume 2, 5.2.4). */
static uint64_t table_flags(const struct paging_format *format, unsigned int level)
{
	return format->levels == 3 && level == 2 ? PTE_P : PTE_P | PTE_W | PTE_U;
}

static uint64_t page_flags(const struct spec_map *map, unsigned int level)
{
	return PTE_P | (map->access & MAP_WRITE ? PTE_W : 0) | (map->access & MAP_USER ? PTE_U : 0) |
	       (map->access & MAP_GLOBAL ? PTE_G : 0) | (map->access & MAP_EXEC ? 0 : PTE_NX) |
	       (level ? PTE_PS : 0);
}

/* Level whose pages have `bytes` bytes; 0 for 4 KiB. */
static unsigned int level_of(const struct paging_format *format, uint64_t bytes)
{
	unsigned int level = 0;

	while (1ULL << paging_shift(format, level) < bytes)
		level++;
	return level;
}

uint64_t paging_page_at(const struct paging_format *format, const struct spec_map *map, uint64_t done)
{
	uint64_t best = SVMT_PAGE_BYTES;

	if (map->page)
		return map->page;
	for (unsigned int i = 0; i < 3 && format->pages[i]; i++)
		if (!((map->linear + done) % format->pages[i]) &&
		    !((map->gpa + done) % format->pages[i]) && map->bytes - done >= format->pages[i])
			best = format->pages[i];
	return best;
}

static bool add_page(struct builder *b, const struct spec_map *map, uint64_t done, uint64_t page)
{
	const uint64_t linear = map->linear + done;
	const unsigned int last = level_of(b->format, page);
	size_t table = 0;
	uint64_t entry;

	for (unsigned int level = b->format->levels - 1; level > last; level--) {
		entry = 0;
		memcpy(&entry, entry_at(b, table, linear, level), b->format->entry_bytes);
		if (!entry) {
			if (!new_table(b, &map->range))
				return false;
			entry = (b->gpa + (b->count - 1) * SVMT_PAGE_BYTES) |
				table_flags(b->format, level);
			memcpy(entry_at(b, table, linear, level), &entry, b->format->entry_bytes);
		}
		table = (size_t)(((entry & 0x000ffffffffff000ULL) - b->gpa) / SVMT_PAGE_BYTES);
	}
	entry = (map->gpa + done) | page_flags(map, last);
	memcpy(entry_at(b, table, linear, last), &entry, b->format->entry_bytes);
	return true;
}

uint8_t *build_pages(struct comp *c, uint64_t gpa, uint64_t *bytes)
{
	struct builder b = { .c = c, .format = paging_format(c), .gpa = gpa };
	const size_t map_bytes = c->spec.map_count * sizeof(struct spec_map);
	struct spec_map *maps = arena_alloc(&c->arena, map_bytes);

	memcpy(maps, c->spec.maps, map_bytes);
	qsort(maps, c->spec.map_count, sizeof(*maps), compare_maps);
	if (!new_table(&b, &c->spec.page_tables.range))
		return NULL;
	for (size_t i = 0; i < c->spec.map_count; i++)
		for (uint64_t done = 0; done < maps[i].bytes;) {
			const uint64_t page = paging_page_at(b.format, &maps[i], done);

			if (!add_page(&b, &maps[i], done, page))
				return NULL;
			done += page;
		}
	*bytes = b.count * SVMT_PAGE_BYTES;
	return b.bytes;
}
