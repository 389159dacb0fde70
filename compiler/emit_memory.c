/* SPDX-License-Identifier: MIT */
/*
 * The MEMORY section: regions in ascending order, and the initial contents as runs of pool pages.
 * Contents may share a page; they do not overlap, the checks have seen to that.
 */
#include <stdlib.h>
#include <string.h>
#include "emit_parts.h"

struct touched {
	uint64_t gpa;
	uint8_t *data;
};

static int compare_gpa(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static int compare_region(const void *a, const void *b)
{
	const struct spec_region *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* Every page that some contents touch, ascending, each once. */
static struct touched *touched_pages(struct comp *c, size_t *count)
{
	struct touched *pages = NULL;
	size_t capacity = 0, used = 0, distinct = 0;

	for (size_t i = 0; i < c->spec.content_count; i++) {
		const struct spec_contents *x = &c->spec.contents[i];

		for (uint64_t at = x->gpa & ~(uint64_t)(SVMT_PAGE_BYTES - 1);
		     at < x->gpa + x->data_bytes; at += SVMT_PAGE_BYTES) {
			pages = arena_grow(&c->arena, pages, used, &capacity, sizeof(*pages));
			pages[used++].gpa = at;
		}
	}
	if (used)
		qsort(pages, used, sizeof(*pages), compare_gpa);
	for (size_t i = 0; i < used; i++)
		if (!distinct || pages[distinct - 1].gpa != pages[i].gpa)
			pages[distinct++] = pages[i];
	for (size_t i = 0; i < distinct; i++)
		pages[i].data = arena_alloc(&c->arena, SVMT_PAGE_BYTES);
	*count = distinct;
	return pages;
}

static void copy_contents(struct touched *pages, size_t count, const struct spec_contents *x)
{
	for (uint64_t done = 0; done < x->data_bytes;) {
		struct touched key = { .gpa = (x->gpa + done) & ~(uint64_t)(SVMT_PAGE_BYTES - 1) };
		struct touched *page = bsearch(&key, pages, count, sizeof(*pages), compare_gpa);
		uint64_t offset = (x->gpa + done) % SVMT_PAGE_BYTES;
		uint64_t bytes = SVMT_PAGE_BYTES - offset;

		if (bytes > x->data_bytes - done)
			bytes = x->data_bytes - done;
		memcpy(page->data + offset, x->data + done, (size_t)bytes);
		done += bytes;
	}
}

/* Append a page to the runs: to the last one if it continues it in memory and in the pool. */
static void add_page(struct svmt_run *runs, uint32_t *count, uint64_t gpa, uint32_t number,
		     const struct spec_region *region)
{
	struct svmt_run *last = *count ? &runs[*count - 1] : NULL;

	if (number == SVMT_ZERO_PAGE)
		return;
	if (last && last->gpa + (uint64_t)last->pages * SVMT_PAGE_BYTES == gpa &&
	    last->blob_page + last->pages == number && gpa != region->gpa) {
		last->pages++;
		return;
	}
	runs[(*count)++] = (struct svmt_run){ .gpa = gpa, .blob_page = number, .pages = 1 };
}

const void *emit_memory(struct comp *c, struct pool *pool, uint64_t *bytes)
{
	struct spec *spec = &c->spec;
	size_t page_count;
	struct touched *pages = touched_pages(c, &page_count);
	struct svmt_run *runs = arena_alloc(&c->arena, page_count * sizeof(*runs));
	struct svmt_memory head = { .region_count = (uint32_t)spec->region_count };
	uint8_t *out;

	qsort(spec->regions, spec->region_count, sizeof(*spec->regions), compare_region);
	for (size_t i = 0; i < spec->content_count; i++)
		copy_contents(pages, page_count, &spec->contents[i]);
	for (size_t i = 0; i < page_count; i++)
		add_page(runs, &head.run_count, pages[i].gpa, pool_add(pool, pages[i].data),
			 memory_region(spec, pages[i].gpa, SVMT_PAGE_BYTES));
	*bytes = sizeof(head) + spec->region_count * sizeof(struct svmt_region) +
		 head.run_count * sizeof(*runs);
	out = arena_alloc(&c->arena, (size_t)*bytes);
	memcpy(out, &head, sizeof(head));
	for (size_t i = 0; i < spec->region_count; i++) {
		struct svmt_region region = {
			.gpa = spec->regions[i].gpa, .bytes = spec->regions[i].bytes,
			.kind = spec->regions[i].kind,
		};

		memcpy(out + sizeof(head) + i * sizeof(region), &region, sizeof(region));
	}
	memcpy(out + *bytes - head.run_count * sizeof(*runs), runs, head.run_count * sizeof(*runs));
	return out;
}
