// SPDX-License-Identifier: GPL-2.0-only
/*
 * The compiled tables of a VM: CPUID rows, MSR rows, MSR permission map, and with rules.c the exit
 * rules. Checked once when they are set, then only read.
 */
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <asm/processor.h>
#include "policy.h"

#define MAX_CPUID_ROWS 65536u
#define MAX_MSR_ROWS 65536u
#define MSRPM_BYTES 8192u

/*
 * MSRs that VMLOAD and VMSAVE switch: the only ones that a guest may touch without an exit (B3). So
 * SPEC_CTRL and PRED_CMD exit, and the guest runs with the host's SPEC_CTRL (B8), and so do the MTRRs,
 * which nobody virtualizes (B12).
 */
static const struct { u32 first, last; } switched_msrs[] = {
	{ 0x174, 0x176 },		/* SYSENTER_CS, _ESP, _EIP */
	{ 0xc0000081, 0xc0000084 },	/* STAR, LSTAR, CSTAR, SFMASK */
	{ 0xc0000100, 0xc0000102 },	/* FS.base, GS.base, KERNEL_GS_BASE */
};

void *svmrt_dup_user(u64 from, u32 count, size_t row_bytes)
{
	void *rows = kvmalloc_array(count, row_bytes, SVMRT_GFP);

	if (!rows)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(rows, u64_to_user_ptr(from), count * row_bytes)) {
		kvfree(rows);
		return ERR_PTR(-EFAULT);
	}
	return rows;
}

/* ---- CPUID ---- */

static int compare_cpuid(const void *a, const void *b)
{
	const struct svmrt_cpuid_row *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	/* Rows for one subleaf come before the row for all others. */
	if (x->flags != y->flags)
		return x->flags ? -1 : 1;
	return x->subleaf < y->subleaf ? -1 : x->subleaf > y->subleaf;
}

/* Leaves come in runs from 0, 4000_0000 and 8000_0000: low bits tell them apart best. */
static u32 hash_leaf(const struct svmrt_vm *vm, u32 leaf)
{
	return (leaf + (leaf >> 27)) & vm->cpuid_hash_mask;
}

/* At most half full, so that probing ends soon. */
static int hash_cpuid(struct svmrt_vm *vm)
{
	u32 size = roundup_pow_of_two(vm->cpuid_count * 2), i, slot;

	vm->cpuid_hash = kvcalloc(size, sizeof(*vm->cpuid_hash), SVMRT_GFP);
	if (!vm->cpuid_hash)
		return -ENOMEM;
	vm->cpuid_hash_mask = size - 1;
	for (i = 0; i < vm->cpuid_count; i++) {
		cond_resched();		/* hostile leaves collide: 2^31 probes in all */
		if (i && vm->cpuid[i].leaf == vm->cpuid[i - 1].leaf)
			continue;
		slot = hash_leaf(vm, vm->cpuid[i].leaf);
		while (vm->cpuid_hash[slot])
			slot = (slot + 1) & vm->cpuid_hash_mask;
		vm->cpuid_hash[slot] = i + 1;
	}
	return 0;
}

static int set_cpuid(struct svmrt_vm *vm, struct svmrt_policy *arg)
{
	struct svmrt_cpuid_row *rows;
	u32 i, r;

	if (!arg->cpuid_count)
		return 0;
	rows = svmrt_dup_user(arg->cpuid, arg->cpuid_count, sizeof(*rows));
	if (IS_ERR(rows))
		return PTR_ERR(rows);
	vm->cpuid = rows;
	vm->cpuid_count = arg->cpuid_count;
	for (i = 0; i < arg->cpuid_count; i++) {
		u32 host[4] = { 0 };

		if (rows[i].flags & ~SVMRT_CPUID_SUBLEAF || rows[i].live & ~SVMRT_CPUID_LIVE) {
			svmrt_err(arg, "CPUID row %u: unknown flags", i);
			return -EINVAL;
		}
		if (rows[i].keep[0] | rows[i].keep[1] | rows[i].keep[2] | rows[i].keep[3])
			cpuid_count(rows[i].leaf, rows[i].subleaf, &host[0], &host[1], &host[2],
				    &host[3]);
		for (r = 0; r < 4; r++)
			rows[i].set[r] |= host[r] & rows[i].keep[r];
	}
	sort(rows, arg->cpuid_count, sizeof(*rows), compare_cpuid, NULL);
	return hash_cpuid(vm);
}

const struct svmrt_cpuid_row *svmrt_cpuid_find(const struct svmrt_vm *vm, u32 leaf, u32 subleaf)
{
	u32 slot, at;

	if (!vm->cpuid_count)
		return NULL;
	for (slot = hash_leaf(vm, leaf);; slot = (slot + 1) & vm->cpuid_hash_mask) {
		at = vm->cpuid_hash[slot];
		if (!at)
			return NULL;
		if (vm->cpuid[--at].leaf == leaf)
			break;
	}
	/* The rows of one leaf: subleaves first, the general row last. */
	for (; at < vm->cpuid_count && vm->cpuid[at].leaf == leaf; at++) {
		const struct svmrt_cpuid_row *row = &vm->cpuid[at];

		if (!(row->flags & SVMRT_CPUID_SUBLEAF) || row->subleaf == subleaf)
			return row;
	}
	return NULL;
}

/* ---- MSRs ---- */

static bool msr_row_good(const struct svmrt_msr_row *row)
{
	const bool one = row->first == row->last, state = one && svmrt_msr_has_state(row->first);

	if (row->read != SVMRT_MSR_GP && row->read != SVMRT_MSR_VALUE &&
	    !(row->read == SVMRT_MSR_STATE && state))
		return false;
	return row->write == SVMRT_MSR_GP || row->write == SVMRT_MSR_IGNORE ||
	       (row->write == SVMRT_MSR_STORE && one) || (row->write == SVMRT_MSR_STATE && state);
}

static int set_msrs(struct svmrt_vm *vm, struct svmrt_policy *arg)
{
	struct svmrt_msr_row *rows;
	u32 i;

	if (!arg->msr_count)
		return 0;
	rows = svmrt_dup_user(arg->msrs, arg->msr_count, sizeof(*rows));
	if (IS_ERR(rows))
		return PTR_ERR(rows);
	vm->msrs = rows;
	vm->msr_count = arg->msr_count;
	for (i = 0; i < arg->msr_count; i++) {
		const struct svmrt_msr_row *row = &rows[i];

		if (row->last < row->first || (i && row->first <= rows[i - 1].last) ||
		    !msr_row_good(row) ||
		    row->reserved0 || row->reserved1) {
			svmrt_err(arg, "MSR row %u (%#x-%#x): rows must ascend, not overlap, and use known accesses",
				  i, row->first, row->last);
			return -EINVAL;
		}
	}
	return 0;
}

const struct svmrt_msr_row *svmrt_msr_find(const struct svmrt_vm *vm, u32 index)
{
	u32 low = 0, high = vm->msr_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct svmrt_msr_row *row = &vm->msrs[middle];

		if (index < row->first)
			high = middle;
		else if (index > row->last)
			low = middle + 1;
		else
			return row;
	}
	return NULL;
}

/* MSR number of bit pair `pair` of the map (APM volume 2, 15.11), or false for the reserved part. */
static bool msrpm_msr(u32 pair, u32 *msr)
{
	static const u32 base[3] = { 0, 0xc0000000, 0xc0010000 };

	if (pair >= 3 * 8192)
		return false;
	*msr = base[pair / 8192] + pair % 8192;
	return true;
}

static bool msr_is_switched(u32 msr)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(switched_msrs); i++)
		if (msr >= switched_msrs[i].first && msr <= switched_msrs[i].last)
			return true;
	return false;
}

static int set_msrpm(struct svmrt_vm *vm, struct svmrt_policy *arg)
{
	u8 *map;
	u32 pair;

	vm->msrpm = alloc_pages(SVMRT_GFP, 1);
	if (!vm->msrpm)
		return -ENOMEM;
	map = page_address(vm->msrpm);
	memset(map, 0xff, MSRPM_BYTES);
	if (!arg->msrpm)
		return 0;
	if (copy_from_user(map, u64_to_user_ptr(arg->msrpm), MSRPM_BYTES))
		return -EFAULT;
	for (pair = 0; pair < MSRPM_BYTES * 4; pair++) {
		u32 msr = 0;

		if (map[pair / 4] == 0xff) {
			pair |= 3;
			continue;
		}
		if ((map[pair / 4] >> (pair % 4 * 2) & 3) == 3)
			continue;
		if (!msrpm_msr(pair, &msr) || !msr_is_switched(msr)) {
			svmrt_err(arg, "MSR %#x may not bypass the module: its MSRPM bits must be set",
				  msr);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- All of it ---- */

/* The tables are the user's memory as much as guest pages are: in whole pages, with the hash. */
static unsigned long policy_pages(const struct svmrt_policy *arg)
{
	u64 bytes = MSRPM_BYTES + arg->msr_count * sizeof(struct svmrt_msr_row) +
		    arg->cpuid_count * (sizeof(struct svmrt_cpuid_row) + 4 * sizeof(u32)) +
		    arg->rule_count * (sizeof(struct svmrt_policy_slot) +
				       SVMRT_FINE_TABLES * sizeof(struct svmrt_fine_row));

	return DIV_ROUND_UP(bytes, PAGE_SIZE);
}

void svmrt_policy_free(struct svmrt_vm *vm)
{
	svmrt_uncharge(vm->user, vm->policy_pages);
	vm->policy_pages = 0;
	svmrt_rules_free(vm);
	kvfree(vm->cpuid);
	kvfree(vm->cpuid_hash);
	kvfree(vm->msrs);
	if (vm->msrpm)
		__free_pages(vm->msrpm, 1);
	vm->cpuid = NULL;
	vm->cpuid_hash = NULL;
	vm->msrs = NULL;
	vm->msrpm = NULL;
	vm->cpuid_count = vm->msr_count = 0;
}

int svmrt_policy_set(struct svmrt_vm *vm, struct svmrt_policy *arg)
{
	int err;

	if (arg->rule_count > SVMRT_MAX_RULES || arg->cpuid_count > MAX_CPUID_ROWS ||
	    arg->msr_count > MAX_MSR_ROWS || arg->reserved) {
		svmrt_err(arg, "more than %u exit rules, %u CPUID rows or %u MSR rows", SVMRT_MAX_RULES,
			  MAX_CPUID_ROWS, MAX_MSR_ROWS);
		return -EINVAL;
	}
	mutex_lock(&vm->lock);
	if (vm->policy_set) {
		svmrt_err(arg, "the policy of a VM is set once");
		err = -EEXIST;
		goto out;
	}
	err = svmrt_charge(vm->user, policy_pages(arg));
	if (err) {
		svmrt_err(arg, "the tables need %lu pages, more than this user may have",
			  policy_pages(arg));
		goto out;
	}
	vm->policy_pages = policy_pages(arg);
	err = svmrt_rules_set(vm, arg);
	if (!err)
		err = set_cpuid(vm, arg);
	if (!err)
		err = set_msrs(vm, arg);
	if (!err)
		err = set_msrpm(vm, arg);
	if (err)
		svmrt_policy_free(vm);
	else
		vm->policy_set = true;
out:
	mutex_unlock(&vm->lock);
	return err;
}
