/* SPDX-License-Identifier: MIT */
/*
 * Event logs (described in svmrund(8)): the format, and a reader that checks every length and
 * checksum before it uses anything. A log whose writer was killed ends inside a chunk or without
 * its index; what is whole before that place can be read.
 */
#ifndef SVMKIT_SVMLOG_H
#define SVMKIT_SVMLOG_H

#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

#define SVMLOG_MAGIC "SVMLOG\r\n"
#define SVMLOG_VERSION 1
#define SVMLOG_CHUNK_EVENTS 1024u

enum svmlog_type { SVMLOG_VM = 1, SVMLOG_EVENTS = 2, SVMLOG_INDEX = 3, SVMLOG_TRAILER = 4 };

/* All numbers little endian, as the processor has them. */
struct svmlog_header {
	char magic[8];
	uint32_t version;
	uint32_t header_bytes;		/* 32: where the first chunk is */
	uint64_t reserved[2];
};

struct svmlog_chunk {
	uint32_t type;			/* enum svmlog_type */
	uint32_t vm;			/* from 1, as their VM chunks come; INDEX, TRAILER: 0 */
	uint32_t vcpu;
	uint32_t crc32c;		/* of the payload */
	uint64_t payload_bytes;		/* multiple of 8; the payload follows */
	uint64_t value;			/* EVENTS: records; TRAILER: offset of INDEX; else 0 */
};

struct svmlog_vm {			/* payload of VM */
	uint32_t vcpus;
	uint32_t reserved;
	char name[72];			/* NUL-terminated */
	char identity[72];		/* of the template, hex digits, NUL-terminated */
};

struct svmlog_index {			/* payload of INDEX: one for every VM and EVENTS chunk */
	uint64_t offset;
	uint64_t first_seq;		/* EVENTS */
};

struct svmlog {
	const uint8_t *image;		/* the caller's, 8-byte aligned */
	uint64_t bytes;
	const struct svmlog_index *index;	/* NULL: none, the log is cut off */
	uint64_t index_count;
};

/* A whole, checked chunk; pointers into the image. */
struct svmlog_item {
	const struct svmlog_chunk *chunk;
	const struct svmlog_vm *vm;		/* VM */
	const struct svmrt_event *events;	/* EVENTS: chunk->value of them */
};

/* NULL, or what is wrong with the file's beginning (static text). */
const char *svmlog_open(struct svmlog *log, const void *image, uint64_t bytes);

/*
 * The next VM or EVENTS chunk; `*at` is 0 at first and moves on. 1: `item` is filled; 0: the end,
 * or where a log without index is cut off or damaged; -1: a log with an index is damaged.
 */
int svmlog_next(const struct svmlog *log, uint64_t *at, struct svmlog_item *item);

#endif
