/* SPDX-License-Identifier: MIT */
/*
 * Reads event logs from memory. With an index its entries are followed, without one the chunks as
 * they come; both ways end in the same check of a chunk. Never allocates, never reads past the end.
 */
#include "svmlog.h"
#include <string.h>
#include "svmt_read.h"

_Static_assert(sizeof(struct svmlog_header) == 32, "fixed by the format");
_Static_assert(sizeof(struct svmlog_chunk) == 32, "fixed by the format");
_Static_assert(sizeof(struct svmlog_vm) == 152, "fixed by the format");

/* The chunk at `offset` if all of it is there and its checksum is right, or NULL. */
static const struct svmlog_chunk *chunk_at(const struct svmlog *log, uint64_t offset)
{
	const struct svmlog_chunk *chunk;

	if (offset % 8 || offset < sizeof(struct svmlog_header) || offset > log->bytes ||
	    log->bytes - offset < sizeof(*chunk))
		return NULL;
	chunk = (const struct svmlog_chunk *)(const void *)(log->image + offset);
	if (chunk->payload_bytes % 8 ||
	    chunk->payload_bytes > log->bytes - offset - sizeof(*chunk) ||
	    svmt_crc32c(0, chunk + 1, chunk->payload_bytes) != chunk->crc32c)
		return NULL;
	return chunk;
}

static void find_index(struct svmlog *log)
{
	const struct svmlog_chunk *trailer, *index;

	if (log->bytes < sizeof(struct svmlog_header) + sizeof(*trailer))
		return;
	trailer = chunk_at(log, log->bytes - sizeof(*trailer));
	if (!trailer || trailer->type != SVMLOG_TRAILER)
		return;
	index = chunk_at(log, trailer->value);
	if (!index || index->type != SVMLOG_INDEX)
		return;
	log->index = (const struct svmlog_index *)(const void *)(index + 1);
	log->index_count = index->payload_bytes / sizeof(*log->index);
}

const char *svmlog_open(struct svmlog *log, const void *image, uint64_t bytes)
{
	const struct svmlog_header *header = image;

	*log = (struct svmlog){ .image = image, .bytes = bytes };
	if (bytes < sizeof(*header) || memcmp(header->magic, SVMLOG_MAGIC, sizeof(header->magic)))
		return "it is not an event log of svmrund --record";
	if (header->version != SVMLOG_VERSION || header->header_bytes != sizeof(*header))
		return "its format version is not the one that this svmrund reads";
	find_index(log);
	return NULL;
}

static const void *is_text(const char *text, size_t bytes)
{
	return memchr(text, 0, bytes);
}

static int fill(struct svmlog_item *item, const struct svmlog_chunk *chunk)
{
	uint64_t bytes = chunk->payload_bytes;

	*item = (struct svmlog_item){ .chunk = chunk };
	if (chunk->type == SVMLOG_VM) {
		item->vm = (const struct svmlog_vm *)(const void *)(chunk + 1);
		return bytes == sizeof(*item->vm) && item->vm->vcpus &&
			is_text(item->vm->name, sizeof(item->vm->name)) &&
			is_text(item->vm->identity, sizeof(item->vm->identity)) ? 1 : -1;
	}
	item->events = (const struct svmrt_event *)(const void *)(chunk + 1);
	return chunk->type == SVMLOG_EVENTS && chunk->value && bytes % sizeof(*item->events) == 0 &&
		chunk->value == bytes / sizeof(*item->events) ? 1 : -1;
}

int svmlog_next(const struct svmlog *log, uint64_t *at, struct svmlog_item *item)
{
	const struct svmlog_chunk *chunk;

	if (log->index) {
		if (*at >= log->index_count)
			return 0;
		chunk = chunk_at(log, log->index[(*at)++].offset);
		return chunk ? fill(item, chunk) : -1;
	}
	if (!*at)
		*at = sizeof(struct svmlog_header);
	chunk = chunk_at(log, *at);
	if (!chunk || fill(item, chunk) < 0)
		return 0;
	*at += sizeof(*chunk) + chunk->payload_bytes;
	return 1;
}
