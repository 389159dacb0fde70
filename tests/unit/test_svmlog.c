/* SPDX-License-Identifier: MIT */
/*
 * The reader of event logs: a log of one VM with two chunks of events is read whole, cut at every
 * byte, and with every bit changed. What comes out is always a prefix of what went in, or an error.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "svmlog.h"
#include "svmt_read.h"

#define EVENTS_A 3
#define EVENTS_B 2

struct small_log {
	struct svmlog_header header;
	struct svmlog_chunk vm_chunk;
	struct svmlog_vm vm;
	struct svmlog_chunk a_chunk;
	struct svmrt_event a[EVENTS_A];
	struct svmlog_chunk b_chunk;
	struct svmrt_event b[EVENTS_B];
	struct svmlog_chunk index_chunk;
	struct svmlog_index index[3];
	struct svmlog_chunk trailer;
};

static struct svmlog_chunk chunk(enum svmlog_type type, const void *payload, uint64_t bytes,
				 uint64_t value)
{
	return (struct svmlog_chunk){
		.type = type, .vm = type < SVMLOG_INDEX, .payload_bytes = bytes, .value = value,
		.crc32c = svmt_crc32c(0, payload, bytes),
	};
}

static void make_log(struct small_log *log)
{
	memset(log, 0, sizeof(*log));
	memcpy(log->header.magic, SVMLOG_MAGIC, sizeof(log->header.magic));
	log->header.version = SVMLOG_VERSION;
	log->header.header_bytes = sizeof(log->header);
	log->vm.vcpus = 1;
	strcpy(log->vm.name, "small");
	for (uint64_t i = 0; i < EVENTS_A; i++)
		log->a[i] = (struct svmrt_event){ .seq = i, .rip = 0x1000 + i };
	for (uint64_t i = 0; i < EVENTS_B; i++)
		log->b[i] = (struct svmrt_event){ .seq = EVENTS_A + i };
	log->index[0].offset = offsetof(struct small_log, vm_chunk);
	log->index[1].offset = offsetof(struct small_log, a_chunk);
	log->index[2].offset = offsetof(struct small_log, b_chunk);
	log->index[2].first_seq = EVENTS_A;
	log->vm_chunk = chunk(SVMLOG_VM, &log->vm, sizeof(log->vm), 0);
	log->a_chunk = chunk(SVMLOG_EVENTS, log->a, sizeof(log->a), EVENTS_A);
	log->b_chunk = chunk(SVMLOG_EVENTS, log->b, sizeof(log->b), EVENTS_B);
	log->index_chunk = chunk(SVMLOG_INDEX, log->index, sizeof(log->index), 0);
	log->trailer = chunk(SVMLOG_TRAILER, log, 0, offsetof(struct small_log, index_chunk));
}

/* Number of events, each checked to be the next one; -1: an error. */
static int read_all(const void *image, size_t bytes)
{
	struct svmlog_item item;
	struct svmlog log;
	uint64_t at = 0, seq = 0;
	int more;

	if (svmlog_open(&log, image, bytes))
		return -1;
	while ((more = svmlog_next(&log, &at, &item)) > 0)
		for (uint64_t i = 0; item.events && i < item.chunk->value; i++)
			assert_int_equal(item.events[i].seq, seq++);
	return more < 0 ? -1 : (int)seq;
}

static void a_whole_log_is_read_by_its_index(void **state)
{
	struct svmlog opened;
	struct small_log log;

	(void)state;
	make_log(&log);
	assert_null(svmlog_open(&opened, &log, sizeof(log)));
	assert_non_null(opened.index);
	assert_int_equal(opened.index_count, 3);
	assert_int_equal(read_all(&log, sizeof(log)), EVENTS_A + EVENTS_B);
}

/* Each prefix in memory of its own size: ASan sees every byte that is read behind the end. */
static void a_log_cut_anywhere_gives_its_whole_chunks(void **state)
{
	struct small_log log;

	(void)state;
	make_log(&log);
	for (size_t bytes = 0; bytes < sizeof(log); bytes++) {
		int expected = bytes < sizeof(log.header) ? -1 :
			bytes < offsetof(struct small_log, b_chunk) ?
			(bytes < offsetof(struct small_log, a_chunk) + sizeof(log.a_chunk) +
			 sizeof(log.a) ? 0 : EVENTS_A) :
			bytes < offsetof(struct small_log, index_chunk) ? EVENTS_A :
			EVENTS_A + EVENTS_B;
		void *copy = malloc(bytes + !bytes);

		memcpy(copy, &log, bytes);
		assert_int_equal(read_all(copy, bytes), expected);
		free(copy);
	}
}

static void a_changed_byte_never_gives_more(void **state)
{
	struct small_log log;

	(void)state;
	make_log(&log);
	for (size_t at = 0; at < sizeof(log); at++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			((uint8_t *)&log)[at] ^= (uint8_t)(1u << bit);
			assert_true(read_all(&log, sizeof(log)) <= EVENTS_A + EVENTS_B);
			((uint8_t *)&log)[at] ^= (uint8_t)(1u << bit);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_log_is_read_by_its_index),
		cmocka_unit_test(a_log_cut_anywhere_gives_its_whole_chunks),
		cmocka_unit_test(a_changed_byte_never_gives_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
