/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Length of an instruction that caused an exit, for processors without nRIP (C6). Knows only the
 * instructions that have an exit code of their own. Pure; also builds in user space, where
 * tests/unit/test_insn.c holds it against Zydis over that opcode space.
 */
#ifndef SVMRT_INSN_H
#define SVMRT_INSN_H

#include <linux/types.h>

enum svmrt_insn_mode { SVMRT_INSN_16, SVMRT_INSN_32, SVMRT_INSN_64 };

/*
 * Length in bytes, 1..15, of the instruction at insn[0..count-1] if it is one that can cause exit
 * `exitcode`; else 0 (not that instruction, or more bytes are needed than count).
 */
unsigned int svmrt_insn_length(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
			       __u64 exitcode);

/* Bytes of ModRM, SIB and displacement at m[0..count-1], or 0 if count is too small. */
unsigned int svmrt_modrm_length(const __u8 *m, unsigned int count, _Bool address16);

#endif
