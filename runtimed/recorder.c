/* SPDX-License-Identifier: MIT */
/*
 * Writes event logs. Records are collected per vCPU into chunks and written when a chunk is full,
 * another vCPU's record comes, or a run ends; a write that fails ends the recording, not the VMs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "log.h"
#include "recorder.h"
#include "svmlog.h"
#include "svmt_read.h"

struct recorder {
	int fd;
	const char *path;
	bool failed;
	uint64_t offset;		/* bytes written */
	uint32_t vms;
	struct svmlog_index *index;
	size_t index_count, index_room;
	uint32_t vm, vcpu;		/* whose records these are */
	unsigned int count;
	struct svmrt_event events[SVMLOG_CHUNK_EVENTS];
};

static void write_bytes(struct recorder *recorder, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length && !recorder->failed) {
		ssize_t done = write(recorder->fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			log_line(LOG_ERR, "%s: %s; the recording ends here", recorder->path,
				 strerror(errno));
			recorder->failed = true;
			return;
		}
		at += done;
		length -= (size_t)done;
		recorder->offset += (uint64_t)done;
	}
}

static void write_chunk(struct recorder *recorder, struct svmlog_chunk *chunk, const void *payload)
{
	chunk->crc32c = svmt_crc32c(0, payload, chunk->payload_bytes);
	write_bytes(recorder, chunk, sizeof(*chunk));
	write_bytes(recorder, payload, chunk->payload_bytes);
}

static void add_index(struct recorder *recorder, uint64_t first_seq)
{
	if (recorder->index_count == recorder->index_room) {
		size_t room = recorder->index_room ? 2 * recorder->index_room : 64;
		void *index = realloc(recorder->index, room * sizeof(recorder->index[0]));

		if (!index) {
			log_line(LOG_ERR, "%s: no memory for its index; the recording ends here",
				 recorder->path);
			recorder->failed = true;
			return;
		}
		recorder->index = index;
		recorder->index_room = room;
	}
	recorder->index[recorder->index_count++] = (struct svmlog_index){
		.offset = recorder->offset, .first_seq = first_seq,
	};
}

struct recorder *recorder_open(const char *path)
{
	struct svmlog_header header = {
		.magic = SVMLOG_MAGIC, .version = SVMLOG_VERSION, .header_bytes = sizeof(header),
	};
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct recorder *recorder;

	if (fd < 0) {
		log_line(LOG_ERR, "--record %s: %s%s", path, strerror(errno),
			 errno == EEXIST ? "; name a new file" : "");
		return NULL;
	}
	recorder = need_memory(sizeof(*recorder));
	recorder->fd = fd;
	recorder->path = path;
	write_bytes(recorder, &header, sizeof(header));
	return recorder;
}

void recorder_vm(struct recorder *recorder, struct vm *vm)
{
	struct svmlog_vm payload = { .vcpus = vm->vcpu_count };
	struct svmlog_chunk chunk = { .type = SVMLOG_VM, .payload_bytes = sizeof(payload) };

	if (!recorder || recorder->failed)
		return;
	recorder_flush(recorder);
	vm->recorded = chunk.vm = ++recorder->vms;
	snprintf(payload.name, sizeof(payload.name), "%s", vm->name);
	snprintf(payload.identity, sizeof(payload.identity), "%s", vm->identity);
	add_index(recorder, 0);
	write_chunk(recorder, &chunk, &payload);
}

void recorder_flush(struct recorder *recorder)
{
	struct svmlog_chunk chunk;

	if (!recorder || !recorder->count)
		return;
	chunk = (struct svmlog_chunk){
		.type = SVMLOG_EVENTS, .vm = recorder->vm, .vcpu = recorder->vcpu,
		.payload_bytes = recorder->count * sizeof(recorder->events[0]),
		.value = recorder->count,
	};
	add_index(recorder, recorder->events[0].seq);
	write_chunk(recorder, &chunk, recorder->events);
	recorder->count = 0;
}

void recorder_event(struct recorder *recorder, const struct vcpu *vcpu,
		    const struct svmrt_event *event)
{
	if (!recorder || recorder->failed || !vcpu->vm->recorded)
		return;
	if (recorder->count == SVMLOG_CHUNK_EVENTS || recorder->vm != vcpu->vm->recorded ||
	    recorder->vcpu != vcpu->index)
		recorder_flush(recorder);
	recorder->vm = vcpu->vm->recorded;
	recorder->vcpu = vcpu->index;
	recorder->events[recorder->count++] = *event;
}

bool recorder_close(struct recorder *recorder)
{
	struct svmlog_chunk index = { .type = SVMLOG_INDEX }, trailer = { .type = SVMLOG_TRAILER };
	bool whole;

	if (!recorder)
		return true;
	recorder_flush(recorder);
	trailer.value = recorder->offset;
	index.payload_bytes = recorder->index_count * sizeof(recorder->index[0]);
	write_chunk(recorder, &index, recorder->index);
	write_chunk(recorder, &trailer, NULL);
	whole = !recorder->failed;
	close(recorder->fd);
	free(recorder->index);
	free(recorder);
	return whole;
}
