// SPDX-License-Identifier: GPL-2.0-only
/* The registers of a local APIC (APM volume 2, 16.3 to 16.8, x2APIC 16.9 to 16.13); see lapic.h. */
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif
#include "lapic.h"

#define VERSION (0x14u | (LVT_ENTRIES - 1u) << 16)
#define SVR_ENABLE (1u << 8)

static void set_bit32(__u32 words[8], __u32 vector)
{
	words[vector / 32] |= 1u << vector % 32;
}

static void clear_bit32(__u32 words[8], __u32 vector)
{
	words[vector / 32] &= ~(1u << vector % 32);
}

static _Bool test_bit32(const __u32 words[8], __u32 vector)
{
	return words[vector / 32] >> vector % 32 & 1;
}

static int highest(const __u32 words[8])
{
	int i;

	for (i = 7; i >= 0; i--)
		if (words[i])
			return i * 32 + 31 - __builtin_clz(words[i]);
	return -1;
}

void svmrt_lapic_reset(struct svmrt_lapic *apic, __u32 id, __u64 base)
{
	unsigned int i;

	memset(apic, 0, sizeof(*apic));
	apic->id = id;
	apic->base = base;
	apic->dfr = 0xffffffff;
	apic->svr = 0xff;
	if (svmrt_lapic_x2(apic))
		apic->ldr = id >> 4 << 16 | 1u << (id & 15);
	for (i = 0; i < LVT_ENTRIES; i++)
		apic->lvt[i] = LVT_MASKED;
}

void svmrt_lapic_virtual_wire(struct svmrt_lapic *apic)
{
	apic->svr = 0x1ff;
	apic->lvt[LVT_LINT0] = APIC_EXTINT << 8;
	apic->lvt[LVT_LINT1] = APIC_NMI << 8;
}

/* ---- Priorities ---- */

__u32 svmrt_lapic_ppr(const struct svmrt_lapic *apic)
{
	int serving = highest(apic->isr);
	__u32 isr = serving < 0 ? 0 : (__u32)serving;

	return apic->tpr >> 4 >= isr >> 4 ? apic->tpr : isr & 0xf0;
}

int svmrt_lapic_highest_irr(const struct svmrt_lapic *apic)
{
	return svmrt_lapic_on(apic) ? highest(apic->irr) : -1;
}

int svmrt_lapic_pending(const struct svmrt_lapic *apic)
{
	int vector = svmrt_lapic_highest_irr(apic);

	return vector >= 0 && (__u32)vector >> 4 > svmrt_lapic_ppr(apic) >> 4 ? vector : -1;
}

void svmrt_lapic_take(struct svmrt_lapic *apic, __u32 vector)
{
	clear_bit32(apic->irr, vector);
}

void svmrt_lapic_serve(struct svmrt_lapic *apic, __u32 vector)
{
	set_bit32(apic->isr, vector);
}

void svmrt_lapic_put_back(struct svmrt_lapic *apic, __u32 vector)
{
	set_bit32(apic->irr, vector);
}

static void error(struct svmrt_lapic *apic, __u32 bit)
{
	__u32 lvt = apic->lvt[LVT_ERROR];

	if (apic->esr_next & bit)
		return;
	apic->esr_next |= bit;
	/* An error vector that is illegal itself must not come back here. */
	if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16)
		svmrt_lapic_accept(apic, lvt & 0xff, 0);
}

_Bool svmrt_lapic_accept(struct svmrt_lapic *apic, __u32 vector, _Bool level)
{
	if (!svmrt_lapic_on(apic) || !(apic->svr & SVR_ENABLE))
		return 0;
	if (vector < 16 || vector > 255) {
		error(apic, ESR_RECEIVE_ILLEGAL);
		return 0;
	}
	if (level)
		set_bit32(apic->tmr, vector);
	else
		clear_bit32(apic->tmr, vector);
	if (test_bit32(apic->irr, vector))
		return 0;
	set_bit32(apic->irr, vector);
	return 1;
}

_Bool svmrt_lapic_local(struct svmrt_lapic *apic, unsigned int entry, struct svmrt_apic_msg *msg)
{
	__u32 lvt = apic->lvt[entry];

	if (!svmrt_lapic_on(apic) || lvt & LVT_MASKED)
		return 0;
	*msg = (struct svmrt_apic_msg) {
		.vector = (__u8)lvt, .mode = entry == LVT_TIMER || entry == LVT_ERROR ? APIC_FIXED :
							       lvt >> 8 & 7,
		.level = (entry == LVT_LINT0 || entry == LVT_LINT1) && lvt >> 15 & 1, .shorthand = 1,
	};
	return 1;
}

static __u32 end_of_interrupt(struct svmrt_lapic *apic, struct svmrt_apic_msg *msg)
{
	int vector = highest(apic->isr);

	if (vector < 0)
		return 0;
	clear_bit32(apic->isr, (__u32)vector);
	if (!test_bit32(apic->tmr, (__u32)vector))
		return 0;
	msg->vector = (__u8)vector;
	return APIC_DO_EOI;
}

/* ---- Reads ---- */

_Bool svmrt_lapic_read(struct svmrt_lapic *apic, __u32 reg, __u64 now_ns, __u32 *value)
{
	_Bool x2 = svmrt_lapic_x2(apic);

	*value = 0;
	switch (reg) {
	case APIC_REG_ID: *value = x2 ? apic->id : apic->id << 24; return 1;
	case APIC_REG_VERSION: *value = VERSION; return 1;
	case APIC_REG_TPR: *value = apic->tpr; return 1;
	case APIC_REG_APR:
	case APIC_REG_RRD: return !x2;
	case APIC_REG_PPR: *value = svmrt_lapic_ppr(apic); return 1;
	case APIC_REG_LDR: *value = apic->ldr; return 1;
	case APIC_REG_DFR: *value = apic->dfr; return !x2;
	case APIC_REG_SVR: *value = apic->svr; return 1;
	case APIC_REG_ISR ... APIC_REG_ISR + 0x70: *value = apic->isr[reg >> 4 & 7]; return 1;
	case APIC_REG_TMR ... APIC_REG_TMR + 0x70: *value = apic->tmr[reg >> 4 & 7]; return 1;
	case APIC_REG_IRR ... APIC_REG_IRR + 0x70: *value = apic->irr[reg >> 4 & 7]; return 1;
	case APIC_REG_ESR: *value = apic->esr; return 1;
	case APIC_REG_ICR: *value = (__u32)apic->icr; return 1;
	case APIC_REG_ICR_HIGH: *value = (__u32)(apic->icr >> 32); return !x2;
	case APIC_REG_LVT ... APIC_REG_LVT + (LVT_ENTRIES - 1) * 16:
		*value = apic->lvt[(reg - APIC_REG_LVT) >> 4];
		return 1;
	case APIC_REG_TMICT: *value = apic->tmict; return 1;
	case APIC_REG_TMCCT: *value = svmrt_lapic_count(apic, now_ns); return 1;
	case APIC_REG_TDCR: *value = apic->tdcr; return 1;
	default:
		/* EOI and SELF are write-only. */
		error(apic, ESR_ILLEGAL_REGISTER);
		return 0;
	}
}

/* ---- Writes ---- */

/* Writable bits of each LVT entry: vector, mode, mask, and what the entry has besides. */
static const __u32 lvt_bits[LVT_ENTRIES] = {
	[LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,
};

static __u32 write_lvt(struct svmrt_lapic *apic, unsigned int entry, __u32 value)
{
	__u32 old = apic->lvt[entry];

	value &= lvt_bits[entry];
	if (!(apic->svr & SVR_ENABLE))
		value |= LVT_MASKED;
	apic->lvt[entry] = value;
	if (entry != LVT_TIMER || !((old ^ value) & 0x60000))
		return 0;
	/* Another timer mode: TSC deadline and counter disarm each other. */
	apic->tmict = 0;
	apic->tsc_deadline = 0;
	return APIC_DO_TIMER;
}

static __u32 send(struct svmrt_lapic *apic, __u64 icr, struct svmrt_apic_msg *msg)
{
	apic->icr = icr & ~(1ULL << 12);	/* delivery status: always idle */
	svmrt_apic_decode_icr(apic, apic->icr, msg);
	if (msg->mode <= APIC_LOWEST && msg->vector < 16) {
		error(apic, ESR_SEND_ILLEGAL);
		return 0;
	}
	return APIC_DO_SEND;
}

static void write_svr(struct svmrt_lapic *apic, __u32 value)
{
	unsigned int i;

	apic->svr = value & 0x3ff;
	if (!(value & SVR_ENABLE))
		for (i = 0; i < LVT_ENTRIES; i++)
			apic->lvt[i] |= LVT_MASKED;
}

__u32 svmrt_lapic_write(struct svmrt_lapic *apic, __u32 reg, __u32 value, __u64 now_ns,
			struct svmrt_apic_msg *msg)
{
	switch (reg) {
	case APIC_REG_TPR:
		apic->tpr = value & 0xff;
		return 0;
	case APIC_REG_EOI:
		return end_of_interrupt(apic, msg);
	case APIC_REG_LDR:
		apic->ldr = value & 0xff000000;
		return 0;
	case APIC_REG_DFR:
		apic->dfr = value | 0x0fffffff;
		return 0;
	case APIC_REG_SVR:
		write_svr(apic, value);
		return 0;
	case APIC_REG_ESR:
		apic->esr = apic->esr_next;
		apic->esr_next = 0;
		return 0;
	case APIC_REG_ICR:
		return send(apic, (apic->icr & ~0xffffffffULL) | (value & 0xccfff), msg);
	case APIC_REG_ICR_HIGH:
		apic->icr = (apic->icr & 0xffffffff) | (__u64)(value & 0xff000000) << 32;
		return 0;
	case APIC_REG_LVT ... APIC_REG_LVT + (LVT_ENTRIES - 1) * 16:
		if (reg & 0xf)
			break;
		return write_lvt(apic, (reg - APIC_REG_LVT) >> 4, value);
	case APIC_REG_TMICT:
		if (svmrt_lapic_timer_mode(apic) >= TIMER_TSC_DEADLINE)
			return 0;
		apic->tmict = value;
		apic->timer_start_ns = now_ns;
		return APIC_DO_TIMER;
	case APIC_REG_TDCR:
		/* The count goes on from where it is, at the new speed. */
		value &= 0xb;
		if (value != apic->tdcr && apic->tmict) {
			__u64 left = svmrt_lapic_count(apic, now_ns);
			__u64 done = apic->tmict - left, old = svmrt_lapic_period_ns(apic);

			apic->tdcr = value;
			if (old)
				apic->timer_start_ns = now_ns - done *
					(svmrt_lapic_period_ns(apic) / apic->tmict);
			return APIC_DO_TIMER;
		}
		apic->tdcr = value;
		return 0;
	case APIC_REG_ID: case APIC_REG_VERSION: case APIC_REG_APR: case APIC_REG_PPR:
	case APIC_REG_RRD: case APIC_REG_TMCCT:
	case APIC_REG_ISR ... APIC_REG_IRR + 0x7f:
		return 0;	/* read-only */
	default:
		break;
	}
	error(apic, ESR_ILLEGAL_REGISTER);
	return 0;
}

/* ---- x2APIC ---- */

_Bool svmrt_lapic_read_msr(struct svmrt_lapic *apic, __u32 msr, __u64 now_ns, __u64 *value)
{
	__u32 low, reg = (msr - 0x800) << 4;

	if (!svmrt_lapic_x2(apic))
		return 0;
	if (reg == APIC_REG_ICR) {
		*value = apic->icr;
		return 1;
	}
	if (reg == APIC_REG_EOI || reg == APIC_REG_SELF || reg > APIC_REG_SELF ||
	    !svmrt_lapic_read(apic, reg, now_ns, &low))
		return 0;
	*value = low;
	return 1;
}

/*
 * Bits that may be set in each writable register; 0: not writable. Among them are those of LVT entries
 * that are only read, delivery status and remote IRR: systems write them back as they found them.
 */
static __u64 x2apic_bits(__u32 reg)
{
	unsigned int entry = (reg - APIC_REG_LVT) >> 4;

	switch (reg) {
	case APIC_REG_TPR: return 0xff;
	case APIC_REG_SVR: return 0x3ff;
	case APIC_REG_ICR: return 0xffffffff000ccfffULL;
	case APIC_REG_LVT ... APIC_REG_LVT + (LVT_ENTRIES - 1) * 16:
		return lvt_bits[entry] | 1u << 12 |
		       (entry == LVT_LINT0 || entry == LVT_LINT1 ? 1u << 14 : 0);
	case APIC_REG_TMICT: return 0xffffffff;
	case APIC_REG_TDCR: return 0xb;
	case APIC_REG_SELF: return 0xff;
	default: return 0;
	}
}

__u32 svmrt_lapic_write_msr(struct svmrt_lapic *apic, __u32 msr, __u64 value, __u64 now_ns,
			    struct svmrt_apic_msg *msg)
{
	__u32 reg = (msr - 0x800) << 4;

	if (!svmrt_lapic_x2(apic))
		return APIC_DO_GP;
	/* EOI and ESR take only 0. */
	if (reg == APIC_REG_EOI || reg == APIC_REG_ESR ? value != 0 :
	    (!x2apic_bits(reg) || value & ~x2apic_bits(reg)))
		return APIC_DO_GP;
	switch (reg) {
	case APIC_REG_ICR:
		return send(apic, value, msg);
	case APIC_REG_SELF:
		*msg = (struct svmrt_apic_msg) { .vector = (__u8)value, .shorthand = 1 };
		if (msg->vector < 16) {
			error(apic, ESR_SEND_ILLEGAL);
			return 0;
		}
		return APIC_DO_SEND;
	default:
		return svmrt_lapic_write(apic, reg, (__u32)value, now_ns, msg);
	}
}

/*
 * AE EXTD | before: off  | xAPIC | x2APIC      (APM volume 2, 16.9 figure 16-29)
 * 0  0    |         ok   | ok    | ok, resets
 * 1  0    |         ok   | ok    | #GP
 * 1  1    |         #GP  | ok    | ok
 * 0  1    |         #GP  | #GP   | #GP
 */
__u32 svmrt_lapic_set_base(struct svmrt_lapic *apic, __u64 value, __u64 address_mask)
{
	__u64 mode = value & (SVMRT_APIC_AE | SVMRT_APIC_EXTD);
	__u64 allowed = address_mask | SVMRT_APIC_AE | SVMRT_APIC_EXTD | SVMRT_APIC_BSC;
	_Bool was_on = svmrt_lapic_on(apic), was_x2 = svmrt_lapic_x2(apic);

	if (value & ~allowed || mode == SVMRT_APIC_EXTD ||
	    (mode == SVMRT_APIC_AE && was_x2) ||
	    (mode == (SVMRT_APIC_AE | SVMRT_APIC_EXTD) && !was_on))
		return APIC_DO_GP;
	value = (value & ~SVMRT_APIC_BSC) | (apic->base & SVMRT_APIC_BSC);
	if (was_on && !(value & SVMRT_APIC_AE)) {
		svmrt_lapic_reset(apic, apic->id, value);
		return APIC_DO_TIMER;
	}
	apic->base = value;
	if (svmrt_lapic_x2(apic) && !was_x2) {
		apic->ldr = apic->id >> 4 << 16 | 1u << (apic->id & 15);
		apic->icr = (__u32)apic->icr;
	}
	return 0;
}
