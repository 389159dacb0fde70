// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking translations and rights away (D3): entries change first, then no vCPU can use what it knew
 * of them, and only then pages are free. A zap that needs to split a 2 MiB leaf does so before it
 * changes anything, so that it either fails and nothing happened, or succeeds.
 */
#include "npt.h"

/* If a 2 MiB leaf lies across gpa: split it. *changed: a flush is due. */
static int split_at(struct svmrt_vm *vm, u64 gpa, bool *changed)
{
	unsigned int level;
	u64 *slot;
	int err;

	if (!(gpa & (SVMRT_HUGE_BYTES - 1)) || gpa >> SVMRT_GPA_BITS)
		return 0;
	slot = svmrt_npt_find(vm, gpa, 2, &level);
	if (level != 2 || !(*slot & NPT_PS))
		return 0;
	err = svmrt_npt_split(vm, slot);
	*changed |= !err;
	return err;
}

static void clear_leaf(u64 *slot, unsigned int pages, struct list_head *dead)
{
	struct page *page = npt_page(*slot);
	bool owned = *slot & NPT_OWNED;
	unsigned int i;

	WRITE_ONCE(*slot, 0);
	for (i = 0; owned && i < pages; i++)
		list_add(&page[i].lru, dead);
}

/* The part from gpa to end of one table of 4 KiB leaves; with all of it the table goes, too. */
static bool clear_table(u64 *slot, u64 gpa, u64 end, struct list_head *dead)
{
	u64 *table = npt_next(*slot);
	bool whole = end - gpa == SVMRT_HUGE_BYTES, changed = whole;

	for (; gpa < end; gpa += PAGE_SIZE) {
		u64 *leaf = &table[npt_index(gpa, 1)];

		if (*leaf & NPT_P) {
			clear_leaf(leaf, 1, dead);
			changed = true;
		}
	}
	if (whole) {
		WRITE_ONCE(*slot, 0);
		list_add(&virt_to_page(table)->lru, dead);
	}
	return changed;
}

int svmrt_npt_zap(struct svmrt_vm *vm, u64 gpa, u64 bytes)
{
	u64 end = gpa + bytes, next;
	struct page *page, *after;
	bool changed = false;
	LIST_HEAD(dead);
	int err;

	err = split_at(vm, gpa, &changed);
	if (!err)
		err = split_at(vm, end, &changed);
	for (; !err && gpa < end; gpa = next) {
		unsigned int level;
		u64 *slot = svmrt_npt_find(vm, gpa, 2, &level);

		next = min(end, (gpa | (npt_span(level) - 1)) + 1);
		if (!(*slot & NPT_P))
			continue;
		if (*slot & NPT_PS) {
			clear_leaf(slot, SVMRT_HUGE_PAGES, &dead);
			changed = true;
		} else {
			changed |= clear_table(slot, gpa, next, &dead);
		}
		cond_resched();
	}
	if (changed)
		svmrt_npt_flush(vm);
	list_for_each_entry_safe(page, after, &dead, lru) {
		list_del(&page->lru);
		svmrt_page_free(vm->user, page);
	}
	return err;
}

bool svmrt_npt_protect(struct svmrt_vm *vm, u64 gpa, u64 bytes)
{
	u64 end = gpa + bytes, next;
	bool changed = false;

	for (; gpa < end; gpa = next) {
		unsigned int level;
		u64 *slot = svmrt_npt_find(vm, gpa, 1, &level);

		next = min(end, (gpa | (npt_span(level) - 1)) + 1);
		if ((*slot & (NPT_P | NPT_RW)) == (NPT_P | NPT_RW)) {
			WRITE_ONCE(*slot, *slot & ~NPT_RW);
			changed = true;
		}
		if (!npt_index(next, 1))
			cond_resched();
	}
	return changed;
}

void svmrt_npt_count(struct svmrt_vm *vm, u64 gpa, u64 bytes, u64 *small, u64 *huge, u64 *owned)
{
	u64 end = gpa + bytes, next;

	*small = *huge = *owned = 0;
	for (; gpa < end; gpa = next) {
		unsigned int level;
		u64 *slot = svmrt_npt_find(vm, gpa, 1, &level);

		next = min(end, (gpa | (npt_span(level) - 1)) + 1);
		if (*slot & NPT_P) {
			*(level > 1 ? huge : small) += 1;
			if (*slot & NPT_OWNED)
				*owned += level > 1 ? SVMRT_HUGE_PAGES : 1;
		}
		if (!npt_index(next, 1))
			cond_resched();
	}
}
