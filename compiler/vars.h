/* SPDX-License-Identifier: MIT */
/* Variables: `vars:` of the spec, -D over it, $(name) in every scalar outside `vars:`. */
#ifndef SVMC_VARS_H
#define SVMC_VARS_H

#include "comp.h"

/* Replace every $(name) in the tree. Returns whether all names were known and the text stayed
 * small. */
bool vars_substitute(struct comp *c);

#endif
