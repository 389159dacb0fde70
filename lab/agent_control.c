/* SPDX-License-Identifier: MIT */
/*
 * Channels to svmrund: each is one connection to its control socket, and bytes pass unchanged in
 * both directions. The connection's descriptor is nonblocking, and the channel owns it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"
#include "fd.h"

static int connect_control(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(agent.control_path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, agent.control_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void control_open(struct channel *c)
{
	c->fd = connect_control();
	if (c->fd >= 0)
		return;
	fprintf(stderr, "svmlab-agent: no svmrund at %s: %s\n", agent.control_path,
		strerror(errno));
	c->closing = true;
}

void control_output(struct channel *c)
{
	ssize_t n;

	if (c->out.size_bytes >= MUX_PAYLOAD_MAX_BYTES)
		return;
	n = read(c->fd, buf_reserve(&c->out, MUX_PAYLOAD_MAX_BYTES), MUX_PAYLOAD_MAX_BYTES);
	if (n > 0)
		buf_commit(&c->out, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->closing = true;
}

void control_input(uint16_t number)
{
	struct channel *c = &agent.channels[number];
	const size_t before = c->in.size_bytes;

	if (c->fd < 0 || drain_to(c->fd, &c->in) < 0) {
		buf_free(&c->in);
		c->closing = true;
	}
	buf_append_grant(&agent.wire, &agent.mux, number, (uint32_t)(before - c->in.size_bytes));
	if (c->in_eof && !c->in.size_bytes && c->fd >= 0)
		shutdown(c->fd, SHUT_WR);
}
