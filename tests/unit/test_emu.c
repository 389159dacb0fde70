/* SPDX-License-Identifier: MIT */
/*
 * The emulator against the processor that the test runs on: every form of instruction with memory, by
 * operand size, address size, mode, prefixes and seeded values; registers, memory, defined flags, and
 * vector, error code and CR2 of faults are equal. Then what only an emulator has: ports, and REP that
 * is left half way.
 */
#include <cpuid.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "emu.h"
#include "emu_native.h"

#define ALL EMU_STATUS_FLAGS
#define LOGIC (ALL & ~EMU_AF)
#define ROUNDS 150

enum immediate { NO_IMM, IMM8, IMM_Z };
enum kind { PLAIN, BYTE, STRING, STRING_BYTE, ABSOLUTE, OFFSETS, PAIR, VECTOR, VECTOR16 };

struct form {
	const char *name;
	uint8_t opcode[4], opcode_bytes;
	int8_t extension;		/* ModRM.reg, or -1: a register */
	enum immediate immediate;
	enum kind kind;
	uint32_t flags;			/* that are defined */
	bool lock, rep, no16, only64;
};

/* Rows of the eight classic operations: r/m8,r8 r/m,r r8,r/m8 r,r/m and immediates. */
#define CLASSIC(name, n, defined, may_lock) \
	{ name, { n * 8 }, 1, -1, NO_IMM, BYTE, defined, may_lock, 0, 0, 0 }, \
	{ name, { n * 8 + 1 }, 1, -1, NO_IMM, PLAIN, defined, may_lock, 0, 0, 0 }, \
	{ name, { n * 8 + 2 }, 1, -1, NO_IMM, BYTE, defined, 0, 0, 0, 0 }, \
	{ name, { n * 8 + 3 }, 1, -1, NO_IMM, PLAIN, defined, 0, 0, 0, 0 }, \
	{ name, { 0x80 }, 1, n, IMM8, BYTE, defined, may_lock, 0, 0, 0 }, \
	{ name, { 0x81 }, 1, n, IMM_Z, PLAIN, defined, may_lock, 0, 0, 0 }, \
	{ name, { 0x83 }, 1, n, IMM8, PLAIN, defined, may_lock, 0, 0, 0 }
#define UNARY(name, base, n, defined) \
	{ name, { base }, 1, n, NO_IMM, BYTE, defined, 1, 0, 0, 0 }, \
	{ name, { base + 1 }, 1, n, NO_IMM, PLAIN, defined, 1, 0, 0, 0 }
/* By one, by an immediate, by CL. OF is defined after one bit, CF of a shift while there are bits left. */
#define SHIFT(name, n, by_one, by_more) \
	{ name, { 0xd0 }, 1, n, NO_IMM, BYTE, by_one, 0, 0, 0, 0 }, \
	{ name, { 0xd1 }, 1, n, NO_IMM, PLAIN, by_one, 0, 0, 0, 0 }, \
	{ name, { 0xc0 }, 1, n, IMM8, BYTE, by_more, 0, 0, 0, 0 }, \
	{ name, { 0xc1 }, 1, n, IMM8, PLAIN, by_more, 0, 0, 0, 0 }, \
	{ name, { 0xd2 }, 1, n, NO_IMM, BYTE, by_more, 0, 0, 0, 0 }, \
	{ name, { 0xd3 }, 1, n, NO_IMM, PLAIN, by_more, 0, 0, 0, 0 }
#define SIGNS (EMU_ZF | EMU_SF | EMU_PF)
#define TWICE(name, ...) \
	{ name, { __VA_ARGS__ }, 2, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 0 }
#define BITS(name, op, n, may_lock) \
	{ name, { 0x0f, op }, 2, -1, NO_IMM, OFFSETS, EMU_CF, may_lock, 0, 0, 0 }, \
	{ name, { 0x0f, 0xba }, 2, n, IMM8, PLAIN, EMU_CF, may_lock, 0, 0, 0 }
#define STRINGS(name, op) \
	{ name, { op }, 1, 0, NO_IMM, STRING_BYTE, ALL, 0, 1, 0, 0 }, \
	{ name, { op + 1 }, 1, 0, NO_IMM, STRING, ALL, 0, 1, 0, 0 }
#define SSE(name, bytes, ...) \
	{ name, { __VA_ARGS__ }, bytes, -1, NO_IMM, VECTOR16, ALL, 0, 0, 0, 0 }
#define SSE_SMALL(name, bytes, ...) \
	{ name, { __VA_ARGS__ }, bytes, -1, NO_IMM, VECTOR, ALL, 0, 0, 0, 0 }

static const struct form forms[] = {
	CLASSIC("add", 0, ALL, 1), CLASSIC("or", 1, LOGIC, 1), CLASSIC("adc", 2, ALL, 1),
	CLASSIC("sbb", 3, ALL, 1), CLASSIC("and", 4, LOGIC, 1), CLASSIC("sub", 5, ALL, 1),
	CLASSIC("xor", 6, LOGIC, 1), CLASSIC("cmp", 7, ALL, 0),
	UNARY("not", 0xf6, 2, ALL), UNARY("neg", 0xf6, 3, ALL),
	UNARY("inc", 0xfe, 0, ALL), UNARY("dec", 0xfe, 1, ALL),
	SHIFT("rol", 0, ALL, ALL & ~EMU_OF), SHIFT("ror", 1, ALL, ALL & ~EMU_OF),
	SHIFT("rcl", 2, ALL, ALL & ~EMU_OF), SHIFT("rcr", 3, ALL, ALL & ~EMU_OF),
	SHIFT("shl", 4, LOGIC, SIGNS), SHIFT("shr", 5, LOGIC, SIGNS), SHIFT("sar", 7, LOGIC, SIGNS | EMU_CF),
	{ "test", { 0x84 }, 1, -1, NO_IMM, BYTE, LOGIC, 0, 0, 0, 0 },
	{ "test", { 0x85 }, 1, -1, NO_IMM, PLAIN, LOGIC, 0, 0, 0, 0 },
	{ "test", { 0xf6 }, 1, 0, IMM8, BYTE, LOGIC, 0, 0, 0, 0 },
	{ "test", { 0xf7 }, 1, 0, IMM_Z, PLAIN, LOGIC, 0, 0, 0, 0 },
	{ "mov", { 0x88 }, 1, -1, NO_IMM, BYTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0x89 }, 1, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 0 },
	{ "mov", { 0x8a }, 1, -1, NO_IMM, BYTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0x8b }, 1, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xc6 }, 1, 0, IMM8, BYTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xc7 }, 1, 0, IMM_Z, PLAIN, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xa0 }, 1, 0, NO_IMM, ABSOLUTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xa1 }, 1, 0, NO_IMM, ABSOLUTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xa2 }, 1, 0, NO_IMM, ABSOLUTE, ALL, 0, 0, 0, 0 },
	{ "mov", { 0xa3 }, 1, 0, NO_IMM, ABSOLUTE, ALL, 0, 0, 0, 0 },
	{ "xchg", { 0x86 }, 1, -1, NO_IMM, BYTE, ALL, 1, 0, 0, 0 },
	{ "xchg", { 0x87 }, 1, -1, NO_IMM, PLAIN, ALL, 1, 0, 0, 0 },
	TWICE("movzx8", 0x0f, 0xb6), TWICE("movzx16", 0x0f, 0xb7), TWICE("movsx8", 0x0f, 0xbe),
	TWICE("movsx16", 0x0f, 0xbf),
	{ "movsxd", { 0x63 }, 1, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 1 },
	{ "movnti", { 0x0f, 0xc3 }, 2, -1, NO_IMM, PLAIN, ALL, 0, 0, 1, 0 },
	{ "movbe load", { 0x0f, 0x38, 0xf0 }, 3, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 0 },
	{ "movbe store", { 0x0f, 0x38, 0xf1 }, 3, -1, NO_IMM, PLAIN, ALL, 0, 0, 0, 0 },
	{ "xadd", { 0x0f, 0xc0 }, 2, -1, NO_IMM, BYTE, ALL, 1, 0, 0, 0 },
	{ "xadd", { 0x0f, 0xc1 }, 2, -1, NO_IMM, PLAIN, ALL, 1, 0, 0, 0 },
	{ "cmpxchg", { 0x0f, 0xb0 }, 2, -1, NO_IMM, BYTE, ALL, 1, 0, 0, 0 },
	{ "cmpxchg", { 0x0f, 0xb1 }, 2, -1, NO_IMM, PLAIN, ALL, 1, 0, 0, 0 },
	{ "cmpxchg8b/16b", { 0x0f, 0xc7 }, 2, 1, NO_IMM, PAIR, ALL, 1, 0, 1, 0 },
	BITS("bt", 0xa3, 4, 0), BITS("bts", 0xab, 5, 1), BITS("btr", 0xb3, 6, 1), BITS("btc", 0xbb, 7, 1),
	STRINGS("movs", 0xa4), STRINGS("cmps", 0xa6), STRINGS("stos", 0xaa), STRINGS("lods", 0xac),
	STRINGS("scas", 0xae),
	SSE("movups load", 2, 0x0f, 0x10), SSE("movups store", 2, 0x0f, 0x11),
	SSE("movaps load", 2, 0x0f, 0x28), SSE("movaps store", 2, 0x0f, 0x29),
	SSE("movntps", 2, 0x0f, 0x2b), SSE("movupd load", 3, 0x66, 0x0f, 0x10),
	SSE("movapd store", 3, 0x66, 0x0f, 0x29), SSE("movntpd", 3, 0x66, 0x0f, 0x2b),
	SSE("movdqa load", 3, 0x66, 0x0f, 0x6f), SSE("movdqa store", 3, 0x66, 0x0f, 0x7f),
	SSE("movdqu load", 3, 0xf3, 0x0f, 0x6f), SSE("movdqu store", 3, 0xf3, 0x0f, 0x7f),
	SSE("movntdq", 3, 0x66, 0x0f, 0xe7), SSE("lddqu", 3, 0xf2, 0x0f, 0xf0),
	SSE("movntdqa", 4, 0x66, 0x0f, 0x38, 0x2a),
	SSE_SMALL("movss load", 3, 0xf3, 0x0f, 0x10), SSE_SMALL("movss store", 3, 0xf3, 0x0f, 0x11),
	SSE_SMALL("movsd load", 3, 0xf2, 0x0f, 0x10), SSE_SMALL("movsd store", 3, 0xf2, 0x0f, 0x11),
	SSE_SMALL("movd load", 3, 0x66, 0x0f, 0x6e), SSE_SMALL("movd store", 3, 0x66, 0x0f, 0x7e),
	SSE_SMALL("movq load", 3, 0xf3, 0x0f, 0x7e), SSE_SMALL("movq store", 3, 0x66, 0x0f, 0xd6),
};

/* ---- Memory of the emulator: a copy of the processor's ---- */

#define MEMORY_BYTES (NATIVE_PAGES * NATIVE_PAGE)

static uint8_t shadow[MEMORY_BYTES];

static uint64_t random_state;

/* xorshift64* */
static uint64_t random64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)(random64() % n);
}

static enum emu_status check(struct emu *emu, uint64_t linear, unsigned int bytes, bool write)
{
	uint64_t base = (uint64_t)(uintptr_t)native_memory;

	for (unsigned int i = 0; i < bytes; i++) {
		uint64_t page = (linear + i - base) / NATIVE_PAGE;
		uint32_t error = 4 | (write ? 2 : 0);

		if (page < 2 || (page == 2 && !write))
			continue;
		emu->fault.cr2 = linear + i;
		return emu_raise(emu, 14, error | (page == 2));
	}
	return EMU_DONE;
}

static enum emu_status shadow_read(struct emu *emu, uint64_t linear, void *to, unsigned int bytes,
				   enum emu_access access)
{
	enum emu_status status = check(emu, linear, bytes, access == EMU_UPDATE);

	if (!status)
		memcpy(to, shadow + (linear - (uint64_t)(uintptr_t)native_memory), bytes);
	return status;
}

static enum emu_status shadow_write(struct emu *emu, uint64_t linear, const void *from,
				    unsigned int bytes)
{
	enum emu_status status = check(emu, linear, bytes, true);

	if (!status)
		memcpy(shadow + (linear - (uint64_t)(uintptr_t)native_memory), from, bytes);
	return status;
}

static enum emu_status shadow_probe(struct emu *emu, uint64_t linear, unsigned int bytes, bool write)
{
	return check(emu, linear, bytes, write);
}

/* A port gives what counts up; what is sent is kept. */
static uint32_t port_reads, port_sent[64], port_writes;

static uint32_t shadow_in(struct emu *emu, uint16_t port, unsigned int bytes)
{
	(void)emu;
	return (uint32_t)((port + port_reads++) & emu_mask(bytes * 8));
}

static void shadow_out(struct emu *emu, uint16_t port, unsigned int bytes, uint32_t value)
{
	(void)emu;
	assert_true(port == 0x1f0 && value <= emu_mask(bytes * 8));
	port_sent[port_writes++ % 64] = value;
}

static bool yes(struct emu *emu)
{
	(void)emu;
	return true;
}

static unsigned int leave_after;

static bool leaves(struct emu *emu)
{
	return leave_after && emu->iterations >= leave_after;
}

static const struct emu_ops ops = {
	.read = shadow_read, .write = shadow_write, .probe = shadow_probe, .in = shadow_in,
	.out = shadow_out, .load_segments = yes, .load_xmm = yes, .store_xmm = yes, .leave = leaves,
};

/* ---- A case: one instruction's bytes and the state before ---- */

struct test_case {
	const struct form *form;
	unsigned int bits;		/* mode */
	unsigned int operand_bits, address_bits;
	enum native_segment segment;	/* 16 and 32 bits: of DS and ES; NATIVE_SEGMENTS: flat */
	bool gs;
	uint8_t insn[15], bytes;
	struct native state;
};

static void put(struct test_case *c, uint64_t value, unsigned int bytes)
{
	memcpy(c->insn + c->bytes, &value, bytes);
	c->bytes = (uint8_t)(c->bytes + bytes);
}

static uint64_t base_of(const struct test_case *c)
{
	return c->gs ? 0x1000 : c->bits != 64 && c->segment != NATIVE_SEGMENTS ?
		(uint64_t)(uintptr_t)native_memory : 0;
}

/* Mostly where all is well; else over the end of a page, in the read-only page, or nowhere. */
static uint64_t pick_target(void)
{
	static const unsigned int edges[] = { 4096, 4096, 8192, 12288 };
	uint64_t offset;

	switch (below(8)) {
	case 0: offset = edges[below(4)] - 1 - below(16); break;
	case 1: offset = 8192 + below(4096); break;
	case 2: offset = 12288 + below(4000); break;
	case 3: offset = 0x800 - 8 + below(16); break;
	case 4: offset = NATIVE_LIMIT - 8 + below(16); break;
	case 5: offset = 256 + (uint64_t)below(448) * 16; break;
	default: offset = 256 + below(7 * 1024);
	}
	return (uint64_t)(uintptr_t)native_memory + offset;
}

/* Makes the register such that register * scale + rest is the address, in the address size. */
static void aim(struct test_case *c, unsigned int reg, uint64_t address, uint64_t rest)
{
	uint64_t mask = emu_mask(c->address_bits);

	c->state.gpr[reg] = (c->state.gpr[reg] & ~mask) | ((address - rest) & mask);
}

static unsigned int pick_reg(const struct test_case *c)
{
	return below(c->bits == 64 ? 16 : 8);
}

/* ModRM, SIB, displacement. *rex gets its B and X bits. 16-bit addresses: DS, so no BP. */
static void put_operand16(struct test_case *c, unsigned int reg, uint64_t address)
{
	static const uint8_t bases[] = { 3, 3, 0, 0, 6, 7, 0, 3 };
	static const uint8_t indices[] = { 6, 7, 0, 0, 0, 0, 0, 0 };
	static const uint8_t modes[] = { 0, 1, 4, 5, 7 };
	unsigned int rm = modes[below(5)], mod = below(3);
	int64_t disp = mod == 1 ? (int8_t)random64() : mod == 2 ? (int16_t)random64() : 0;
	uint64_t rest = (uint64_t)disp;

	if (rm < 2)
		rest += c->state.gpr[indices[rm]];
	aim(c, bases[rm], address, rest);
	put(c, mod << 6 | (reg & 7) << 3 | rm, 1);
	put(c, (uint64_t)disp, mod);
}

/* Returns REX.X and REX.B in the place of the prefix; the bytes from ModRM on go to `tail`. */
static unsigned int operand32(struct test_case *c, unsigned int reg, uint64_t address, uint8_t *tail,
			      unsigned int *tail_bytes, bool *relative)
{
	unsigned int base = pick_reg(c), index = pick_reg(c), scale = below(4), mod = below(3), rex = 0;
	int64_t disp = mod == 1 ? (int8_t)random64() : mod == 2 ? (int32_t)random64() : 0;
	bool flat = c->bits == 64 || c->segment == NATIVE_SEGMENTS;
	unsigned int n = 0;

	*relative = false;
	if (c->bits == 64 && !c->gs && below(8) == 0) {
		*relative = true;
		tail[n++] = (uint8_t)((reg & 7) << 3 | 5);
		*tail_bytes = n + 4;
		return 0;
	}
	/* Mod 0 with base 101 is something else; SS is flat, whatever DS is. */
	while (((base & 7) == 5 && mod == 0) || (!flat && (base == 4 || base == 5)) ||
	       (c->form->kind == OFFSETS && base == reg))
		base = pick_reg(c);
	while (index == 4 || index == base)
		index = pick_reg(c);
	if (below(2) || (base & 7) == 4) {
		bool indexed = below(3) > 0;

		aim(c, base, address,
		    (uint64_t)disp + (indexed ? c->state.gpr[index] << scale : 0));
		tail[n++] = (uint8_t)(mod << 6 | (reg & 7) << 3 | 4);
		tail[n++] = (uint8_t)(scale << 6 | (indexed ? index & 7 : 4) << 3 | (base & 7));
		rex = (base & 8 ? 1 : 0) | (indexed && index & 8 ? 2 : 0);
	} else {
		aim(c, base, address, (uint64_t)disp);
		tail[n++] = (uint8_t)(mod << 6 | (reg & 7) << 3 | (base & 7));
		rex = base & 8 ? 1 : 0;
	}
	memcpy(tail + n, &disp, 4);
	*tail_bytes = n + (mod == 2 ? 4 : mod);
	return rex;
}

static bool is_string(const struct form *form)
{
	return form->kind == STRING || form->kind == STRING_BYTE;
}

static bool has_modrm(const struct form *form)
{
	return !is_string(form) && form->kind != ABSOLUTE;
}

static void put_immediate(struct test_case *c)
{
	if (c->form->immediate == IMM8)
		put(c, random64(), 1);
	else if (c->form->immediate == IMM_Z)
		put(c, random64(), c->operand_bits == 16 ? 2 : 4);
}

static unsigned int default_operand(const struct test_case *c)
{
	return c->bits == 16 ? 16 : 32;
}

static void put_prefixes(struct test_case *c)
{
	const struct form *form = c->form;

	if (c->gs)
		put(c, 0x65, 1);
	if (c->address_bits != c->bits)
		put(c, 0x67, 1);
	if (form->lock && below(3) == 0)
		put(c, 0xf0, 1);
	if (form->rep && below(3))
		put(c, below(2) ? 0xf3 : 0xf2, 1);
	if (c->operand_bits != 64 && c->operand_bits != default_operand(c))
		put(c, 0x66, 1);
}

/* Where strings begin, and how long they are; a few go over edges. */
static void aim_strings(struct test_case *c)
{
	uint64_t base = base_of(c);

	aim(c, 6, pick_target() - base, 0);
	aim(c, 7, pick_target() - (c->gs ? 0 : base), 0);
	aim(c, 1, 1 + below(40), 0);
	if (below(3) == 0)	/* equal strings, so that REPE goes on */
		memset(native_memory, (int)below(4), 2 * NATIVE_PAGE);
	if (below(3) == 0)
		memset(&c->state.gpr[0], native_memory[300], 8);
}

/* An accumulator that is what memory holds, every other time. */
static void aim_compare(struct test_case *c, uint64_t target)
{
	uint64_t offset = target - (uint64_t)(uintptr_t)native_memory;

	if (below(2) || offset + 16 > 2 * NATIVE_PAGE)
		return;
	memcpy(&c->state.gpr[0], native_memory + offset, 8);
	memcpy(&c->state.gpr[2], native_memory + offset + (c->operand_bits == 64 ? 8 : 4), 8);
}

static void build(struct test_case *c)
{
	const struct form *form = c->form;
	unsigned int reg = form->extension >= 0 ? (unsigned int)form->extension : pick_reg(c), rex = 0;
	unsigned int prefix = form->opcode_bytes > 2 && form->opcode[0] != 0x0f, tail_bytes = 0;
	uint64_t target = pick_target();
	bool relative = false;
	uint8_t tail[12];

	if (form->kind == OFFSETS) {
		uint64_t mask = emu_mask(c->operand_bits);
		int64_t offset = (int64_t)below(2000) - 1000;

		reg = c->address_bits == 16 ? below(3) : reg;	/* not one of the address */
		c->state.gpr[reg] = (c->state.gpr[reg] & ~mask) | ((uint64_t)offset & mask);
		target = (uint64_t)(uintptr_t)native_memory + 1024 + below(2048);
	}
	if (!strncmp(form->name, "cmpxchg", 7))
		aim_compare(c, target);
	put_prefixes(c);
	if (is_string(form)) {
		aim_strings(c);
	} else if (has_modrm(form) && c->address_bits != 16) {
		rex = operand32(c, reg, target - base_of(c), tail, &tail_bytes, &relative);
	}
	if (prefix)
		put(c, form->opcode[0], 1);
	rex |= (reg & 8 ? 4 : 0) | (c->operand_bits == 64 ? 8 : 0);
	if (c->bits == 64 && (rex || below(3) == 0))
		put(c, 0x40 | rex, 1);
	for (unsigned int i = prefix; i < form->opcode_bytes; i++)
		put(c, form->opcode[i], 1);
	if (form->kind == ABSOLUTE) {
		put(c, target - base_of(c), c->address_bits / 8);
	} else if (has_modrm(form) && c->address_bits == 16) {
		put_operand16(c, reg, target - base_of(c));
	} else if (relative) {
		unsigned int immediate = form->immediate == IMM8 ? 1 : form->immediate == NO_IMM ? 0 :
			c->operand_bits == 16 ? 2 : 4;
		uint64_t next = (uint64_t)(uintptr_t)native_code + c->bytes + 5 + immediate;

		put(c, tail[0], 1);
		put(c, target - next, 4);
	} else if (has_modrm(form)) {
		memcpy(c->insn + c->bytes, tail, tail_bytes);
		c->bytes = (uint8_t)(c->bytes + tail_bytes);
	}
	put_immediate(c);
}

static void fill(struct test_case *c)
{
	uint64_t word;

	for (unsigned int i = 0; i < 3 * NATIVE_PAGE; i += 8) {
		word = random64();
		memcpy(native_memory + i, &word, 8);
	}
	for (unsigned int i = 0; i < 16; i++) {
		c->state.gpr[i] = random64();
		if (below(4) == 0)
			c->state.gpr[i] = below(2) ? 0 : ~0ULL << below(64);
		if (c->bits != 64)
			c->state.gpr[i] = (uint32_t)c->state.gpr[i];
	}
	for (unsigned int i = 0; i < 16; i++)
		memcpy(c->state.xmm[i], native_memory + i * 40, 16);
	c->state.rflags = 0x202 | (random64() & EMU_STATUS_FLAGS);
	if (is_string(c->form) && below(2))
		c->state.rflags |= EMU_DF;
	/* Whether MOVUPS looks at AC differs between makers. */
	if (below(8) == 0 && (c->form->kind != VECTOR16 || __builtin_cpu_is("amd")))
		c->state.rflags |= EMU_AC;
}

static void describe(const struct test_case *c, const struct emu *emu, const char *what)
{
	char text[96];

	emu_text(emu, text, sizeof(text));
	print_message("# %s: %s, %u-bit mode, segment %d:", what, text, c->bits, (int)c->segment);
	for (unsigned int i = 0; i < c->bytes; i++)
		print_message(" %02x", c->insn[i]);
	print_message("\n");
}

static void describe_fault(const struct emu *emu, const struct native *after)
{
	print_message("# vector %d, error %x, CR2 %llx; of the processor %d, %x, %llx\n", emu->fault.vector,
		      emu->fault.error, (unsigned long long)emu->fault.cr2, (int)after->vector,
		      (unsigned int)after->error, (unsigned long long)after->cr2);
}

#define EXPECT(condition, what) do { \
		if (!(condition)) { \
			describe(c, &emu, what); \
			describe_fault(&emu, &after); \
			fail(); \
		} \
	} while (0)

static void prepare(const struct test_case *c, struct emu *emu)
{
	static const struct emu_segment flat = { 0, 0xffffffff, 0xcf3 }, none = { 0, 0, 0 };
	const uint64_t base = (uint64_t)(uintptr_t)native_memory;
	const struct emu_segment tables[NATIVE_SEGMENTS + 1] = {
		[NATIVE_WRITABLE] = { base, NATIVE_LIMIT, 0x4f3 }, [NATIVE_READ_ONLY] = { base, 0xffff, 0x4f1 },
		[NATIVE_DOWN] = { base, 0x7ff, 0xf7 }, [NATIVE_SEGMENTS] = flat,
	};

	memset(emu, 0, sizeof(*emu));
	emu->ops = &ops;
	memcpy(emu->gpr, c->state.gpr, sizeof(emu->gpr));
	emu->rflags = c->state.rflags;
	emu->mode = c->bits == 64 ? ZYDIS_MACHINE_MODE_LONG_64 : c->bits == 32 ?
		ZYDIS_MACHINE_MODE_LONG_COMPAT_32 : ZYDIS_MACHINE_MODE_LONG_COMPAT_16;
	emu->linear_bits = 48;
	emu->check_alignment = true;
	emu->rip = c->bits == 16 ? 0 : (uint64_t)(uintptr_t)native_code;
	emu->segments[EMU_DS] = emu->segments[EMU_ES] = tables[c->segment];
	emu->segments[EMU_SS] = flat;
	emu->segments[EMU_CS] = (struct emu_segment){ 0, 0xffffffff, 0xcfb };
	emu->segments[EMU_FS] = none;
	emu->segments[EMU_GS] = c->bits == 64 ? (struct emu_segment){ 0x1000, 0xffffffff, 0xcf3 } : none;
}

static unsigned long cases, faults;

static void run_case(struct test_case *c)
{
	struct native after;
	enum emu_status status;
	struct emu emu;
	uint64_t rip;

	after = c->state;
	prepare(c, &emu);
	EXPECT(emu_decode(&emu, c->insn, c->bytes) && emu.insn.length == c->bytes, "does not decode");
	memcpy(shadow, native_memory, 3 * NATIVE_PAGE);
	rip = emu.rip;
	memcpy(emu.xmm, c->state.xmm, sizeof(emu.xmm));
	native_run(&after, c->insn, c->bytes, c->bits,
		   c->segment == NATIVE_SEGMENTS ? 0 : native_selector(c->segment));
	status = emu_execute(&emu);
	cases++;
	if (after.vector != NATIVE_NONE) {
		faults++;
		EXPECT(status == EMU_FAULT, "the processor faults");
		EXPECT(emu.fault.vector == after.vector, "another vector");
		EXPECT(emu.fault.error == after.error, "another error code");
		EXPECT(after.vector != 14 || emu.fault.cr2 == after.cr2, "another CR2");
		EXPECT(emu.rip == rip, "RIP of a fault");
	} else {
		EXPECT(status == EMU_DONE, "does not finish");
		EXPECT(!((emu.rflags ^ after.rflags) & (c->form->flags | EMU_DF)), "other flags");
		EXPECT(emu.rip == ((rip + c->bytes) & emu_mask(c->bits)), "another RIP");
	}
	for (unsigned int i = 0; i < (c->bits == 64 ? 16 : 8); i++)
		EXPECT(!((emu.gpr[i] ^ after.gpr[i]) & emu_mask(c->bits == 64 ? 64 : 32)), "other registers");
	EXPECT(!memcmp(shadow, native_memory, 3 * NATIVE_PAGE), "other memory");
	EXPECT(!memcmp(emu.xmm, after.xmm, sizeof(after.xmm)), "other XMM registers");
}

static bool processor_has_movbe(void)
{
	unsigned int a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_MOVBE;
}

static bool fits(const struct form *form, unsigned int bits, unsigned int operand_bits)
{
	if (!strncmp(form->name, "movbe", 5) && !processor_has_movbe())
		return false;
	if (form->only64 && bits != 64)
		return false;
	if (bits == 16 && form->no16)
		return operand_bits == 16;
	if (operand_bits == 16 && (form->no16 || form->kind >= VECTOR))
		return false;
	if (form->kind >= VECTOR && operand_bits != default_operand(&(struct test_case){ .bits = bits }) &&
	    operand_bits != 64)
		return false;
	return true;
}

static bool can_run;

static void run_forms(unsigned int bits, unsigned int operand_bits, unsigned int address_bits,
		      enum native_segment segment)
{
	if (!can_run)
		skip();		/* no local descriptor table here, or no memory below 2 GiB */
	native_catch();
	random_state = bits * 1000003u + operand_bits * 1009u + address_bits * 31u + segment + 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (!fits(&forms[i], bits, operand_bits))
			continue;
		for (unsigned int round = 0; round < ROUNDS; round++) {
			struct test_case c = { .form = &forms[i], .bits = bits, .operand_bits = operand_bits,
					       .address_bits = address_bits, .segment = segment };

			c.gs = bits == 64 && below(4) == 0;
			fill(&c);
			build(&c);
			run_case(&c);
		}
	}
}

static void the_processor_agrees_in_64_bit_mode(void **state)
{
	(void)state;
	for (unsigned int operand = 16; operand <= 64; operand *= 2)
		for (unsigned int address = 32; address <= 64; address *= 2)
			run_forms(64, operand, address, NATIVE_SEGMENTS);
	print_message("# %lu instructions, %lu of them faulted\n", cases, faults);
	assert_true(faults > 1000 && faults < cases / 2);
}

static void the_processor_agrees_in_32_bit_code(void **state)
{
	(void)state;
	for (unsigned int operand = 16; operand <= 32; operand *= 2) {
		run_forms(32, operand, 32, NATIVE_SEGMENTS);
		run_forms(32, operand, 32, NATIVE_WRITABLE);
		run_forms(32, operand, 32, NATIVE_READ_ONLY);
		run_forms(32, operand, 32, NATIVE_DOWN);
		run_forms(32, operand, 16, NATIVE_WRITABLE);
	}
}

static void the_processor_agrees_in_16_bit_code(void **state)
{
	(void)state;
	for (unsigned int operand = 16; operand <= 32; operand *= 2) {
		run_forms(16, operand, 16, NATIVE_WRITABLE);
		run_forms(16, operand, 16, NATIVE_DOWN);
		run_forms(16, operand, 32, NATIVE_SEGMENTS);
	}
}

/* ---- Without a processor to ask ---- */

static void set_up(struct emu *emu, const char *bytes, unsigned int count)
{
	const struct test_case c = { .bits = 64, .segment = NATIVE_SEGMENTS, .state = { .rflags = 2 } };

	prepare(&c, emu);
	memset(shadow, 0, sizeof(shadow));
	port_reads = port_writes = leave_after = 0;
	assert_true(emu_decode(emu, (const uint8_t *)bytes, count));
	emu->gpr[2] = 0x1f0;
	emu->gpr[6] = emu->gpr[7] = (uint64_t)(uintptr_t)native_memory;
}

static void strings_come_from_ports(void **state)
{
	struct emu emu;

	(void)state;
	set_up(&emu, "\xf3\x66\x6d", 3);		/* rep insw */
	emu.gpr[1] = 3;
	assert_int_equal(emu_execute(&emu), EMU_DONE);
	assert_memory_equal(shadow, "\xf0\x01\xf1\x01\xf2\x01\0", 7);
	assert_true(emu.gpr[1] == 0 && emu.gpr[7] - emu.gpr[6] == 6 && emu.iterations == 3);
	set_up(&emu, "\x6c", 1);			/* insb, downwards */
	emu.rflags |= EMU_DF;
	assert_int_equal(emu_execute(&emu), EMU_DONE);
	assert_true(shadow[0] == 0xf0 && emu.gpr[6] - emu.gpr[7] == 1);
}

static void strings_go_to_ports(void **state)
{
	struct emu emu;

	(void)state;
	set_up(&emu, "\xf3\x6f", 2);			/* rep outsd */
	memcpy(shadow, "\1\2\3\4\5\6\7\x88", 8);
	emu.gpr[1] = 2;
	assert_int_equal(emu_execute(&emu), EMU_DONE);
	assert_true(port_writes == 2 && port_sent[0] == 0x04030201 && port_sent[1] == 0x88070605);
	assert_true(emu.gpr[6] - emu.gpr[7] == 8);
}

/* A port is not read for a destination that does not take it. */
static void a_port_is_not_read_in_vain(void **state)
{
	struct emu emu;

	(void)state;
	set_up(&emu, "\xf3\x6c", 2);
	emu.gpr[1] = 4;
	emu.gpr[7] += 2 * NATIVE_PAGE - 2;
	assert_int_equal(emu_execute(&emu), EMU_FAULT);
	assert_true(port_reads == 2 && emu.gpr[1] == 2 && emu.iterations == 2);
	assert_true(emu.fault.vector == 14 && emu.fault.error == 7);
	assert_true(emu.fault.cr2 == (uint64_t)(uintptr_t)native_memory + 2 * NATIVE_PAGE);
}

static void repetition_can_be_left_and_goes_on(void **state)
{
	unsigned int calls = 1;
	struct emu emu;
	uint64_t rip;

	(void)state;
	set_up(&emu, "\xf3\xaa", 2);			/* rep stosb */
	rip = emu.rip;
	emu.gpr[0] = 0x5a;
	emu.gpr[1] = 100;
	leave_after = 7;
	for (; emu_execute(&emu) == EMU_MORE; calls++)
		assert_true(emu.rip == rip && emu.gpr[1] == 100 - 7 * calls);
	assert_true(calls == 15 && emu.rip == rip + 2 && emu.gpr[1] == 0 && shadow[99] == 0x5a &&
		    shadow[100] == 0);
	set_up(&emu, "\xf3\xaa", 2);
	emu.gpr[1] = EMU_ITERATIONS + 1;
	assert_int_equal(emu_execute(&emu), EMU_MORE);
	assert_true(emu.gpr[1] == 1);
	assert_int_equal(emu_execute(&emu), EMU_DONE);
	set_up(&emu, "\xf3\xaa", 2);			/* nothing to do is done */
	assert_int_equal(emu_execute(&emu), EMU_DONE);
	assert_true(emu.rip == rip + 2 && emu.iterations == 0);
}

static void addresses_are_canonical(void **state)
{
	struct emu emu;

	(void)state;
	set_up(&emu, "\x8b\x07", 2);			/* mov eax, [rdi] */
	emu.gpr[7] = 0x0000800000000000;
	assert_int_equal(emu_execute(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, 13);
	emu.gpr[7] = 0x00007ffffffffffe;		/* its last byte is not */
	assert_int_equal(emu_execute(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, 13);
	emu.linear_bits = 57;
	assert_int_equal(emu_execute(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, 14);
	emu.linear_bits = 48;
	set_up(&emu, "\x8b\x45\x00", 3);		/* mov eax, [rbp]: the stack's segment */
	emu.gpr[5] = 1ULL << 63;
	assert_int_equal(emu_execute(&emu), EMU_FAULT);
	assert_int_equal(emu.fault.vector, 12);
}

static void what_is_not_emulated_changes_nothing(void **state)
{
	static const struct { const char *bytes; unsigned int count; } rows[] = {
		{ "\xff\x37", 2 },			/* push [rdi] */
		{ "\x8c\x1f", 2 },			/* mov [rdi], ds */
		{ "\xff\x17", 2 },			/* call [rdi] */
		{ "\xdd\x07", 2 },			/* fld qword [rdi] */
		{ "\xc5\xf8\x10\x07", 4 },		/* vmovups xmm0, [rdi] */
		{ "\x0f\x6f\x07", 3 },			/* movq mm0, [rdi] */
		{ "\x66\x0f\xef\x07", 4 },		/* pxor xmm0, [rdi] */
		{ "\x89\xc8", 2 },			/* mov eax, ecx: no memory */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct emu emu, before;

		set_up(&emu, rows[i].bytes, rows[i].count);
		before = emu;
		assert_int_equal(emu_execute(&emu), EMU_REFUSED);
		assert_memory_equal(emu.gpr, before.gpr, sizeof(emu.gpr));
		assert_true(emu.rip == before.rip && emu.rflags == before.rflags && !port_reads);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_processor_agrees_in_64_bit_mode),
		cmocka_unit_test(the_processor_agrees_in_32_bit_code),
		cmocka_unit_test(the_processor_agrees_in_16_bit_code),
		cmocka_unit_test(strings_come_from_ports),
		cmocka_unit_test(strings_go_to_ports),
		cmocka_unit_test(a_port_is_not_read_in_vain),
		cmocka_unit_test(repetition_can_be_left_and_goes_on),
		cmocka_unit_test(addresses_are_canonical),
		cmocka_unit_test(what_is_not_emulated_changes_nothing),
	};

	can_run = native_init();
	native_set_gs(0x1000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
