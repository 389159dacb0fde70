/* SPDX-License-Identifier: MIT */
/* A buffer is filled as far as one call of getrandom(2) goes without waiting, 256 bytes at a time. */
#include <stdlib.h>
#include <sys/random.h>
#include "../log.h"
#include "virtio_mmio.h"
#include "virtio_rng.h"

#define DEVICE_ENTROPY 4u
#define QUEUE_SIZE 64u
#define MOST_BYTES 4096u	/* of a buffer: 5.4.6 lets the device fill less of it */

static enum virtio_served rng_serve(struct virtio_device *device, unsigned int queue)
{
	struct virtq *virtq = &device->queues[queue];
	struct virtq_chain chain;
	uint8_t bytes[256];
	uint32_t done = 0;

	if (!virtq_pop(virtq, &chain))
		return VIRTIO_EMPTY;
	if (!chain.writable_bytes)
		virtio_fail(device, "a buffer for entropy cannot be written");
	while (done < chain.writable_bytes && done < MOST_BYTES) {
		int64_t written = getrandom(bytes, sizeof(bytes), GRND_NONBLOCK);

		if (written > 0)
			written = virtq_write(virtq->vm, &chain, done, bytes, (uint32_t)written);
		if (written <= 0)
			break;
		done += (uint32_t)written;
	}
	virtq_push(virtq, chain.head, done);
	return VIRTIO_SERVED;
}

static const struct virtio_type rng_type = {
	.name = "virtio rng", .id = DEVICE_ENTROPY, .queues = 1, .queue_size = QUEUE_SIZE,
	.serve = rng_serve,
};

int virtio_rng_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	return virtio_add(need_memory(sizeof(struct virtio_device)), vm, &rng_type, row, error);
}
