// SPDX-License-Identifier: GPL-2.0-only
/* Decoding of MOV, MOVZX, MOVSX and MOVSXD with a memory operand (APM volume 3, appendix A); mov.h. */
#include "mov.h"

struct prefix {
	unsigned int at;	/* of the opcode */
	_Bool operand, address;
	__u8 rex;
	_Bool other;		/* LOCK, REP: no MOV has them */
};

static struct prefix prefixes(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode)
{
	struct prefix p = { 0 };

	for (; p.at < count; p.at++) {
		switch (insn[p.at]) {
		case 0x66:
			p.operand = 1;
			break;
		case 0x67:
			p.address = 1;
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			break;
		case 0xf0: case 0xf2: case 0xf3:
			p.other = 1;
			break;
		default:
			if (mode != SVMRT_INSN_64 || (insn[p.at] & 0xf0) != 0x40)
				return p;
			p.rex = insn[p.at];
			continue;
		}
		p.rex = 0;	/* REX counts only directly before the opcode */
	}
	return p;
}

/* A byte register without REX: 4 .. 7 are AH, CH, DH, BH. */
static void byte_reg(struct svmrt_mov *mov, __u8 rex)
{
	if (rex || mov->reg < 4)
		return;
	mov->high_byte = 1;
	mov->reg -= 4;
}

static _Bool take_immediate(struct svmrt_mov *mov, const __u8 *at, unsigned int room)
{
	unsigned int bytes = mov->bytes == 8 ? 4 : mov->bytes, i;

	if (room < bytes)
		return 0;
	for (i = 0; i < bytes; i++)
		mov->value |= (__u64)at[i] << 8 * i;
	if (mov->bytes == 8)
		mov->value = (__u64)(long long)(int)mov->value;
	mov->immediate = 1;
	mov->length = (__u8)(mov->length + bytes);
	return 1;
}

/* A0 .. A3: AL, AX, EAX or RAX and an address in the instruction. */
static _Bool moffs(struct svmrt_mov *mov, const struct prefix *p, unsigned int count, __u8 opcode,
		   enum svmrt_insn_mode mode, __u8 wide)
{
	_Bool address16 = (mode == SVMRT_INSN_16) != p->address;
	unsigned int address = mode == SVMRT_INSN_64 ? (p->address ? 4 : 8) : address16 ? 2 : 4;

	mov->write = opcode >= 0xa2;
	mov->bytes = mov->reg_bytes = opcode & 1 ? wide : 1;
	mov->length = (__u8)(p->at + 1 + address);
	return mov->length <= count;
}

/* 88 .. 8B, C6, C7, 63 and those behind 0F; false: another opcode. */
static _Bool by_modrm(struct svmrt_mov *mov, __u8 opcode, _Bool two, __u8 field, __u8 wide,
		      enum svmrt_insn_mode mode)
{
	if (two) {
		/* B6, B7: MOVZX; BE, BF: MOVSX */
		if ((opcode & 0xf6) != 0xb6)
			return 0;
		mov->bytes = opcode & 1 ? 2 : 1;
		mov->reg_bytes = wide;
		mov->sign = opcode >= 0xbe;
		return 1;
	}
	mov->bytes = mov->reg_bytes = opcode & 1 ? wide : 1;
	switch (opcode) {
	case 0x88: case 0x89:
		mov->write = 1;
		return 1;
	case 0x8a: case 0x8b:
		return 1;
	case 0xc6: case 0xc7:
		mov->write = 1;
		mov->immediate = 1;
		return field == 0;
	case 0x63:
		/* What MOVSXD reads for a 16-bit register, manuals say in different ways. */
		mov->bytes = 4;
		mov->sign = 1;
		return mode == SVMRT_INSN_64 && wide != 2;
	default:
		return 0;
	}
}

_Bool svmrt_mov_decode(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
		       struct svmrt_mov *mov)
{
	struct prefix p;
	unsigned int at, modrm;
	_Bool two = 0, immediate;
	__u8 opcode, byte, wide;

	*mov = (struct svmrt_mov) { 0 };
	if (count > 15)
		count = 15;
	p = prefixes(insn, count, mode);
	if (p.other || p.at + 1 >= count)
		return 0;
	wide = p.rex & 8 ? 8 : (mode == SVMRT_INSN_16) != p.operand ? 2 : 4;
	opcode = insn[p.at];
	if (opcode >= 0xa0 && opcode <= 0xa3)
		return moffs(mov, &p, count, opcode, mode, wide);
	at = p.at + 1;
	if (opcode == 0x0f) {
		two = 1;
		opcode = insn[at++];
	}
	if (at >= count)
		return 0;
	byte = insn[at];
	if (byte >> 6 == 3 || !by_modrm(mov, opcode, two, byte >> 3 & 7, wide, mode))
		return 0;
	modrm = svmrt_modrm_length(insn + at, count - at,
				   mode != SVMRT_INSN_64 && (mode == SVMRT_INSN_16) != p.address);
	if (!modrm)
		return 0;
	mov->length = (__u8)(at + modrm);
	immediate = mov->immediate;
	if (immediate)
		return take_immediate(mov, insn + mov->length, count - mov->length);
	mov->reg = (__u8)((byte >> 3 & 7) | (p.rex & 4) << 1);
	if (mov->reg_bytes == 1)
		byte_reg(mov, p.rex);
	return 1;
}

static __u64 low_bytes(__u64 value, unsigned int bytes)
{
	return bytes == 8 ? value : value & ((1ULL << 8 * bytes) - 1);
}

__u64 svmrt_mov_result(const struct svmrt_mov *mov, __u64 old, __u64 value)
{
	value = low_bytes(value, mov->bytes);
	if (mov->sign && value >> (8 * mov->bytes - 1))
		value |= ~low_bytes(~0ULL, mov->bytes);
	value = low_bytes(value, mov->reg_bytes);
	if (mov->high_byte)
		return (old & ~0xff00ULL) | value << 8;
	if (mov->reg_bytes >= 4)
		return value;	/* 32-bit results clear the upper half */
	return (old & ~low_bytes(~0ULL, mov->reg_bytes)) | value;
}

__u64 svmrt_mov_operand(const struct svmrt_mov *mov, __u64 reg)
{
	return low_bytes(mov->immediate ? mov->value : mov->high_byte ? reg >> 8 : reg, mov->bytes);
}
