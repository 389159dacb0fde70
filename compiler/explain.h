/* SPDX-License-Identifier: MIT */
/* What svmc knows of a name: fields, intercepts, exit codes and rules that it stands for. */
#ifndef SVMC_EXPLAIN_H
#define SVMC_EXPLAIN_H

#include <stdio.h>

/*
 * Print every row that `name` means, in any case of its letters; `name` may also be an exit code
 * as a number, a segment (es: all its fields) and may begin with VMEXIT_. Returns their number.
 */
unsigned int explain(FILE *out, const char *name);

/* The known name nearest to `name`, or NULL. */
const char *explain_nearest(const char *name);

#endif
