/* SPDX-License-Identifier: MIT */
/*
 * Executes one instruction that touches memory or ports, as the processor would (APM volume 3), on
 * registers of the caller's. Segmentation and flags are done here; linear addresses and ports are the
 * caller's `ops`. Pure: no VM, no engine, so that tests hold it against the processor that they run on.
 */
#ifndef SVMRUND_EMU_H
#define SVMRUND_EMU_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stdint.h>

enum emu_status {
	EMU_DONE,	/* the instruction is finished; RIP is behind it */
	EMU_MORE,	/* REP: some iterations are done; RIP is at it, which is to run again */
	EMU_FAULT,	/* emu.fault; RIP is at it, iterations before the fault are done */
	EMU_REFUSED,	/* not emulated; nothing has changed, emu.why may say more */
};

enum emu_access { EMU_READ, EMU_WRITE, EMU_UPDATE /* a read that a write follows */ };

/* As the processor numbers them. */
enum emu_segment_name { EMU_ES, EMU_CS, EMU_SS, EMU_DS, EMU_FS, EMU_GS, EMU_SEGMENTS };

struct emu_segment {
	uint64_t base;
	uint32_t limit;		/* bytes, inclusive */
	uint32_t attrib;	/* VMCB: descriptor bits 55:52 and 47:40 */
};

struct emu;

/* `bytes` is 1 to 16. What does not return EMU_DONE has done nothing that the guest can see. */
struct emu_ops {
	enum emu_status (*read)(struct emu *emu, uint64_t linear, void *to, unsigned int bytes,
				enum emu_access access);
	enum emu_status (*write)(struct emu *emu, uint64_t linear, const void *from,
				 unsigned int bytes);
	/* Whether it would fault. */
	enum emu_status (*probe)(struct emu *emu, uint64_t linear, unsigned int bytes, bool write);
	uint32_t (*in)(struct emu *emu, uint16_t port, unsigned int bytes);
	void (*out)(struct emu *emu, uint16_t port, unsigned int bytes, uint32_t value);
	/* Fills emu.segments, or emu.xmm, or stores that; called when it is needed. */
	bool (*load_segments)(struct emu *emu);
	bool (*load_xmm)(struct emu *emu);
	bool (*store_xmm)(struct emu *emu);
	/* Between iterations of REP. */
	bool (*leave)(struct emu *emu);
};

struct emu {
	const struct emu_ops *ops;
	void *data;			/* the caller's */
	/* In and out */
	uint64_t gpr[16];
	uint64_t rip, rflags;
	/* In */
	ZydisMachineMode mode;
	unsigned int linear_bits;	/* of long mode: 48, or 57 with tables of five levels */
	bool check_alignment;		/* CR0.AM and CPL 3 */
	struct emu_segment segments[EMU_SEGMENTS];
	uint8_t xmm[16][16];
	/* Out */
	struct {
		uint8_t vector;
		uint32_t error;
		uint64_t cr2;		/* of vector 14 */
	} fault;
	const char *why;
	unsigned int iterations;	/* of REP that were done */
	/* Decoded */
	bool segments_loaded;
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

#define EMU_CF (1u << 0)
#define EMU_PF (1u << 2)
#define EMU_AF (1u << 4)
#define EMU_ZF (1u << 6)
#define EMU_SF (1u << 7)
#define EMU_DF (1u << 10)
#define EMU_OF (1u << 11)
#define EMU_RF (1u << 16)
#define EMU_AC (1u << 18)
#define EMU_STATUS_FLAGS (EMU_CF | EMU_PF | EMU_AF | EMU_ZF | EMU_SF | EMU_OF)

/* At most so many iterations of REP in one call. */
#define EMU_ITERATIONS 1024

/* Sets insn and operands by mode. False: the bytes are no instruction. */
bool emu_decode(struct emu *emu, const uint8_t *bytes, unsigned int count);
/* Executes what was decoded. */
enum emu_status emu_execute(struct emu *emu);
/* Intel syntax of what was decoded. */
void emu_text(const struct emu *emu, char *text, unsigned int room);
/* How many operands are in memory. */
unsigned int emu_memory_operands(const struct emu *emu);

/* 16, 32 or 64: of code in the mode. */
unsigned int emu_mode_bits(ZydisMachineMode mode);

/* ---- Between the files of the emulator ---- */

/* 128-bit operands go another way. */
static inline uint64_t emu_mask(unsigned int bits)
{
	return bits >= 64 ? ~0ULL : (1ULL << bits) - 1;
}

uint64_t emu_get(const struct emu *emu, ZydisRegister reg);
/* 8 and 16 bits merge, 32 bits clear the upper half. */
void emu_set(struct emu *emu, ZydisRegister reg, uint64_t value);
enum emu_status emu_raise(struct emu *emu, uint8_t vector, uint32_t error);
/* #AC where that is asked for. */
enum emu_status emu_alignment(struct emu *emu, uint64_t linear, unsigned int bytes);
/* `offset` is added to the operand's effective address, within the address size. */
enum emu_status emu_linear(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t offset,
			   unsigned int bytes, bool write, uint64_t *linear);
enum emu_status emu_read(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t *value,
			 enum emu_access access);
enum emu_status emu_write(struct emu *emu, const ZydisDecodedOperand *operand, uint64_t value);

enum emu_operation { EMU_ADD, EMU_OR, EMU_ADC, EMU_SBB, EMU_AND, EMU_SUB, EMU_XOR };

/* The result, of `bits`; status flags in *rflags. */
uint64_t emu_alu(enum emu_operation op, uint64_t a, uint64_t b, unsigned int bits, uint64_t *rflags);
uint64_t emu_increment(uint64_t a, uint64_t by, unsigned int bits, uint64_t *rflags);
uint64_t emu_negate(uint64_t a, unsigned int bits, uint64_t *rflags);

enum emu_status emu_string(struct emu *emu);
enum emu_status emu_shift(struct emu *emu);
enum emu_status emu_exchange(struct emu *emu);
enum emu_status emu_bits(struct emu *emu);
enum emu_status emu_vector(struct emu *emu);

#endif
