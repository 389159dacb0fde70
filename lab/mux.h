/* SPDX-License-Identifier: MIT */
/*
 * The lab's multiplexer protocol: framing and credit-based flow control, without I/O. The same
 * code runs on both ends of the virtio-serial port and inside each command session, so that a rule
 * lives in one place. Bytes from a peer are hostile: every frame is validated against a table of
 * types and against the state of its channel before a caller sees it.
 *
 * A frame is a header of 8 bytes (type u8, zero u8, channel u16, payload length u32; little endian)
 * and its payload. DATA is paid for with credit that the receiver grants; nothing else is, and
 * everything else is small. A channel's number is free again when CLOSE has gone both ways.
 */
#ifndef SVMLAB_MUX_H
#define SVMLAB_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUX_HEADER_BYTES	8u
#define MUX_PAYLOAD_MAX_BYTES	65536u
#define MUX_FRAME_MAX_BYTES	(MUX_HEADER_BYTES + MUX_PAYLOAD_MAX_BYTES)
#define MUX_WINDOW_BYTES	(256u * 1024u)
#define MUX_CHANNELS		128u
#define MUX_MAGIC		0x4c4d5653u	/* "SVML" */
#define MUX_VERSION		1u
#define MUX_CREDIT_FRAME_BYTES	(MUX_HEADER_BYTES + 4u)
#define MUX_PORT_NAME		"org.svmkit.lab"	/* of the virtio-serial port */

enum mux_type {
	MUX_HELLO = 1,		/* guest: magic u32, version u32; it is ready */
	MUX_OPEN,		/* host: service u8 */
	MUX_DATA,		/* 1 .. MUX_PAYLOAD_MAX_BYTES bytes */
	MUX_CREDIT,		/* u32: so many more bytes may be sent */
	MUX_EOF,		/* no more DATA from this side */
	MUX_CLOSE,		/* nothing more from this side, and it drops what arrives */
	MUX_POWEROFF,		/* host: end the appliance */
	MUX_START,		/* client: the command, see exec.h */
	MUX_SIGNAL,		/* client: signal number u32, for the command's process group */
	MUX_WINSIZE,		/* client: rows u32, columns u32 */
	MUX_EXIT,		/* runner: exit status u32 (128 + n for signal n) */
	MUX_ERROR,		/* runner: text; the command could not be started */
	MUX_TYPES
};

enum mux_service { MUX_SERVICE_CONTROL = 1, MUX_SERVICE_EXEC = 2 };

/* HOST and GUEST talk over the virtio-serial port; CLIENT and RUNNER inside an exec channel. */
enum mux_role { MUX_HOST, MUX_GUEST, MUX_CLIENT, MUX_RUNNER };

struct mux_frame {
	enum mux_type type;
	uint16_t channel;
	uint32_t length;
	const uint8_t *payload;		/* borrowed: valid until the next call on the same reader */
};

struct mux_reader {
	size_t have;
	uint8_t bytes[MUX_FRAME_MAX_BYTES];
};

struct mux_channel {
	bool open;
	bool sent_eof, got_eof;
	bool sent_close, got_close;
	uint32_t send_credit;		/* bytes that we may still send */
	uint32_t recv_credit;		/* bytes that the peer may still send */
	uint32_t recv_consumed;		/* bytes used up here and not yet granted again */
};

struct mux {
	enum mux_role role;
	bool got_hello;
	struct mux_channel channels[MUX_CHANNELS];
	char error[160];		/* after MUX_BAD: what was found and what the rule is */
};

enum mux_verdict {
	MUX_BAD = -1,			/* protocol error: the session must end; see mux.error */
	MUX_DROP = 0,			/* nothing to do, or late for a channel that we closed */
	MUX_DELIVER = 1			/* act on it */
};

uint16_t mux_get16(const uint8_t *p);
uint32_t mux_get32(const uint8_t *p);
void mux_put16(uint8_t *p, uint16_t value);
void mux_put32(uint8_t *p, uint32_t value);

/* Writes the header of a frame whose payload of `length` bytes follows it. */
void mux_header(uint8_t header[MUX_HEADER_BYTES], enum mux_type type, uint16_t channel,
		uint32_t length);

void mux_reader_init(struct mux_reader *reader);

/*
 * Takes bytes from *data (advancing *data and *size_bytes) until one frame is complete. Returns 1
 * with *frame filled, 0 when all bytes are used up and more are needed, -1 when a header is wrong
 * for m's role (m->error says why). Checks the header before it waits for a payload.
 */
int mux_read(struct mux *m, struct mux_reader *reader, const uint8_t **data, size_t *size_bytes,
	     struct mux_frame *frame);

void mux_init(struct mux *m, enum mux_role role);

/* Host: takes a free channel, or returns -1 when all are in use. The caller sends OPEN. */
int mux_open(struct mux *m);

/* Both ends of an exec session: opens a channel that exists from the start. */
void mux_preopen(struct mux *m, uint16_t channel);

/* Applies a frame from mux_read to the channel's state and judges it. */
enum mux_verdict mux_receive(struct mux *m, const struct mux_frame *frame);

/* Bytes of DATA that may be sent on the channel now. */
uint32_t mux_sendable(const struct mux *m, uint16_t channel);

/* Records `size_bytes` (at most mux_sendable) as sent. */
void mux_sent(struct mux *m, uint16_t channel, uint32_t size_bytes);

/*
 * Records that `size_bytes` of received DATA have been used up. Returns the credit to grant in a
 * CREDIT frame now, or 0: grants are saved up to half a window, so that they stay few.
 */
uint32_t mux_consumed(struct mux *m, uint16_t channel, uint32_t size_bytes);

/* The same, and writes the CREDIT frame. Returns the frame's size, or 0 when none is due. */
uint32_t mux_grant(struct mux *m, uint16_t channel, uint32_t size_bytes,
		   uint8_t frame[MUX_CREDIT_FRAME_BYTES]);

/* Each says whether its frame is still to be sent (true once) and marks it as sent. */
bool mux_send_eof(struct mux *m, uint16_t channel);
bool mux_send_close(struct mux *m, uint16_t channel);

#endif
