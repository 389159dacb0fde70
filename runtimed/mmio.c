/* SPDX-License-Identifier: MIT */
/*
 * NPF exits (APM volume 2, 15.25.6): EXITINFO1 is the page-fault error code, EXITINFO2 the guest
 * physical address. Only MOV, MOVZX, MOVSX and MOVSXD between a register or immediate and memory
 * are emulated; anything else ends the run with the instruction's text.
 */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>
#include "bus.h"
#include "mmio.h"
#include "vcpu.h"

#define NPF_WRITE	(1ULL << 1)
#define NPF_FETCH	(1ULL << 4)
#define NPF_TABLE_WALK	(1ULL << 33)	/* the fault was on the guest's page tables */

#define EFER_LMA	(1ULL << 10)
#define CR0_PE		1ULL
#define CS_LONG		(1u << 9)	/* VMCB segment attributes: descriptor bits 55:52, 47:40 */
#define CS_DEFAULT_32	(1u << 10)

struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool refuse(struct vcpu *vcpu, const char *what, const char *insn)
{
	const struct svmrt_run_page *run = vcpu->pages.run;

	vcpu->end.reason = VM_END_ERROR;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text),
		 "%s%s%s at RIP 0x%llx, GPA 0x%llx: add memory there or change the guest", what,
		 insn[0] ? ": " : "", insn, (unsigned long long)run->rip,
		 (unsigned long long)run->exitinfo2);
	return false;
}

/*
 * EFER.LMA CS.L CS.D CR0.PE | mode
 *     1      1    -     -   | long
 *     1      0    1     -   | compatibility, 32 bits
 *     1      0    0     -   | compatibility, 16 bits
 *     0      -    1     -   | legacy, 32 bits
 *     0      -    0     1   | legacy, 16 bits
 *     0      -    0     0   | real
 */
static ZydisMachineMode machine_mode(const struct svmrt_run_page *run)
{
	bool big = run->cs_attrib & CS_DEFAULT_32;

	if (run->efer & EFER_LMA) {
		if (run->cs_attrib & CS_LONG)
			return ZYDIS_MACHINE_MODE_LONG_64;
		return big ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32 : ZYDIS_MACHINE_MODE_LONG_COMPAT_16;
	}
	if (big)
		return ZYDIS_MACHINE_MODE_LEGACY_32;
	return run->cr0 & CR0_PE ? ZYDIS_MACHINE_MODE_LEGACY_16 : ZYDIS_MACHINE_MODE_REAL_16;
}

static ZydisStackWidth stack_width(ZydisMachineMode mode)
{
	switch (mode) {
	case ZYDIS_MACHINE_MODE_LONG_64: return ZYDIS_STACK_WIDTH_64;
	case ZYDIS_MACHINE_MODE_LONG_COMPAT_32:
	case ZYDIS_MACHINE_MODE_LEGACY_32: return ZYDIS_STACK_WIDTH_32;
	default: return ZYDIS_STACK_WIDTH_16;
	}
}

static uint64_t advance_rip(const struct svmrt_run_page *run, ZydisMachineMode mode,
			    unsigned int length)
{
	uint64_t rip = run->rip + length;

	if (mode == ZYDIS_MACHINE_MODE_LONG_64)
		return rip;
	return stack_width(mode) == ZYDIS_STACK_WIDTH_32 ? (uint32_t)rip : (uint16_t)rip;
}

static bool is_gpr(const ZydisDecodedOperand *operand)
{
	ZydisRegisterClass class;

	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	class = ZydisRegisterGetClass(operand->reg.value);
	return class == ZYDIS_REGCLASS_GPR8 || class == ZYDIS_REGCLASS_GPR16 ||
		class == ZYDIS_REGCLASS_GPR32 || class == ZYDIS_REGCLASS_GPR64;
}

/* Writes a register of the processor's rules: 8 and 16 bits merge, 32 bits clear the upper half. */
static void set_gpr(struct svmrt_run_page *run, ZydisRegister reg, unsigned int bits,
		    uint64_t value)
{
	bool high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	__u64 *gpr = &run->gpr[(whole - ZYDIS_REGISTER_RAX) & 15];

	if (high)
		*gpr = (*gpr & ~0xff00ULL) | (value & 0xff) << 8;
	else if (bits == 8)
		*gpr = (*gpr & ~0xffULL) | (value & 0xff);
	else if (bits == 16)
		*gpr = (*gpr & ~0xffffULL) | (value & 0xffff);
	else if (bits == 32)
		*gpr = (uint32_t)value;
	else
		*gpr = value;
	run->dirty |= SVMRT_DIRTY_GPR;
}

static uint64_t get_gpr(const struct svmrt_run_page *run, ZydisRegister reg)
{
	bool high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	uint64_t value = run->gpr[(whole - ZYDIS_REGISTER_RAX) & 15];

	return high ? value >> 8 : value;
}

/* The memory operand, as the instruction extends it. */
static uint64_t read_extended(struct vcpu *vcpu, const struct decoded *decoded)
{
	unsigned int bits = decoded->operands[1].size;
	uint64_t value = bus_read(vcpu->vm, BUS_MEMORY, vcpu->pages.run->exitinfo2, bits / 8);
	bool sign = decoded->insn.mnemonic == ZYDIS_MNEMONIC_MOVSX ||
		decoded->insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD;

	if (sign && bits < 64 && value >> (bits - 1) & 1)
		value |= ~0ULL << bits;
	return value;
}

static void write_operand(struct vcpu *vcpu, const ZydisDecodedOperand *to,
			  const ZydisDecodedOperand *from)
{
	uint64_t value = from->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ? from->imm.value.u :
		get_gpr(vcpu->pages.run, from->reg.value);

	bus_write(vcpu->vm, BUS_MEMORY, vcpu->pages.run->exitinfo2, to->size / 8, value);
}

static bool is_move(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_MOV || mnemonic == ZYDIS_MNEMONIC_MOVZX ||
		mnemonic == ZYDIS_MNEMONIC_MOVSX || mnemonic == ZYDIS_MNEMONIC_MOVSXD;
}

/* False: not a form that is emulated. */
static bool emulate(struct vcpu *vcpu, const struct decoded *decoded)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	const ZydisDecodedOperand *to = &decoded->operands[0], *from = &decoded->operands[1];

	if (!is_move(decoded->insn.mnemonic))
		return false;
	if (run->exitinfo1 & NPF_WRITE) {
		if (to->type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    (!is_gpr(from) && from->type != ZYDIS_OPERAND_TYPE_IMMEDIATE))
			return false;
		write_operand(vcpu, to, from);
		return true;
	}
	if (!is_gpr(to) || from->type != ZYDIS_OPERAND_TYPE_MEMORY)
		return false;
	set_gpr(run, to->reg.value, to->size, read_extended(vcpu, decoded));
	return true;
}

static bool refuse_undecoded(struct vcpu *vcpu)
{
	const struct svmrt_run_page *run = vcpu->pages.run;
	char bytes[3 * 15 + 1] = "";

	if (!run->insn_bytes)
		return refuse(vcpu, "access to an address without memory by an instruction that "
			      "could not be fetched", "");
	for (unsigned int i = 0; i < run->insn_bytes && i < 15; i++)
		snprintf(bytes + 3 * i, 4, "%02x ", run->insn[i]);
	return refuse(vcpu, "access to an address without memory by an instruction that cannot be "
		      "decoded, bytes", bytes);
}

bool mmio_handle_exit(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	ZydisMachineMode mode = machine_mode(run);
	size_t available = run->insn_bytes < 15 ? run->insn_bytes : 15;
	ZydisFormatter formatter;
	ZydisDecoder decoder;
	struct decoded decoded;
	char text[96];

	if (run->exitinfo1 & NPF_FETCH)
		return refuse(vcpu, "instruction fetch from an address without memory", "");
	if (run->exitinfo1 & NPF_TABLE_WALK)
		return refuse(vcpu, "guest page tables at an address without memory", "");
	ZydisDecoderInit(&decoder, mode, stack_width(mode));
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, run->insn, available, &decoded.insn,
						 decoded.operands)))
		return refuse_undecoded(vcpu);
	if (!emulate(vcpu, &decoded)) {
		ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
		if (!ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
			    &formatter, &decoded.insn, decoded.operands,
			    decoded.insn.operand_count_visible, text, sizeof(text),
			    ZYDIS_RUNTIME_ADDRESS_NONE, NULL)))
			snprintf(text, sizeof(text), "(unprintable)");
		return refuse(vcpu, "access to an address without memory by an instruction that "
			      "svmrund does not emulate (only plain MOV, MOVZX, MOVSX)", text);
	}
	run->rip = advance_rip(run, mode, decoded.insn.length);
	run->dirty |= SVMRT_DIRTY_RIP;
	return true;
}
