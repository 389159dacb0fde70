// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM: its regions, its claim on the hardware, and the VM descriptor's calls. It lives as long as
 * its own descriptor or any of its vCPUs' descriptors.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "ioctl.h"
#include "svmrt_priv.h"

static atomic_t vm_count;
static atomic64_t vm_ids;

unsigned int svmrt_vm_count(void)
{
	return atomic_read(&vm_count);
}

static void vm_free(struct svmrt_vm *vm)
{
	u32 i;

	svmrt_npt_free(vm);
	for (i = 0; i < vm->region_count; i++)
		svmrt_mem_put(vm->regions[i].mem);
	kvfree(vm->regions);
	svmrt_policy_free(vm);
	svmrt_user_put(vm->user);
	kfree(vm);
	atomic_dec(&vm_count);
}

void svmrt_vm_put(struct svmrt_vm *vm)
{
	if (refcount_dec_and_test(&vm->refs)) {
		vm_free(vm);
		svmrt_host_release();
	}
}

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

static int vm_check_map(const struct svmrt_vm *vm, struct svmrt_map *arg,
			const struct svmrt_mem *mem)
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
		const struct svmrt_region *r = &vm->regions[i];

		if (arg->gpa < r->gpa + r->bytes && r->gpa < arg->gpa + arg->bytes) {
			svmrt_err(arg, "guest physical %#llx + %#llx overlaps the region at %#llx",
				  arg->gpa, arg->bytes, r->gpa);
			return -EEXIST;
		}
	}
	return 0;
}

static int vm_region_room(struct svmrt_vm *vm)
{
	u32 room = vm->region_room ? vm->region_room * 2 : 8;
	struct svmrt_region *bigger;

	if (vm->region_count < vm->region_room)
		return 0;
	if (room > SVMRT_MAX_REGIONS)
		return -ENOSPC;
	bigger = kvmalloc_array(room, sizeof(*bigger), GFP_KERNEL_ACCOUNT);
	if (!bigger)
		return -ENOMEM;
	if (vm->region_count)
		memcpy(bigger, vm->regions, vm->region_count * sizeof(*bigger));
	kvfree(vm->regions);
	vm->regions = bigger;
	vm->region_room = room;
	return 0;
}

static int vm_map(struct svmrt_vm *vm, struct svmrt_map *arg)
{
	struct svmrt_mem *mem = svmrt_mem_from_fd(arg->mem_fd);
	u32 at;
	int err;

	if (IS_ERR(mem)) {
		svmrt_err(arg, "descriptor %d is not a memory object of svmrt", arg->mem_fd);
		return PTR_ERR(mem);
	}
	mutex_lock(&vm->lock);
	err = vm_check_map(vm, arg, mem);
	if (!err)
		err = vm_region_room(vm);
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

/* One page at a time through a bounce page, so that no user access happens under our locks. */
static int vm_access_page(struct svmrt_vm *vm, u64 gpa, void __user *user, u32 bytes, bool write,
			  void *bounce)
{
	void *page;
	int err = svmrt_npt_populate(vm, gpa, write);

	if (err)
		return err;
	page = svmrt_npt_peek(vm, gpa, write);
	if (!page)
		return -ENOENT;
	if (write) {
		if (copy_from_user(bounce, user, bytes))
			return -EFAULT;
		memcpy(page, bounce, bytes);
	} else {
		memcpy(bounce, page, bytes);
		if (copy_to_user(user, bounce, bytes))
			return -EFAULT;
	}
	return 0;
}

static int vm_access(struct svmrt_vm *vm, struct svmrt_access *arg)
{
	void __user *user = u64_to_user_ptr(arg->buffer);
	void *bounce;
	u64 done = 0;
	int err = 0;

	if (arg->flags & ~SVMRT_ACCESS_WRITE || arg->bytes > 1 << 20) {
		svmrt_err(arg, "unknown flags, or more than 1 MiB in one call");
		return -EINVAL;
	}
	bounce = (void *)__get_free_page(GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	while (done < arg->bytes && !err) {
		u64 gpa = arg->gpa + done;
		u32 step = min_t(u64, arg->bytes - done, PAGE_SIZE - offset_in_page(gpa));

		err = vm_access_page(vm, gpa, user + done, step, arg->flags & SVMRT_ACCESS_WRITE,
				     bounce);
		if (err)
			svmrt_err(arg, "guest physical %#llx: %s", gpa,
				  err == -ENOENT ? "no memory there" :
				  err == -EACCES ? "read-only memory" : "the page cannot be had");
		done += step;
	}
	free_page((unsigned long)bounce);
	return err;
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	struct svmrt_vm *vm = file->private_data;
	void __user *user = (void __user *)uarg;

	switch (cmd) {
	case SVMRT_VM_MAP:
		SVMRT_IOCTL(struct svmrt_map, vm_map(vm, &arg), user);
	case SVMRT_VM_POLICY:
		SVMRT_IOCTL(struct svmrt_policy, svmrt_policy_set(vm, &arg), user);
	case SVMRT_VM_CREATE_VCPU:
		SVMRT_IOCTL(struct svmrt_create_vcpu, svmrt_vcpu_create(vm, &arg), user);
	case SVMRT_VM_ACCESS:
		SVMRT_IOCTL_FLAGS(struct svmrt_access, vm_access(vm, &arg), user);
	default:
		return -ENOTTY;
	}
}

static int vm_release(struct inode *inode, struct file *file)
{
	svmrt_vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vm_release,
};

static struct svmrt_vm *vm_alloc(void)
{
	struct svmrt_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->user = svmrt_user_get(current_uid());
	if (IS_ERR(vm->user)) {
		err = PTR_ERR(vm->user);
		kfree(vm);
		return ERR_PTR(err);
	}
	refcount_set(&vm->refs, 1);
	vm->id = atomic64_inc_return(&vm_ids);
	mutex_init(&vm->lock);
	atomic_inc(&vm_count);
	err = svmrt_npt_init(vm);
	if (err) {
		vm_free(vm);
		return ERR_PTR(err);
	}
	return vm;
}

int svmrt_vm_create(struct svmrt_create_vm *arg)
{
	struct svmrt_vm *vm;
	int fd, err;

	err = svmrt_host_claim(arg->error, sizeof(arg->error));
	if (err)
		return err;
	vm = vm_alloc();
	if (IS_ERR(vm)) {
		svmrt_host_release();
		return PTR_ERR(vm);
	}
	fd = anon_inode_getfd("svmrt-vm", &vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		svmrt_vm_put(vm);
	return fd;
}
