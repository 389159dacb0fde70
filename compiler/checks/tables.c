/* SPDX-License-Identifier: MIT */
/*
 * Checks of the tables that a vCPU begins with: maps of `page_tables`, entries of `gdt` and `idt`,
 * and whether the first instruction and the segment registers suit what is in memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../guest_tables.h"
#include "../memory.h"
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_MEMORY | PART_VCPUS | PART_TABLES)
#define CR0_PE (1ULL << 0)
#define CR0_PG (1ULL << 31)
#define EFER_NXE (1ULL << 11)
#define RFLAGS_VM (1ULL << 17)
#define GPA_END (1ULL << 52)

static bool knows_page(const struct paging_format *format, uint64_t page)
{
	for (unsigned int i = 0; i < 3; i++)
		if (format->pages[i] == page)
			return true;
	return false;
}

/* What is wrong with a map, or NULL. */
static const char *map_fault(const struct paging_format *format, const struct spec_map *m)
{
	const uint64_t unit = m->page ? m->page : SVMT_PAGE_BYTES;

	if (m->page && !knows_page(format, m->page))
		return "tables of this mode have no pages of that size; take another `page`";
	if (!m->bytes || m->bytes % unit || m->linear % unit || m->gpa % unit)
		return "`at`, `to` and `size` are multiples of the page's size, `size` at least one; "
		       "align them or take a smaller `page`";
	if (m->bytes - 1 > UINT64_MAX - m->linear || !paging_reaches(format, m->linear) ||
	    !paging_reaches(format, m->linear + (m->bytes - 1)) ||
	    (m->linear >> 63) != (m->linear + (m->bytes - 1)) >> 63)
		return "the linear addresses are not all canonical or below the end of the mode's "
		       "address space; move the map or make it smaller";
	if (m->gpa >= GPA_END || m->bytes > GPA_END - m->gpa ||
	    (format->entry_bytes == 4 && m->gpa + m->bytes > 1ULL << 32))
		return "the physical addresses end above what a table entry holds; move the map or "
		       "make it smaller";
	return NULL;
}

static void maps(struct comp *c, const struct check *check)
{
	const struct paging_format *format = paging_format(c);

	for (size_t i = 0; i < c->spec.map_count; i++) {
		const struct spec_map *m = &c->spec.maps[i];
		const char *fault = map_fault(format, m);

		if (fault)
			check_found(c, check, &m->range, "the map of 0x%" PRIx64 " bytes at 0x%"
				    PRIx64 " to 0x%" PRIx64 " does not fit tables of %s: %s",
				    m->bytes, m->linear, m->gpa, format->name, fault);
	}
}
CHECK(maps, "page-map", "APM 5.3", NEEDS);

static int compare_maps(const void *a, const void *b)
{
	const struct spec_map *const *x = a, *const *y = b;

	return (*x)->linear < (*y)->linear ? -1 : (*x)->linear > (*y)->linear;
}

static const struct spec_map **sorted_maps(struct comp *c)
{
	const struct spec_map **sorted = arena_alloc(&c->arena,
						     c->spec.map_count * sizeof(*sorted));

	for (size_t i = 0; i < c->spec.map_count; i++)
		sorted[i] = &c->spec.maps[i];
	qsort(sorted, c->spec.map_count, sizeof(*sorted), compare_maps);
	return sorted;
}

static void map_overlap(struct comp *c, const struct check *check)
{
	const struct spec_map **sorted = sorted_maps(c);

	for (size_t i = 1; i < c->spec.map_count; i++) {
		const struct spec_map *a = sorted[i - 1], *b = sorted[i];

		if (b->linear - a->linear >= a->bytes)
			continue;
		check_found(c, check, &b->range, "the map at 0x%" PRIx64 " begins inside the one at "
			    "0x%" PRIx64 ", which has 0x%" PRIx64 " bytes; an address has one page",
			    b->linear, a->linear, a->bytes);
		diag_note(&c->diag, &a->range, "the other map is here");
	}
}
CHECK(map_overlap, "page-overlap", "svmspec(5)", NEEDS);

bool maps_are_sound(struct comp *c)
{
	const struct paging_format *format = paging_format(c);
	const struct spec_map **sorted = sorted_maps(c);

	for (size_t i = 0; i < c->spec.map_count; i++)
		if (map_fault(format, sorted[i]) ||
		    (i && sorted[i]->linear - sorted[i - 1]->linear < sorted[i - 1]->bytes))
			return false;
	return true;
}

/* Without NXE the bit is reserved, and 32-bit tables do not have it at all. */
static void no_execute(struct comp *c, const struct check *check)
{
	const bool has = vmcb_get_EFER(c->spec.vmcb) & EFER_NXE &&
			 paging_format(c)->entry_bytes == 8;

	for (size_t i = 0; !has && i < c->spec.map_count; i++)
		if (!(c->spec.maps[i].access & MAP_EXEC))
			check_found(c, check, c->spec.maps[i].access_range.source ?
				    &c->spec.maps[i].access_range : &c->spec.maps[i].range,
				    "`access` without x needs EFER.NXE and entries of 64 bits: else the "
				    "bit is reserved, and each access is a #PF; add x, or +NXE to efer");
}
CHECK(no_execute, "page-nx", "APM 5.6.2", NEEDS | EACH_VCPU_SET);

static void entries(struct comp *c, const struct check *check)
{
	const struct spec_descriptor *d = c->spec.descriptors;

	for (size_t i = 0; i < c->spec.descriptor_count; i++) {
		const bool wide = has_long_descriptors(c) && !(d[i].attrib & 0x10);

		if (!wide && d[i].base > UINT32_MAX)
			check_found(c, check, &d[i].range, "the base 0x%" PRIx64 " of the descriptor "
				    "0x%" PRIx64 " does not fit its 32 bits; only system descriptors "
				    "of long mode have 64", d[i].base, d[i].selector);
		if (d[i].limit > 0xfffff && (!(d[i].attrib & 0x800) || (~d[i].limit & 0xfff)))
			check_found(c, check, &d[i].range, "the limit 0x%" PRIx64 " of the descriptor "
				    "0x%" PRIx64 " wants G (bit 11 of attrib) and ends in fff; change "
				    "one of them", d[i].limit, d[i].selector);
		for (size_t j = 0; j < i; j++) {
			const bool other_wide = has_long_descriptors(c) && !(d[j].attrib & 0x10);

			if (d[i].selector + (wide ? 16 : 8) <= d[j].selector ||
			    d[j].selector + (other_wide ? 16 : 8) <= d[i].selector)
				continue;
			check_found(c, check, &d[i].range, "the descriptor 0x%" PRIx64 " shares "
				    "bytes with 0x%" PRIx64 "; in long mode a system descriptor has 16 "
				    "bytes: move one", d[i].selector, d[j].selector);
			diag_note(&c->diag, &d[j].range, "the other is here");
		}
	}
}
CHECK(entries, "gdt-entries", "APM 4.7", NEEDS);

static void gates(struct comp *c, const struct check *check)
{
	const struct spec_gate *g = c->spec.gates;
	const unsigned int bytes = gate_bytes(c);
	const uint64_t most = bytes == 4 ? 0xffff : bytes == 8 ? UINT32_MAX : UINT64_MAX;

	for (size_t i = 0; i < c->spec.gate_count; i++) {
		const uint64_t last = g[i].to + (g[i].last - g[i].first) * g[i].step;

		if (last > most || last < g[i].to)
			check_found(c, check, &g[i].range, "the handler 0x%" PRIx64 " does not fit a "
				    "gate of %u bytes, which vCPU 0's mode has; at most 0x%" PRIx64,
				    last, bytes, most);
		if (bytes == 16 && g[i].type != 0xe && g[i].type != 0xf)
			check_found(c, check, &g[i].range, "long mode has interrupt and trap gates "
				    "of 64 bits only; use `interrupt` or `trap`");
		if (bytes != 16 && g[i].ist)
			check_found(c, check, &g[i].range, "`ist` is for long mode; leave it out");
		for (size_t j = 0; j < i; j++) {
			if (g[i].first > g[j].last || g[j].first > g[i].last)
				continue;
			check_found(c, check, &g[i].range, "vector %u has a gate already; a vector "
				    "has one", g[i].first > g[j].first ? g[i].first : g[j].first);
			diag_note(&c->diag, &g[j].range, "the other is here");
		}
	}
}
CHECK(gates, "idt-gates", "APM 4.8", NEEDS);

/* What VMRUN takes, but the first fetch does not. */
static void first_fetch(struct comp *c, const struct check *check)
{
	const uint64_t at = memory_entry(&c->spec);
	const struct range *range = spec_field_range(c, "rip");
	unsigned int access;
	uint64_t gpa;

	if (c->spec.payload.kind == PAYLOAD_NONE || !(vmcb_get_CR0(c->spec.vmcb) & CR0_PG))
		return;
	switch (walk(c, at, &gpa, &access)) {
	case WALK_NOT_CANONICAL:	/* rip-canonical has told */
		return;
	case WALK_NOT_PRESENT:
		check_found(c, check, range, "the guest begins at 0x%" PRIx64 " (CS:RIP), which the "
			    "page tables at CR3 0x%" PRIx64 " do not map: its first instruction is a "
			    "#PF; map it, or change rip or cr3", at,
			    (uint64_t)vmcb_get_CR3(c->spec.vmcb));
		return;
	case WALK_MAPPED:
		break;
	}
	if (!(access & MAP_EXEC))
		check_found(c, check, range, "the guest begins at 0x%" PRIx64 " (CS:RIP), in a page "
			    "without execute permission; add x to its map's `access`", at);
	else if (vmcb_get_CPL(c->spec.vmcb) == 3 && !(access & MAP_USER))
		check_found(c, check, range, "the guest begins at 0x%" PRIx64 " (CS:RIP) with CPL 3, "
			    "in a page for supervisors; add u to its map's `access`", at);
	else if (!memory_region(&c->spec, gpa, 1))
		check_found(c, check, range, "the guest begins at 0x%" PRIx64 " (CS:RIP), physical 0x%"
			    PRIx64 ", where there is no memory; add a region or change the map", at,
			    gpa);
}
CHECK_WARNING(first_fetch, "rip-mapped", "APM 5.6", NEEDS | PART_PAYLOAD | EACH_VCPU_SET);

struct segment {
	const char *name, *selector_name;
	uint64_t selector, attrib, limit, base;
};

#define SEGMENT(NAME, name) { #name, #name ".selector", \
			      vmcb_get_##NAME##_SELECTOR(vmcb), vmcb_get_##NAME##_ATTRIB(vmcb), \
			      vmcb_get_##NAME##_LIMIT(vmcb), vmcb_get_##NAME##_BASE(vmcb) }

/* Bits that a load of the segment does not change: not accessed (data, code) and not busy (TSS). */
static uint64_t type_of(uint64_t attrib)
{
	return attrib & ((attrib & 0x10) ? 0xfeULL : 0xfdULL);
}

/* How the register differs from its descriptor; NULL when a load would change nothing that counts. */
static const char *difference(const struct comp *c, const struct segment *s)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const uint64_t index = s->selector & 0xfff8, limit = vmcb_get_GDTR_LIMIT(vmcb);
	uint64_t raw, gpa;
	unsigned int access;

	if (index + 7 > limit)
		return "is beyond the limit of the descriptor table";
	if (walk(c, vmcb_get_GDTR_BASE(vmcb) + index, &gpa, &access) != WALK_MAPPED)
		return "is in a descriptor table that the page tables do not map";
	memory_read(&c->spec, gpa, &raw, sizeof(raw));
	if (!raw)
		return "is an empty entry of the descriptor table";
	if (!(raw >> 47 & 1))
		return "is an entry that is not present";
	if (type_of(raw >> 40 & 0xff) != type_of(s->attrib & 0xff))
		return "is an entry of another type or DPL";
	if (s->name[0] == 'c' && (raw >> 53 & 3) != (s->attrib >> 9 & 3))
		return "is an entry with another code size (L, D)";
	if (memory_is_64bit_code(&c->spec))
		return NULL;
	/* FS and GS have bases of their own, as threads do. */
	if (((raw >> 16 & 0xffffff) | (raw >> 56) << 24) != s->base && s->attrib & 0x10 &&
	    s->name[0] != 'f' && s->name[0] != 'g')
		return "is an entry with another base";
	return NULL;
}

static void descriptors(struct comp *c, const struct check *check)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const struct segment list[] = {
		SEGMENT(CS, cs), SEGMENT(SS, ss), SEGMENT(DS, ds), SEGMENT(ES, es), SEGMENT(FS, fs),
		SEGMENT(GS, gs), SEGMENT(TR, tr), SEGMENT(LDTR, ldtr),
	};
	unsigned int access;
	uint64_t gpa;

	/* A table of one entry or none is no table: such a guest brings its own. */
	if (c->spec.payload.kind == PAYLOAD_NONE || !(vmcb_get_CR0(vmcb) & CR0_PE) || vmcb_get_RFLAGS(vmcb) & RFLAGS_VM ||
	    vmcb_get_GDTR_LIMIT(vmcb) < 15)
		return;
	if (walk(c, vmcb_get_GDTR_BASE(vmcb), &gpa, &access) != WALK_MAPPED) {
		check_found(c, check, spec_field_range(c, "gdtr.base"), "the descriptor table at 0x%"
			    PRIx64 " is not mapped by the page tables, so that every load of a "
			    "segment register faults; map it, or set gdtr.base",
			    (uint64_t)vmcb_get_GDTR_BASE(vmcb));
		return;
	}
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const struct segment *s = &list[i];
		const char *text;

		if (s->selector < 4 || s->selector & 4 || !(s->attrib & 0x80))
			continue;
		text = difference(c, s);
		if (text)
			check_found(c, check, spec_field_range(c, s->selector_name), "%s has the "
				    "selector 0x%" PRIx64 ", which %s: a load of it would fault or "
				    "give another segment; let them agree", s->name, s->selector, text);
	}
}
CHECK_WARNING(descriptors, "selector", "APM 4.7", NEEDS | PART_PAYLOAD | EACH_VCPU_SET);

static void cpl(struct comp *c, const struct check *check)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const uint64_t level = vmcb_get_CPL(vmcb), dpl = vmcb_get_SS_ATTRIB(vmcb) >> 5 & 3;
	const bool virtual86 = vmcb_get_RFLAGS(vmcb) & RFLAGS_VM;
	const uint64_t rule = !(vmcb_get_CR0(vmcb) & CR0_PE) ? 0 : virtual86 ? 3 : dpl;

	if (level != rule)
		check_found(c, check, spec_field_range(c, "cpl"), "cpl is %" PRIu64 ", but %s; write "
			    "%" PRIu64, level, !(vmcb_get_CR0(vmcb) & CR0_PE) ?
			    "real mode has 0" : virtual86 ? "virtual-8086 mode has 3" :
			    "it is the DPL of ss (bits 6:5 of its attrib)", rule);
}
CHECK_WARNING(cpl, "cpl", "APM 15.5.1", PART_PROFILE | PART_VCPUS | EACH_VCPU_SET);

const struct check *const table_checks[] = {
	&check_maps, &check_map_overlap, &check_no_execute, &check_entries, &check_gates,
	&check_first_fetch, &check_descriptors, &check_cpl, NULL,
};
