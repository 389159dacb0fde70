/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotations of memory (APM volume 3), a bit at a time, as the flags are defined. Where OF is
 * undefined, after more than one bit, it is that of the last one; shifts leave AF clear.
 */
#include "emu.h"

struct shift {
	uint64_t value;
	bool carry, overflow;
	bool left, rotates;
};

static bool top_of(const struct shift *shift, unsigned int bits)
{
	return shift->value >> (bits - 1) & 1;
}

static void one_bit(struct shift *shift, ZydisMnemonic mnemonic, unsigned int bits)
{
	bool top = top_of(shift, bits), leaves = shift->left ? top : shift->value & 1, enters = false;

	switch (mnemonic) {
	case ZYDIS_MNEMONIC_ROL: case ZYDIS_MNEMONIC_ROR: enters = leaves; break;
	case ZYDIS_MNEMONIC_RCL: case ZYDIS_MNEMONIC_RCR: enters = shift->carry; break;
	case ZYDIS_MNEMONIC_SAR: enters = top; break;
	default: break;
	}
	shift->carry = leaves;
	if (shift->left)
		shift->value = (shift->value << 1 | enters) & emu_mask(bits);
	else
		shift->value = shift->value >> 1 | (uint64_t)enters << (bits - 1);
	shift->overflow = top_of(shift, bits) != top;	/* the sign changed */
}

static bool begin(struct shift *shift, ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_ROL: case ZYDIS_MNEMONIC_RCL: shift->left = shift->rotates = true; return true;
	case ZYDIS_MNEMONIC_ROR: case ZYDIS_MNEMONIC_RCR: shift->rotates = true; return true;
	case ZYDIS_MNEMONIC_SHL: shift->left = true; return true;
	case ZYDIS_MNEMONIC_SHR: case ZYDIS_MNEMONIC_SAR: return true;
	default: return false;
	}
}

static uint64_t flags_after(const struct shift *shift, unsigned int bits, uint64_t rflags)
{
	if (!shift->rotates)
		emu_alu(EMU_OR, shift->value, shift->value, bits, &rflags);
	rflags &= ~(uint64_t)(EMU_CF | EMU_OF);
	return rflags | (shift->carry ? EMU_CF : 0) | (shift->overflow ? EMU_OF : 0);
}

enum emu_status emu_shift(struct emu *emu)
{
	const ZydisDecodedOperand *to = &emu->operands[0];
	unsigned int bits = to->size;
	struct shift shift = { .carry = emu->rflags & EMU_CF };
	enum emu_status status;
	uint64_t count;

	if (!begin(&shift, emu->insn.mnemonic))
		return EMU_REFUSED;
	status = emu_read(emu, &emu->operands[1], &count, EMU_READ);
	if (!status)
		status = emu_read(emu, to, &shift.value, EMU_UPDATE);
	if (status)
		return status;
	count &= bits == 64 ? 63 : 31;
	for (uint64_t i = 0; i < count; i++)
		one_bit(&shift, emu->insn.mnemonic, bits);
	status = emu_write(emu, to, shift.value);
	if (!status && count)
		emu->rflags = flags_after(&shift, bits, emu->rflags);
	return status;
}
