/* SPDX-License-Identifier: MIT */
/*
 * A template as lists of named values, one list for each area, for comparing two of them by name
 * and meaning. Memory contents are not among them: diff_contents.c compares those by address.
 */
#ifndef SVMC_FACTS_H
#define SVMC_FACTS_H

#include "arena.h"
#include "svmt_read.h"

struct fact {
	const char *name, *value;
	const char *meaning;		/* of the tables, or "" */
};

struct facts {
	struct arena *arena;
	struct fact *rows;		/* no name twice */
	size_t count, capacity;
};

__attribute__((format(printf, 4, 5), nonnull(4)))
void facts_add(struct facts *facts, const char *name, const char *meaning, const char *format,
	       ...);

void facts_vcpu(struct facts *facts, const struct svmt_view *view, uint32_t vcpu);
void facts_template(struct facts *facts, const struct svmt_view *view);
/* Fields of a VMSA page; what a confidential template says of its launch. */
void facts_vmsa(struct facts *facts, const uint8_t *page);
void facts_launch(struct facts *facts, const struct svmt_view *view);
void facts_memory(struct facts *facts, const struct svmt_view *view);
void facts_cpuid(struct facts *facts, const struct svmt_view *view);
void facts_msrs(struct facts *facts, const struct svmt_view *view);
void facts_exits(struct facts *facts, const struct svmt_view *view);
void facts_devices(struct facts *facts, const struct svmt_view *view);
void facts_expect(struct facts *facts, const struct svmt_view *view);

#endif
