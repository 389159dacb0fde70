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
#define LARGE_BYTES (16u << 10)		/* shared bytes with more room than that are used again */
#define KEEP_LARGE 128u			/* so many of them at most, of KEEP_LARGE_BYTES at most */
#define KEEP_LARGE_BYTES (128u << 10)

/* The last that was released comes first: it is still in the processor's cache. */
static struct shared_bytes *kept;	/* one loop, one thread */
static unsigned int kept_count;

struct shared_bytes *shared_bytes_new(struct json_out *text)
{
	struct shared_bytes *bytes = need_memory(sizeof(*bytes));

	bytes->users = 1;
	bytes->text = *text;
	*text = (struct json_out){ 0 };
	return bytes;
}

static struct shared_bytes *take_kept(size_t room)
{
	struct shared_bytes *bytes = kept;

	if (!bytes || room <= LARGE_BYTES || bytes->text.capacity < room)
		return NULL;
	kept = bytes->next;
	kept_count--;
	bytes->text.length = 0;
	bytes->users = 1;
	return bytes;
}

struct shared_bytes *shared_bytes_take(size_t room)
{
	struct shared_bytes *bytes = take_kept(room);
	struct json_out text = { 0 };

	if (bytes)
		return bytes;
	return json_out_room(&text, room) ? shared_bytes_new(&text) : NULL;
}

/* Small ones may wait in a queue by the thousand: not with room that they do not need. */
void shared_bytes_filled(struct shared_bytes *bytes)
{
	char *smaller;

	if (bytes->text.capacity > LARGE_BYTES)
		return;
	smaller = realloc(bytes->text.data, bytes->text.length);
	if (smaller) {
		bytes->text.data = smaller;
		bytes->text.capacity = bytes->text.length;
	}
}

static void destroy(struct shared_bytes *bytes)
{
	json_out_free(&bytes->text);
	free(bytes);
}

void shared_bytes_release(struct shared_bytes *bytes)
{
	if (--bytes->users)
		return;
	if (bytes->text.capacity <= LARGE_BYTES || bytes->text.capacity > KEEP_LARGE_BYTES ||
	    kept_count == KEEP_LARGE) {
		destroy(bytes);
		return;
	}
	bytes->next = kept;
	kept = bytes;
	kept_count++;
}

void shared_bytes_trim(void)
{
	while (kept) {
		struct shared_bytes *bytes = kept;

		kept = bytes->next;
		destroy(bytes);
	}
	kept_count = 0;
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
