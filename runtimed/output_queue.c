/* SPDX-License-Identifier: MIT */
/* An array of parts that is used from the front, and the buffer that grows at the end. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "log.h"
#include "output_queue.h"

#define PARTS_AT_ONCE 64
#define TEXT_KEEP_BYTES (256u << 10)	/* an empty buffer of at most that size is kept */

struct shared_bytes *shared_bytes_new(struct json_out *text)
{
	struct shared_bytes *bytes = need_memory(sizeof(*bytes));

	bytes->users = 1;
	bytes->text = *text;
	*text = (struct json_out){ 0 };
	return bytes;
}

void shared_bytes_release(struct shared_bytes *bytes)
{
	if (--bytes->users)
		return;
	json_out_free(&bytes->text);
	free(bytes);
}

size_t output_queue_bytes(const struct output_queue *queue)
{
	return queue->part_bytes + queue->text.length - queue->sent;
}

static void append(struct output_queue *queue, struct shared_bytes *bytes)
{
	if (queue->part_end == queue->part_room) {
		size_t count = queue->part_end - queue->part_first;

		/* Room at the front is used again before more is taken. */
		if (count)
			memmove(queue->parts, queue->parts + queue->part_first,
				count * sizeof(queue->parts[0]));
		queue->part_first = 0;
		queue->part_end = count;
		if (count >= queue->part_room / 2) {
			queue->part_room = queue->part_room ? 2 * queue->part_room : 32;
			queue->parts = need_more(queue->parts,
						 queue->part_room * sizeof(queue->parts[0]));
		}
	}
	queue->parts[queue->part_end++] = bytes;
	queue->part_bytes += bytes->text.length;
}

void output_queue_add(struct output_queue *queue, struct shared_bytes *bytes)
{
	if (queue->text.length)
		append(queue, shared_bytes_new(&queue->text));
	bytes->users++;
	append(queue, bytes);
}

static size_t part_count(const struct output_queue *queue)
{
	return queue->part_end - queue->part_first;
}

/* `done` bytes are out: parts that are through are released. */
static void consume(struct output_queue *queue, size_t done)
{
	queue->sent += done;
	while (part_count(queue)) {
		struct shared_bytes *first = queue->parts[queue->part_first];

		if (queue->sent < first->text.length)
			return;
		queue->sent -= first->text.length;
		queue->part_bytes -= first->text.length;
		queue->part_first++;
		shared_bytes_release(first);
	}
	queue->part_first = queue->part_end = 0;
	if (queue->sent == queue->text.length) {
		queue->sent = queue->text.length = 0;
		if (queue->text.capacity > TEXT_KEEP_BYTES)
			json_out_free(&queue->text);
	} else if (queue->sent > queue->text.length / 2) {
		queue->text.length -= queue->sent;
		memmove(queue->text.data, queue->text.data + queue->sent, queue->text.length);
		queue->sent = 0;
	}
}

ssize_t output_queue_send(struct output_queue *queue, int fd)
{
	struct iovec iov[PARTS_AT_ONCE + 1];
	struct msghdr message = { .msg_iov = iov };
	size_t skip = queue->sent, parts = part_count(queue);
	ssize_t done;

	for (size_t i = 0; i < parts && i < PARTS_AT_ONCE; i++) {
		const struct json_out *text = &queue->parts[queue->part_first + i]->text;

		iov[message.msg_iovlen++] = (struct iovec){ text->data + skip, text->length - skip };
		skip = 0;
	}
	if (parts <= PARTS_AT_ONCE && queue->text.length > skip)
		iov[message.msg_iovlen++] = (struct iovec){ queue->text.data + skip,
							    queue->text.length - skip };
	done = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done > 0)
		consume(queue, (size_t)done);
	return done;
}

void output_queue_free(struct output_queue *queue)
{
	while (part_count(queue))
		shared_bytes_release(queue->parts[queue->part_first++]);
	free(queue->parts);
	json_out_free(&queue->text);
	*queue = (struct output_queue){ 0 };
}
