/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (Virtual I/O Device 1.2, 2.7) from the device's side. Everything in guest memory
 * is hostile: each word is fetched once, and what breaks a rule breaks the queue, whose device then
 * asks for a reset. The lock of the bus is held in every call, but for virtq_segment copies.
 */
#ifndef SVMRUND_VIRTIO_QUEUE_H
#define SVMRUND_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

#define VIRTQ_MAX_SIZE 256u
#define VIRTQ_MAX_SEGMENTS 256u	/* of a chain, also of an indirect one */

struct virtq {
	const struct vm *vm;
	uint16_t size_max;
	uint16_t size;			/* power of two once it is ready */
	bool ready;
	bool event_index, indirect;	/* negotiated */
	uint64_t descriptors, driver, device;	/* areas, gpa */
	uint16_t seen_available;	/* the driver's index as it was last fetched */
	uint16_t next_available, next_used;
	uint16_t told_used;		/* next_used when the driver was last told */
	bool news;			/* used since then */
	const char *broken;		/* the rule that the driver broke, or NULL */
};

struct virtq_segment {
	uint64_t gpa;
	uint32_t bytes;			/* not 0; all of it is guest memory */
};

/* A chain as it was when it was taken: first what the device reads, then what it writes. */
struct virtq_chain {
	uint16_t head;
	uint16_t readable, writable;	/* numbers of segments */
	uint32_t readable_bytes, writable_bytes;
	struct virtq_segment segments[VIRTQ_MAX_SEGMENTS];
};

void virtq_init(struct virtq *queue, const struct vm *vm, uint16_t size_max);
void virtq_reset(struct virtq *queue);
/* From the addresses and the size that the driver gave. False: queue->broken says why. */
bool virtq_enable(struct virtq *queue);

/* Takes the next chain. False: there is none, or the queue is broken. */
bool virtq_pop(struct virtq *queue, struct virtq_chain *chain);
/* The last one taken becomes the next again. */
void virtq_unpop(struct virtq *queue);
/* Gives a chain back, with `written` bytes from the start of its writable part. */
void virtq_push(struct virtq *queue, uint16_t head, uint32_t written);
/* Tells the driver what was pushed. True: it wants an interrupt. */
bool virtq_publish(struct virtq *queue);
/* Asks for a notification of the next chain that was not seen yet. True: there is one already. */
bool virtq_rearm(struct virtq *queue);

/* Copies from the readable part, or into the writable one, from `offset` on; as much as there is.
 * Bytes copied, or -1: guest memory failed. */
int64_t virtq_read(const struct vm *vm, const struct virtq_chain *chain, uint32_t offset,
		   void *buffer, uint32_t bytes);
int64_t virtq_write(const struct vm *vm, const struct virtq_chain *chain, uint32_t offset,
		    const void *buffer, uint32_t bytes);

#endif
