/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which ASID a vCPU enters with, and what is flushed (B16, B17; APM volume 2, 15.15.2 and 15.16).
 * Emulators do not show a mistake here, so this is a pure model: tests/unit/test_asid.c builds it in
 * user space and walks its state space against a model of a TLB.
 */
#ifndef SVMRT_ASID_H
#define SVMRT_ASID_H

#include <linux/types.h>

/* TLB_CONTROL encodings, APM volume 2 table 15-9. */
enum { SVMRT_TLB_KEEP = 0, SVMRT_TLB_FLUSH_ALL = 1, SVMRT_TLB_FLUSH_ASID = 3 };

/* One physical CPU. An ASID is given out once per generation; a new generation flushes all. */
struct svmrt_asid_cpu {
	__u64 generation;	/* from 1; unique per CPU and claim */
	__u32 next;
	__u32 first, last;	/* the range that guests may use; SEV's ASIDs are not in it (D6) */
	_Bool flush_by_asid;	/* CPUID 8000_000A EDX[6] */
};

struct svmrt_asid_vcpu {
	const struct svmrt_asid_cpu *cpu;	/* where it ran last, or NULL */
	__u64 generation;			/* of that CPU, when the ASID was given */
	__u64 npt_generation;			/* nested page table that its translations are of */
	__u32 asid;
};

struct svmrt_asid_plan {
	__u32 asid;
	__u8 tlb_control;
	_Bool clean;		/* the VMCB's clean bits may be believed */
};

/* At every claim of a CPU: whoever had SVM before left translations behind. */
void svmrt_asid_reset(struct svmrt_asid_cpu *cpu, __u32 first, __u32 last, _Bool flush_by_asid);

/* Right before VMRUN on `cpu`, whose nested page table is at npt_generation. */
struct svmrt_asid_plan svmrt_asid_enter(struct svmrt_asid_cpu *cpu, struct svmrt_asid_vcpu *vcpu,
					__u64 npt_generation);

#endif
