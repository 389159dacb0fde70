/* SPDX-License-Identifier: MIT */
/*
 * Comparing templates area by area. What the areas do not name (padding, order of the pool's pages)
 * is compared last as bytes, so that "no differences" and "the same file" are one thing.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "facts.h"

void diff_add(struct differences *out, const struct difference *row)
{
	out->rows = arena_grow(out->arena, out->rows, out->count, &out->capacity,
			       sizeof(*out->rows));
	out->rows[out->count++] = *row;
}

static int compare_name(const void *a, const void *b)
{
	const struct fact *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Pointers to the facts in the order of their names. */
static const struct fact **sorted(const struct facts *facts)
{
	const struct fact **rows = arena_alloc(facts->arena, (facts->count + 1) * sizeof(*rows));

	for (size_t i = 0; i < facts->count; i++)
		rows[i] = &facts->rows[i];
	qsort(rows, facts->count, sizeof(*rows), compare_name);
	return rows;
}

static const struct fact *find(const struct fact **rows, size_t count, const struct fact *like)
{
	const struct fact **found = bsearch(&like, rows, count, sizeof(*rows), compare_name);

	return found ? *found : NULL;
}

static void diff_facts(struct differences *out, const char *area, const struct facts *a,
		       const struct facts *b)
{
	const struct fact **in_a = sorted(a), **in_b = sorted(b);

	for (size_t i = 0; i < a->count; i++) {
		const struct fact *x = &a->rows[i], *y = find(in_b, b->count, x);

		if (!y || strcmp(x->value, y->value))
			diff_add(out, &(struct difference){ area, x->name, x->value,
							    y ? y->value : NULL, x->meaning });
	}
	for (size_t i = 0; i < b->count; i++) {
		const struct fact *y = &b->rows[i];

		if (!find(in_a, a->count, y))
			diff_add(out, &(struct difference){ area, y->name, NULL, y->value,
							    y->meaning });
	}
}

static const struct area {
	const char *name;
	void (*fill)(struct facts *facts, const struct svmt_view *view);
} first_areas[] = {
	{ "template", facts_template }, { "launch", facts_launch }, { "memory", facts_memory },
}, last_areas[] = {
	{ "cpuid", facts_cpuid }, { "msr", facts_msrs }, { "exit", facts_exits },
	{ "device", facts_devices }, { "expect", facts_expect },
};

static void diff_area(struct differences *out, const struct area *area, const struct svmt_view *a,
		      const struct svmt_view *b)
{
	struct facts in_a = { .arena = out->arena }, in_b = { .arena = out->arena };

	area->fill(&in_a, a);
	area->fill(&in_b, b);
	diff_facts(out, area->name, &in_a, &in_b);
}

/* vCPUs that share their pages in both templates differ in the same way, which is told once. */
static void diff_vcpus(struct differences *out, const struct svmt_view *a,
		       const struct svmt_view *b)
{
	uint32_t count = a->vcpu_count < b->vcpu_count ? a->vcpu_count : b->vcpu_count;

	for (uint32_t first = 0, last; first < count; first = last + 1) {
		struct facts in_a = { .arena = out->arena }, in_b = { .arena = out->arena };
		const char *area;

		for (last = first; last + 1 < count; last++)
			if (!svmt_same_vcpu(a, first, last + 1) ||
			    !svmt_same_vcpu(b, first, last + 1))
				break;
		area = arena_printf(out->arena, "vcpu %" PRIu32, first);
		if (first != last)
			area = arena_printf(out->arena, "%s-%" PRIu32, area, last);
		facts_vcpu(&in_a, a, first);
		facts_vcpu(&in_b, b, first);
		diff_facts(out, area, &in_a, &in_b);
	}
}

void diff_pages(struct differences *out, const char *area, const uint8_t *a, const uint8_t *b)
{
	struct facts in_a = { .arena = out->arena }, in_b = { .arena = out->arena };

	facts_vmsa(&in_a, a);
	facts_vmsa(&in_b, b);
	diff_facts(out, area, &in_a, &in_b);
}

static void diff_bytes(struct differences *out, const struct svmt_view *a,
		       const struct svmt_view *b)
{
	uint64_t common = a->image_bytes < b->image_bytes ? a->image_bytes : b->image_bytes;
	uint64_t at = sizeof(struct svmt_header);

	while (at < common && a->image[at] == b->image[at])
		at++;
	if (at == common && a->image_bytes == b->image_bytes)
		return;
	diff_add(out, &(struct difference){
		"file", arena_printf(out->arena, "offset 0x%" PRIx64, at),
		at < a->image_bytes ? arena_printf(out->arena, "0x%02x", a->image[at]) : NULL,
		at < b->image_bytes ? arena_printf(out->arena, "0x%02x", b->image[at]) : NULL,
		"a byte outside everything that has a name",
	});
}

void diff_templates(struct differences *out, const struct svmt_view *a, const struct svmt_view *b)
{
	const size_t before = out->count;

	if (!memcmp(a->header->sha256, b->header->sha256, sizeof(a->header->sha256)) &&
	    a->header->flags == b->header->flags)
		return;
	for (size_t i = 0; i < sizeof(first_areas) / sizeof(first_areas[0]); i++)
		diff_area(out, &first_areas[i], a, b);
	diff_contents(out, a, b);
	diff_vcpus(out, a, b);
	for (size_t i = 0; i < sizeof(last_areas) / sizeof(last_areas[0]); i++)
		diff_area(out, &last_areas[i], a, b);
	if (out->count == before)
		diff_bytes(out, a, b);
}

void diff_print(FILE *out, const struct differences *differences, const char *prefix)
{
	for (size_t i = 0; i < differences->count; i++) {
		const struct difference *d = &differences->rows[i];

		fprintf(out, "%s%s: %s: %s -> %s", prefix, d->area, d->name,
			d->a ? d->a : "absent", d->b ? d->b : "absent");
		if (*d->meaning)
			fprintf(out, "  (%s)", d->meaning);
		fputc('\n', out);
	}
}
