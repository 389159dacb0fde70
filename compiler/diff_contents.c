/* SPDX-License-Identifier: MIT */
/*
 * Initial memory of two templates, compared by address. A page that a template does not store is
 * zero there. Ranges that lie close together are told as one.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "diff.h"

#define GAP_BYTES 32u		/* equal bytes between two differences that are told as one */
#define SHOWN_BYTES 16u

struct cursor {
	const struct svmt_view *view;
	uint32_t run, page;		/* page of the run */
};

struct open_range {
	uint64_t first, last;		/* guest physical addresses, both included */
	uint8_t a[SHOWN_BYTES], b[SHOWN_BYTES];	/* the first bytes */
	unsigned int shown;
	bool there;
};

static bool at_end(const struct cursor *c)
{
	return c->run == c->view->run_count;
}

static uint64_t address(const struct cursor *c)
{
	return c->view->runs[c->run].gpa + (uint64_t)c->page * SVMT_PAGE_BYTES;
}

static const uint8_t *take(struct cursor *c, uint64_t gpa)
{
	const struct svmt_run *run;
	const uint8_t *page;

	if (at_end(c) || address(c) != gpa)
		return svmt_blob_page(c->view, SVMT_ZERO_PAGE);
	run = &c->view->runs[c->run];
	page = svmt_blob_page(c->view, run->blob_page + c->page);
	if (++c->page == run->pages) {
		c->page = 0;
		c->run++;
	}
	return page;
}

static const char *first_bytes(struct arena *arena, const uint8_t *bytes,
			       const struct open_range *r)
{
	const char *text = "";

	for (unsigned int i = 0; i < r->shown; i++)
		text = arena_printf(arena, "%s%02x", text, bytes[i]);
	return r->last - r->first >= r->shown ? arena_printf(arena, "%s...", text) : text;
}

static void close_range(struct differences *out, struct open_range *r)
{
	if (!r->there)
		return;
	diff_add(out, &(struct difference){
		"contents",
		arena_printf(out->arena, "0x%" PRIx64 "-0x%" PRIx64, r->first, r->last),
		first_bytes(out->arena, r->a, r), first_bytes(out->arena, r->b, r), "",
	});
	r->there = false;
}

static void compare_page(struct differences *out, struct open_range *r, uint64_t gpa,
			 const uint8_t *a, const uint8_t *b)
{
	for (uint32_t i = 0; i < SVMT_PAGE_BYTES; i++) {
		const uint64_t at = gpa + i;

		if (r->there && at - r->first < SHOWN_BYTES) {
			r->a[at - r->first] = a[i];
			r->b[at - r->first] = b[i];
		}
		if (a[i] == b[i])
			continue;
		if (r->there && at - r->last > GAP_BYTES)
			close_range(out, r);
		if (!r->there) {
			*r = (struct open_range){ .first = at, .there = true };
			r->a[0] = a[i];
			r->b[0] = b[i];
		}
		r->last = at;
		r->shown = at - r->first < SHOWN_BYTES ? (unsigned int)(at - r->first) + 1
						       : SHOWN_BYTES;
	}
}

void diff_contents(struct differences *out, const struct svmt_view *a, const struct svmt_view *b)
{
	struct cursor in_a = { .view = a }, in_b = { .view = b };
	struct open_range range = { .there = false };

	while (!at_end(&in_a) || !at_end(&in_b)) {
		uint64_t gpa = at_end(&in_a) ? address(&in_b) : address(&in_a);
		const uint8_t *page_a, *page_b;

		if (!at_end(&in_b) && address(&in_b) < gpa)
			gpa = address(&in_b);
		/* Ranges do not reach over pages that neither template stores. */
		if (range.there && gpa - range.last > GAP_BYTES)
			close_range(out, &range);
		page_a = take(&in_a, gpa);
		page_b = take(&in_b, gpa);
		if (memcmp(page_a, page_b, SVMT_PAGE_BYTES))
			compare_page(out, &range, gpa, page_a, page_b);
	}
	close_range(out, &range);
}
