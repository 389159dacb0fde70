// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM: its claim on the hardware, and the VM descriptor's calls. It lives as long as
 * its own descriptor or any of its vCPUs' descriptors.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "ioctl.h"
#include "irq.h"
#include "npt.h"

static atomic_t vm_count;
static atomic64_t vm_ids;

unsigned int svmrt_vm_count(void)
{
	return atomic_read(&vm_count);
}

static void vm_free(struct svmrt_vm *vm)
{
	svmrt_debugfs_remove(vm);
	svmrt_irqfds_free(vm);
	svmrt_ioeventfds_free(vm);
	svmrt_ports_free(vm);
	svmrt_npt_free(vm);
	svmrt_regions_free(vm);
	svmrt_policy_free(vm);
	svmrt_user_put(vm->user);
	kvfree(vm);
	atomic_dec(&vm_count);
}

void svmrt_vm_put(struct svmrt_vm *vm)
{
	if (refcount_dec_and_test(&vm->refs)) {
		vm_free(vm);
		svmrt_host_release();
	}
}

/* One page at a time through a bounce page, so that no user access happens under our locks. */
static int vm_access_page(struct svmrt_vm *vm, u64 gpa, void __user *user, u32 bytes, bool write,
			  void *bounce)
{
	void *page;
	int err;

	if (gpa >> SVMRT_GPA_BITS)
		return -ENOENT;
	if (write && copy_from_user(bounce, user, bytes))
		return -EFAULT;
	mutex_lock(&vm->lock);
	err = svmrt_npt_populate_locked(vm, gpa, write);
	if (!err) {
		page = svmrt_npt_peek(vm, gpa, write);
		memcpy(write ? page : bounce, write ? bounce : page, bytes);
	}
	mutex_unlock(&vm->lock);
	if (!err && !write && copy_to_user(user, bounce, bytes))
		err = -EFAULT;
	return err;
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
	bounce = (void *)__get_free_page(SVMRT_GFP);
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
		SVMRT_IOCTL(struct svmrt_map, svmrt_region_map(vm, &arg), user);
	case SVMRT_VM_POLICY:
		SVMRT_IOCTL(struct svmrt_policy, svmrt_policy_set(vm, &arg), user);
	case SVMRT_VM_CREATE_VCPU:
		SVMRT_IOCTL_FLAGS(struct svmrt_create_vcpu, svmrt_vcpu_create(vm, &arg), user);
	case SVMRT_VM_IRQCHIP:
		SVMRT_IOCTL_FLAGS(struct svmrt_irqchip, svmrt_vm_irqchip(vm, &arg), user);
	case SVMRT_VM_MSI:
		SVMRT_IOCTL(struct svmrt_msi, svmrt_vm_msi(vm, &arg), user);
	case SVMRT_VM_IRQFD:
		SVMRT_IOCTL_FLAGS(struct svmrt_irqfd, svmrt_irqfd(vm, &arg), user);
	case SVMRT_VM_EOIFD:
		SVMRT_IOCTL_FLAGS(struct svmrt_eoifd, svmrt_eoifd(vm, &arg), user);
	case SVMRT_VM_IOEVENTFD:
		SVMRT_IOCTL_FLAGS(struct svmrt_ioeventfd, svmrt_ioeventfd(vm, &arg), user);
	case SVMRT_VM_PORTS:
		SVMRT_IOCTL(struct svmrt_ports, svmrt_ports(vm, &arg), user);
	case SVMRT_VM_PORT:
		SVMRT_IOCTL_FLAGS(struct svmrt_port, svmrt_port(vm, &arg), user);
	case SVMRT_VM_ACCESS:
		SVMRT_IOCTL_FLAGS(struct svmrt_access, vm_access(vm, &arg), user);
	case SVMRT_VM_UNMAP:
		SVMRT_IOCTL(struct svmrt_range, svmrt_region_unmap(vm, &arg), user);
	case SVMRT_VM_ZAP:
		SVMRT_IOCTL(struct svmrt_range, svmrt_region_zap(vm, &arg), user);
	case SVMRT_VM_TIME:
		SVMRT_IOCTL_ANSWER(struct svmrt_time, arg.flags ? -EINVAL : svmrt_vm_time(vm, &arg),
				   user);
	case SVMRT_VM_DIRTY:
		SVMRT_IOCTL(struct svmrt_dirty, svmrt_dirty(vm, &arg), user);
	default:
		return -ENOTTY;
	}
}

static int vm_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	return svmrt_ports_mmap(file->private_data, vma);
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
	.mmap = vm_file_mmap,
	.release = vm_release,
};

static struct svmrt_vm *vm_alloc(void)
{
	struct svmrt_vm *vm = kvzalloc(sizeof(*vm), SVMRT_GFP);
	int err;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	vm->user = svmrt_user_get(current_uid());
	if (IS_ERR(vm->user)) {
		err = PTR_ERR(vm->user);
		kvfree(vm);
		return ERR_PTR(err);
	}
	refcount_set(&vm->refs, 1);
	vm->id = atomic64_inc_return(&vm_ids);
	mutex_init(&vm->lock);
	mutex_init(&vm->time_lock);
	svmrt_time_begin(vm);
	mutex_init(&vm->fds_lock);
	INIT_LIST_HEAD(&vm->irqfds);
	INIT_LIST_HEAD(&vm->eoifds);
	INIT_LIST_HEAD(&vm->doorbells);
	atomic_inc(&vm_count);
	err = svmrt_npt_init(vm);
	if (err) {
		vm_free(vm);
		return ERR_PTR(err);
	}
	svmrt_debugfs_add(vm);
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
