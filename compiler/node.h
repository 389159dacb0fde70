/* SPDX-License-Identifier: MIT */
/*
 * The YAML file as a tree whose every node owns its place in the source. Scalars stay text: what is
 * a number and what a name is decided where the meaning is known, so that YAML 1.1 and 1.2 agree.
 */
#ifndef SVMC_NODE_H
#define SVMC_NODE_H

#include <string.h>
#include "arena.h"
#include "diag.h"

#define YAML_MAX_FILE_BYTES ((size_t)16 << 20)	/* of all files together */
#define YAML_MAX_DEPTH 64u
#define YAML_MAX_NODES 500000u	/* after expansion of aliases */
#define YAML_MAX_KEYS 512u	/* in one map */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	struct range range;
	const char *text;		/* scalar: NUL-terminated, may hold no NUL itself */
	size_t text_bytes;
	bool literal;			/* block scalar `|`: its text begins on the next line */
	bool folded;			/* block scalar `>`: lines were joined */
	bool substituted;		/* $(name) was replaced */
	uint64_t weight;		/* nodes below and this one, aliases expanded */
	size_t count;			/* of items or pairs */
	size_t capacity;
	struct node **items;		/* list */
	struct pair *pairs;		/* map, in the order of the file */
};

struct pair {
	struct node *key;		/* always a scalar */
	struct node *value;
};

/*
 * Read a source file into `source` (arena memory). `named_at` is where another file names it, NULL
 * for the command line; `total` counts the bytes of all files. Returns 0, or -1 after a message:
 * the file cannot be read (*io is set) or is too long.
 */
int source_read(struct arena *arena, struct diag *diag, const char *path,
		const struct range *named_at, size_t *total, struct source *source, bool *io);

/* The same for text in memory, which must live on. */
int source_given(struct arena *arena, struct diag *diag, const char *name, const char *text,
		 size_t bytes, struct source *source);

/* Parse the one document of `source`. Returns its root, which is a map, or NULL after messages. */
struct node *yaml_parse(struct arena *arena, struct diag *diag, const struct source *source);

/* Whether two texts are equal. The first character decides most cases, without a call. */
static inline bool text_is(const char *a, const char *b)
{
	return *a == *b && !strcmp(a, b);
}

/* Value of a key, or NULL. */
struct node *node_get(const struct node *map, const char *key);

/* The scalar's text for a message: clipped, without control characters; or "a list", "a map". */
const char *node_quote(struct arena *arena, const struct node *node);

#endif
