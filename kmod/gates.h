/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may be delivered at the next VMRUN and how (C4): NMI and its window, the vector in V_IRQ, the
 * INTR line and its INTA cycle; then, after the exit, whether the guest took it. Pure: irq.c uses it as
 * it is, and tests/unit/test_gates.c walks every reachable state against models of two processors.
 */
#ifndef SVMRT_GATES_H
#define SVMRT_GATES_H

#include <linux/types.h>

struct svmrt_gates {
	/* What waits. */
	_Bool nmi;
	_Bool extint;		/* the INTR line, where it reaches the core */
	_Bool below_tpr;	/* some vector waits for a lower TPR */
	_Bool from_inta;	/* `vector` is the INTR line's, given by user space: no TPR holds it */
	int vector;		/* that the TPR lets through, or -1 */
	/* What it waits for. */
	_Bool nmi_blocked;	/* until the IRET of its handler */
	_Bool iretting;		/* which was the instruction at the last exit for it, */
	_Bool moved;		/* and RIP is elsewhere by now */
	_Bool open;		/* RFLAGS.IF */
	_Bool shadow;		/* of STI or MOV SS */
	__u64 event;		/* what EVENTINJ carries already, or 0 */
	_Bool can_inject;	/* EVENTINJ may carry a vector: QEMU may deliver such a one twice */
};

struct svmrt_gates_plan {
	_Bool inject_nmi;	/* in EVENTINJ, */
	_Bool inject_vector;	/* g->vector, too */
	_Bool step;		/* one instruction, then look again */
	_Bool exit_soon;	/* as soon as the event is delivered, then look again */
	_Bool ask_inta;		/* do not enter: user space has the vector */
	_Bool v_irq, ignore_tpr;	/* with g->vector, unless vintr */
	__u8 priority;		/* V_INTR_PRIO */
	_Bool vintr, cr8, iret;	/* what is to be intercepted */
	_Bool nmi_blocked, iretting;	/* from now on */
};

struct svmrt_gates_plan svmrt_gates_before(const struct svmrt_gates *g);

/* Whether what waits ends a HLT. */
_Bool svmrt_gates_wakes(const struct svmrt_gates *g);

/* Whether the guest took `sent`, the vector of V_IRQ or EVENTINJ at that VMRUN; `open` is IF now. */
enum svmrt_gates_taken {
	SVMRT_NOT_TAKEN,
	SVMRT_TAKEN,
	SVMRT_CUT_SHORT,	/* not taken, and EXITINTINFO is not to be injected again */
};
enum svmrt_gates_taken svmrt_gates_after(int sent, _Bool v_irq, __u64 exitintinfo, _Bool open,
					 _Bool on_tcg);

#endif
