/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one physical CPU holds for us while SVM is claimed. Read by the slice (run.c) with
 * interrupts off on that CPU; written by host.c only.
 */
#ifndef SVMRT_HOST_H
#define SVMRT_HOST_H

#include <linux/percpu.h>
#include <linux/types.h>
#include "asid.h"

struct page;

struct svmrt_host_cpu {
	struct page *hsave;	/* VM_HSAVE_PA */
	struct page *save;	/* the host's own VMSAVE area (B3) */
	u64 old_hsave;
	struct svmrt_asid_cpu asid;
	u64 tsc_aux, xss;	/* the host's own, constant while it runs */
	u64 last_vcpu;		/* id of the vCPU that ran last here, for the IBPB (B9); 0: none */
	bool claimed;
	bool foreign_svme;
};

DECLARE_PER_CPU(struct svmrt_host_cpu, svmrt_host_cpu);

#endif
