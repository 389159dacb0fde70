/* SPDX-License-Identifier: GPL-2.0-only */
/* Between run.c, which enters the guest, and exit.c, which decides what an exit means. */
#ifndef SVMRT_EXIT_H
#define SVMRT_EXIT_H

#include "svmrt_priv.h"

/* EXITINFO1 of IOIO (APM volume 2, 15.10.2) and of NPF (15.25.6). */
#define SVMRT_IOIO_IN		BIT_ULL(0)
#define SVMRT_IOIO_STR		BIT_ULL(2)	/* INS or OUTS */
#define SVMRT_IOIO_SZ16		BIT_ULL(5)
#define SVMRT_IOIO_SZ32		BIT_ULL(6)
#define SVMRT_NPF_WRITE		BIT_ULL(1)
#define SVMRT_NPF_FETCH		BIT_ULL(4)
#define SVMRT_NPF_TABLE		BIT_ULL(33)	/* while the guest's page tables were walked */

/* EXITCODE; the 32-bit form of -1 .. -4 that emulators write is widened (C9). */
u64 svmrt_exit_code(const struct svmk_vmcb *vmcb);

/* An NPF that no region answers: count, tell, and do what the policy says. IRQs off. */
enum svmrt_leave svmrt_handle_npf(struct svmrt_vcpu *vcpu);

/*
 * RIP behind the instruction that exited, or 0: not known. *missing_gpa: a page to populate before
 * trying again, or ~0.
 */
u64 svmrt_next_rip(struct svmrt_vcpu *vcpu, u64 code, u64 *missing_gpa);

static inline enum svmrt_run_reason svmrt_run_reason(enum svmrt_leave leave)
{
	switch (leave) {
	case SVMRT_LEAVE_EXIT:
		return SVMRT_RUN_EXIT;
	case SVMRT_LEAVE_STOP:
		return SVMRT_RUN_STOP;
	case SVMRT_LEAVE_RING_FULL:
		return SVMRT_RUN_RING_FULL;
	case SVMRT_LEAVE_SHUTDOWN:
		return SVMRT_RUN_SHUTDOWN;
	case SVMRT_LEAVE_INVALID:
		return SVMRT_RUN_INVALID;
	case SVMRT_LEAVE_DEBUG:
		return SVMRT_RUN_DEBUG;
	case SVMRT_LEAVE_INTA:
		return SVMRT_RUN_INTA;
	default:
		return SVMRT_RUN_BROKEN;
	}
}

/* For IPIs whose only purpose is to make a CPU leave guest mode. */
static inline void svmrt_nop(void *unused)
{
}

#endif
