// SPDX-License-Identifier: GPL-2.0-only
/* May we run guests here? See detect.h. */
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif
#include "detect.h"

#define ECX_SVM		(1u << 2)
#define EDX_NPT		(1u << 0)
#define SEV_EAX_SEV	(1u << 1)
#define VM_CR_SVMDIS	(1ULL << 4)
#define SYSCFG_MEM_ENCRYPT (1ULL << 23)
#define CR4_FRED	(1ULL << 32)

/* Encrypted guests are possible: then their ASIDs are theirs, and reuse takes more than a flush. */
static _Bool sev_in_use(const struct svmrt_cpu_facts *f)
{
	return f->sev_eax & SEV_EAX_SEV && f->syscfg & SYSCFG_MEM_ENCRYPT;
}

const char *svmrt_detect(const struct svmrt_cpu_facts *f)
{
	if (!f->amd)
		return "this is not an AMD or Hygon processor";
	if (f->max_extended < 0x8000000a || !(f->ext1_ecx & ECX_SVM))
		return "the processor does not report SVM (CPUID 8000_0001 ECX[2])";
	if (f->sev_guest)
		return "this is an SEV guest, which cannot run guests";
	if (f->vm_cr & VM_CR_SVMDIS)
		return "SVM is disabled by the firmware (VM_CR.SVMDIS): enable it in the setup";
	if (f->svm_ebx < 2)
		return "the processor has no ASID for guests (CPUID 8000_000A EBX)";
	if (!(f->svm_edx & EDX_NPT))
		return "the processor has no nested paging (CPUID 8000_000A EDX[0])";
	/* D6: such an ASID is free again only after WBINVD and DF_FLUSH, which are the PSP driver's. */
	if (sev_in_use(f) && f->sev_ecx >= f->svm_ebx - 1)
		return "every ASID is reserved for encrypted guests (CPUID 8000_001F ECX): set aside fewer for SEV in the firmware's setup, or turn SEV off";
	/* C2: a machine check is handed over with INT $18, which is no event for a FRED kernel. */
	if (f->cr4 & CR4_FRED)
		return "the kernel takes its events by FRED, through which this module cannot hand over a machine check: boot with fred=off";
	return NULL;
}

const char *svmrt_detect_differs(const struct svmrt_cpu_facts *boot,
				 const struct svmrt_cpu_facts *other)
{
	if (boot->svm_edx & ~other->svm_edx)
		return "it lacks SVM features of the boot CPU (CPUID 8000_000A EDX)";
	if (other->svm_ebx < boot->svm_ebx)
		return "it has fewer ASIDs than the boot CPU (CPUID 8000_000A EBX)";
	if ((boot->cr4 ^ other->cr4) & (1ULL << 12))
		return "its paging has another depth than the boot CPU's (CR4.LA57)";
	return NULL;
}

void svmrt_detect_asids(const struct svmrt_cpu_facts *f, __u32 *first, __u32 *last)
{
	*last = f->svm_ebx - 1;		/* 0 is the host's */
	*first = f->sev_ecx < *last ? f->sev_ecx + 1 : 1;
}
