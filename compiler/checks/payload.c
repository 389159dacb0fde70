/* SPDX-License-Identifier: MIT */
/* Checks of what is in memory at the start, and of the place where the guest begins. */
#include <inttypes.h>
#include <stdlib.h>
#include "../memory.h"
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_MEMORY | PART_PAYLOAD | PART_VCPUS)

static void inside(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.content_count; i++) {
		const struct spec_contents *x = &c->spec.contents[i];

		if (x->bytes && !memory_region(&c->spec, x->gpa, x->bytes))
			check_found(
				c, check, &x->range,
				"%s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") is not "
				"inside one region of `memory`; make room for it there or move it",
				x->what, x->bytes, x->gpa);
	}
}
CHECK(inside, "payload-outside", "svmspec(5)", NEEDS);

static int compare(const void *a, const void *b)
{
	const struct spec_contents *const *x = a, *const *y = b;

	return (*x)->gpa < (*y)->gpa ? -1 : (*x)->gpa > (*y)->gpa;
}

/* Whether any two overlap: in order of their addresses, one reaches behind the next one's begin. */
static bool any_overlap(struct comp *c)
{
	const size_t count = c->spec.content_count;
	const struct spec_contents **sorted = arena_alloc(&c->arena, count * sizeof(*sorted));
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (c->spec.contents[i].bytes)
			sorted[used++] = &c->spec.contents[i];
	if (used)
		qsort(sorted, used, sizeof(*sorted), compare);
	for (size_t i = 1; i < used; i++)
		if (sorted[i]->gpa - sorted[i - 1]->gpa < sorted[i - 1]->bytes)
			return true;
	return false;
}

static void apart(struct comp *c, const struct check *check)
{
	if (!any_overlap(c))
		return;
	for (size_t i = 0; i < c->spec.content_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct spec_contents *a = &c->spec.contents[j],
						   *b = &c->spec.contents[i];

			if (a->gpa >= b->gpa + b->bytes || b->gpa >= a->gpa + a->bytes)
				continue;
			check_found(c, check, &b->range,
				    "%s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") and %s "
				    "(0x%" PRIx64 " bytes at 0x%" PRIx64
				    ") overlap; make the region larger "
				    "or move one",
				    b->what, b->bytes, b->gpa, a->what, a->bytes, a->gpa);
			diag_note(&c->diag, &a->range, "the other comes from here");
		}
}
CHECK(apart, "payload-overlap", "svmspec(5)", NEEDS);

static void canonical(struct comp *c, const struct check *check)
{
	uint64_t rip = vmcb_get_RIP(c->spec.vmcb);

	if (memory_is_64bit_code(&c->spec) && (uint64_t)((int64_t)(rip << 16) >> 16) != rip)
		check_found(c, check, spec_field_range(c, "rip"),
			    "rip is 0x%" PRIx64 ", which is not "
			    "canonical: in 64-bit mode bits 63:47 are all equal",
			    rip);
}
CHECK(canonical, "rip-canonical", "APM 5.3.1", PART_PROFILE | PART_VCPUS | EACH_VCPU_SET);

/* Decidable when linear is physical: paging off, or svmc's own identity map. */
static void entry(struct comp *c, const struct check *check)
{
	uint64_t at = memory_entry(&c->spec);

	if (c->spec.payload.kind == PAYLOAD_NONE || !memory_entry_is_physical(c))
		return;
	if (!memory_region(&c->spec, at, 1))
		check_found(c, check, spec_field_range(c, "rip"), "the guest begins at 0x%" PRIx64
			    " (CS:RIP), where there is no memory; add a region or change rip", at);
}
CHECK(entry, "rip-outside", "svmspec(5)", NEEDS | EACH_VCPU_SET);

const struct check *const payload_checks[] = {
	&check_inside, &check_apart, &check_canonical, &check_entry, NULL,
};
