/* SPDX-License-Identifier: MIT */
/*
 * Profiles: named starting points of a vCPU, each with its source. A released profile never
 * changes; what ought to differ becomes a new profile. There is no nameless default.
 */
#ifndef SVMC_PROFILE_H
#define SVMC_PROFILE_H

#include "comp.h"
#include "vmsa.h"

struct profile_value {
	char field[16];		/* save field, GPR, dr0-dr3 or xcr0; an empty one ends a list */
	uint64_t value;
};

struct profile {
	const char *name;
	const char *as_of;		/* date of the table, never changed afterwards */
	const char *summary;
	const char *source;
	unsigned int code_bits;		/* that `asm` payloads are assembled for: 16, 32 or 64 */
	bool builds_gdt;		/* descriptors of its segments in guest memory */
	bool builds_page_tables;	/* identity map of the first GiB */
	uint16_t fcw;			/* x87 control word */
	uint8_t ftw;			/* abridged tag word */
	const struct profile_value *values;
};

extern const struct profile *const profiles[];	/* NULL ends it */

const struct profile *profile_find(const char *name);

/* The profile's own value of a register; 0 when it is not listed. */
uint64_t profile_get(const struct profile *profile, const char *field);

/* Intercepts that every profile sets besides the forced ones, by name; NULL ends it. */
extern const char *const profile_intercepts[];

/* Fill VMCB and register page of the spec from its profile. */
void profile_apply(struct comp *c);

/* A register by its name in vcpus.state: where its value lives. */
struct register_place {
	const struct vmcb_field_info *field;	/* in the VMCB, or NULL */
	__u64 *word;				/* in the register page, or NULL */
	__u8 *bytes;				/* likewise, of the x87 and SSE state, or NULL */
	const struct vmsa_field_info *vmsa;	/* in the VMSA page of a confidential guest */
	unsigned int bits;
};

bool register_find(struct comp *c, const char *name, struct register_place *place);
/* The two below are for fields and words of at most 64 bits. */
void register_set(struct comp *c, const struct register_place *place, uint64_t value);
uint64_t register_get(const struct comp *c, const struct register_place *place);

#endif
