/* SPDX-License-Identifier: MIT */
/*
 * One instruction on the processor that the test runs on: in 64-bit mode, and in 32-bit and 16-bit
 * code through segments of the process's own. Faults are caught and told as the processor gave them.
 */
#ifndef TESTS_EMU_NATIVE_H
#define TESTS_EMU_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

struct native {
	uint64_t gpr[16];
	uint64_t rflags;
	uint64_t vector, error, cr2;	/* of a fault; vector ~0: none */
	uint8_t xmm[16][16];
} __attribute__((aligned(16)));

#define NATIVE_PAGES 4
#define NATIVE_PAGE 4096u
#define NATIVE_NONE (~0ULL)

/* Pages 0 and 1 of `memory` are writable, 2 is read-only, 3 is absent. All of it is below 2 GiB. */
extern uint8_t *native_memory;
/* Where the next instruction is run, for RIP-relative operands; in 16-bit code that is IP 0. */
extern uint8_t *native_code;

/* Selectors of the local descriptor table. */
enum native_segment {
	NATIVE_CODE16, NATIVE_WRITABLE, NATIVE_READ_ONLY, NATIVE_DOWN, NATIVE_SEGMENTS
};
/* Base of all data segments is native_memory. */
#define NATIVE_LIMIT 0x17ffu	/* of the writable one; the expand-down one begins at 0x800 */
uint16_t native_selector(enum native_segment segment);

bool native_init(void);
/* In each test: cmocka has put its own handlers in. */
void native_catch(void);
/* GS base of 64-bit mode. */
void native_set_gs(uint64_t base);
/* `bits` 64; or 32 or 16 with DS, ES and SS of `ds` (0: flat). */
void native_run(struct native *state, const uint8_t *insn, unsigned int bytes, unsigned int bits,
		uint16_t ds);

#endif
