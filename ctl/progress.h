/* SPDX-License-Identifier: MIT */
/*
 * How far a long transfer is, on the last line of a terminal: nothing for one that is done within
 * half a second, and nothing at all where standard error is no terminal.
 */
#ifndef SVMKIT_CTL_PROGRESS_H
#define SVMKIT_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;	/* "sending the template" */
	int64_t began, drawn;	/* rpc_now(); drawn 0: nothing on the screen yet */
	bool terminal;
};

void progress_begin(struct progress *progress, const char *what);
/* `total` 0: not known. Units are bytes. */
void progress_step(struct progress *progress, uint64_t done, uint64_t total);
/* Take the line away. */
void progress_end(struct progress *progress);

/* For rpc_on_send(): `context` is a struct progress. */
void progress_sent(void *context, uint64_t done, uint64_t total);

#endif
