/* SPDX-License-Identifier: MIT */
/* SSE moves between memory and an XMM register. Those of AVX are not emulated: YMM is out of reach. */
#include <string.h>
#include "emu.h"

#define VECTOR_GP 13

static bool is_move(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_MOVAPS: case ZYDIS_MNEMONIC_MOVAPD: case ZYDIS_MNEMONIC_MOVDQA:
	case ZYDIS_MNEMONIC_MOVUPS: case ZYDIS_MNEMONIC_MOVUPD: case ZYDIS_MNEMONIC_MOVDQU:
	case ZYDIS_MNEMONIC_MOVNTPS: case ZYDIS_MNEMONIC_MOVNTPD: case ZYDIS_MNEMONIC_MOVNTDQ:
	case ZYDIS_MNEMONIC_MOVNTDQA: case ZYDIS_MNEMONIC_LDDQU:
	case ZYDIS_MNEMONIC_MOVSS: case ZYDIS_MNEMONIC_MOVSD:
	case ZYDIS_MNEMONIC_MOVD: case ZYDIS_MNEMONIC_MOVQ:
		return true;
	default:
		return false;
	}
}

/* Of 16 bytes only these need not be aligned. */
static bool may_be_odd(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_MOVUPS || mnemonic == ZYDIS_MNEMONIC_MOVUPD ||
		mnemonic == ZYDIS_MNEMONIC_MOVDQU || mnemonic == ZYDIS_MNEMONIC_LDDQU;
}

/* The rest of the register is cleared by a load. */
enum emu_status emu_vector(struct emu *emu)
{
	bool store = emu->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
	const ZydisDecodedOperand *memory = &emu->operands[!store], *reg = &emu->operands[store];
	unsigned int bytes = memory->size / 8, number;
	uint8_t value[16] = { 0 };
	enum emu_status status;
	uint64_t linear;

	if (emu->insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || !is_move(emu->insn.mnemonic) ||
	    memory->type != ZYDIS_OPERAND_TYPE_MEMORY || bytes > 16 ||
	    reg->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    ZydisRegisterGetClass(reg->reg.value) != ZYDIS_REGCLASS_XMM)
		return EMU_REFUSED;
	number = (unsigned int)(reg->reg.value - ZYDIS_REGISTER_XMM0) & 15;
	status = emu_linear(emu, memory, 0, bytes, store, &linear);
	if (status)
		return status;
	if (bytes == 16 && linear & 15 && !may_be_odd(emu->insn.mnemonic))
		return emu_raise(emu, VECTOR_GP, 0);
	status = emu_alignment(emu, linear, bytes);
	if (status)
		return status;
	if (!emu->ops->load_xmm(emu))
		return EMU_REFUSED;
	if (store)
		return emu->ops->write(emu, linear, emu->xmm[number], bytes);
	status = emu->ops->read(emu, linear, value, bytes, EMU_READ);
	if (status)
		return status;
	memcpy(emu->xmm[number], value, sizeof(value));
	return emu->ops->store_xmm(emu) ? EMU_DONE : EMU_REFUSED;
}
