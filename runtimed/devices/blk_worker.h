/* SPDX-License-Identifier: MIT */
/*
 * The thread of a drive: does requests on the image one after another, so that neither vCPUs nor the
 * device thread wait for a disk. It touches guest memory only while a request is not cancelled.
 */
#ifndef SVMRUND_BLK_WORKER_H
#define SVMRUND_BLK_WORKER_H

#include "virtio_queue.h"

#define BLK_SECTOR_BYTES 512u
#define BLK_ID_BYTES 20u
#define BLK_MAX_RANGES 64u	/* of a discard or write-zeroes request */
#define BLK_MAX_RANGE_SECTORS (1u << 22)

enum blk_status { BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPP = 2 };

struct blk_request {
	struct blk_request *next;
	bool write_through;
	uint32_t written;		/* for virtq_push(), when it is done */
	struct virtq_chain chain;	/* only as many segments as it has: keep it last */
};

struct blk_drive {
	int fd;				/* of the image; the worker closes it */
	uint64_t sectors;
	bool read_only;
	char id[BLK_ID_BYTES];
};

struct blk_worker;

/* `done` is an eventfd that is signalled when blk_worker_done() has something; it is duplicated, the
 * drive's descriptor is taken in any case. NULL: errno says why. */
struct blk_worker *blk_worker_new(const struct vm *vm, const struct blk_drive *drive, int done);
/* A copy of the chain. `write_through`: a write is on the disk when it is told. */
void blk_worker_submit(struct blk_worker *worker, const struct virtq_chain *chain,
		       bool write_through);
/* The finished ones, in order; the caller frees each. */
struct blk_request *blk_worker_done(struct blk_worker *worker);
/* Forgets all requests: when it returns, none touches guest memory any more. */
void blk_worker_cancel(struct blk_worker *worker);
/* Neither starts a request nor touches guest memory until `on` again; the VM is paused. */
void blk_worker_allow(struct blk_worker *worker, bool on);
/* Cancels, and frees everything as soon as the disk answers; the VM may go at once. */
void blk_worker_release(struct blk_worker *worker);

#endif
