/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May this module run guests on this processor, with this host on it (A1)? Pure: host.c reads the
 * facts on each CPU, tests/unit/test_detect.c makes them up, and both ask the same functions.
 */
#ifndef SVMRT_DETECT_H
#define SVMRT_DETECT_H

#include <linux/types.h>

/* What one CPU says about itself. CPUID words are 0 where the leaf does not exist. */
struct svmrt_cpu_facts {
	_Bool amd;		/* the vendor is AMD or Hygon */
	_Bool sev_guest;	/* the kernel runs in encrypted memory of a hypervisor's */
	__u32 max_extended;	/* CPUID 8000_0000 EAX */
	__u32 ext1_ecx;		/* CPUID 8000_0001 ECX */
	__u32 svm_ebx, svm_edx;	/* CPUID 8000_000A: ASIDs, features */
	__u32 sev_eax, sev_ecx;	/* CPUID 8000_001F: features, ASIDs of encrypted guests */
	__u64 vm_cr;		/* MSR C001_0114 */
	__u64 syscfg;		/* MSR C001_0010 */
	__u64 cr4;
};

/* NULL, or why not, with the remedy where there is one. */
const char *svmrt_detect(const struct svmrt_cpu_facts *facts);

/* NULL, or what a CPU lacks that the boot CPU has: a vCPU runs now here, now there. */
const char *svmrt_detect_differs(const struct svmrt_cpu_facts *boot,
				 const struct svmrt_cpu_facts *other);

/* The ASIDs that our guests may get (D6); there is one at least where svmrt_detect() found no fault. */
void svmrt_detect_asids(const struct svmrt_cpu_facts *facts, __u32 *first, __u32 *last);

#endif
