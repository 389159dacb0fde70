/* SPDX-License-Identifier: MIT */
/*
 * From a template back to a spec. The parts print into a stream what differs from the profile; they
 * do not judge: the command compiles the result again and compares the bytes.
 */
#ifndef SVMC_DECOMPILE_H
#define SVMC_DECOMPILE_H

#include <stdio.h>
#include "comp.h"

struct decompile {
	FILE *out;
	const struct svmt_view *view;
	struct comp *c;			/* profile, regions and vCPU sets of the template */
	struct comp *base;		/* one vCPU as the profile has it; confidential: two sets */
	bool split_first;		/* the profile's first vCPU is not like the others */
	uint64_t gdt_bytes, idt_bytes;	/* of those that the spec describes */
	bool raw_tables;		/* tables that no profile builds stay contents */
};

/*
 * The spec of the template, text of malloc(). NULL with the reason in `error` when the template has
 * what the language has no words for. Tables of the guest are told in words if the spec then gives
 * the same template, else their bytes are segments.
 */
char *decompile(const struct svmt_view *view, size_t *bytes, char error[256]);

/*
 * Confidential templates: what `confidential:` says into both compilations (`profile` is META's
 * name), the second set of `base` for the vCPUs that are not the first, and the key itself.
 */
void decompile_begin_launch(struct decompile *d, const char *profile);
void decompile_base_launch(struct decompile *d);
void decompile_launch(struct decompile *d);
/* Fields of the selected sets' pages that the VMCB does not have, one a line. */
void decompile_vmsa(struct decompile *d, unsigned int depth);

/* The parts, in the order of the spec. */
void decompile_memory(struct decompile *d);
void decompile_vcpus(struct decompile *d);
void decompile_control(struct decompile *d);
void decompile_inject(struct decompile *d);
void decompile_cpuid(struct decompile *d);
void decompile_msrs(struct decompile *d);
void decompile_devices(struct decompile *d);
void decompile_exits(struct decompile *d);
void decompile_allow(struct decompile *d);
void decompile_expect(struct decompile *d);

/*
 * Find out which vCPUs use the tables that svmc builds, and mark the others' cr3 and gdtr.base as
 * set by the spec. Afterwards c->spec.contents has the built tables and nothing else.
 */
void decompile_find_tables(struct decompile *d);

/*
 * The same for the ACPI tables: c->spec.acpi tells whether svmc builds them, and c->spec.contents has
 * them then. Fills c->spec.devices.
 */
void decompile_find_acpi(struct decompile *d);

/* Tables are looked for where these many first sets of vCPUs point. */
#define DECOMPILE_SETS 8u

/*
 * What `page_tables`, `gdt` and `idt` give, if set 0 is in that mode and the tables are byte by byte
 * those that svmc builds: they are then in the spec and in its contents. In this order.
 */
void decompile_find_pages(struct decompile *d);
void decompile_find_descriptors(struct decompile *d);
void decompile_pages(struct decompile *d);
void decompile_descriptors(struct decompile *d);

/* Whether the contents are what the template has there. */
bool decompile_has_bytes(const struct svmt_view *view, const struct spec_contents *x);

/* Whether no contents that have been found overlap the bytes. */
bool decompile_is_free(const struct decompile *d, uint64_t gpa, uint64_t bytes);

/* Whether the spec sets the field for the set of vCPUs, instead of the profile. */
bool decompile_sets(struct decompile *d, size_t set, const char *field);

/* A double-quoted YAML scalar. */
void decompile_text(FILE *out, const char *text);

/* Address or size: with the largest unit that leaves a whole number, else hexadecimal. */
void decompile_size(FILE *out, uint64_t value);

#endif
