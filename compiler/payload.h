/* SPDX-License-Identifier: MIT */
/* The payload's bytes: assembled by binutils, or read from a file as they are or as an image. */
#ifndef SVMC_PAYLOAD_H
#define SVMC_PAYLOAD_H

#include "comp.h"

#define PAYLOAD_MAX_BYTES ((uint64_t)1 << 30)

/* Add the payload to the guest's memory. Needs profile, memory and vCPU state. Messages tell
 * errors. */
void payload_build(struct comp *c);

/* Assemble the text of `asm` for address `gpa`; NULL after messages. */
const uint8_t *payload_assemble(struct comp *c, const struct node *node, uint64_t gpa,
				unsigned int code_bits, uint64_t *bytes);

/* Read the file that a node names, relative to the directory of the spec that names it. */
const uint8_t *payload_read_beside(struct comp *c, const struct node *node, uint64_t limit,
				   uint64_t *bytes);

/*
 * Read the regular file `path` of at most `limit` bytes; `shown` is its name in messages and
 * `where` the spec's place that names it. NULL after a message.
 */
const uint8_t *payload_read_file(struct comp *c, const char *path, const char *shown,
				 const struct range *where, uint64_t limit, uint64_t *bytes);

/* The same for a temporary file of the compiler's own, of which nobody else is told. */
const uint8_t *payload_read_own(struct comp *c, const char *path, const char *shown,
				const struct range *where, uint64_t limit, uint64_t *bytes);

#endif
