/* SPDX-License-Identifier: MIT */
/*
 * The registers that GDB sees, in its order: those of its own i386:x86-64 description with x87 and SSE,
 * the bases of FS and GS, and control registers. Each is a register or a VMCB field of vcpu.get, or a
 * part of its FXSAVE area.
 */
#ifndef SVMKIT_CTL_GDB_REGS_H
#define SVMKIT_CTL_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gdb_register_source { GDB_REGS, GDB_VMCB, GDB_FXSAVE, GDB_FTAG };

struct gdb_register {
	const char *name, *type;	/* in the target description */
	unsigned int bytes;
	enum gdb_register_source source;
	const char *key;		/* of vcpu.get and vcpu.set, REGS and VMCB */
	uint16_t offset, width;		/* in the area: FXSAVE */
};

/* Little endian, as in GDB's packets; what is beyond the register's bytes is zero. */
struct gdb_value {
	uint8_t bytes[16];
};

#define GDB_FXSAVE_BYTES 512

#define GDB_REGISTERS 64
#define GDB_RIP 16

extern const struct gdb_register gdb_registers[GDB_REGISTERS];

/* A register of the FXSAVE area (FXSAVE, FTAG), and putting one there. */
void gdb_fxsave_get(const struct gdb_register *reg, const uint8_t area[GDB_FXSAVE_BYTES],
		    struct gdb_value *value);
void gdb_fxsave_put(const struct gdb_register *reg, uint8_t area[GDB_FXSAVE_BYTES],
		    const struct gdb_value *value);

/* The XML document, NUL-terminated; caller frees. NULL: no memory. */
char *gdb_target_xml(void);

#endif
