// SPDX-License-Identifier: GPL-2.0-only
/* ASIDs per CPU, by generation; see asid.h. */
#include "asid.h"

void svmrt_asid_reset(struct svmrt_asid_cpu *cpu, __u32 first, __u32 last, _Bool flush_by_asid)
{
	cpu->generation++;
	cpu->first = first;
	cpu->last = last;
	cpu->next = last + 1;	/* the first ASID opens a generation, and so flushes */
	cpu->flush_by_asid = flush_by_asid;
}

static struct svmrt_asid_plan fresh(struct svmrt_asid_cpu *cpu, struct svmrt_asid_vcpu *vcpu)
{
	struct svmrt_asid_plan plan = { .tlb_control = SVMRT_TLB_KEEP };

	if (cpu->next > cpu->last) {
		cpu->generation++;
		cpu->next = cpu->first;
		plan.tlb_control = SVMRT_TLB_FLUSH_ALL;
	}
	plan.asid = vcpu->asid = cpu->next++;
	vcpu->cpu = cpu;
	vcpu->generation = cpu->generation;
	return plan;
}

/*
 * other CPU or | nested page | flush by |
 * old ASID     | table moved | ASID     | ASID  flush           clean bits
 * yes          | -           | -        | new   all if it wraps  no
 * no           | yes         | yes      | same  this ASID        yes (no clean bit is of the TLB)
 * no           | yes         | no       | new   all if it wraps  no
 * no           | no          | -        | same  none             yes
 */
struct svmrt_asid_plan svmrt_asid_enter(struct svmrt_asid_cpu *cpu, struct svmrt_asid_vcpu *vcpu,
					__u64 npt_generation)
{
	_Bool moved = vcpu->npt_generation != npt_generation;

	vcpu->npt_generation = npt_generation;
	if (vcpu->cpu != cpu || vcpu->generation != cpu->generation ||
	    (moved && !cpu->flush_by_asid))
		return fresh(cpu, vcpu);
	return (struct svmrt_asid_plan) {
		.asid = vcpu->asid,
		.tlb_control = moved ? SVMRT_TLB_FLUSH_ASID : SVMRT_TLB_KEEP,
		.clean = 1,
	};
}
