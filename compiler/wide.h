/* SPDX-License-Identifier: MIT */
/* Values of more than 64 bits: XMM and x87 registers, and the few wide fields of the VMCB. */
#ifndef SVMC_WIDE_H
#define SVMC_WIDE_H

#include "comp.h"

#define WIDE_MAX_BYTES 256u

/* Read a number of up to `bytes` bytes into `value`, little endian. False after a message. */
bool read_wide(struct comp *c, const struct node *node, const char *what, unsigned int bytes,
	       uint8_t *value);

/* The value as hexadecimal digits behind 0x; `text` has at least 2 * bytes + 3 characters. */
void wide_text(const uint8_t *value, unsigned int bytes, char *text);

/* The same into a field of the selected set's VMCB, whose width is a multiple of 64 bits. */
bool read_wide_field(struct comp *c, const struct node *node, const char *what,
		     const struct vmcb_field_info *field);

/* A register that lives in the FXSAVE64 area (APM volume 2, figure 11-9). */
struct fxsave_register {
	const char *name, *meaning;
	uint16_t offset, bytes;
};

#define FXSAVE_MXCSR 24		/* its offset */

/* NULL behind the last. */
const struct fxsave_register *fxsave_register(size_t index);

#endif
