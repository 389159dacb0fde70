/* SPDX-License-Identifier: MIT */
/* What spec_exits.c, for whole exit codes, and spec_exit_rules.c, for parts of them, share. */
#ifndef SVMC_SPEC_EXITS_H
#define SVMC_SPEC_EXITS_H

#include "read.h"

/* Keys that both have; `into` is a struct spec_exit. */
bool spec_read_do(struct comp *c, const struct node *node, void *into);
bool spec_read_event(struct comp *c, const struct node *node, void *into);
bool spec_read_vector(struct comp *c, const struct node *node, void *into);

/* `do: inject` without a vector: the exception itself, or a question back to the author. */
bool spec_exit_complete(struct comp *c, const struct svm_exit_info *info, struct spec_exit *exit,
			const struct node *map);

/* `rules` of an exit, or NULL: none. */
bool spec_read_exit_rules(struct comp *c, const struct svm_exit_info *info, struct spec_exit *exit,
			  const struct node *list);

/* What the finer rules of an exit are for, such as "port"; NULL: it has none. */
const char *exit_rules_what(uint64_t code);

#endif
