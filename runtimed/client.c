/* SPDX-License-Identifier: MIT */
/*
 * Life and output of a client. Output is appended to a buffer and handed to libuv once per turn of
 * the loop; the queue's length drives congestion (events dropped or vCPUs held) and, at its limit,
 * the end of the connection.
 */
#include <config.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "client.h"
#include "client_input.h"
#include "limits.h"
#include "log.h"
#include "rpc.h"
#include "subscription.h"

struct output_write {
	uv_write_t request;
	struct client *client;
	char *data;
	size_t length;
};

static void on_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	json_out_free(&client->output);
	free(client);
}

static void on_refused_closed(uv_handle_t *handle)
{
	free(handle);
}

/* Takes the connection off the queue and closes it with one line that says why. */
static void refuse(struct daemon *daemon, uv_stream_t *listener)
{
	static const char line[] =
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":3,"
		"\"message\":\"too many clients are connected; try again later\","
		"\"data\":{\"limit\":\"clients\",\"value\":64}}}\n";
	uv_pipe_t *pipe = need_memory(sizeof(*pipe));
	uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)line, sizeof(line) - 1);

	_Static_assert(LIMIT_CLIENTS == 64, "the text above names the limit");
	uv_pipe_init(&daemon->loop, pipe, 0);
	if (!uv_accept(listener, (uv_stream_t *)pipe))
		uv_try_write((uv_stream_t *)pipe, &buffer, 1);
	uv_close((uv_handle_t *)pipe, on_refused_closed);
	log_line(LOG_WARNING, "a client was refused: %u are connected", daemon->client_count);
}

static void learn_peer(struct client *client)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)&client->pipe, &fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length))
		return;
	client->pid = cred.pid;
	client->uid = cred.uid;
}

void client_accept(struct daemon *daemon, uv_stream_t *listener)
{
	struct client *client;

	if (daemon->client_count >= LIMIT_CLIENTS) {
		refuse(daemon, listener);
		return;
	}
	client = need_memory(sizeof(*client));
	client->daemon = daemon;
	client->number = ++daemon->last_client;
	list_init(&client->requests);
	list_init(&client->subscriptions);
	list_init(&client->attachments);
	list_append(&daemon->clients, &client->link);
	daemon->client_count++;
	uv_pipe_init(&daemon->loop, &client->pipe, 0);
	client->pipe.data = client;
	if (uv_accept(listener, (uv_stream_t *)&client->pipe)) {
		client_close(client);
		return;
	}
	learn_peer(client);
	client_input_update(client);
}

void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	client->reading = false;
	rpc_forget_client(client);
	subscription_forget_client(client);
	client_input_free(client);
	list_remove(&client->link);
	client->daemon->client_count--;
	uv_close((uv_handle_t *)&client->pipe, on_closed);
}

void client_doom(struct client *client, const char *reason)
{
	if (!client->doom)
		client->doom = reason;
}

struct json_out *client_output(struct client *client)
{
	return &client->output;
}

size_t client_queue_bytes(const struct client *client)
{
	return client->output.length + client->in_flight;
}

void client_queued(struct client *client)
{
	size_t queued = client_queue_bytes(client);

	if (client->output.failed)
		client_doom(client, "no memory for its output");
	else if (queued > LIMIT_OUTPUT_BYTES)
		client_doom(client, "it does not read: its output queue is full (16 MiB)");
	if (queued > OUTPUT_HIGH_BYTES && !client->congested) {
		client->congested = true;
		client->progress_ms = daemon_now_ms(client->daemon);
		daemon_need_tick(client->daemon);
	}
}

static void on_written(uv_write_t *request, int status)
{
	struct output_write *write = request->data;
	struct client *client = write->client;

	client->in_flight -= write->length;
	free(write->data);
	free(write);
	if (client->closing)
		return;
	if (status < 0) {
		client_close(client);
		return;
	}
	if (client->congested && client_queue_bytes(client) < OUTPUT_LOW_BYTES) {
		client->congested = false;
		subscription_client_relieved(client);
		client_input_resume(client);
	}
}

static void start_write(struct client *client)
{
	struct output_write *write = need_memory(sizeof(*write));
	uv_buf_t buffer;
	int status;

	write->client = client;
	write->data = client->output.data;
	write->length = client->output.length;
	write->request.data = write;
	client->output = (struct json_out){ 0 };
	client->in_flight += write->length;
	client->submitted_bytes += write->length;
	buffer = uv_buf_init(write->data, (unsigned int)write->length);
	status = uv_write(&write->request, (uv_stream_t *)&client->pipe, &buffer, 1, on_written);
	if (status < 0) {
		client->in_flight -= write->length;
		free(write->data);
		free(write);
		client_doom(client, uv_strerror(status));
	}
}

void client_flush(struct client *client)
{
	if (client->output.length && !client->doom)
		start_write(client);
	client_input_update(client);
	if (client->doom) {
		log_line(LOG_WARNING, "client %llu (pid %d) is disconnected: %s",
			 (unsigned long long)client->number, (int)client->pid, client->doom);
		client_close(client);
	} else if (client->close_when_flushed && !client_queue_bytes(client)) {
		client_close(client);
	}
}

/* A half-open peer that vanishes causes no read event any more, so it is looked for. */
static bool watch_half_open(struct client *client)
{
	struct pollfd poll_fd = { 0 };

	if (!client->ended || client->closing)
		return false;
	if (!client->subscription_count && list_empty(&client->requests))
		client->close_when_flushed = true;
	if (uv_fileno((uv_handle_t *)&client->pipe, &poll_fd.fd) ||
	    (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR)))) {
		client_close(client);
		return false;
	}
	return true;
}

bool client_tick(struct client *client)
{
	uint64_t now = daemon_now_ms(client->daemon), taken;
	bool half_open = watch_half_open(client);

	if (client->closing || !client->congested)
		return half_open;
	/* A big write may be in flight for long: what the kernel took of it counts as progress. */
	taken = client->submitted_bytes -
		uv_stream_get_write_queue_size((uv_stream_t *)&client->pipe);
	if (taken > client->taken_bytes) {
		client->taken_bytes = taken;
		client->progress_ms = now;
	} else if (now - client->progress_ms >= LIMIT_STALL_MS) {
		client->progress_ms = now;
		subscription_client_stalled(client);
	}
	return true;
}
