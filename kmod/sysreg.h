/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a processor lets software write into EFER, PAT and XCR0. Pure: tests/unit/test_sysreg.c builds
 * it in user space.
 */
#ifndef SVMRT_SYSREG_H
#define SVMRT_SYSREG_H

#include <linux/types.h>

#define SVMRT_EFER_SCE (1ULL << 0)
#define SVMRT_EFER_LME (1ULL << 8)
#define SVMRT_EFER_LMA (1ULL << 10)
#define SVMRT_EFER_NXE (1ULL << 11)
#define SVMRT_EFER_SVME (1ULL << 12)
#define SVMRT_EFER_FFXSR (1ULL << 14)

/*
 * The guest writes `value` while `*efer` is in its VMCB; `allowed` are the bits that this host's VMRUN
 * takes. False: #GP. SVME is not the guest's to see or change, LMA is the processor's.
 */
_Bool svmrt_efer_write(__u64 *efer, __u64 value, __u64 allowed, _Bool paging);

/* APM volume 2, 7.8.2: every byte is one of the memory types. */
_Bool svmrt_pat_good(__u64 pat);

/* APM volume 2, 11.5.2: x87 always, AVX with SSE, AVX-512 whole and with AVX; nothing beside `allowed`. */
_Bool svmrt_xcr0_good(__u64 xcr0, __u64 allowed);

#endif
