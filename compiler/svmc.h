/* SPDX-License-Identifier: MIT */
/*
 * The compiler as a library (libsvmc.a): a spec file in, the bytes of a template out. Messages go
 * to a stream of the caller's; nothing exits, nothing is kept between calls.
 */
#ifndef SVMC_SVMC_H
#define SVMC_SVMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct svmc_options {
	const char *const *defines;	/* "name=value", over `vars:` of the spec */
	size_t define_count;
	const char *const *warnings;	/* of -W: "name", "no-name", "error=name" or "error" */
	size_t warning_count;
	bool colour;			/* colour the messages */
	bool json_diagnostics;		/* one JSON object a line instead of text */
	bool sealed;			/* read no file beside the spec and run no program */
	/* Called for every file that is read, the spec first, as it was opened; or NULL. */
	void (*file_read)(void *argument, const char *path);
	void *file_argument;
};

struct svmc_image {
	uint8_t *bytes;			/* a whole .svmt file; svmc_image_free() */
	uint64_t length;
	char name[64];			/* the spec's name */
};

/* Exit statuses of svmc, and what svmc_compile_file() returns. */
enum svmc_status { SVMC_OK = 0, SVMC_DIAGNOSED = 1, SVMC_USAGE = 2, SVMC_IO = 3 };

/*
 * Compile the spec at `path` ("-": standard input). `options` may be NULL. On SVMC_OK `out` holds
 * the template; on SVMC_DIAGNOSED or SVMC_IO messages were written to `diag` and `out` is empty.
 */
int svmc_compile_file(const char *path, const struct svmc_options *options,
		      struct svmc_image *out, FILE *diag);

/* The same for `bytes` bytes of a spec in memory; `name` is what messages call it. */
int svmc_compile_text(const char *name, const char *text, size_t bytes,
		      const struct svmc_options *options, struct svmc_image *out, FILE *diag);

/*
 * Whether `text` is a good value of -W and of svmc_options.warnings; if not, one line in `diag`
 * says why and which name is near.
 */
bool svmc_warning_option(const char *text, FILE *diag);

void svmc_image_free(struct svmc_image *image);

#endif
