/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested page table entries, and what npt.c offers to the files that fill (npt_map.c) and take away
 * (npt_zap.c, dirty.c) translations. All of it under vm->lock, but for svmrt_npt_find().
 */
#ifndef SVMRT_NPT_H
#define SVMRT_NPT_H

#include <linux/list.h>
#include "svmrt_priv.h"

#define NPT_P		BIT_ULL(0)
#define NPT_RW		BIT_ULL(1)
#define NPT_US		BIT_ULL(2)	/* mandatory: nested walks are user accesses (15.25.5) */
#define NPT_A		BIT_ULL(5)
#define NPT_D		BIT_ULL(6)
#define NPT_PS		BIT_ULL(7)	/* at level 2: a 2 MiB leaf */
#define NPT_OWNED	BIT_ULL(9)	/* available to software: the VM frees this memory */
#define NPT_PA		GENMASK_ULL(51, 12)
#define NPT_TABLE	(NPT_P | NPT_RW | NPT_US | NPT_A)
#define NPT_READ	(NPT_P | NPT_US | NPT_A)
/* A and D are set from the start, so the processor never writes an entry behind our back. */
#define NPT_WRITE	(NPT_P | NPT_RW | NPT_US | NPT_A | NPT_D)

static inline u64 npt_span(unsigned int level)
{
	return 1ULL << (12 + 9 * (level - 1));
}

static inline unsigned int npt_index(u64 gpa, unsigned int level)
{
	return (gpa >> (12 + 9 * (level - 1))) & 511;
}

static inline u64 npt_entry(struct page *page, u64 flags)
{
	return __sme_set(page_to_phys(page)) | flags;
}

static inline struct page *npt_page(u64 entry)
{
	return pfn_to_page((__sme_clr(entry) & NPT_PA) >> PAGE_SHIFT);
}

static inline u64 *npt_next(u64 entry)
{
	return page_address(npt_page(entry));
}

/*
 * The entry that decides about gpa: its leaf, or the absent entry or 2 MiB leaf above; *level says
 * of which table. Looks no further down than `lowest`. Needs vm->lock or a reader's section.
 */
u64 *svmrt_npt_find(struct svmrt_vm *vm, u64 gpa, unsigned int lowest, unsigned int *level);
/* The same entry with all tables above `level` present, or an ERR_PTR. Never below a 2 MiB leaf. */
u64 *svmrt_npt_build(struct svmrt_vm *vm, u64 gpa, unsigned int level);
/* A 2 MiB leaf becomes a table of 512; the caller flushes. 0 or an errno. */
int svmrt_npt_split(struct svmrt_vm *vm, u64 *slot);
/*
 * D3: present entries were changed. Returns when no vCPU can use what it knew of them: each that is
 * in guest mode has left it, and flushes before it enters again.
 */
void svmrt_npt_flush(struct svmrt_vm *vm);
/* npt_map.c: svmrt_npt_populate() for a caller that holds vm->lock. */
int svmrt_npt_populate_locked(struct svmrt_vm *vm, u64 gpa, bool write);

/* npt_zap.c. No guest translation of [gpa, gpa + bytes) is left; private pages are free. */
int svmrt_npt_zap(struct svmrt_vm *vm, u64 gpa, u64 bytes);
/* Writes to [gpa, gpa + bytes) fault from the next flush on. True if an entry changed. */
bool svmrt_npt_protect(struct svmrt_vm *vm, u64 gpa, u64 bytes);
/* Leaves of 4 KiB and 2 MiB that are present there, and how many pages only this VM has. */
void svmrt_npt_count(struct svmrt_vm *vm, u64 gpa, u64 bytes, u64 *small, u64 *huge, u64 *owned);

/* dirty.c: a page of a tracked region is about to become writable. */
void svmrt_dirty_mark(struct svmrt_region *region, u64 gpa);
void svmrt_dirty_free(struct svmrt_vm *vm, struct svmrt_region *region);
int svmrt_dirty(struct svmrt_vm *vm, struct svmrt_dirty *arg);

/* region.c */
int svmrt_region_map(struct svmrt_vm *vm, struct svmrt_map *arg);
int svmrt_region_unmap(struct svmrt_vm *vm, struct svmrt_range *arg);
int svmrt_region_zap(struct svmrt_vm *vm, struct svmrt_range *arg);
void svmrt_regions_free(struct svmrt_vm *vm);

#endif
