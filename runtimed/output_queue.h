/* SPDX-License-Identifier: MIT */
/*
 * Output that waits for a client to take it: text of its own, and bytes that several clients share and
 * nobody changes. Sharing is what makes one more reader of the same events cost a write and no copy.
 */
#ifndef SVMRUND_OUTPUT_QUEUE_H
#define SVMRUND_OUTPUT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "json_out.h"

/* Freed with its last user, or kept for the next one. */
struct shared_bytes {
	unsigned int users;
	struct shared_bytes *next;	/* of those that are kept */
	struct json_out text;
};

struct output_queue {
	struct shared_bytes **parts;	/* in order; `text` follows them */
	size_t part_first, part_end, part_room;
	size_t part_bytes;		/* of all parts that are left */
	struct json_out text;
	size_t sent;			/* of the first part, or of `text` if there is none */
};

/* Takes the bytes of `text`, for one user. */
struct shared_bytes *shared_bytes_new(struct json_out *text);
/*
 * With room for `room` bytes, for one user, who sets the length and calls shared_bytes_filled() before
 * anything else. NULL: no memory. Large ones are used again, since fresh memory costs more than what is
 * written to it; shared_bytes_trim() frees those that nobody uses.
 */
struct shared_bytes *shared_bytes_take(size_t room);
void shared_bytes_filled(struct shared_bytes *bytes);
void shared_bytes_trim(void);
void shared_bytes_release(struct shared_bytes *bytes);

size_t output_queue_bytes(const struct output_queue *queue);
/* Behind all that is there; becomes a user of it. */
void output_queue_add(struct output_queue *queue, struct shared_bytes *bytes);
/* One sendmsg(2) of as much as there is. Bytes taken, or -1 and errno. */
ssize_t output_queue_send(struct output_queue *queue, int fd);
void output_queue_free(struct output_queue *queue);

#endif
