/* SPDX-License-Identifier: MIT */
/* XCHG, XADD, CMPXCHG, CMPXCHG8B and CMPXCHG16B, BT and its kin; with LOCK or without. */
#include "emu.h"

#define GPR_RAX 0
#define GPR_RCX 1
#define GPR_RDX 2
#define GPR_RBX 3
#define VECTOR_GP 13

/* XCHG memory, register; XADD leaves the sum in memory instead. */
static enum emu_status exchange(struct emu *emu, bool add)
{
	const ZydisDecodedOperand *to = &emu->operands[0], *from = &emu->operands[1];
	uint64_t a, b, rflags = emu->rflags;
	enum emu_status status;

	if (to->type != ZYDIS_OPERAND_TYPE_MEMORY) {
		to = &emu->operands[1];
		from = &emu->operands[0];
	}
	status = emu_read(emu, to, &a, EMU_UPDATE);
	if (status)
		return status;
	b = emu_get(emu, from->reg.value);
	if (add)
		b = emu_alu(EMU_ADD, a, b, to->size, &rflags);
	status = emu_write(emu, to, b);
	if (status)
		return status;
	emu_set(emu, from->reg.value, a);
	emu->rflags = rflags;
	return EMU_DONE;
}

static ZydisRegister accumulator(unsigned int bits)
{
	switch (bits) {
	case 8: return ZYDIS_REGISTER_AL;
	case 16: return ZYDIS_REGISTER_AX;
	case 32: return ZYDIS_REGISTER_EAX;
	default: return ZYDIS_REGISTER_RAX;
	}
}

/* Memory is written in either case. */
static enum emu_status compare_exchange(struct emu *emu)
{
	const ZydisDecodedOperand *to = &emu->operands[0];
	uint64_t old, rflags = emu->rflags;
	ZydisRegister expected = accumulator(to->size);
	enum emu_status status = emu_read(emu, to, &old, EMU_UPDATE);

	if (status)
		return status;
	emu_alu(EMU_SUB, emu_get(emu, expected), old, to->size, &rflags);
	status = emu_write(emu, to, rflags & EMU_ZF ? emu_get(emu, emu->operands[1].reg.value) : old);
	if (status)
		return status;
	if (!(rflags & EMU_ZF))
		emu_set(emu, expected, old);
	emu->rflags = rflags;
	return EMU_DONE;
}

/* CMPXCHG8B and CMPXCHG16B: two halves, low one first. */
static enum emu_status compare_exchange_pair(struct emu *emu, unsigned int half)
{
	uint64_t mask = emu_mask(half * 8), linear, old[2] = { 0 }, new[2];
	uint8_t buffer[16];
	enum emu_status status = emu_linear(emu, &emu->operands[0], 0, half * 2, true, &linear);
	bool equal;

	if (!status && half == 8 && linear & 15)
		return emu_raise(emu, VECTOR_GP, 0);
	if (!status)
		status = emu->ops->read(emu, linear, buffer, half * 2, EMU_UPDATE);
	if (status)
		return status;
	__builtin_memcpy(&old[0], buffer, half);
	__builtin_memcpy(&old[1], buffer + half, half);
	equal = old[0] == (emu->gpr[GPR_RAX] & mask) && old[1] == (emu->gpr[GPR_RDX] & mask);
	new[0] = equal ? emu->gpr[GPR_RBX] : old[0];
	new[1] = equal ? emu->gpr[GPR_RCX] : old[1];
	__builtin_memcpy(buffer, &new[0], half);
	__builtin_memcpy(buffer + half, &new[1], half);
	status = emu->ops->write(emu, linear, buffer, half * 2);
	if (status)
		return status;
	emu->rflags = (emu->rflags & ~(uint64_t)EMU_ZF) | (equal ? EMU_ZF : 0);
	if (!equal) {
		emu->gpr[GPR_RAX] = old[0];
		emu->gpr[GPR_RDX] = old[1];
	}
	return EMU_DONE;
}

enum emu_status emu_exchange(struct emu *emu)
{
	switch (emu->insn.mnemonic) {
	case ZYDIS_MNEMONIC_XCHG: return exchange(emu, false);
	case ZYDIS_MNEMONIC_XADD: return exchange(emu, true);
	case ZYDIS_MNEMONIC_CMPXCHG: return compare_exchange(emu);
	case ZYDIS_MNEMONIC_CMPXCHG8B: return compare_exchange_pair(emu, 4);
	case ZYDIS_MNEMONIC_CMPXCHG16B: return compare_exchange_pair(emu, 8);
	default: return EMU_REFUSED;
	}
}

/*
 * A bit offset in a register reaches beyond the operand, to both sides: bit 3 of the string of bits
 * that begins at the operand may be any distance away. An immediate one is modulo the operand's size.
 */
enum emu_status emu_bits(struct emu *emu)
{
	const ZydisDecodedOperand *to = &emu->operands[0], *from = &emu->operands[1];
	unsigned int bits = to->size, bytes = bits / 8, shift;
	ZydisMnemonic mnemonic = emu->insn.mnemonic;
	bool write = mnemonic != ZYDIS_MNEMONIC_BT;
	uint64_t number, value = 0, offset = 0, linear, mask;
	enum emu_status status = emu_read(emu, from, &number, EMU_READ);

	if (status)
		return status;
	shift = (unsigned int)number & (bits - 1);
	if (from->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		int64_t distance = (int64_t)(number << (64 - bits)) >> (64 - bits);

		offset = (uint64_t)((distance - (int64_t)shift) / 8);
	}
	status = emu_linear(emu, to, offset, bytes, write, &linear);
	if (!status)
		status = emu->ops->read(emu, linear, &value, bytes, write ? EMU_UPDATE : EMU_READ);
	if (status)
		return status;
	mask = 1ULL << shift;
	number = value & mask;
	if (mnemonic == ZYDIS_MNEMONIC_BTS)
		value |= mask;
	else if (mnemonic == ZYDIS_MNEMONIC_BTR)
		value &= ~mask;
	else if (mnemonic == ZYDIS_MNEMONIC_BTC)
		value ^= mask;
	if (write)
		status = emu->ops->write(emu, linear, &value, bytes);
	if (!status)
		emu->rflags = (emu->rflags & ~(uint64_t)EMU_CF) | (number ? EMU_CF : 0);
	return status;
}
