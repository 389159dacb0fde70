/* SPDX-License-Identifier: MIT */
/*
 * The files that `svmctl test` runs: those that were named, and of a directory every spec and
 * template in it, sorted.
 */
#ifndef SVMKIT_CTL_SPEC_LIST_H
#define SVMKIT_CTL_SPEC_LIST_H

#include <stddef.h>

struct spec_list {
	char **paths;
	size_t count;
};

/* Append `path`, or what the directory `path` holds. 0, or -1 after a message. */
int spec_list_add(struct spec_list *list, const char *path);
void spec_list_free(struct spec_list *list);

#endif
