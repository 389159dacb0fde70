/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MOV between a register or an immediate and memory, as guests use it on device registers: what an
 * access to an address without memory reads or writes. The address itself comes from the processor
 * (EXITINFO2). Every other form of access is for user space. Pure; tests/unit/test_kmod_mov.c holds it
 * against Zydis.
 */
#ifndef SVMRT_MOV_H
#define SVMRT_MOV_H

#include <linux/types.h>
#include "insn.h"

struct svmrt_mov {
	__u8 length;		/* of the instruction, 1..15 */
	__u8 bytes;		/* of memory: 1, 2, 4, 8 */
	__u8 write;		/* to memory */
	__u8 immediate;		/* write: `value` instead of a register */
	__u8 reg;		/* GPR, as the processor numbers them */
	__u8 high_byte;		/* `reg` means AH, CH, DH or BH of GPR 0 .. 3 */
	__u8 reg_bytes;		/* read: what the register gets: 1, 2, 4, 8 */
	__u8 sign;		/* read: sign-extended to reg_bytes, else zero-extended */
	__u64 value;
};

/* True, and *mov, if the bytes are such a MOV and there are enough of them. */
_Bool svmrt_mov_decode(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		       struct svmrt_mov *mov);

/* GPR `old` after the register of *mov, a read, got `value` from memory. */
__u64 svmrt_mov_result(const struct svmrt_mov *mov, __u64 old, __u64 value);

/* What *mov, a write, puts into memory when its GPR is `reg`. */
__u64 svmrt_mov_operand(const struct svmrt_mov *mov, __u64 reg);

#endif
