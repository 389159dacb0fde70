/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCB that the hardware gets, built from a template's page by allow-list. Pure: also builds in
 * user space, where tests/unit/test_control.c tries every bit.
 */
#ifndef SVMRT_CONTROL_H
#define SVMRT_CONTROL_H

#include <linux/types.h>
#include <svmkit/vmcb.h>

/* What of the processor decides which control bits make sense. */
struct svmrt_host_features {
	__u32 svm_edx;		/* CPUID 8000_000A EDX */
	__u32 ext_ebx;		/* CPUID 8000_0008 EBX */
	_Bool invpcid;
	__u32 first_asid, last_asid;	/* the ASIDs that guests may get */
};

/* Host physical addresses, encryption bit included, that only the module knows. */
struct svmrt_control_addresses {
	__u64 iopm, msrpm, n_cr3;
};

/*
 * Build `out` from `in`: control bits on the allow-list are taken, forced intercepts and our own
 * addresses are set, any other bit that is not zero is refused with -EINVAL and a text in `error`
 * (error_bytes long) that names the field. Save area: every field that VMRUN or VMLOAD loads is
 * taken as it is, legal or not; all others must be zero.
 */
int svmrt_control_build(struct svmk_vmcb *out, const struct svmk_vmcb *in,
			const struct svmrt_host_features *features,
			const struct svmrt_control_addresses *addresses, char *error,
			unsigned long error_bytes);

/*
 * Take from `in`, by the same rules, what may change after creation: the save area, TSC_OFFSET, V_TPR
 * and the interrupt shadow. `scratch` is clobbered; on failure `vmcb` is as it was.
 */
int svmrt_control_import(struct svmk_vmcb *vmcb, const struct svmk_vmcb *in,
			 struct svmk_vmcb *scratch, char *error, unsigned long error_bytes);

/* Zero what a user must not learn: host physical addresses and the ASID. */
void svmrt_control_scrub(struct svmk_vmcb *vmcb);

#endif
