/* SPDX-License-Identifier: MIT */
/* Operands: registers, effective and linear addresses, segment checks (APM volume 2, 4.12). */
#include "emu.h"

#define ATTRIB_TYPE_CODE	(1u << 3)
#define ATTRIB_TYPE_DOWN	(1u << 2)	/* data: expand-down */
#define ATTRIB_TYPE_WRITE	(1u << 1)	/* data: writable; code: readable */
#define ATTRIB_P		(1u << 7)
#define ATTRIB_DB		(1u << 10)
#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_AC 17

unsigned int emu_mode_bits(ZydisMachineMode mode)
{
	switch (mode) {
	case ZYDIS_MACHINE_MODE_LONG_64: return 64;
	case ZYDIS_MACHINE_MODE_LONG_COMPAT_32:
	case ZYDIS_MACHINE_MODE_LEGACY_32: return 32;
	default: return 16;
	}
}

static bool is_high(ZydisRegister reg)
{
	return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
}

/* Register numbers of a class are in the processor's order, but for AH to BH and SPL to DIL. */
static unsigned int number_of(ZydisRegister reg)
{
	return (unsigned int)(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg) -
			      ZYDIS_REGISTER_RAX) & 15;
}

static unsigned int width_of(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8: return 8;
	case ZYDIS_REGCLASS_GPR16: return 16;
	case ZYDIS_REGCLASS_GPR32: return 32;
	default: return 64;
	}
}

uint64_t emu_get(const struct emu *emu, ZydisRegister reg)
{
	uint64_t value = emu->gpr[number_of(reg)];

	return (is_high(reg) ? value >> 8 : value) & emu_mask(width_of(reg));
}

void emu_set(struct emu *emu, ZydisRegister reg, uint64_t value)
{
	unsigned int bits = width_of(reg), shift = is_high(reg) ? 8 : 0;
	uint64_t mask = emu_mask(bits) << shift, *gpr = &emu->gpr[number_of(reg)];

	*gpr = bits == 32 ? (uint32_t)value : (*gpr & ~mask) | (value << shift & mask);
}

enum emu_status emu_raise(struct emu *emu, uint8_t vector, uint32_t error)
{
	emu->fault.vector = vector;
	emu->fault.error = error;
	return EMU_FAULT;
}

/* Only those that an address can name. */
static uint64_t address_register(const struct emu *emu, ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return 0;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP || reg == ZYDIS_REGISTER_IP)
		return emu->rip + emu->insn.length;
	return emu_get(emu, reg);
}

static uint64_t effective(const struct emu *emu, const ZydisDecodedOperand *operand, uint64_t offset)
{
	uint64_t address = address_register(emu, operand->mem.base) +
		address_register(emu, operand->mem.index) * operand->mem.scale + offset;

	if (operand->mem.disp.has_displacement)
		address += (uint64_t)operand->mem.disp.value;
	return address & emu_mask(emu->insn.address_width);
}

static enum emu_segment_name segment_of(const ZydisDecodedOperand *operand)
{
	switch (operand->mem.segment) {
	case ZYDIS_REGISTER_ES: return EMU_ES;
	case ZYDIS_REGISTER_CS: return EMU_CS;
	case ZYDIS_REGISTER_SS: return EMU_SS;
	case ZYDIS_REGISTER_FS: return EMU_FS;
	case ZYDIS_REGISTER_GS: return EMU_GS;
	default: return EMU_DS;
	}
}

static bool in_limit(const struct emu_segment *segment, uint64_t first, uint64_t last)
{
	uint64_t top = segment->attrib & ATTRIB_DB ? 0xffffffff : 0xffff;

	if ((segment->attrib & (ATTRIB_TYPE_CODE | ATTRIB_TYPE_DOWN)) == ATTRIB_TYPE_DOWN)
		return first > segment->limit && last <= top;
	return last <= segment->limit;
}

/* A write wants writable data, a read anything but execute-only code. Real mode knows no types. */
static bool type_allows(const struct emu *emu, const struct emu_segment *segment, bool write)
{
	if (emu->mode == ZYDIS_MACHINE_MODE_REAL_16)
		return true;
	if (!(segment->attrib & ATTRIB_P))
		return false;	/* a null selector */
	if (write)
		return (segment->attrib & (ATTRIB_TYPE_CODE | ATTRIB_TYPE_WRITE)) == ATTRIB_TYPE_WRITE;
	return !(segment->attrib & ATTRIB_TYPE_CODE) || segment->attrib & ATTRIB_TYPE_WRITE;
}

static bool load_segments(struct emu *emu)
{
	if (!emu->segments_loaded)
		emu->segments_loaded = emu->ops->load_segments(emu);
	return emu->segments_loaded;
}

static bool canonical(const struct emu *emu, uint64_t address)
{
	unsigned int unused = 64 - emu->linear_bits;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

enum emu_status emu_alignment(struct emu *emu, uint64_t linear, unsigned int bytes)
{
	if (emu->check_alignment && emu->rflags & EMU_AC && linear & (bytes - 1))
		return emu_raise(emu, VECTOR_AC, 0);
	return EMU_DONE;
}

enum emu_status emu_linear(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t offset,
			   unsigned int bytes, bool write, uint64_t *linear)
{
	enum emu_segment_name name = segment_of(operand);
	uint64_t address = effective(emu, operand, offset), last = address + bytes - 1;
	uint8_t vector = name == EMU_SS ? VECTOR_SS : VECTOR_GP;
	const struct emu_segment *segment = &emu->segments[name];

	if (emu->mode == ZYDIS_MACHINE_MODE_LONG_64) {
		if (name >= EMU_FS) {
			if (!load_segments(emu))
				return EMU_REFUSED;
			address += segment->base;
			last += segment->base;
		}
		if (!canonical(emu, address) || !canonical(emu, last))
			return emu_raise(emu, vector, 0);
		*linear = address;
	} else {
		if (!load_segments(emu))
			return EMU_REFUSED;
		if (!type_allows(emu, segment, write) || !in_limit(segment, address, last))
			return emu_raise(emu, vector, 0);
		*linear = (uint32_t)(segment->base + address);
	}
	/* What is wider may be of a kind that has to be aligned anyway: its own affair. */
	return bytes <= 8 ? emu_alignment(emu, *linear, bytes) : EMU_DONE;
}

static uint64_t immediate(const ZydisDecodedOperand *operand)
{
	return operand->imm.is_signed ? (uint64_t)operand->imm.value.s : operand->imm.value.u;
}

enum emu_status emu_read(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t *value,
			 enum emu_access access)
{
	enum emu_status status;
	uint64_t linear;

	*value = 0;
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		*value = emu_get(emu, operand->reg.value);
		return EMU_DONE;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*value = immediate(operand);
		return EMU_DONE;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		status = emu_linear(emu, operand, 0, operand->size / 8, access != EMU_READ, &linear);
		return status ? status : emu->ops->read(emu, linear, value, operand->size / 8, access);
	default:
		return EMU_REFUSED;
	}
}

enum emu_status emu_write(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t value)
{
	enum emu_status status;
	uint64_t linear;

	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		emu_set(emu, operand->reg.value, value);
		return EMU_DONE;
	}
	status = emu_linear(emu, operand, 0, operand->size / 8, true, &linear);
	return status ? status : emu->ops->write(emu, linear, &value, operand->size / 8);
}
