/* SPDX-License-Identifier: MIT */
/* Progress on a terminal; see progress.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "progress.h"
#include "rpc.h"

#define QUIET_NS 500000000
#define REDRAW_NS 100000000

void progress_begin(struct progress *progress, const char *what)
{
	const char *term = getenv("TERM");

	*progress = (struct progress){ .what = what, .began = rpc_now() };
	progress->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

void progress_step(struct progress *progress, uint64_t done, uint64_t total)
{
	int64_t now = progress->terminal ? rpc_now() : 0;

	if (now - progress->began < QUIET_NS || now - progress->drawn < REDRAW_NS)
		return;
	progress->drawn = now;
	if (total)
		fprintf(stderr, "\r%s: %.0f of %.0f MiB, %.0f %%\033[K", progress->what,
			(double)done / 1048576, (double)total / 1048576,
			100 * (double)done / (double)total);
	else
		fprintf(stderr, "\r%s: %.0f MiB\033[K", progress->what, (double)done / 1048576);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = 0;
}

void progress_sent(void *context, uint64_t done, uint64_t total)
{
	progress_step(context, done, total);
}
