/* SPDX-License-Identifier: MIT */
/*
 * The block device: chains go to the drive's worker as they are and come back through an eventfd. A
 * request that has no room for its status is the driver's mistake; whatever else is wrong with it is
 * told in its status byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../log.h"
#include "../vm.h"
#include "blk_worker.h"
#include "virtio_blk.h"
#include "virtio_mmio.h"

#define DEVICE_BLOCK 2u
#define QUEUE_SIZE 128u
#define HEADER_BYTES 16u

#define F_SEG_MAX	(1ull << 2)
#define F_RO		(1ull << 5)
#define F_BLK_SIZE	(1ull << 6)
#define F_FLUSH		(1ull << 9)
#define F_DISCARD	(1ull << 13)
#define F_WRITE_ZEROES	(1ull << 14)

struct blk_config {
	uint64_t capacity;
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

_Static_assert(sizeof(struct blk_config) == 64, "5.2.4, with the padding of this type");
#define CONFIG_BYTES 60u

struct blk {
	struct virtio_device virtio;
	struct blk_config config;
	struct blk_worker *worker;
	struct device_watch done;
	unsigned int in_flight;
};

static struct blk *of_virtio(struct virtio_device *device)
{
	return (struct blk *)device;
}

static enum virtio_served blk_serve(struct virtio_device *device, unsigned int queue)
{
	struct blk *blk = of_virtio(device);
	struct virtq_chain chain;

	/* A driver may put one head into the ring again and again. */
	if (blk->in_flight == QUEUE_SIZE)
		return VIRTIO_HELD;
	if (!virtq_pop(&device->queues[queue], &chain))
		return VIRTIO_EMPTY;
	if (chain.readable_bytes < HEADER_BYTES || !chain.writable_bytes) {
		virtio_fail(device, "a request has no header or no room for its status");
		return VIRTIO_SERVED;
	}
	blk_worker_submit(blk->worker, &chain, !virtio_has(device, F_FLUSH));
	blk->in_flight++;
	return VIRTIO_SERVED;
}

static void on_done(struct device_watch *watch)
{
	struct blk *blk = list_object(watch, struct blk, done);
	struct blk_request *request = blk_worker_done(blk->worker);
	const bool held = blk->in_flight == QUEUE_SIZE;

	while (request) {
		struct blk_request *next = request->next;

		virtq_push(&blk->virtio.queues[0], request->chain.head, request->written);
		blk->in_flight--;
		free(request);
		request = next;
	}
	virtio_publish(&blk->virtio, 0);
	if (held)
		virtio_ring(&blk->virtio, 0);
}

static void blk_stop(struct virtio_device *device)
{
	blk_worker_cancel(of_virtio(device)->worker);
	of_virtio(device)->in_flight = 0;
}

static void blk_pause(struct virtio_device *device)
{
	blk_worker_allow(of_virtio(device)->worker, false);
}

static void blk_resume(struct virtio_device *device)
{
	blk_worker_allow(of_virtio(device)->worker, true);
}

static void blk_free(struct virtio_device *device)
{
	struct blk *blk = of_virtio(device);

	if (blk->worker)
		blk_worker_release(blk->worker);
	device_watch_close(&blk->done);
}

static const struct virtio_type blk_type = {
	.name = "virtio blk", .id = DEVICE_BLOCK, .queues = 1, .queue_size = QUEUE_SIZE,
	.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH, .serve = blk_serve, .stop = blk_stop,
	.pause = blk_pause, .resume = blk_resume, .free = blk_free,
};

static void describe(struct blk *blk, const struct vm_backing *backing)
{
	blk->config = (struct blk_config){
		.capacity = backing->bytes / BLK_SECTOR_BYTES, .seg_max = QUEUE_SIZE - 2,
		.blk_size = BLK_SECTOR_BYTES,
		.max_discard_sectors = BLK_MAX_RANGE_SECTORS, .max_discard_seg = BLK_MAX_RANGES,
		.discard_sector_alignment = 1,
		.max_write_zeroes_sectors = BLK_MAX_RANGE_SECTORS,
		.max_write_zeroes_seg = BLK_MAX_RANGES, .write_zeroes_may_unmap = 1,
	};
	blk->virtio.config = &blk->config;
	blk->virtio.config_bytes = CONFIG_BYTES;
	blk->virtio.offered |= backing->read_only ? F_RO : F_DISCARD | F_WRITE_ZEROES;
}

static int start_worker(struct blk *blk, struct vm *vm, struct vm_backing *backing,
			struct engine_error *error)
{
	struct blk_drive drive = {
		.fd = backing->fd, .sectors = backing->bytes / BLK_SECTOR_BYTES,
		.read_only = backing->read_only,
	};
	const int status = device_watch_init_eventfd(&blk->done, vm, on_done);

	if (status)
		return engine_fail(error, status, "poll of a drive", "");
	memcpy(drive.id, backing->name, strnlen(backing->name, BLK_ID_BYTES));
	backing->fd = -1;
	blk->worker = blk_worker_new(vm, &drive, blk->done.fd);
	return blk->worker ? 0 : engine_fail(error, errno, "the thread of a drive", "");
}

int virtio_blk_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct vm_backing *backing = vm_backing_of(&vm->backings, &vm->template->view, row);
	struct blk *blk = need_memory(sizeof(*blk));

	describe(blk, backing);
	if (virtio_add(&blk->virtio, vm, &blk_type, row, error))
		return -1;
	return start_worker(blk, vm, backing, error);
}
