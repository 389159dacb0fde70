// SPDX-License-Identifier: GPL-2.0-only
/*
 * The regions of a VM: which range of guest physical memory shows which part of a memory object.
 * An array in ascending order, under vm->lock.
 */
#include <linux/slab.h>
#include "npt.h"

struct svmrt_region *svmrt_region_find(struct svmrt_vm *vm, u64 gpa)
{
	u32 low = 0, high = vm->region_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		struct svmrt_region *r = &vm->regions[middle];

		if (gpa < r->gpa)
			high = middle;
		else if (gpa - r->gpa >= r->bytes)
			low = middle + 1;
		else
			return r;
	}
	return NULL;
}

void svmrt_regions_free(struct svmrt_vm *vm)
{
	u32 i;

	for (i = 0; i < vm->region_count; i++) {
		svmrt_dirty_free(vm, &vm->regions[i]);
		svmrt_mem_put(vm->regions[i].mem);
	}
	kvfree(vm->regions);
}

static bool region_overlaps(const struct svmrt_region *r, u64 gpa, u64 bytes)
{
	return gpa < r->gpa + r->bytes && r->gpa < gpa + bytes;
}

static int check_map(const struct svmrt_vm *vm, struct svmrt_map *arg, const struct svmrt_mem *mem)
{
	const u64 limit = 1ULL << SVMRT_GPA_BITS;
	u64 object = svmrt_mem_bytes(mem);
	u32 i;

	if (!arg->bytes || (arg->gpa | arg->bytes | arg->offset) & ~PAGE_MASK) {
		svmrt_err(arg, "gpa, bytes and offset must be multiples of 4096, and bytes not 0");
		return -EINVAL;
	}
	if (arg->gpa >= limit || arg->bytes > limit - arg->gpa) {
		svmrt_err(arg, "guest physical %#llx + %#llx lies beyond 2^%d", arg->gpa, arg->bytes,
			  SVMRT_GPA_BITS);
		return -EINVAL;
	}
	if (arg->offset > object || arg->bytes > object - arg->offset) {
		svmrt_err(arg, "offset %#llx + %#llx lies beyond the memory object's %#llx bytes",
			  arg->offset, arg->bytes, object);
		return -EINVAL;
	}
	if (arg->mode > SVMRT_MAP_COW) {
		svmrt_err(arg, "mode %u is not shared, ro or cow", arg->mode);
		return -EINVAL;
	}
	for (i = 0; i < vm->region_count; i++) {
		if (region_overlaps(&vm->regions[i], arg->gpa, arg->bytes)) {
			svmrt_err(arg, "guest physical %#llx + %#llx overlaps the region at %#llx",
				  arg->gpa, arg->bytes, vm->regions[i].gpa);
			return -EEXIST;
		}
	}
	return 0;
}

/* An array with room for one region more than there are; the old one stays. */
static struct svmrt_region *bigger_array(struct svmrt_vm *vm, u32 *room)
{
	struct svmrt_region *bigger;

	*room = roundup_pow_of_two(max(vm->region_count + 1, 8u));
	if (*room > SVMRT_MAX_REGIONS)
		return ERR_PTR(-ENOSPC);
	bigger = kvmalloc_array(*room, sizeof(*bigger), SVMRT_GFP);
	return bigger ? bigger : ERR_PTR(-ENOMEM);
}

static int region_room(struct svmrt_vm *vm)
{
	struct svmrt_region *bigger;
	u32 room;

	if (vm->region_count < vm->region_room)
		return 0;
	bigger = bigger_array(vm, &room);
	if (IS_ERR(bigger))
		return PTR_ERR(bigger);
	if (vm->region_count)
		memcpy(bigger, vm->regions, vm->region_count * sizeof(*bigger));
	kvfree(vm->regions);
	vm->regions = bigger;
	vm->region_room = room;
	return 0;
}

int svmrt_region_map(struct svmrt_vm *vm, struct svmrt_map *arg)
{
	struct svmrt_mem *mem = svmrt_mem_from_fd(arg->mem_fd);
	u32 at;
	int err;

	if (IS_ERR(mem)) {
		svmrt_err(arg, "descriptor %d is not a memory object of svmrt", arg->mem_fd);
		return PTR_ERR(mem);
	}
	mutex_lock(&vm->lock);
	err = check_map(vm, arg, mem);
	if (!err)
		err = region_room(vm);
	if (!err) {
		for (at = vm->region_count; at && vm->regions[at - 1].gpa > arg->gpa; at--)
			vm->regions[at] = vm->regions[at - 1];
		vm->regions[at] = (struct svmrt_region) {
			.gpa = arg->gpa, .bytes = arg->bytes, .offset = arg->offset,
			.mode = arg->mode, .mem = mem,
		};
		vm->region_count++;
	}
	mutex_unlock(&vm->lock);
	if (err)
		svmrt_mem_put(mem);
	return err;
}

static int check_range(struct svmrt_range *arg)
{
	const u64 limit = 1ULL << SVMRT_GPA_BITS;

	if (!arg->bytes || (arg->gpa | arg->bytes) & ~PAGE_MASK || arg->gpa >= limit ||
	    arg->bytes > limit - arg->gpa) {
		svmrt_err(arg, "guest physical %#llx + %#llx: must be whole pages below 2^%d", arg->gpa,
			  arg->bytes, SVMRT_GPA_BITS);
		return -EINVAL;
	}
	return 0;
}

/* What is left of `r` before and behind the range goes to `to`; returns how many regions that is. */
static u32 cut(struct svmrt_region *to, const struct svmrt_region *r, u64 gpa, u64 end)
{
	u32 count = 0;

	if (r->gpa < gpa) {
		to[count] = *r;
		to[count++].bytes = gpa - r->gpa;
	}
	if (r->gpa + r->bytes > end) {
		to[count] = *r;
		to[count].gpa = end;
		to[count].offset += end - r->gpa;
		to[count++].bytes -= end - r->gpa;
	}
	return count;
}

static int check_unmap(struct svmrt_vm *vm, struct svmrt_range *arg)
{
	u64 end = arg->gpa + arg->bytes;
	bool any = false;
	u32 i;

	for (i = 0; i < vm->region_count; i++) {
		const struct svmrt_region *r = &vm->regions[i];

		if (!region_overlaps(r, arg->gpa, arg->bytes))
			continue;
		any = true;
		if (r->dirty && (r->gpa < arg->gpa || r->gpa + r->bytes > end)) {
			svmrt_err(arg, "the region at %#llx is tracked: stop that before a part of it goes",
				  r->gpa);
			return -EBUSY;
		}
	}
	if (!any)
		svmrt_err(arg, "guest physical %#llx + %#llx: no region is there", arg->gpa, arg->bytes);
	return any ? 0 : -ENOENT;
}

/* Regions without the range, into `to`; old entries whose reference went there have mem == NULL. */
static u32 without(struct svmrt_vm *vm, struct svmrt_region *to, u64 gpa, u64 bytes)
{
	u32 count = 0, i, left;

	for (i = 0; i < vm->region_count; i++) {
		struct svmrt_region *r = &vm->regions[i];

		if (!region_overlaps(r, gpa, bytes)) {
			to[count++] = *r;
			r->mem = NULL;
			continue;
		}
		left = cut(to + count, r, gpa, gpa + bytes);
		if (left == 2)
			svmrt_mem_hold(r->mem);
		if (left)
			r->mem = NULL;
		count += left;
	}
	return count;
}

int svmrt_region_unmap(struct svmrt_vm *vm, struct svmrt_range *arg)
{
	struct svmrt_region *regions, *old;
	u32 room, i, old_count;
	int err = check_range(arg);

	if (err)
		return err;
	mutex_lock(&vm->lock);
	err = check_unmap(vm, arg);
	if (err)
		goto out;
	regions = bigger_array(vm, &room);
	err = PTR_ERR_OR_ZERO(regions);
	if (err)
		goto out;
	err = svmrt_npt_zap(vm, arg->gpa, arg->bytes);
	if (err) {
		kvfree(regions);
		goto out;
	}
	old = vm->regions;
	old_count = vm->region_count;
	vm->region_count = without(vm, regions, arg->gpa, arg->bytes);
	vm->regions = regions;
	vm->region_room = room;
	for (i = 0; i < old_count; i++) {
		if (!old[i].mem)
			continue;	/* its reference is in the new array */
		svmrt_dirty_free(vm, &old[i]);
		svmrt_mem_put(old[i].mem);
	}
	kvfree(old);
out:
	mutex_unlock(&vm->lock);
	return err;
}

int svmrt_region_zap(struct svmrt_vm *vm, struct svmrt_range *arg)
{
	int err = check_range(arg);

	if (err)
		return err;
	mutex_lock(&vm->lock);
	err = svmrt_npt_zap(vm, arg->gpa, arg->bytes);
	mutex_unlock(&vm->lock);
	return err;
}
