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
	bool small;		/* SVMRT_MEM_SMALL */
	struct mutex lock;	/* adding pages; readers use the xarray's RCU */
	struct xarray pages;	/* HUGE_MARK on the first of 512 that are 2 MiB in one piece */
};

#define HUGE_MARK XA_MARK_0

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

void svmrt_mem_hold(struct svmrt_mem *mem)
{
	refcount_inc(&mem->refs);
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

bool svmrt_mem_has_any(struct svmrt_mem *mem, pgoff_t index, unsigned long pages)
{
	unsigned long at = index;

	return xa_find(&mem->pages, &at, index + pages - 1, XA_PRESENT);
}

/* Under mem->lock: 2 MiB in one piece from page `first` on, if nothing is there yet. */
static bool add_huge(struct svmrt_mem *mem, pgoff_t first)
{
	struct page *page;
	unsigned int i;

	if (mem->small || first + SVMRT_HUGE_PAGES > mem->bytes >> PAGE_SHIFT ||
	    svmrt_mem_has_any(mem, first, SVMRT_HUGE_PAGES))
		return false;
	/* Readers take no lock and what they have seen must stay: room first, then pages. */
	for (i = 0; i < SVMRT_HUGE_PAGES; i++)
		if (xa_reserve(&mem->pages, first + i, SVMRT_GFP))
			goto undo;
	page = svmrt_huge_alloc(mem->user);
	if (!page)
		goto undo;
	for (i = 0; i < SVMRT_HUGE_PAGES; i++)
		xa_store(&mem->pages, first + i, page + i, SVMRT_GFP);
	xa_set_mark(&mem->pages, first, HUGE_MARK);
	return true;
undo:
	while (i--)
		xa_release(&mem->pages, first + i);
	return false;
}

/* D4: what the host knows to be broken is not mapped any more. */
static bool any_poisoned(struct page *page, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < pages; i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

struct page *svmrt_mem_huge(struct svmrt_mem *mem, pgoff_t first)
{
	struct page *page = NULL;

	if (first + SVMRT_HUGE_PAGES > mem->bytes >> PAGE_SHIFT)
		return NULL;
	mutex_lock(&mem->lock);
	if (xa_get_mark(&mem->pages, first, HUGE_MARK) || add_huge(mem, first))
		page = xa_load(&mem->pages, first);
	mutex_unlock(&mem->lock);
	return page && !any_poisoned(page, SVMRT_HUGE_PAGES) ? page : NULL;
}

static struct page *add_page(struct svmrt_mem *mem, pgoff_t index)
{
	struct page *page;
	int err;

	if (add_huge(mem, index & ~(pgoff_t)(SVMRT_HUGE_PAGES - 1)))
		return xa_load(&mem->pages, index);
	page = svmrt_page_alloc(mem->user);
	if (IS_ERR(page))
		return page;
	err = xa_err(xa_store(&mem->pages, index, page, SVMRT_GFP));
	if (err) {
		svmrt_page_free(mem->user, page);
		return ERR_PTR(err);
	}
	return page;
}

struct page *svmrt_mem_page(struct svmrt_mem *mem, pgoff_t index, bool alloc)
{
	struct page *page;

	if (index >= mem->bytes >> PAGE_SHIFT)
		return ERR_PTR(-EINVAL);
	page = xa_load(&mem->pages, index);
	if (page && any_poisoned(page, 1))
		return ERR_PTR(-EHWPOISON);
	if (page || !alloc)
		return page;

	mutex_lock(&mem->lock);
	page = xa_load(&mem->pages, index);
	if (!page)
		page = add_page(mem, index);
	mutex_unlock(&mem->lock);
	return page;
}

static vm_fault_t mem_fault(struct vm_fault *vmf)
{
	struct svmrt_mem *mem = vmf->vma->vm_private_data;
	struct page *page = svmrt_mem_page(mem, vmf->pgoff, true);

	if (page == ERR_PTR(-EHWPOISON))
		return VM_FAULT_HWPOISON;
	/* VM_FAULT_OOM would only repeat the fault: the allocation was told to fail rather than to kill. */
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
	if (arg->flags & ~SVMRT_MEM_SMALL) {
		svmrt_err(arg, "memory object with unknown flags %#x", arg->flags);
		return -EINVAL;
	}
	mem = kzalloc(sizeof(*mem), SVMRT_GFP);
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
	mem->small = arg->flags & SVMRT_MEM_SMALL;
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
		svmrt_mem_hold(mem);
	}
	fput(file);
	return mem;
}
