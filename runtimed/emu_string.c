/* SPDX-License-Identifier: MIT */
/*
 * MOVS, CMPS, SCAS, LODS, STOS, INS and OUTS. An iteration changes registers only after its accesses;
 * between iterations the guest can be left, since count and pointers say where it goes on.
 */
#include "emu.h"

#define GPR_RAX 0
#define GPR_RCX 1
#define GPR_RDX 2
#define GPR_RSI 6
#define GPR_RDI 7

enum string_op { OP_MOVS, OP_CMPS, OP_SCAS, OP_LODS, OP_STOS, OP_INS, OP_OUTS, OP_NONE };

/* SSE has a MOVSD and a CMPSD, too: their category is another. */
static enum string_op op_of(const struct emu *emu)
{
	switch (emu->insn.mnemonic) {
	case ZYDIS_MNEMONIC_MOVSB: case ZYDIS_MNEMONIC_MOVSW:
	case ZYDIS_MNEMONIC_MOVSD: case ZYDIS_MNEMONIC_MOVSQ: return OP_MOVS;
	case ZYDIS_MNEMONIC_CMPSB: case ZYDIS_MNEMONIC_CMPSW:
	case ZYDIS_MNEMONIC_CMPSD: case ZYDIS_MNEMONIC_CMPSQ: return OP_CMPS;
	case ZYDIS_MNEMONIC_SCASB: case ZYDIS_MNEMONIC_SCASW:
	case ZYDIS_MNEMONIC_SCASD: case ZYDIS_MNEMONIC_SCASQ: return OP_SCAS;
	case ZYDIS_MNEMONIC_LODSB: case ZYDIS_MNEMONIC_LODSW:
	case ZYDIS_MNEMONIC_LODSD: case ZYDIS_MNEMONIC_LODSQ: return OP_LODS;
	case ZYDIS_MNEMONIC_STOSB: case ZYDIS_MNEMONIC_STOSW:
	case ZYDIS_MNEMONIC_STOSD: case ZYDIS_MNEMONIC_STOSQ: return OP_STOS;
	case ZYDIS_MNEMONIC_INSB: case ZYDIS_MNEMONIC_INSW: case ZYDIS_MNEMONIC_INSD: return OP_INS;
	case ZYDIS_MNEMONIC_OUTSB: case ZYDIS_MNEMONIC_OUTSW: case ZYDIS_MNEMONIC_OUTSD: return OP_OUTS;
	default: return OP_NONE;
	}
}

/* A pointer or the count, in the width of addresses. */
static ZydisRegister address_wide(const struct emu *emu, unsigned int number)
{
	ZydisRegister first = emu->insn.address_width == 64 ? ZYDIS_REGISTER_RAX :
		emu->insn.address_width == 32 ? ZYDIS_REGISTER_EAX : ZYDIS_REGISTER_AX;

	return (ZydisRegister)((unsigned int)first + number);
}

static void step(struct emu *emu, unsigned int number, unsigned int bytes)
{
	ZydisRegister reg = address_wide(emu, number);
	uint64_t by = emu->rflags & EMU_DF ? -(uint64_t)bytes : bytes;

	emu_set(emu, reg, emu_get(emu, reg) + by);
}

/* The memory operand with that pointer. */
static const ZydisDecodedOperand *operand_at(const struct emu *emu, unsigned int number)
{
	for (unsigned int i = 0; i < emu->insn.operand_count; i++)
		if (emu->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    emu->operands[i].mem.base == address_wide(emu, number))
			return &emu->operands[i];
	return NULL;
}

static enum emu_status probe(struct emu *emu, const ZydisDecodedOperand *operand, bool write)
{
	uint64_t linear;
	enum emu_status status = emu_linear(emu, operand, 0, operand->size / 8, write, &linear);

	return status ? status : emu->ops->probe(emu, linear, operand->size / 8, write);
}

/* A source with side effects is read only if the destination takes the value. */
static enum emu_status iteration(struct emu *emu, enum string_op op, const ZydisDecodedOperand *source,
				 const ZydisDecodedOperand *destination)
{
	unsigned int bits = (destination ? destination : source)->size, bytes = bits / 8;
	uint64_t accumulator = emu->gpr[GPR_RAX] & emu_mask(bits), a = accumulator, b;
	uint16_t port = (uint16_t)emu->gpr[GPR_RDX];
	enum emu_status status = EMU_DONE;

	if (op == OP_MOVS)
		status = probe(emu, source, false);
	if (!status && (op == OP_MOVS || op == OP_INS))
		status = probe(emu, destination, true);
	if (!status && source)
		status = emu_read(emu, source, &a, EMU_READ);
	if (!status && (op == OP_CMPS || op == OP_SCAS))
		status = emu_read(emu, destination, &b, EMU_READ);
	if (status)
		return status;
	if (op == OP_INS)
		a = emu->ops->in(emu, port, bytes);
	if (op == OP_MOVS || op == OP_INS || op == OP_STOS)
		status = emu_write(emu, destination, a);
	if (status)
		return status;
	if (op == OP_OUTS)
		emu->ops->out(emu, port, bytes, (uint32_t)a);
	if (op == OP_CMPS || op == OP_SCAS)
		emu_alu(EMU_SUB, a, b, bits, &emu->rflags);
	if (op == OP_LODS)
		emu_set(emu, emu->operands[0].reg.value, a);
	if (source)
		step(emu, GPR_RSI, bytes);
	if (destination)
		step(emu, GPR_RDI, bytes);
	return EMU_DONE;
}

/* REPE and REPNE look at ZF after CMPS and SCAS; for the others both are REP. */
static bool goes_on(const struct emu *emu, enum string_op op)
{
	bool zero = emu->rflags & EMU_ZF;

	if (op != OP_CMPS && op != OP_SCAS)
		return true;
	return emu->insn.attributes & ZYDIS_ATTRIB_HAS_REPNE ? !zero : zero;
}

static enum emu_status repeat(struct emu *emu, enum string_op op, const ZydisDecodedOperand *source,
			      const ZydisDecodedOperand *destination)
{
	ZydisRegister counter = address_wide(emu, GPR_RCX);
	enum emu_status status;

	while (emu_get(emu, counter)) {
		if (emu->iterations == EMU_ITERATIONS || (emu->iterations && emu->ops->leave(emu)))
			return EMU_MORE;
		status = iteration(emu, op, source, destination);
		if (status)
			return status;
		emu->iterations++;
		emu_set(emu, counter, emu_get(emu, counter) - 1);
		if (!goes_on(emu, op))
			break;
	}
	return EMU_DONE;
}

enum emu_status emu_string(struct emu *emu)
{
	const ZydisDecodedOperand *source = operand_at(emu, GPR_RSI);
	const ZydisDecodedOperand *destination = operand_at(emu, GPR_RDI);
	enum string_op op = op_of(emu);
	bool reads = op == OP_MOVS || op == OP_CMPS || op == OP_LODS || op == OP_OUTS;

	if (op == OP_NONE || !source != !reads ||
	    !destination != (op == OP_LODS || op == OP_OUTS))
		return EMU_REFUSED;
	if (emu->insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
				    ZYDIS_ATTRIB_HAS_REPNE))
		return repeat(emu, op, source, destination);
	return iteration(emu, op, source, destination);
}
