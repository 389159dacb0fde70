// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking of a region. A page that is clean is not writable; the first write faults, sets its
 * bit and makes it writable. So it needs nothing of the processor's accessed and dirty bits, which
 * emulators get wrong, and a write that the caller has not heard of cannot happen.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "npt.h"

#define CHUNK_PAGES (PAGE_SIZE * 8)	/* pages whose bits fill the bounce page */

static unsigned long bitmap_pages(const struct svmrt_region *region)
{
	return DIV_ROUND_UP(region->bytes >> PAGE_SHIFT, CHUNK_PAGES);
}

void svmrt_dirty_mark(struct svmrt_region *region, u64 gpa)
{
	__set_bit((gpa - region->gpa) >> PAGE_SHIFT, region->dirty);
}

void svmrt_dirty_free(struct svmrt_vm *vm, struct svmrt_region *region)
{
	if (!region->dirty)
		return;
	kvfree(region->dirty);
	region->dirty = NULL;
	svmrt_uncharge(vm->user, bitmap_pages(region));
}

static int start(struct svmrt_vm *vm, struct svmrt_region *region, struct svmrt_dirty *arg)
{
	int err;

	if (region->dirty) {
		svmrt_err(arg, "the region at %#llx is tracked already", region->gpa);
		return -EEXIST;
	}
	if (region->mode == SVMRT_MAP_RO) {
		svmrt_err(arg, "the region at %#llx is read-only: nothing writes to it", region->gpa);
		return -EINVAL;
	}
	err = svmrt_charge(vm->user, bitmap_pages(region));
	if (err) {
		svmrt_err(arg, "%lu pages of bitmap are more than this user may have",
			  bitmap_pages(region));
		return err;
	}
	region->dirty = kvcalloc(bitmap_pages(region), PAGE_SIZE, SVMRT_GFP);
	if (!region->dirty) {
		svmrt_uncharge(vm->user, bitmap_pages(region));
		return -ENOMEM;
	}
	if (svmrt_npt_protect(vm, region->gpa, region->bytes))
		svmrt_npt_flush(vm);
	return 0;
}

/* Take the bits of `pages` pages from number `first` on, and make those pages clean. */
static u32 take(struct svmrt_vm *vm, struct svmrt_region *region, u64 first, u32 pages,
		unsigned long *bits)
{
	unsigned long *from = region->dirty + BIT_WORD(first), bit;
	bool changed = false;

	bitmap_copy(bits, from, pages);
	for_each_set_bit(bit, bits, pages) {
		__clear_bit(bit, from);
		changed |= svmrt_npt_protect(vm, region->gpa + ((first + bit) << PAGE_SHIFT), PAGE_SIZE);
	}
	if (changed)
		svmrt_npt_flush(vm);
	return bitmap_weight(bits, pages);
}

/* What could not be told is dirty again. Its pages may be gone or writable by now: both are right. */
static void put_back(struct svmrt_vm *vm, u64 gpa, u32 pages, const unsigned long *bits)
{
	struct svmrt_region *region;
	unsigned long bit;

	mutex_lock(&vm->lock);
	for_each_set_bit(bit, bits, pages) {
		u64 at = gpa + ((u64)bit << PAGE_SHIFT);

		region = svmrt_region_find(vm, at);
		if (region && region->dirty)
			svmrt_dirty_mark(region, at);
	}
	mutex_unlock(&vm->lock);
}

/* The tracked region that holds [gpa, gpa + bytes), from a whole word of its bitmap on. */
static struct svmrt_region *tracked(struct svmrt_vm *vm, u64 gpa, u64 bytes, struct svmrt_dirty *arg)
{
	struct svmrt_region *region = svmrt_region_find(vm, gpa);

	if (!region || !region->dirty) {
		svmrt_err(arg, "guest physical %#llx lies in no region that is tracked", gpa);
		return ERR_PTR(-ENOENT);
	}
	if (bytes & ~PAGE_MASK || bytes > region->gpa + region->bytes - gpa) {
		svmrt_err(arg, "%#llx + %#llx: must be whole pages of the region at %#llx", gpa, bytes,
			  region->gpa);
		return ERR_PTR(-EINVAL);
	}
	if ((gpa - region->gpa) & (BITS_PER_LONG * PAGE_SIZE - 1)) {
		svmrt_err(arg, "%#llx: a harvest starts at a multiple of 64 pages from the region's start %#llx",
			  gpa, region->gpa);
		return ERR_PTR(-EINVAL);
	}
	return region;
}

static int take_range(struct svmrt_vm *vm, struct svmrt_dirty *arg, unsigned long *bounce)
{
	unsigned long __user *user = u64_to_user_ptr(arg->bitmap);
	u64 gpa = arg->gpa, end = arg->gpa + arg->bytes;
	u32 pages;

	for (; gpa < end; gpa += (u64)pages << PAGE_SHIFT) {
		struct svmrt_region *region;

		pages = min_t(u64, (end - gpa) >> PAGE_SHIFT, CHUNK_PAGES);
		mutex_lock(&vm->lock);
		region = tracked(vm, gpa, end - gpa, arg);
		if (!IS_ERR(region))
			arg->dirty_pages += take(vm, region, (gpa - region->gpa) >> PAGE_SHIFT, pages,
						 bounce);
		mutex_unlock(&vm->lock);
		if (IS_ERR(region))
			return PTR_ERR(region);
		if (arg->op == SVMRT_DIRTY_RESET)
			continue;
		if (copy_to_user(user, bounce, BITS_TO_LONGS(pages) * sizeof(long))) {
			put_back(vm, gpa, pages, bounce);
			return -EFAULT;
		}
		user += BITS_TO_LONGS(pages);
	}
	return 0;
}

static int start_stop(struct svmrt_vm *vm, struct svmrt_dirty *arg)
{
	struct svmrt_region *region;
	int err = 0;

	mutex_lock(&vm->lock);
	region = svmrt_region_find(vm, arg->gpa);
	if (!region || (arg->op == SVMRT_DIRTY_STOP && !region->dirty)) {
		svmrt_err(arg, "guest physical %#llx lies in no region%s", arg->gpa,
			  region ? " that is tracked" : "");
		err = -ENOENT;
	} else if (arg->op == SVMRT_DIRTY_START) {
		err = start(vm, region, arg);
	} else {
		svmrt_dirty_free(vm, region);	/* pages become writable as they are written to */
	}
	mutex_unlock(&vm->lock);
	return err;
}

int svmrt_dirty(struct svmrt_vm *vm, struct svmrt_dirty *arg)
{
	unsigned long *bounce;
	int err;

	arg->dirty_pages = 0;
	if (arg->gpa & ~PAGE_MASK || arg->gpa >> SVMRT_GPA_BITS || arg->reserved ||
	    arg->bytes >> (SVMRT_GPA_BITS + 1)) {
		svmrt_err(arg, "gpa and bytes: whole pages below 2^%d", SVMRT_GPA_BITS);
		return -EINVAL;
	}
	switch (arg->op) {
	case SVMRT_DIRTY_START:
	case SVMRT_DIRTY_STOP:
		return start_stop(vm, arg);
	case SVMRT_DIRTY_HARVEST:
	case SVMRT_DIRTY_RESET:
		bounce = kmalloc(PAGE_SIZE, SVMRT_GFP);
		if (!bounce)
			return -ENOMEM;
		err = take_range(vm, arg, bounce);
		kfree(bounce);
		return err;
	default:
		svmrt_err(arg, "operation %u is not start, stop, harvest or reset", arg->op);
		return -EINVAL;
	}
}
