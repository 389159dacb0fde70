// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables (APM volume 2, 15.25): as many levels as the host's own paging (D1), 4 KiB
 * leaves, filled when the guest first touches a page (D2). Table pages live until the VM goes, so
 * readers need no lock; writers hold vm->lock.
 */
#include <linux/highmem.h>
#include <linux/mem_encrypt.h>
#include <linux/smp.h>
#include <asm/pgtable.h>
#include "exit.h"
#include "svmrt_priv.h"

#define NPT_P		BIT_ULL(0)
#define NPT_RW		BIT_ULL(1)
#define NPT_US		BIT_ULL(2)	/* mandatory: nested walks are user accesses (15.25.5) */
#define NPT_A		BIT_ULL(5)
#define NPT_D		BIT_ULL(6)
#define NPT_OWNED	BIT_ULL(9)	/* available to software: the VM frees this page */
#define NPT_PA		GENMASK_ULL(51, 12)
#define NPT_TABLE	(NPT_P | NPT_RW | NPT_US | NPT_A)

static unsigned int npt_levels(void)
{
	return pgtable_l5_enabled() ? 5 : 4;
}

static unsigned int npt_index(u64 gpa, unsigned int level)
{
	return (gpa >> (12 + 9 * (level - 1))) & 511;
}

static u64 npt_entry(struct page *page, u64 flags)
{
	return __sme_set(page_to_phys(page)) | flags;
}

static struct page *npt_page(u64 entry)
{
	return pfn_to_page((__sme_clr(entry) & NPT_PA) >> PAGE_SHIFT);
}

static u64 *npt_next(u64 entry)
{
	return page_address(npt_page(entry));
}

int svmrt_npt_init(struct svmrt_vm *vm)
{
	struct page *root = svmrt_page_alloc(vm->user);

	if (IS_ERR(root))
		return PTR_ERR(root);
	vm->npt_root = page_address(root);
	return 0;
}

/* Free one table of a level below its root; depth is at most 5. */
static void npt_free_table(struct svmrt_vm *vm, u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; i < 512; i++) {
		if (!(table[i] & NPT_P))
			continue;
		if (level > 1)
			npt_free_table(vm, npt_next(table[i]), level - 1);
		else if (table[i] & NPT_OWNED)
			svmrt_page_free(vm->user, npt_page(table[i]));
	}
	svmrt_page_free(vm->user, virt_to_page(table));
	cond_resched();
}

void svmrt_npt_free(struct svmrt_vm *vm)
{
	if (vm->npt_root)
		npt_free_table(vm, vm->npt_root, npt_levels());
}

/* The leaf slot of gpa, or NULL. alloc: build the tables on the way (under vm->lock). */
static u64 *npt_leaf(struct svmrt_vm *vm, u64 gpa, bool alloc)
{
	u64 *table = vm->npt_root;
	unsigned int level;

	for (level = npt_levels(); level > 1; level--) {
		u64 *slot = &table[npt_index(gpa, level)];
		u64 entry = READ_ONCE(*slot);

		if (!(entry & NPT_P)) {
			struct page *page;

			if (!alloc)
				return NULL;
			page = svmrt_page_alloc(vm->user);
			if (IS_ERR(page))
				return ERR_CAST(page);
			entry = npt_entry(page, NPT_TABLE);
			/* The zeroed table must be visible before the entry that leads to it. */
			smp_store_release(slot, entry);
		}
		table = npt_next(entry);
	}
	return &table[npt_index(gpa, 1)];
}

void *svmrt_npt_peek(struct svmrt_vm *vm, u64 gpa, bool write)
{
	u64 *slot, entry;

	if (gpa >> SVMRT_GPA_BITS)
		return NULL;
	slot = npt_leaf(vm, gpa, false);
	if (!slot)
		return NULL;
	entry = READ_ONCE(*slot);
	if (!(entry & NPT_P) || (write && !(entry & NPT_RW)))
		return NULL;
	return page_address(npt_page(entry)) + offset_in_page(gpa);
}

/*
 * D3: a present entry was replaced. Every vCPU of the VM that is in a slice leaves guest mode
 * before we go on (the IPI is only taken after #VMEXIT), and its next
 * entry sees the new generation and flushes.
 */
static void npt_flush_others(struct svmrt_vm *vm)
{
	unsigned int i;

	smp_mb(); /* the new entry before the look at vcpu->cpu; pairs with run.c:slice() */
	for (i = 0; i < SVMRT_MAX_VCPUS; i++) {
		struct svmrt_vcpu *vcpu = vm->vcpus[i];
		int cpu = vcpu ? READ_ONCE(vcpu->cpu) : -1;

		if (cpu >= 0)
			smp_call_function_single(cpu, svmrt_nop, NULL, 1);
	}
}

static int npt_map_cow(struct svmrt_vm *vm, struct svmrt_region *region, pgoff_t index, bool write,
		       u64 *slot)
{
	struct page *source = svmrt_mem_page(region->mem, index, false);
	struct page *own;
	bool replaced = *slot & NPT_P;

	if (IS_ERR(source))
		return PTR_ERR(source);
	if (source && !write) {
		WRITE_ONCE(*slot, npt_entry(source, NPT_P | NPT_US | NPT_A));
		return 0;
	}
	own = svmrt_page_alloc(vm->user);
	if (IS_ERR(own))
		return PTR_ERR(own);
	if (source)
		copy_page(page_address(own), page_address(source));
	smp_wmb(); /* contents before the entry that shows them */
	WRITE_ONCE(*slot, npt_entry(own, NPT_P | NPT_RW | NPT_US | NPT_A | NPT_D | NPT_OWNED));
	if (replaced) {
		WRITE_ONCE(vm->npt_generation, vm->npt_generation + 1);
		npt_flush_others(vm);
	}
	return 0;
}

static int npt_map(struct svmrt_vm *vm, u64 gpa, bool write)
{
	struct svmrt_region *region = svmrt_region_find(vm, gpa);
	struct page *page;
	pgoff_t index;
	u64 *slot;

	if (!region)
		return -ENOENT;
	if (write && region->mode == SVMRT_MAP_RO)
		return -EACCES;
	slot = npt_leaf(vm, gpa, true);
	if (IS_ERR(slot))
		return PTR_ERR(slot);
	if (*slot & NPT_P && (!write || *slot & NPT_RW))
		return 0;	/* another vCPU was faster */

	index = (region->offset + (gpa - region->gpa)) >> PAGE_SHIFT;
	if (region->mode == SVMRT_MAP_COW)
		return npt_map_cow(vm, region, index, write, slot);
	page = svmrt_mem_page(region->mem, index, true);
	if (IS_ERR(page))
		return PTR_ERR(page);
	WRITE_ONCE(*slot, npt_entry(page, NPT_P | NPT_US | NPT_A | NPT_D |
				    (region->mode == SVMRT_MAP_SHARED ? NPT_RW : 0)));
	return 0;
}

int svmrt_npt_populate(struct svmrt_vm *vm, u64 gpa, bool write)
{
	int err;

	if (gpa >> SVMRT_GPA_BITS)
		return -ENOENT;
	mutex_lock(&vm->lock);
	err = npt_map(vm, gpa, write);
	mutex_unlock(&vm->lock);
	return err;
}
