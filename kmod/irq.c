// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery of interrupts (C4). Maskable ones go through V_IRQ, with the vector in V_INTR_VECTOR: the
 * processor itself waits for IF, the shadow and V_TPR, and a cleared V_IRQ after the exit says that it
 * was taken. EVENTINJ is for NMI only: emulators may deliver an injected INTR twice.
 */
#include <linux/irq_work.h>
#include <linux/sched/signal.h>
#include <asm/svm.h>
#include "debug.h"
#include "event.h"
#include "exit.h"
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
	if (arg->level > 1) {
		svmrt_err(arg, "vCPU %u: the INTR line has level 0 or 1, not %u", vcpu->index, arg->level);
		return -EINVAL;
	}
	WRITE_ONCE(vcpu->irq.extint, arg->level);
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
	svmrt_state_init_debug(vcpu);
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

static bool extint_wanted(struct svmrt_vcpu *vcpu)
{
	return READ_ONCE(vcpu->irq.extint) && (!vcpu->apic || svmrt_apic_takes_extint(vcpu));
}

bool svmrt_irq_wakes(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	if (READ_ONCE(irq->requests) & (BIT(SVMRT_REQ_INIT) | BIT(SVMRT_REQ_SIPI)))
		return true;
	if (irq->wait_sipi)
		return false;
	if (test_bit(SVMRT_REQ_NMI, &irq->requests) && !irq->nmi_blocked)
		return true;
	if (!(vmcb_get_RFLAGS(vcpu->vmcb) & RFLAGS_IF))
		return false;
	return irq->extint_vector >= 0 || extint_wanted(vcpu) ||
	       (vcpu->apic && svmrt_apic_pending(vcpu) >= 0);
}

/* ---- Before VMRUN ---- */

static void want(struct svmrt_vcpu *vcpu, bool vintr, bool cr8, bool iret)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	if (irq->vintr == vintr && irq->cr8 == cr8 && irq->iret == iret)
		return;
	irq->vintr = vintr;
	irq->cr8 = cr8;
	irq->iret = iret;
	svmrt_intercepts_update(vcpu);
}

static void step_once(struct svmrt_vcpu *vcpu)
{
	vcpu->debug.internal = true;
	svmrt_intercepts_update(vcpu);
}

/*
 * pending | blocked | shadow | another event | then
 * no      | -       | -      | -             | nothing
 * yes     | yes     | -      | -             | IRET is intercepted; once at it, step over it
 * yes     | no      | yes    | -             | step over the shadowed instruction
 * yes     | no      | no     | yes           | exit again as soon as that one is delivered
 * yes     | no      | no     | no            | inject
 */
static void consider_nmi(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	if (irq->iretting && vmcb_get_RIP(vcpu->vmcb) != irq->iret_rip)
		irq->iretting = irq->nmi_blocked = false;
	if (!test_bit(SVMRT_REQ_NMI, &irq->requests))
		return;
	if (irq->nmi_blocked) {
		if (irq->iretting)
			step_once(vcpu);
	} else if (vmcb_get_INTERRUPT_SHADOW(vcpu->vmcb)) {
		step_once(vcpu);
	} else if (vcpu->pending_event) {
		irq_work_queue(&vcpu->debug.exit_soon);
	} else {
		clear_bit(SVMRT_REQ_NMI, &irq->requests);
		vcpu->pending_event = SVMRT_EV_V | SVMRT_EV_NMI | 2;
		irq->nmi_blocked = true;
		irq->iretting = false;
	}
}

static void set_v_irq(struct svmrt_vcpu *vcpu, u32 vector, u32 priority, bool ignore_tpr)
{
	vmcb_set_V_INTR_VECTOR(vcpu->vmcb, vector);
	vmcb_set_V_INTR_PRIO(vcpu->vmcb, priority);
	vmcb_set_V_IGN_TPR(vcpu->vmcb, ignore_tpr);
	vmcb_set_V_IRQ(vcpu->vmcb, 1);
}

/* ExtINT needs its vector from user space, at the moment when the guest takes it. */
static enum svmrt_leave consider_extint(struct svmrt_vcpu *vcpu, bool *vintr)
{
	bool open = vmcb_get_RFLAGS(vcpu->vmcb) & RFLAGS_IF && !vcpu->pending_event &&
		    !vmcb_get_INTERRUPT_SHADOW(vcpu->vmcb);

	if (open) {
		vcpu->irq.inta_asked = true;
		return SVMRT_LEAVE_INTA;
	}
	*vintr = true;
	set_v_irq(vcpu, 0, 15, true);
	return SVMRT_ENTER;
}

enum svmrt_leave svmrt_irq_before(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;
	enum svmrt_leave leave = SVMRT_ENTER;
	bool vintr = false, cr8 = false;
	int vector = -1;

	irq->sent = -1;
	if (irq->wait_sipi ||
	    READ_ONCE(irq->requests) & (BIT(SVMRT_REQ_INIT) | BIT(SVMRT_REQ_SIPI)))
		return SVMRT_LEAVE_RESCHED;
	consider_nmi(vcpu);
	if (vcpu->apic) {
		vmcb_set_V_TPR(vcpu->vmcb, svmrt_apic_tpr(vcpu) >> 4);
		vector = svmrt_apic_pending(vcpu);
		cr8 = vector >= 0 || svmrt_apic_masked(vcpu);
	}
	if (irq->extint_vector >= 0)
		vector = irq->extint_vector;
	if (vector >= 0 && vmcb_get_INTERRUPT_SHADOW(vcpu->vmcb) &&
	    vmcb_get_RFLAGS(vcpu->vmcb) & RFLAGS_IF) {
		/* QEMU does not load the shadow at VMRUN and would deliver in it. */
		step_once(vcpu);
	} else if (vector >= 0) {
		irq->sent = vector;
		if (irq->extint_vector < 0)
			svmrt_apic_take(vcpu, vector);
		set_v_irq(vcpu, vector, irq->extint_vector >= 0 ? 15 : vector >> 4,
			  irq->extint_vector >= 0);
	} else if (extint_wanted(vcpu)) {
		leave = consider_extint(vcpu, &vintr);
	}
	want(vcpu, vintr, cr8 || vintr || irq->extint_vector >= 0, irq->nmi_blocked && !irq->iretting);
	return leave;
}

/* ---- After the exit ---- */

void svmrt_irq_after(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;
	struct svmk_vmcb *vmcb = vcpu->vmcb;
	u64 info = vmcb_get_EXITINTINFO(vmcb), type = info & SVMRT_EV_TYPE;
	bool taken = !vmcb_get_V_IRQ(vmcb);

	if (!taken)
		vmcb_set_V_IRQ(vmcb, 0);
	if (vcpu->apic && vmcb_get_V_TPR(vmcb) != svmrt_apic_tpr(vcpu) >> 4)
		svmrt_apic_set_tpr(vcpu, vmcb_get_V_TPR(vmcb) << 4);
	if (irq->sent < 0)
		return;
	if (info & SVMRT_EV_V && (info & 0xff) == irq->sent &&
	    (type == SVMRT_EV_INTR || (type == SVMRT_EV_EXCEPTION && irq->sent >= 32))) {
		/* Cut short (QEMU leaves V_IRQ set then): not accepted yet, so it just stays pending. */
		vmcb_set_EXITINTINFO(vmcb, 0);
		taken = false;
	} else if (svmrt_on_tcg && !(u32)info) {
		/*
		 * VMRUN of QEMU sets its own note of V_IRQ without a lock and can lose it. It leaves the
		 * last event that it delivered in EXITINTINFO, without V: there was none, so not this.
		 */
		taken = false;
	}
	if (irq->extint_vector < 0)
		svmrt_apic_taken(vcpu, irq->sent, taken);
	else if (taken)
		irq->extint_vector = -1;
	irq->sent = -1;
	vcpu->stats.interrupts += taken;
}

void svmrt_irq_not_entered(struct svmrt_vcpu *vcpu)
{
	struct svmrt_irq_state *irq = &vcpu->irq;

	vmcb_set_V_IRQ(vcpu->vmcb, 0);
	if (irq->sent >= 0 && irq->extint_vector < 0)
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
