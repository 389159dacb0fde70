/* SPDX-License-Identifier: MIT */
/*
 * The page walk of a vCPU's first instruction (APM volume 2, 5.2 to 5.5), by what is in memory at
 * the start. It knows permissions and large pages; reserved bits and PAT it leaves to the processor.
 */
#include <string.h>
#include "guest_tables.h"

#define CR0_PG (1ULL << 31)
#define CR4_PSE (1ULL << 4)
#define CR4_PAE (1ULL << 5)
#define CR4_LA57 (1ULL << 12)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_NXE (1ULL << 11)

static const struct paging_format formats[] = {
	{ "long mode", 4, 8, 9, 48, { 0x1000, 0x200000, 0x40000000 } },
	{ "long mode with 5 levels", 5, 8, 9, 57, { 0x1000, 0x200000, 0x40000000 } },
	{ "PAE", 3, 8, 9, 32, { 0x1000, 0x200000, 0 } },
	{ "32-bit", 2, 4, 10, 32, { 0x1000, 0x400000, 0 } },
};

const struct paging_format *paging_format(const struct comp *c)
{
	const uint64_t cr4 = vmcb_get_CR4(c->spec.vmcb);

	if (vmcb_get_EFER(c->spec.vmcb) & (EFER_LMA | EFER_LME))
		return &formats[cr4 & CR4_LA57 ? 1 : 0];
	return &formats[cr4 & CR4_PAE ? 2 : 3];
}

unsigned int paging_shift(const struct paging_format *format, unsigned int level)
{
	return 12 + format->bits * level;
}

bool paging_reaches(const struct paging_format *format, uint64_t linear)
{
	const unsigned int unused = 64 - format->address_bits;

	if (format->address_bits == 32)
		return linear <= UINT32_MAX;
	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

void memory_read(const struct spec *spec, uint64_t gpa, void *into, uint64_t bytes)
{
	uint8_t *out = into;

	memset(into, 0, (size_t)bytes);
	for (size_t i = 0; i < spec->content_count; i++) {
		const struct spec_contents *x = &spec->contents[i];
		/* Where the contents begin in what is read, and the other way round. */
		const uint64_t skip = gpa < x->gpa ? x->gpa - gpa : 0;
		const uint64_t from = gpa < x->gpa ? 0 : gpa - x->gpa;

		if (skip < bytes && from < x->data_bytes)
			memcpy(out + skip, x->data + from, (size_t)(
			       bytes - skip < x->data_bytes - from ? bytes - skip :
			       x->data_bytes - from));
	}
}

/* The entry is a page of its level, not a table. */
static bool is_page(const struct comp *c, const struct paging_format *format, unsigned int level,
		    uint64_t entry)
{
	if (!level)
		return true;
	if (!(entry & PTE_PS) || paging_shift(format, level) > 30)
		return false;
	if (format->entry_bytes == 4)
		return vmcb_get_CR4(c->spec.vmcb) & CR4_PSE;
	return format->address_bits > 32 || level == 1;
}

/* A large page of 32-bit tables has bits 39:32 of its address in bits 20:13 of the entry. */
static uint64_t page_base(const struct paging_format *format, unsigned int level, uint64_t entry)
{
	const uint64_t mask = (1ULL << paging_shift(format, level)) - 1;

	if (format->entry_bytes == 4 && level)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & PTE_ADDRESS & ~mask;
}

enum walk_result walk(const struct comp *c, uint64_t linear, uint64_t *gpa, unsigned int *access)
{
	const struct paging_format *format = paging_format(c);
	uint64_t table = vmcb_get_CR3(c->spec.vmcb) & PTE_ADDRESS;

	*access = MAP_READ | MAP_WRITE | MAP_EXEC | MAP_USER;
	*gpa = linear;
	if (!(vmcb_get_CR0(c->spec.vmcb) & CR0_PG))
		return WALK_MAPPED;
	if (!paging_reaches(format, linear))
		return WALK_NOT_CANONICAL;
	if (format->levels == 3)	/* four entries, on 32 bytes */
		table = vmcb_get_CR3(c->spec.vmcb) & 0xffffffe0;
	for (unsigned int level = format->levels; level-- > 0;) {
		const unsigned int shift = paging_shift(format, level);
		const uint64_t index = linear >> shift & ((1u << format->bits) - 1);
		const bool is_pdpte = format->levels == 3 && level == 2;
		uint64_t entry = 0;

		memory_read(&c->spec, table + index * format->entry_bytes, &entry,
			    format->entry_bytes);
		if (!(entry & PTE_P))
			return WALK_NOT_PRESENT;
		if (!is_pdpte && !(entry & PTE_W))
			*access &= ~(unsigned int)MAP_WRITE;
		if (!is_pdpte && !(entry & PTE_U))
			*access &= ~(unsigned int)MAP_USER;
		if (!is_pdpte && entry & PTE_NX && vmcb_get_EFER(c->spec.vmcb) & EFER_NXE)
			*access &= ~(unsigned int)MAP_EXEC;
		if (is_page(c, format, level, entry)) {
			*access |= entry & PTE_G ? MAP_GLOBAL : 0;
			*gpa = page_base(format, level, entry) | (linear & ((1ULL << shift) - 1));
			return WALK_MAPPED;
		}
		table = entry & PTE_ADDRESS;
	}
	return WALK_NOT_PRESENT;
}
