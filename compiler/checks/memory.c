/* SPDX-License-Identifier: MIT */
/* Checks of `memory:`: whole pages, inside the physical address space, no two in one place. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "checks.h"

#define GPA_BITS 52	/* APM volume 2, 5.3: the architecture's limit */

static bool is_sane(const struct spec_region *r)
{
	return !(r->gpa % SVMT_PAGE_BYTES) && !(r->bytes % SVMT_PAGE_BYTES) && r->bytes &&
	       r->gpa < 1ULL << GPA_BITS && r->bytes <= (1ULL << GPA_BITS) - r->gpa;
}

static void pages(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.region_count; i++) {
		const struct spec_region *r = &c->spec.regions[i];

		if (r->gpa % SVMT_PAGE_BYTES || r->bytes % SVMT_PAGE_BYTES || !r->bytes)
			check_found(
				c, check, &r->range,
				"the region at 0x%" PRIx64 " of 0x%" PRIx64
				" bytes is not whole pages; `at` and `size` are multiples of 4KiB, "
				"`size` at least one",
				r->gpa, r->bytes);
	}
}
CHECK(pages, "memory-pages", "svmspec(5)", PART_MEMORY);

static void wrap(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.region_count; i++) {
		const struct spec_region *r = &c->spec.regions[i];

		if (r->gpa >= 1ULL << GPA_BITS || r->bytes > (1ULL << GPA_BITS) - r->gpa)
			check_found(c, check, &r->range,
				    "the region at 0x%" PRIx64 " of 0x%" PRIx64
				    " bytes ends above 2^%d, the end of physical addresses; make "
				    "it smaller",
				    r->gpa, r->bytes, GPA_BITS);
	}
}
CHECK(wrap, "memory-wrap", "APM 5.3", PART_MEMORY);

static int compare(const void *a, const void *b)
{
	const struct spec_region *const *x = a, *const *y = b;

	return (*x)->gpa < (*y)->gpa ? -1 : (*x)->gpa > (*y)->gpa;
}

static void overlap(struct comp *c, const struct check *check)
{
	const size_t count = c->spec.region_count;
	const struct spec_region **sorted = arena_alloc(&c->arena, count * sizeof(*sorted));
	size_t sane = 0;

	for (size_t i = 0; i < count; i++)
		if (is_sane(&c->spec.regions[i]))
			sorted[sane++] = &c->spec.regions[i];
	if (sane)
		qsort(sorted, sane, sizeof(*sorted), compare);
	for (size_t i = 1, last = 0; i < sane; i++) {
		const struct spec_region *a = sorted[last], *b = sorted[i];

		if (b->gpa < a->gpa + a->bytes) {
			check_found(c, check, &b->range,
				    "the region at 0x%" PRIx64 " begins inside the "
				    "region at 0x%" PRIx64 ", which ends at 0x%" PRIx64
				    "; move one",
				    b->gpa, a->gpa, a->gpa + a->bytes);
			diag_note(&c->diag, &a->range, "the other region is here");
		}
		if (b->gpa + b->bytes > a->gpa + a->bytes)
			last = i;
	}
}
CHECK(overlap, "memory-overlap", "svmspec(5)", PART_MEMORY);

const struct check *const memory_checks[] = { &check_pages, &check_wrap, &check_overlap, NULL };
