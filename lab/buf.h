/* SPDX-License-Identifier: MIT */
/*
 * A growing queue of bytes for the lab's poll loops: append at the end, consume from the front. Its
 * owners bound it through credit. When memory cannot be had, the program ends, and so does its
 * session.
 */
#ifndef SVMLAB_BUF_H
#define SVMLAB_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "mux.h"

struct buf {
	uint8_t *bytes;			/* the first byte is bytes[start] */
	size_t start, size_bytes, capacity_bytes;
};

/* The queue's contents; valid until the next change. */
static inline uint8_t *buf_front(const struct buf *b)
{
	return b->bytes + b->start;
}

/* Makes room for `extra_bytes` more and returns where they go; buf_commit then counts them. */
uint8_t *buf_reserve(struct buf *b, size_t extra_bytes);
void buf_commit(struct buf *b, size_t added_bytes);

void buf_append(struct buf *b, const void *data, size_t size_bytes);
void buf_append_frame(struct buf *b, enum mux_type type, uint16_t channel, const void *payload,
		      uint32_t length);

/* Records `used_bytes` of m's received DATA as used up, and appends CREDIT when it is due. */
void buf_append_grant(struct buf *b, struct mux *m, uint16_t channel, uint32_t used_bytes);

void buf_consume(struct buf *b, size_t used_bytes);
void buf_free(struct buf *b);

#endif
