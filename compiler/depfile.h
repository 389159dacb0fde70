/* SPDX-License-Identifier: MIT */
/* What a template was made of, as a rule for make(1) and ninja(1). */
#ifndef SVMC_DEPFILE_H
#define SVMC_DEPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct depfile_files {
	char **paths;			/* each once, in the order of reading; the spec first */
	size_t count, capacity;
	bool failed;			/* memory ran out */
};

/* For svmc_options.file_read; `files` is the argument. */
void depfile_add(void *files, const char *path);

/* "TARGET: FILES", then an empty rule for each file but the spec, so that one may disappear. */
void depfile_print(FILE *out, const char *target, const struct depfile_files *files);

void depfile_free(struct depfile_files *files);

/*
 * Hand each file of the rule `text` that an assembler wrote to `add`, in the form in which make
 * reads it: names end at blanks, and \ joins lines and protects blanks.
 */
void depfile_parse(char *text, void (*add)(void *argument, const char *path), void *argument);

#endif
