/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an event log. The checksums of the chunks that lie one behind another
 * are put right first; then everything that the reader hands out is read, by the index and without it.
 */
#include <stdlib.h>
#include <string.h>
#include "svmlog.h"
#include "svmt_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint8_t sink;

static void touch(const void *data, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		sink = (uint8_t)(sink ^ ((const uint8_t *)data)[i]);
}

static void repair(uint8_t *image, size_t bytes)
{
	size_t at = sizeof(struct svmlog_header);

	if (bytes >= sizeof(struct svmlog_header)) {
		struct svmlog_header *header = (struct svmlog_header *)(void *)image;

		memcpy(header->magic, SVMLOG_MAGIC, sizeof(header->magic));
		header->version = SVMLOG_VERSION;
		header->header_bytes = sizeof(*header);
	}
	while (at <= bytes && bytes - at >= sizeof(struct svmlog_chunk)) {
		struct svmlog_chunk *chunk = (struct svmlog_chunk *)(void *)(image + at);
		size_t left = bytes - at - sizeof(*chunk);

		if (chunk->payload_bytes > left || chunk->payload_bytes % 8)
			return;
		chunk->crc32c = svmt_crc32c(0, chunk + 1, chunk->payload_bytes);
		at += sizeof(*chunk) + chunk->payload_bytes;
	}
}

static void read_all(const struct svmlog *log)
{
	struct svmlog_item item;
	uint64_t at = 0, most = log->bytes;

	while (svmlog_next(log, &at, &item) == 1) {
		if (!most--)
			abort();	/* it does not end */
		touch(item.chunk, sizeof(*item.chunk));
		if (item.vm)
			touch(item.vm, strlen(item.vm->name) + strlen(item.vm->identity));
		else
			touch(item.events, item.chunk->value * sizeof(item.events[0]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	uint8_t *image = malloc(bytes + !bytes);
	struct svmlog log;

	if (!image)
		return 0;
	memcpy(image, data, bytes);
	repair(image, bytes);
	if (!svmlog_open(&log, image, bytes)) {
		read_all(&log);
		log.index = NULL;
		read_all(&log);
	}
	free(image);
	return 0;
}
