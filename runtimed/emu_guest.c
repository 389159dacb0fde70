/* SPDX-License-Identifier: MIT */
/*
 * From an exit to the emulator and back: registers and what is to be injected are in the run page.
 */
#include <string.h>
#include "emu_guest.h"
#include "emu_place.h"

#define VECTOR_PF 14

#define CR0_PE		(1ULL << 0)
#define CR0_AM		(1ULL << 18)
#define CR4_LA57	(1ULL << 12)
#define EFER_LMA	(1ULL << 10)
#define CS_LONG		(1u << 9)	/* VMCB segment attributes: descriptor bits 55:52, 47:40 */
#define CS_DEFAULT_32	(1u << 10)
#define EV_HAS_ERROR	(1ULL << 11)
#define EV_EXCEPTION	(3ULL << 8)
#define EV_VALID	(1ULL << 31)

#define PAGE_BYTES 4096u

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

/*
 * A driver uses its device by few instructions again and again, and decoding is most of what one
 * costs here. A vCPU's exits are all finished on one thread.
 */
#define KNOWN_INSTRUCTIONS 16

static bool decode(struct emu *emu, const uint8_t *bytes, unsigned int count)
{
	static _Thread_local struct {
		ZydisMachineMode mode;
		unsigned int count;		/* 0: nothing is known */
		uint8_t bytes[15];
		ZydisDecodedInstruction insn;
		ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	} known[KNOWN_INSTRUCTIONS], *at;

	at = &known[(emu->rip ^ emu->rip >> 4) % KNOWN_INSTRUCTIONS];
	if (count && at->count == count && at->mode == emu->mode && !memcmp(at->bytes, bytes, count)) {
		emu->insn = at->insn;
		memcpy(emu->operands, at->operands,
		       at->insn.operand_count * sizeof(at->operands[0]));
		return true;
	}
	at->count = 0;
	if (!emu_decode(emu, bytes, count))
		return false;
	at->mode = emu->mode;
	at->count = count;
	memcpy(at->bytes, bytes, count);
	at->insn = emu->insn;
	memcpy(at->operands, emu->operands, sizeof(at->operands));
	return true;
}

bool emu_guest_decode(struct emu *emu, struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	emu->ops = &emu_place_ops;
	memcpy(emu->gpr, run->gpr, sizeof(emu->gpr));
	emu->rip = run->rip;
	emu->rflags = run->rflags;
	emu->mode = machine_mode(run);
	emu->linear_bits = run->cr4 & CR4_LA57 ? 57 : 48;
	emu->check_alignment = run->cr0 & CR0_AM && run->cpl == 3;
	emu->segments_loaded = false;
	emu->why = NULL;
	return decode(emu, run->insn, run->insn_bytes < 15 ? run->insn_bytes : 15);
}

static void give_back(const struct emu *emu, struct svmrt_run_page *run)
{
	if (memcmp(run->gpr, emu->gpr, sizeof(run->gpr))) {
		memcpy(run->gpr, emu->gpr, sizeof(run->gpr));
		run->dirty |= SVMRT_DIRTY_GPR;
	}
	if ((run->rflags ^ emu->rflags) & EMU_STATUS_FLAGS || run->rflags & EMU_RF) {
		run->rflags = emu->rflags;
		run->dirty |= SVMRT_DIRTY_RFLAGS;
	}
}

/* The module knows which exceptions have an error code, and merges with what waits for delivery. */
static void inject(const struct emu *emu, struct svmrt_run_page *run)
{
	run->inject = EV_VALID | EV_EXCEPTION | EV_HAS_ERROR | emu->fault.vector |
		(uint64_t)emu->fault.error << 32;
	run->dirty |= SVMRT_DIRTY_INJECT;
	if (emu->fault.vector != VECTOR_PF)
		return;
	run->cr2 = emu->fault.cr2;
	run->dirty |= SVMRT_DIRTY_CR2;
}

/* An access over the end of a page may have met its second page first. */
static bool one_page(const struct emu *emu, const struct svmrt_run_page *run)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < emu->insn.operand_count; i++)
		if (emu->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			bits = emu->operands[i].size;
	return run->exitinfo2 % PAGE_BYTES + bits / 8 <= PAGE_BYTES;
}

bool emu_guest_execute(struct emu *emu, struct vcpu *vcpu, bool known_gpa)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	struct place place = { .vcpu = vcpu, .run = run };
	enum emu_status status;

	place.hinted = known_gpa && emu->insn.meta.category != ZYDIS_CATEGORY_STRINGOP &&
		emu_memory_operands(emu) == 1 && one_page(emu, run);
	emu->data = &place;
	status = emu_execute(emu);
	if (status == EMU_REFUSED) {
		/* Iterations before the refused one are done; its text is what ends the run. */
		return false;
	}
	give_back(emu, run);
	if (status == EMU_FAULT)
		inject(emu, run);
	if (status == EMU_DONE) {
		run->rip = emu->rip;
		run->dirty |= SVMRT_DIRTY_RIP;
	}
	return true;
}
