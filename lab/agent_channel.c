/* SPDX-License-Identifier: MIT */
/*
 * The agent's channels, whatever their service: opening, closing, their turns in the loop, and the
 * way of their bytes to the port. What a channel's bytes mean is left to agent_control.c and
 * agent_exec.c.
 */
#include "agent.h"
#include "fd.h"

#define WIRE_FULL_BYTES (256u * 1024u)	/* above this, channels wait for the port */

/* Moves queued bytes of a channel into DATA frames as far as credit and the wire allow. */
static void channel_send(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	while (c->out.size_bytes && agent.wire.size_bytes < WIRE_FULL_BYTES) {
		uint32_t size = mux_sendable(&agent.mux, number);

		if (size > MUX_PAYLOAD_MAX_BYTES)
			size = MUX_PAYLOAD_MAX_BYTES;
		if (size > c->out.size_bytes)
			size = (uint32_t)c->out.size_bytes;
		if (!size)
			return;
		wire_frame(MUX_DATA, number, buf_front(&c->out), size);
		mux_sent(&agent.mux, number, size);
		buf_consume(&c->out, size);
	}
}

void channel_open(uint16_t number, enum mux_service service)
{
	struct channel *c = &agent.channels[number];

	*c = (struct channel){ .service = service, .fd = -1 };
	if (service == MUX_SERVICE_CONTROL)
		control_open(c);
	else if (!session_open(c))
		c->closing = true;
}

void channel_close(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	if (mux_send_close(&agent.mux, number))
		wire_frame(MUX_CLOSE, number, NULL, 0);
	close_fd(&c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	if (c->session)
		session_free(c->session);
	*c = (struct channel){ .fd = -1 };
}

void channel_data(uint16_t number, const struct mux_frame *frame)
{
	struct channel *c = &agent.channels[number];

	if (c->service == MUX_SERVICE_EXEC) {
		session_bytes(c, frame->payload, frame->length);
		buf_append_grant(&agent.wire, &agent.mux, number, frame->length);
		return;
	}
	buf_append(&c->in, frame->payload, frame->length);
	control_input(number);
}

void channel_pump(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	channel_send(number);
	if (c->session) {
		session_pump(c);
	} else if (c->fd >= 0 && !c->closing) {
		if (c->in.size_bytes)
			control_input(number);
		control_output(c);
	}
	channel_send(number);
	if (c->closing && !c->out.size_bytes)
		channel_close(number);
}

/* A stream is read only while its bytes have somewhere to go; otherwise poll would spin on it. */
short out_events(const struct channel *c, const struct mux *m, uint16_t stream)
{
	if (c->closing || c->out.size_bytes >= MUX_PAYLOAD_MAX_BYTES)
		return 0;
	return !m || mux_sendable(m, stream) ? POLLIN : 0;
}

void channel_wants(const struct channel *c, struct pollfd *polls, nfds_t *count)
{
	const short in = c->in.size_bytes ? POLLOUT : 0;

	if (c->session)
		session_wants(c, polls, count);
	else
		want(polls, count, c->fd, (short)(in | out_events(c, NULL, 0)));
}
