// SPDX-License-Identifier: MIT
/*
 * Instruction lengths without nRIP, held against Zydis: every opcode of the module's table with
 * every prefix, and every ModRM and SIB form of those that have operands.
 */
#include "test_kmod.h"
#include <Zydis/Zydis.h>
#include <string.h>
#include "insn.h"
#include "step.h"

static unsigned int zydis_length(const uint8_t *bytes, size_t count, enum svmrt_insn_mode mode)
{
	static const struct { ZydisMachineMode mode; ZydisStackWidth width; } modes[] = {
		{ ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
		{ ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
		{ ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
	};
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;

	ZydisDecoderInit(&decoder, modes[mode].mode, modes[mode].width);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, count, &insn)))
		return 0;
	return insn.length;
}

struct sample {
	uint64_t exitcode;
	uint8_t count;
	uint8_t bytes[5];
};

/* One encoding of each instruction, from APM volume 3. */
static const struct sample samples[] = {
	{ 0x000, 3, { 0x0f, 0x20, 0xc0 } }, { 0x010, 3, { 0x0f, 0x22, 0xc0 } },
	{ 0x010, 2, { 0x0f, 0x06 } }, { 0x000, 3, { 0x0f, 0x01, 0xe0 } },
	{ 0x010, 3, { 0x0f, 0x01, 0xf0 } }, { 0x004, 3, { 0x0f, 0x20, 0xe3 } },
	{ 0x027, 3, { 0x0f, 0x21, 0xf8 } }, { 0x030, 3, { 0x0f, 0x23, 0xc0 } },
	{ 0x043, 1, { 0xcc } }, { 0x066, 3, { 0x0f, 0x01, 0x08 } },
	{ 0x067, 3, { 0x0f, 0x01, 0x00 } }, { 0x068, 3, { 0x0f, 0x00, 0xc0 } },
	{ 0x069, 3, { 0x0f, 0x00, 0xc8 } }, { 0x06a, 3, { 0x0f, 0x01, 0x18 } },
	{ 0x06b, 3, { 0x0f, 0x01, 0x10 } }, { 0x06c, 3, { 0x0f, 0x00, 0xd0 } },
	{ 0x06d, 3, { 0x0f, 0x00, 0xd8 } }, { 0x06e, 2, { 0x0f, 0x31 } },
	{ 0x06f, 2, { 0x0f, 0x33 } }, { 0x070, 1, { 0x9c } }, { 0x071, 1, { 0x9d } },
	{ 0x072, 2, { 0x0f, 0xa2 } }, { 0x073, 2, { 0x0f, 0xaa } }, { 0x074, 1, { 0xcf } },
	{ 0x075, 2, { 0xcd, 0x80 } }, { 0x076, 2, { 0x0f, 0x08 } }, { 0x077, 2, { 0xf3, 0x90 } },
	{ 0x078, 1, { 0xf4 } }, { 0x079, 3, { 0x0f, 0x01, 0x38 } },
	{ 0x07a, 3, { 0x0f, 0x01, 0xdf } }, { 0x07c, 2, { 0x0f, 0x32 } },
	{ 0x07c, 2, { 0x0f, 0x30 } }, { 0x080, 3, { 0x0f, 0x01, 0xd8 } },
	{ 0x081, 3, { 0x0f, 0x01, 0xd9 } }, { 0x082, 3, { 0x0f, 0x01, 0xda } },
	{ 0x083, 3, { 0x0f, 0x01, 0xdb } }, { 0x084, 3, { 0x0f, 0x01, 0xdc } },
	{ 0x085, 3, { 0x0f, 0x01, 0xdd } }, { 0x086, 3, { 0x0f, 0x01, 0xde } },
	{ 0x087, 3, { 0x0f, 0x01, 0xf9 } }, { 0x088, 1, { 0xf1 } }, { 0x089, 2, { 0x0f, 0x09 } },
	{ 0x08a, 3, { 0x0f, 0x01, 0xc8 } }, { 0x08b, 3, { 0x0f, 0x01, 0xc9 } },
	{ 0x08d, 3, { 0x0f, 0x01, 0xd1 } }, { 0x08e, 3, { 0x0f, 0x01, 0xfd } },
	{ 0x0a2, 5, { 0x66, 0x0f, 0x38, 0x82, 0x08 } },
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* Encodings that the decoder knows in 64-bit mode only, or not at all in this version. */
static int only_ours(uint64_t exitcode)
{
	return exitcode == 0x0a0 || exitcode == 0x0a1 || exitcode == 0x0a3 || exitcode == 0x0a4;
}

void every_intercepted_instruction_has_the_length_that_zydis_gives(void **state)
{
	size_t i;
	enum svmrt_insn_mode mode;

	(void)state;
	for (i = 0; i < SAMPLES; i++)
		for (mode = SVMRT_INSN_16; mode <= SVMRT_INSN_64; mode++) {
			uint8_t bytes[15] = { 0 };
			unsigned int ours;

			memcpy(bytes, samples[i].bytes, samples[i].count);
			ours = svmrt_insn_length(bytes, 15, mode, samples[i].exitcode);
			if (!ours || ours != zydis_length(bytes, 15, mode))
				fail_msg("exit %#llx mode %d: ours %u, Zydis %u",
					 (unsigned long long)samples[i].exitcode, mode, ours,
					 zydis_length(bytes, 15, mode));
		}
}

static void compare_operands(const struct sample *s, enum svmrt_insn_mode mode, uint8_t prefix)
{
	unsigned int modrm, sib;

	for (modrm = 0; modrm < 256; modrm++)
		for (sib = 0; sib < 256; sib += (modrm & 7) == 4 ? 1 : 255) {
			uint8_t bytes[15] = { 0 };
			unsigned int at = 0, ours, theirs;

			if (prefix)
				bytes[at++] = prefix;
			memcpy(bytes + at, s->bytes, s->count - 1u);
			at += s->count - 1u;
			bytes[at] = (uint8_t)modrm;
			bytes[at + 1] = (uint8_t)sib;
			ours = svmrt_insn_length(bytes, 15, mode, s->exitcode);
			theirs = zydis_length(bytes, 15, mode);
			/* 0: another instruction of the group. Zydis refuses LOCK forms. */
			if (ours && theirs && ours != theirs)
				fail_msg("exit %#llx mode %d prefix %02x modrm %02x sib %02x: ours %u, Zydis %u",
					 (unsigned long long)s->exitcode, mode, prefix, modrm, sib,
					 ours, theirs);
			if (!ours && modrm == s->bytes[s->count - 1] && theirs)
				fail_msg("exit %#llx mode %d prefix %02x: not recognised",
					 (unsigned long long)s->exitcode, mode, prefix);
		}
}

void prefixes_and_operands_agree_with_zydis(void **state)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65,
					    0x48, 0x41, 0x4f };
	size_t i, p;
	enum svmrt_insn_mode mode;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		if (samples[i].count < 3 || only_ours(samples[i].exitcode))
			continue;
		for (mode = SVMRT_INSN_16; mode <= SVMRT_INSN_64; mode++)
			for (p = 0; p < sizeof(prefixes); p++) {
				if ((prefixes[p] & 0xf0) == 0x40 && mode != SVMRT_INSN_64)
					continue;
				/* REX before a mandatory 66 is no REX: not what compilers emit. */
				if (samples[i].bytes[0] == 0x66 && prefixes[p])
					continue;
				compare_operands(&samples[i], mode, prefixes[p]);
			}
	}
}

void truncated_bytes_have_no_length(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SAMPLES; i++) {
		unsigned int count;

		for (count = 0; count < samples[i].count; count++) {
			/* F3 90 without F3 is NOP, which no exit is for; 90 alone never comes. */
			uint8_t copy[5];

			memcpy(copy, samples[i].bytes, count);
			if (svmrt_insn_length(copy, count, SVMRT_INSN_64, samples[i].exitcode))
				fail_msg("exit %#llx: a length from %u bytes",
					 (unsigned long long)samples[i].exitcode, count);
		}
	}
}

void other_instructions_have_no_length(void **state)
{
	static const uint8_t nop[15] = { 0x0f, 0x1f, 0x00 }, prefixes[15] = {
		0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 };
	uint64_t code;

	(void)state;
	for (code = 0; code < 0x110; code++) {
		assert_int_equal(0, svmrt_insn_length(nop, 15, SVMRT_INSN_64, code));
		assert_int_equal(0, svmrt_insn_length(prefixes, 15, SVMRT_INSN_64, code));
	}
	/* CPUID's bytes are no HLT. */
	assert_int_equal(0, svmrt_insn_length((const uint8_t[]){ 0x0f, 0xa2 }, 2, SVMRT_INSN_64,
					      0x78));
}

static enum svmrt_step_kind zydis_kind(ZydisMnemonic mnemonic)
{
	switch (mnemonic) {
	case ZYDIS_MNEMONIC_PUSHF: case ZYDIS_MNEMONIC_PUSHFD: case ZYDIS_MNEMONIC_PUSHFQ:
		return SVMRT_STEP_PUSHF;
	case ZYDIS_MNEMONIC_POPF: case ZYDIS_MNEMONIC_POPFD: case ZYDIS_MNEMONIC_POPFQ:
	case ZYDIS_MNEMONIC_IRET: case ZYDIS_MNEMONIC_IRETD: case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_SYSRET:
		return SVMRT_STEP_LOADS;
	case ZYDIS_MNEMONIC_SYSCALL:
		return SVMRT_STEP_SYSCALL;
	case ZYDIS_MNEMONIC_INT1:
		return SVMRT_STEP_ICEBP;
	default:
		return SVMRT_STEP_PLAIN;
	}
}

static int zydis_vector(const ZydisDecodedInstruction *insn)
{
	return insn->mnemonic == ZYDIS_MNEMONIC_INT ? (int)insn->raw.imm[0].value.u :
	       insn->mnemonic == ZYDIS_MNEMONIC_INT3 ? 3 :
	       insn->mnemonic == ZYDIS_MNEMONIC_INTO ? 4 : -1;
}

static void compare_step(const uint8_t bytes[15], enum svmrt_insn_mode mode)
{
	static const ZydisMachineMode modes[] = { ZYDIS_MACHINE_MODE_LEGACY_16,
		ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64 };
	static const ZydisStackWidth widths[] = { ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32,
		ZYDIS_STACK_WIDTH_64 };
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;
	unsigned int length = 0;
	int vector, modrm;

	ZydisDecoderInit(&decoder, modes[mode], widths[mode]);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, 15, &insn)))
		return;
	vector = svmrt_step_swint(bytes, 15, mode, &length);
	if (svmrt_step_kind(bytes, 15, mode) != zydis_kind(insn.mnemonic) ||
	    vector != zydis_vector(&insn) || (vector >= 0 && length != insn.length))
		fail_msg("mode %d, %02x %02x %02x: %s", mode, bytes[0], bytes[1], bytes[2],
			 ZydisMnemonicGetString(insn.mnemonic));
	modrm = svmrt_step_mov_dr(bytes, 15, mode, &length);
	if (modrm >= 0 && (length != insn.length || (modrm & 7) != insn.raw.modrm.rm ||
			   (modrm >> 3 & 7) != insn.raw.modrm.reg ||
			   (modrm >> 8 & 1) != insn.raw.rex.B || (modrm >> 9 & 1) != insn.raw.rex.R))
		fail_msg("mode %d, %02x %02x %02x: MOV DR", mode, bytes[0], bytes[1], bytes[2]);
	if ((modrm >= 0) != (insn.opcode_map == ZYDIS_OPCODE_MAP_0F &&
			     (insn.opcode == 0x21 || insn.opcode == 0x23)))
		fail_msg("mode %d, %02x %02x %02x: MOV DR or not", mode, bytes[0], bytes[1], bytes[2]);
}

void a_step_knows_what_zydis_knows(void **state)
{
	static const uint8_t prefixes[] = { 0x90, 0x66, 0x67, 0x2e, 0xf3, 0x48, 0x41, 0x44 };
	enum svmrt_insn_mode mode;
	unsigned int p, a, b;

	(void)state;
	for (mode = SVMRT_INSN_16; mode <= SVMRT_INSN_64; mode++)
		for (p = 0; p < sizeof(prefixes); p++)
			for (a = 0; a < 256; a++)
				for (b = 0; b < 256; b++) {
					uint8_t bytes[15] = { 0 };
					unsigned int at = 0;

					if (prefixes[p] != 0x90)
						bytes[at++] = prefixes[p];
					bytes[at++] = (uint8_t)a;
					bytes[at++] = (uint8_t)b;
					bytes[at] = 0xc9;	/* as ModRM: registers 1 and 1 */
					compare_step(bytes, mode);
				}
}
