/* SPDX-License-Identifier: MIT */
/*
 * Decodes with Zydis and executes. Memory is written before registers and flags change, so that an
 * instruction which faults has done nothing.
 */
#include <stdio.h>
#include "emu.h"

static ZydisStackWidth stack_width(ZydisMachineMode mode)
{
	switch (emu_mode_bits(mode)) {
	case 64: return ZYDIS_STACK_WIDTH_64;
	case 32: return ZYDIS_STACK_WIDTH_32;
	default: return ZYDIS_STACK_WIDTH_16;
	}
}

bool emu_decode(struct emu *emu, const uint8_t *bytes, unsigned int count)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, emu->mode, stack_width(emu->mode));
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, count, &emu->insn,
						   emu->operands));
}

void emu_text(const struct emu *emu, char *text, unsigned int room)
{
	ZydisFormatter formatter;

	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &emu->insn, emu->operands,
							  emu->insn.operand_count_visible, text, room,
							  ZYDIS_RUNTIME_ADDRESS_NONE, NULL)))
		snprintf(text, room, "(unprintable)");
}

unsigned int emu_memory_operands(const struct emu *emu)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < emu->insn.operand_count; i++)
		count += emu->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY;
	return count;
}

static uint64_t sign_extend(uint64_t value, unsigned int bits)
{
	return bits < 64 && value >> (bits - 1) & 1 ? value | ~0ULL << bits : value;
}

static uint64_t swap_bytes(uint64_t value, unsigned int bits)
{
	return __builtin_bswap64(value) >> (64 - bits);
}

static enum emu_status move(struct emu *emu)
{
	const ZydisDecodedOperand *to = &emu->operands[0], *from = &emu->operands[1];
	enum emu_status status;
	uint64_t value;

	status = emu_read(emu, from, &value, EMU_READ);
	if (status)
		return status;
	if (emu->insn.mnemonic == ZYDIS_MNEMONIC_MOVSX || emu->insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD)
		value = sign_extend(value, from->size);
	else if (emu->insn.mnemonic == ZYDIS_MNEMONIC_MOVBE)
		value = swap_bytes(value, from->size);
	return emu_write(emu, to, value);
}

/* ADD, OR, ADC, SBB, AND, SUB, XOR; without `store` CMP and TEST. */
static enum emu_status arithmetic(struct emu *emu, enum emu_operation op, bool store)
{
	const ZydisDecodedOperand *to = &emu->operands[0];
	uint64_t a, b, rflags = emu->rflags;
	enum emu_status status;

	status = emu_read(emu, &emu->operands[1], &b, EMU_READ);
	if (!status)
		status = emu_read(emu, to, &a, store ? EMU_UPDATE : EMU_READ);
	if (status)
		return status;
	a = emu_alu(op, a, b, to->size, &rflags);
	if (store)
		status = emu_write(emu, to, a);
	if (!status)
		emu->rflags = rflags;
	return status;
}

static enum emu_status unary(struct emu *emu)
{
	const ZydisDecodedOperand *to = &emu->operands[0];
	uint64_t value, rflags = emu->rflags;
	enum emu_status status = emu_read(emu, to, &value, EMU_UPDATE);

	if (status)
		return status;
	switch (emu->insn.mnemonic) {
	case ZYDIS_MNEMONIC_INC: value = emu_increment(value, 1, to->size, &rflags); break;
	case ZYDIS_MNEMONIC_DEC: value = emu_increment(value, -1ULL, to->size, &rflags); break;
	case ZYDIS_MNEMONIC_NEG: value = emu_negate(value, to->size, &rflags); break;
	default: value = ~value; break;
	}
	status = emu_write(emu, to, value);
	if (!status)
		emu->rflags = rflags;
	return status;
}

static bool is_gpr(const ZydisDecodedOperand *operand)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);

	return class == ZYDIS_REGCLASS_GPR8 || class == ZYDIS_REGCLASS_GPR16 ||
		class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64;
}

/* Operands that one sees are general registers, immediates and memory of at most 8 bytes. */
static bool is_integer(const struct emu *emu)
{
	for (unsigned int i = 0; i < emu->insn.operand_count_visible; i++) {
		const ZydisDecodedOperand *operand = &emu->operands[i];

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER ? !is_gpr(operand) :
		    operand->type == ZYDIS_OPERAND_TYPE_MEMORY ? operand->size > 64 :
		    operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return false;
	}
	return emu->insn.operand_count_visible > 0;
}

static enum emu_status execute_integer(struct emu *emu)
{
	switch (emu->insn.mnemonic) {
	case ZYDIS_MNEMONIC_MOV: case ZYDIS_MNEMONIC_MOVZX: case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD: case ZYDIS_MNEMONIC_MOVBE: case ZYDIS_MNEMONIC_MOVNTI:
		return move(emu);
	case ZYDIS_MNEMONIC_ADD: return arithmetic(emu, EMU_ADD, true);
	case ZYDIS_MNEMONIC_OR: return arithmetic(emu, EMU_OR, true);
	case ZYDIS_MNEMONIC_ADC: return arithmetic(emu, EMU_ADC, true);
	case ZYDIS_MNEMONIC_SBB: return arithmetic(emu, EMU_SBB, true);
	case ZYDIS_MNEMONIC_AND: return arithmetic(emu, EMU_AND, true);
	case ZYDIS_MNEMONIC_SUB: return arithmetic(emu, EMU_SUB, true);
	case ZYDIS_MNEMONIC_XOR: return arithmetic(emu, EMU_XOR, true);
	case ZYDIS_MNEMONIC_CMP: return arithmetic(emu, EMU_SUB, false);
	case ZYDIS_MNEMONIC_TEST: return arithmetic(emu, EMU_AND, false);
	case ZYDIS_MNEMONIC_INC: case ZYDIS_MNEMONIC_DEC:
	case ZYDIS_MNEMONIC_NEG: case ZYDIS_MNEMONIC_NOT:
		return unary(emu);
	case ZYDIS_MNEMONIC_BT: case ZYDIS_MNEMONIC_BTS:
	case ZYDIS_MNEMONIC_BTR: case ZYDIS_MNEMONIC_BTC:
		return emu_bits(emu);
	case ZYDIS_MNEMONIC_SHL: case ZYDIS_MNEMONIC_SHR: case ZYDIS_MNEMONIC_SAR:
	case ZYDIS_MNEMONIC_ROL: case ZYDIS_MNEMONIC_ROR:
	case ZYDIS_MNEMONIC_RCL: case ZYDIS_MNEMONIC_RCR:
		return emu_shift(emu);
	default:
		return emu_exchange(emu);
	}
}

static enum emu_status dispatch(struct emu *emu)
{
	if (emu->insn.meta.category == ZYDIS_CATEGORY_STRINGOP ||
	    emu->insn.meta.category == ZYDIS_CATEGORY_IOSTRINGOP)
		return emu_string(emu);
	if (emu->insn.mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B)
		return emu_exchange(emu);
	return is_integer(emu) ? execute_integer(emu) : emu_vector(emu);
}

enum emu_status emu_execute(struct emu *emu)
{
	enum emu_status status;

	emu->iterations = 0;
	emu->why = NULL;
	if (!emu_memory_operands(emu))
		return EMU_REFUSED;
	status = dispatch(emu);
	if (status)
		return status;
	emu->rip += emu->insn.length;
	/* The mask of 16-bit code is IP's; a 32-bit one wraps, too. */
	emu->rip &= emu_mask(emu_mode_bits(emu->mode));
	return EMU_DONE;
}
