/* SPDX-License-Identifier: MIT */
/*
 * The registers that GDB sees, in its order: those of its own i386:x86-64 description, the bases of FS
 * and GS, and control registers. Each is a register or a VMCB field of vcpu.get, or not known to it.
 */
#ifndef SVMKIT_CTL_GDB_REGS_H
#define SVMKIT_CTL_GDB_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gdb_register_source { GDB_REGS, GDB_VMCB, GDB_NOWHERE };

struct gdb_register {
	const char *name, *type;	/* in the target description */
	unsigned int bytes;
	enum gdb_register_source source;
	const char *key;		/* of vcpu.get and vcpu.set */
};

#define GDB_REGISTERS 47
#define GDB_RIP 16

extern const struct gdb_register gdb_registers[GDB_REGISTERS];

/* The XML document, NUL-terminated; caller frees. NULL: no memory. */
char *gdb_target_xml(void);

#endif
