/* SPDX-License-Identifier: MIT */
/*
 * Framing and flow control of the lab's multiplexer; mux.h describes the protocol. There is no I/O
 * and no allocation here: callers own the sockets and the buffers.
 */
#include "mux.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BIT(role) (1u << (role))
#define ANY_ROLE (BIT(MUX_HOST) | BIT(MUX_GUEST) | BIT(MUX_CLIENT) | BIT(MUX_RUNNER))

/* What each type looks like and who may receive it. A type without a name does not exist. */
static const struct type_rule {
	const char *name;
	uint32_t min_bytes, max_bytes;
	unsigned int receivers;
	bool session;			/* belongs to channel 0 and to no channel's state */
} type_rules[MUX_TYPES] = {
	[MUX_HELLO]    = { "HELLO",    8, 8, BIT(MUX_HOST), true },
	[MUX_OPEN]     = { "OPEN",     1, 1, BIT(MUX_GUEST), false },
	[MUX_DATA]     = { "DATA",     1, MUX_PAYLOAD_MAX_BYTES, ANY_ROLE, false },
	[MUX_CREDIT]   = { "CREDIT",   4, 4, ANY_ROLE, false },
	[MUX_EOF]      = { "EOF",      0, 0, BIT(MUX_GUEST) | BIT(MUX_RUNNER), false },
	[MUX_CLOSE]    = { "CLOSE",    0, 0, BIT(MUX_HOST) | BIT(MUX_GUEST), false },
	[MUX_POWEROFF] = { "POWEROFF", 0, 0, BIT(MUX_GUEST), true },
	[MUX_START]    = { "START",    1, MUX_PAYLOAD_MAX_BYTES, BIT(MUX_RUNNER), true },
	[MUX_SIGNAL]   = { "SIGNAL",   4, 4, BIT(MUX_RUNNER), true },
	[MUX_WINSIZE]  = { "WINSIZE",  8, 8, BIT(MUX_RUNNER), true },
	[MUX_EXIT]     = { "EXIT",     4, 4, BIT(MUX_CLIENT), true },
	[MUX_ERROR]    = { "ERROR",    1, 4096, BIT(MUX_CLIENT), true },
};

static const char *const role_names[] = { "host", "guest", "client", "runner" };

uint16_t mux_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t mux_get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void mux_put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value & 0xff);
	p[1] = (uint8_t)(value >> 8);
}

void mux_put32(uint8_t *p, uint32_t value)
{
	mux_put16(p, (uint16_t)(value & 0xffff));
	mux_put16(p + 2, (uint16_t)(value >> 16));
}

void mux_header(uint8_t header[MUX_HEADER_BYTES], enum mux_type type, uint16_t channel,
		uint32_t length)
{
	header[0] = (uint8_t)type;
	header[1] = 0;
	mux_put16(header + 2, channel);
	mux_put32(header + 4, length);
}

__attribute__((format(printf, 2, 3)))
static enum mux_verdict bad(struct mux *m, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(m->error, sizeof(m->error), format, args);
	va_end(args);
	return MUX_BAD;
}

void mux_reader_init(struct mux_reader *reader)
{
	reader->have = 0;
}

static enum mux_verdict check_header(struct mux *m, const uint8_t *header)
{
	const uint8_t type = header[0];
	const uint16_t channel = mux_get16(header + 2);
	const uint32_t length = mux_get32(header + 4);
	const struct type_rule *rule;

	if (type >= MUX_TYPES || !type_rules[type].name)
		return bad(m, "frame of unknown type %u", type);
	rule = &type_rules[type];
	if (!(rule->receivers & BIT(m->role)))
		return bad(m, "%s is never sent to the %s", rule->name, role_names[m->role]);
	if (header[1])
		return bad(m, "%s with %u in the byte that must be zero", rule->name, header[1]);
	if (length < rule->min_bytes || length > rule->max_bytes)
		return bad(m, "%s of %u bytes: it has %u to %u", rule->name, length,
			   rule->min_bytes, rule->max_bytes);
	if (rule->session ? channel != 0 : channel >= MUX_CHANNELS)
		return bad(m, "%s on channel %u: the last is %u", rule->name, channel,
			   rule->session ? 0 : MUX_CHANNELS - 1);
	return MUX_DELIVER;
}

/* Moves bytes into the reader until it holds `want`; says whether it does. */
static bool fill(struct mux_reader *reader, size_t want, const uint8_t **data, size_t *size_bytes)
{
	size_t take = 0;

	if (reader->have < want)
		take = want - reader->have;
	if (take > *size_bytes)
		take = *size_bytes;
	if (take)
		memcpy(reader->bytes + reader->have, *data, take);
	reader->have += take;
	*data += take;
	*size_bytes -= take;
	return reader->have >= want;
}

static void describe(struct mux_frame *frame, const uint8_t *bytes)
{
	frame->type = (enum mux_type)bytes[0];
	frame->channel = mux_get16(bytes + 2);
	frame->length = mux_get32(bytes + 4);
	frame->payload = bytes + MUX_HEADER_BYTES;
}

int mux_read(struct mux *m, struct mux_reader *reader, const uint8_t **data, size_t *size_bytes,
	     struct mux_frame *frame)
{
	/* A frame that lies whole in the caller's buffer is used where it is. */
	if (!reader->have && *size_bytes >= MUX_HEADER_BYTES) {
		if (check_header(m, *data) == MUX_BAD)
			return -1;
		describe(frame, *data);
		if (*size_bytes - MUX_HEADER_BYTES >= frame->length) {
			*data += MUX_HEADER_BYTES + frame->length;
			*size_bytes -= MUX_HEADER_BYTES + frame->length;
			return 1;
		}
	}
	if (!fill(reader, MUX_HEADER_BYTES, data, size_bytes))
		return 0;
	if (check_header(m, reader->bytes) == MUX_BAD)
		return -1;
	describe(frame, reader->bytes);
	if (!fill(reader, MUX_HEADER_BYTES + frame->length, data, size_bytes))
		return 0;
	reader->have = 0;
	return 1;
}

void mux_init(struct mux *m, enum mux_role role)
{
	memset(m, 0, sizeof(*m));
	m->role = role;
}

static void channel_start(struct mux_channel *c)
{
	memset(c, 0, sizeof(*c));
	c->open = true;
	c->send_credit = MUX_WINDOW_BYTES;
	c->recv_credit = MUX_WINDOW_BYTES;
}

int mux_open(struct mux *m)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (!m->channels[i].open) {
			channel_start(&m->channels[i]);
			return (int)i;
		}
	}
	return -1;
}

void mux_preopen(struct mux *m, uint16_t channel)
{
	channel_start(&m->channels[channel]);
}

static enum mux_verdict receive_hello(struct mux *m, const struct mux_frame *frame)
{
	const uint32_t magic = mux_get32(frame->payload);
	const uint32_t version = mux_get32(frame->payload + 4);

	if (m->got_hello)
		return bad(m, "a second HELLO");
	if (magic != MUX_MAGIC)
		return bad(m, "HELLO with magic 0x%08x, not 0x%08x", magic, MUX_MAGIC);
	if (version != MUX_VERSION)
		return bad(m, "HELLO of protocol version %u: this side speaks %u", version,
			   MUX_VERSION);
	m->got_hello = true;
	return MUX_DELIVER;
}

static enum mux_verdict receive_open(struct mux *m, const struct mux_frame *frame)
{
	struct mux_channel *c = &m->channels[frame->channel];
	const uint8_t service = frame->payload[0];

	if (c->open)
		return bad(m, "OPEN of channel %u, which is open", frame->channel);
	if (service != MUX_SERVICE_CONTROL && service != MUX_SERVICE_EXEC)
		return bad(m, "OPEN of unknown service %u", service);
	channel_start(c);
	return MUX_DELIVER;
}

static enum mux_verdict receive_data(struct mux *m, const struct mux_frame *frame)
{
	struct mux_channel *c = &m->channels[frame->channel];

	if (c->got_eof)
		return bad(m, "DATA after EOF on channel %u", frame->channel);
	if (frame->length > c->recv_credit)
		return bad(m, "DATA of %u bytes on channel %u: the credit left is %u",
			   frame->length, frame->channel, c->recv_credit);
	c->recv_credit -= frame->length;
	return c->sent_close ? MUX_DROP : MUX_DELIVER;
}

static enum mux_verdict receive_credit(struct mux *m, const struct mux_frame *frame)
{
	struct mux_channel *c = &m->channels[frame->channel];
	const uint32_t grant = mux_get32(frame->payload);

	if (!grant || grant > MUX_WINDOW_BYTES - c->send_credit)
		return bad(m, "CREDIT of %u on channel %u, which has %u of %u", grant,
			   frame->channel, c->send_credit, MUX_WINDOW_BYTES);
	c->send_credit += grant;
	return c->sent_close ? MUX_DROP : MUX_DELIVER;
}

static enum mux_verdict receive_close(struct mux_channel *c)
{
	c->got_close = true;
	if (!c->sent_close)
		return MUX_DELIVER;
	c->open = false;
	return MUX_DROP;
}

enum mux_verdict mux_receive(struct mux *m, const struct mux_frame *frame)
{
	const struct type_rule *rule = &type_rules[frame->type];
	struct mux_channel *c = &m->channels[frame->channel];

	if (frame->type == MUX_HELLO)
		return receive_hello(m, frame);
	if (m->role == MUX_HOST && !m->got_hello)
		return bad(m, "%s before HELLO", rule->name);
	if (rule->session)
		return MUX_DELIVER;
	if (frame->type == MUX_OPEN)
		return receive_open(m, frame);
	if (!c->open || c->got_close)
		return bad(m, "%s on channel %u, which is not open", rule->name, frame->channel);

	switch (frame->type) {
	case MUX_DATA:
		return receive_data(m, frame);
	case MUX_CREDIT:
		return receive_credit(m, frame);
	case MUX_EOF:
		if (c->got_eof)
			return bad(m, "a second EOF on channel %u", frame->channel);
		c->got_eof = true;
		return c->sent_close ? MUX_DROP : MUX_DELIVER;
	case MUX_CLOSE:
		return receive_close(c);
	default:
		return bad(m, "frame of unknown type %d", (int)frame->type);
	}
}

uint32_t mux_sendable(const struct mux *m, uint16_t channel)
{
	const struct mux_channel *c = &m->channels[channel];

	if (!c->open || c->sent_eof || c->sent_close || c->got_close)
		return 0;
	return c->send_credit;
}

void mux_sent(struct mux *m, uint16_t channel, uint32_t size_bytes)
{
	m->channels[channel].send_credit -= size_bytes;
}

uint32_t mux_consumed(struct mux *m, uint16_t channel, uint32_t size_bytes)
{
	struct mux_channel *c = &m->channels[channel];
	uint32_t grant;

	c->recv_consumed += size_bytes;
	if (!c->open || c->sent_close || c->got_close || c->recv_consumed < MUX_WINDOW_BYTES / 2)
		return 0;
	grant = c->recv_consumed;
	c->recv_consumed = 0;
	c->recv_credit += grant;
	return grant;
}

uint32_t mux_grant(struct mux *m, uint16_t channel, uint32_t size_bytes,
		   uint8_t frame[MUX_CREDIT_FRAME_BYTES])
{
	const uint32_t grant = mux_consumed(m, channel, size_bytes);

	if (!grant)
		return 0;
	mux_header(frame, MUX_CREDIT, channel, 4);
	mux_put32(frame + MUX_HEADER_BYTES, grant);
	return MUX_CREDIT_FRAME_BYTES;
}

bool mux_send_eof(struct mux *m, uint16_t channel)
{
	struct mux_channel *c = &m->channels[channel];

	if (!c->open || c->sent_eof || c->sent_close || c->got_close)
		return false;
	c->sent_eof = true;
	return true;
}

bool mux_send_close(struct mux *m, uint16_t channel)
{
	struct mux_channel *c = &m->channels[channel];

	if (!c->open || c->sent_close)
		return false;
	c->sent_close = true;
	if (c->got_close)
		c->open = false;
	return true;
}
