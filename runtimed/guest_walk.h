/* SPDX-License-Identifier: MIT */
/*
 * From linear to guest physical addresses, by the page tables that a vCPU's CR0, CR3, CR4 and EFER
 * select (APM volume 2, chapter 5). For debuggers: nothing is marked accessed or dirty, and a page may
 * be read whatever its protection says.
 */
#ifndef SVMRUND_GUEST_WALK_H
#define SVMRUND_GUEST_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <svmkit/vmcb.h>

struct vm;

struct guest_page {
	uint64_t gpa;
	uint64_t page_bytes;	/* 0: paging is off */
	bool writable, user, executable;
};

/* False: `text` says at which level there is nothing. */
bool guest_walk(const struct vm *vm, const struct svmk_vmcb *vmcb, uint64_t linear,
		struct guest_page *page, char text[160]);

#endif
