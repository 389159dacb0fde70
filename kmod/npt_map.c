// SPDX-License-Identifier: GPL-2.0-only
/*
 * First touch: what a guest physical address shows, by the mode of its region (D2). Memory is mapped
 * in 2 MiB where the region covers them, and the memory object has such a piece (shared, ro) or
 * nothing at all there, so that it is private from the start (cow). The rest is 4 KiB.
 */
#include <linux/highmem.h>
#include "npt.h"

static u64 object_offset(const struct svmrt_region *region, u64 gpa)
{
	return region->offset + (gpa - region->gpa);
}

/* The 2 MiB at `base` for this region, its flags in *flags; NULL: not in one piece. */
static struct page *huge_page(struct svmrt_vm *vm, struct svmrt_region *region, u64 base, u64 *flags)
{
	u64 offset = object_offset(region, base);

	if (region->mode == SVMRT_MAP_COW) {
		if (svmrt_mem_has_any(region->mem, offset >> PAGE_SHIFT, SVMRT_HUGE_PAGES))
			return NULL;
		*flags = NPT_WRITE | NPT_OWNED;
		return svmrt_huge_alloc(vm->user);
	}
	if (offset & (SVMRT_HUGE_BYTES - 1))
		return NULL;
	*flags = region->mode == SVMRT_MAP_SHARED ? NPT_WRITE : NPT_READ;
	return svmrt_mem_huge(region->mem, offset >> PAGE_SHIFT);
}

/* True if gpa is mapped now, as part of 2 MiB. */
static bool map_huge(struct svmrt_vm *vm, struct svmrt_region *region, u64 gpa)
{
	u64 base = gpa & ~(SVMRT_HUGE_BYTES - 1), flags, *slot;
	struct page *page;

	if (region->dirty || base < region->gpa ||
	    base + SVMRT_HUGE_BYTES > region->gpa + region->bytes)
		return false;
	slot = svmrt_npt_build(vm, base, 2);
	if (IS_ERR(slot) || *slot & NPT_P)
		return false;
	page = huge_page(vm, region, base, &flags);
	if (!page)
		return false;
	smp_store_release(slot, npt_entry(page, flags | NPT_PS));
	return true;
}

/* Copy-on-write: the object's page for reads, an own copy or an own zeroed page otherwise. */
static int map_cow(struct svmrt_vm *vm, struct svmrt_region *region, u64 gpa, bool write, u64 *slot)
{
	struct page *source = svmrt_mem_page(region->mem, object_offset(region, gpa) >> PAGE_SHIFT,
					     false);
	bool replaced = *slot & NPT_P;
	struct page *own;

	if (IS_ERR(source))
		return PTR_ERR(source);
	if (source && !write) {
		WRITE_ONCE(*slot, npt_entry(source, NPT_READ));
		return 0;
	}
	own = svmrt_page_alloc(vm->user);
	if (IS_ERR(own))
		return PTR_ERR(own);
	if (source)
		copy_page(page_address(own), page_address(source));
	/* Contents before the entry that shows them. */
	smp_store_release(slot, npt_entry(own, NPT_OWNED |
					  (region->dirty && !write ? NPT_READ : NPT_WRITE)));
	if (replaced)
		svmrt_npt_flush(vm);
	return 0;
}

static int map_object(struct svmrt_region *region, u64 gpa, bool write, u64 *slot)
{
	struct page *page = svmrt_mem_page(region->mem, object_offset(region, gpa) >> PAGE_SHIFT,
					   true);
	bool writable = region->mode == SVMRT_MAP_SHARED && (write || !region->dirty);

	if (IS_ERR(page))
		return PTR_ERR(page);
	WRITE_ONCE(*slot, npt_entry(page, writable ? NPT_WRITE : NPT_READ));
	return 0;
}

/*
 * A write to a page that is there without NPT_RW. It was taken away for dirty tracking, or the page
 * is the object's and a copy is due. Giving a right needs no flush: the processor walks again.
 */
static int allow_write(struct svmrt_vm *vm, struct svmrt_region *region, u64 gpa, u64 *slot,
		       unsigned int level)
{
	int err;

	if (region->mode == SVMRT_MAP_COW && !(*slot & NPT_OWNED))
		return map_cow(vm, region, gpa, true, slot);
	if (level > 1 && region->dirty) {
		err = svmrt_npt_split(vm, slot);
		if (err)
			return err;
		svmrt_npt_flush(vm);
		slot = svmrt_npt_find(vm, gpa, 1, &level);
	}
	WRITE_ONCE(*slot, *slot | NPT_RW | NPT_D);
	return 0;
}

static int map_region(struct svmrt_vm *vm, struct svmrt_region *region, u64 gpa, bool write)
{
	unsigned int level;
	u64 *slot = svmrt_npt_find(vm, gpa, 1, &level);

	if (*slot & NPT_P)
		return write && !(*slot & NPT_RW) ? allow_write(vm, region, gpa, slot, level) : 0;
	if (level > 1 && map_huge(vm, region, gpa))
		return 0;
	slot = svmrt_npt_build(vm, gpa, 1);
	if (IS_ERR(slot))
		return PTR_ERR(slot);
	return region->mode == SVMRT_MAP_COW ? map_cow(vm, region, gpa, write, slot) :
					       map_object(region, gpa, write, slot);
}

int svmrt_npt_populate_locked(struct svmrt_vm *vm, u64 gpa, bool write)
{
	struct svmrt_region *region = svmrt_region_find(vm, gpa);
	int err;

	if (!region)
		return -ENOENT;
	if (write && region->mode == SVMRT_MAP_RO)
		return -EACCES;
	err = map_region(vm, region, gpa, write);
	if (!err && write && region->dirty)
		svmrt_dirty_mark(region, gpa);
	return err;
}

int svmrt_npt_populate(struct svmrt_vm *vm, u64 gpa, bool write)
{
	int err;

	if (gpa >> SVMRT_GPA_BITS)
		return -ENOENT;
	mutex_lock(&vm->lock);
	err = svmrt_npt_populate_locked(vm, gpa, write);
	mutex_unlock(&vm->lock);
	return err;
}
