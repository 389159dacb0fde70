// SPDX-License-Identifier: GPL-2.0-only
/* The APIC timer's arithmetic (APM volume 2, 16.4.1). Its clock is 1 GHz: one tick is 1 ns. */
#ifdef __KERNEL__
#include <linux/math64.h>
#else
#define div64_u64(a, b) ((a) / (b))
#endif
#include "lapic.h"

/* TDCR bits 3, 1 and 0: 000 is 2, 111 is 1. */
static __u32 divisor(__u32 tdcr)
{
	__u32 code = (tdcr & 3) | (tdcr & 8) >> 1;

	return 1u << ((code + 1) & 7);
}

unsigned int svmrt_lapic_timer_mode(const struct svmrt_lapic *apic)
{
	return apic->lvt[LVT_TIMER] >> 17 & 3;
}

__u64 svmrt_lapic_period_ns(const struct svmrt_lapic *apic)
{
	if (svmrt_lapic_timer_mode(apic) >= TIMER_TSC_DEADLINE)
		return 0;
	return (__u64)apic->tmict * divisor(apic->tdcr);
}

__u32 svmrt_lapic_count(const struct svmrt_lapic *apic, __u64 now_ns)
{
	__u64 period = svmrt_lapic_period_ns(apic), elapsed;

	if (!period)
		return 0;
	elapsed = now_ns - apic->timer_start_ns;	/* the start may lie before 0 */
	if ((__s64)elapsed < 0)
		return apic->tmict;
	if (svmrt_lapic_timer_mode(apic) == TIMER_PERIODIC) {
		elapsed -= div64_u64(elapsed, period) * period;
	} else if (elapsed >= period) {
		return 0;
	}
	return apic->tmict - (__u32)div64_u64(elapsed, divisor(apic->tdcr));
}
