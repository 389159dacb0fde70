/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a guest counts nanoseconds by its TSC: ticks since a moment, shifted, times a factor of 2^-32
 * (Documentation/virt/kvm/x86/msr.rst of the kernel). Pure; tested by tests/unit/test_pvclock.c.
 */
#ifndef SVMRT_PVCLOCK_H
#define SVMRT_PVCLOCK_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/math64.h>
#else
#define div_u64(a, b) ((a) / (b))
#endif

struct svmrt_pvclock_scale {
	__s8 shift;		/* of the ticks: to the left, or if it is negative to the right */
	__u32 factor;
};

/* `khz`: 1 to 2^27, which is far above any TSC. The factor has 31 bits or 32. */
static inline struct svmrt_pvclock_scale svmrt_pvclock_scale(__u32 khz)
{
	const __u64 million = 1000000;	/* nanoseconds in a tick of 1 kHz */
	struct svmrt_pvclock_scale scale = { 0, 0 };

	if (khz <= million)
		while ((__u64)khz << scale.shift <= million)
			scale.shift++;
	else
		while (million << (1 - scale.shift) < khz)
			scale.shift--;
	scale.factor = (__u32)(scale.shift > 0 ? div_u64((million << 32) >> scale.shift, khz) :
			       div_u64(million << (32 - scale.shift), khz));
	return scale;
}

/* As a guest counts them. */
static inline __u64 svmrt_pvclock_ns(struct svmrt_pvclock_scale scale, __u64 ticks)
{
	ticks = scale.shift < 0 ? ticks >> -scale.shift : ticks << scale.shift;
	return (__u64)((unsigned __int128)ticks * scale.factor >> 32);
}

#endif
