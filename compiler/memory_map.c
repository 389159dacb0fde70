/* SPDX-License-Identifier: MIT */
#include "memory.h"
#include "memory_map.h"

#define LOW_END 0xa0000u
#define HIGH_BEGIN 0x100000u

/* A piece of RAM that is told as something else. */
struct cut {
	uint64_t gpa, end;
	uint32_t type;
};

static unsigned int find_cuts(const struct spec *spec, struct cut cuts[2])
{
	const uint64_t pages = (spec->acpi_bytes + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES;
	unsigned int count = 0;

	if (spec_has_chipset(spec))
		cuts[count++] = (struct cut){ LOW_END, HIGH_BEGIN, MAP_RESERVED };
	if (spec->acpi_gpa >= HIGH_BEGIN || (pages && spec->acpi_gpa < LOW_END))
		cuts[count++] = (struct cut){
			spec->acpi_gpa, spec->acpi_gpa + pages * SVMT_PAGE_BYTES, MAP_ACPI,
		};
	return count;
}

static void add(struct map_row *rows, size_t *count, uint64_t gpa, uint64_t end, uint32_t type)
{
	if (gpa < end)
		rows[(*count)++] = (struct map_row){ gpa, end - gpa, type };
}

/* The region without the cuts, and the cuts in it; a region that wraps is refused later. */
static void add_region(struct map_row *rows, size_t *count, const struct spec_region *r,
		       const struct cut *cuts, unsigned int cut_count)
{
	const uint64_t end = r->bytes > UINT64_MAX - r->gpa ? UINT64_MAX : r->gpa + r->bytes;
	uint64_t at = r->gpa;

	while (r->kind == SVMT_RAM && at < end) {
		const struct cut *next = NULL;

		for (unsigned int i = 0; i < cut_count; i++)
			if (cuts[i].end > at && cuts[i].gpa < end && (!next || cuts[i].gpa < next->gpa))
				next = &cuts[i];
		if (!next)
			break;
		add(rows, count, at, next->gpa, MAP_RAM);
		at = at < next->gpa ? next->gpa : at;
		add(rows, count, at, next->end < end ? next->end : end, next->type);
		at = next->end < end ? next->end : end;
	}
	add(rows, count, at, end, r->kind == SVMT_RAM ? MAP_RAM : MAP_RESERVED);
}

const struct map_row *memory_map(struct comp *c, size_t *count)
{
	const struct spec_region *regions = memory_sorted(c);
	struct cut cuts[2];
	const unsigned int cut_count = find_cuts(&c->spec, cuts);
	struct map_row *rows = arena_alloc(&c->arena, (c->spec.region_count + 2 * 2) * sizeof(*rows));

	*count = 0;
	for (size_t i = 0; i < c->spec.region_count; i++)
		add_region(rows, count, &regions[i], cuts, cut_count);
	return rows;
}
