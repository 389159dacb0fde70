/* SPDX-License-Identifier: MIT */
/*
 * The byte queue of the lab's poll loops; buf.h describes it.
 */
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A buffer that grew for one burst is given back when it is empty and larger than this. */
#define BUF_KEEP_BYTES (512u * 1024u)

uint8_t *buf_reserve(struct buf *b, size_t extra_bytes)
{
	const size_t want = b->size_bytes + extra_bytes;
	size_t capacity = b->capacity_bytes ? b->capacity_bytes : 4096;
	uint8_t *bytes;

	if (b->start + want <= b->capacity_bytes)
		return b->bytes + b->start + b->size_bytes;
	if (b->start) {
		memmove(b->bytes, b->bytes + b->start, b->size_bytes);
		b->start = 0;
	}
	while (capacity < want)
		capacity *= 2;
	if (capacity != b->capacity_bytes) {
		bytes = realloc(b->bytes, capacity);
		if (!bytes) {
			fprintf(stderr, "svmlab: no memory for a buffer of %zu bytes\n", capacity);
			exit(125);
		}
		b->bytes = bytes;
		b->capacity_bytes = capacity;
	}
	return b->bytes + b->size_bytes;
}

void buf_commit(struct buf *b, size_t added_bytes)
{
	b->size_bytes += added_bytes;
}

void buf_append(struct buf *b, const void *data, size_t size_bytes)
{
	if (!size_bytes)
		return;
	memcpy(buf_reserve(b, size_bytes), data, size_bytes);
	buf_commit(b, size_bytes);
}

void buf_append_frame(struct buf *b, enum mux_type type, uint16_t channel, const void *payload,
		      uint32_t length)
{
	uint8_t header[MUX_HEADER_BYTES];

	mux_header(header, type, channel, length);
	buf_append(b, header, sizeof(header));
	buf_append(b, payload, length);
}

void buf_append_grant(struct buf *b, struct mux *m, uint16_t channel, uint32_t used_bytes)
{
	uint8_t frame[MUX_CREDIT_FRAME_BYTES];

	buf_append(b, frame, mux_grant(m, channel, used_bytes, frame));
}

void buf_consume(struct buf *b, size_t used_bytes)
{
	b->start += used_bytes;
	b->size_bytes -= used_bytes;
	if (b->size_bytes)
		return;
	b->start = 0;
	if (b->capacity_bytes > BUF_KEEP_BYTES)
		buf_free(b);
}

void buf_free(struct buf *b)
{
	free(b->bytes);
	*b = (struct buf){ 0 };
}
