/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Local APIC as a register file (APM volume 2, chapter 16): xAPIC and x2APIC, priorities, IPIs, timer
 * arithmetic. Knows no clock, no lock and no other APIC; pure, and tested in user space by
 * tests/unit/test_lapic.c. apic.c puts it into the kernel.
 */
#ifndef SVMRT_LAPIC_H
#define SVMRT_LAPIC_H

#include <linux/types.h>

#define SVMRT_APIC_DEFAULT_BASE	0xfee00000ULL
#define SVMRT_APIC_BSC		(1ULL << 8)	/* IA32_APIC_BASE: boot strap CPU core */
#define SVMRT_APIC_EXTD		(1ULL << 10)	/* x2APIC */
#define SVMRT_APIC_AE		(1ULL << 11)	/* enabled */

/* Register offsets; an x2APIC MSR is 0x800 + offset / 16. */
enum {
	APIC_REG_ID = 0x20, APIC_REG_VERSION = 0x30, APIC_REG_TPR = 0x80, APIC_REG_APR = 0x90,
	APIC_REG_PPR = 0xa0, APIC_REG_EOI = 0xb0, APIC_REG_RRD = 0xc0, APIC_REG_LDR = 0xd0,
	APIC_REG_DFR = 0xe0, APIC_REG_SVR = 0xf0, APIC_REG_ISR = 0x100, APIC_REG_TMR = 0x180,
	APIC_REG_IRR = 0x200, APIC_REG_ESR = 0x280, APIC_REG_ICR = 0x300, APIC_REG_ICR_HIGH = 0x310,
	APIC_REG_LVT = 0x320, APIC_REG_TMICT = 0x380, APIC_REG_TMCCT = 0x390, APIC_REG_TDCR = 0x3e0,
	APIC_REG_SELF = 0x3f0,
};

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_ENTRIES };
#define LVT_MASKED (1u << 16)
enum { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE };

enum svmrt_apic_mode {	/* delivery modes of ICR, LVT and MSI */
	APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_READ, APIC_NMI, APIC_INIT, APIC_STARTUP, APIC_EXTINT,
};

#define ESR_SEND_ILLEGAL	(1u << 5)
#define ESR_RECEIVE_ILLEGAL	(1u << 6)
#define ESR_ILLEGAL_REGISTER	(1u << 7)

struct svmrt_lapic {
	__u32 id;
	__u64 base;		/* IA32_APIC_BASE */
	__u32 irr[8], isr[8], tmr[8];
	__u32 tpr, ldr, dfr, svr, esr, esr_next;
	__u64 icr;
	__u32 lvt[LVT_ENTRIES];
	__u32 tdcr, tmict;
	__u64 timer_start_ns;	/* when TMICT was loaded */
	__u64 tsc_deadline;	/* guest TSC; 0: not armed */
};

struct svmrt_apic_msg {
	__u32 dest;
	__u8 vector, mode, shorthand;
	_Bool logical, level, deassert, x2apic;	/* x2apic: dest has 32 bits */
};

/* What a register write asks the outside to do. */
#define APIC_DO_SEND	1u	/* the message in *msg */
#define APIC_DO_TIMER	2u	/* program the timer anew */
#define APIC_DO_EOI	4u	/* a level-triggered interrupt ended: vector in msg->vector */
#define APIC_DO_GP	8u	/* x2APIC and MSRs: #GP(0), nothing else happened */

void svmrt_lapic_reset(struct svmrt_lapic *apic, __u32 id, __u64 base);

/* After a reset: on, with the PIC at LINT0 (ExtINT) and NMI at LINT1, as firmware hands a boot processor over. */
void svmrt_lapic_virtual_wire(struct svmrt_lapic *apic);

static inline _Bool svmrt_lapic_x2(const struct svmrt_lapic *apic)
{
	return (apic->base & (SVMRT_APIC_AE | SVMRT_APIC_EXTD)) == (SVMRT_APIC_AE | SVMRT_APIC_EXTD);
}
static inline _Bool svmrt_lapic_on(const struct svmrt_lapic *apic)
{
	return apic->base & SVMRT_APIC_AE;
}

/* A register by its offset, as a guest reads it at now_ns. False: no such register (#GP in x2APIC). */
_Bool svmrt_lapic_read(struct svmrt_lapic *apic, __u32 reg, __u64 now_ns, __u32 *value);
__u32 svmrt_lapic_write(struct svmrt_lapic *apic, __u32 reg, __u32 value, __u64 now_ns,
			struct svmrt_apic_msg *msg);
/* MSR 0x800 .. 0x8ff. Reads: false is #GP. Writes: APIC_DO_*. Only in x2APIC mode. */
_Bool svmrt_lapic_read_msr(struct svmrt_lapic *apic, __u32 msr, __u64 now_ns, __u64 *value);
__u32 svmrt_lapic_write_msr(struct svmrt_lapic *apic, __u32 msr, __u64 value, __u64 now_ns,
			    struct svmrt_apic_msg *msg);
/* IA32_APIC_BASE: APIC_DO_GP for transitions that the manual forbids, else what follows from it. */
__u32 svmrt_lapic_set_base(struct svmrt_lapic *apic, __u64 value, __u64 address_mask);

__u32 svmrt_lapic_ppr(const struct svmrt_lapic *apic);
int svmrt_lapic_highest_irr(const struct svmrt_lapic *apic);	/* -1: none */
/* The vector that is to be delivered now, or -1. */
int svmrt_lapic_pending(const struct svmrt_lapic *apic);
/*
 * On its way to the core a vector is in neither IRR nor ISR, so that the same one can arrive anew
 * meanwhile. Then it is served, or put back if the core did not take it.
 */
void svmrt_lapic_take(struct svmrt_lapic *apic, __u32 vector);
void svmrt_lapic_serve(struct svmrt_lapic *apic, __u32 vector);
void svmrt_lapic_put_back(struct svmrt_lapic *apic, __u32 vector);
/* A fixed interrupt arrives; false if it was there already, or cannot be taken. */
_Bool svmrt_lapic_accept(struct svmrt_lapic *apic, __u32 vector, _Bool level);
/* What LVT entry `entry` sends to its own core; false: masked. */
_Bool svmrt_lapic_local(struct svmrt_lapic *apic, unsigned int entry, struct svmrt_apic_msg *msg);

/* lapic_dest.c */
_Bool svmrt_lapic_matches(const struct svmrt_lapic *apic, const struct svmrt_apic_msg *msg);
void svmrt_apic_decode_icr(const struct svmrt_lapic *apic, __u64 icr, struct svmrt_apic_msg *msg);
/* False: not the address of a message-signalled interrupt. */
_Bool svmrt_apic_decode_msi(__u64 address, __u32 data, struct svmrt_apic_msg *msg);

/* lapic_timer.c: the timer counts nanoseconds, divided by TDCR. */
unsigned int svmrt_lapic_timer_mode(const struct svmrt_lapic *apic);
__u64 svmrt_lapic_period_ns(const struct svmrt_lapic *apic);	/* 0: not running */
__u32 svmrt_lapic_count(const struct svmrt_lapic *apic, __u64 now_ns);

#endif
