// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables (APM volume 2, 15.25): as many levels as the host's own paging (D1), with leaves
 * of 4 KiB and 2 MiB. Here is the tree itself and the flush that makes a change of it true (D3);
 * npt_map.c fills it, npt_zap.c takes away. Writers hold vm->lock. Readers hold it, too, or are in a
 * section that a flush waits for: a slice, or svmrt_npt_read_begin() to _end().
 */
#include <linux/smp.h>
#include <asm/pgtable.h>
#include "exit.h"
#include "npt.h"

static unsigned int npt_levels(void)
{
	return pgtable_l5_enabled() ? 5 : 4;
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
		if (level > 1 && !(table[i] & NPT_PS))
			npt_free_table(vm, npt_next(table[i]), level - 1);
		else if (table[i] & NPT_OWNED && level == 1)
			svmrt_page_free(vm->user, npt_page(table[i]));
		else if (table[i] & NPT_OWNED)
			svmrt_huge_free(vm->user, npt_page(table[i]));
	}
	svmrt_page_free(vm->user, virt_to_page(table));
	cond_resched();
}

void svmrt_npt_free(struct svmrt_vm *vm)
{
	if (vm->npt_root)
		npt_free_table(vm, vm->npt_root, npt_levels());
}

u64 *svmrt_npt_find(struct svmrt_vm *vm, u64 gpa, unsigned int lowest, unsigned int *level)
{
	u64 *table = vm->npt_root;
	unsigned int at;

	for (at = npt_levels();; at--) {
		u64 *slot = &table[npt_index(gpa, at)];
		u64 entry = READ_ONCE(*slot);

		if (at == lowest || !(entry & NPT_P) || entry & NPT_PS) {
			*level = at;
			return slot;
		}
		table = npt_next(entry);
	}
}

u64 *svmrt_npt_build(struct svmrt_vm *vm, u64 gpa, unsigned int level)
{
	unsigned int at;
	u64 *slot;

	for (;;) {
		struct page *page;

		slot = svmrt_npt_find(vm, gpa, level, &at);
		if (at == level || *slot & NPT_P)
			return slot;
		page = svmrt_page_alloc(vm->user);
		if (IS_ERR(page))
			return ERR_CAST(page);
		/* The zeroed table must be visible before the entry that leads to it. */
		smp_store_release(slot, npt_entry(page, NPT_TABLE));
	}
}

int svmrt_npt_split(struct svmrt_vm *vm, u64 *slot)
{
	struct page *page = svmrt_page_alloc(vm->user);
	u64 entry = *slot, *table;
	unsigned int i;

	if (IS_ERR(page))
		return PTR_ERR(page);
	table = page_address(page);
	for (i = 0; i < 512; i++)
		table[i] = (entry & ~NPT_PS) + i * PAGE_SIZE;
	smp_store_release(slot, npt_entry(page, NPT_TABLE));
	return 0;
}

void *svmrt_npt_peek(struct svmrt_vm *vm, u64 gpa, bool write)
{
	unsigned int level;
	u64 entry;

	if (gpa >> SVMRT_GPA_BITS)
		return NULL;
	entry = READ_ONCE(*svmrt_npt_find(vm, gpa, 1, &level));
	/* A 2 MiB leaf that a split has just replaced: the next look finds the table. */
	if (!(entry & NPT_P) || (write && !(entry & NPT_RW)) || (level > 1 && !(entry & NPT_PS)))
		return NULL;
	return page_address(npt_page(entry)) + (gpa & (npt_span(level) - 1));
}

void svmrt_npt_read_begin(struct svmrt_vcpu *vcpu)
{
	local_irq_disable();
	WRITE_ONCE(vcpu->cpu, smp_processor_id());
	smp_mb(); /* cpu before any look at an entry; pairs with svmrt_npt_flush() */
}

void svmrt_npt_read_end(struct svmrt_vcpu *vcpu)
{
	smp_store_release(&vcpu->cpu, -1);
	local_irq_enable();
}

void svmrt_npt_flush(struct svmrt_vm *vm)
{
	unsigned int i;

	WRITE_ONCE(vm->npt_generation, vm->npt_generation + 1);
	cpumask_clear(&vm->flush_cpus);
	smp_mb(); /* entry and generation before the look at cpu; pairs with run.c:slice() */
	for (i = 0; i < SVMRT_MAX_VCPUS; i++) {
		struct svmrt_vcpu *vcpu = vm->vcpus[i];
		int cpu = vcpu ? READ_ONCE(vcpu->cpu) : -1;

		if (cpu >= 0)
			cpumask_set_cpu(cpu, &vm->flush_cpus);
	}
	/* An IPI is taken after #VMEXIT with interrupts on: that vCPU plans its TLB again. */
	preempt_disable();
	smp_call_function_many(&vm->flush_cpus, svmrt_nop, NULL, true);
	preempt_enable();
}
