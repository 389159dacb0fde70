/* SPDX-License-Identifier: MIT */
/* Running a helper program: private directory, no shell, its messages in a file. */
#ifndef SVMC_TOOL_H
#define SVMC_TOOL_H

#include "comp.h"

#define TOOL_NOT_FOUND (-2)

/* A directory of mode 0700 that is removed, with the files in it, when the compilation ends. */
const char *tool_directory(struct comp *c);

/* Write a file into a directory; 0, or -1 with errno. */
int tool_write_file(struct comp *c, const char *directory, const char *name, const char *text,
		    size_t bytes);

/*
 * Run argv[0], searched in PATH, in `directory` with standard error into its file "messages".
 * Returns the exit status, 128 + N for signal N, TOOL_NOT_FOUND, or -1 with errno.
 */
int tool_run(struct comp *c, const char *directory, char *const argv[]);

#endif
