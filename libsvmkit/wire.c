/* SPDX-License-Identifier: MIT */
/*
 * Moves bytes for rpc.c: one input buffer that grows with the longest line, poll with a deadline,
 * and a signalfd beside the socket so that Ctrl-C is an event like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "rpc.h"
#include "wire.h"

#define READ_BYTES 65536u

int wire_open(struct wire *wire, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	wire->fd = -1;
	wire->signal_fd = -1;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	wire->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	return fcntl(wire->fd, F_SETFL, O_NONBLOCK);
}

void wire_close(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	if (wire->signal_fd >= 0)
		close(wire->signal_fd);
	free(wire->input);
	wire->fd = wire->signal_fd = -1;
	wire->input = NULL;
}

int wire_catch_signals(struct wire *wire)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	wire->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return wire->signal_fd < 0 ? -1 : 0;
}

static void take_signals(struct wire *wire)
{
	struct signalfd_siginfo info;

	while (read(wire->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (!wire->signals++)
			wire->first_signal = (int)info.ssi_signo;
	}
}

static int poll_timeout_ms(int64_t deadline)
{
	int64_t left;

	if (deadline == RPC_NO_DEADLINE)
		return -1;
	left = deadline - rpc_now();
	if (left <= 0)
		return 0;
	left = (left + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static bool interrupted(struct wire *wire, bool patient)
{
	unsigned int quiet = wire->tolerated;

	if (patient && !quiet)
		quiet = 1;
	if (wire->signals <= quiet)
		return false;
	wire->tolerated = wire->signals;
	return true;
}

/* Wait for `events` on the socket; WIRE_OK leaves in *ready what is there. */
static enum wire_status wait_for(struct wire *wire, short events, int64_t deadline, bool patient,
				 short *ready)
{
	struct pollfd fds[2] = {
		{ .fd = wire->fd, .events = events },
		{ .fd = wire->signal_fd, .events = POLLIN },	/* poll skips an fd of -1 */
	};

	if (wire->lost)
		return WIRE_CLOSED;
	while (true) {
		int n;

		if (interrupted(wire, patient))
			return WIRE_INTERRUPTED;
		n = poll(fds, 2, poll_timeout_ms(deadline));
		if (n < 0 && errno != EINTR)
			return WIRE_ERROR;
		if (n > 0 && fds[1].revents)
			take_signals(wire);
		if (n > 0 && fds[0].revents) {
			*ready = fds[0].revents;
			return WIRE_OK;
		}
		if (n == 0 && rpc_now() >= deadline)
			return WIRE_TIMEOUT;
	}
}

static int make_room(struct wire *wire)
{
	size_t live = wire->used - wire->start, capacity;
	char *input;

	if (wire->start) {
		memmove(wire->input, wire->input + wire->start, live);
		wire->scanned -= wire->start;
		wire->used = live;
		wire->start = 0;
	}
	if (wire->capacity - wire->used >= READ_BYTES)
		return 0;
	capacity = wire->capacity * 2 + READ_BYTES;
	input = realloc(wire->input, capacity);
	if (!input)
		return -1;
	wire->input = input;
	wire->capacity = capacity;
	return 0;
}

static enum wire_status receive(struct wire *wire)
{
	ssize_t n;

	if (wire->capacity - wire->used < READ_BYTES && make_room(wire))
		return WIRE_ERROR;
	n = recv(wire->fd, wire->input + wire->used, wire->capacity - wire->used, 0);
	if (n > 0)
		wire->used += (size_t)n;
	else if (n == 0 || errno == ECONNRESET)
		return WIRE_CLOSED;
	else if (errno != EAGAIN && errno != EINTR)
		return WIRE_ERROR;
	return wire->used - wire->start > 4u * WIRE_LINE_BYTES ? WIRE_TOO_LONG : WIRE_OK;
}

static char *find_line_end(struct wire *wire)
{
	size_t bytes = wire->used - wire->scanned;

	return bytes ? memchr(wire->input + wire->scanned, '\n', bytes) : NULL;
}

enum wire_status wire_line(struct wire *wire, int64_t deadline, bool patient, char **line,
			   size_t *bytes)
{
	enum wire_status status;
	char *end;
	short ready;

	while (!(end = find_line_end(wire))) {
		wire->scanned = wire->used;
		if (wire->used - wire->start > WIRE_LINE_BYTES)
			return WIRE_TOO_LONG;
		status = wait_for(wire, POLLIN, deadline, patient, &ready);
		if (status == WIRE_OK)
			status = receive(wire);
		if (status != WIRE_OK)
			return status;
	}
	*end = 0;
	*line = wire->input + wire->start;
	*bytes = (size_t)(end - *line);
	wire->start = wire->scanned = (size_t)(end - wire->input) + 1;
	return WIRE_OK;
}

enum wire_status wire_send_line(struct wire *wire, const char *line, size_t bytes, int64_t deadline)
{
	size_t sent = 0;

	while (sent <= bytes) {
		enum wire_status status;
		short ready;
		ssize_t n;

		status = wait_for(wire, POLLIN | POLLOUT, deadline, true, &ready);
		if (status == WIRE_OK && (ready & POLLIN))
			status = receive(wire);
		/* A daemon that refuses a long line says so and hangs up: let the reader see it. */
		if (status == WIRE_CLOSED && find_line_end(wire))
			return WIRE_OK;
		if (status != WIRE_OK)
			return status;
		if (!(ready & (POLLOUT | POLLHUP | POLLERR)))
			continue;
		n = sent < bytes ? send(wire->fd, line + sent, bytes - sent, MSG_NOSIGNAL) :
				   send(wire->fd, "\n", 1, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			if (wire->on_send)
				wire->on_send(wire->send_context, sent, bytes);
		} else if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			return find_line_end(wire) ? WIRE_OK : WIRE_CLOSED;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return WIRE_ERROR;
		}
	}
	return WIRE_OK;
}
