/* SPDX-License-Identifier: MIT */
/* Integer arithmetic with the status flags that it leaves (APM volume 1, 3.1.4). */
#include "emu.h"

static uint64_t result_flags(uint64_t result, unsigned int bits)
{
	uint64_t flags = 0;

	if (!(result & emu_mask(bits)))
		flags |= EMU_ZF;
	if (result >> (bits - 1) & 1)
		flags |= EMU_SF;
	if (!__builtin_parity((unsigned int)(result & 0xff)))
		flags |= EMU_PF;
	return flags;
}

static uint64_t add(uint64_t a, uint64_t b, unsigned int carry, unsigned int bits, uint64_t *flags)
{
	uint64_t result = (a + b + carry) & emu_mask(bits);
	unsigned int top = bits - 1;

	*flags = result_flags(result, bits);
	if (((a & b) | ((a | b) & ~result)) >> top & 1)
		*flags |= EMU_CF;
	if ((a ^ b ^ result) & 0x10)
		*flags |= EMU_AF;
	if (((a ^ result) & (b ^ result)) >> top & 1)
		*flags |= EMU_OF;
	return result;
}

static uint64_t subtract(uint64_t a, uint64_t b, unsigned int borrow, unsigned int bits,
			 uint64_t *flags)
{
	uint64_t result = (a - b - borrow) & emu_mask(bits);
	unsigned int top = bits - 1;

	*flags = result_flags(result, bits);
	if (((~a & b) | ((~a | b) & result)) >> top & 1)
		*flags |= EMU_CF;
	if ((a ^ b ^ result) & 0x10)
		*flags |= EMU_AF;
	if (((a ^ b) & (a ^ result)) >> top & 1)
		*flags |= EMU_OF;
	return result;
}

static uint64_t logic(uint64_t result, unsigned int bits, uint64_t *flags)
{
	*flags = result_flags(result, bits);
	return result & emu_mask(bits);
}

static void put(uint64_t *rflags, uint64_t flags, uint64_t which)
{
	*rflags = (*rflags & ~which) | (flags & which);
}

uint64_t emu_alu(enum emu_operation op, uint64_t a, uint64_t b, unsigned int bits, uint64_t *rflags)
{
	unsigned int carry = *rflags & EMU_CF;
	uint64_t flags, result;

	a &= emu_mask(bits);
	b &= emu_mask(bits);
	switch (op) {
	case EMU_ADD: result = add(a, b, 0, bits, &flags); break;
	case EMU_ADC: result = add(a, b, carry, bits, &flags); break;
	case EMU_SUB: result = subtract(a, b, 0, bits, &flags); break;
	case EMU_SBB: result = subtract(a, b, carry, bits, &flags); break;
	case EMU_AND: result = logic(a & b, bits, &flags); break;
	case EMU_OR: result = logic(a | b, bits, &flags); break;
	default: result = logic(a ^ b, bits, &flags); break;
	}
	put(rflags, flags, EMU_STATUS_FLAGS);
	return result;
}

uint64_t emu_increment(uint64_t a, uint64_t by, unsigned int bits, uint64_t *rflags)
{
	uint64_t before = *rflags, result = emu_alu(by == 1 ? EMU_ADD : EMU_SUB, a, 1, bits, rflags);

	put(rflags, before, EMU_CF);
	return result;
}

uint64_t emu_negate(uint64_t a, unsigned int bits, uint64_t *rflags)
{
	return emu_alu(EMU_SUB, 0, a, bits, rflags);
}
