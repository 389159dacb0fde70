/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a branch predictor barrier is due before a vCPU is entered (B9): no prediction that one vCPU
 * trained is used by another, be it of the same VM, whose guest takes the two for two processors and
 * would use no barrier of its own between them. Pure; tests/unit/test_detect.c enumerates it.
 */
#ifndef SVMRT_BARRIER_H
#define SVMRT_BARRIER_H

#include <linux/types.h>

/*
 * `last`: id of the vCPU whose predictions this CPU may hold, 0 for none (ids begin at 1); it becomes
 * the one that enters. True: issue the barrier first.
 */
static inline _Bool svmrt_barrier_due(__u64 *last, __u64 vcpu_id)
{
	_Bool due = *last && *last != vcpu_id;

	*last = vcpu_id;
	return due;
}

#endif
