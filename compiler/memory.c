/* SPDX-License-Identifier: MIT */
/* Where things are in guest memory, and the tables that a profile has svmc build there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"
#include "profile.h"

#define MAPPED_BYTES (1ULL << 30)	/* one page directory of 2 MiB pages */
#define TABLE_PAGES 4u			/* PML4, PDPT, PD, GDT with TSS; the GDT comes last */
#define TSS_OFFSET 0x800u
#define CR0_PG (1ULL << 31)
#define EFER_LMA (1ULL << 10)
#define CS_L (1ULL << 9)

const struct spec_region *memory_region(const struct spec *spec, uint64_t gpa, uint64_t bytes)
{
	for (size_t i = 0; i < spec->region_count; i++) {
		const struct spec_region *r = &spec->regions[i];

		if (gpa >= r->gpa && bytes <= r->bytes && gpa - r->gpa <= r->bytes - bytes)
			return r;
	}
	return NULL;
}

bool memory_is_64bit_code(const struct spec *spec)
{
	return vmcb_get_EFER(spec->vmcb) & EFER_LMA && vmcb_get_CS_ATTRIB(spec->vmcb) & CS_L;
}

uint64_t memory_entry(const struct spec *spec)
{
	uint64_t rip = vmcb_get_RIP(spec->vmcb);

	if (memory_is_64bit_code(spec))
		return rip;
	return (uint32_t)(vmcb_get_CS_BASE(spec->vmcb) + rip);
}

bool memory_is_identity(const struct comp *c)
{
	return !(vmcb_get_CR0(c->spec.vmcb) & CR0_PG) ||
	       (c->spec.profile->builds_page_tables && !c->spec.page_tables.given &&
		!spec_sets_field(c, "cr3"));
}

bool memory_entry_is_physical(const struct comp *c)
{
	return memory_is_identity(c) && (!(vmcb_get_CR0(c->spec.vmcb) & CR0_PG) ||
					 memory_entry(&c->spec) < MAPPED_BYTES);
}

void memory_add(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data, uint64_t bytes,
		const struct range *range)
{
	memory_add_padded(c, what, gpa, data, bytes, bytes, range);
}

void memory_add_padded(struct comp *c, const char *what, uint64_t gpa, const uint8_t *data,
		       uint64_t data_bytes, uint64_t bytes, const struct range *range)
{
	struct spec *spec = &c->spec;

	spec->contents = arena_grow(&c->arena, spec->contents, spec->content_count,
				    &spec->content_capacity, sizeof(*spec->contents));
	spec->contents[spec->content_count++] = (struct spec_contents){
		.what = what, .gpa = gpa, .bytes = bytes, .data = data, .data_bytes = data_bytes,
		.range = *range,
	};
}

static void put64(uint8_t *page, size_t offset, uint64_t value)
{
	memcpy(page + offset, &value, sizeof(value));
}

uint64_t memory_descriptor(uint64_t base, uint64_t limit, uint64_t attrib)
{
	if (attrib & 0x800)	/* G: the limit counts pages */
		limit >>= 12;
	return (limit & 0xffff) | (base & 0xffffff) << 16 | (attrib & 0xff) << 40 |
	       (limit >> 16 & 0xf) << 48 | (attrib >> 8 & 0xf) << 52 | (base >> 24 & 0xff) << 56;
}

/* Present, writable (user too, so that a guest may go to CPL 3 without new tables). */
#define PTE_PWU 7u
#define PDE_LARGE 0x80u

static void build_page_tables(struct comp *c, uint64_t gpa, const struct range *range)
{
	uint8_t *page = arena_alloc(&c->arena, 3u * SVMT_PAGE_BYTES);

	put64(page, 0, (gpa + SVMT_PAGE_BYTES) | PTE_PWU);
	put64(page + SVMT_PAGE_BYTES, 0, (gpa + 2 * SVMT_PAGE_BYTES) | PTE_PWU);
	for (uint64_t i = 0; i < 512; i++)
		put64(page + 2 * SVMT_PAGE_BYTES, i * 8, i << 21 | PDE_LARGE | PTE_PWU);
	memory_add(c, "the page tables", gpa, page, 3u * SVMT_PAGE_BYTES, range);
}

/* At the profile's selectors, the TSS last (16 bytes, of which 32-bit mode uses 8). */
static void build_profile_gdt(struct comp *c, uint64_t gpa, const struct range *range)
{
	uint8_t *page = arena_alloc(&c->arena, SVMT_PAGE_BYTES);
	const struct svmk_vmcb *vmcb = c->spec.vmcb;

	put64(page, profile_get(c->spec.profile, "cs.selector"),
	      memory_descriptor(vmcb_get_CS_BASE(vmcb), vmcb_get_CS_LIMIT(vmcb),
			 vmcb_get_CS_ATTRIB(vmcb)));
	put64(page, profile_get(c->spec.profile, "ds.selector"),
	      memory_descriptor(vmcb_get_DS_BASE(vmcb), vmcb_get_DS_LIMIT(vmcb),
			 vmcb_get_DS_ATTRIB(vmcb)));
	put64(page, profile_get(c->spec.profile, "tr.selector"),
	      memory_descriptor(gpa + TSS_OFFSET, 0x67, vmcb_get_TR_ATTRIB(vmcb)));
	memory_add(c, "the descriptor table", gpa, page, TSS_OFFSET + 0x68, range);
}

static bool wants_tables(const struct comp *c)
{
	return c->spec.profile->builds_page_tables && !c->spec.page_tables.given &&
	       !spec_sets_field(c, "cr3");
}

static bool wants_gdt(const struct comp *c)
{
	return c->spec.profile->builds_gdt && !c->spec.gdt.given && !spec_sets_field(c, "gdtr.base");
}

/* Point the selected vCPUs at the tables, as far as the spec does not set them itself. */
static void point_at_tables(struct comp *c, uint64_t tables, uint64_t gdt)
{
	struct svmk_vmcb *vmcb = c->spec.vmcb;

	if (wants_tables(c))
		vmcb_set_CR3(vmcb, tables);
	if (!wants_gdt(c))
		return;
	vmcb_set_GDTR_BASE(vmcb, gdt);
	vmcb_set_GDTR_LIMIT(vmcb, profile_get(c->spec.profile, "tr.selector") + 0xf);
	if (!spec_sets_field(c, "tr.base"))
		vmcb_set_TR_BASE(vmcb, gdt + TSS_OFFSET);
}

/* End of the first RAM region or of its part below 1 GiB; 0 when the tables do not fit there. */
static uint64_t tables_gpa(const struct spec *spec)
{
	for (size_t i = 0; i < spec->region_count; i++) {
		const struct spec_region *r = &spec->regions[i];
		uint64_t end = r->bytes < MAPPED_BYTES ? r->gpa + r->bytes : MAPPED_BYTES;

		if (r->kind != SVMT_RAM)
			continue;
		if (end > MAPPED_BYTES)
			end = MAPPED_BYTES;
		end -= end % SVMT_PAGE_BYTES;
		if (r->gpa >= MAPPED_BYTES || end < r->gpa + (TABLE_PAGES + 1) * SVMT_PAGE_BYTES)
			return 0;
		return end - TABLE_PAGES * SVMT_PAGE_BYTES;
	}
	return 0;
}

/* End of the region, as far as it lies below `limit`; regions that wrap are refused later. */
static uint64_t end_below(const struct spec_region *r, uint64_t limit)
{
	const uint64_t end = r->bytes > UINT64_MAX - r->gpa ? r->gpa : r->gpa + r->bytes;

	return end < limit ? end : limit;
}

/* The contents that share a page with `bytes` bytes at `gpa`, or NULL. */
static const struct spec_contents *in_the_way(const struct spec *spec, uint64_t gpa, uint64_t bytes)
{
	const uint64_t page = SVMT_PAGE_BYTES - 1;

	for (size_t i = 0; i < spec->content_count; i++) {
		const struct spec_contents *x = &spec->contents[i];
		const uint64_t end = x->gpa + x->bytes < x->gpa ? UINT64_MAX : x->gpa + x->bytes;

		if ((x->gpa & ~page) < gpa + bytes && end > gpa)
			return x;
	}
	return NULL;
}

bool memory_find_room(const struct spec *spec, uint64_t bytes, uint64_t limit, uint64_t *gpa)
{
	const uint64_t page = SVMT_PAGE_BYTES - 1;
	bool found = false;

	bytes = (bytes + page) & ~page;
	for (size_t i = 0; i < spec->region_count; i++) {
		const struct spec_region *r = &spec->regions[i];
		uint64_t end = end_below(r, limit) & ~page;

		while (r->kind == SVMT_RAM && end >= r->gpa && end - r->gpa >= bytes) {
			const struct spec_contents *x = in_the_way(spec, end - bytes, bytes);

			if (!x) {
				if (!found || end - bytes > *gpa)
					*gpa = end - bytes;
				found = true;
				break;
			}
			end = x->gpa & ~page;
		}
	}
	return found;
}

static int compare_region(const void *a, const void *b)
{
	const struct spec_region *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

const struct spec_region *memory_sorted(struct comp *c)
{
	const size_t bytes = c->spec.region_count * sizeof(struct spec_region);
	struct spec_region *regions = arena_alloc(&c->arena, bytes);

	memcpy(regions, c->spec.regions, bytes);
	qsort(regions, c->spec.region_count, sizeof(*regions), compare_region);
	return regions;
}

/* One copy for all vCPUs; the descriptors are those of the first vCPU that wants them. */
void memory_build_tables(struct comp *c)
{
	const struct profile *profile = c->spec.profile;
	const uint64_t gpa = tables_gpa(&c->spec), gdt_gpa = gpa + 3 * SVMT_PAGE_BYTES;
	bool tables = false, gdt = false;

	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		if (wants_tables(c) && !tables && gpa)
			build_page_tables(c, gpa, &c->spec.profile_range);
		if (wants_gdt(c) && !gdt && gpa)
			build_profile_gdt(c, gdt_gpa, &c->spec.profile_range);
		tables |= wants_tables(c);
		gdt |= wants_gdt(c);
		point_at_tables(c, gpa, gdt_gpa);
	}
	spec_select_set(c, 0);
	if ((tables || gdt) && !gpa)
		diag_error(&c->diag, &c->spec.profile_range,
			   "the profile %s puts page and descriptor tables "
			   "(%u pages) at the end of the first RAM region, which must begin below "
			   "1GiB "
			   "and have at least %u pages; make it larger, or set cr3 and gdtr.base",
			   profile->name, TABLE_PAGES, TABLE_PAGES + 1);
}
