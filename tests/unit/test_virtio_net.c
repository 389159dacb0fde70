/* SPDX-License-Identifier: MIT */
/* The virtio network device; the tap is one end of a socket pair that keeps packets apart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>
#include "devices/virtio_net.h"
#include "link.h"
#include "virtio_bench.h"

#define RECEIVE_AT 0x10000
#define TRANSMIT_AT 0x20000
#define BUFFER_AT 0x40000u
#define FRAME_AT 0x80000u
#define HEADER LINK_HEADER_BYTES

#define F_MRG_RXBUF	(1ull << 15)

static struct bench bench;
static struct driver_queue receive, transmit;
static int wire;

static int set_up(void **state)
{
	struct engine_error error;
	int pair[2];

	(void)state;
	bench_init(&bench, SVMT_DEV_VIRTIO_NET, "lan");
	bench.row.mac[0] = 2;
	bench.row.mac[5] = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	wire = pair[1];
	bench.vm.backings.items[0] = (struct vm_backing){
		.type = SVMT_DEV_VIRTIO_NET, .name = "lan", .fd = pair[0],
	};
	bench.vm.backings.count = 1;
	return virtio_net_add(&bench.vm, &bench.row, &error);
}

static int tear_down(void **state)
{
	(void)state;
	bench_free(&bench);
	if (wire >= 0)
		close(wire);
	return 0;
}

static void begin(uint64_t features)
{
	driver_begin(&bench, features);
	driver_queue(&bench, &receive, 0, 16, RECEIVE_AT);
	driver_queue(&bench, &transmit, 1, 16, TRANSMIT_AT);
	driver_ok(&bench);
}

/* A frame of `bytes` with its header comes in. */
static void arrive(size_t bytes, uint8_t value)
{
	uint8_t frame[70000];

	memset(frame, value, bytes);
	memset(frame, 0, HEADER);
	assert_int_equal(send(wire, frame, bytes, 0), bytes);
	bench_settle(&bench);
}

static void the_configuration_has_the_mac(void **state)
{
	(void)state;
	assert_int_equal(reg_read(&bench, 0x08), 1);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(dev_read(&bench, 0x100 + i, 1), i == 0 ? 2 : i == 5);
	assert_int_equal(dev_read(&bench, 0x106, 2), 1);	/* the link is up */
}

static void frames_go_out(void **state)
{
	uint8_t got[2048];
	uint32_t id, bytes;

	(void)state;
	begin(0);
	memset(bench.ram + FRAME_AT, 0, HEADER);
	memset(bench.ram + FRAME_AT + HEADER, 0x42, 60);
	put_descriptor(&transmit, 0, FRAME_AT, HEADER, DESC_NEXT, 1);
	put_descriptor(&transmit, 1, FRAME_AT + HEADER, 60, 0, 0);
	offer(&transmit, 0);
	assert_true(take_used(&transmit, &id, &bytes));
	assert_int_equal(recv(wire, got, sizeof(got), 0), HEADER + 60);
	assert_memory_equal(got, bench.ram + FRAME_AT, HEADER + 60);
}

static void a_full_tap_holds_frames_back(void **state)
{
	unsigned int offered = 0, taken = 0;
	uint8_t got[4096];
	uint32_t id, bytes;

	(void)state;
	begin(0);
	put_descriptor(&transmit, 0, FRAME_AT, 4096, 0, 0);
	while (offered - taken < 8) {
		offer(&transmit, 0);
		offered++;
		while (take_used(&transmit, &id, &bytes))
			taken++;
	}
	for (unsigned int i = 0; i < offered; i++) {	/* none is lost */
		assert_int_equal(recv(wire, got, sizeof(got), 0), 4096);
		bench_settle(&bench);
	}
	while (take_used(&transmit, &id, &bytes))
		taken++;
	assert_int_equal(taken, offered);
}

static void frames_come_in(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin(0);
	put_descriptor(&receive, 2, BUFFER_AT, 2000, DESC_WRITE, 0);
	offer(&receive, 2);
	assert_false(take_used(&receive, &id, &bytes));
	arrive(HEADER + 100, 0x24);
	assert_true(take_used(&receive, &id, &bytes));
	assert_int_equal(id, 2);
	assert_int_equal(bytes, HEADER + 100);
	assert_int_equal(bench.ram[BUFFER_AT + 10], 1);		/* num_buffers */
	assert_int_equal(bench.ram[BUFFER_AT + HEADER], 0x24);
	assert_true(bench.line);
}

static void frames_wait_for_buffers(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin(0);
	for (uint8_t i = 1; i <= 5; i++)
		arrive(HEADER + 50, i);
	put_descriptor(&receive, 0, BUFFER_AT, 2000, DESC_WRITE, 0);
	for (uint8_t i = 1; i <= 5; i++) {
		offer(&receive, 0);
		assert_true(take_used(&receive, &id, &bytes));
		assert_int_equal(bench.ram[BUFFER_AT + HEADER], i);
	}
	assert_false(take_used(&receive, &id, &bytes));
}

static void a_long_frame_fills_several_buffers(void **state)
{
	uint32_t id, bytes, all = 0;

	(void)state;
	begin(F_MRG_RXBUF);
	arrive(HEADER + 3000, 0x66);
	for (unsigned int i = 0; i < 3; i++) {
		put_descriptor(&receive, i, BUFFER_AT + i * 0x1000, 1024, DESC_WRITE, 0);
		assert_false(take_used(&receive, &id, &bytes));		/* not before all are there */
		offer(&receive, i);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(take_used(&receive, &id, &bytes));
		assert_int_equal(id, i);
		all += bytes;
	}
	assert_int_equal(all, HEADER + 3000);
	assert_int_equal(bench.ram[BUFFER_AT + 10], 3);
	assert_int_equal(bench.ram[BUFFER_AT + 0x2000 + 3012 - 2048 - 1], 0x66);
	assert_int_equal(bench.ram[BUFFER_AT + 0x2000 + 3012 - 2048], 0);
}

static void without_merged_buffers_a_frame_that_does_not_fit_is_lost(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin(0);
	put_descriptor(&receive, 0, BUFFER_AT, 100, DESC_WRITE, 0);
	offer_quietly(&receive, 0);
	offer(&receive, 0);
	arrive(HEADER + 150, 1);
	assert_false(take_used(&receive, &id, &bytes));
	arrive(HEADER + 50, 2);
	assert_true(take_used(&receive, &id, &bytes));
	assert_int_equal(bench.ram[BUFFER_AT + HEADER], 2);
}

static void frames_that_cannot_be_need_a_reset(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&transmit, 0, FRAME_AT, HEADER, 0, 0);
	offer(&transmit, 0);
	assert_true(IS_BROKEN(&bench));
	begin(0);
	put_descriptor(&transmit, 0, 0, 70000, 0, 0);
	offer(&transmit, 0);
	assert_true(IS_BROKEN(&bench));
	begin(0);
	put_descriptor(&receive, 0, BUFFER_AT, 10, 0, 0);	/* nothing to write to */
	offer(&receive, 0);
	arrive(HEADER + 50, 1);
	assert_false(IS_BROKEN(&bench));			/* it has no room, that is all */
}

static void a_tap_that_goes_takes_the_link_down(void **state)
{
	const uint32_t generation = reg_read(&bench, 0xfc);

	(void)state;
	begin(0);
	close(wire);
	wire = -1;
	bench_settle(&bench);
	assert_int_equal(dev_read(&bench, 0x106, 2), 0);
	assert_int_not_equal(reg_read(&bench, 0xfc), generation);
	assert_int_equal(reg_read(&bench, 0x60), 2);
}

/* Buffers shrink between the count and the filling: a look at the ring is a chance for the guest. */
static void shrink(struct bench *b, uint64_t gpa, bool write)
{
	static unsigned int looks;

	if (!write && gpa >= RECEIVE_AT && gpa < RECEIVE_AT + 0x1000 && ++looks % 3 == 0)
		for (unsigned int i = 0; i < 16; i++)
			put_descriptor(&receive, i, BUFFER_AT, 1 + b->ram[0]++ % 64, DESC_WRITE, 0);
}

static void buffers_that_shrink_do_no_harm(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 32; round++) {
		begin(F_MRG_RXBUF);
		for (unsigned int i = 0; i < 16; i++) {
			put_descriptor(&receive, i, BUFFER_AT, 200, DESC_WRITE, 0);
			offer_quietly(&receive, i);
		}
		bench.on_access = shrink;
		arrive(HEADER + 1000, 1);
		reg_write(&bench, 0x50, 0);
		bench_settle(&bench);
		bench.on_access = NULL;
	}
	begin(0);
	frames_come_in(state);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_has_the_mac),
		TEST(frames_go_out),
		TEST(a_full_tap_holds_frames_back),
		TEST(frames_come_in),
		TEST(frames_wait_for_buffers),
		TEST(a_long_frame_fills_several_buffers),
		TEST(without_merged_buffers_a_frame_that_does_not_fit_is_lost),
		TEST(frames_that_cannot_be_need_a_reset),
		TEST(a_tap_that_goes_takes_the_link_down),
		TEST(buffers_that_shrink_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
