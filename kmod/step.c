// SPDX-License-Identifier: GPL-2.0-only
/* Opcodes that a single step must look at (APM volume 3, appendix A); see step.h. */
#include "step.h"

struct opcode {
	unsigned int at;	/* of the opcode's last byte, or count: none */
	_Bool two;		/* it follows 0F */
	__u8 byte;
	__u8 rex;
};

static struct opcode find_opcode(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode)
{
	struct opcode op = { .at = 0 };

	for (; op.at < count; op.at++) {
		switch (insn[op.at]) {
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66:
		case 0x67: case 0xf0: case 0xf2: case 0xf3:
			op.rex = 0;	/* REX counts only directly before the opcode */
			continue;
		}
		if (mode == SVMRT_INSN_64 && (insn[op.at] & 0xf0) == 0x40) {
			op.rex = insn[op.at];
			continue;
		}
		break;
	}
	if (op.at + 1 < count && insn[op.at] == 0x0f) {
		op.two = 1;
		op.at++;
	}
	if (op.at < count)
		op.byte = insn[op.at];
	return op;
}

enum svmrt_step_kind svmrt_step_kind(const __u8 *insn, unsigned int count,
				     enum svmrt_insn_mode mode)
{
	struct opcode op = find_opcode(insn, count, mode);

	if (op.at >= count)
		return SVMRT_STEP_PLAIN;
	if (op.two)
		return op.byte == 0x05 ? SVMRT_STEP_SYSCALL :
		       op.byte == 0x07 ? SVMRT_STEP_LOADS : SVMRT_STEP_PLAIN;
	switch (op.byte) {
	case 0x9c:
		return SVMRT_STEP_PUSHF;
	case 0x9d:
	case 0xcf:
		return SVMRT_STEP_LOADS;
	case 0xf1:
		return SVMRT_STEP_ICEBP;
	default:
		return SVMRT_STEP_PLAIN;
	}
}

int svmrt_step_swint(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		     unsigned int *length)
{
	struct opcode op = find_opcode(insn, count, mode);

	if (op.at >= count || op.two)
		return -1;
	*length = op.at + 1;
	switch (op.byte) {
	case 0xcc:
		return 3;
	case 0xce:
		return mode == SVMRT_INSN_64 ? -1 : 4;
	case 0xcd:
		if (op.at + 1 >= count)
			return -1;
		*length = op.at + 2;
		return insn[op.at + 1];
	default:
		return -1;
	}
}

int svmrt_step_mov_dr(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		      unsigned int *length)
{
	struct opcode op = find_opcode(insn, count, mode);

	if (op.at + 1 >= count || !op.two || (op.byte != 0x21 && op.byte != 0x23))
		return -1;
	*length = op.at + 2;
	return insn[op.at + 1] | (op.rex & 1) << 8 | (op.rex & 4) << 7;
}
