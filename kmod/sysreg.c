// SPDX-License-Identifier: GPL-2.0-only
#include "sysreg.h"

#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u
#define XCR0_AVX512 0xe0u
#define PAT_TYPES ((1u << 0) | (1u << 1) | (1u << 4) | (1u << 5) | (1u << 6) | (1u << 7))

_Bool svmrt_efer_write(__u64 *efer, __u64 value, __u64 allowed, _Bool paging)
{
	const __u64 own = SVMRT_EFER_SVME | SVMRT_EFER_LMA;

	if (value & ~(allowed | SVMRT_EFER_LMA) || value & SVMRT_EFER_SVME)
		return 0;
	if (paging && (value ^ *efer) & SVMRT_EFER_LME)
		return 0;
	*efer = (*efer & own) | (value & ~own);
	return 1;
}

_Bool svmrt_pat_good(__u64 pat)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if ((pat >> i & 0xff) > 7 || !(PAT_TYPES >> (pat >> i & 7) & 1))
			return 0;
	return 1;
}

_Bool svmrt_xcr0_good(__u64 xcr0, __u64 allowed)
{
	if (!(xcr0 & XCR0_X87) || xcr0 & ~allowed)
		return 0;
	if (xcr0 & XCR0_AVX && !(xcr0 & XCR0_SSE))
		return 0;
	return !(xcr0 & XCR0_AVX512) ||
	       (xcr0 & XCR0_AVX && (xcr0 & XCR0_AVX512) == XCR0_AVX512);
}
