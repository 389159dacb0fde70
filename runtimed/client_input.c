/* SPDX-License-Identifier: MIT */
/*
 * Collects a client's bytes into lines and hands each line to the RPC layer. The buffer grows with
 * what really arrives, up to the line limit and to a limit for all clients together; a line that is
 * too long is answered once and skipped up to its end, and the connection goes on.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "client_input.h"
#include "limits.h"
#include "log.h"
#include "rpc.h"

#define INPUT_START_BYTES (64u << 10)	/* every client may have that, whatever the others do */
#define INPUT_MOST_BYTES (LIMIT_LINE_BYTES + INPUT_START_BYTES)
#define INPUT_SPARE_BYTES 2048u

/* Where the rest of a line that is skipped goes; of no use outside one read callback. */
static char discarded[INPUT_START_BYTES];

static void set_capacity(struct client *client, size_t capacity)
{
	client->daemon->input_bytes += capacity;
	client->daemon->input_bytes -= client->input_capacity;
	client->input_capacity = capacity;
}

static bool grow(struct client *client)
{
	size_t capacity = client->input_capacity ? client->input_capacity * 2 : INPUT_START_BYTES;
	char *input;

	if (capacity > INPUT_MOST_BYTES)
		capacity = INPUT_MOST_BYTES;
	if (capacity > INPUT_START_BYTES &&
	    client->daemon->input_bytes + capacity - client->input_capacity > LIMIT_INPUT_BYTES) {
		rpc_refuse_line(client, "input_bytes", LIMIT_INPUT_BYTES,
				"all clients together send too much at once; this line is skipped: "
				"send it again later");
		return false;
	}
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

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;

	(void)suggested;
	if (!client->skipping &&
	    client->input_capacity - client->input_bytes < INPUT_SPARE_BYTES && !grow(client))
		skip_rest_of_line(client);
	if (client->skipping)
		*buffer = uv_buf_init(discarded, sizeof(discarded));
	else
		*buffer = uv_buf_init(client->input + client->input_bytes,
				      (unsigned int)(client->input_capacity -
						     client->input_bytes));
}

static void one_line(struct client *client, const char *line, size_t length)
{
	if (length && line[length - 1] == '\r')
		length--;
	if (length > LIMIT_LINE_BYTES)
		rpc_refuse_line(client, "line_bytes", LIMIT_LINE_BYTES,
				"the line is longer than a message may be; it is skipped");
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
	if (!waits && client->input_bytes > LIMIT_LINE_BYTES) {
		rpc_refuse_line(client, "line_bytes", LIMIT_LINE_BYTES,
				"the line is longer than a message may be; it is skipped");
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

static bool peer_is_gone(struct client *client)
{
	struct pollfd poll_fd = { 0 };

	if (uv_fileno((uv_handle_t *)&client->pipe, &poll_fd.fd))
		return true;
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
	if (!client->subscription_count && list_empty(&client->requests))
		client->close_when_flushed = true;
	daemon_need_tick(client->daemon);
}

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
	struct client *client = stream->data;

	if (bytes == UV_EOF) {
		input_ended(client);
		return;
	}
	if (bytes < 0) {
		client_close(client);
		return;
	}
	if (buffer->base == discarded) {
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
	bool want = !client->ended && !client->congested && !client->doom && !client->closing;

	if (want == client->reading)
		return;
	client->reading = want;
	if (want)
		uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
	else
		uv_read_stop((uv_stream_t *)&client->pipe);
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
