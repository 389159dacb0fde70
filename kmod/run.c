// SPDX-License-Identifier: GPL-2.0-only
/*
 * RUN works in slices. Inside a slice nothing sleeps: guest state is loaded once, many exits are
 * taken, and it is saved once. Whatever may sleep (population, a halted vCPU, the scheduler, a full
 * lossless ring) ends the slice and happens here, in process context.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/svm.h>
#include "barrier.h"
#include "consistency.h"
#include "debug.h"
#include "event.h"
#include "exit.h"
#include "host.h"
#include "irq.h"
#include "svmrt_priv.h"
#define CREATE_TRACE_POINTS
#include "svmrt_trace.h"

#define RFLAGS_STATUS 0x8d5ULL	/* OF, SF, ZF, AF, PF, CF */
#define RFLAGS_RF BIT_ULL(16)

/*
 * Keep what this VMRUN may clobber: the fields that #VMEXIT writes back (inputs.h). Copied word by
 * word: for so few bytes a call of memcpy costs more than the copy.
 */
static void copy_inputs(struct svmrt_vcpu *vcpu)
{
#define SVMRT_INPUT(offset, words) do { \
		const u64 *from_ = (const u64 *)(vcpu->vmcb->opaque_page + (offset)); \
		u64 *to_ = (u64 *)(vcpu->inputs->opaque_page + (offset)); \
		unsigned int i_; \
		_Pragma("GCC unroll 16") \
		for (i_ = 0; i_ < (words); i_++) \
			to_[i_] = from_[i_]; \
	} while (0);
#include "inputs.h"
#undef SVMRT_INPUT
}

void svmrt_restore_inputs(struct svmk_vmcb *vmcb, const struct svmk_vmcb *inputs)
{
#define SVMRT_INPUT(offset, words) \
	memcpy(vmcb->opaque_page + (offset), inputs->opaque_page + (offset), (words) * 8);
#include "inputs.h"
#undef SVMRT_INPUT
}

/* C1: the host's event is still pending; it is taken as soon as interrupts are on. */
static void take_host_interrupts(struct svmrt_vcpu *vcpu)
{
	svmrt_ring_wake(vcpu);
	local_irq_enable();
	asm volatile("nop");	/* out of the STI shadow, or nothing would be taken */
	local_irq_disable();
}

/*
 * tlb=always flushes at every entry and believes no clean bit: slow, and right even where the model
 * of asid.c were wrong. It is the default until the module has passed its tests on AMD silicon.
 */
static bool tlb_always = true;

static int set_tlb(const char *value, const struct kernel_param *param)
{
	if (sysfs_streq(value, "always"))
		tlb_always = true;
	else if (sysfs_streq(value, "asid"))
		tlb_always = false;
	else
		return -EINVAL;
	return 0;
}

static int get_tlb(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", tlb_always ? "always" : "asid");
}

static const struct kernel_param_ops tlb_ops = { .set = set_tlb, .get = get_tlb };
module_param_cb(tlb, &tlb_ops, NULL, 0444);
MODULE_PARM_DESC(tlb, "always (default): flush at every entry; asid: flush when it is needed");

#define ALL_CLEAN 0x1fff	/* bits 12:0, APM volume 2, 15.15.3 */

static void plan_tlb(struct svmrt_vcpu *vcpu, struct svmrt_host_cpu *host)
{
	struct svmrt_asid_plan plan;

	if (tlb_always)
		return;
	plan = svmrt_asid_enter(&host->asid, &vcpu->asid, READ_ONCE(vcpu->vm->npt_generation));
	if (unlikely(plan.tlb_control || vmcb_get_GUEST_ASID(vcpu->vmcb) != plan.asid)) {
		vmcb_set_GUEST_ASID(vcpu->vmcb, plan.asid);
		vcpu->stats.flushes++;
	}
	vmcb_set_TLB_CONTROL(vcpu->vmcb, plan.tlb_control);
	if (!plan.clean)
		vmcb_set_VMCB_CLEAN(vcpu->vmcb, 0);
}

/*
 * B6, B7: a host interrupt can set a hardware breakpoint or turn branch recording on. Where a slice
 * holds the host's values of those registers, it gives them back before one is taken.
 */
static bool holds_host_debug(const struct svmrt_vcpu *vcpu, const struct svmrt_host_state *host)
{
	return vcpu->dr_switched || host->debugctl;
}

/* Interrupts, then the debugger: what both borrow and decide for one VMRUN. */
static enum svmrt_leave before_entry(struct svmrt_vcpu *vcpu)
{
	enum svmrt_leave leave = SVMRT_ENTER;

	vcpu->hooked = true;
	vcpu->debugged = false;
	if (test_bit(SVMRT_HOOK_IRQ, &vcpu->hooks))
		leave = svmrt_irq_before(vcpu);
	if (leave == SVMRT_ENTER && (vcpu->debug.flags || vcpu->debug.internal)) {
		vcpu->debugged = true;
		svmrt_debug_before(vcpu);
	}
	return leave;
}

/* After SHUTDOWN and INVALID nothing of the VMCB says anything about interrupts (C8). */
static enum svmrt_leave after_exit(struct svmrt_vcpu *vcpu)
{
	u64 code = svmrt_exit_code(vcpu->vmcb);

	vcpu->hooked = false;
	if (code != 0x7f && code < 0xfffffffffffffffcULL)
		svmrt_irq_after(vcpu);
	else
		svmrt_irq_not_entered(vcpu);
	return vcpu->debugged ? svmrt_debug_after(vcpu) : svmrt_handle_exit(vcpu);
}

/* One VMRUN. Reasons to leave are looked at with interrupts off, right before it (C12). */
static enum svmrt_leave enter_once(struct svmrt_vcpu *vcpu, struct svmrt_host_cpu *host,
				   const struct svmrt_host_state *host_state)
{
	enum svmrt_leave leave;

	if (need_resched() || signal_pending(current) || atomic_read(&vcpu->kicked) ||
	    local_softirq_pending())
		return SVMRT_LEAVE_RESCHED;
	/* Looked at here first: a call that says no would be paid at every exit of a lossy ring. */
	if (READ_ONCE(vcpu->ring->lossless) && svmrt_ring_blocked(vcpu))
		return SVMRT_LEAVE_RING_FULL;
	if (!READ_ONCE(host->claimed))
		return SVMRT_LEAVE_LOST;

	if (unlikely(READ_ONCE(vcpu->hooks))) {
		leave = before_entry(vcpu);
		if (leave != SVMRT_ENTER)
			return leave;
	}
	if (trace_svmrt_injection_enabled() && vcpu->pending_event)
		trace_svmrt_injection(vcpu, vcpu->pending_event);
	vmcb_set_EVENTINJ(vcpu->vmcb, vcpu->pending_event);
	plan_tlb(vcpu, host);
	copy_inputs(vcpu);
	trace_svmrt_entry(vcpu);
	if (svmrt_enter(vcpu->gpr, __sme_set(__pa(vcpu->vmcb)),
			__sme_set(page_to_phys(host->save)))) {
		svmrt_irq_not_entered(vcpu);
		return SVMRT_LEAVE_LOST;
	}
	vcpu->pending_event = 0;
	vcpu->stats.entries++;
	if (!tlb_always)
		vmcb_set_VMCB_CLEAN(vcpu->vmcb, ALL_CLEAN);	/* setters take bits away again */
	/* Before a guest turns XSAVE on, XSETBV is #UD. */
	if (vcpu->xcr0_live && svmrt_guest_xcr0 &&
	    unlikely(xgetbv(XCR_XFEATURE_ENABLED_MASK) != vcpu->xcr0_loaded))
		svmrt_state_restore_xcr0(vcpu);
	trace_svmrt_exit(vcpu);
	leave = unlikely(vcpu->hooked) ? after_exit(vcpu) : svmrt_handle_exit(vcpu);
	if (leave == SVMRT_LEAVE_HOST) {
		if (holds_host_debug(vcpu, host_state))
			return SVMRT_LEAVE_RESCHED;
		take_host_interrupts(vcpu);
		return SVMRT_ENTER;
	}
	return leave;
}

static void predictor_barrier(void)
{
	if (boot_cpu_has(X86_FEATURE_IBPB))
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

/*
 * B9: no process that runs here next uses what the guest trained, where the kernel wants that after a
 * guest (VMSCAPE); see barrier.h for the next vCPU.
 */
static void barrier_before_user(struct svmrt_host_cpu *host)
{
	if (!svmrt_ibpb_before_user())
		return;
	predictor_barrier();
	host->last_vcpu = 0;
}

static enum svmrt_leave slice(struct svmrt_vcpu *vcpu)
{
	struct svmrt_host_state host_state;
	enum svmrt_leave leave = SVMRT_LEAVE_LOST;
	struct svmrt_host_cpu *host;

	kernel_fpu_begin();
	local_irq_disable();
	host = this_cpu_ptr(&svmrt_host_cpu);
	if (!host->claimed)
		goto out;
	WRITE_ONCE(vcpu->cpu, smp_processor_id());
	smp_mb(); /* cpu before the look at nested entries and kicks; pairs with flush and kick */
	vcpu->stats.slices++;
	if (svmrt_barrier_due(&host->last_vcpu, vcpu->id))
		predictor_barrier();
	if (tlb_always) {
		/* The processor changes neither word and setters only clear clean bits. */
		vmcb_set_TLB_CONTROL(vcpu->vmcb, SVMRT_TLB_FLUSH_ALL);
		vmcb_set_VMCB_CLEAN(vcpu->vmcb, 0);
	}
	svmrt_state_load(vcpu, &host_state);
	/* B3: the host's half of VMLOAD/VMSAVE; nothing in a slice changes it. */
	asm volatile("vmsave %0" : : "a" (__sme_set(page_to_phys(host->save))) : "memory");
	do {
		leave = enter_once(vcpu, host, &host_state);
	} while (leave == SVMRT_ENTER);
	svmrt_state_save(vcpu, &host_state);
	barrier_before_user(host);
	WRITE_ONCE(vcpu->cpu, -1);
	svmrt_ring_wake(vcpu);
out:
	local_irq_enable();
	kernel_fpu_end();
	return leave;
}

void svmrt_kick(struct svmrt_vcpu *vcpu)
{
	int cpu;

	atomic_set(&vcpu->kicked, 1);
	smp_mb(); /* the flag before the look at cpu; pairs with slice() */
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu >= 0)
		smp_call_function_single(cpu, svmrt_nop, NULL, 1);
	wake_up_interruptible(&vcpu->wait_queue);
}

static bool interrupted(struct svmrt_vcpu *vcpu)
{
	return atomic_read(&vcpu->kicked) || signal_pending(current);
}

/* A page cannot be had. RUN fails and says so in the run page; nothing of the guest is lost. */
static int no_page(struct svmrt_vcpu *vcpu, int err)
{
	snprintf(vcpu->run->text, sizeof(vcpu->run->text), "no page for guest physical %#llx: %s",
		 vcpu->populate_gpa, err == -EDQUOT ?
		 "the user's pages are used up (max_pages_per_user of svmrt.ko)" :
		 err == -EHWPOISON ? "the host found that memory broken" :
		 "the host's memory or the memory cgroup of this process is full");
	return err;
}

/*
 * First touch. A page of a region: made present, and the guest goes on. Anything else is a nested
 * page fault of the guest's own, and the exit policy decides.
 */
static int populate(struct svmrt_vcpu *vcpu, enum svmrt_leave *leave)
{
	int err = svmrt_npt_populate(vcpu->vm, vcpu->populate_gpa, vcpu->populate_write);

	trace_svmrt_fault(vcpu, err);
	*leave = SVMRT_ENTER;
	if (!err) {
		vcpu->stats.host_npf++;
		return 0;
	}
	if (err != -ENOENT && err != -EACCES)
		return no_page(vcpu, err);
	svmrt_npt_read_begin(vcpu);
	*leave = svmrt_handle_npf(vcpu);
	svmrt_npt_read_end(vcpu);
	return 0;
}

/* The page that holds the instruction, or a page table on the way to it, is not there yet. */
static int populate_code(struct svmrt_vcpu *vcpu, enum svmrt_leave *leave)
{
	int err = svmrt_npt_populate(vcpu->vm, vcpu->populate_gpa, false);

	*leave = SVMRT_ENTER;
	if (!err) {
		vcpu->stats.host_npf++;
		return 0;
	}
	if (err != -ENOENT)
		return no_page(vcpu, err);
	snprintf(vcpu->text, sizeof(vcpu->text),
		 "cannot read the instruction at RIP %#llx: its page walk leads to %#llx, where no memory is",
		 vmcb_get_RIP(vcpu->vmcb), vcpu->populate_gpa);
	*leave = SVMRT_LEAVE_BROKEN;
	return 0;
}

/* HLT, or before SIPI: sleep until something can be delivered. */
static void wait_for_event(struct svmrt_vcpu *vcpu)
{
	vcpu->stats.halts++;
	wait_event_interruptible(vcpu->wait_queue, interrupted(vcpu) || svmrt_irq_wakes(vcpu));
	if (!svmrt_irq_wakes(vcpu))
		return;
	vcpu->stats.wakes++;
	vcpu->halted = false;
}

/* Run slices until user space has something to do. Returns 0 and the reason, or an errno. */
static int run_loop(struct svmrt_vcpu *vcpu, enum svmrt_run_reason *reason)
{
	enum svmrt_leave leave;
	int err;

	for (;;) {
		if (unlikely(vcpu->debug.report)) {
			*reason = SVMRT_RUN_DEBUG;
			return 0;
		}
		if (interrupted(vcpu)) {
			atomic_set(&vcpu->kicked, 0);
			*reason = SVMRT_RUN_KICKED;
			return 0;
		}
		if (unlikely(vcpu->irq.requests))
			svmrt_irq_process(vcpu);
		if (unlikely(svmrt_pvclock_due(vcpu))) {
			err = svmrt_pvclock_update(vcpu);
			if (err)
				return no_page(vcpu, err);
		}
		if (vcpu->halted || vcpu->irq.wait_sipi) {
			wait_for_event(vcpu);
			continue;
		}
		leave = slice(vcpu);
again:
		err = 0;
		switch (leave) {
		case SVMRT_ENTER:
		case SVMRT_LEAVE_HOST:
			continue;
		case SVMRT_LEAVE_DEBUG:
			continue;	/* reported at the top */
		case SVMRT_LEAVE_RESCHED:
			cond_resched();
			continue;
		case SVMRT_LEAVE_POPULATE:
			err = populate(vcpu, &leave);
			break;
		case SVMRT_LEAVE_FETCH:
			err = populate_code(vcpu, &leave);
			break;
		case SVMRT_LEAVE_HALT:
			vcpu->halted = true;
			continue;
		case SVMRT_LEAVE_RING_FULL:
			if (svmrt_ring_waits(vcpu)) {
				svmrt_ring_wait(vcpu);
				continue;
			}
			*reason = SVMRT_RUN_RING_FULL;
			return 0;
		case SVMRT_LEAVE_LOST:
			if (!svmrt_host_is_lost()) {
				cond_resched();		/* A6: away from a CPU that goes */
				continue;
			}
			strscpy(vcpu->text, "the host took SVM back (reboot, or a failed resume)",
				sizeof(vcpu->text));
			*reason = SVMRT_RUN_BROKEN;
			return 0;
		default:
			*reason = svmrt_run_reason(leave);
			if (leave == SVMRT_LEAVE_SHUTDOWN || leave == SVMRT_LEAVE_INVALID ||
			    leave == SVMRT_LEAVE_BROKEN)
				vcpu->dead = *reason;
			return 0;
		}
		if (err)
			return err;
		goto again;
	}
}

/* What the daemon wrote into the run page since the last RUN; each field is read once (E2). */
static int take_input(struct svmrt_vcpu *vcpu)
{
	bool user_exit = vcpu->debug.user_exit;
	struct svmrt_run_page *run = vcpu->run;
	u32 dirty = READ_ONCE(run->dirty), i;

	WRITE_ONCE(run->dirty, 0);
	vcpu->debug.user_exit = false;
	if (dirty & ~(SVMRT_DIRTY_GPR | SVMRT_DIRTY_RIP | SVMRT_DIRTY_INJECT | SVMRT_DIRTY_INTA |
		      SVMRT_DIRTY_RFLAGS | SVMRT_DIRTY_CR2 | SVMRT_DIRTY_APIC))
		return -EINVAL;
	if (dirty & SVMRT_DIRTY_APIC &&
	    !svmrt_apic_write(vcpu, READ_ONCE(run->apic_offset), READ_ONCE(run->apic_value)))
		return -EINVAL;
	/* An event or another place to go on from ends a HLT. */
	if (dirty & (SVMRT_DIRTY_RIP | SVMRT_DIRTY_INJECT))
		vcpu->halted = false;
	if (dirty & SVMRT_DIRTY_INJECT) {
		u64 event = READ_ONCE(run->inject);

		if (!(event & SVMRT_EV_V) || (event & SVMRT_EV_TYPE) != SVMRT_EV_EXCEPTION ||
		    (event & 0xff) > 31 || (event & 0xff) == 2)
			return -EINVAL;
		event = svmrt_event_merge(vcpu->pending_event,
					  svmrt_event_exception(event & 0xff, event >> 32));
		vcpu->pending_event = event == SVMRT_EV_SHUTDOWN ? 0 : event;
	}
	if (dirty & SVMRT_DIRTY_INTA && svmrt_irq_inta(vcpu, READ_ONCE(run->inta)))
		return -EINVAL;
	if (dirty & SVMRT_DIRTY_GPR) {
		for (i = 0; i < 16; i++)
			vcpu->gpr[i] = READ_ONCE(run->gpr[i]);
		vmcb_set_RAX(vcpu->vmcb, vcpu->gpr[0]);
		vmcb_set_RSP(vcpu->vmcb, vcpu->gpr[4]);
	}
	if (dirty & SVMRT_DIRTY_CR2)
		vmcb_set_CR2(vcpu->vmcb, READ_ONCE(run->cr2));
	if (dirty & SVMRT_DIRTY_RFLAGS)
		vmcb_set_RFLAGS(vcpu->vmcb,
				(vmcb_get_RFLAGS(vcpu->vmcb) & ~(RFLAGS_STATUS | RFLAGS_RF)) |
				(READ_ONCE(run->rflags) & RFLAGS_STATUS));
	if (dirty & SVMRT_DIRTY_RIP) {
		vmcb_set_RIP(vcpu->vmcb, READ_ONCE(run->rip));
		vmcb_set_INTERRUPT_SHADOW(vcpu->vmcb, 0);	/* C5 */
		if (user_exit)
			svmrt_debug_user_finished(vcpu);
	}
	return 0;
}

/* C9: what VMRUN was given, without host addresses, and the first rule that it is known to break. */
static void explain_invalid(struct svmrt_vcpu *vcpu)
{
	struct svmk_vmcb *vmcb = kmalloc(sizeof(*vmcb), SVMRT_GFP);
	const struct svmrt_consistency *rule;

	vcpu->run->text[0] = 0;
	if (!vmcb)
		return;
	memcpy(vmcb, vcpu->vmcb, sizeof(*vmcb));
	svmrt_restore_inputs(vmcb, vcpu->inputs);
	rule = svmrt_consistency(vmcb, boot_cpu_data.x86_phys_bits, svmrt_host_features.last_asid + 1);
	snprintf(vcpu->run->text, sizeof(vcpu->run->text), "%s: %s (APM %s)", rule->id, rule->rule,
		 rule->apm);
	svmrt_control_scrub(vmcb);
	memcpy(vcpu->run->inputs, vmcb->opaque_page, 0x100);
	memcpy(vcpu->run->inputs + 0x100, vmcb->opaque_page + VMCB_SAVE_OFFSET, 0x300);
	kfree(vmcb);
}

static void give_output(struct svmrt_vcpu *vcpu, enum svmrt_run_reason reason)
{
	struct svmk_vmcb *vmcb = vcpu->inputs_valid ? vcpu->inputs : vcpu->vmcb;
	struct svmrt_run_page *run = vcpu->run;
	u64 missing, code;
	u32 i;

	run->exitcode = svmrt_exit_code(vcpu->vmcb);
	run->exitinfo1 = vcpu->inputs_valid ? 0 : vmcb_get_EXITINFO1(vmcb);
	run->exitinfo2 = vcpu->inputs_valid ? 0 : vmcb_get_EXITINFO2(vmcb);
	run->exitintinfo = vcpu->inputs_valid ? 0 : vmcb_get_EXITINTINFO(vmcb);
	run->rip = vmcb_get_RIP(vmcb);
	run->rflags = vmcb_get_RFLAGS(vmcb);
	_Pragma("GCC unroll 16")
	for (i = 0; i < 16; i++)
		run->gpr[i] = vcpu->gpr[i];
	run->gpr[0] = vmcb_get_RAX(vmcb);
	run->gpr[4] = vmcb_get_RSP(vmcb);
	run->cr0 = vmcb_get_CR0(vmcb);
	run->cr2 = vmcb_get_CR2(vmcb);
	run->cr3 = vmcb_get_CR3(vmcb);
	run->cr4 = vmcb_get_CR4(vmcb);
	run->efer = vmcb_get_EFER(vmcb);
	run->cs_base = vmcb_get_CS_BASE(vmcb);
	run->cs_attrib = (u32)vmcb_get_CS_ATTRIB(vmcb);
	run->cpl = (u32)vmcb_get_CPL(vmcb);
	run->next_rip = 0;
	run->insn_bytes = 0;
	run->debug = reason == SVMRT_RUN_DEBUG ? vcpu->debug.report : 0;
	if (reason == SVMRT_RUN_DEBUG)
		vcpu->debug.report = 0;
	if (reason == SVMRT_RUN_EXIT) {
		vcpu->debug.user_exit = true;
		vcpu->debug.exit_rip = run->rip;
		code = svmrt_exit_code(vcpu->vmcb);
		/* EXITINFO2 of IOIO has it all; a string instruction's operands are in the bytes. */
		if (code != 0x7b || vmcb_get_EXITINFO1(vmcb) & SVMRT_IOIO_STR) {
			u8 insn[SVMRT_FETCH_BYTES];

			svmrt_npt_read_begin(vcpu);
			run->insn_bytes = svmrt_guest_fetch(vcpu, insn, &missing);
			run->next_rip = svmrt_next_rip(vcpu, code, &missing);
			svmrt_npt_read_end(vcpu);
			memcpy(run->insn, insn, sizeof(run->insn));
		} else {
			run->next_rip = vmcb_get_EXITINFO2(vmcb);
		}
	}
	if (reason == SVMRT_RUN_BROKEN)
		memcpy(run->text, vcpu->text, sizeof(run->text));
	else if (reason == SVMRT_RUN_INVALID)
		explain_invalid(vcpu);
	else
		run->text[0] = 0;
	run->reason = reason;
}

long svmrt_run(struct svmrt_vcpu *vcpu)
{
	enum svmrt_run_reason reason = vcpu->dead;
	int err;

	if (!mutex_trylock(&vcpu->lock))
		return -EBUSY;
	err = -EBUSY;
	if (READ_ONCE(vcpu->vm->time_stopped))
		goto out;
	if (!vcpu->dead) {
		err = take_input(vcpu);
		if (!err)
			err = run_loop(vcpu, &reason);
		if (err)
			goto out;
	}
	give_output(vcpu, reason);
	trace_svmrt_user_exit(vcpu, reason);
	err = 0;
out:
	mutex_unlock(&vcpu->lock);
	return err;
}
