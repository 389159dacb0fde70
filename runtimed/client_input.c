/* SPDX-License-Identifier: MIT */
/*
 * Collects a client's bytes into lines and hands each line to the RPC layer. The buffer grows with
 * what really arrives, up to the line limit and to a limit for all clients together; a line that is
 * too long is answered once and skipped up to its end, and the connection goes on.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client_input.h"
#include "limits.h"
#include "log.h"
#include "rpc.h"

#define INPUT_START_BYTES (64u << 10)	/* every client may have that, whatever the others do */
#define INPUT_SPARE_BYTES 2048u

/* Where the rest of a line that is skipped goes; of no use outside one read callback. */
static char discarded[INPUT_START_BYTES];

static void set_capacity(struct client *client, size_t capacity)
{
	client->daemon->input_bytes += capacity;
	client->daemon->input_bytes -= client->input_capacity;
	client->input_capacity = capacity;
}

static uint64_t held_by_observers(const struct daemon *daemon)
{
	uint64_t bytes = 0;

	list_each(link, &daemon->clients) {
		const struct client *client = list_object(link, struct client, link);

		if (client->role == ROLE_OBSERVER)
			bytes += client->input_capacity;
	}
	return bytes;
}

/* Refuses the line if it and the unfinished lines of the others would be too much. */
static bool share_allows(struct client *client, size_t capacity)
{
	const uint64_t more = capacity - client->input_capacity;
	const uint64_t limit = client->daemon->config->limits.input_bytes;
	const uint64_t share = client_observers_share(limit);

	if (client->daemon->input_bytes + more > limit) {
		rpc_refuse_line(client, "input_bytes", limit,
				"all clients together send too much at once; this line is skipped: "
				"send it again later");
		return false;
	}
	if (client->role == ROLE_OBSERVER && held_by_observers(client->daemon) + more > share) {
		rpc_refuse_line(client, "input_bytes", share,
				"all observers together send too much at once; this line is skipped: "
				"send it again later");
		return false;
	}
	return true;
}

static bool grow(struct client *client)
{
	const struct config_limits *limits = &client->daemon->config->limits;
	size_t most = limits->line_bytes + INPUT_START_BYTES;
	size_t capacity = client->input_capacity ? client->input_capacity * 2 : INPUT_START_BYTES;
	char *input;

	if (capacity > most)
		capacity = most;
	if (capacity > INPUT_START_BYTES && !share_allows(client, capacity))
		return false;
	input = realloc(client->input, capacity);
	if (!input) {
		rpc_refuse_line(client, "memory", 0, "out of memory for the line; it is skipped");
		return false;
	}
	client->input = input;
	set_capacity(client, capacity);
	return true;
}

static void skip_rest_of_line(struct client *client)
{
	client->skipping = true;
	client_input_free(client);
}

/* Where the next bytes go: behind the unfinished line, or nowhere. */
static struct iovec room_for_input(struct client *client)
{
	if (!client->skipping &&
	    client->input_capacity - client->input_bytes < INPUT_SPARE_BYTES && !grow(client))
		skip_rest_of_line(client);
	if (client->skipping)
		return (struct iovec){ discarded, sizeof(discarded) };
	return (struct iovec){ client->input + client->input_bytes,
			       client->input_capacity - client->input_bytes };
}

static void refuse_long_line(struct client *client)
{
	rpc_refuse_line(client, "line_bytes", client->daemon->config->limits.line_bytes,
			"the line is longer than a message may be; it is skipped");
}

static void one_line(struct client *client, const char *line, size_t length)
{
	if (length && line[length - 1] == '\r')
		length--;
	if (length > client->daemon->config->limits.line_bytes)
		refuse_long_line(client);
	else if (length)
		rpc_line(client, line, length);
}

/* A client that does not read its answers gets no more of them: its lines stay until it does. */
static void take_lines(struct client *client)
{
	size_t start = 0;
	bool waits = false;

	while (!client->closing && !client->doom) {
		size_t from = client->input_scanned > start ? client->input_scanned : start;
		char *end = memchr(client->input + from, '\n', client->input_bytes - from);

		if (!end)
			break;
		waits = client->congested;
		if (waits)
			break;
		one_line(client, client->input + start, (size_t)(end - client->input) - start);
		start = (size_t)(end - client->input) + 1;
	}
	client->input_bytes -= start;
	memmove(client->input, client->input + start, client->input_bytes);
	client->input_scanned = waits ? 0 : client->input_bytes;
	if (!waits && client->input_bytes > client->daemon->config->limits.line_bytes) {
		refuse_long_line(client);
		skip_rest_of_line(client);
	}
}

/* A big template must not pin its buffer for as long as the client stays connected. */
static void shrink(struct client *client)
{
	if (client->input_capacity > INPUT_START_BYTES && !client->input_bytes)
		client_input_free(client);
}

/* The skipped line's end: what follows it is input again. */
static void end_of_skipped(struct client *client, size_t bytes)
{
	const char *end = memchr(discarded, '\n', bytes);
	size_t rest;

	if (!end)
		return;
	client->skipping = false;
	rest = bytes - (size_t)(end + 1 - discarded);
	if (!rest)
		return;
	if (!grow(client)) {
		skip_rest_of_line(client);
		return;
	}
	memcpy(client->input, end + 1, rest);
	client->input_bytes = rest;
	take_lines(client);
}

static bool peer_is_gone(const struct client *client)
{
	struct pollfd poll_fd = { .fd = client->fd };

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR));
}

/* The peer sends no more. It may still read (`... | nc -N`), so only one that is gone is closed. */
static void input_ended(struct client *client)
{
	client->ended = true;
	if (client->input_bytes && !client->skipping)
		rpc_parse_error(client, client->input_bytes,
				"the input ends inside a line (no LF)");
	client_input_free(client);
	if (peer_is_gone(client)) {
		client_close(client);
		return;
	}
	client_input_update(client);
	if (!client->subscription_count && list_empty(&client->requests)) {
		client->close_when_flushed = true;
		client_want_flush(client);
	}
	daemon_need_tick(client->daemon);
}

/* Descriptors wait for the request that names them; more than the limit are closed. */
static void keep_descriptors(struct client *client, const struct cmsghdr *header)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (client->descriptor_count < LIMIT_DESCRIPTORS)
			client->descriptors[client->descriptor_count++] = fd;
		else
			close(fd);
	}
}

static ssize_t receive(struct client *client, struct iovec *room)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(LIMIT_DESCRIPTORS * sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = room, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t bytes;

	do
		bytes = recvmsg(client->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return bytes;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header))
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
			keep_descriptors(client, header);
	return bytes;
}

void client_input_readable(struct client *client)
{
	struct iovec room = room_for_input(client);
	ssize_t bytes = receive(client, &room);

	if (!bytes) {
		input_ended(client);
		return;
	}
	if (bytes < 0) {
		if (errno != EAGAIN)
			client_close(client);
		return;
	}
	if (room.iov_base == discarded) {
		end_of_skipped(client, (size_t)bytes);
	} else {
		client->input_bytes += (size_t)bytes;
		take_lines(client);
	}
	shrink(client);
	client_input_update(client);
}

void client_input_update(struct client *client)
{
	client->reading = !client->ended && !client->congested && !client->doom && !client->closing;
	client_update_poll(client);
}

void client_input_resume(struct client *client)
{
	if (client->input_bytes && !client->skipping) {
		take_lines(client);
		shrink(client);
	}
	client_input_update(client);
}

void client_input_free(struct client *client)
{
	free(client->input);
	client->input = NULL;
	client->input_bytes = 0;
	client->input_scanned = 0;
	set_capacity(client, 0);
}
