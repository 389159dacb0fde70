/* SPDX-License-Identifier: MIT */
/*
 * Reading values out of nodes: each function says itself what is wrong, in the words of the spec,
 * and returns whether the value is good. `what` names the value in messages ("size", "rip").
 */
#ifndef SVMC_READ_H
#define SVMC_READ_H

#include "comp.h"

enum unit {
	UNIT_NONE,	/* plain number */
	UNIT_SIZE,	/* may end in KiB, MiB or GiB */
	UNIT_TIME,	/* must end in ns, us, ms or s; nanoseconds */
};

bool read_number(struct comp *c, const struct node *node, const char *what, unsigned int bits,
		 enum unit unit, uint64_t *value);
/* "N" or "FIRST-LAST" of numbers with less than 64 bits. */
bool read_span(struct comp *c, const struct node *node, const char *what, unsigned int bits,
	       uint64_t *first, uint64_t *last);
/* The same, where each end may be the name of an MSR. */
bool read_msr_span(struct comp *c, const struct node *node, const char *what, uint32_t *first,
		   uint32_t *last);
bool read_bool(struct comp *c, const struct node *node, const char *what, bool *value);
/* A scalar's text, at least one character. */
bool read_text(struct comp *c, const struct node *node, const char *what, const char **text);

/*
 * Two hexadecimal digits for each byte, blanks between bytes at will, at most `limit` bytes into
 * `out`. 0, or -1 for any other text.
 */
int read_hex_bytes(const char *text, uint8_t *out, size_t limit, size_t *length);

bool want_map(struct comp *c, const struct node *node, const char *what);
bool want_list(struct comp *c, const struct node *node, const char *what);

/*
 * The keys of a map as a table: unknown keys are reported with the nearest known one, missing
 * needed ones too; then each key's function is called, in the order of the table. `read` may be
 * NULL for keys that the caller fetches itself.
 */
struct key {
	const char *name;
	bool (*read)(struct comp *c, const struct node *value, void *into);
	bool needed;
	uint32_t part;		/* set in spec.bad when reading it reported errors */
};

bool read_map(struct comp *c, const struct node *map, const char *what, const struct key *keys,
	      size_t key_count, void *into);

/* "unknown X `name`; did you mean ...": offers come from `next(index)` until it returns NULL. */
void unknown_name(struct comp *c, const struct node *node, const char *what,
		  const char *(*next)(size_t index), const char *remedy);

/* A list of bit names over a base value; see flags.c. */
bool read_flags(struct comp *c, const struct node *node, const char *reg, uint64_t base,
		uint64_t *value);
/* Whether the register has bit names. */
bool has_flags(const char *reg);

#endif
