/* SPDX-License-Identifier: MIT */
/* Templates for the commands: read from a .svmt file, or compiled from a spec on the way. */
#ifndef SVMC_LOAD_H
#define SVMC_LOAD_H

#include "cmd.h"
#include "svmt_read.h"

struct loaded {
	uint8_t *bytes;			/* the image; load_free() */
	struct svmt_view view;
};

/*
 * Read the template at `path` ("-": standard input). Returns SVMC_OK, or SVMC_DIAGNOSED or SVMC_IO
 * after a message.
 */
int load_template(const struct command *command, const char *path, struct loaded *out);

/* Whether the file begins as a template does. One that cannot be read is left to who reads it. */
bool load_is_template(const char *path);

/* The same for a template or a spec, told apart by the template's magic; "-" is not for this. */
int load_either(const struct command *command, const char *path,
		const struct svmc_options *options, struct loaded *out);

void load_free(struct loaded *loaded);

#endif
