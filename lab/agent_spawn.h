/* SPDX-License-Identifier: MIT */
/*
 * Starting a command of svmlab-exec: reading its request, and making it a process with pipes or a
 * terminal. The caller owns what comes out of it.
 */
#ifndef SVMLAB_AGENT_SPAWN_H
#define SVMLAB_AGENT_SPAWN_H

#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include "mux.h"

struct start {
	bool tty;
	struct winsize size;
	const char *term, *directory;
	char **argv;
};

/* Reads START into *start, whose strings point into `text`; argv is the caller's to free. */
bool parse_start(const struct mux_frame *frame, char *text, struct start *start);

/*
 * Starts the command as the leader of a session of its own. Returns 0 with its number in *pid and
 * our nonblocking ends of its standard streams in fds (with a terminal, its master twice and -1),
 * or the errno that kept it from running, with 0 in *pid.
 */
int spawn(const struct start *start, pid_t *pid, int fds[3]);

#endif
