// SPDX-License-Identifier: GPL-2.0-only
/*
 * Local APICs in the kernel: the register file of lapic.c with a lock, a timer and the other vCPUs.
 * Callable with interrupts off from any context; apic->lock is taken for one APIC at a time and never
 * while a message is being sent.
 */
#include <linux/hrtimer.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <asm/tsc.h>
#include "event.h"
#include "exit.h"
#include "irq.h"
#include "mode.h"
#include "mov.h"

#define CODE_MSR 0x7c
#define CODE_NPF 0x400
#define SLOT_NPF 0x100
#define MSR_APIC_BASE 0x1b
#define MSR_DEADLINE 0x6e0
#define MSR_X2APIC 0x800
#define BASE_MASK (((1ULL << SVMRT_GPA_BITS) - 1) & PAGE_MASK)
#define MIN_PERIOD_NS 20000	/* a guest must not keep the host's CPU busy with timers */

struct svmrt_apic {
	raw_spinlock_t lock;
	struct svmrt_lapic regs;
	struct svmrt_vcpu *vcpu;
	struct hrtimer timer;
	bool armed;
	u64 expires_ns;			/* by the APIC's clock, as all its times */
	u64 behind_ns;			/* that clock: CLOCK_MONOTONIC less the pauses so far */
	bool stopped;			/* the clock, at vm->stopped_at; see time.c */
	struct svmrt_moment stopped_at;
};

int svmrt_vm_irqchip(struct svmrt_vm *vm, struct svmrt_irqchip *arg)
{
	int err = 0;
	u32 i;

	if ((arg->flags & ~SVMRT_IRQCHIP_VIRTUAL_WIRE) != SVMRT_IRQCHIP_LAPIC) {
		svmrt_err(arg, "interrupt controller flags %#x: local APICs (1) exist, and with them the virtual wire (2)",
			  arg->flags);
		return -EINVAL;
	}
	mutex_lock(&vm->lock);
	for (i = 0; i < SVMRT_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			err = -EEXIST;
	if (vm->irqchip)
		err = -EEXIST;
	if (err) {
		svmrt_err(arg, "local APICs are decided once, before the VM's first vCPU");
	} else {
		vm->irqchip = true;
		vm->virtual_wire = arg->flags & SVMRT_IRQCHIP_VIRTUAL_WIRE;
	}
	mutex_unlock(&vm->lock);
	return err;
}

/* ---- Timer ---- */

static u64 clock_ns(const struct svmrt_apic *apic)
{
	return (apic->stopped ? apic->stopped_at.ns : ktime_get_ns()) - apic->behind_ns;
}

static u64 guest_tsc(const struct svmrt_apic *apic)
{
	return (apic->stopped ? apic->stopped_at.tsc : rdtsc()) +
	       vmcb_get_TSC_OFFSET(apic->vcpu->vmcb);
}

static void start_timer(struct svmrt_apic *apic)
{
	hrtimer_start(&apic->timer, ns_to_ktime(apic->expires_ns + apic->behind_ns),
		      HRTIMER_MODE_ABS_HARD);
}

static void disarm(struct svmrt_apic *apic)
{
	apic->armed = false;
	hrtimer_try_to_cancel(&apic->timer);	/* one that runs right now sees that it is not armed */
}

static void arm(struct svmrt_apic *apic, u64 expires_ns)
{
	apic->armed = true;
	apic->expires_ns = expires_ns;
	if (!apic->stopped)
		start_timer(apic);
}

static void program(struct svmrt_apic *apic, u64 now_ns)
{
	u64 period = svmrt_lapic_period_ns(&apic->regs), left, tsc;
	const u32 khz = apic->vcpu->vm->tsc_khz;

	if (svmrt_lapic_timer_mode(&apic->regs) == TIMER_TSC_DEADLINE) {
		if (!apic->regs.tsc_deadline) {
			disarm(apic);
			return;
		}
		tsc = guest_tsc(apic);
		left = (s64)(apic->regs.tsc_deadline - tsc) > 0 ? apic->regs.tsc_deadline - tsc : 0;
		/* 2^63 ticks need not be exact; the product must not overflow. */
		left = left >> 40 ? left / khz * 1000000 : left * 1000000 / khz;
		arm(apic, now_ns + min_t(u64, left, S64_MAX / 2));
		return;
	}
	if (!period) {
		disarm(apic);
		return;
	}
	left = now_ns - apic->regs.timer_start_ns;
	if (svmrt_lapic_timer_mode(&apic->regs) == TIMER_PERIODIC)
		arm(apic, apic->regs.timer_start_ns +
		    max_t(u64, (left / period + 1) * period, left + MIN_PERIOD_NS));
	else if (left < period)
		arm(apic, apic->regs.timer_start_ns + period);
	else
		disarm(apic);
}

/*
 * A tick that finds the last one still in IRR, and ticks that the host could not give in time, are
 * one interrupt: the others are counted as missed.
 */
static enum hrtimer_restart fire(struct hrtimer *timer)
{
	struct svmrt_apic *apic = container_of(timer, struct svmrt_apic, timer);
	enum hrtimer_restart again = HRTIMER_NORESTART;
	struct svmrt_apic_msg msg;
	unsigned long flags, overruns = 1;
	u64 now_ns, period;

	raw_spin_lock_irqsave(&apic->lock, flags);
	now_ns = clock_ns(apic);
	if (!apic->armed || apic->stopped || now_ns < apic->expires_ns) {
		raw_spin_unlock_irqrestore(&apic->lock, flags);
		return HRTIMER_NORESTART;	/* stopped, or started anew elsewhere */
	}
	period = svmrt_lapic_period_ns(&apic->regs);
	if (svmrt_lapic_timer_mode(&apic->regs) == TIMER_PERIODIC && period) {
		period = max_t(u64, period, MIN_PERIOD_NS);
		overruns = hrtimer_forward(timer, ns_to_ktime(now_ns + apic->behind_ns),
					   ns_to_ktime(period));
		apic->expires_ns = ktime_to_ns(hrtimer_get_expires(timer)) - apic->behind_ns;
		again = HRTIMER_RESTART;
	} else {
		apic->armed = false;
		apic->regs.tsc_deadline = 0;
	}
	if (svmrt_lapic_local(&apic->regs, LVT_TIMER, &msg)) {
		if (!svmrt_lapic_accept(&apic->regs, msg.vector, false))
			overruns++;
		apic->vcpu->stats.timer_missed += overruns - 1;
	}
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	svmrt_irq_poke(apic->vcpu);
	return again;
}

/* Called again, it stood still until vm->stopped_at. */
void svmrt_apic_stop_time(struct svmrt_vcpu *vcpu)
{
	struct svmrt_apic *apic = vcpu->apic;
	unsigned long flags;

	if (!apic)
		return;
	raw_spin_lock_irqsave(&apic->lock, flags);
	apic->stopped = true;
	apic->stopped_at = vcpu->vm->stopped_at;
	hrtimer_try_to_cancel(&apic->timer);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
}

void svmrt_apic_go_on(struct svmrt_vcpu *vcpu, u64 passed_ns)
{
	struct svmrt_apic *apic = vcpu->apic;
	unsigned long flags;

	if (!apic)
		return;
	raw_spin_lock_irqsave(&apic->lock, flags);
	apic->behind_ns += passed_ns;
	apic->stopped = false;
	if (apic->armed)
		start_timer(apic);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
}

/* ---- Life ---- */

int svmrt_apic_init(struct svmrt_vcpu *vcpu)
{
	struct svmrt_apic *apic;

	if (!vcpu->vm->irqchip)
		return 0;
	apic = kzalloc(sizeof(*apic), SVMRT_GFP);
	if (!apic)
		return -ENOMEM;
	raw_spin_lock_init(&apic->lock);
	apic->vcpu = vcpu;
	svmrt_lapic_reset(&apic->regs, vcpu->index, SVMRT_APIC_DEFAULT_BASE | SVMRT_APIC_AE |
			  (vcpu->index ? 0 : SVMRT_APIC_BSC));
	if (!vcpu->index && vcpu->vm->virtual_wire)
		svmrt_lapic_virtual_wire(&apic->regs);
	svmrt_hrtimer_setup(&apic->timer, fire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	apic->stopped = vcpu->vm->time_stopped;
	apic->stopped_at = vcpu->vm->stopped_at;
	vcpu->apic = apic;
	set_bit(SVMRT_HOOK_IRQ, &vcpu->hooks);
	return 0;
}

void svmrt_apic_free(struct svmrt_vcpu *vcpu)
{
	if (!vcpu->apic)
		return;
	hrtimer_cancel(&vcpu->apic->timer);
	kfree(vcpu->apic);
	vcpu->apic = NULL;
}

/* ---- What irq.c asks ---- */

int svmrt_apic_pending(struct svmrt_vcpu *vcpu)
{
	unsigned long flags;
	int vector;

	raw_spin_lock_irqsave(&vcpu->apic->lock, flags);
	vector = svmrt_lapic_pending(&vcpu->apic->regs);
	raw_spin_unlock_irqrestore(&vcpu->apic->lock, flags);
	return vector;
}

bool svmrt_apic_masked(struct svmrt_vcpu *vcpu)
{
	return svmrt_lapic_highest_irr(&vcpu->apic->regs) >= 0;
}

void svmrt_apic_take(struct svmrt_vcpu *vcpu, u32 vector)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vcpu->apic->lock, flags);
	svmrt_lapic_take(&vcpu->apic->regs, vector);
	raw_spin_unlock_irqrestore(&vcpu->apic->lock, flags);
}

void svmrt_apic_taken(struct svmrt_vcpu *vcpu, u32 vector, bool taken)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vcpu->apic->lock, flags);
	if (taken)
		svmrt_lapic_serve(&vcpu->apic->regs, vector);
	else
		svmrt_lapic_put_back(&vcpu->apic->regs, vector);
	raw_spin_unlock_irqrestore(&vcpu->apic->lock, flags);
}

/* ExtINT passes an APIC that is off, or LINT0 programmed for it (virtual wire). */
bool svmrt_apic_takes_extint(struct svmrt_vcpu *vcpu)
{
	u32 lint0 = READ_ONCE(vcpu->apic->regs.lvt[LVT_LINT0]);

	return !svmrt_lapic_on(&vcpu->apic->regs) ||
	       (!(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == APIC_EXTINT);
}

u32 svmrt_apic_tpr(struct svmrt_vcpu *vcpu)
{
	return READ_ONCE(vcpu->apic->regs.tpr);
}

void svmrt_apic_set_tpr(struct svmrt_vcpu *vcpu, u32 tpr)
{
	WRITE_ONCE(vcpu->apic->regs.tpr, tpr);
}

void svmrt_apic_reset(struct svmrt_vcpu *vcpu)
{
	struct svmrt_apic *apic = vcpu->apic;
	unsigned long flags;

	raw_spin_lock_irqsave(&apic->lock, flags);
	disarm(apic);
	/* INIT leaves IA32_APIC_BASE and the ID (APM volume 2, table 14-1). */
	svmrt_lapic_reset(&apic->regs, apic->regs.id, apic->regs.base);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
}

/* ---- Messages ---- */

static bool deliver(struct svmrt_vcpu *vcpu, const struct svmrt_apic_msg *msg)
{
	unsigned long flags;
	bool on;

	switch (msg->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		raw_spin_lock_irqsave(&vcpu->apic->lock, flags);
		svmrt_lapic_accept(&vcpu->apic->regs, msg->vector, msg->level);
		on = svmrt_lapic_on(&vcpu->apic->regs);
		raw_spin_unlock_irqrestore(&vcpu->apic->lock, flags);
		svmrt_irq_poke(vcpu);
		return on;
	case APIC_NMI:
		svmrt_irq_request(vcpu, SVMRT_REQ_NMI);
		return true;
	case APIC_INIT:
		if (!msg->deassert)
			svmrt_irq_request(vcpu, SVMRT_REQ_INIT);
		return true;
	case APIC_STARTUP:
		WRITE_ONCE(vcpu->irq.sipi_vector, msg->vector);
		svmrt_irq_request(vcpu, SVMRT_REQ_SIPI);
		return true;
	case APIC_EXTINT:
		svmrt_irq_request(vcpu, SVMRT_REQ_EXTINT);
		return true;
	default:
		return false;	/* SMI: there is no SMM; remote read: not on this family */
	}
}

/* ExtINT is no message: irq.c asks for it as long as the line is up. */
void svmrt_apic_line_rises(struct svmrt_vcpu *vcpu)
{
	struct svmrt_apic_msg msg;
	unsigned long flags;
	bool local;

	raw_spin_lock_irqsave(&vcpu->apic->lock, flags);
	local = svmrt_lapic_local(&vcpu->apic->regs, LVT_LINT0, &msg);
	raw_spin_unlock_irqrestore(&vcpu->apic->lock, flags);
	if (local && msg.mode != APIC_EXTINT)
		deliver(vcpu, &msg);
}

static bool addressed(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu *source,
		      const struct svmrt_apic_msg *msg)
{
	switch (msg->shorthand) {
	case 1: return vcpu == source;
	case 2: return svmrt_lapic_on(&vcpu->apic->regs);
	case 3: return vcpu != source && svmrt_lapic_on(&vcpu->apic->regs);
	default: return svmrt_lapic_matches(&vcpu->apic->regs, msg);
	}
}

/* Lowest priority: of those named, the one with the lowest PPR; in turn if several are equal. */
static unsigned int send_lowest(struct svmrt_vm *vm, struct svmrt_vcpu *source,
				const struct svmrt_apic_msg *msg)
{
	unsigned int turn = READ_ONCE(vm->lowest_turn) + 1, i, at;
	struct svmrt_vcpu *vcpu, *best = NULL;

	for (i = 0; i < vm->vcpu_limit; i++) {
		at = (turn + i) % vm->vcpu_limit;
		vcpu = smp_load_acquire(&vm->vcpus[at]);
		if (!vcpu || !addressed(vcpu, source, msg) || !(vcpu->apic->regs.svr & 0x100))
			continue;
		if (!best || svmrt_lapic_ppr(&vcpu->apic->regs) < svmrt_lapic_ppr(&best->apic->regs))
			best = vcpu;
	}
	if (!best)
		return 0;
	WRITE_ONCE(vm->lowest_turn, best->index);
	return deliver(best, msg);
}

unsigned int svmrt_apic_send(struct svmrt_vm *vm, struct svmrt_vcpu *source,
			     const struct svmrt_apic_msg *msg)
{
	struct svmrt_vcpu *vcpu;
	unsigned int i, taken = 0;

	rcu_read_lock();
	if (msg->mode == APIC_LOWEST) {
		taken = send_lowest(vm, source, msg);
	} else {
		for (i = 0; i < READ_ONCE(vm->vcpu_limit); i++) {
			vcpu = smp_load_acquire(&vm->vcpus[i]);
			if (vcpu && addressed(vcpu, source, msg))
				taken += deliver(vcpu, msg);
		}
	}
	rcu_read_unlock();
	return taken;
}

int svmrt_vm_msi(struct svmrt_vm *vm, struct svmrt_msi *arg)
{
	struct svmrt_apic_msg msg;

	if (!vm->irqchip) {
		svmrt_err(arg, "this VM has no local APICs (SVMRT_VM_IRQCHIP)");
		return -ENODEV;
	}
	if (arg->reserved || !svmrt_apic_decode_msi(arg->address, arg->data, &msg)) {
		svmrt_err(arg, "MSI address %#llx, data %#x: no message for local APICs", arg->address,
			  arg->data);
		return -EINVAL;
	}
	return svmrt_apic_send(vm, NULL, &msg);
}

/* ---- Exits ---- */

static void follow(struct svmrt_vcpu *vcpu, u32 effects, const struct svmrt_apic_msg *msg)
{
	if (effects & APIC_DO_EOI)
		svmrt_eoi(vcpu->vm, msg->vector);
	if (effects & APIC_DO_SEND)
		svmrt_apic_send(vcpu->vm, vcpu, msg);
}

static u32 write_msr(struct svmrt_apic *apic, u32 msr, u64 value, struct svmrt_apic_msg *msg)
{
	u64 now_ns = clock_ns(apic);
	u32 effects;

	if (msr == MSR_APIC_BASE) {
		effects = svmrt_lapic_set_base(&apic->regs, value, BASE_MASK);
	} else if (msr == MSR_DEADLINE) {
		if (svmrt_lapic_timer_mode(&apic->regs) != TIMER_TSC_DEADLINE)
			return 0;
		apic->regs.tsc_deadline = value;
		effects = APIC_DO_TIMER;
	} else {
		effects = svmrt_lapic_write_msr(&apic->regs, msr, value, now_ns, msg);
	}
	if (effects & APIC_DO_TIMER)
		program(apic, now_ns);
	return effects;
}

static bool read_msr(struct svmrt_apic *apic, u32 msr, u64 *value)
{
	if (msr == MSR_APIC_BASE)
		*value = apic->regs.base;
	else if (msr == MSR_DEADLINE)
		*value = apic->regs.tsc_deadline;
	else
		return svmrt_lapic_read_msr(&apic->regs, msr, clock_ns(apic), value);
	return true;
}

static enum svmrt_leave msr_exit(struct svmrt_vcpu *vcpu, u32 msr)
{
	struct svmrt_apic *apic = vcpu->apic;
	bool write = vmcb_get_EXITINFO1(vcpu->vmcb) & 1, gp;
	struct svmrt_apic_msg message;
	u64 value, missing, next;
	u32 effects = 0;

	next = svmrt_next_rip(vcpu, CODE_MSR, &missing);
	if (!next) {
		vcpu->populate_gpa = missing;
		return missing == ~0ULL ? SVMRT_LEAVE_EXIT : SVMRT_LEAVE_FETCH;
	}
	vcpu->stats.exits[CODE_MSR]++;
	svmrt_ring_tell(vcpu, CODE_MSR, &vcpu->vm->policy[CODE_MSR], SVMRT_DO_TABLE, true);
	value = (u32)vmcb_get_RAX(vcpu->vmcb) | vcpu->gpr[2] << 32;
	raw_spin_lock(&apic->lock);
	if (write) {
		effects = write_msr(apic, msr, value, &message);
		gp = effects & APIC_DO_GP;
	} else {
		gp = !read_msr(apic, msr, &value);
	}
	raw_spin_unlock(&apic->lock);
	if (gp)
		return svmrt_inject(vcpu, svmrt_event_exception(13, 0));
	if (!write) {
		vmcb_set_RAX(vcpu->vmcb, (u32)value);
		vcpu->gpr[2] = value >> 32;
	}
	follow(vcpu, effects, &message);
	return svmrt_skip_to(vcpu, next);
}

static u64 gpr_get(struct svmrt_vcpu *vcpu, u32 number)
{
	return number == 0 ? vmcb_get_RAX(vcpu->vmcb) :
	       number == 4 ? vmcb_get_RSP(vcpu->vmcb) : vcpu->gpr[number];
}

static void gpr_set32(struct svmrt_vcpu *vcpu, u32 number, u32 value)
{
	if (number == 0)
		vmcb_set_RAX(vcpu->vmcb, value);
	else if (number == 4)
		vmcb_set_RSP(vcpu->vmcb, value);
	else
		vcpu->gpr[number] = value;
}

/* The hot forms: an aligned 32-bit MOV. False: user space's. */
static bool mmio_exit(struct svmrt_vcpu *vcpu, u32 reg, enum svmrt_leave *leave)
{
	struct svmrt_apic *apic = vcpu->apic;
	unsigned int bits = svmrt_vmcb_code_bits(vcpu->vmcb), count;
	struct svmrt_apic_msg message;
	u8 insn[SVMRT_FETCH_BYTES];
	struct svmrt_mov mov;
	u64 missing, rip = vmcb_get_RIP(vcpu->vmcb), now_ns;
	u32 value, old = 0, effects = 0;

	count = svmrt_guest_fetch(vcpu, insn, &missing);
	if (!count && missing != ~0ULL) {
		vcpu->populate_gpa = missing;
		*leave = SVMRT_LEAVE_FETCH;
		return true;
	}
	if (reg & 0xf || !svmrt_mov_decode(insn, count, bits == 64 ? SVMRT_INSN_64 :
					   bits == 32 ? SVMRT_INSN_32 : SVMRT_INSN_16, &mov) ||
	    mov.bytes != 4 || (!mov.write && (mov.reg_bytes != 4 || mov.sign)))
		return false;
	vcpu->stats.exits[SLOT_NPF]++;
	svmrt_ring_tell(vcpu, CODE_NPF, &vcpu->vm->policy[SLOT_NPF], SVMRT_DO_TABLE, true);
	value = mov.immediate ? (u32)mov.value : (u32)gpr_get(vcpu, mov.reg);
	raw_spin_lock(&apic->lock);
	now_ns = clock_ns(apic);
	if (!mov.write)
		svmrt_lapic_read(&apic->regs, reg, now_ns, &old);
	else
		effects = svmrt_lapic_write(&apic->regs, reg, value, now_ns, &message);
	if (effects & APIC_DO_TIMER)
		program(apic, now_ns);
	raw_spin_unlock(&apic->lock);
	if (!mov.write)
		gpr_set32(vcpu, mov.reg, old);
	follow(vcpu, effects, &message);
	rip += mov.length;
	*leave = svmrt_skip_to(vcpu, bits == 64 ? rip : (u32)rip);
	return true;
}

bool svmrt_apic_write(struct svmrt_vcpu *vcpu, u32 reg, u32 value)
{
	struct svmrt_apic *apic = vcpu->apic;
	struct svmrt_apic_msg message;
	unsigned long flags;
	u32 effects;
	u64 now_ns;

	if (!apic || reg & 0xf || reg >= PAGE_SIZE || !svmrt_lapic_on(&apic->regs) ||
	    svmrt_lapic_x2(&apic->regs))
		return false;
	raw_spin_lock_irqsave(&apic->lock, flags);
	now_ns = clock_ns(apic);
	effects = svmrt_lapic_write(&apic->regs, reg, value, now_ns, &message);
	if (effects & APIC_DO_TIMER)
		program(apic, now_ns);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	follow(vcpu, effects, &message);
	return true;
}

bool svmrt_apic_exit(struct svmrt_vcpu *vcpu, u64 code, enum svmrt_leave *leave)
{
	u64 base = vcpu->apic->regs.base, gpa;
	u32 msr;

	if (code == CODE_MSR) {
		msr = (u32)vcpu->gpr[1];
		if (msr != MSR_APIC_BASE && msr != MSR_DEADLINE && (msr & ~0xffu) != MSR_X2APIC)
			return false;
		*leave = msr_exit(vcpu, msr);
		return true;
	}
	if (code != CODE_NPF || !(base & SVMRT_APIC_AE) || base & SVMRT_APIC_EXTD)
		return false;
	gpa = vmcb_get_EXITINFO2(vcpu->vmcb);
	if ((gpa ^ base) & PAGE_MASK || !(vmcb_get_EXITINFO1(vcpu->vmcb) & BIT_ULL(32)))
		return false;
	return mmio_exit(vcpu, gpa & ~PAGE_MASK, leave);
}

/* ---- Inspection ---- */

static const u16 state_regs[] = {
	APIC_REG_ID, APIC_REG_VERSION, APIC_REG_TPR, APIC_REG_PPR, APIC_REG_LDR, APIC_REG_DFR,
	APIC_REG_SVR, APIC_REG_ESR, APIC_REG_ICR, APIC_REG_ICR_HIGH, APIC_REG_TMICT, APIC_REG_TMCCT,
	APIC_REG_TDCR,
};

static void get_state(const struct svmrt_apic *apic, struct svmrt_lapic_state *arg)
{
	const struct svmrt_lapic *r = &apic->regs;
	struct svmrt_lapic copy = *r;
	u32 i;

	memset(arg->regs, 0, sizeof(arg->regs));
	arg->base = r->base;
	arg->tsc_deadline = r->tsc_deadline;
	for (i = 0; i < ARRAY_SIZE(state_regs); i++)
		svmrt_lapic_read(&copy, state_regs[i], clock_ns(apic), &arg->regs[state_regs[i] >> 4]);
	arg->regs[APIC_REG_DFR >> 4] = r->dfr;
	arg->regs[APIC_REG_ICR_HIGH >> 4] = r->icr >> 32;
	for (i = 0; i < 8; i++) {
		arg->regs[(APIC_REG_ISR >> 4) + i] = r->isr[i];
		arg->regs[(APIC_REG_TMR >> 4) + i] = r->tmr[i];
		arg->regs[(APIC_REG_IRR >> 4) + i] = r->irr[i];
	}
	for (i = 0; i < LVT_ENTRIES; i++)
		arg->regs[(APIC_REG_LVT >> 4) + i] = r->lvt[i];
}

static int set_state(struct svmrt_apic *apic, const struct svmrt_lapic_state *arg)
{
	struct svmrt_lapic regs;
	struct svmrt_apic_msg unused;
	u64 now_ns = clock_ns(apic), mode = arg->base & (SVMRT_APIC_AE | SVMRT_APIC_EXTD);
	static const u16 plain[] = { APIC_REG_SVR, APIC_REG_TPR, APIC_REG_TDCR, APIC_REG_DFR };
	u32 i;

	if (arg->base & ~(BASE_MASK | SVMRT_APIC_AE | SVMRT_APIC_EXTD | SVMRT_APIC_BSC) ||
	    mode == SVMRT_APIC_EXTD)
		return -EINVAL;
	svmrt_lapic_reset(&regs, apic->regs.id,
			  (arg->base & ~SVMRT_APIC_BSC) | (apic->regs.base & SVMRT_APIC_BSC));
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		svmrt_lapic_write(&regs, plain[i], arg->regs[plain[i] >> 4], now_ns, &unused);
	if (!svmrt_lapic_x2(&regs))
		svmrt_lapic_write(&regs, APIC_REG_LDR, arg->regs[APIC_REG_LDR >> 4], now_ns, &unused);
	for (i = 0; i < LVT_ENTRIES; i++)
		svmrt_lapic_write(&regs, APIC_REG_LVT + i * 16, arg->regs[(APIC_REG_LVT >> 4) + i],
				  now_ns, &unused);
	for (i = 0; i < 8; i++) {
		regs.isr[i] = arg->regs[(APIC_REG_ISR >> 4) + i];
		regs.tmr[i] = arg->regs[(APIC_REG_TMR >> 4) + i];
		regs.irr[i] = arg->regs[(APIC_REG_IRR >> 4) + i];
	}
	regs.isr[0] &= ~0xffffu;	/* vectors below 16 do not exist */
	regs.irr[0] &= ~0xffffu;
	regs.esr = arg->regs[APIC_REG_ESR >> 4] & 0xff;
	regs.icr = ((u64)arg->regs[APIC_REG_ICR_HIGH >> 4] << 32) |
		   (arg->regs[APIC_REG_ICR >> 4] & 0xccfff);
	regs.tmict = arg->regs[APIC_REG_TMICT >> 4];
	regs.timer_start_ns = now_ns;
	regs.tsc_deadline = arg->tsc_deadline;
	disarm(apic);
	apic->regs = regs;
	program(apic, now_ns);
	return 0;
}

int svmrt_apic_state(struct svmrt_vcpu *vcpu, struct svmrt_lapic_state *arg)
{
	struct svmrt_apic *apic = vcpu->apic;
	unsigned long flags;
	int err = 0;

	if (!apic) {
		svmrt_err(arg, "vCPU %u has no local APIC (SVMRT_VM_IRQCHIP)", vcpu->index);
		return -ENODEV;
	}
	if (arg->flags & ~SVMRT_LAPIC_SET) {
		svmrt_err(arg, "vCPU %u: local APIC flags %#x: only set (1) exists", vcpu->index,
			  arg->flags);
		return -EINVAL;
	}
	raw_spin_lock_irqsave(&apic->lock, flags);
	if (arg->flags & SVMRT_LAPIC_SET)
		err = set_state(apic, arg);
	else
		get_state(apic, arg);
	raw_spin_unlock_irqrestore(&apic->lock, flags);
	if (err)
		svmrt_err(arg, "vCPU %u: IA32_APIC_BASE %#llx is no mode that exists", vcpu->index,
			  arg->base);
	else if (arg->flags & SVMRT_LAPIC_SET)
		svmrt_irq_poke(vcpu);
	return err;
}
