/* SPDX-License-Identifier: MIT */
/*
 * Requests of a block device (Virtual I/O Device 1.2, 5.2.6). Data goes through a buffer of the
 * worker's: the lock is held while guest memory is touched, and never while the disk is.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "../log.h"
#include "blk_worker.h"

#define BUFFER_BYTES (256u << 10)
#define STACK_BYTES (128u << 10)

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8, TYPE_DISCARD = 11,
       TYPE_WRITE_ZEROES = 13 };

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};
#define RANGE_UNMAP 1u

_Static_assert(sizeof(struct header) == 16 && sizeof(struct range) == 16, "5.2.6");

struct queue {
	struct blk_request *first, **last;
};

struct blk_worker {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	const struct vm *vm;
	struct blk_drive drive;
	int done_fd;
	struct queue waiting, done;
	bool allowed, quit;
	bool busy;			/* a request is in progress ... */
	bool cancelled;			/* ... and is not wanted any more */
	uint8_t buffer[BUFFER_BYTES];
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct blk_request *request)
{
	request->next = NULL;
	*queue->last = request;
	queue->last = &request->next;
}

static void queue_free(struct queue *queue)
{
	while (queue->first) {
		struct blk_request *request = queue->first;

		queue->first = request->next;
		free(request);
	}
	queue_init(queue);
}

/* Takes the lock. False: nobody wants the request any more. */
static bool may_touch_guest(struct blk_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (!worker->allowed && !worker->cancelled)
		pthread_cond_wait(&worker->wake, &worker->lock);
	return !worker->cancelled;
}

static bool from_guest(struct blk_worker *worker, const struct blk_request *request,
		       uint32_t offset, void *to, uint32_t bytes)
{
	const bool good = may_touch_guest(worker) &&
		virtq_read(worker->vm, &request->chain, offset, to, bytes) == bytes;

	pthread_mutex_unlock(&worker->lock);
	return good;
}

static bool to_guest(struct blk_worker *worker, const struct blk_request *request, uint32_t offset,
		     const void *from, uint32_t bytes)
{
	const bool good = may_touch_guest(worker) &&
		virtq_write(worker->vm, &request->chain, offset, from, bytes) == bytes;

	pthread_mutex_unlock(&worker->lock);
	return good;
}

static bool read_all(int fd, uint8_t *to, size_t bytes, uint64_t at)
{
	for (size_t done = 0; done < bytes;) {
		const ssize_t got = pread(fd, to + done, bytes - done, (off_t)(at + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *from, size_t bytes, uint64_t at)
{
	for (size_t done = 0; done < bytes;) {
		const ssize_t put = pwrite(fd, from + done, bytes - done, (off_t)(at + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

static enum blk_status flush(const struct blk_worker *worker)
{
	return fdatasync(worker->drive.fd) ? BLK_IOERR : BLK_OK;
}

static bool is_on_drive(const struct blk_worker *worker, uint64_t sector, uint64_t sectors)
{
	return sector <= worker->drive.sectors && sectors <= worker->drive.sectors - sector;
}

static bool is_transfer(const struct blk_worker *worker, uint64_t sector, uint32_t bytes)
{
	return !(bytes % BLK_SECTOR_BYTES) && is_on_drive(worker, sector, bytes / BLK_SECTOR_BYTES);
}

/* The last byte that the device writes is the status. */
static uint32_t bytes_in(const struct blk_request *request)
{
	return request->chain.writable_bytes - 1;
}

static uint32_t bytes_out(const struct blk_request *request)
{
	return request->chain.readable_bytes - (uint32_t)sizeof(struct header);
}

static enum blk_status read_sectors(struct blk_worker *worker, struct blk_request *request,
				    uint64_t sector)
{
	const uint32_t bytes = bytes_in(request);

	if (!is_transfer(worker, sector, bytes))
		return BLK_IOERR;
	for (uint32_t part; request->written < bytes; request->written += part) {
		const uint32_t left = bytes - request->written;

		part = left < BUFFER_BYTES ? left : BUFFER_BYTES;
		if (!read_all(worker->drive.fd, worker->buffer, part,
			      sector * BLK_SECTOR_BYTES + request->written) ||
		    !to_guest(worker, request, request->written, worker->buffer, part))
			return BLK_IOERR;
	}
	return BLK_OK;
}

static enum blk_status write_sectors(struct blk_worker *worker, const struct blk_request *request,
				     uint64_t sector)
{
	const uint32_t bytes = bytes_out(request);

	if (worker->drive.read_only || !is_transfer(worker, sector, bytes))
		return BLK_IOERR;
	for (uint32_t done = 0, part; done < bytes; done += part) {
		part = bytes - done < BUFFER_BYTES ? bytes - done : BUFFER_BYTES;
		if (!from_guest(worker, request, (uint32_t)sizeof(struct header) + done,
				worker->buffer, part) ||
		    !write_all(worker->drive.fd, worker->buffer, part,
			       sector * BLK_SECTOR_BYTES + done))
			return BLK_IOERR;
	}
	return request->write_through ? flush(worker) : BLK_OK;
}

static enum blk_status get_id(struct blk_worker *worker, struct blk_request *request)
{
	const uint32_t room = bytes_in(request);
	const uint32_t bytes = room < BLK_ID_BYTES ? room : BLK_ID_BYTES;

	if (!to_guest(worker, request, 0, worker->drive.id, bytes))
		return BLK_IOERR;
	request->written = bytes;
	return BLK_OK;
}

/* Of a range that stays the file's: not longer, and no hole that was not asked for. */
static bool write_zeroes(struct blk_worker *worker, uint64_t at, uint64_t bytes)
{
	if (!fallocate(worker->drive.fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		       (off_t)bytes))
		return true;
	if (errno != EOPNOTSUPP)
		return false;
	memset(worker->buffer, 0, bytes < BUFFER_BYTES ? bytes : BUFFER_BYTES);
	for (uint64_t done = 0, part; done < bytes; done += part) {
		part = bytes - done < BUFFER_BYTES ? bytes - done : BUFFER_BYTES;
		if (!write_all(worker->drive.fd, worker->buffer, part, at + done))
			return false;
	}
	return true;
}

static enum blk_status do_range(struct blk_worker *worker, const struct range *range, bool discard)
{
	const uint64_t at = range->sector * BLK_SECTOR_BYTES;
	const uint64_t bytes = (uint64_t)range->sectors * BLK_SECTOR_BYTES;

	/* 5.2.6.2: discard has no flags, write zeroes this one. */
	if (range->flags & ~(discard ? 0 : RANGE_UNMAP))
		return BLK_UNSUPP;
	if (range->sectors > BLK_MAX_RANGE_SECTORS ||
	    !is_on_drive(worker, range->sector, range->sectors))
		return BLK_IOERR;
	if (!bytes)
		return BLK_OK;
	if ((discard || range->flags & RANGE_UNMAP) &&
	    !fallocate(worker->drive.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		       (off_t)bytes))
		return BLK_OK;
	if (discard)	/* a hint: where the file system has no holes, nothing is done */
		return errno == EOPNOTSUPP ? BLK_OK : BLK_IOERR;
	return write_zeroes(worker, at, bytes) ? BLK_OK : BLK_IOERR;
}

static enum blk_status do_ranges(struct blk_worker *worker, const struct blk_request *request,
				 bool discard)
{
	struct range ranges[BLK_MAX_RANGES];
	const uint32_t bytes = bytes_out(request);
	enum blk_status status = BLK_OK;

	if (worker->drive.read_only || !bytes || bytes % sizeof(ranges[0]) || bytes > sizeof(ranges))
		return BLK_IOERR;
	if (!from_guest(worker, request, sizeof(struct header), ranges, bytes))
		return BLK_IOERR;
	for (uint32_t i = 0; status == BLK_OK && i < bytes / sizeof(ranges[0]); i++)
		status = do_range(worker, &ranges[i], discard);
	return status == BLK_OK && request->write_through ? flush(worker) : status;
}

static enum blk_status do_request(struct blk_worker *worker, struct blk_request *request)
{
	struct header header;

	if (!from_guest(worker, request, 0, &header, sizeof(header)))
		return BLK_IOERR;
	switch (header.type) {
	case TYPE_IN: return read_sectors(worker, request, header.sector);
	case TYPE_OUT: return write_sectors(worker, request, header.sector);
	case TYPE_FLUSH: return flush(worker);
	case TYPE_GET_ID: return get_id(worker, request);
	case TYPE_DISCARD: return do_ranges(worker, request, true);
	case TYPE_WRITE_ZEROES: return do_ranges(worker, request, false);
	default: return BLK_UNSUPP;
	}
}

/* What is written counts from the start of the buffers without a gap (2.7.8.2). */
static void tell_status(struct blk_worker *worker, struct blk_request *request,
			enum blk_status status)
{
	const uint8_t byte = (uint8_t)status;

	if (to_guest(worker, request, bytes_in(request), &byte, 1) &&
	    request->written == bytes_in(request))
		request->written++;
}

static void finish(struct blk_worker *worker, struct blk_request *request)
{
	const uint64_t one = 1;

	if (worker->cancelled) {
		free(request);
	} else {
		queue_add(&worker->done, request);
		if (write(worker->done_fd, &one, sizeof(one)) < 0)
			log_line(LOG_ERR, "eventfd of a drive: %s", strerror(errno));
	}
	worker->cancelled = worker->busy = false;
}

static struct blk_request *take(struct blk_worker *worker)
{
	struct blk_request *request = worker->waiting.first;

	worker->waiting.first = request->next;
	if (!request->next)
		worker->waiting.last = &worker->waiting.first;
	worker->busy = true;
	return request;
}

static void free_worker(struct blk_worker *worker)
{
	queue_free(&worker->waiting);
	queue_free(&worker->done);
	pthread_mutex_destroy(&worker->lock);
	pthread_cond_destroy(&worker->wake);
	close(worker->drive.fd);
	close(worker->done_fd);
	free(worker);
}

static void *worker_main(void *argument)
{
	struct blk_worker *worker = argument;

	pthread_mutex_lock(&worker->lock);
	while (!worker->quit) {
		struct blk_request *request;

		if (!worker->allowed || !worker->waiting.first) {
			pthread_cond_wait(&worker->wake, &worker->lock);
			continue;
		}
		request = take(worker);
		pthread_mutex_unlock(&worker->lock);
		tell_status(worker, request, do_request(worker, request));
		pthread_mutex_lock(&worker->lock);
		finish(worker, request);
	}
	pthread_mutex_unlock(&worker->lock);
	free_worker(worker);
	return NULL;
}

static int start_thread(struct blk_worker *worker)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int status;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	status = pthread_create(&worker->thread, &attributes, worker_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return status;
}

struct blk_worker *blk_worker_new(const struct vm *vm, const struct blk_drive *drive, int done)
{
	struct blk_worker *worker = need_memory(sizeof(*worker));
	int status;

	worker->vm = vm;
	worker->drive = *drive;
	worker->allowed = true;
	worker->done_fd = fcntl(done, F_DUPFD_CLOEXEC, 0);
	queue_init(&worker->waiting);
	queue_init(&worker->done);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	status = worker->done_fd < 0 ? errno : start_thread(worker);
	if (!status)
		return worker;
	free_worker(worker);
	errno = status;
	return NULL;
}

void blk_worker_submit(struct blk_worker *worker, const struct virtq_chain *chain,
		       bool write_through)
{
	const size_t segments = (size_t)chain->readable + chain->writable;
	const size_t bytes = offsetof(struct virtq_chain, segments) +
		segments * sizeof(chain->segments[0]);
	struct blk_request *request = need_memory(offsetof(struct blk_request, chain) + bytes);

	memcpy(&request->chain, chain, bytes);
	request->write_through = write_through;
	pthread_mutex_lock(&worker->lock);
	queue_add(&worker->waiting, request);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

struct blk_request *blk_worker_done(struct blk_worker *worker)
{
	struct blk_request *done;

	pthread_mutex_lock(&worker->lock);
	done = worker->done.first;
	queue_init(&worker->done);
	pthread_mutex_unlock(&worker->lock);
	return done;
}

static void forget_all(struct blk_worker *worker)
{
	queue_free(&worker->waiting);
	queue_free(&worker->done);
	worker->cancelled = worker->busy;
	pthread_cond_signal(&worker->wake);
}

void blk_worker_cancel(struct blk_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	forget_all(worker);
	pthread_mutex_unlock(&worker->lock);
}

void blk_worker_allow(struct blk_worker *worker, bool on)
{
	pthread_mutex_lock(&worker->lock);
	worker->allowed = on;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

void blk_worker_release(struct blk_worker *worker)
{
	const pthread_t thread = worker->thread;
	bool busy;

	pthread_mutex_lock(&worker->lock);
	forget_all(worker);
	worker->quit = true;
	busy = worker->busy;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	/* An idle one is gone at once, and the lock of its image with it. */
	if (busy)
		pthread_detach(thread);
	else
		pthread_join(thread, NULL);
}
