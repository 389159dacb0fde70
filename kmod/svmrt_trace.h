/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of svmrt.ko, in /sys/kernel/tracing/events/svmrt. Off, each is a jump over nothing that
 * the kernel patches in when somebody turns it on.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM svmrt

#if !defined(SVMRT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SVMRT_TRACE_H

#include <linux/tracepoint.h>
#include "svmrt_priv.h"

/* Right before VMRUN. */
TRACE_EVENT(svmrt_entry,
	TP_PROTO(const struct svmrt_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(u32, vcpu)
		__field(u32, asid)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->index;
		__entry->asid = vmcb_get_GUEST_ASID(vcpu->vmcb);
		__entry->rip = vmcb_get_RIP(vcpu->vmcb);
	),
	TP_printk("vm=%llu vcpu=%u rip=%#llx asid=%u", __entry->vm, __entry->vcpu, __entry->rip,
		  __entry->asid)
);

/* Right after #VMEXIT, whatever its cause; `code` is EXITCODE. */
TRACE_EVENT(svmrt_exit,
	TP_PROTO(const struct svmrt_vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(u32, vcpu)
		__field(u64, code)
		__field(u64, rip)
		__field(u64, info1)
		__field(u64, info2)
		__field(u64, intinfo)
	),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->index;
		__entry->code = vmcb_get_EXITCODE(vcpu->vmcb);
		__entry->rip = vmcb_get_RIP(vcpu->vmcb);
		__entry->info1 = vmcb_get_EXITINFO1(vcpu->vmcb);
		__entry->info2 = vmcb_get_EXITINFO2(vcpu->vmcb);
		__entry->intinfo = vmcb_get_EXITINTINFO(vcpu->vmcb);
	),
	TP_printk("vm=%llu vcpu=%u code=%#llx rip=%#llx info1=%#llx info2=%#llx intinfo=%#llx",
		  __entry->vm, __entry->vcpu, __entry->code, __entry->rip, __entry->info1,
		  __entry->info2, __entry->intinfo)
);

/* RUN returns to user space: why (enum svmrt_run_reason), and the exit that is to be finished there. */
TRACE_EVENT(svmrt_user_exit,
	TP_PROTO(const struct svmrt_vcpu *vcpu, u32 reason),
	TP_ARGS(vcpu, reason),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u64, code)
		__field(u64, info1)
		__field(u64, info2)
	),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->index;
		__entry->reason = reason;
		__entry->code = vmcb_get_EXITCODE(vcpu->vmcb);
		__entry->info1 = vmcb_get_EXITINFO1(vcpu->vmcb);
		__entry->info2 = vmcb_get_EXITINFO2(vcpu->vmcb);
	),
	TP_printk("vm=%llu vcpu=%u reason=%u code=%#llx info1=%#llx info2=%#llx", __entry->vm,
		  __entry->vcpu, __entry->reason, __entry->code, __entry->info1, __entry->info2)
);

/* An event is put into EVENTINJ. */
TRACE_EVENT(svmrt_injection,
	TP_PROTO(const struct svmrt_vcpu *vcpu, u64 event),
	TP_ARGS(vcpu, event),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(u32, vcpu)
		__field(u64, event)
	),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->index;
		__entry->event = event;
	),
	TP_printk("vm=%llu vcpu=%u type=%llu vector=%llu error=%#llx", __entry->vm, __entry->vcpu,
		  __entry->event >> 8 & 7, __entry->event & 0xff, __entry->event >> 32)
);

/* A nested page fault, and what came of it: 0, or an errno (-2: no memory there, an exit). */
TRACE_EVENT(svmrt_fault,
	TP_PROTO(const struct svmrt_vcpu *vcpu, int err),
	TP_ARGS(vcpu, err),
	TP_STRUCT__entry(
		__field(u64, vm)
		__field(u32, vcpu)
		__field(int, err)
		__field(u64, gpa)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->vm = vcpu->vm->id;
		__entry->vcpu = vcpu->index;
		__entry->err = err;
		__entry->gpa = vcpu->populate_gpa;
		__entry->write = vcpu->populate_write;
	),
	TP_printk("vm=%llu vcpu=%u gpa=%#llx %s: %d", __entry->vm, __entry->vcpu, __entry->gpa,
		  __entry->write ? "write" : "read", __entry->err)
);

/* The first VM took, or the last gave back, SVM on all online CPUs. */
TRACE_EVENT(svmrt_claim,
	TP_PROTO(bool claim, int err),
	TP_ARGS(claim, err),
	TP_STRUCT__entry(
		__field(bool, claim)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->claim = claim;
		__entry->err = err;
	),
	TP_printk("%s: %d", __entry->claim ? "claim" : "release", __entry->err)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE svmrt_trace
#include <trace/define_trace.h>
