/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues. Virtual I/O Device 1.2: 2.7.5 descriptor table, 2.7.6 available ring, 2.7.8 used
 * ring, 2.7.7 and 2.7.10 suppression of interrupts and notifications.
 */
#include <stdatomic.h>
#include "../guest_memory.h"
#include "virtio_queue.h"

#define DESC_NEXT	1u
#define DESC_WRITE	2u
#define DESC_INDIRECT	4u

#define AVAIL_NO_INTERRUPT 1u

struct descriptor {
	uint64_t gpa;
	uint32_t bytes;
	uint16_t flags, next;
};

struct used_element {
	uint32_t id, bytes;
};

_Static_assert(sizeof(struct descriptor) == 16, "2.7.5");

/* Offsets in the driver's and the device's area: flags, index, ring, event. */
#define RING_INDEX	2u
#define RING_ENTRIES	4u
#define AVAIL_EVENT(size) (RING_ENTRIES + (uint64_t)(size) * 2)
#define USED_EVENT(size) (RING_ENTRIES + (uint64_t)(size) * sizeof(struct used_element))

static bool fail(struct virtq *queue, const char *rule)
{
	if (!queue->broken)
		queue->broken = rule;
	return false;
}

void virtq_init(struct virtq *queue, const struct vm *vm, uint16_t size_max)
{
	*queue = (struct virtq){ .vm = vm, .size_max = size_max, .size = size_max };
}

void virtq_reset(struct virtq *queue)
{
	virtq_init(queue, queue->vm, queue->size_max);
}

static bool is_area(const struct virtq *queue, uint64_t gpa, uint64_t bytes, uint64_t align,
		    bool write)
{
	return !(gpa % align) && guest_has(queue->vm, gpa, bytes, write);
}

bool virtq_enable(struct virtq *queue)
{
	const uint16_t size = queue->size;

	if (!size || size > queue->size_max || size & (size - 1))
		return fail(queue, "the size of a queue is no power of two within its maximum");
	if (!is_area(queue, queue->descriptors, size * sizeof(struct descriptor), 16, false))
		return fail(queue, "a descriptor table is not aligned or not in memory");
	if (!is_area(queue, queue->driver, AVAIL_EVENT(size) + 2, 2, false))
		return fail(queue, "an available ring is not aligned or not in memory");
	if (!is_area(queue, queue->device, USED_EVENT(size) + 2, 4, true))
		return fail(queue, "a used ring is not aligned or not in writable memory");
	queue->ready = true;
	return true;
}

static bool fetch(struct virtq *queue, uint64_t gpa, void *to, uint64_t bytes)
{
	return guest_read(queue->vm, gpa, to, bytes) || fail(queue, "a queue cannot be read");
}

static bool store(struct virtq *queue, uint64_t gpa, const void *from, uint64_t bytes)
{
	return guest_write(queue->vm, gpa, from, bytes) || fail(queue, "a queue cannot be written");
}

/* False: broken. */
static bool look_for_more(struct virtq *queue)
{
	uint16_t index;

	if (!fetch(queue, queue->driver + RING_INDEX, &index, sizeof(index)))
		return false;
	if ((uint16_t)(index - queue->next_available) > queue->size)
		return fail(queue, "the index of an available ring jumped");
	queue->seen_available = index;
	/* The entries and descriptors behind the index were written before it. */
	atomic_thread_fence(memory_order_acquire);
	return true;
}

static bool add_segment(struct virtq *queue, struct virtq_chain *chain,
			const struct descriptor *descriptor)
{
	const bool write = descriptor->flags & DESC_WRITE;
	const uint32_t count = (uint32_t)chain->readable + chain->writable;
	uint32_t *total = write ? &chain->writable_bytes : &chain->readable_bytes;

	if (count == VIRTQ_MAX_SEGMENTS)
		return fail(queue, "a chain has too many descriptors");
	if (!write && chain->writable)
		return fail(queue, "a readable descriptor follows a writable one");
	if (!descriptor->bytes)
		return fail(queue, "a descriptor has no length");
	if (descriptor->bytes > UINT32_MAX - *total)
		return fail(queue, "a chain has 4 GiB or more");
	if (!guest_has(queue->vm, descriptor->gpa, descriptor->bytes, write))
		return fail(queue, "a descriptor is not in memory");
	chain->segments[count] = (struct virtq_segment){ descriptor->gpa, descriptor->bytes };
	*total += descriptor->bytes;
	chain->readable += !write;
	chain->writable += write;
	return true;
}

/* The table may change meanwhile: it is copied as a whole. */
static bool take_indirect(struct virtq *queue, struct virtq_chain *chain,
			  const struct descriptor *where)
{
	struct descriptor table[VIRTQ_MAX_SEGMENTS];
	const uint32_t count = where->bytes / (uint32_t)sizeof(table[0]);
	uint32_t at = 0;

	if (!queue->indirect)
		return fail(queue, "an indirect descriptor was not negotiated");
	if (where->flags & DESC_NEXT)
		return fail(queue, "an indirect descriptor has a next one");
	if (!count || where->bytes % sizeof(table[0]) || count > VIRTQ_MAX_SEGMENTS)
		return fail(queue, "an indirect table has a length that cannot be");
	if (!fetch(queue, where->gpa, table, where->bytes))
		return false;
	for (uint32_t taken = 0; taken < count; taken++) {
		if (table[at].flags & DESC_INDIRECT)
			return fail(queue, "an indirect table is in an indirect table");
		if (!add_segment(queue, chain, &table[at]))
			return false;
		if (!(table[at].flags & DESC_NEXT))
			return true;
		at = table[at].next;
		if (at >= count)
			return fail(queue, "a descriptor's next one is beyond the table");
	}
	return fail(queue, "a chain of descriptors is a loop");
}

static bool take_chain(struct virtq *queue, struct virtq_chain *chain)
{
	uint16_t at = chain->head;

	for (uint32_t taken = 0; taken < queue->size; taken++) {
		struct descriptor descriptor;

		if (at >= queue->size)
			return fail(queue, "a descriptor is beyond the table");
		if (!fetch(queue, queue->descriptors + (uint64_t)at * sizeof(descriptor), &descriptor,
			   sizeof(descriptor)))
			return false;
		if (descriptor.flags & DESC_INDIRECT)
			return take_indirect(queue, chain, &descriptor);
		if (!add_segment(queue, chain, &descriptor))
			return false;
		if (!(descriptor.flags & DESC_NEXT))
			return true;
		at = descriptor.next;
	}
	return fail(queue, "a chain of descriptors is a loop");
}

bool virtq_pop(struct virtq *queue, struct virtq_chain *chain)
{
	const uint16_t slot = queue->next_available & (queue->size - 1);

	if (!queue->ready || queue->broken)
		return false;
	if (queue->seen_available == queue->next_available &&
	    (!look_for_more(queue) || queue->seen_available == queue->next_available))
		return false;
	chain->readable = chain->writable = 0;
	chain->readable_bytes = chain->writable_bytes = 0;
	if (!fetch(queue, queue->driver + RING_ENTRIES + slot * sizeof(chain->head), &chain->head,
		   sizeof(chain->head)) || !take_chain(queue, chain))
		return false;
	queue->next_available++;
	return true;
}

void virtq_unpop(struct virtq *queue)
{
	queue->next_available--;
}

void virtq_push(struct virtq *queue, uint16_t head, uint32_t written)
{
	const struct used_element element = { .id = head, .bytes = written };
	const uint16_t slot = queue->next_used & (queue->size - 1);

	if (queue->broken || !store(queue, queue->device + RING_ENTRIES + slot * sizeof(element),
				    &element, sizeof(element)))
		return;
	queue->next_used++;
	queue->news = true;
}

/* 2.7.10.1: whether `event` is among the elements from `before` to `now`. */
static bool passed(uint16_t event, uint16_t before, uint16_t now)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

bool virtq_publish(struct virtq *queue)
{
	const uint16_t before = queue->told_used, now = queue->next_used;
	uint16_t word;

	if (!queue->news || queue->broken)
		return false;
	queue->news = false;
	atomic_thread_fence(memory_order_release);
	if (!store(queue, queue->device + RING_INDEX, &now, sizeof(now)))
		return false;
	queue->told_used = now;
	/* The driver writes what it wants, then looks at the index; here it is the other way round. */
	atomic_thread_fence(memory_order_seq_cst);
	if (queue->event_index)
		return fetch(queue, queue->driver + AVAIL_EVENT(queue->size), &word, sizeof(word)) &&
			passed(word, before, now);
	return fetch(queue, queue->driver, &word, sizeof(word)) && !(word & AVAIL_NO_INTERRUPT);
}

bool virtq_rearm(struct virtq *queue)
{
	const uint16_t seen = queue->seen_available;

	if (!queue->ready || queue->broken)
		return false;
	if (queue->event_index && !store(queue, queue->device + USED_EVENT(queue->size), &seen,
					 sizeof(seen)))
		return false;
	/* The driver writes the index, then looks at what was asked for. */
	atomic_thread_fence(memory_order_seq_cst);
	look_for_more(queue);
	return !queue->broken && queue->seen_available != seen;
}

/* The common part of both directions: the parts of `count` segments that the range covers. */
static int64_t copy(const struct vm *vm, const struct virtq_segment *segments, uint32_t count,
		    uint32_t offset, uint8_t *buffer, uint32_t bytes, bool write)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < count && done < bytes; i++) {
		uint32_t part = segments[i].bytes;
		uint64_t gpa;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		gpa = segments[i].gpa + offset;
		part -= offset;
		part = part < bytes - done ? part : bytes - done;
		offset = 0;
		if (!(write ? guest_write(vm, gpa, buffer + done, part) :
		      guest_read(vm, gpa, buffer + done, part)))
			return -1;
		done += part;
	}
	return done;
}

int64_t virtq_read(const struct vm *vm, const struct virtq_chain *chain, uint32_t offset,
		   void *buffer, uint32_t bytes)
{
	return copy(vm, chain->segments, chain->readable, offset, buffer, bytes, false);
}

int64_t virtq_write(const struct vm *vm, const struct virtq_chain *chain, uint32_t offset,
		    const void *buffer, uint32_t bytes)
{
	return copy(vm, chain->segments + chain->readable, chain->writable, offset,
		    (uint8_t *)(uintptr_t)buffer, bytes, true);
}
