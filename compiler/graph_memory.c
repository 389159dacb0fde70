/* SPDX-License-Identifier: MIT */
/*
 * The memory map of a picture: regions from the highest address down, as large as what is to be
 * said of them, gaps between them, and the initial contents of each with the registers that point
 * there.
 */
#include <inttypes.h>
#include <string.h>
#include "dump.h"
#include "graph.h"

#define BOX_X 160
#define BOX_WIDTH 330u
#define GAP_HEIGHT 40
#define MAX_REGIONS 32u
#define MAX_ROWS 16u		/* contents shown of one region */
#define PTE_PRESENT 1u
#define PTE_LARGE (1u << 7)
#define PTE_ADDRESS 0x000ffffffffff000ULL
#define CR0_PG (1ULL << 31)
#define EFER_LMA (1ULL << 10)

struct mark {
	uint64_t gpa;
	const char *text;
};

struct marks {
	struct arena *arena;
	struct mark *rows;
	size_t count, capacity;
};

/* Page of initial memory, or NULL where the template stores none. */
static const uint8_t *page_at(const struct svmt_view *view, uint64_t gpa)
{
	for (uint32_t i = 0; i < view->run_count; i++) {
		const struct svmt_run *r = &view->runs[i];
		const uint64_t page = (gpa - r->gpa) / SVMT_PAGE_BYTES;

		if (gpa >= r->gpa && page < r->pages)
			return svmt_blob_page(view, r->blob_page + (uint32_t)page);
	}
	return NULL;
}

/* Guest-physical address of a linear one through 4-level page tables; false if it is not mapped. */
static bool walk(const struct svmt_view *view, uint64_t cr3, uint64_t linear, uint64_t *gpa)
{
	uint64_t table = cr3 & PTE_ADDRESS;

	for (unsigned int shift = 39; shift >= 12; shift -= 9) {
		const uint8_t *page = page_at(view, table);
		uint64_t entry;

		if (!page)
			return false;
		memcpy(&entry, page + (linear >> shift & 511) * 8, sizeof(entry));
		if (!(entry & PTE_PRESENT))
			return false;
		if (shift == 12 || (shift < 39 && entry & PTE_LARGE)) {
			const uint64_t mask = (1ULL << shift) - 1;

			*gpa = (entry & PTE_ADDRESS & ~mask) | (linear & mask);
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
	return false;
}

static void add_mark(struct marks *marks, uint64_t gpa, const char *text)
{
	for (size_t i = 0; i < marks->count; i++)
		if (marks->rows[i].gpa == gpa && !strcmp(marks->rows[i].text, text))
			return;
	marks->rows = arena_grow(marks->arena, marks->rows, marks->count, &marks->capacity,
				 sizeof(*marks->rows));
	marks->rows[marks->count++] = (struct mark){ gpa, text };
}

/* Where a vCPU's registers point, as far as the template alone tells. */
static void mark_vcpu(struct marks *marks, const struct svmt_view *view, uint32_t vcpu)
{
	struct svmk_vmcb vmcb;
	uint64_t entry, gpa;
	bool long_mode, paging;

	graph_vmcb(view, vcpu, &vmcb);
	long_mode = vmcb_get_EFER(&vmcb) & EFER_LMA;
	paging = vmcb_get_CR0(&vmcb) & CR0_PG;
	entry = vmcb_get_RIP(&vmcb) + (long_mode ? 0 : vmcb_get_CS_BASE(&vmcb));
	gpa = entry;
	if (!paging || (long_mode && walk(view, vmcb_get_CR3(&vmcb), entry, &gpa)))
		add_mark(marks, gpa, "code of the first instruction");
	if (paging)
		add_mark(marks, vmcb_get_CR3(&vmcb) & PTE_ADDRESS, "page tables (cr3)");
	gpa = vmcb_get_GDTR_BASE(&vmcb);
	if (gpa && (!paging || (long_mode && walk(view, vmcb_get_CR3(&vmcb), gpa, &gpa))))
		add_mark(marks, gpa, "descriptors (gdtr)");
}

static const char *size_text(struct arena *arena, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	const unsigned int last = sizeof(units) / sizeof(units[0]) - 1;
	unsigned int unit = 0;

	for (; unit < last && bytes && !(bytes % 1024); unit++)
		bytes /= 1024;
	if (unit == last || bytes < 4096)
		return arena_printf(arena, "%" PRIu64 " %s", bytes, units[unit]);
	for (; unit + 1 < last && bytes >= 1024 * 1024; unit++)
		bytes /= 1024;
	return arena_printf(arena, "%.1f %s", (double)bytes / 1024, units[unit + 1]);
}

/* Contents that follow each other in memory are one row, however many runs they are. */
struct piece {
	uint64_t gpa, pages;
};

static size_t pieces_of(struct arena *arena, const struct svmt_view *view,
			const struct svmt_region *region, struct piece **pieces)
{
	size_t count = 0, capacity = 0;

	*pieces = NULL;
	for (uint32_t i = 0; i < view->run_count; i++) {
		const struct svmt_run *r = &view->runs[i];
		struct piece *last = count ? &(*pieces)[count - 1] : NULL;

		if (r->gpa < region->gpa || r->gpa - region->gpa >= region->bytes)
			continue;
		if (last && last->gpa + last->pages * SVMT_PAGE_BYTES == r->gpa) {
			last->pages += r->pages;
			continue;
		}
		*pieces = arena_grow(arena, *pieces, count, &capacity, sizeof(**pieces));
		(*pieces)[count++] = (struct piece){ r->gpa, r->pages };
	}
	return count;
}

static const char *marks_of(struct arena *arena, const struct marks *marks,
			    const struct piece *piece)
{
	const char *text = "";

	for (size_t i = 0; i < marks->count; i++)
		if (marks->rows[i].gpa >= piece->gpa &&
		    marks->rows[i].gpa - piece->gpa < piece->pages * SVMT_PAGE_BYTES)
			text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "",
					    marks->rows[i].text);
	return text;
}

/* One region at y; its height. */
static int draw_region(struct canvas *c, struct arena *arena, const struct svmt_view *view,
		       const struct svmt_region *region, const struct marks *marks, int y)
{
	struct piece *pieces;
	const size_t count = pieces_of(arena, view, region, &pieces);
	const size_t shown = count > MAX_ROWS ? MAX_ROWS : count;
	int height = 36, row;

	for (size_t i = 0; i < shown; i++)
		height += 22 + (*marks_of(arena, marks, &pieces[i]) ? (int)GRAPH_LINE : 0);
	height += count > shown ? 24 : count ? 8 : 0;
	canvas_box(c, BOX_X, y, BOX_WIDTH, (unsigned int)height,
		   region->kind == SVMT_ROM ? "rom" : "ram");
	canvas_text(c, BOX_X - 10, y + 12, "dim", "end", "0x%" PRIx64,
		    (uint64_t)(region->gpa + region->bytes - 1));
	canvas_text(c, BOX_X - 10, y + height - 2, "dim", "end", "0x%" PRIx64,
		    (uint64_t)region->gpa);
	canvas_text(c, BOX_X + 12, y + 22, "bold", "start", "%s, %s",
		    dump_region_kind(region->kind), size_text(arena, region->bytes));
	row = y + 36;
	if (count > shown) {
		canvas_text(c, BOX_X + 34, row + 12, "dim", "start", "and %zu more above",
			    count - shown);
		row += 20;
	}
	for (size_t i = shown; i-- > 0;) {
		const char *text = marks_of(arena, marks, &pieces[i]);

		canvas_box(c, BOX_X + 12, row + 2, 14, *text ? 30 : 12, "contents");
		canvas_text(c, BOX_X + 34, row + 12, "", "start", "0x%" PRIx64 ", %" PRIu64
			    " page%s", pieces[i].gpa, pieces[i].pages,
			    pieces[i].pages == 1 ? "" : "s");
		if (*text)
			canvas_text(c, BOX_X + 34, row + 12 + (int)GRAPH_LINE, "dim", "start",
				    "%s", text);
		row += 22 + (*text ? (int)GRAPH_LINE : 0);
	}
	return height;
}

static int draw_gap(struct canvas *c, struct arena *arena, uint64_t bytes, int y)
{
	canvas_line(c, BOX_X, y, BOX_X, y + GAP_HEIGHT, "gap");
	canvas_line(c, BOX_X + (int)BOX_WIDTH, y, BOX_X + (int)BOX_WIDTH, y + GAP_HEIGHT, "gap");
	canvas_text(c, BOX_X + (int)BOX_WIDTH / 2, y + GAP_HEIGHT / 2 + 4, "dim", "middle",
		    "nothing for %s", size_text(arena, bytes));
	return GAP_HEIGHT;
}

void graph_memory(struct canvas *c, struct arena *arena, const struct svmt_view *view)
{
	const uint32_t first = view->region_count > MAX_REGIONS ?
		view->region_count - MAX_REGIONS : 0;
	struct marks marks = { .arena = arena };
	int y = 52;

	for (uint32_t i = 0; i < view->vcpu_count; i++)
		if (!i || !svmt_same_vcpu(view, i - 1, i))
			mark_vcpu(&marks, view, i);
	canvas_text(c, 0, 16, "head", "start", "Guest-physical memory");
	canvas_text(c, 0, 36, "dim", "start", "highest address first, not to scale; "
		    "dark: initial contents");
	for (uint32_t i = view->region_count; i-- > first;) {
		const struct svmt_region *r = &view->regions[i];

		y += draw_region(c, arena, view, r, &marks, y);
		if (i > first && r->gpa > r[-1].gpa + r[-1].bytes)
			y += draw_gap(c, arena, r->gpa - (r[-1].gpa + r[-1].bytes), y);
	}
	if (first)
		canvas_text(c, BOX_X, y + 20, "dim", "start", "and %u regions below", first);
}
