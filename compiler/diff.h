/* SPDX-License-Identifier: MIT */
/* How two templates differ, by field and meaning. */
#ifndef SVMC_DIFF_H
#define SVMC_DIFF_H

#include <stdio.h>
#include "arena.h"
#include "svmt_read.h"

struct difference {
	const char *area;		/* "template", "vcpu 0-2", "memory", "contents", ... */
	const char *name;		/* in the area */
	const char *a, *b;		/* NULL: absent there */
	const char *meaning;		/* or "" */
};

struct differences {
	struct arena *arena;
	struct difference *rows;
	size_t count, capacity;
};

/* Append every difference. Without any, the templates are the same byte for byte. */
void diff_templates(struct differences *out, const struct svmt_view *a, const struct svmt_view *b);

/* Append the ranges of initial memory that differ. */
void diff_contents(struct differences *out, const struct svmt_view *a, const struct svmt_view *b);

/* Append every difference between a VMSA page and another; `area` names the vCPU. */
void diff_pages(struct differences *out, const char *area, const uint8_t *a, const uint8_t *b);

void diff_add(struct differences *out, const struct difference *row);

/* One line for each difference, each behind `prefix`. */
void diff_print(FILE *out, const struct differences *differences, const char *prefix);

#endif
