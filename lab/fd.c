/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of the agent's poll loop; fd.h describes it.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

ssize_t drain_to(int fd, struct buf *b)
{
	ssize_t total = 0;

	while (b->size_bytes) {
		const ssize_t n = write(fd, buf_front(b), b->size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? total : -1;
		buf_consume(b, (size_t)n);
		total += n;
	}
	return total;
}

void want(struct pollfd *polls, nfds_t *count, int fd, short events)
{
	if (fd >= 0 && events)
		polls[(*count)++] = (struct pollfd){ .fd = fd, .events = events };
}
