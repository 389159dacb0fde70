// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prefixes, opcode, ModRM and displacement of the intercepted instructions (APM volume 3, appendix
 * A). One row per instruction: a self-modifying guest that shows us other bytes gets length 0.
 */
#include "insn.h"

#define SVMRT_INSN_CODES 0xa7

enum map { ONE = 1, TWO, THREE_38 };
enum form {
	PLAIN,		/* nothing after the opcode */
	IMM8,
	MODRM,		/* ModRM with its memory operand; `reg` selects the instruction */
	MODRM_REG,	/* ModRM whose mod field is ignored: MOV CRn, MOV DRn */
	MODRM_ALL,	/* ModRM with any reg field */
	EXACT,		/* the byte after the opcode is `reg` */
};

struct row {
	__u16 first, last;	/* exit codes */
	__u8 map, opcode, form, reg;
};

/* Exit codes with one encoding: the row is at the code. Map 0 marks a code without one. */
static const struct row single[SVMRT_INSN_CODES] = {
	[0x020 ... 0x02f] = { 0x020, 0x02f, TWO, 0x21, MODRM_REG, 0 },	/* MOV from DR */
	[0x030 ... 0x03f] = { 0x030, 0x03f, TWO, 0x23, MODRM_REG, 0 },	/* MOV to DR */
	[0x043] = { 0x043, 0x043, ONE, 0xcc, PLAIN, 0 },	/* INT3, as #BP */
	[0x044] = { 0x044, 0x044, ONE, 0xce, PLAIN, 0 },	/* INTO, as #OF */
	[0x066] = { 0x066, 0x066, TWO, 0x01, MODRM, 1 },	/* SIDT */
	[0x067] = { 0x067, 0x067, TWO, 0x01, MODRM, 0 },	/* SGDT */
	[0x068] = { 0x068, 0x068, TWO, 0x00, MODRM, 0 },	/* SLDT */
	[0x069] = { 0x069, 0x069, TWO, 0x00, MODRM, 1 },	/* STR */
	[0x06a] = { 0x06a, 0x06a, TWO, 0x01, MODRM, 3 },	/* LIDT */
	[0x06b] = { 0x06b, 0x06b, TWO, 0x01, MODRM, 2 },	/* LGDT */
	[0x06c] = { 0x06c, 0x06c, TWO, 0x00, MODRM, 2 },	/* LLDT */
	[0x06d] = { 0x06d, 0x06d, TWO, 0x00, MODRM, 3 },	/* LTR */
	[0x06f] = { 0x06f, 0x06f, TWO, 0x33, PLAIN, 0 },	/* RDPMC */
	[0x070] = { 0x070, 0x070, ONE, 0x9c, PLAIN, 0 },	/* PUSHF */
	[0x071] = { 0x071, 0x071, ONE, 0x9d, PLAIN, 0 },	/* POPF */
	[0x072] = { 0x072, 0x072, TWO, 0xa2, PLAIN, 0 },	/* CPUID */
	[0x073] = { 0x073, 0x073, TWO, 0xaa, PLAIN, 0 },	/* RSM */
	[0x074] = { 0x074, 0x074, ONE, 0xcf, PLAIN, 0 },	/* IRET */
	[0x076] = { 0x076, 0x076, TWO, 0x08, PLAIN, 0 },	/* INVD */
	[0x077] = { 0x077, 0x077, ONE, 0x90, PLAIN, 0 },	/* PAUSE is F3 90 */
	[0x078] = { 0x078, 0x078, ONE, 0xf4, PLAIN, 0 },	/* HLT */
	[0x079] = { 0x079, 0x079, TWO, 0x01, MODRM, 7 },	/* INVLPG */
	[0x07a] = { 0x07a, 0x07a, TWO, 0x01, EXACT, 0xdf },	/* INVLPGA */
	[0x080] = { 0x080, 0x080, TWO, 0x01, EXACT, 0xd8 },	/* VMRUN */
	[0x082] = { 0x082, 0x082, TWO, 0x01, EXACT, 0xda },	/* VMLOAD */
	[0x083] = { 0x083, 0x083, TWO, 0x01, EXACT, 0xdb },	/* VMSAVE */
	[0x084] = { 0x084, 0x084, TWO, 0x01, EXACT, 0xdc },	/* STGI */
	[0x085] = { 0x085, 0x085, TWO, 0x01, EXACT, 0xdd },	/* CLGI */
	[0x086] = { 0x086, 0x086, TWO, 0x01, EXACT, 0xde },	/* SKINIT */
	[0x087] = { 0x087, 0x087, TWO, 0x01, EXACT, 0xf9 },	/* RDTSCP */
	[0x088] = { 0x088, 0x088, ONE, 0xf1, PLAIN, 0 },	/* ICEBP */
	[0x08a] = { 0x08a, 0x08a, TWO, 0x01, EXACT, 0xc8 },	/* MONITOR */
	[0x08b ... 0x08c] = { 0x08b, 0x08c, TWO, 0x01, EXACT, 0xc9 },	/* MWAIT */
	[0x08d] = { 0x08d, 0x08d, TWO, 0x01, EXACT, 0xd1 },	/* XSETBV */
	[0x08e] = { 0x08e, 0x08e, TWO, 0x01, EXACT, 0xfd },	/* RDPRU */
	[0x0a0 ... 0x0a1] = { 0x0a0, 0x0a1, TWO, 0x01, EXACT, 0xfe },	/* INVLPGB */
	[0x0a2] = { 0x0a2, 0x0a2, THREE_38, 0x82, MODRM_ALL, 0 },	/* INVPCID */
	[0x0a3] = { 0x0a3, 0x0a3, TWO, 0x01, EXACT, 0xfa },	/* MCOMMIT is F3 0F 01 FA */
	[0x0a4] = { 0x0a4, 0x0a4, TWO, 0x01, EXACT, 0xff },	/* TLBSYNC */
	[0x0a6] = { 0x0a6, 0x0a6, ONE, 0xf4, PLAIN, 0 },	/* IDLE_HLT */
};

/* Exit codes with several. */
static const struct row several[] = {
	{ 0x000, 0x00f, TWO, 0x20, MODRM_REG, 0 },	/* MOV from CR */
	{ 0x000, 0x000, TWO, 0x01, MODRM, 4 },	/* SMSW */
	{ 0x010, 0x01f, TWO, 0x22, MODRM_REG, 0 },	/* MOV to CR */
	{ 0x010, 0x010, TWO, 0x01, MODRM, 6 },	/* LMSW */
	{ 0x010, 0x010, TWO, 0x06, PLAIN, 0 },	/* CLTS */
	{ 0x065, 0x065, TWO, 0x22, MODRM_REG, 0 },	/* CR0_SEL_WRITE */
	{ 0x065, 0x065, TWO, 0x01, MODRM, 6 },
	{ 0x06e, 0x06e, TWO, 0x31, PLAIN, 0 },	/* RDTSC */
	{ 0x06e, 0x06e, TWO, 0x01, EXACT, 0xf9 },	/* QEMU reports RDTSCP as RDTSC */
	{ 0x075, 0x075, ONE, 0xcd, IMM8, 0 },	/* INTn */
	{ 0x075, 0x075, ONE, 0xcc, PLAIN, 0 },	/* QEMU: INT3 and INTO, too */
	{ 0x075, 0x075, ONE, 0xce, PLAIN, 0 },
	{ 0x07c, 0x07c, TWO, 0x32, PLAIN, 0 },	/* RDMSR */
	{ 0x07c, 0x07c, TWO, 0x30, PLAIN, 0 },	/* WRMSR */
	{ 0x081, 0x081, TWO, 0x01, EXACT, 0xd9 },	/* VMMCALL */
	{ 0x081, 0x081, TWO, 0x01, EXACT, 0xc1 },	/* VMCALL, an alias on some models */
	{ 0x089, 0x089, TWO, 0x09, PLAIN, 0 },	/* WBINVD, WBNOINVD */
	{ 0x089, 0x089, TWO, 0x08, PLAIN, 0 },	/* QEMU 7.2 reports INVD so */
};

struct prefixes {
	unsigned int count;
	_Bool address_size;
};

static struct prefixes skip_prefixes(const __u8 *insn, unsigned int count,
				     enum svmrt_insn_mode mode)
{
	struct prefixes p = { 0, 0 };

	for (; p.count < count; p.count++) {
		switch (insn[p.count]) {
		case 0x67:
			p.address_size = 1;
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66:
		case 0xf0: case 0xf2: case 0xf3:
			break;
		default:
			/* REX counts only directly before the opcode; elsewhere it is ignored. */
			if (mode == SVMRT_INSN_64 && (insn[p.count] & 0xf0) == 0x40)
				break;
			return p;
		}
	}
	return p;
}

unsigned int svmrt_modrm_length(const __u8 *m, unsigned int count, _Bool address16)
{
	unsigned int mod, rm, length = 1;

	if (!count)
		return 0;
	mod = m[0] >> 6;
	rm = m[0] & 7;
	if (mod == 3)
		return 1;
	if (address16) {
		if (mod == 1)
			length += 1;
		else if (mod == 2 || rm == 6)
			length += 2;
	} else {
		_Bool base5 = rm == 5;

		if (rm == 4) {
			if (count < 2)
				return 0;
			length++;
			base5 = (m[1] & 7) == 5;
		}
		if (mod == 1)
			length += 1;
		else if (mod == 2 || base5)
			length += 4;
	}
	return length <= count ? length : 0;
}

/* Bytes behind the opcode of `row`, or -1 if they are not this instruction's. */
static int operand_length(const struct row *row, const __u8 *m, unsigned int count,
			  _Bool address16)
{
	unsigned int length;

	switch (row->form) {
	case PLAIN:
		return 0;
	case IMM8:
	case MODRM_REG:
		return count ? 1 : -1;
	case EXACT:
		return count && m[0] == row->reg ? 1 : -1;
	default:
		if (!count || (row->form == MODRM && ((m[0] >> 3) & 7) != row->reg))
			return -1;
		/* Of 0F 01, only SMSW and LMSW have register forms. */
		if (row->map == TWO && row->opcode == 0x01 && m[0] >> 6 == 3 && row->reg != 4 &&
		    row->reg != 6)
			return -1;
		length = svmrt_modrm_length(m, count, address16);
		return length ? (int)length : -1;
	}
}

/* Length if the opcode at insn[at] in `map` is the row's, else 0. */
static unsigned int match(const struct row *row, const __u8 *insn, unsigned int at,
			  unsigned int count, __u8 map, _Bool address16)
{
	int operands;

	if (row->map != map || row->opcode != insn[at])
		return 0;
	operands = operand_length(row, insn + at + 1, count - at - 1, address16);
	if (operands < 0 || at + 1 + (unsigned int)operands > count)
		return 0;
	return at + 1 + (unsigned int)operands;
}

unsigned int svmrt_insn_length(const __u8 *insn, unsigned int count, enum svmrt_insn_mode mode,
			       __u64 exitcode)
{
	struct prefixes p;
	unsigned int at, i;
	_Bool address16;
	__u8 map = ONE;

	if (count > 15)
		count = 15;
	p = skip_prefixes(insn, count, mode);
	address16 = (mode == SVMRT_INSN_16) != (p.address_size && mode != SVMRT_INSN_64);
	at = p.count;
	if (at + 1 < count && insn[at] == 0x0f) {
		map = TWO;
		at++;
		if (insn[at] == 0x38 && at + 1 < count) {
			map = THREE_38;
			at++;
		}
	}
	if (at >= count)
		return 0;

	if (exitcode >= SVMRT_INSN_CODES)
		return 0;
	if (single[exitcode].map)
		return match(&single[exitcode], insn, at, count, map, address16);
	for (i = 0; i < sizeof(several) / sizeof(several[0]); i++) {
		unsigned int length;

		if (exitcode < several[i].first || exitcode > several[i].last)
			continue;
		length = match(&several[i], insn, at, count, map, address16);
		if (length)
			return length;
	}
	return 0;
}
