/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's end of the virtio-serial port: frames to the guest are queued in libuv, and
 * frames from it are decoded, checked and handed to their client. A guest that breaks the protocol
 * ends the lab.
 */
#include <stdlib.h>
#include <string.h>

#include "muxd.h"

/* Bytes on their way to the port or the monitor; freed when they are written. */
struct outgoing {
	uv_write_t request;
	uint8_t bytes[];
};

static void port_written(uv_write_t *request, int status)
{
	(void)status;		/* a dead QEMU is noticed by its exit */
	free(request->data);
	if (lab.port.write_queue_size < PORT_BUSY_BYTES / 2)
		clients_resume();
}

void send_bytes(uv_pipe_t *pipe, const void *head, uint32_t head_bytes, const void *data,
		uint32_t size_bytes)
{
	struct outgoing *out = must_alloc(sizeof(*out) + head_bytes + size_bytes);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, head_bytes + size_bytes);

	memcpy(out->bytes, head, head_bytes);
	if (size_bytes)
		memcpy(out->bytes + head_bytes, data, size_bytes);
	out->request.data = out;
	if (uv_is_closing((uv_handle_t *)pipe) ||
	    uv_write(&out->request, (uv_stream_t *)pipe, &buf, 1, port_written) < 0)
		free(out);
}

void send_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length)
{
	uint8_t header[MUX_HEADER_BYTES];

	mux_header(header, type, channel, length);
	send_bytes(&lab.port, header, sizeof(header), payload, length);
}

void send_grant(uint16_t channel, uint32_t used_bytes)
{
	uint8_t frame[MUX_CREDIT_FRAME_BYTES];
	const uint32_t size = mux_grant(&lab.mux, channel, used_bytes, frame);

	if (size)
		send_bytes(&lab.port, frame, size, NULL, 0);
}

static void frame_received(const struct mux_frame *frame)
{
	struct client *client = lab.clients[frame->channel];

	if (frame->type == MUX_HELLO) {
		guest_ready();
		return;
	}
	if (!client)
		return;
	if (frame->type == MUX_DATA)
		client_send(client, frame);
	else if (frame->type == MUX_CREDIT)
		client_resume(client);
	else if (frame->type == MUX_CLOSE)
		guest_closed(client);
}

void port_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init((char *)lab.port_buffer, sizeof(lab.port_buffer));
}

bool port_bytes(const uint8_t *data, size_t size)
{
	struct mux_frame frame;
	int got = 0;

	while (lab.stage <= READY &&
	       (got = mux_read(&lab.mux, &lab.reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&lab.mux, &frame);

		if (verdict == MUX_DELIVER)
			frame_received(&frame);
		if (verdict == MUX_BAD) {
			got = -1;
			break;
		}
	}
	if (got < 0)
		fail("the appliance broke the protocol: %s", lab.mux.error);
	return got >= 0;
}

static void port_gone(uv_timer_t *timer)
{
	(void)timer;
	fail("the appliance's port has closed");
}

void port_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n >= 0) {
		if (!port_bytes((const uint8_t *)buf->base, (size_t)n))
			uv_read_stop(stream);
		return;
	}
	/* QEMU's exit is about to explain it; one that lives on without its port has failed. */
	uv_read_stop(stream);
	if (lab.stage == READY)
		uv_timer_start(&lab.stage_timer, port_gone, LINGER_MS, 0);
}
