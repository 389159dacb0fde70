/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which instructions show or change RFLAGS.TF, so that a debugger's single step stays invisible to
 * the guest. Pure; also builds in user space, where tests/unit holds it against Zydis.
 */
#ifndef SVMRT_STEP_H
#define SVMRT_STEP_H

#include <linux/types.h>
#include "insn.h"

enum svmrt_step_kind {
	SVMRT_STEP_PLAIN,	/* TF afterwards is what it was before */
	SVMRT_STEP_PUSHF,	/* pushes TF */
	SVMRT_STEP_LOADS,	/* POPF, IRET, SYSRET: TF afterwards is what the instruction loaded */
	SVMRT_STEP_ICEBP,	/* INT1: a #DB of its own, of which DR6 says nothing */
	SVMRT_STEP_SYSCALL,	/* copies TF to R11, then clears it if SFMASK says so */
};

/* The kind of the instruction at insn[0..count-1]; PLAIN if the bytes do not tell. */
enum svmrt_step_kind svmrt_step_kind(const __u8 *insn, unsigned int count,
				     enum svmrt_insn_mode mode);

/*
 * Vector of the software interrupt (INT n, INT3, INTO) at insn[0..count-1] and its length in
 * *length, or -1. What the exit code SWINT alone does not tell.
 */
int svmrt_step_swint(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		     unsigned int *length);

/*
 * MOV from or to a debug register: its ModRM byte (reg: the debug register, rm: the GPR) with bit 8
 * for REX.B and bit 9 for REX.R, and the length in *length; or -1.
 */
int svmrt_step_mov_dr(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		      unsigned int *length);

#endif
