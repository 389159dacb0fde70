// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest paging by hand (APM volume 2, 5.2-5.4), to fetch instruction bytes. Reads only pages that
 * the nested page table already shows, so it works with interrupts off; a page that is missing is
 * named, so that the caller can populate it and let the guest exit again. Access rights are not
 * checked: the guest has just executed from there.
 */
#include "mode.h"
#include "svmrt_priv.h"

#define CR0_PG BIT_ULL(31)
#define CR4_PSE BIT_ULL(4)
#define CR4_PAE BIT_ULL(5)
#define CR4_LA57 BIT_ULL(12)
#define EFER_LMA_BIT BIT_ULL(10)
#define PTE_P BIT_ULL(0)
#define PTE_PS BIT_ULL(7)
#define PTE_PA GENMASK_ULL(51, 12)

static bool read_entry(struct svmrt_vcpu *vcpu, u64 gpa, unsigned int bytes, u64 *entry,
		       u64 *missing_gpa)
{
	void *p = svmrt_npt_peek(vcpu->vm, gpa, false);

	if (!p) {
		*missing_gpa = gpa;
		return false;
	}
	/* Entries are naturally aligned, so one read never crosses the page. */
	*entry = bytes == 8 ? READ_ONCE(*(u64 *)p) : READ_ONCE(*(u32 *)p);
	return *entry & PTE_P;
}

static bool walk_32(struct svmrt_vcpu *vcpu, u64 linear, u64 *gpa, u64 *missing_gpa)
{
	u64 entry;

	linear &= 0xffffffff;
	if (!read_entry(vcpu, (vmcb_get_CR3(vcpu->vmcb) & 0xfffff000) + (linear >> 22) * 4, 4,
			&entry, missing_gpa))
		return false;
	if (entry & PTE_PS && vmcb_get_CR4(vcpu->vmcb) & CR4_PSE) {
		/* PSE-36: bits 20:13 of the entry are address bits 39:32. */
		*gpa = (entry & 0xffc00000) | (entry & 0x1fe000) << 19 | (linear & 0x3fffff);
		return true;
	}
	if (!read_entry(vcpu, (entry & 0xfffff000) + (linear >> 12 & 0x3ff) * 4, 4, &entry,
			missing_gpa))
		return false;
	*gpa = (entry & 0xfffff000) | (linear & 0xfff);
	return true;
}

static bool walk_64(struct svmrt_vcpu *vcpu, u64 linear, unsigned int levels, u64 *gpa,
		    u64 *missing_gpa)
{
	u64 table = vmcb_get_CR3(vcpu->vmcb) & PTE_PA;
	unsigned int level = levels;
	u64 entry;

	if (levels == 3) {
		table = vmcb_get_CR3(vcpu->vmcb) & 0xffffffe0;
		linear &= 0xffffffff;
	}
	for (;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		u64 index = linear >> shift & (levels == 3 && level == 3 ? 3 : 511);

		if (!read_entry(vcpu, table + index * 8, 8, &entry, missing_gpa))
			return false;
		if (level == 1 || (entry & PTE_PS && (level == 2 || (level == 3 && levels > 3)))) {
			u64 offset_mask = (1ULL << shift) - 1;

			*gpa = (entry & PTE_PA & ~offset_mask) | (linear & offset_mask);
			return true;
		}
		table = entry & PTE_PA;
	}
}

bool svmrt_guest_translate(struct svmrt_vcpu *vcpu, u64 linear, u64 *gpa, u64 *missing_gpa)
{
	u64 cr4 = vmcb_get_CR4(vcpu->vmcb);

	*missing_gpa = ~0ULL;
	if (!(vmcb_get_CR0(vcpu->vmcb) & CR0_PG)) {
		*gpa = linear & 0xffffffff;
		return true;
	}
	if (!(cr4 & CR4_PAE))
		return walk_32(vcpu, linear, gpa, missing_gpa);
	if (!(vmcb_get_EFER(vcpu->vmcb) & EFER_LMA_BIT))
		return walk_64(vcpu, linear, 3, gpa, missing_gpa);
	return walk_64(vcpu, linear, cr4 & CR4_LA57 ? 5 : 4, gpa, missing_gpa);
}

/* The page behind gpa through a cache of one; pages stay where they are unless the generation moves. */
static const u8 *fetch_page(struct svmrt_vcpu *vcpu, u64 gpa)
{
	u64 generation = READ_ONCE(vcpu->vm->npt_generation);
	const u8 *page;

	gpa &= PAGE_MASK;
	if (gpa == vcpu->fetch_gpa && generation == vcpu->fetch_generation)
		return vcpu->fetch_page;
	page = svmrt_npt_peek(vcpu->vm, gpa, false);
	if (page) {
		vcpu->fetch_gpa = gpa;
		vcpu->fetch_generation = generation;
		vcpu->fetch_page = page;
	}
	return page;
}

unsigned int svmrt_guest_fetch(struct svmrt_vcpu *vcpu, u8 insn[SVMRT_FETCH_BYTES],
			       u64 *missing_gpa)
{
	bool long64 = svmrt_vmcb_mode(vcpu->vmcb) == SVMRT_LONG64;
	u64 linear = vmcb_get_RIP(vcpu->vmcb) + (long64 ? 0 : vmcb_get_CS_BASE(vcpu->vmcb));
	unsigned int count = 0;

	*missing_gpa = ~0ULL;
	if (!long64)
		linear &= 0xffffffff;
	while (count < 15) {
		unsigned int in_page = PAGE_SIZE - offset_in_page(linear), step;
		const u8 *page;
		u64 gpa;

		if (!svmrt_guest_translate(vcpu, linear, &gpa, missing_gpa))
			break;
		page = fetch_page(vcpu, gpa);
		if (!page) {
			*missing_gpa = gpa;
			break;
		}
		if (!count && in_page >= 16) {
			const u64 *from = (const u64 *)(page + offset_in_page(gpa));

			((u64 *)insn)[0] = READ_ONCE(from[0]);
			((u64 *)insn)[1] = READ_ONCE(from[1]);
			return 15;
		}
		step = min(15 - count, in_page);
		memcpy(insn + count, page + offset_in_page(gpa), step);
		count += step;
		linear += step;
	}
	return count;
}
