// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an exit means: the host's own events first, then the compiled policy, by exit code. Runs with
 * interrupts off inside a slice; everything that may sleep is handed to run.c as a reason to leave.
 */
#include <asm/cpufeature.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/svm.h>
#include "debug.h"
#include "event.h"
#include "exit.h"
#include "insn.h"
#include "irq.h"
#include "mov.h"
#include "mode.h"
#include "policy.h"

#define CODE_CR4_WRITE 0x14
#define SLOT_DB 0x41
#define SLOT_BP 0x43
#define SLOT_OF 0x44
#define SLOT_PF 0x4e
#define SLOT_MC 0x52
#define SLOT_SHUTDOWN 0x7f
#define RFLAGS_TF BIT_ULL(8)
#define DR6_BS BIT_ULL(14)

u64 svmrt_exit_code(const struct svmk_vmcb *vmcb)
{
	u64 code = vmcb_get_EXITCODE(vmcb);

	return (u32)code >= 0xfffffffc ? code | 0xffffffff00000000ULL : code;
}

/* ---- Moving RIP ---- */

/*
 * Length of the instruction at CS:RIP, or 0. A loop exits at the same instruction again and again:
 * the last decoded one is remembered by all that its length depends on.
 */
static unsigned int insn_length(struct svmrt_vcpu *vcpu, u64 code, unsigned int bits,
				u64 *missing_gpa)
{
	union {
		u8 bytes[SVMRT_FETCH_BYTES];
		u64 first;
	} insn;
	unsigned int count = svmrt_guest_fetch(vcpu, insn.bytes, missing_gpa), length;

	if (count == 15 && insn.first == vcpu->length_bytes && code == vcpu->length_code &&
	    bits == vcpu->length_bits)
		return vcpu->length;
	length = svmrt_insn_length(insn.bytes, count, bits == 64 ? SVMRT_INSN_64 :
				   bits == 32 ? SVMRT_INSN_32 : SVMRT_INSN_16, code);
	if (count == 15 && length && length <= sizeof(insn.first)) {
		vcpu->length_bytes = insn.first;
		vcpu->length_code = code;
		vcpu->length_bits = bits;
		vcpu->length = length;
	}
	return length;
}

/* What the processor says itself, or 0. */
static inline u64 given_next_rip(const struct svmk_vmcb *vmcb, u64 code)
{
	if (code == SVMRT_SLOT_IOIO)
		return vmcb_get_EXITINFO2(vmcb);
	return svmrt_host_features.svm_edx & BIT(3) ? vmcb_get_NRIP(vmcb) : 0;
}

u64 svmrt_next_rip(struct svmrt_vcpu *vcpu, u64 code, u64 *missing_gpa)
{
	const struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 next = given_next_rip(vmcb, code);
	unsigned int bits, length;

	*missing_gpa = ~0ULL;
	if (next)
		return next;
	bits = svmrt_vmcb_code_bits(vmcb);
	length = insn_length(vcpu, code, bits, missing_gpa);
	if (!length)
		return 0;
	*missing_gpa = ~0ULL;
	next = vmcb_get_RIP(vmcb) + length;
	return bits == 64 ? next : (u32)next;
}

enum svmrt_leave svmrt_inject(struct svmrt_vcpu *vcpu, u64 event)
{
	event = svmrt_event_merge(vcpu->pending_event, event);
	if (event != SVMRT_EV_SHUTDOWN) {
		vcpu->pending_event = event;
		return SVMRT_ENTER;
	}
	vcpu->pending_event = 0;
	vcpu->stats.exits[SLOT_SHUTDOWN]++;
	svmrt_ring_tell(vcpu, SLOT_SHUTDOWN, &vcpu->vm->policy[SLOT_SHUTDOWN], SVMRT_DO_STOP, false);
	vmcb_set_EXITCODE(vcpu->vmcb, SLOT_SHUTDOWN);
	return SVMRT_LEAVE_SHUTDOWN;
}

static inline enum svmrt_leave skip_to(struct svmrt_vcpu *vcpu, u64 next_rip)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;

	vmcb_set_RIP(vmcb, next_rip);
	vmcb_set_INTERRUPT_SHADOW(vmcb, 0);
	if (unlikely(vcpu->hooks))
		svmrt_debug_skipped(vcpu);
	if (vmcb_get_RFLAGS(vmcb) & RFLAGS_TF) {
		vmcb_set_DR6(vmcb, vmcb_get_DR6(vmcb) | DR6_BS);
		return svmrt_inject(vcpu, svmrt_event_exception(1, 0));
	}
	return SVMRT_ENTER;
}

enum svmrt_leave svmrt_skip_to(struct svmrt_vcpu *vcpu, u64 next_rip)
{
	return skip_to(vcpu, next_rip);
}

/* ---- Tables ---- */

/* Out of line for the sake of answers that have nothing of the vCPU's own, and need no stack. */
static noinline enum svmrt_leave answer_live_cpuid(struct svmrt_vcpu *vcpu,
						   const struct svmrt_cpuid_row *row, u64 next_rip)
{
	u32 value[4] = { row->set[0], row->set[1], row->set[2], row->set[3] };

	svmrt_cpuid_live(vcpu, row, value);
	vmcb_set_RAX(vcpu->vmcb, value[0]);
	vcpu->gpr[3] = value[1];
	vcpu->gpr[1] = value[2];
	vcpu->gpr[2] = value[3];
	return skip_to(vcpu, next_rip);
}

static enum svmrt_leave answer_cpuid(struct svmrt_vcpu *vcpu, u64 next_rip)
{
	static const u32 none[4];
	const struct svmrt_cpuid_row *row =
		svmrt_cpuid_find(vcpu->vm, (u32)vmcb_get_RAX(vcpu->vmcb), (u32)vcpu->gpr[1]);
	const u32 *value = row ? row->set : none;

	if (row && row->live)
		return answer_live_cpuid(vcpu, row, next_rip);
	vmcb_set_RAX(vcpu->vmcb, value[0]);
	vcpu->gpr[3] = value[1];
	vcpu->gpr[1] = value[2];
	vcpu->gpr[2] = value[3];
	return skip_to(vcpu, next_rip);
}

static enum svmrt_leave answer_msr(struct svmrt_vcpu *vcpu, u64 next_rip)
{
	const u32 msr = vcpu->gpr[1];
	const struct svmrt_msr_row *row = svmrt_msr_find(vcpu->vm, msr);
	bool write = vmcb_get_EXITINFO1(vcpu->vmcb) & 1;
	u64 value = (u32)vmcb_get_RAX(vcpu->vmcb) | vcpu->gpr[2] << 32;
	enum svmrt_leave leave;

	if (!row || (write ? row->write : row->read) == SVMRT_MSR_GP ||
	    (write && row->write == SVMRT_MSR_STATE && !svmrt_msr_state_write(vcpu, msr, value)))
		return svmrt_inject(vcpu, svmrt_event_exception(13, 0));
	if (write) {
		if (row->write == SVMRT_MSR_STORE)
			vcpu->msr_values[row - vcpu->vm->msrs] = value;
	} else {
		value = row->read == SVMRT_MSR_STATE ? svmrt_msr_state_read(vcpu, msr) :
			vcpu->msr_values[row - vcpu->vm->msrs];

		vmcb_set_RAX(vcpu->vmcb, (u32)value);
		vcpu->gpr[2] = value >> 32;
	}
	leave = skip_to(vcpu, next_rip);
	/* The guest's clock is written outside of slices. */
	return leave == SVMRT_ENTER && unlikely(svmrt_pvclock_due(vcpu)) ? SVMRT_LEAVE_RESCHED : leave;
}

/* A constant instead of a device: IN reads it, OUT is dropped. INS and OUTS are for user space. */
static noinline enum svmrt_leave answer_port(struct svmrt_vcpu *vcpu, u64 value, u64 next_rip)
{
	u64 info1 = vmcb_get_EXITINFO1(vcpu->vmcb), rax = vmcb_get_RAX(vcpu->vmcb);

	if (info1 & SVMRT_IOIO_STR)
		return SVMRT_LEAVE_EXIT;
	if (info1 & SVMRT_IOIO_IN) {
		if (info1 & SVMRT_IOIO_SZ32)
			rax = (u32)value;
		else if (info1 & SVMRT_IOIO_SZ16)
			rax = (rax & ~0xffffULL) | (value & 0xffff);
		else
			rax = (rax & ~0xffULL) | (value & 0xff);
		vmcb_set_RAX(vcpu->vmcb, rax);
	}
	return skip_to(vcpu, next_rip);
}

/*
 * The same for an address: any MOV that the access can be. The rest is for user space. Out of line: the
 * bytes on its stack would cost every other exit a stack protector.
 */
static noinline enum svmrt_leave answer_gpa(struct svmrt_vcpu *vcpu, u64 value)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 info1 = vmcb_get_EXITINFO1(vmcb), missing;
	unsigned int bits = svmrt_vmcb_code_bits(vmcb), count;
	u8 insn[SVMRT_FETCH_BYTES];
	struct svmrt_mov mov;

	if (info1 & (SVMRT_NPF_FETCH | SVMRT_NPF_TABLE))
		return SVMRT_LEAVE_EXIT;
	count = svmrt_guest_fetch(vcpu, insn, &missing);
	if (!svmrt_mov_decode(insn, count, bits == 64 ? SVMRT_INSN_64 :
			      bits == 32 ? SVMRT_INSN_32 : SVMRT_INSN_16, &mov) ||
	    mov.write != !!(info1 & SVMRT_NPF_WRITE) ||
	    offset_in_page(vmcb_get_EXITINFO2(vmcb)) + mov.bytes > PAGE_SIZE)
		return SVMRT_LEAVE_EXIT;
	if (!mov.write) {
		u64 *reg = &vcpu->gpr[mov.reg];

		if (mov.reg == 0)
			vmcb_set_RAX(vmcb, svmrt_mov_result(&mov, vmcb_get_RAX(vmcb), value));
		else if (mov.reg == 4)
			vmcb_set_RSP(vmcb, svmrt_mov_result(&mov, vmcb_get_RSP(vmcb), value));
		else
			*reg = svmrt_mov_result(&mov, *reg, value);
	}
	return svmrt_skip_to(vcpu, bits == 64 ? vmcb_get_RIP(vmcb) + mov.length :
			     (u32)(vmcb_get_RIP(vmcb) + mov.length));
}

static enum svmrt_leave answer(struct svmrt_vcpu *vcpu, int slot,
			       const struct svmrt_policy_slot *policy, u64 next_rip)
{
	switch (slot) {
	case SVMRT_SLOT_CPUID:
		return answer_cpuid(vcpu, next_rip);
	case SVMRT_SLOT_MSR:
		return answer_msr(vcpu, next_rip);
	case SVMRT_SLOT_IOIO:
		return answer_port(vcpu, policy->value, next_rip);
	case SVMRT_SLOT_XSETBV:
		if (!svmrt_xsetbv(vcpu))
			return svmrt_inject(vcpu, svmrt_event_exception(13, 0));
		return skip_to(vcpu, next_rip);
	default:
		return answer_gpa(vcpu, policy->value);
	}
}

/* ---- Policy ---- */

static enum svmrt_leave inject_by_policy(struct svmrt_vcpu *vcpu, int slot, u16 vector,
					 u64 next_rip)
{
	u32 error = 0;

	if (vector == SVMRT_VECTOR_SAME) {
		vector = slot - 0x40;
		error = (u32)vmcb_get_EXITINFO1(vcpu->vmcb);
		if (slot == SLOT_PF)
			vmcb_set_CR2(vcpu->vmcb, vmcb_get_EXITINFO2(vcpu->vmcb));
		/* INT3 and INTO are traps: the handler returns behind the instruction. */
		if (slot == SLOT_BP || slot == SLOT_OF)
			vmcb_set_RIP(vcpu->vmcb, next_rip);
	}
	return svmrt_inject(vcpu, svmrt_event_exception(vector, error));
}

/* What a finer rule is chosen by: CPUID leaf, MSR, first port or address of the access. */
static noinline const struct svmrt_policy_slot *finer_rule(struct svmrt_vcpu *vcpu, int slot)
{
	u64 info1 = vmcb_get_EXITINFO1(vcpu->vmcb);

	switch (slot) {
	case SVMRT_SLOT_CPUID:
		return svmrt_rule_find(vcpu->vm, slot, (u32)vmcb_get_RAX(vcpu->vmcb), false);
	case SVMRT_SLOT_MSR:
		return svmrt_rule_find(vcpu->vm, slot, (u32)vcpu->gpr[1], info1 & 1);
	case SVMRT_SLOT_IOIO:
		return svmrt_rule_find(vcpu->vm, slot, info1 >> 16 & 0xffff, !(info1 & SVMRT_IOIO_IN));
	default:
		return svmrt_rule_find(vcpu->vm, slot, vmcb_get_EXITINFO2(vcpu->vmcb),
				       info1 & SVMRT_NPF_WRITE);
	}
}

static enum svmrt_leave act(struct svmrt_vcpu *vcpu, int slot,
			    const struct svmrt_policy_slot *policy, u64 next_rip)
{
	switch (policy->action) {
	case SVMRT_DO_TABLE:
		return answer(vcpu, slot, policy, next_rip);
	case SVMRT_DO_SKIP:
		return slot == SLOT_DB ? SVMRT_ENTER : skip_to(vcpu, next_rip);
	case SVMRT_DO_INJECT:
		return inject_by_policy(vcpu, slot, policy->vector, next_rip);
	case SVMRT_DO_WAIT:
		svmrt_skip_to(vcpu, next_rip);
		return SVMRT_LEAVE_HALT;
	case SVMRT_DO_STOP:
		return SVMRT_LEAVE_STOP;
	default:
		return SVMRT_LEAVE_EXIT;
	}
}

static void count_detail(struct svmrt_vcpu *vcpu, int slot)
{
	const struct svmk_vmcb *vmcb = vcpu->vmcb;

	if (slot == SVMRT_SLOT_IOIO)
		svmrt_detail_count(vcpu->detail, SVMRT_DETAIL_PORT,
				   vmcb_get_EXITINFO1(vmcb) >> 16 & 0xffff);
	else if (slot == SVMRT_SLOT_MSR)
		svmrt_detail_count(vcpu->detail, SVMRT_DETAIL_MSR, (u32)vcpu->gpr[1]);
	else if (slot == SVMRT_SLOT_NPF)
		svmrt_detail_count(vcpu->detail, SVMRT_DETAIL_GPA,
				   vmcb_get_EXITINFO2(vmcb) & ~0xfffULL);
}

/* From the bytes; or 0 with the page that is missing in vcpu->populate_gpa, ~0 if none is. */
static noinline u64 decoded_next_rip(struct svmrt_vcpu *vcpu, u64 code)
{
	u64 missing, next = svmrt_next_rip(vcpu, code, &missing);

	vcpu->populate_gpa = missing;
	return next;
}

static inline void count_exit(struct svmrt_vcpu *vcpu, int slot,
			      const struct svmrt_policy_slot *policy)
{
	vcpu->stats.exits[slot]++;
	if (unlikely(policy->counter >= SVMRT_SLOTS))
		vcpu->fine_counts[policy->counter - SVMRT_SLOTS]++;
	count_detail(vcpu, slot);
}

/* A port whose register user space keeps where we can answer for it. */
static noinline bool answer_for_user(struct svmrt_vcpu *vcpu, const struct svmrt_policy_slot *policy,
				     enum svmrt_leave *leave)
{
	u32 value = 0;

	if (policy->action != SVMRT_DO_USER || !vcpu->vm->ports || !svmrt_port_access(vcpu, &value))
		return false;
	count_exit(vcpu, SVMRT_SLOT_IOIO, policy);
	if (policy->event > SVMRT_EVENT_COUNT)
		svmrt_ring_tell(vcpu, SVMRT_SLOT_IOIO, policy, SVMRT_DO_TABLE, true);
	*leave = answer_port(vcpu, value, vmcb_get_EXITINFO2(vcpu->vmcb));
	return true;
}

static enum svmrt_leave by_policy(struct svmrt_vcpu *vcpu, u64 code)
{
	const struct svmrt_policy_slot *policy;
	int slot = svmrt_exit_slot(code);
	enum svmrt_leave leave;
	u64 next_rip = 0;

	if (slot < 0)
		return SVMRT_LEAVE_EXIT;	/* C10: raw code to user space, never BUG */
	policy = &vcpu->vm->policy[slot];
	if (unlikely(policy->finer))
		policy = finer_rule(vcpu, slot);
	if (slot == SVMRT_SLOT_IOIO && answer_for_user(vcpu, policy, &leave))
		return leave;
	if (policy->skips) {
		next_rip = given_next_rip(vcpu->vmcb, code);
		if (!next_rip)
			next_rip = decoded_next_rip(vcpu, code);
		/* Nothing was counted or told yet: the guest exits here again. */
		if (!next_rip && vcpu->populate_gpa != ~0ULL)
			return SVMRT_LEAVE_FETCH;
	}
	count_exit(vcpu, slot, policy);
	if (policy->event > SVMRT_EVENT_COUNT)
		svmrt_ring_tell(vcpu, code, policy, policy->action, true);
	if (!next_rip && policy->skips) {
		snprintf(vcpu->text, sizeof(vcpu->text),
			 "exit %#llx at RIP %#llx: the bytes there are not the instruction that exited",
			 code, vmcb_get_RIP(vcpu->vmcb));
		return SVMRT_LEAVE_BROKEN;
	}
	return act(vcpu, slot, policy, next_rip);
}

enum svmrt_leave svmrt_handle_npf(struct svmrt_vcpu *vcpu)
{
	return by_policy(vcpu, 0x400);
}

/*
 * C2. A machine check is taken by the host's handler, on this CPU, now. #MC is intercepted; but CR4
 * is the guest's own, and with its MCE clear a machine check is a shutdown instead (APM volume 2,
 * 9.3.2), of which MCG_STATUS.MCIP tells. Left pending, the next one would shut the host down.
 */
static void hand_over_machine_check(struct svmrt_vcpu *vcpu)
{
	vcpu->stats.host_mce++;
	asm volatile("int $18");
}

static noinline bool machine_check_pending(void)
{
	u64 status;

	return boot_cpu_has(X86_FEATURE_MCA) && !rdmsrl_safe(MSR_IA32_MCG_STATUS, &status) &&
	       status & MCG_STATUS_MCIP;
}

/* C8, C9: nothing but the exit code is read back from this VMCB, now or later. */
static enum svmrt_leave end(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave leave)
{
	int slot = svmrt_exit_slot(code);

	vcpu->inputs_valid = true;
	vcpu->stats.exits[slot]++;
	svmrt_ring_tell(vcpu, code, &vcpu->vm->policy[slot], SVMRT_DO_STOP, false);
	return leave;
}

u64 svmrt_interrupted_event(const struct svmrt_vcpu *vcpu)
{
	return svmrt_event_reinject(vmcb_get_EXITINTINFO(vcpu->vmcb),
				    vmcb_get_EVENTINJ(vcpu->inputs));
}

static inline enum svmrt_leave by_code(struct svmrt_vcpu *vcpu, u64 code)
{
	switch (code) {
	case 0x60:
		vcpu->stats.host_intr++;
		return SVMRT_LEAVE_HOST;
	case 0x61:
		vcpu->stats.host_nmi++;
		return SVMRT_LEAVE_HOST;
	case 0x62:
		vcpu->stats.host_smi++;
		return SVMRT_LEAVE_HOST;
	case 0x63:
		vcpu->stats.host_init++;
		return SVMRT_LEAVE_HOST;
	case SLOT_MC:
		hand_over_machine_check(vcpu);
		return SVMRT_ENTER;
	case 0x400:
		vcpu->populate_gpa = vmcb_get_EXITINFO2(vcpu->vmcb);
		vcpu->populate_write = vmcb_get_EXITINFO1(vcpu->vmcb) & 2;
		return SVMRT_LEAVE_POPULATE;
	default:
		if ((code - 0x20 < 0x20 && svmrt_state_wants_debug(vcpu, code)) ||
		    (code == CODE_CR4_WRITE && svmrt_state_wants_xcr0(vcpu)))
			return SVMRT_LEAVE_RESCHED;	/* the next slice loads them */
		return by_policy(vcpu, code);
	}
}

/* Interrupts, local APIC and doorbells first. Out of line: the others should not pay for its stack. */
static noinline enum svmrt_leave hooked(struct svmrt_vcpu *vcpu, u64 code)
{
	enum svmrt_leave leave;

	return svmrt_irq_exit(vcpu, code, &leave) ? leave : by_code(vcpu, code);
}

enum svmrt_leave svmrt_handle_exit(struct svmrt_vcpu *vcpu)
{
	u64 code = svmrt_exit_code(vcpu->vmcb);

	if (code == SLOT_SHUTDOWN && machine_check_pending())
		hand_over_machine_check(vcpu);
	if (code == SLOT_SHUTDOWN)
		return end(vcpu, code, SVMRT_LEAVE_SHUTDOWN);
	if (code >= 0xfffffffffffffffcULL)
		return end(vcpu, code, SVMRT_LEAVE_INVALID);

	if (unlikely(vmcb_get_EXITINTINFO(vcpu->vmcb) & SVMRT_EV_V))
		vcpu->pending_event = svmrt_interrupted_event(vcpu);
	return unlikely(vcpu->hooks) ? hooked(vcpu, code) : by_code(vcpu, code);
}
