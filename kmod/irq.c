// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of interrupts (C4), as gates.c decides. NMI, and vectors that the guest can take now, go
 * through EVENTINJ. Others through V_IRQ, with the vector in V_INTR_VECTOR: the processor itself waits
 * for IF, the shadow and V_TPR, and a cleared V_IRQ after the exit says that it was taken.
 */
#include <linux/irq_work.h>
#include <linux/sched/signal.h>
#include <asm/svm.h>
#include "debug.h"
#include "event.h"
#include "exit.h"
#include "gates.h"
#include "irq.h"
#include "mode.h"

#define RFLAGS_IF BIT_ULL(9)
#define CODE_CR8_WRITE 0x18
#define CODE_VINTR 0x64
#define CODE_IRET 0x74
#define CR0_CD_NW 0x60000000ULL

/* On the CPU that runs the guest, which has left it for this. */
static void poked(void *irq)
{
	clear_bit_unlock(0, &((struct svmrt_irq_state *)irq)->poking);
}

void svmrt_irq_init(struct svmrt_vcpu *vcpu)
{
	INIT_CSD(&vcpu->irq.poke, poked, &vcpu->irq);
	vcpu->irq.sent = vcpu->irq.extint_vector = -1;
}

void svmrt_irq_free(struct svmrt_vcpu *vcpu)
{
	svmrt_apic_free(vcpu);
	while (test_bit(0, &vcpu->irq.poking))
		cpu_relax();
}

void svmrt_irq_poke(struct svmrt_vcpu *vcpu)
{
	int cpu;

	smp_mb(); /* what is pending before the look at cpu; pairs with slice() */
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu >= 0 && cpu != raw_smp_processor_id() &&
	    !test_and_set_bit_lock(0, &vcpu->irq.poking) &&
	    smp_call_function_single_async(cpu, &vcpu->irq.poke))
		clear_bit_unlock(0, &vcpu->irq.poking);		/* that CPU has gone */
	if (wq_has_sleeper(&vcpu->wait_queue))
		wake_up_interruptible(&vcpu->wait_queue);
}

void svmrt_irq_request(struct svmrt_vcpu *vcpu, unsigned int request)
{
	set_bit(request, &vcpu->irq.requests);
	set_bit(SVMRT_HOOK_IRQ, &vcpu->hooks);
	svmrt_irq_poke(vcpu);
}

int svmrt_irq_extint(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_extint *arg)
{
	bool rose;

	if (arg->level > 1) {
		svmrt_err(arg, "vCPU %u: the INTR line has level 0 or 1, not %u", vcpu->index, arg->level);
		return -EINVAL;
	}
	rose = !xchg(&vcpu->irq.extint, arg->level) && arg->level;
	if (rose && vcpu->apic)
		svmrt_apic_line_rises(vcpu);
	if (arg->level) {
		set_bit(SVMRT_HOOK_IRQ, &vcpu->hooks);
		svmrt_irq_poke(vcpu);
	}
	return 0;
}

int svmrt_irq_init_sipi(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_init *arg)
{
	if (arg->flags & ~(SVMRT_INIT_INIT | SVMRT_INIT_SIPI) || !arg->flags || arg->vector > 255) {
		svmrt_err(arg, "vCPU %u: flags %#x (INIT 1, SIPI 2), vector %#x (at most 0xff)", vcpu->index,
			  arg->flags, arg->vector);
		return -EINVAL;
	}
	if (arg->flags & SVMRT_INIT_INIT)
		svmrt_irq_request(vcpu, SVMRT_REQ_INIT);
	if (arg->flags & SVMRT_INIT_SIPI) {
		WRITE_ONCE(vcpu->irq.sipi_vector, arg->vector);
		svmrt_irq_request(vcpu, SVMRT_REQ_SIPI);
	}
	return 0;
}

int svmrt_irq_inta(struct svmrt_vcpu *vcpu, u32 vector)
{
	if (vector > 255 || !vcpu->irq.inta_asked)
		return -EINVAL;
	vcpu->irq.inta_asked = false;
	vcpu->irq.extint_vector = vector;
	return 0;
}

/* ---- INIT and SIPI (APM volume 2, 14.1.3 and 15.27.8) ---- */

static void set_segment(struct svmk_vmcb *vmcb, unsigned int offset, u64 selector, u64 attrib, u64 base)
{
	vmcb_set_field(vmcb, offset, 2, 15, 0, 8, selector);
	vmcb_set_field(vmcb, offset + 2, 2, 15, 0, 8, attrib);
	vmcb_set_field(vmcb, offset + 4, 4, 31, 0, 8, 0xffff);
	vmcb_set_field(vmcb, offset + 8, 8, 63, 0, 8, base);
}

static void init_state(struct svmrt_vcpu *vcpu)
{
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	const struct svmrt_cpuid_row *row = svmrt_cpuid_find(vcpu->vm, 1, 0);
	unsigned int i;

	set_segment(vmcb, 0x410, 0xf000, 0x9b, 0xffff0000);	/* CS */
	set_segment(vmcb, 0x400, 0, 0x93, 0);			/* ES SS DS FS GS */
	set_segment(vmcb, 0x420, 0, 0x93, 0);
	set_segment(vmcb, 0x430, 0, 0x93, 0);
	set_segment(vmcb, 0x440, 0, 0x93, 0);
	set_segment(vmcb, 0x450, 0, 0x93, 0);
	set_segment(vmcb, 0x460, 0, 0, 0);			/* GDTR LDTR IDTR TR */
	set_segment(vmcb, 0x470, 0, 0x82, 0);
	set_segment(vmcb, 0x480, 0, 0, 0);
	set_segment(vmcb, 0x490, 0, 0x8b, 0);
	vmcb_set_CPL(vmcb, 0);
	vmcb_set_EFER(vmcb, 1 << 12);	/* SVME, without which VMRUN refuses the guest */
	vmcb_set_CR0(vmcb, (vmcb_get_CR0(vmcb) & CR0_CD_NW) | 0x10);
	vmcb_set_CR2(vmcb, 0);
	vmcb_set_CR3(vmcb, 0);
	vmcb_set_CR4(vmcb, 0);
	vmcb_set_DR6(vmcb, 0xffff0ff0);
	vmcb_set_DR7(vmcb, 0x400);
	vmcb_set_RFLAGS(vmcb, 2);
	vmcb_set_RIP(vmcb, 0xfff0);
	vmcb_set_RSP(vmcb, 0);
	vmcb_set_RAX(vmcb, 0);
	vmcb_set_INTERRUPT_SHADOW(vmcb, 0);
	vmcb_set_V_TPR(vmcb, 0);
	vmcb_set_VMCB_CLEAN(vmcb, 0);
	for (i = 0; i < 16; i++)
		vcpu->gpr[i] = 0;
	vcpu->gpr[2] = row ? row->set[0] : 0;	/* EDX: family, model, stepping */
	for (i = 0; i < 4; i++)
		vcpu->dr[i] = 0;
	svmrt_state_init_lazy(vcpu);
}

void svmrt_irq_process(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;
	u32 vector;

	if (test_and_clear_bit(SVMRT_REQ_INIT, &irq->requests)) {
		init_state(vcpu);
		vcpu->pending_event = 0;
		vcpu->halted = false;
		irq->nmi_blocked = irq->iretting = false;
		irq->extint_vector = -1;
		clear_bit(SVMRT_REQ_NMI, &irq->requests);
		clear_bit(SVMRT_REQ_EXTINT, &irq->requests);
		if (vcpu->apic)
			svmrt_apic_reset(vcpu);
		svmrt_intercepts_update(vcpu);
		irq->wait_sipi = vcpu->index != 0;
	}
	if (test_and_clear_bit(SVMRT_REQ_SIPI, &irq->requests) && irq->wait_sipi) {
		vector = READ_ONCE(irq->sipi_vector) & 0xff;
		set_segment(vcpu->vmcb, 0x410, vector << 8, 0x9b, vector << 12);
		vmcb_set_RIP(vcpu->vmcb, 0);
		irq->wait_sipi = false;
		vcpu->halted = false;
	}
}

/* The line, where LINT0 lets it through; or a message of that kind, which needs no LINT0. */
static bool extint_wanted(struct svmrt_vcpu *vcpu)
{
	return test_bit(SVMRT_REQ_EXTINT, &vcpu->irq.requests) ||
	       (READ_ONCE(vcpu->irq.extint) && (!vcpu->apic || svmrt_apic_takes_extint(vcpu)));
}

/* What waits, and the gates before it. */
static void look(struct svmrt_vcpu *vcpu, struct svmrt_gates *gates)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	gates->nmi = test_bit(SVMRT_REQ_NMI, &irq->requests);
	gates->extint = extint_wanted(vcpu);
	gates->from_inta = irq->extint_vector >= 0;
	gates->vector = gates->from_inta ? irq->extint_vector :
			vcpu->apic ? svmrt_apic_pending(vcpu) : -1;
	gates->below_tpr = vcpu->apic && svmrt_apic_masked(vcpu);
	gates->nmi_blocked = irq->nmi_blocked;
	gates->iretting = irq->iretting;
	gates->moved = vmcb_get_RIP(vcpu->vmcb) != irq->iret_rip;
	gates->open = vmcb_get_RFLAGS(vcpu->vmcb) & RFLAGS_IF;
	gates->shadow = vmcb_get_INTERRUPT_SHADOW(vcpu->vmcb);
	gates->event = vcpu->pending_event;
	/* Under a step a host interrupt makes the guest exit at once, before QEMU can deliver it twice. */
	gates->can_inject = !svmrt_on_tcg || vcpu->debug.flags & SVMRT_DEBUG_STEP;
}

bool svmrt_irq_wakes(struct svmrt_vcpu *vcpu)
{
	struct svmrt_gates gates;

	if (READ_ONCE(vcpu->irq.requests) & (BIT(SVMRT_REQ_INIT) | BIT(SVMRT_REQ_SIPI)))
		return true;
	if (vcpu->irq.wait_sipi)
		return false;
	look(vcpu, &gates);
	return svmrt_gates_wakes(&gates);
}

/* ---- Before VMRUN ---- */

static void intercept(struct svmrt_vcpu *vcpu, const struct svmrt_gates_plan *plan)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	if (irq->vintr == plan->vintr && irq->cr8 == plan->cr8 && irq->iret == plan->iret &&
	    vcpu->debug.internal == plan->step)
		return;
	irq->vintr = plan->vintr;
	irq->cr8 = plan->cr8;
	irq->iret = plan->iret;
	vcpu->debug.internal = plan->step;
	svmrt_intercepts_update(vcpu);
}

/* g->vector is on its way, by V_IRQ or by EVENTINJ. */
static void send(struct svmrt_vcpu *vcpu, const struct svmrt_gates *g,
		 const struct svmrt_gates_plan *plan)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	irq->sent = g->vector;
	irq->injected = plan->inject_vector;
	if (irq->injected)
		vcpu->pending_event = SVMRT_EV_V | SVMRT_EV_INTR | (u32)g->vector;
	if (!g->from_inta)
		svmrt_apic_take(vcpu, g->vector);
}

static void set_v_irq(struct svmrt_vcpu *vcpu, const struct svmrt_gates_plan *plan)
{
	vmcb_set_V_INTR_VECTOR(vcpu->vmcb, plan->vintr ? 0 : vcpu->irq.sent);
	vmcb_set_V_INTR_PRIO(vcpu->vmcb, plan->priority);
	vmcb_set_V_IGN_TPR(vcpu->vmcb, plan->ignore_tpr);
	vmcb_set_V_IRQ(vcpu->vmcb, 1);
}

enum svmrt_leave svmrt_irq_before(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;
	struct svmrt_gates_plan plan;
	struct svmrt_gates gates;

	irq->sent = -1;
	if (irq->wait_sipi ||
	    READ_ONCE(irq->requests) & (BIT(SVMRT_REQ_INIT) | BIT(SVMRT_REQ_SIPI)))
		return SVMRT_LEAVE_RESCHED;
	if (vcpu->apic)
		vmcb_set_V_TPR(vcpu->vmcb, svmrt_apic_tpr(vcpu) >> 4);
	look(vcpu, &gates);
	plan = svmrt_gates_before(&gates);
	irq->nmi_blocked = plan.nmi_blocked;
	irq->iretting = plan.iretting;
	if (plan.ask_inta) {
		clear_bit(SVMRT_REQ_EXTINT, &irq->requests);
		irq->inta_asked = true;
		return SVMRT_LEAVE_INTA;
	}
	if (plan.inject_nmi) {
		clear_bit(SVMRT_REQ_NMI, &irq->requests);
		vcpu->pending_event = SVMRT_EV_V | SVMRT_EV_NMI | 2;
	}
	if (plan.exit_soon)
		irq_work_queue(&vcpu->debug.exit_soon);
	if (plan.inject_vector || (plan.v_irq && !plan.vintr))
		send(vcpu, &gates, &plan);
	if (plan.v_irq)
		set_v_irq(vcpu, &plan);
	intercept(vcpu, &plan);
	return SVMRT_ENTER;
}

/* ---- After the exit ---- */

void svmrt_irq_after(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	bool v_irq = vmcb_get_V_IRQ(vmcb);
	enum svmrt_gates_taken taken;

	if (v_irq)
		vmcb_set_V_IRQ(vmcb, 0);
	if (vcpu->apic && vmcb_get_V_TPR(vmcb) != svmrt_apic_tpr(vcpu) >> 4)
		svmrt_apic_set_tpr(vcpu, vmcb_get_V_TPR(vmcb) << 4);
	if (irq->sent < 0)
		return;
	taken = svmrt_gates_after(irq->sent, v_irq, vmcb_get_EXITINTINFO(vmcb),
				  vmcb_get_RFLAGS(vmcb) & RFLAGS_IF, svmrt_on_tcg);
	if (taken == SVMRT_CUT_SHORT) {
		vmcb_set_EXITINTINFO(vmcb, 0);
		vcpu->debug.injecting = false;	/* nothing was delivered that a step could end at */
	}
	if (irq->extint_vector < 0)
		svmrt_apic_taken(vcpu, irq->sent, taken == SVMRT_TAKEN);
	else if (taken == SVMRT_TAKEN)
		irq->extint_vector = -1;
	irq->sent = -1;
	vcpu->stats.interrupts += taken == SVMRT_TAKEN;
}

void svmrt_irq_not_entered(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	vmcb_set_V_IRQ(vcpu->vmcb, 0);
	if (irq->sent < 0)
		return;
	if (irq->injected)
		vcpu->pending_event = 0;
	if (irq->extint_vector < 0)
		svmrt_apic_taken(vcpu, irq->sent, false);
	irq->sent = -1;
}

/* MOV to CR8 while something waits for it (APM volume 2, 8.5.1: CR8 is the TPR's upper half). */
static enum svmrt_leave write_cr8(struct svmrt_vcpu *vcpu)
{
	u64 missing, next = svmrt_next_rip(vcpu, CODE_CR8_WRITE, &missing), value;
	unsigned int count, at, number;
	u8 insn[SVMRT_FETCH_BYTES];

	count = svmrt_guest_fetch(vcpu, insn, &missing);
	if (!next || !count) {
		vcpu->populate_gpa = missing;
		return missing == ~0ULL ? SVMRT_LEAVE_EXIT : SVMRT_LEAVE_FETCH;
	}
	at = (unsigned int)(next - vmcb_get_RIP(vcpu->vmcb)) - 1;
	if (at >= count || at < 2)
		return SVMRT_LEAVE_EXIT;
	number = insn[at] & 7;
	if (at >= 3 && (insn[at - 3] & 0xf0) == 0x40)
		number |= (insn[at - 3] & 1) << 3;
	value = number == 0 ? vmcb_get_RAX(vcpu->vmcb) : number == 4 ? vmcb_get_RSP(vcpu->vmcb) :
		vcpu->gpr[number];
	if (svmrt_vmcb_mode(vcpu->vmcb) != SVMRT_LONG64)
		value = (u32)value;
	if (value >> 4)
		return svmrt_inject(vcpu, svmrt_event_exception(13, 0));
	if (vcpu->apic)
		svmrt_apic_set_tpr(vcpu, (u32)value << 4);
	vmcb_set_V_TPR(vcpu->vmcb, value);
	return svmrt_skip_to(vcpu, next);
}

bool svmrt_irq_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	*leave = SVMRT_ENTER;
	switch (code) {
	case CODE_VINTR:
		if (!irq->vintr)
			return false;
		vcpu->stats.interrupt_windows++;
		return true;
	case CODE_CR8_WRITE:
		if (!irq->cr8 || vcpu->intercepts[0] & BIT(CODE_CR8_WRITE))
			return false;
		*leave = write_cr8(vcpu);
		return true;
	case CODE_IRET:
		if (!irq->iret)
			return false;
		irq->iretting = true;
		irq->iret_rip = vmcb_get_RIP(vcpu->vmcb);
		return !(vcpu->intercepts[3] & BIT(CODE_IRET - 0x60));
	default:
		if (vcpu->apic && svmrt_apic_exit(vcpu, code, leave))
			return true;
		return vcpu->vm->has_doorbells && svmrt_ioevent_exit(vcpu, code, leave);
	}
}
