/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why VMRUN refused a VMCB: the rules of svmkit/consistency.def that a program can look at. Pure;
 * tests/unit/test_consistency.c builds it in user space and breaks each rule.
 */
#ifndef SVMRT_CONSISTENCY_H
#define SVMRT_CONSISTENCY_H

#include <svmkit/vmcb.h>

struct svmrt_consistency {
	const char *id;		/* "C02"; "-" if no rule is known to be broken */
	const char *rule;	/* when the state is illegal, in words of the table */
	const char *apm;	/* section of volume 2 */
};

/* The first rule that `vmcb`, as VMRUN gets it, breaks on such a processor. Never NULL. */
const struct svmrt_consistency *svmrt_consistency(const struct svmk_vmcb *vmcb,
						  unsigned int physical_bits, __u32 asids);

#endif
