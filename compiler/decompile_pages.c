/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a decompiled template as maps. Whatever a walk from CR3 finds is built again, and
 * only tables that come out byte by byte are told as `page_tables`; others stay contents.
 */
#include <inttypes.h>
#include <string.h>
#include "decompile.h"
#include "guest_tables.h"
#include "memory.h"
#include "profile.h"

struct walker {
	struct decompile *d;
	const struct paging_format *format;
	size_t tables;		/* that have been walked */
	bool failed;		/* no set of maps is like this */
};

static uint64_t entry_of(const struct walker *w, uint64_t table, uint64_t index)
{
	uint64_t entry = 0;

	memcpy(&entry, svmt_memory_page(w->d->view, table) + index * w->format->entry_bytes,
	       w->format->entry_bytes);
	return entry;
}

/* One more page, in the order of addresses: part of the last map if it continues it. */
static void add_page(struct walker *w, uint64_t linear, uint64_t entry, unsigned int level)
{
	struct spec *spec = &w->d->c->spec;
	const uint64_t page = 1ULL << paging_shift(w->format, level);
	const uint64_t gpa = entry & PTE_ADDRESS & ~(page - 1);
	const unsigned int access = MAP_READ | (entry & PTE_W ? MAP_WRITE : 0) |
				    (entry & PTE_U ? MAP_USER : 0) | (entry & PTE_G ? MAP_GLOBAL : 0) |
				    (entry & PTE_NX ? 0 : MAP_EXEC);
	struct spec_map *last = spec->map_count ? &spec->maps[spec->map_count - 1] : NULL;

	if (last && last->page == page && last->access == access &&
	    last->linear + last->bytes == linear && last->gpa + last->bytes == gpa) {
		last->bytes += page;
		return;
	}
	if (spec->map_count == MAPS_MAX) {
		w->failed = true;
		return;
	}
	spec->maps = arena_grow(&w->d->c->arena, spec->maps, spec->map_count,
				&spec->map_capacity, sizeof(*spec->maps));
	spec->maps[spec->map_count++] = (struct spec_map){
		.linear = linear, .gpa = gpa, .bytes = page, .page = page, .access = access,
	};
}

static bool is_page_size(const struct paging_format *format, uint64_t bytes)
{
	for (unsigned int i = 0; i < 3; i++)
		if (format->pages[i] == bytes)
			return true;
	return false;
}

/* The depth is that of the format; a table that is met too often ends it. */
static void walk_table(struct walker *w, uint64_t table, unsigned int level, uint64_t linear)
{
	const unsigned int shift = paging_shift(w->format, level);
	const bool is_pdpt = w->format->levels == 3 && level == 2;
	const uint64_t count = is_pdpt ? 4 : 1ULL << w->format->bits;

	if (++w->tables > PAGE_TABLES_MAX)
		w->failed = true;
	for (uint64_t i = 0; i < count && !w->failed; i++) {
		const uint64_t entry = entry_of(w, table, i);
		uint64_t at = linear | i << shift;

		if (!(entry & PTE_P))
			continue;
		/* The upper half of the canonical addresses. */
		if (level == w->format->levels - 1 && w->format->address_bits > 32 &&
		    at >> (w->format->address_bits - 1))
			at |= ~0ULL << w->format->address_bits;
		if (level && !(entry & PTE_PS))
			walk_table(w, entry & PTE_ADDRESS, level - 1, at);
		else if (is_page_size(w->format, 1ULL << shift))
			add_page(w, at, entry, level);
		else
			w->failed = true;
	}
}

/* Whether maps that leave the page's size open, together from `first` on, have the pages of these. */
static bool chosen_alike(const struct walker *w, size_t first, size_t count)
{
	const struct spec_map *maps = &w->d->c->spec.maps[first];
	struct spec_map whole = maps[0];

	whole.page = 0;
	for (size_t i = 1; i < count; i++)
		whole.bytes += maps[i].bytes;
	for (size_t i = 0; i < count; i++)
		for (uint64_t done = 0; done < maps[i].bytes; done += maps[i].page)
			if (paging_page_at(w->format, &whole, maps[i].linear - whole.linear + done) !=
			    maps[i].page)
				return false;
	return true;
}

static size_t count_continued(const struct spec *spec, size_t first)
{
	size_t i = first + 1;

	for (; i < spec->map_count; i++) {
		const struct spec_map *a = &spec->maps[i - 1], *b = &spec->maps[i];

		if (a->access != b->access || a->linear + a->bytes != b->linear ||
		    a->gpa + a->bytes != b->gpa)
			break;
	}
	return i - first;
}

/* Maps that continue each other become one, and sizes of pages are left out, where svmc chooses them. */
static void merge_maps(const struct walker *w)
{
	struct spec *spec = &w->d->c->spec;
	size_t kept = 0;

	for (size_t i = 0, count; i < spec->map_count; i += count) {
		const size_t group = count_continued(spec, i);
		struct spec_map whole = spec->maps[i];

		count = group;
		if (chosen_alike(w, i, group)) {
			for (size_t j = 1; j < group; j++)
				whole.bytes += spec->maps[i + j].bytes;
			whole.page = 0;
			spec->maps[kept++] = whole;
			continue;
		}
		for (size_t j = 0; j < group; j++) {
			struct spec_map map = spec->maps[i + j];

			if (chosen_alike(w, i + j, 1))
				map.page = 0;
			spec->maps[kept++] = map;
		}
	}
	spec->map_count = kept;
}

static bool find_at(struct decompile *d, uint64_t gpa)
{
	struct walker w = { .d = d, .format = paging_format(d->c) };
	struct spec *spec = &d->c->spec;
	struct spec_contents built = { .gpa = gpa };

	spec->map_count = 0;
	walk_table(&w, gpa, w.format->levels - 1, 0);
	if (w.failed || !spec->map_count)
		return false;
	merge_maps(&w);
	if (!maps_are_sound(d->c))
		return false;
	built.data = build_pages(d->c, gpa, &built.bytes);
	if (!built.data || !decompile_is_free(d, gpa, built.bytes) ||
	    !decompile_has_bytes(d->view, &built))
		return false;
	spec->page_tables = (struct spec_table){ .given = true, .has_at = true, .gpa = gpa };
	memory_add(d->c, "the page tables", gpa, built.data, built.bytes, &spec->page_tables.range);
	return true;
}

void decompile_find_pages(struct decompile *d)
{
	struct spec *spec = &d->c->spec;

	for (size_t i = 0; i < spec->set_count; i++)
		if (d->c->spec.profile->builds_page_tables &&
		    !decompile_sets(d, i, "cr3"))
			return;		/* the profile's are in use, and a spec has one or the other */
	for (size_t i = 0; i < spec->set_count && i < DECOMPILE_SETS; i++) {
		const uint64_t root = vmcb_get_CR3(spec->sets[i].vmcb) & PTE_ADDRESS;

		if (root && find_at(d, root))
			return;
	}
	spec->map_count = 0;
}

static void print_access(FILE *out, unsigned int access)
{
	static const char letters[] = "rwxug";

	if (access == (MAP_READ | MAP_WRITE | MAP_EXEC))
		return;
	fprintf(out, ", access: ");
	for (unsigned int i = 0; letters[i]; i++)
		if (access & 1u << i)
			fputc(letters[i], out);
}

void decompile_pages(struct decompile *d)
{
	const struct spec *spec = &d->c->spec;

	if (!spec->page_tables.given)
		return;
	fprintf(d->out, "page_tables:\n  at: 0x%" PRIx64 "\n  map:\n", spec->page_tables.gpa);
	for (size_t i = 0; i < spec->map_count; i++) {
		const struct spec_map *map = &spec->maps[i];

		fprintf(d->out, "    - { at: ");
		decompile_size(d->out, map->linear);
		if (map->gpa != map->linear) {
			fprintf(d->out, ", to: ");
			decompile_size(d->out, map->gpa);
		}
		fprintf(d->out, ", size: ");
		decompile_size(d->out, map->bytes);
		if (map->page) {
			fprintf(d->out, ", page: ");
			decompile_size(d->out, map->page);
		}
		print_access(d->out, map->access);
		fprintf(d->out, " }\n");
	}
}
