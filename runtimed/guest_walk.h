/* SPDX-License-Identifier: MIT */
/*
 * From linear to guest physical addresses, by the page tables that a vCPU's CR0, CR3, CR4 and EFER
 * select (APM volume 2, chapter 5). Nothing is marked accessed or dirty; what a page's protection
 * allows is the caller's to decide.
 */
#ifndef SVMRUND_GUEST_WALK_H
#define SVMRUND_GUEST_WALK_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

struct guest_paging {
	uint64_t cr0, cr3, cr4, efer;
};

struct guest_page {
	uint64_t gpa;
	uint64_t page_bytes;	/* 0: paging is off */
	bool writable, user, executable;
};

/* Where a walk that failed came to. */
struct guest_gap {
	unsigned int level;
	uint64_t entry_gpa;
	bool unreadable;	/* there is no memory for the entry; else it is not present, or: */
	bool reserved;		/* reserved bits are set in it */
};

/* False: *gap is filled. */
bool guest_walk(const struct vm *vm, const struct guest_paging *paging, uint64_t linear,
		struct guest_page *page, struct guest_gap *gap);

#endif
