/* SPDX-License-Identifier: MIT */
/*
 * One loop over levels serves all three formats of tables; they differ in how many levels there are,
 * how wide an entry is and how many bits of the address each level takes.
 */
#include "engine.h"
#include "guest_walk.h"
#include "vm.h"

#define CR0_PG		(1ull << 31)
#define CR4_PSE		(1ull << 4)
#define CR4_PAE		(1ull << 5)
#define CR4_LA57	(1ull << 12)
#define EFER_LMA	(1ull << 10)
#define EFER_NXE	(1ull << 11)
#define ENTRY_P		(1ull << 0)
#define ENTRY_W		(1ull << 1)
#define ENTRY_U		(1ull << 2)
#define ENTRY_PS	(1ull << 7)
#define ENTRY_NX	(1ull << 63)
#define ENTRY_ADDRESS	0x000ffffffffff000ull

struct format {
	unsigned int levels, bits, entry_bytes;
	uint64_t table;		/* of the highest level */
	bool large[6];		/* a level whose entries may map pages */
	bool nx;
};

static struct format format_of(const struct guest_paging *paging)
{
	uint64_t cr3 = paging->cr3, cr4 = paging->cr4, efer = paging->efer;
	struct format format = { .bits = 9, .entry_bytes = 8, .nx = efer & EFER_NXE };

	if (efer & EFER_LMA) {
		format.levels = cr4 & CR4_LA57 ? 5 : 4;
		format.table = cr3 & ENTRY_ADDRESS;
		format.large[2] = format.large[3] = true;
	} else if (cr4 & CR4_PAE) {
		format.levels = 3;
		format.table = cr3 & 0xffffffe0;
		format.large[2] = true;
	} else {
		format.levels = 2;
		format.bits = 10;
		format.entry_bytes = 4;
		format.table = cr3 & 0xfffff000;
		format.large[2] = cr4 & CR4_PSE;
	}
	return format;
}

static bool read_entry(const struct vm *vm, const struct format *format, uint64_t gpa,
		       uint64_t *entry)
{
	struct svmrt_access access = {
		.gpa = gpa, .bytes = format->entry_bytes, .buffer = (uintptr_t)entry,
	};
	struct engine_error error;

	*entry = 0;
	return !vm->daemon->engine->access(vm->fd, &access, &error);
}

/* PSE-36 (5.2.4): bits 13 to 20 of a 4 MiB entry are address bits 32 to 39. */
static uint64_t frame_of(const struct format *format, uint64_t entry, uint64_t page_bytes)
{
	if (format->entry_bytes == 4 && page_bytes > 4096)
		return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
	return entry & ENTRY_ADDRESS & ~(page_bytes - 1);
}

/* Those that no processor defines: NX without EFER.NXE, and PS where no page can be. */
static bool has_reserved(const struct format *format, unsigned int level, uint64_t entry)
{
	if (format->entry_bytes == 4)
		return false;
	if (format->levels == 3 && level == 3)
		return entry & 0x1e6;
	return (!format->nx && entry & ENTRY_NX) || (level >= 4 && entry & ENTRY_PS);
}

bool guest_walk(const struct vm *vm, const struct guest_paging *paging, uint64_t linear,
		struct guest_page *page, struct guest_gap *gap)
{
	struct format format = format_of(paging);
	uint64_t table = format.table, entry;

	*page = (struct guest_page){ .gpa = linear, .writable = true, .user = true,
				     .executable = true };
	if (!(paging->cr0 & CR0_PG)) {
		page->gpa &= 0xffffffff;
		return true;
	}
	if (format.levels < 4)
		linear &= 0xffffffff;
	for (unsigned int level = format.levels; level; level--) {
		unsigned int shift = 12 + format.bits * (level - 1);
		uint64_t index = linear >> shift & ((1u << format.bits) - 1);
		uint64_t at = table + index * format.entry_bytes;
		/* The four entries of the highest PAE level have no protection bits. */
		bool plain = !(format.levels == 3 && level == 3);

		*gap = (struct guest_gap){ .level = level, .entry_gpa = at };
		gap->unreadable = !read_entry(vm, &format, at, &entry);
		if (gap->unreadable || !(entry & ENTRY_P))
			return false;
		gap->reserved = has_reserved(&format, level, entry);
		if (gap->reserved)
			return false;
		page->writable &= !plain || entry & ENTRY_W;
		page->user &= !plain || entry & ENTRY_U;
		page->executable &= !(plain && format.nx && entry & ENTRY_NX);
		if (level == 1 || (format.large[level] && entry & ENTRY_PS)) {
			page->page_bytes = 1ull << shift;
			page->gpa = frame_of(&format, entry, page->page_bytes) |
				(linear & (page->page_bytes - 1));
			return true;
		}
		table = entry & (format.entry_bytes == 4 ? 0xfffff000 : ENTRY_ADDRESS);
	}
	return false;
}
