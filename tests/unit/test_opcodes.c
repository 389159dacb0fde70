// SPDX-License-Identifier: MIT
/*
 * The module's two instruction decoders against Zydis over whole opcode maps, in 16, 32 and 64-bit
 * code, with every prefix: lengths of all that can exit (insn.c), and MOV with memory (mov.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <Zydis/Zydis.h>
#include "insn.h"
#include "mov.h"

static const uint8_t prefixes[] = {
	0, 0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf0, 0xf2, 0xf3, 0x40, 0x41, 0x44, 0x48,
	0x4f,
};
#define PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

static ZydisDecoder decoders[3];

static int make_decoders(void **state)
{
	(void)state;
	ZydisDecoderInit(&decoders[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	ZydisDecoderInit(&decoders[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&decoders[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return 0;
}

/* Exit codes by Zydis's name of the instruction; first and last, for MOV with CR or DR by operand. */
static const struct { ZydisMnemonic name; uint16_t code; } exits[] = {
	{ ZYDIS_MNEMONIC_SMSW, 0x000 }, { ZYDIS_MNEMONIC_LMSW, 0x010 },
	{ ZYDIS_MNEMONIC_LMSW, 0x065 }, { ZYDIS_MNEMONIC_CLTS, 0x010 },
	{ ZYDIS_MNEMONIC_INT3, 0x043 }, { ZYDIS_MNEMONIC_INTO, 0x044 },
	{ ZYDIS_MNEMONIC_SIDT, 0x066 }, { ZYDIS_MNEMONIC_SGDT, 0x067 },
	{ ZYDIS_MNEMONIC_SLDT, 0x068 }, { ZYDIS_MNEMONIC_STR, 0x069 },
	{ ZYDIS_MNEMONIC_LIDT, 0x06a }, { ZYDIS_MNEMONIC_LGDT, 0x06b },
	{ ZYDIS_MNEMONIC_LLDT, 0x06c }, { ZYDIS_MNEMONIC_LTR, 0x06d },
	{ ZYDIS_MNEMONIC_RDTSC, 0x06e }, { ZYDIS_MNEMONIC_RDPMC, 0x06f },
	{ ZYDIS_MNEMONIC_PUSHF, 0x070 }, { ZYDIS_MNEMONIC_PUSHFD, 0x070 },
	{ ZYDIS_MNEMONIC_PUSHFQ, 0x070 }, { ZYDIS_MNEMONIC_POPF, 0x071 },
	{ ZYDIS_MNEMONIC_POPFD, 0x071 }, { ZYDIS_MNEMONIC_POPFQ, 0x071 },
	{ ZYDIS_MNEMONIC_CPUID, 0x072 }, { ZYDIS_MNEMONIC_RSM, 0x073 },
	{ ZYDIS_MNEMONIC_IRET, 0x074 }, { ZYDIS_MNEMONIC_IRETD, 0x074 },
	{ ZYDIS_MNEMONIC_IRETQ, 0x074 }, { ZYDIS_MNEMONIC_INT, 0x075 },
	{ ZYDIS_MNEMONIC_INVD, 0x076 }, { ZYDIS_MNEMONIC_PAUSE, 0x077 },
	{ ZYDIS_MNEMONIC_HLT, 0x078 }, { ZYDIS_MNEMONIC_HLT, 0x0a6 },
	{ ZYDIS_MNEMONIC_INVLPG, 0x079 }, { ZYDIS_MNEMONIC_INVLPGA, 0x07a },
	{ ZYDIS_MNEMONIC_RDMSR, 0x07c }, { ZYDIS_MNEMONIC_WRMSR, 0x07c },
	{ ZYDIS_MNEMONIC_VMRUN, 0x080 }, { ZYDIS_MNEMONIC_VMMCALL, 0x081 },
	{ ZYDIS_MNEMONIC_VMCALL, 0x081 }, { ZYDIS_MNEMONIC_VMLOAD, 0x082 },
	{ ZYDIS_MNEMONIC_VMSAVE, 0x083 }, { ZYDIS_MNEMONIC_STGI, 0x084 },
	{ ZYDIS_MNEMONIC_CLGI, 0x085 }, { ZYDIS_MNEMONIC_SKINIT, 0x086 },
	{ ZYDIS_MNEMONIC_RDTSCP, 0x087 }, { ZYDIS_MNEMONIC_INT1, 0x088 },
	{ ZYDIS_MNEMONIC_WBINVD, 0x089 },
	{ ZYDIS_MNEMONIC_MONITOR, 0x08a }, { ZYDIS_MNEMONIC_MWAIT, 0x08b },
	{ ZYDIS_MNEMONIC_MWAIT, 0x08c }, { ZYDIS_MNEMONIC_XSETBV, 0x08d },
	{ ZYDIS_MNEMONIC_RDPRU, 0x08e }, { ZYDIS_MNEMONIC_INVLPGB, 0x0a0 },
	{ ZYDIS_MNEMONIC_INVLPGB, 0x0a1 }, { ZYDIS_MNEMONIC_INVPCID, 0x0a2 },
	{ ZYDIS_MNEMONIC_MCOMMIT, 0x0a3 }, { ZYDIS_MNEMONIC_TLBSYNC, 0x0a4 },
};
#define EXITS (sizeof(exits) / sizeof(exits[0]))

static uint8_t seen[EXITS][3];
static unsigned int seen_mov[2][2];	/* CR or DR, read or write */

static void report(const char *what, const uint8_t *bytes, int mode, unsigned int code,
		   unsigned int ours, unsigned int theirs)
{
	fail_msg("%s: exit %#x mode %d bytes %02x %02x %02x %02x %02x %02x: ours %u, Zydis %u", what,
		 code, mode, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], ours, theirs);
}

static void compare_length(const uint8_t bytes[15], int mode)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	unsigned int ours;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes, 15, &insn, operands)))
		return;
	for (size_t i = 0; i < EXITS; i++) {
		if (exits[i].name != insn.mnemonic)
			continue;
		seen[i][mode] = 1;
		ours = svmrt_insn_length(bytes, 15, (enum svmrt_insn_mode)mode, exits[i].code);
		if (ours != insn.length)
			report("length", bytes, mode, exits[i].code, ours, insn.length);
	}
	if (insn.mnemonic != ZYDIS_MNEMONIC_MOV)
		return;
	for (unsigned int write = 0; write < 2; write++) {
		const ZydisDecodedOperand *o = &operands[!write];
		ZydisRegisterClass class;
		unsigned int code;

		if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		class = ZydisRegisterGetClass(o->reg.value);
		if (class != ZYDIS_REGCLASS_CONTROL && class != ZYDIS_REGCLASS_DEBUG)
			continue;
		seen_mov[class == ZYDIS_REGCLASS_DEBUG][write]++;
		code = (class == ZYDIS_REGCLASS_DEBUG ? 0x20u : 0) + (write ? 0x10u : 0) +
		       (unsigned int)ZydisRegisterGetId(o->reg.value);
		ours = svmrt_insn_length(bytes, 15, (enum svmrt_insn_mode)mode, code);
		if (ours != insn.length)
			report("MOV", bytes, mode, code, ours, insn.length);
	}
}

typedef void comparison(const uint8_t bytes[15], int mode);

/* All of one opcode map behind these prefixes: opcode, ModRM, and three SIBs where there is one. */
static void each_opcode(const uint8_t *prefix, unsigned int count, const uint8_t *escape,
			unsigned int escape_count, int mode, comparison *compare)
{
	static const uint8_t sibs[] = { 0x00, 0x65, 0xff };
	uint8_t bytes[15];

	for (unsigned int opcode = 0; opcode < 256; opcode++)
		for (unsigned int modrm = 0; modrm < 256; modrm++)
			for (unsigned int sib = 0; sib < ((modrm & 7) == 4 ? 3u : 1u); sib++) {
				unsigned int at = count + escape_count;

				memset(bytes, 0x5a, sizeof(bytes));
				memcpy(bytes, prefix, count);
				memcpy(bytes + count, escape, escape_count);
				bytes[at] = (uint8_t)opcode;
				bytes[at + 1] = (uint8_t)modrm;
				bytes[at + 2] = sibs[sib];
				compare(bytes, mode);
			}
}

static void each_map(comparison *compare)
{
	static const uint8_t none[1], two[] = { 0x0f }, three[] = { 0x0f, 0x38 };

	for (int mode = 0; mode < 3; mode++)
		for (size_t p = 0; p < PREFIXES; p++) {
			/* REX bytes are INC and DEC elsewhere. */
			if ((prefixes[p] & 0xf0) == 0x40 && mode != 2)
				continue;
			each_opcode(&prefixes[p], p != 0, none, 0, mode, compare);
			each_opcode(&prefixes[p], p != 0, two, 1, mode, compare);
			each_opcode(&prefixes[p], p != 0, three, 2, mode, compare);
		}
}

/* Two prefixes, in both orders, REX among them: dead unless it is the last. */
static void each_pair(comparison *compare, const uint8_t *opcodes, size_t count)
{
	for (int mode = 0; mode < 3; mode++)
		for (size_t a = 1; a < PREFIXES; a++)
			for (size_t b = 1; b < PREFIXES; b++)
				for (size_t i = 0; i < count; i++)
					for (unsigned int modrm = 0; modrm < 256; modrm += 5) {
						uint8_t bytes[15] = { prefixes[a], prefixes[b] };

						if (mode != 2 && ((prefixes[a] & 0xf0) == 0x40 ||
								  (prefixes[b] & 0xf0) == 0x40))
							continue;
						bytes[2] = opcodes[2 * i];
						bytes[3] = opcodes[2 * i + 1];
						if (bytes[2] == 0x0f) {
							bytes[4] = (uint8_t)modrm;
							bytes[5] = 0x24;
						} else if (!bytes[3]) {
							bytes[3] = (uint8_t)modrm;
							bytes[4] = 0x24;
						}
						compare(bytes, mode);
					}
}

static int came(unsigned int code, int mode)
{
	for (size_t i = 0; i < EXITS; i++)
		if (exits[i].code == code && seen[i][mode])
			return 1;
	return 0;
}

static void all_that_can_exit_has_the_length_that_zydis_gives(void **state)
{
	static const uint8_t pairs[] = {
		0x0f, 0x01, 0x0f, 0x00, 0x0f, 0x20, 0x0f, 0x22, 0x0f, 0x21, 0x0f, 0x23, 0x0f, 0xa2,
		0x0f, 0x30, 0x0f, 0x31, 0x0f, 0x06, 0xf4, 0x90, 0xcd, 0x80, 0x9c, 0x90, 0xcf, 0x90,
	};

	(void)state;
	each_map(compare_length);
	each_pair(compare_length, pairs, sizeof(pairs) / 2);
	for (size_t i = 0; i < EXITS; i++)
		for (int mode = 0; mode < 3; mode++)
			if (!came(exits[i].code, mode) && !(exits[i].code == 0x044 && mode == 2))
				fail_msg("exit %#x never came in mode %d", exits[i].code, mode);
	assert_true(seen_mov[0][0] && seen_mov[0][1] && seen_mov[1][0] && seen_mov[1][1]);
}

/* ---- MOV with memory ---- */

static unsigned long movs[3];

/* The operands if this is a MOV that mov.c must know. */
static int is_ours(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands)
{
	const ZydisDecodedOperand *other;

	switch (insn->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		break;
	default:
		return 0;
	}
	if (insn->attributes & (ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPNE |
				ZYDIS_ATTRIB_HAS_XACQUIRE | ZYDIS_ATTRIB_HAS_XRELEASE))
		return 0;
	if (operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
		other = &operands[1];
	else if (operands[1].type == ZYDIS_OPERAND_TYPE_MEMORY)
		other = &operands[0];
	else
		return 0;
	return other->type == ZYDIS_OPERAND_TYPE_IMMEDIATE ||
	       (other->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		ZydisRegisterGetClass(other->reg.value) >= ZYDIS_REGCLASS_GPR8 &&
		ZydisRegisterGetClass(other->reg.value) <= ZYDIS_REGCLASS_GPR64);
}

static int has_repeat(const uint8_t bytes[15])
{
	for (int i = 0; i < 2; i++)
		if (bytes[i] == 0xf0 || bytes[i] == 0xf2 || bytes[i] == 0xf3)
			return 1;
	return 0;
}

static void compare_mov(const uint8_t bytes[15], int mode)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;
	const ZydisDecodedOperand *memory, *other;
	struct svmrt_mov mov;
	int ours = svmrt_mov_decode(bytes, 15, (enum svmrt_insn_mode)mode, &mov), write;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoders[mode], bytes, 15, &insn, operands)))
		return;
	if (!is_ours(&insn, operands)) {
		if (ours)
			report("is no MOV", bytes, mode, 0, mov.length, insn.length);
		return;
	}
	/* Refusing is right, too, for a prefix that means nothing, and for MOVSXD to 16 bits. */
	if (!ours && (has_repeat(bytes) || (insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD &&
					    operands[0].size == 16)))
		return;
	write = operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
	memory = &operands[!write];
	other = &operands[write];
	movs[mode]++;
	if (!ours || mov.length != insn.length)
		report("MOV length", bytes, mode, 0, ours ? mov.length : 0, insn.length);
	if (mov.write != write || mov.bytes * 8 != memory->size)
		report("MOV size", bytes, mode, 0, mov.bytes * 8u, memory->size);
	if (other->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		uint64_t mask = mov.bytes == 8 ? ~0ULL : (1ULL << 8 * mov.bytes) - 1;

		if (!mov.immediate || (mov.value & mask) != (other->imm.value.u & mask))
			report("MOV immediate", bytes, mode, 0, (unsigned int)mov.value,
			       (unsigned int)other->imm.value.u);
	} else {
		ZydisRegister reg = mov.high_byte ? (ZydisRegister)(ZYDIS_REGISTER_AH + mov.reg) :
			ZydisRegisterEncode(mov.reg_bytes == 1 ? ZYDIS_REGCLASS_GPR8 :
					    mov.reg_bytes == 2 ? ZYDIS_REGCLASS_GPR16 :
					    mov.reg_bytes == 4 ? ZYDIS_REGCLASS_GPR32 :
					    ZYDIS_REGCLASS_GPR64, mov.reg);

		/* Zydis numbers byte registers with AH..BH among them. */
		if (mov.reg_bytes == 1 && !mov.high_byte)
			reg = (ZydisRegister)(mov.reg < 4 ? ZYDIS_REGISTER_AL + mov.reg :
					      ZYDIS_REGISTER_SPL + mov.reg - 4);
		if (mov.immediate || reg != other->reg.value ||
		    mov.sign != (insn.mnemonic == ZYDIS_MNEMONIC_MOVSX ||
				 insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD))
			report("MOV register", bytes, mode, 0, reg, other->reg.value);
	}
}

static void movs_with_memory_are_decoded_as_zydis_does(void **state)
{
	static const uint8_t pairs[] = {
		0x88, 0, 0x89, 0, 0x8a, 0, 0x8b, 0, 0xc6, 0, 0xc7, 0, 0x63, 0, 0xa1, 0, 0xa2, 0,
		0x0f, 0xb6, 0x0f, 0xb7, 0x0f, 0xbe, 0x0f, 0xbf,
	};

	(void)state;
	each_map(compare_mov);
	each_pair(compare_mov, pairs, sizeof(pairs) / 2);
	assert_true(movs[0] > 1000 && movs[1] > 1000 && movs[2] > 1000);
}

static void results_change_what_the_processor_would_change(void **state)
{
	const uint64_t old = 0x1122334455667788;
	struct svmrt_mov mov = { .bytes = 1, .reg_bytes = 1 };

	(void)state;
	assert_int_equal(svmrt_mov_result(&mov, old, 0xabff), 0x11223344556677ff);
	mov.high_byte = 1;
	assert_int_equal(svmrt_mov_result(&mov, old, 0xabff), 0x112233445566ff88);
	assert_int_equal(svmrt_mov_operand(&mov, old), 0x77);
	mov = (struct svmrt_mov){ .bytes = 2, .reg_bytes = 2 };
	assert_int_equal(svmrt_mov_result(&mov, old, 0x5abff), 0x112233445566abff);
	mov = (struct svmrt_mov){ .bytes = 4, .reg_bytes = 4 };
	assert_int_equal(svmrt_mov_result(&mov, old, 0xff00000001), 0x1);
	mov = (struct svmrt_mov){ .bytes = 8, .reg_bytes = 8 };
	assert_int_equal(svmrt_mov_result(&mov, old, ~5ULL), ~5ULL);
	mov = (struct svmrt_mov){ .bytes = 1, .reg_bytes = 8, .sign = 1 };
	assert_int_equal(svmrt_mov_result(&mov, old, 0x80), 0xffffffffffffff80);
	mov.reg_bytes = 4;
	assert_int_equal(svmrt_mov_result(&mov, old, 0x80), 0xffffff80);
	mov.reg_bytes = 2;
	assert_int_equal(svmrt_mov_result(&mov, old, 0x80), 0x112233445566ff80);
	mov = (struct svmrt_mov){ .bytes = 8, .write = 1, .immediate = 1, .value = ~0ULL };
	assert_int_equal(svmrt_mov_operand(&mov, old), ~0ULL);
}

static void cut_instructions_are_refused(void **state)
{
	static const uint8_t longest[] = {	/* movq $0x11223344, 0x55667788(%rax, %rbx) */
		0x48, 0xc7, 0x84, 0x18, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	};
	struct svmrt_mov mov;

	(void)state;
	for (unsigned int count = 0; count < sizeof(longest); count++)
		assert_false(svmrt_mov_decode(longest, count, SVMRT_INSN_64, &mov));
	assert_true(svmrt_mov_decode(longest, sizeof(longest), SVMRT_INSN_64, &mov));
	assert_int_equal(mov.value, 0x11223344);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_can_exit_has_the_length_that_zydis_gives),
		cmocka_unit_test(movs_with_memory_are_decoded_as_zydis_does),
		cmocka_unit_test(results_change_what_the_processor_would_change),
		cmocka_unit_test(cut_instructions_are_refused),
	};

	return cmocka_run_group_tests_name("opcodes", tests, make_decoders, NULL);
}
