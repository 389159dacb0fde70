/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's sockets and the clients that connect to them: each client is a channel of the
 * multiplexer, read only as far as the guest's credit and the port allow. What the guest sends for
 * a client arrives here from muxd_port.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muxd.h"

struct client {
	uv_pipe_t pipe;
	uint16_t channel;
	enum mux_service service;
	bool reading;
	bool got_eof;		/* the client has said all it will */
	bool guest_closed;	/* close when what was queued for it is written */
	bool closing;
	uint8_t *buffer;	/* for reading: holds a header and then the payload */
};

/* Bytes on their way to a client; freed when they are written. */
struct delivery {
	uv_write_t request;
	struct client *client;
	uint32_t size_bytes;
	uint8_t bytes[];
};

static void client_freed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	free(client->buffer);
	free(client);
	end_if_idle();
}

void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	lab.clients[client->channel] = NULL;
	if (mux_send_close(&lab.mux, client->channel))
		send_frame(MUX_CLOSE, client->channel, NULL, 0);
	uv_close((uv_handle_t *)&client->pipe, client_freed);
}

static void client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;
	uint32_t size = mux_sendable(&lab.mux, client->channel);

	(void)suggested;
	if (size > MUX_PAYLOAD_MAX_BYTES)
		size = MUX_PAYLOAD_MAX_BYTES;
	*buf = uv_buf_init((char *)client->buffer, size);
}

static void client_stop_reading(struct client *client)
{
	client->reading = false;
	uv_read_stop((uv_stream_t *)&client->pipe);
}

static void client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	if (n > 0) {
		send_frame(MUX_DATA, client->channel, buf->base, (uint32_t)n);
		mux_sent(&lab.mux, client->channel, (uint32_t)n);
		if (!mux_sendable(&lab.mux, client->channel) ||
		    lab.port.write_queue_size > PORT_BUSY_BYTES)
			client_stop_reading(client);
		return;
	}
	if (n == 0)
		return;
	if (n == UV_ENOBUFS) {		/* no credit: client_alloc had nothing to offer */
		client_stop_reading(client);
		return;
	}
	/* A control client may have shut down its sending side and still want the answers. */
	if (n != UV_EOF || client->service != MUX_SERVICE_CONTROL) {
		client_close(client);
		return;
	}
	client_stop_reading(client);
	client->got_eof = true;
	if (mux_send_eof(&lab.mux, client->channel))
		send_frame(MUX_EOF, client->channel, NULL, 0);
}

void client_resume(struct client *client)
{
	if (client->reading || client->got_eof || client->closing || client->guest_closed ||
	    !mux_sendable(&lab.mux, client->channel) ||
	    lab.port.write_queue_size > PORT_BUSY_BYTES)
		return;
	client->reading = true;
	uv_read_start((uv_stream_t *)&client->pipe, client_alloc, client_read);
}

void clients_resume(void)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			client_resume(lab.clients[i]);
	}
}

static void client_written(uv_write_t *request, int status)
{
	struct delivery *out = request->data;
	struct client *client = out->client;

	if (!client->closing) {
		send_grant(client->channel, out->size_bytes);
		if (status < 0)
			client_close(client);
		else if (client->guest_closed && !client->pipe.write_queue_size)
			client_close(client);
	}
	free(out);
}

void client_send(struct client *client, const struct mux_frame *frame)
{
	struct delivery *out = must_alloc(sizeof(*out) + frame->length);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, frame->length);

	memcpy(out->bytes, frame->payload, frame->length);
	out->client = client;
	out->size_bytes = frame->length;
	out->request.data = out;
	if (uv_write(&out->request, (uv_stream_t *)&client->pipe, &buf, 1, client_written) < 0) {
		free(out);
		client_close(client);
	}
}

void guest_closed(struct client *client)
{
	client->guest_closed = true;
	client_stop_reading(client);
	if (!client->pipe.write_queue_size)
		client_close(client);
}

static void accept_dropped(uv_handle_t *handle)
{
	free(handle->data);
}

static void client_accept(uv_stream_t *listener, enum mux_service service)
{
	struct client *client = must_alloc(sizeof(*client));
	const uint8_t payload = (uint8_t)service;
	int channel;

	must(uv_pipe_init(&lab.loop, &client->pipe, 0), "client");
	client->pipe.data = client;
	channel = uv_accept(listener, (uv_stream_t *)&client->pipe) < 0 || lab.stage != READY
		? -1 : mux_open(&lab.mux);
	if (channel < 0) {
		if (lab.stage == READY)
			say("client refused: all %u channels are in use", MUX_CHANNELS);
		uv_close((uv_handle_t *)&client->pipe, accept_dropped);
		return;
	}
	client->channel = (uint16_t)channel;
	client->service = service;
	client->buffer = must_alloc(MUX_PAYLOAD_MAX_BYTES);
	lab.clients[channel] = client;
	send_frame(MUX_OPEN, client->channel, &payload, 1);
	client_resume(client);
}

static void control_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		client_accept(listener, MUX_SERVICE_CONTROL);
}

static void exec_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		client_accept(listener, MUX_SERVICE_EXEC);
}

static void listen_at(uv_pipe_t *listener, const char *name, uv_connection_cb callback)
{
	const char *path = in_directory(name);

	/* The directory is ours alone (checked by svmlab), so a socket there is a leftover. */
	unlink(path);
	must(uv_pipe_init(&lab.loop, listener, 0), path);
	must(uv_pipe_bind(listener, path), path);
	if (chmod(path, 0600) < 0)
		must(-errno, path);
	must(uv_listen((uv_stream_t *)listener, 64, callback), path);
}

void start_listening(void)
{
	listen_at(&lab.control_listener, "control.sock", control_connection);
	listen_at(&lab.exec_listener, "exec.sock", exec_connection);
	lab.listening = true;
}

void stop_listening(void)
{
	if (!lab.listening)
		return;
	lab.listening = false;
	uv_close((uv_handle_t *)&lab.control_listener, NULL);
	uv_close((uv_handle_t *)&lab.exec_listener, NULL);
	unlink(in_directory("control.sock"));
	unlink(in_directory("exec.sock"));
}

bool clients_left(void)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			return true;
	}
	return false;
}
