/* SPDX-License-Identifier: MIT */
/* "Did you mean": the nearest of a list of known names. */
#ifndef SVMKIT_SUGGEST_H
#define SVMKIT_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *word;	/* what was found */
	const char *best;	/* the nearest name offered so far, or NULL */
	unsigned int distance;	/* of best */
};

/* Start with the misspelt word; then offer every known name. `best` stays NULL if none is near. */
void suggest_begin(struct suggest *suggest, const char *word);
void suggest_offer(struct suggest *suggest, const char *name);

#endif
