/* SPDX-License-Identifier: MIT */
/* Checks of what a confidential guest's launch measures. */
#include <inttypes.h>
#include <stdlib.h>
#include "../memory.h"
#include "checks.h"

#define NEEDS (PART_LAUNCH | PART_MEMORY | PART_PAYLOAD | PART_VCPUS | PART_PROFILE)

static void whole(struct comp *c, const struct check *check)
{
	const bool snp = c->spec.launch.head.kind == SVMT_LAUNCH_SEV_SNP;
	const uint64_t unit = snp ? SVMT_PAGE_BYTES : 16;

	for (size_t i = 0; i < c->spec.launch.row_count; i++) {
		const struct launch_row *r = &c->spec.launch.rows[i];

		if (r->row.gpa % unit || r->row.bytes % unit || !r->row.bytes)
			check_found(c, check, &r->range, "%s (0x%" PRIx64 " bytes at 0x%" PRIx64
				    ") is not whole units of %" PRIu64 " bytes, which %s launches",
				    r->what, (uint64_t)r->row.bytes, (uint64_t)r->row.gpa, unit,
				    snp ? "sev-snp" : "sev-es");
		else if (!snp && r->row.type != SVMT_PAGE_NORMAL)
			check_found(c, check, &r->range, "%s is of type %s, but sev-es launches "
				    "know normal memory only; remove the type", r->what,
				    launch_type_name(r->row.type));
	}
}
CHECK(whole, "launch-units", "svmspec(5)", NEEDS);

static void inside(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.launch.row_count; i++) {
		const struct launch_row *r = &c->spec.launch.rows[i];

		if (!memory_region(&c->spec, r->row.gpa, r->row.bytes))
			check_found(c, check, &r->range, "%s (0x%" PRIx64 " bytes at 0x%" PRIx64
				    ") is measured, but is not inside one region of `memory`; make "
				    "the memory larger", r->what, (uint64_t)r->row.bytes,
				    (uint64_t)r->row.gpa);
	}
}
CHECK(inside, "launch-outside", "svmspec(5)", NEEDS);

static int compare(const void *a, const void *b)
{
	const struct launch_row *const *x = a, *const *y = b;

	return (*x)->row.gpa < (*y)->row.gpa ? -1 : (*x)->row.gpa > (*y)->row.gpa;
}

static void once(struct comp *c, const struct check *check)
{
	const size_t count = c->spec.launch.row_count;
	const struct launch_row **sorted = arena_alloc(&c->arena, (count + 1) * sizeof(*sorted));
	const struct launch_row *last = NULL;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &c->spec.launch.rows[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++) {
		const struct launch_row *r = sorted[i];

		if (last && r->row.gpa < last->row.gpa + last->row.bytes) {
			check_found(c, check, &r->range, "%s at 0x%" PRIx64 " is measured twice: "
				    "it overlaps %s at 0x%" PRIx64 "; a page is launched once",
				    r->what, (uint64_t)r->row.gpa, last->what,
				    (uint64_t)last->row.gpa);
			diag_note(&c->diag, &last->range, "the other is here");
		}
		if (!last || r->row.gpa + r->row.bytes > last->row.gpa + last->row.bytes)
			last = r;
	}
}
CHECK(once, "launch-overlap", "svmspec(5)", NEEDS);

/* Contents that no NORMAL row covers never reach a confidential guest. */
static void measured(struct comp *c, const struct check *check)
{
	const size_t count = c->spec.launch.row_count;
	const struct launch_row **sorted = arena_alloc(&c->arena, (count + 1) * sizeof(*sorted));

	if (!c->spec.launch.head.kind)
		return;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &c->spec.launch.rows[i];
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < c->spec.content_count; i++) {
		const struct spec_contents *x = &c->spec.contents[i];
		uint64_t at = x->gpa;

		for (size_t j = 0; j < count && at < x->gpa + x->data_bytes; j++)
			if ((sorted[j]->row.type == SVMT_PAGE_NORMAL ||
			     sorted[j]->row.type == SVMT_PAGE_UNMEASURED ||
			     sorted[j]->row.type == SVMT_PAGE_SECRETS ||
			     sorted[j]->row.type == SVMT_PAGE_CPUID) &&
			    at >= sorted[j]->row.gpa &&
			    at < sorted[j]->row.gpa + sorted[j]->row.bytes)
				at = sorted[j]->row.gpa + sorted[j]->row.bytes;
		if (at < x->gpa + x->data_bytes)
			check_found(c, check, &x->range,
				    "%s at 0x%" PRIx64 " is not launched: from "
				    "0x%" PRIx64
				    " on, no part of the launch covers it, so the guest "
				    "would not see it; add it to `launch` or remove it",
				    x->what, x->gpa, at);
	}
}
CHECK(measured, "launch-missing", "svmspec(5)", NEEDS);

const struct check *const launch_checks[] = {
	&check_whole, &check_inside, &check_once, &check_measured, NULL,
};
