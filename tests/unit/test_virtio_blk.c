/* SPDX-License-Identifier: MIT */
/* The virtio block device on an image: each operation, each mistake, and what a reset leaves. */
#include <config.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>
#include "devices/virtio_blk.h"
#include "virtio_bench.h"

#define QUEUE_AT 0x10000
#define HEADER_AT 0x40000u
#define DATA_AT 0x50000u
#define STATUS_AT 0x41000u
#define SECTORS 64u

enum { IN, OUT, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP };

#define F_RO		(1ull << 5)
#define F_FLUSH		(1ull << 9)
#define F_DISCARD	(1ull << 13)
#define F_WRITE_ZEROES	(1ull << 14)

static struct bench bench;
static struct driver_queue queue;
static int image;

static int set_up_drive(bool read_only)
{
	struct vm_backing *backing = bench.vm.backings.items;
	struct engine_error error;

	bench_init(&bench, SVMT_DEV_VIRTIO_BLK, "root");
	image = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(ftruncate(image, SECTORS * 512), 0);
	*backing = (struct vm_backing){
		.type = SVMT_DEV_VIRTIO_BLK, .name = "root", .read_only = read_only,
		.bytes = SECTORS * 512, .fd = fcntl(image, F_DUPFD_CLOEXEC, 0),
	};
	bench.vm.backings.count = 1;
	return virtio_blk_add(&bench.vm, &bench.row, &error);
}

static int set_up(void **state)
{
	(void)state;
	return set_up_drive(false);
}

static int set_up_read_only(void **state)
{
	(void)state;
	return set_up_drive(true);
}

static int tear_down(void **state)
{
	(void)state;
	bench_free(&bench);
	close(image);
	return 0;
}

static void begin(uint64_t features)
{
	driver_begin(&bench, features);
	driver_queue(&bench, &queue, 0, 16, QUEUE_AT);
	driver_ok(&bench);
}

static void put_header(uint32_t type, uint64_t sector)
{
	memset(bench.ram + HEADER_AT, 0, 16);
	memcpy(bench.ram + HEADER_AT, &type, 4);
	memcpy(bench.ram + HEADER_AT + 8, &sector, 8);
	bench.ram[STATUS_AT] = 0xee;
}

static uint32_t done_bytes;

static bool is_done(struct bench *b)
{
	uint32_t id;

	return take_used(&queue, &id, &done_bytes) || IS_BROKEN(b);
}

/* A request with `bytes` of data in one buffer; its status. */
static int request(uint32_t type, uint64_t sector, uint32_t bytes)
{
	const bool in = type == IN || type == GET_ID;

	put_header(type, sector);
	put_descriptor(&queue, 0, HEADER_AT, 16, DESC_NEXT, bytes ? 1 : 2);
	put_descriptor(&queue, 1, DATA_AT, bytes, DESC_NEXT | (in ? DESC_WRITE : 0), 2);
	put_descriptor(&queue, 2, STATUS_AT, 1, DESC_WRITE, 0);
	offer(&queue, 0);
	bench_wait(&bench, is_done);
	return bench.ram[STATUS_AT];
}

static void fill(uint8_t value, size_t bytes)
{
	memset(bench.ram + DATA_AT, value, bytes);
}

static uint8_t image_byte(off_t at)
{
	uint8_t byte;

	assert_int_equal(pread(image, &byte, 1, at), 1);
	return byte;
}

static void the_configuration_describes_the_drive(void **state)
{
	(void)state;
	assert_int_equal(reg_read(&bench, 0x08), 2);
	assert_int_equal(dev_read(&bench, 0x100, 8), SECTORS);
	assert_int_equal(reg_read(&bench, 0x10c), 126);		/* seg_max */
	assert_int_equal(reg_read(&bench, 0x114), 512);		/* blk_size */
	assert_int_equal(reg_read(&bench, 0x128), 64);		/* max_discard_seg */
	assert_int_equal(dev_read(&bench, 0x138, 1), 1);
	assert_int_equal(dev_read(&bench, 0x13a, 4), 0);	/* the end of it */
	assert_int_equal(dev_read(&bench, 0x1fc, 4), 0);
	dev_write(&bench, 0x100, 8, 1);
	assert_int_equal(dev_read(&bench, 0x100, 8), SECTORS);
	assert_int_equal(reg_read(&bench, 0x10) & (F_RO | F_DISCARD | F_FLUSH), F_DISCARD | F_FLUSH);
}

static void sectors_are_written_and_read_back(void **state)
{
	(void)state;
	begin(F_FLUSH);
	fill(0x5a, 1024);
	assert_int_equal(request(OUT, 3, 1024), OK);
	assert_int_equal(done_bytes, 1);
	assert_int_equal(image_byte(3 * 512 - 1), 0);
	assert_int_equal(image_byte(3 * 512), 0x5a);
	assert_int_equal(image_byte(5 * 512 - 1), 0x5a);
	assert_int_equal(image_byte(5 * 512), 0);
	fill(0, 2048);
	assert_int_equal(request(IN, 2, 2048), OK);
	assert_int_equal(done_bytes, 2049);
	assert_int_equal(bench.ram[DATA_AT + 511], 0);
	assert_int_equal(bench.ram[DATA_AT + 512], 0x5a);
	assert_int_equal(bench.ram[DATA_AT + 1535], 0x5a);
	assert_int_equal(bench.ram[DATA_AT + 1536], 0);
	assert_true(bench.line);
	assert_int_equal(request(FLUSH, 0, 0), OK);
	/* Without FLUSH a write is on the disk when it is told; that it is told is what shows here. */
	begin(0);
	assert_int_equal(request(OUT, 0, 512), OK);
}

/* 2.7.4.1 lets a driver cut a request anywhere: here each byte of header and status is alone. */
static void a_request_may_be_cut_anywhere(void **state)
{
	struct driver_queue table = { .bench = &bench, .base = 0x60000 };
	unsigned int n = 0;

	(void)state;
	begin(F_FLUSH | 1ull << 28);
	put_header(IN, 1);
	assert_int_equal(pwrite(image, "sector one", 10, 512), 10);
	for (unsigned int i = 0; i < 16; i++, n++)
		put_descriptor(&table, n, HEADER_AT + i, 1, DESC_NEXT, n + 1);
	for (unsigned int i = 0; i < 128; i++, n++)
		put_descriptor(&table, n, DATA_AT + i * 8, 4, DESC_NEXT | DESC_WRITE, n + 1);
	put_descriptor(&table, n++, STATUS_AT, 1, DESC_WRITE, 0);
	put_descriptor(&queue, 0, 0x60000, n * 16, DESC_INDIRECT, 0);
	offer(&queue, 0);
	bench_wait(&bench, is_done);
	assert_int_equal(bench.ram[STATUS_AT], OK);
	assert_int_equal(done_bytes, 513);
	assert_memory_equal(bench.ram + DATA_AT, "sect", 4);
	assert_memory_equal(bench.ram + DATA_AT + 8, "or o", 4);
	assert_int_equal(bench.ram[DATA_AT + 4], 0);
}

static void what_is_not_on_the_drive_is_an_error(void **state)
{
	(void)state;
	begin(F_FLUSH);
	assert_int_equal(request(IN, SECTORS - 1, 512), OK);
	assert_int_equal(request(IN, SECTORS - 1, 1024), IOERR);
	assert_int_equal(done_bytes, 0);
	assert_int_equal(request(IN, SECTORS, 512), IOERR);
	assert_int_equal(request(IN, UINT64_MAX, 512), IOERR);
	assert_int_equal(request(IN, 0, 100), IOERR);
	assert_int_equal(request(OUT, SECTORS, 512), IOERR);
	assert_int_equal(request(OUT, UINT64_MAX / 512, 1024), IOERR);
	assert_int_equal(request(OUT, 0, 513), IOERR);
	assert_int_equal(request(99, 0, 512), UNSUPP);
	assert_int_equal(ftruncate(image, 512), 0);		/* by somebody else, meanwhile */
	assert_int_equal(request(IN, 1, 512), IOERR);
	assert_false(IS_BROKEN(&bench));
}

static void the_drive_tells_its_name(void **state)
{
	(void)state;
	begin(0);
	fill(0xff, 64);
	assert_int_equal(request(GET_ID, 0, 20), OK);
	assert_int_equal(done_bytes, 21);
	assert_memory_equal(bench.ram + DATA_AT, "root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
}

static void put_range(unsigned int number, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t *at = bench.ram + DATA_AT + 16 * number;

	memcpy(at, &sector, 8);
	memcpy(at + 8, &sectors, 4);
	memcpy(at + 12, &flags, 4);
}

static blkcnt_t blocks(void)
{
	struct stat status;

	assert_int_equal(fstat(image, &status), 0);
	return status.st_blocks;
}

static void discarded_sectors_take_no_room(void **state)
{
	blkcnt_t before;

	(void)state;
	begin(F_FLUSH | F_DISCARD | F_WRITE_ZEROES);
	fill(0x11, SECTORS * 512);
	assert_int_equal(request(OUT, 0, SECTORS * 512), OK);
	before = blocks();
	put_range(0, 8, 8, 0);
	put_range(1, 32, 16, 0);
	assert_int_equal(request(DISCARD, 0, 32), OK);
	assert_true(blocks() < before);
	assert_int_equal(image_byte(8 * 512 - 1), 0x11);
	assert_int_equal(image_byte(8 * 512), 0);
	assert_int_equal(image_byte(48 * 512 - 1), 0);
	assert_int_equal(image_byte(48 * 512), 0x11);
	put_range(0, 50, 1, 0);
	put_range(1, 52, 1, 1);			/* may unmap */
	assert_int_equal(request(WRITE_ZEROES, 0, 32), OK);
	assert_int_equal(image_byte(50 * 512), 0);
	assert_int_equal(image_byte(51 * 512), 0x11);
	assert_int_equal(image_byte(52 * 512), 0);
	assert_int_equal(request(IN, 0, 512), OK);
	put_range(0, 0, 0, 0);			/* nothing is no mistake */
	assert_int_equal(request(DISCARD, 0, 16), OK);
	assert_int_equal(lseek(image, 0, SEEK_END), SECTORS * 512);
}

static void ranges_that_cannot_be_are_errors(void **state)
{
	(void)state;
	begin(F_FLUSH | F_DISCARD | F_WRITE_ZEROES);
	put_range(0, SECTORS - 1, 2, 0);
	assert_int_equal(request(DISCARD, 0, 16), IOERR);
	put_range(0, UINT64_MAX, 1, 0);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), IOERR);
	put_range(0, 0, UINT32_MAX, 0);
	assert_int_equal(request(DISCARD, 0, 16), IOERR);
	put_range(0, 0, 1, 1);			/* unmap is nothing for a discard */
	assert_int_equal(request(DISCARD, 0, 16), UNSUPP);
	put_range(0, 0, 1, 2);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), UNSUPP);
	put_range(0, 0, 1, 0);
	assert_int_equal(request(DISCARD, 0, 15), IOERR);
	assert_int_equal(request(DISCARD, 0, 0), IOERR);
	assert_int_equal(request(DISCARD, 0, 65 * 16), IOERR);
}

static void a_read_only_drive_is_not_written(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(reg_read(&bench, 0x10) & (F_RO | F_DISCARD | F_WRITE_ZEROES), F_RO);
	put_range(0, 0, 1, 0);
	assert_int_equal(request(DISCARD, 0, 16), IOERR);
	assert_int_equal(request(WRITE_ZEROES, 0, 16), IOERR);
	fill(0x33, 512);
	assert_int_equal(request(OUT, 0, 512), IOERR);
	assert_int_equal(image_byte(0), 0);
	assert_int_equal(request(IN, 0, 512), OK);
	assert_int_equal(request(FLUSH, 0, 0), OK);
}

/* A limit on file sizes stands for a disk that is full. */
static void a_full_disk_is_an_error_of_the_request(void **state)
{
	struct rlimit before, small;

	(void)state;
	begin(F_FLUSH);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 1024, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(request(OUT, 0, 1024), OK);
	assert_int_equal(request(OUT, 1, 1024), IOERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(request(OUT, 1, 1024), OK);
}

static void requests_without_header_or_status_need_a_reset(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 0, HEADER_AT, 15, DESC_NEXT, 1);
	put_descriptor(&queue, 1, STATUS_AT, 1, DESC_WRITE, 0);
	offer(&queue, 0);
	assert_true(IS_BROKEN(&bench));
	begin(0);
	put_descriptor(&queue, 0, HEADER_AT, 16, 0, 0);
	offer(&queue, 0);
	assert_true(IS_BROKEN(&bench));
	begin(0);
	assert_int_equal(request(IN, 0, 512), OK);
}

/* One head again and again: 128 requests are in progress at most, 16 more wait in the ring. */
static void a_driver_that_floods_and_resets_gets_nothing_twice(void **state)
{
	unsigned int told = 0;

	(void)state;
	for (unsigned int round = 0; round < 50; round++) {
		begin(F_FLUSH);
		put_header(IN, 0);
		put_descriptor(&queue, 0, HEADER_AT, 16, DESC_NEXT, 1);
		put_descriptor(&queue, 1, DATA_AT, 4096, DESC_NEXT | DESC_WRITE, 2);
		put_descriptor(&queue, 2, STATUS_AT, 1, DESC_WRITE, 0);
		for (unsigned int i = 0; i < 140; i++) {
			uint32_t id, bytes;

			offer(&queue, 0);
			while (take_used(&queue, &id, &bytes))
				told++;
		}
		assert_false(IS_BROKEN(&bench));
		reg_write(&bench, 0x70, 0);
		/* From here on memory is the driver's own. */
		memset(bench.ram + DATA_AT, 0x77, 4096);
		bench_settle(&bench);
		for (unsigned int i = 0; i < 4096; i++)
			assert_int_equal(bench.ram[DATA_AT + i], 0x77);
	}
	assert_true(told > 0 && told <= 50 * 140);
}

static void a_pause_holds_requests_back(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin(0);
	put_header(IN, 0);
	put_descriptor(&queue, 0, HEADER_AT, 16, DESC_NEXT, 1);
	put_descriptor(&queue, 1, DATA_AT, 512, DESC_NEXT | DESC_WRITE, 2);
	put_descriptor(&queue, 2, STATUS_AT, 1, DESC_WRITE, 0);
	fill(0x44, 512);
	bench_device(&bench)->pause(bench_device(&bench));
	offer(&queue, 0);
	assert_false(take_used(&queue, &id, &bytes));
	assert_int_equal(bench.ram[DATA_AT], 0x44);
	bench_device(&bench)->resume(bench_device(&bench));
	bench_wait(&bench, is_done);
	assert_int_equal(bench.ram[DATA_AT], 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_describes_the_drive),
		TEST(sectors_are_written_and_read_back),
		TEST(a_request_may_be_cut_anywhere),
		TEST(what_is_not_on_the_drive_is_an_error),
		TEST(the_drive_tells_its_name),
		TEST(discarded_sectors_take_no_room),
		TEST(ranges_that_cannot_be_are_errors),
		cmocka_unit_test_setup_teardown(a_read_only_drive_is_not_written,
						set_up_read_only, tear_down),
		TEST(a_full_disk_is_an_error_of_the_request),
		TEST(requests_without_header_or_status_need_a_reset),
		TEST(a_driver_that_floods_and_resets_gets_nothing_twice),
		TEST(a_pause_holds_requests_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
