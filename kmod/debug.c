// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single step and breakpoints for a debugger in user space. What is borrowed from the guest for one
 * VMRUN (TF, RF, DR6, DR7, SFMASK) is put back after the exit, before anything looks at it; MOV DRn is
 * answered here meanwhile. What a step cannot hide is listed in svmrt(4).
 */
#include <linux/irq_work.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/svm.h>
#include "debug.h"
#include "event.h"
#include "exit.h"
#include "mode.h"
#include "step.h"

#define RFLAGS_TF BIT_ULL(8)
#define RFLAGS_RF BIT_ULL(16)
#define CR4_DE BIT_ULL(3)
#define DR6_CLEAN 0xffff0ff0ULL
#define DR6_EVENTS 0xe00fULL		/* BT BS BD B3-B0 */
#define DR6_BS BIT_ULL(14)
#define DR6_BD BIT_ULL(13)
#define DR7_GD BIT_ULL(13)
#define DR7_ONE BIT_ULL(10)
#define CODE_DB 0x41
#define CODE_BP 0x43
#define CODE_PF 0x4e
#define CODE_MC 0x52
#define CODE_SWINT 0x75
#define SWINT_BIT BIT(CODE_SWINT - 0x60)
#define TCG_EBX 0x54474354u	/* "TCGT" of QEMU's CPUID 4000_0000 */

/* ---- What is intercepted ---- */

void svmrt_intercepts_update(struct svmrt_vcpu *vcpu)
{
	u32 words[4], i, flags = vcpu->debug.flags | (vcpu->debug.internal ? SVMRT_DEBUG_STEP : 0);

	memcpy(words, vcpu->intercepts, sizeof(words));
	if (!vcpu->dr_live || flags)
		words[1] = ~0u;
	if (!vcpu->xcr0_live)
		words[0] |= SVMRT_CR4_WRITE;
	if (flags & SVMRT_DEBUG_STEP)
		words[2] |= ~(BIT(2) | BIT(9));	/* the effect of these two is undefined */
	if (flags & SVMRT_DEBUG_BREAK)
		words[2] |= BIT(3);
	if (flags & (SVMRT_DEBUG_STEP | SVMRT_DEBUG_BREAK))
		words[3] |= SWINT_BIT;		/* QEMU reports INT3 so */
	if (vcpu->irq.vintr)
		words[3] |= BIT(4);		/* VINTR */
	if (vcpu->irq.iret)
		words[3] |= BIT(20);		/* IRET */
	if (vcpu->irq.cr8)
		words[0] |= BIT(24);		/* MOV to CR8 */
	for (i = 0; i < 4; i++)
		if (vmcb_get_intercepts(vcpu->vmcb, i) != words[i])
			vmcb_set_intercepts(vcpu->vmcb, i, words[i]);
}

/* ---- The call ---- */

static void exit_soon(struct irq_work *work)
{
}

bool svmrt_on_tcg;

void svmrt_debug_init(struct svmrt_vcpu *vcpu)
{
	WRITE_ONCE(svmrt_on_tcg, boot_cpu_has(X86_FEATURE_HYPERVISOR) &&
				 cpuid_ebx(0x40000000) == TCG_EBX);
	vcpu->debug.exit_soon = IRQ_WORK_INIT_HARD(exit_soon);
}

static int check_dr7(const struct svmrt_vcpu_debug *arg)
{
	unsigned int i;

	/* General detect is the guest's own affair, I/O breakpoints depend on its CR4. */
	if (arg->dr7 & ~0xffff07ffULL)
		return -EINVAL;
	for (i = 0; i < 4; i++)
		if ((arg->dr7 >> (16 + 4 * i) & 3) == 2)
			return -EINVAL;
	return 0;
}

int svmrt_debug_set(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_debug *arg)
{
	struct svmrt_debug_state *d = &vcpu->debug;

	if (arg->flags & ~(SVMRT_DEBUG_STEP | SVMRT_DEBUG_BREAK | SVMRT_DEBUG_HW)) {
		svmrt_err(arg, "vCPU %u: debug flags %#x: only step, break and hw (7) exist", vcpu->index,
			  arg->flags);
		return -EINVAL;
	}
	if (!(arg->flags & SVMRT_DEBUG_HW) &&
	    (arg->dr7 | arg->dr[0] | arg->dr[1] | arg->dr[2] | arg->dr[3])) {
		svmrt_err(arg, "vCPU %u: debug registers without the flag hw (%#x)", vcpu->index,
			  SVMRT_DEBUG_HW);
		return -EINVAL;
	}
	if (check_dr7(arg)) {
		svmrt_err(arg, "vCPU %u: debug DR7 %#llx: no GD, no I/O breakpoints, no reserved bits",
			  vcpu->index, arg->dr7);
		return -EINVAL;
	}
	if (!mutex_trylock(&vcpu->lock)) {
		svmrt_err(arg, "vCPU %u is running: kick it first", vcpu->index);
		return -EBUSY;
	}
	d->flags = arg->flags;
	memcpy(d->dr, arg->dr, sizeof(d->dr));
	d->dr7 = arg->dr7 | DR7_ONE;
	d->report = 0;
	if (!(arg->flags & SVMRT_DEBUG_HW))
		d->resume = false;
	if (arg->flags)
		set_bit(SVMRT_HOOK_DEBUG, &vcpu->hooks);
	else
		clear_bit(SVMRT_HOOK_DEBUG, &vcpu->hooks);
	svmrt_intercepts_update(vcpu);
	mutex_unlock(&vcpu->lock);
	return 0;
}

/* ---- Before VMRUN ---- */

/*
 * QEMU's VMRUN loads DR7 without arming its breakpoints; only MOV to DR7 arms them. So there, and
 * only there, the host has them in its own DR7 while it enters the guest, with interrupts off.
 */
static void arm_on_tcg(u64 dr7)
{
	if (svmrt_on_tcg)
		set_debugreg((unsigned long)dr7, 7);
}

static enum svmrt_insn_mode insn_mode(const struct svmk_vmcb *vmcb)
{
	unsigned int bits = svmrt_vmcb_code_bits(vmcb);

	return bits == 64 ? SVMRT_INSN_64 : bits == 32 ? SVMRT_INSN_32 : SVMRT_INSN_16;
}

static void lend_tf(struct svmrt_vcpu *vcpu)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u8 insn[SVMRT_FETCH_BYTES];
	unsigned int count;
	u64 missing;

	/* Bytes that are not present cannot execute either: the guest exits for them first. */
	count = svmrt_guest_fetch(vcpu, insn, &missing);
	d->kind = svmrt_step_kind(insn, count, insn_mode(vmcb));
	d->tf_lent = true;
	vmcb_set_RFLAGS(vmcb, vmcb_get_RFLAGS(vmcb) | RFLAGS_TF);
	/* SYSCALL traps after it has cleared TF by SFMASK, so for one instruction SFMASK keeps TF. */
	d->sfmask_lent = d->kind == SVMRT_STEP_SYSCALL && vmcb_get_SFMASK(vmcb) & RFLAGS_TF;
	if (d->sfmask_lent)
		vmcb_set_SFMASK(vmcb, vmcb_get_SFMASK(vmcb) & ~RFLAGS_TF);
}

/*
 * An event is delivered with the guest's own TF, because delivery pushes it. TF cannot catch the
 * handler's first instruction then, so a host interrupt that is already pending does.
 */
void svmrt_debug_before(struct svmrt_vcpu *vcpu)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;

	d->own_dr6 = vmcb_get_DR6(vmcb);
	d->own_dr7 = vmcb_get_DR7(vmcb);
	d->own_tf = vmcb_get_RFLAGS(vmcb) & RFLAGS_TF;
	d->tf_lent = d->rf_lent = d->sfmask_lent = false;
	d->injecting = vcpu->pending_event;
	d->kind = SVMRT_STEP_PLAIN;
	vmcb_set_DR6(vmcb, DR6_CLEAN);
	if (d->flags & SVMRT_DEBUG_HW) {
		vmcb_set_DR7(vmcb, d->dr7);
		arm_on_tcg(d->dr7);
		if (d->resume && !d->injecting && vmcb_get_RIP(vmcb) == d->resume_rip &&
		    !(vmcb_get_RFLAGS(vmcb) & RFLAGS_RF)) {
			d->rf_lent = true;
			vmcb_set_RFLAGS(vmcb, vmcb_get_RFLAGS(vmcb) | RFLAGS_RF);
		}
	}
	if (!(d->flags & SVMRT_DEBUG_STEP) && !d->internal)
		return;
	if (d->injecting)
		irq_work_queue(&d->exit_soon);
	else
		lend_tf(vcpu);
}

/* ---- After the exit: everything back ---- */

/* The image that PUSHF has just pushed: TF in it was ours. */
static void hide_pushed_tf(struct svmrt_vcpu *vcpu)
{
	const struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 linear = vmcb_get_RSP(vmcb), gpa, missing;
	u8 *byte;

	if (svmrt_vmcb_mode(vmcb) != SVMRT_LONG64) {
		if (!(vmcb_get_SS_ATTRIB(vmcb) & SVMRT_ATTRIB_D))
			linear = (u16)linear;
		linear = (u32)(linear + 1 + vmcb_get_SS_BASE(vmcb));
	} else {
		linear++;
	}
	if (!svmrt_guest_translate(vcpu, linear, &gpa, &missing))
		return;
	byte = svmrt_npt_peek(vcpu->vm, gpa, true);
	if (byte)
		*byte &= ~1;
}

/* TF of the guest after a completed step: see enum svmrt_step_kind. */
static bool tf_after(struct svmrt_vcpu *vcpu)
{
	struct svmrt_debug_state *d = &vcpu->debug;

	switch (d->kind) {
	case SVMRT_STEP_LOADS:
		return vmcb_get_RFLAGS(vcpu->vmcb) & RFLAGS_TF;
	case SVMRT_STEP_PUSHF:
		if (!d->own_tf)
			hide_pushed_tf(vcpu);
		return d->own_tf;
	case SVMRT_STEP_SYSCALL:
		if (!d->own_tf)
			vcpu->gpr[11] &= ~RFLAGS_TF;
		return d->own_tf && !d->sfmask_lent;
	default:
		return d->own_tf;
	}
}

static void set_flag(struct svmk_vmcb *vmcb, u64 flag, bool on)
{
	u64 rflags = vmcb_get_RFLAGS(vmcb);

	vmcb_set_RFLAGS(vmcb, on ? rflags | flag : rflags & ~flag);
}

/*
 * The DR6 bits that this VMRUN brought. Bochs takes the exit for #DB before it writes them: where there
 * is none at all, it is the step, unless the instruction raises #DB itself.
 */
static u64 new_bits(struct svmrt_vcpu *vcpu, u64 code)
{
	const struct svmrt_debug_state *d = &vcpu->debug;
	u64 bits = (vmcb_get_DR6(vcpu->vmcb) ^ DR6_CLEAN) & DR6_EVENTS;

	return !bits && code == CODE_DB && d->tf_lent && d->kind != SVMRT_STEP_ICEBP ? DR6_BS : bits;
}

/* Give back what was lent. */
static void take_back(struct svmrt_vcpu *vcpu, struct svmk_vmcb *vmcb, bool completed)
{
	struct svmrt_debug_state *d = &vcpu->debug;

	vmcb_set_DR6(vmcb, d->own_dr6);
	if (d->flags & SVMRT_DEBUG_HW) {
		arm_on_tcg(0);
		vmcb_set_DR7(vmcb, d->own_dr7);
	}
	if (d->tf_lent)
		set_flag(vmcb, RFLAGS_TF, completed ? tf_after(vcpu) : d->own_tf);
	if (d->rf_lent) {
		/* The processor clears RF when the instruction is done. */
		d->resume = vmcb_get_RFLAGS(vmcb) & RFLAGS_RF;
		set_flag(vmcb, RFLAGS_RF, false);
	}
	if (d->sfmask_lent)
		vmcb_set_SFMASK(vcpu->vmcb, vmcb_get_SFMASK(vcpu->vmcb) | RFLAGS_TF);
}

/* ---- Exits that are there for the debugger's sake only ---- */

static u64 gpr_read(struct svmrt_vcpu *vcpu, unsigned int number)
{
	return number == 0 ? vmcb_get_RAX(vcpu->vmcb) :
	       number == 4 ? vmcb_get_RSP(vcpu->vmcb) : vcpu->gpr[number];
}

static void gpr_write(struct svmrt_vcpu *vcpu, unsigned int number, u64 value)
{
	if (number == 0)
		vmcb_set_RAX(vcpu->vmcb, value);
	else if (number == 4)
		vmcb_set_RSP(vcpu->vmcb, value);
	else
		vcpu->gpr[number] = value;
}

static bool fetch(struct svmrt_vcpu *vcpu, u8 insn[SVMRT_FETCH_BYTES], unsigned int *count)
{
	u64 missing;

	*count = svmrt_guest_fetch(vcpu, insn, &missing);
	if (missing == ~0ULL || *count)
		return true;
	vcpu->populate_gpa = missing;
	return false;
}

static enum svmrt_leave not_that_instruction(struct svmrt_vcpu *vcpu, u64 code)
{
	snprintf(vcpu->text, sizeof(vcpu->text),
		 "exit %#llx at RIP %#llx: the bytes there are not the instruction that exited", code,
		 vmcb_get_RIP(vcpu->vmcb));
	return SVMRT_LEAVE_BROKEN;
}

static u64 next_rip(const struct svmk_vmcb *vmcb, unsigned int length)
{
	u64 rip = vmcb_get_RIP(vmcb) + length;

	return svmrt_vmcb_mode(vmcb) == SVMRT_LONG64 ? rip : (u32)rip;
}

/* MOV DRn with the guest's own registers (APM volume 2, 13.1.1). */
static enum svmrt_leave answer_mov_dr(struct svmrt_vcpu *vcpu, u64 code)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	bool long64 = svmrt_vmcb_mode(vmcb) == SVMRT_LONG64, write = code >= 0x30;
	unsigned int count, length, dr = code & 7, number;
	u8 insn[SVMRT_FETCH_BYTES];
	u64 value;
	int modrm;

	if (!fetch(vcpu, insn, &count))
		return SVMRT_LEAVE_FETCH;
	modrm = svmrt_step_mov_dr(insn, count, insn_mode(vmcb), &length);
	if (modrm < 0)
		return not_that_instruction(vcpu, code);
	if (modrm & 0x200 || (dr >> 1 == 2 && vmcb_get_CR4(vmcb) & CR4_DE))
		return svmrt_inject(vcpu, svmrt_event_exception(6, 0));
	if (vmcb_get_DR7(vmcb) & DR7_GD) {
		vmcb_set_DR7(vmcb, vmcb_get_DR7(vmcb) & ~DR7_GD);
		vmcb_set_DR6(vmcb, (vmcb_get_DR6(vmcb) & ~0xfULL) | DR6_BD);
		return svmrt_inject(vcpu, svmrt_event_exception(1, 0));
	}
	number = (modrm & 7) | (modrm & 0x100) >> 5;
	if (dr >> 1 == 2)
		dr += 2;	/* DR4 and DR5 are names of DR6 and DR7 */
	if (!write) {
		value = dr < 4 ? vcpu->dr[dr] : dr == 6 ? vmcb_get_DR6(vmcb) : vmcb_get_DR7(vmcb);
		gpr_write(vcpu, number, long64 ? value : (u32)value);
		return svmrt_skip_to(vcpu, next_rip(vmcb, length));
	}
	value = gpr_read(vcpu, number);
	if (!long64)
		value = (u32)value;
	if (dr >= 6 && value >> 32)
		return svmrt_inject(vcpu, svmrt_event_exception(13, 0));
	if (dr < 4) {
		vcpu->dr[dr] = value;
		if (vcpu->dr_loaded)
			set_debugreg((unsigned long)value, dr);
	} else if (dr == 6) {
		vmcb_set_DR6(vmcb, (value & DR6_EVENTS) | DR6_CLEAN);
	} else {
		vmcb_set_DR7(vmcb, (value & 0xffff23ffULL) | DR7_ONE);
	}
	vcpu->dr_live = true;
	return svmrt_skip_to(vcpu, next_rip(vmcb, length));
}

static enum svmrt_leave report(struct svmrt_vcpu *vcpu, u64 bits)
{
	vcpu->debug.report |= bits;
	return SVMRT_LEAVE_DEBUG;
}

/* INT n, INT3, INTO: the debugger's, or delivered as type 4, whose gate check the hardware makes. */
static enum svmrt_leave answer_swint(struct svmrt_vcpu *vcpu, u64 code)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	unsigned int count, length;
	u8 insn[SVMRT_FETCH_BYTES];
	int vector;

	if (!fetch(vcpu, insn, &count))
		return SVMRT_LEAVE_FETCH;
	vector = svmrt_step_swint(insn, count, insn_mode(vmcb), &length);
	if (vector < 0)
		return not_that_instruction(vcpu, code);
	if (vector == 3 && length && insn[length - 1] == 0xcc && d->flags & SVMRT_DEBUG_BREAK)
		return report(vcpu, SVMRT_DEBUG_HIT_BREAK);
	if (code == CODE_SWINT ? vcpu->intercepts[3] & SWINT_BIT : vcpu->intercepts[2] & BIT(3))
		return svmrt_handle_exit(vcpu);
	d->soft_rip = vmcb_get_RIP(vmcb);
	d->soft_event = SVMRT_EV_V | SVMRT_EV_SOFT | (u32)vector;
	vcpu->pending_event = d->soft_event;
	vmcb_set_RIP(vmcb, next_rip(vmcb, length));
	vmcb_set_NRIP(vmcb, vmcb_get_RIP(vmcb));
	vmcb_set_INTERRUPT_SHADOW(vmcb, 0);
	return SVMRT_ENTER;
}

/* A software interrupt whose delivery faults is a fault of the INT instruction. */
static void undo_soft_event(struct svmrt_vcpu *vcpu, u64 code)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	u64 info = vmcb_get_EXITINTINFO(vcpu->vmcb);

	if (!(info & SVMRT_EV_V) || (info & SVMRT_EV_TYPE) != SVMRT_EV_SOFT) {
		d->soft_event = 0;
	} else if (d->soft_event && code - 0x40 < 0x20 && code != CODE_DB) {
		vmcb_set_RIP(vcpu->vmcb, d->soft_rip);
		d->soft_event = 0;
	}
}

/* Is one of the breakpoints that hit for instructions? Those stop before, all others after. */
static bool stopped_before(u64 dr7, u64 hits)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (hits >> i & 1 && !(dr7 >> (16 + 4 * i) & 3))
			return true;
	return false;
}

/* #DB: whose are the bits? Those of the guest go to the policy, as without a debugger. */
static enum svmrt_leave split_db(struct svmrt_vcpu *vcpu, u64 bits)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 ours = 0;

	if (d->tf_lent)
		ours |= bits & DR6_BS;
	if (d->flags & SVMRT_DEBUG_HW)
		ours |= bits & 0xf;
	bits &= ~(ours & 0xf);
	if (!d->own_tf)
		bits &= ~(ours & DR6_BS);
	if (!(d->flags & SVMRT_DEBUG_STEP) && ours == DR6_BS && !bits) {
		/* A step for irq.c, which has seen its end. */
		vcpu->pending_event = svmrt_interrupted_event(vcpu);
		return SVMRT_ENTER;
	}
	d->report |= d->flags & SVMRT_DEBUG_STEP ? ours : ours & ~DR6_BS;
	if (stopped_before(d->dr7, ours)) {
		d->resume = true;
		d->resume_rip = vmcb_get_RIP(vmcb);
	}
	if (!bits && ours) {
		vcpu->pending_event = svmrt_interrupted_event(vcpu);
		return SVMRT_LEAVE_DEBUG;
	}
	vmcb_set_DR6(vmcb, (vmcb_get_DR6(vmcb) & ~0xfULL) | bits);
	return svmrt_handle_exit(vcpu);
}

static enum svmrt_leave handle(struct svmrt_vcpu *vcpu, u64 code, u64 bits)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	bool delivered = d->injecting && !(vmcb_get_EXITINTINFO(vmcb) & SVMRT_EV_V);

	undo_soft_event(vcpu, code);
	if (code == CODE_DB)
		return split_db(vcpu, bits);
	if (delivered && d->flags & SVMRT_DEBUG_STEP) {
		/* Whatever this exit is, the handler's first instruction comes to it again. */
		vcpu->pending_event = 0;
		if (code == CODE_MC)
			svmrt_handle_exit(vcpu);
		return report(vcpu, DR6_BS);
	}
	if (code == CODE_SWINT || (code == CODE_BP && d->flags & (SVMRT_DEBUG_BREAK |
								     SVMRT_DEBUG_STEP))) {
		vcpu->pending_event = 0;
		return answer_swint(vcpu, code);
	}
	if (code - 0x20 < 0x20 && !(vcpu->intercepts[1] >> (code - 0x20) & 1)) {
		vcpu->pending_event = svmrt_interrupted_event(vcpu);
		return answer_mov_dr(vcpu, code);
	}
	if (code - 0x40 < 0x20 && !(vcpu->intercepts[2] >> (code - 0x40) & 1)) {
		vcpu->pending_event = svmrt_interrupted_event(vcpu);
		if (code == CODE_PF)
			vmcb_set_CR2(vmcb, vmcb_get_EXITINFO2(vmcb));
		return svmrt_inject(vcpu, svmrt_event_exception(code - 0x40,
								(u32)vmcb_get_EXITINFO1(vmcb)));
	}
	return svmrt_handle_exit(vcpu);
}

enum svmrt_leave svmrt_debug_after(struct svmrt_vcpu *vcpu)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	u64 code = svmrt_exit_code(vcpu->vmcb), bits;
	enum svmrt_leave leave;
	bool completed;

	if (code == 0x7f || code >= 0xfffffffffffffffcULL) {
		take_back(vcpu, vcpu->inputs, false);
		return svmrt_handle_exit(vcpu);
	}
	bits = new_bits(vcpu, code);
	completed = code == CODE_DB && d->tf_lent && bits & DR6_BS;
	take_back(vcpu, vcpu->vmcb, completed);
	leave = handle(vcpu, code, bits);
	if (d->internal) {
		d->internal = false;	/* once: irq.c looks again before the next VMRUN */
		svmrt_intercepts_update(vcpu);
	}
	return leave == SVMRT_ENTER && d->report ? SVMRT_LEAVE_DEBUG : leave;
}

void svmrt_debug_skipped(struct svmrt_vcpu *vcpu)
{
	if (vcpu->debug.flags & SVMRT_DEBUG_STEP)
		vcpu->debug.report |= DR6_BS;
}

void svmrt_debug_user_finished(struct svmrt_vcpu *vcpu)
{
	struct svmrt_debug_state *d = &vcpu->debug;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 code = svmrt_exit_code(vmcb), event;

	/* An exception, or an instruction that goes on (REP), is not done. */
	if (code - 0x40 < 0x20 || vmcb_get_RIP(vmcb) == d->exit_rip)
		return;
	if (d->flags & SVMRT_DEBUG_STEP)
		d->report |= DR6_BS;
	if (!(vmcb_get_RFLAGS(vmcb) & RFLAGS_TF))
		return;
	vmcb_set_DR6(vmcb, (vmcb_get_DR6(vmcb) & ~0xfULL) | DR6_BS);
	event = svmrt_event_merge(vcpu->pending_event, svmrt_event_exception(1, 0));
	if (event != SVMRT_EV_SHUTDOWN)
		vcpu->pending_event = event;
}
