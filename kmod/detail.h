/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exits by port, MSR and page: what the counters by exit code do not tell. A small hash table per
 * vCPU of bounded cost, whatever a guest does: what finds no place is counted in `others`. Pure;
 * tests/unit/test_detail.c builds it in user space.
 */
#ifndef SVMRT_DETAIL_H
#define SVMRT_DETAIL_H

#include <linux/types.h>
#include <svmkit/svmrt.h>

#define SVMRT_DETAIL_PROBES 4

struct svmrt_detail {
	struct svmrt_detail_row rows[SVMRT_DETAIL_ROWS];
	__u64 others[SVMRT_DETAIL_KINDS];
};

static inline __u32 svmrt_detail_hash(__u32 kind, __u64 key)
{
	return (__u32)(((key + kind) * 0x9e3779b97f4a7c15ULL) >> 40) % SVMRT_DETAIL_ROWS;
}

/*
 * Only the vCPU's own thread counts; others may read meanwhile: a row that has a count has its key.
 * `kind`: enum svmrt_detail_kind.
 */
static inline void svmrt_detail_count(struct svmrt_detail *detail, __u32 kind, __u64 key)
{
	__u32 at = svmrt_detail_hash(kind, key), i;

	for (i = 0; i < SVMRT_DETAIL_PROBES; i++) {
		struct svmrt_detail_row *row = &detail->rows[(at + i) % SVMRT_DETAIL_ROWS];

		if (row->count && row->key == key && row->kind == kind) {
			row->count++;
			return;
		}
		if (!row->count) {
			row->key = key;
			row->kind = kind;
			__asm__ volatile("" : : : "memory");	/* x86 keeps the order of stores */
			row->count = 1;
			return;
		}
	}
	detail->others[kind]++;
}

#endif
