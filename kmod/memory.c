// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory objects: pages that the module owns and the daemon maps. A page appears when it is first
 * touched, through the mapping or through a VM, and goes when the last descriptor, mapping and VM
 * region has gone (D4: so none is freed under a guest, and none of the host's is ever mapped).
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "svmrt_priv.h"

struct svmrt_mem {
	refcount_t refs;
	struct svmrt_user *user;
	u64 bytes;
	struct mutex lock;	/* adding pages; readers use the xarray's RCU */
	struct xarray pages;
};

static atomic_t mem_count;
static const struct file_operations mem_fops;

unsigned int svmrt_mem_count(void)
{
	return atomic_read(&mem_count);
}

u64 svmrt_mem_bytes(const struct svmrt_mem *mem)
{
	return mem->bytes;
}

void svmrt_mem_put(struct svmrt_mem *mem)
{
	struct page *page;
	unsigned long index;

	if (!refcount_dec_and_test(&mem->refs))
		return;
	xa_for_each(&mem->pages, index, page) {
		svmrt_page_free(mem->user, page);
		cond_resched();
	}
	xa_destroy(&mem->pages);
	svmrt_user_put(mem->user);
	kfree(mem);
	atomic_dec(&mem_count);
}

struct page *svmrt_mem_page(struct svmrt_mem *mem, pgoff_t index, bool alloc)
{
	struct page *page;
	int err;

	if (index >= mem->bytes >> PAGE_SHIFT)
		return ERR_PTR(-EINVAL);
	page = xa_load(&mem->pages, index);
	if (page || !alloc)
		return page;

	mutex_lock(&mem->lock);
	page = xa_load(&mem->pages, index);
	if (page)
		goto out;
	page = svmrt_page_alloc(mem->user);
	if (IS_ERR(page))
		goto out;
	err = xa_err(xa_store(&mem->pages, index, page, GFP_KERNEL_ACCOUNT));
	if (err) {
		svmrt_page_free(mem->user, page);
		page = ERR_PTR(err);
	}
out:
	mutex_unlock(&mem->lock);
	return page;
}

static vm_fault_t mem_fault(struct vm_fault *vmf)
{
	struct svmrt_mem *mem = vmf->vma->vm_private_data;
	struct page *page = svmrt_mem_page(mem, vmf->pgoff, true);

	if (page == ERR_PTR(-ENOMEM))
		return VM_FAULT_OOM;
	if (IS_ERR(page))
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct mem_vm_ops = {
	.fault = mem_fault,
};

static int mem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct svmrt_mem *mem = file->private_data;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff + vma_pages(vma) > mem->bytes >> PAGE_SHIFT)
		return -EINVAL;
	/* Guest memory stays out of the daemon's core dumps. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = mem;	/* the vma holds the file, the file holds the object */
	vma->vm_ops = &mem_vm_ops;
	return 0;
}

static int mem_release(struct inode *inode, struct file *file)
{
	svmrt_mem_put(file->private_data);
	return 0;
}

static const struct file_operations mem_fops = {
	.owner = THIS_MODULE,
	.mmap = mem_mmap,
	.release = mem_release,
};

int svmrt_mem_create(struct svmrt_create_mem *arg)
{
	struct svmrt_mem *mem;
	int fd;

	if (!arg->bytes || arg->bytes & ~PAGE_MASK || arg->bytes > SVMRT_MAX_MEM_BYTES) {
		svmrt_err(arg, "memory object of %#llx bytes: must be a multiple of 4096, at most 2^40",
			  arg->bytes);
		return -EINVAL;
	}
	mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return -ENOMEM;
	mem->user = svmrt_user_get(current_uid());
	if (IS_ERR(mem->user)) {
		fd = PTR_ERR(mem->user);
		kfree(mem);
		return fd;
	}
	refcount_set(&mem->refs, 1);
	mem->bytes = arg->bytes;
	mutex_init(&mem->lock);
	xa_init_flags(&mem->pages, XA_FLAGS_ACCOUNT);
	atomic_inc(&mem_count);
	fd = anon_inode_getfd("svmrt-mem", &mem_fops, mem, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		svmrt_mem_put(mem);
	return fd;
}

struct svmrt_mem *svmrt_mem_from_fd(int fd)
{
	struct file *file = fget(fd);
	struct svmrt_mem *mem = ERR_PTR(-EBADF);

	if (!file)
		return mem;
	if (file->f_op == &mem_fops) {
		mem = file->private_data;
		refcount_inc(&mem->refs);
	}
	fput(file);
	return mem;
}
