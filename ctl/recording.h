/* SPDX-License-Identifier: MIT */
/* A recording of svmrund --record, read from its file without a daemon: for replay and export. */
#ifndef SVMKIT_CTL_RECORDING_H
#define SVMKIT_CTL_RECORDING_H

#include "svmlog.h"

struct recording {
	struct svmlog log;
	const void *image;
	size_t bytes;
};

/* CTL_OK, or CTL_ERROR after saying why. Close with recording_close(). */
int recording_open(struct recording *recording, const char *path);
void recording_close(struct recording *recording);

/* The exit's name by the tables, else its code in `text`. */
const char *recording_exit_name(uint32_t code, char text[24]);

#endif
