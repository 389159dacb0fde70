/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of the agent's poll loop: all that it polls are nonblocking and close on exec.
 * Errors of a descriptor show in drain_to or in its events.
 */
#ifndef SVMLAB_FD_H
#define SVMLAB_FD_H

#include <poll.h>
#include <sys/types.h>

#include "buf.h"

void set_nonblocking(int fd);

/* Closes *fd unless it is -1, which it then is. */
void close_fd(int *fd);

/* Writes as much of the queue as fd takes. Returns the number of bytes, or -1 when fd is dead. */
ssize_t drain_to(int fd, struct buf *b);

/* Adds fd to the polled ones, if it is open and any events are wanted. */
void want(struct pollfd *polls, nfds_t *count, int fd, short events);

#endif
