/* SPDX-License-Identifier: MIT */
/* From the files of a spec (itself, what it includes, the profiles it extends) to one tree. */
#ifndef SVMC_INCLUDE_H
#define SVMC_INCLUDE_H

#include "comp.h"

#define INCLUDE_MAX_DEPTH 16u	/* files that name each other */
#define INCLUDE_MAX_FILES 64u	/* of one compilation */

/*
 * Read the file `path` and everything that it names into c->root, and the file profiles' vCPU and
 * control parts into c->layers. Returns whether there were no errors; messages tell of them.
 */
bool include_all(struct comp *c, const char *path);

/* Whether a value of `extends` names a file and not a built-in profile. */
bool include_is_file_name(const char *name);

#endif
