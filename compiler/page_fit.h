/* SPDX-License-Identifier: MIT */
/* Which profile a VMSA page from elsewhere comes nearest to. */
#ifndef SVMC_PAGE_FIT_H
#define SVMC_PAGE_FIT_H

#include <stdbool.h>
#include <stdint.h>

struct page_fit {
	char profile[64];
	bool is_first;			/* as the first vCPU has it; else as the others do */
	unsigned int differing;		/* fields that differ from the profile's */
};

/*
 * Compare the page with every profile of this kind of guest. What a profile takes from the spec or
 * the firmware (start address, CPUID signature) is taken from the page itself. 0, or -1: no memory.
 */
int page_fit_find(uint32_t kind, const uint8_t page[4096], struct page_fit *out);

/* Fields of two pages that differ; bytes that belong to no field count as one. */
unsigned int page_fit_differing(const uint8_t a[4096], const uint8_t b[4096]);

#endif
