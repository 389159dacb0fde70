/* SPDX-License-Identifier: MIT */
/*
 * The virtio transport: every register of the MMIO interface, negotiation, the rules of split
 * virtqueues and who breaks them. The entropy device is the simplest that has a queue.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "devices/virtio_mmio.h"
#include "devices/virtio_rng.h"
#include "virtio_bench.h"

#define QUEUE_AT 0x10000
#define BUFFER_AT 0x40000u
#define TABLE_AT 0x50000u

static struct bench bench;
static struct driver_queue queue;

static int set_up(void **state)
{
	struct engine_error error;

	*state = &bench;
	bench_init(&bench, SVMT_DEV_VIRTIO_RNG, "");
	return virtio_rng_add(&bench.vm, &bench.row, &error);
}

static int tear_down(void **state)
{
	(void)state;
	bench_free(&bench);
	return 0;
}

static void begin(uint64_t features)
{
	driver_begin(&bench, features);
	driver_queue(&bench, &queue, 0, 8, QUEUE_AT);
	driver_ok(&bench);
}

static bool was_used(uint32_t head, uint32_t written)
{
	uint32_t id, bytes;

	return take_used(&queue, &id, &bytes) && id == head && bytes == written;
}

static void registers_say_what_the_device_is(void **state)
{
	(void)state;
	assert_int_equal(reg_read(&bench, 0x00), 0x74726976);
	assert_int_equal(reg_read(&bench, 0x04), 2);
	assert_int_equal(reg_read(&bench, 0x08), 4);
	assert_int_equal(reg_read(&bench, 0x0c), 0x4d4d5653);
	assert_int_equal(reg_read(&bench, 0x34), 64);
	assert_int_equal(reg_read(&bench, 0xfc), 0);
	for (uint32_t offset = 0xb0; offset <= 0xbc; offset += 4)	/* no shared memory */
		assert_int_equal(reg_read(&bench, offset), 0xffffffff);
	assert_int_equal(reg_read(&bench, 0x100), 0);			/* no configuration */
	reg_write(&bench, 0x30, 1);
	assert_int_equal(reg_read(&bench, 0x34), 0);			/* no such queue */
	assert_int_equal(reg_read(&bench, 0x44), 0);
	reg_write(&bench, 0x38, 8);
	reg_write(&bench, 0x44, 1);
	assert_int_equal(reg_read(&bench, 0x44), 0);
}

static void registers_answer_to_aligned_words_only(void **state)
{
	(void)state;
	for (unsigned int bytes = 1; bytes <= 8; bytes *= 2)
		if (bytes != 4)
			assert_int_equal(dev_read(&bench, 0, bytes), 0);
	assert_int_equal(dev_read(&bench, 2, 4), 0);
	dev_write(&bench, 0x70, 1, 1);
	dev_write(&bench, 0x70, 8, 1);
	dev_write(&bench, 0x72, 4, 1);
	assert_int_equal(reg_read(&bench, 0x70), 0);
	for (uint32_t offset = 0; offset < 0x1000; offset += 4)		/* none does harm */
		dev_write(&bench, offset, 4, offset == 0x70 ? 0 : 0xffffffff);
	assert_int_equal(reg_read(&bench, 0x70), 0);
}

static void features_are_offered_in_halves(void **state)
{
	(void)state;
	reg_write(&bench, 0x14, 0);
	assert_int_equal(reg_read(&bench, 0x10), VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	reg_write(&bench, 0x14, 1);
	assert_int_equal(reg_read(&bench, 0x10), 1);
	reg_write(&bench, 0x14, 2);
	assert_int_equal(reg_read(&bench, 0x10), 0);
	reg_write(&bench, 0x14, 0xffffffff);
	assert_int_equal(reg_read(&bench, 0x10), 0);
}

static void status_after(uint32_t select, uint32_t features, uint32_t expected)
{
	reg_write(&bench, 0x70, 0);
	reg_write(&bench, 0x70, 3);
	reg_write(&bench, 0x24, 1);
	reg_write(&bench, 0x20, 1);
	reg_write(&bench, 0x24, select);
	reg_write(&bench, 0x20, features);
	reg_write(&bench, 0x70, 11);
	assert_int_equal(reg_read(&bench, 0x70), expected);
}

static void features_that_were_not_offered_are_refused(void **state)
{
	(void)state;
	status_after(1, 1, 11);
	status_after(0, VIRTIO_F_EVENT_IDX, 11);
	status_after(1, 0, 3);			/* without VERSION_1 */
	status_after(0, 1, 3);
	status_after(1, 3, 3);
	status_after(2, 1, 3);
	status_after(0xffffffff, 0, 11);
	/* What was accepted stays. */
	reg_write(&bench, 0x24, 1);
	reg_write(&bench, 0x20, 0);
	reg_write(&bench, 0x70, 15);
	assert_int_equal(reg_read(&bench, 0x70), 15);
}

static void status_bits_are_only_added_until_a_reset(void **state)
{
	(void)state;
	reg_write(&bench, 0x70, 4);		/* DRIVER_OK without FEATURES_OK */
	assert_int_equal(reg_read(&bench, 0x70), 0);
	reg_write(&bench, 0x70, 0xffffff80);
	assert_int_equal(reg_read(&bench, 0x70), 0x80);
	reg_write(&bench, 0x70, 1);
	assert_int_equal(reg_read(&bench, 0x70), 0x81);
	reg_write(&bench, 0x70, 0);
	assert_int_equal(reg_read(&bench, 0x70), 0);
}

static void a_buffer_is_filled_and_the_driver_interrupted(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 3, BUFFER_AT, 600, DESC_WRITE | DESC_NEXT, 1);
	put_descriptor(&queue, 1, BUFFER_AT + 1000, 100, DESC_WRITE, 0);
	offer(&queue, 3);
	assert_true(was_used(3, 700));
	assert_true(bench.line);
	assert_int_equal(reg_read(&bench, 0x60), 1);
	reg_write(&bench, 0x64, 2);
	assert_true(bench.line);
	reg_write(&bench, 0x64, 1);
	assert_false(bench.line);
	assert_int_equal(reg_read(&bench, 0x60), 0);
	assert_memory_not_equal(bench.ram + BUFFER_AT, bench.ram + BUFFER_AT + 256, 256);
	assert_int_equal(bench.ram[BUFFER_AT + 600], 0);
	/* A second round with the flag that wants no interrupt. */
	bench.ram[QUEUE_AT + 0x1000] = 1;
	offer(&queue, 3);
	assert_true(was_used(3, 700));
	assert_false(bench.line);
}

static void nothing_happens_before_driver_ok_or_after_a_reset(void **state)
{
	(void)state;
	driver_begin(&bench, 0);
	driver_queue(&bench, &queue, 0, 8, QUEUE_AT);
	put_descriptor(&queue, 0, BUFFER_AT, 16, DESC_WRITE, 0);
	offer(&queue, 0);
	assert_false(was_used(0, 16));
	driver_ok(&bench);			/* what was there before is seen now */
	assert_true(was_used(0, 16));
	assert_true(bench.line);
	reg_write(&bench, 0x70, 0);
	assert_false(bench.line);
	reg_write(&bench, 0x30, 0);
	assert_int_equal(reg_read(&bench, 0x44), 0);
	offer(&queue, 0);
	assert_false(was_used(0, 16));
	/* A queue that is taken away is not looked at; one that is there again begins anew. */
	begin(0);
	reg_write(&bench, 0x44, 0);
	assert_int_equal(reg_read(&bench, 0x44), 0);
	offer(&queue, 0);
	assert_false(was_used(0, 16));
	assert_false(IS_BROKEN(&bench));
}

static void indices_wrap_around(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	for (unsigned int i = 0; i < 66000; i++) {
		offer_quietly(&queue, 0);
		if (i % 8 == 7) {
			reg_write(&bench, 0x50, 0);
			uv_run(device_loop(&bench.vm), UV_RUN_NOWAIT);
			for (unsigned int k = 0; k < 8; k++)
				assert_true(was_used(0, 4));
		}
	}
}

static void an_event_index_says_when_to_interrupt(void **state)
{
	const uint16_t third = 2;
	uint16_t asked;

	(void)state;
	begin(VIRTIO_F_EVENT_IDX);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	memcpy(bench.ram + QUEUE_AT + 0x1000 + 4 + 8 * 2, &third, 2);	/* used_event */
	offer(&queue, 0);
	offer(&queue, 0);
	assert_false(bench.line);
	offer(&queue, 0);
	assert_true(bench.line);
	memcpy(&asked, bench.ram + QUEUE_AT + 0x2000 + 4 + 8 * 8, 2);	/* avail_event */
	assert_int_equal(asked, 3);
}

static void an_indirect_table_is_a_chain(void **state)
{
	struct driver_queue table = { .bench = &bench, .base = TABLE_AT };

	(void)state;
	begin(VIRTIO_F_INDIRECT_DESC);
	put_descriptor(&table, 0, BUFFER_AT, 10, DESC_WRITE | DESC_NEXT, 2);
	put_descriptor(&table, 2, BUFFER_AT + 100, 20, DESC_WRITE, 0);
	put_descriptor(&queue, 5, TABLE_AT, 3 * 16, DESC_INDIRECT | DESC_WRITE, 0);
	offer(&queue, 5);
	assert_true(was_used(5, 30));
}

static void offers_are_worked_off_in_parts(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	for (unsigned int i = 0; i < 8; i++)
		offer_quietly(&queue, 0);
	reg_write(&bench, 0x50, 0);
	bench_settle(&bench);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(was_used(0, 4));
	assert_false(was_used(0, 4));
}

static void a_pause_leaves_memory_alone_until_it_is_over(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	bench_device(&bench)->pause(bench_device(&bench));
	offer(&queue, 0);
	assert_false(was_used(0, 4));
	bench_device(&bench)->resume(bench_device(&bench));
	bench_settle(&bench);
	assert_true(was_used(0, 4));
}

/* ---- what a driver can do wrong ---- */

struct wrong_queue {
	const char *what;
	uint32_t size, descriptors, available, used, high;
};

static void queues_that_cannot_be_need_a_reset(void **state)
{
	static const struct wrong_queue wrongs[] = {
		{ "size 0", 0, 0x10000, 0x11000, 0x12000, 0 },
		{ "size no power of two", 6, 0x10000, 0x11000, 0x12000, 0 },
		{ "size above the maximum", 128, 0x10000, 0x11000, 0x12000, 0 },
		{ "size that would wrap", 0x10008, 0x10000, 0x11000, 0x12000, 0 },
		{ "descriptors not aligned", 8, 0x10008, 0x11000, 0x12000, 0 },
		{ "available not aligned", 8, 0x10000, 0x11001, 0x12000, 0 },
		{ "used not aligned", 8, 0x10000, 0x11000, 0x12002, 0 },
		{ "descriptors beyond memory", 8, RAM_BYTES - 112, 0x11000, 0x12000, 0 },
		{ "available beyond memory", 8, 0x10000, RAM_BYTES - 20, 0x12000, 0 },
		{ "used beyond memory", 8, 0x10000, 0x11000, RAM_BYTES - 64, 0 },
		{ "used in ROM", 8, 0x10000, 0x11000, ROM_GPA, 0 },
		{ "far above", 8, 0x10000, 0x11000, 0x12000, 0xffffffff },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		driver_begin(&bench, 0);
		reg_write(&bench, 0x38, wrongs[i].size);
		reg_write(&bench, 0x80, wrongs[i].descriptors);
		reg_write(&bench, 0x84, wrongs[i].high);
		reg_write(&bench, 0x90, wrongs[i].available);
		reg_write(&bench, 0xa0, wrongs[i].used);
		reg_write(&bench, 0x44, 1);
		if (!IS_BROKEN(&bench) || reg_read(&bench, 0x44))
			fail_msg("%s was taken", wrongs[i].what);
	}
	/* In ROM, what only the driver writes is no mistake; and a reset heals everything. */
	driver_begin(&bench, 0);
	reg_write(&bench, 0x38, 8);
	reg_write(&bench, 0x80, ROM_GPA);
	reg_write(&bench, 0x90, ROM_GPA + 0x1000);
	reg_write(&bench, 0xa0, 0x12000);
	reg_write(&bench, 0x44, 1);
	assert_false(IS_BROKEN(&bench));
	assert_int_equal(reg_read(&bench, 0x44), 1);
	/* While it is ready it cannot be changed. */
	reg_write(&bench, 0x38, 0);
	reg_write(&bench, 0x80, 1);
	reg_write(&bench, 0x44, 1);
	assert_false(IS_BROKEN(&bench));
}

struct wrong_chain {
	const char *what;
	void (*make)(void);
};

static void loop_of_one(void) { put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 0); }
static void next_is_beyond(void) { put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 8); }
static void no_length(void) { put_descriptor(&queue, 0, BUFFER_AT, 0, DESC_WRITE, 0); }
static void no_memory(void) { put_descriptor(&queue, 0, 0xd0000000, 4, DESC_WRITE, 0); }
static void end_of_memory(void) { put_descriptor(&queue, 0, RAM_BYTES - 4, 8, DESC_WRITE, 0); }
static void end_of_addresses(void) { put_descriptor(&queue, 0, UINT64_MAX - 3, 8, DESC_WRITE, 0); }
static void in_rom(void) { put_descriptor(&queue, 0, ROM_GPA, 4, DESC_WRITE, 0); }
static void huge(void) { put_descriptor(&queue, 0, BUFFER_AT, UINT32_MAX, DESC_WRITE, 0); }
static void not_writable(void) { put_descriptor(&queue, 0, BUFFER_AT, 4, 0, 0); }

static void loop_of_two(void)
{
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 1);
	put_descriptor(&queue, 1, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 0);
}

static void readable_after_writable(void)
{
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 1);
	put_descriptor(&queue, 1, BUFFER_AT, 4, 0, 0);
}

/* All of memory, again and again, from an indirect table: 4 GiB in the end. */
static void four_gib(void)
{
	struct driver_queue table = { .bench = &bench, .base = TABLE_AT };

	for (unsigned int i = 0; i < 256; i++)
		put_descriptor(&table, i, 0, RAM_BYTES, DESC_WRITE | (i < 255 ? DESC_NEXT : 0), i + 1);
	put_descriptor(&queue, 0, TABLE_AT, 256 * 16, DESC_INDIRECT, 0);
	/* 256 MiB are allowed, but not more descriptors; so the ring's own chain is in front. */
	put_descriptor(&queue, 1, TABLE_AT, 256 * 16, DESC_INDIRECT, 0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 1);
}

static void indirect(uint64_t gpa, uint32_t bytes, unsigned int flags)
{
	struct driver_queue table = { .bench = &bench, .base = TABLE_AT };

	put_descriptor(&table, 0, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 1);
	put_descriptor(&table, 1, BUFFER_AT, 4, DESC_WRITE, 0);
	put_descriptor(&queue, 0, gpa, bytes, DESC_INDIRECT | flags, 0);
}

static void indirect_empty(void) { indirect(TABLE_AT, 0, 0); }
static void indirect_odd(void) { indirect(TABLE_AT, 33, 0); }
static void indirect_long(void) { indirect(TABLE_AT, 257 * 16, 0); }
static void indirect_huge(void) { indirect(TABLE_AT, 0xfffffff0, 0); }
static void indirect_nowhere(void) { indirect(0xd0000000, 32, 0); }
static void indirect_short(void) { indirect(TABLE_AT, 16, 0); }
static void indirect_with_next(void) { indirect(TABLE_AT, 32, DESC_NEXT); }

static void indirect_in_indirect(void)
{
	struct driver_queue table = { .bench = &bench, .base = TABLE_AT };

	indirect(TABLE_AT, 32, 0);
	put_descriptor(&table, 1, TABLE_AT, 16, DESC_INDIRECT, 0);
}

static void indirect_loop(void)
{
	struct driver_queue table = { .bench = &bench, .base = TABLE_AT };

	indirect(TABLE_AT, 32, 0);
	put_descriptor(&table, 1, BUFFER_AT, 4, DESC_WRITE | DESC_NEXT, 0);
}

static void chains_that_cannot_be_need_a_reset(void **state)
{
	static const struct wrong_chain wrongs[] = {
		{ "loop of one", loop_of_one }, { "loop of two", loop_of_two },
		{ "next beyond the table", next_is_beyond }, { "no length", no_length },
		{ "no memory", no_memory }, { "end of memory", end_of_memory },
		{ "end of addresses", end_of_addresses }, { "in ROM", in_rom }, { "huge", huge },
		{ "readable after writable", readable_after_writable },
		{ "nothing to write to", not_writable }, { "too many", four_gib },
		{ "indirect: empty", indirect_empty }, { "indirect: odd", indirect_odd },
		{ "indirect: long", indirect_long }, { "indirect: huge", indirect_huge },
		{ "indirect: nowhere", indirect_nowhere }, { "indirect: short", indirect_short },
		{ "indirect: with a next one", indirect_with_next },
		{ "indirect: in indirect", indirect_in_indirect },
		{ "indirect: loop", indirect_loop },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		begin(VIRTIO_F_INDIRECT_DESC);
		wrongs[i].make();
		offer(&queue, 0);
		if (!IS_BROKEN(&bench))
			fail_msg("%s was taken", wrongs[i].what);
		assert_true(bench.line);		/* a change of the configuration */
		assert_int_equal(reg_read(&bench, 0x60), 2);
		/* It stays so, whatever comes, until a reset. */
		put_descriptor(&queue, 1, BUFFER_AT, 4, DESC_WRITE, 0);
		offer(&queue, 1);
		assert_false(was_used(1, 4));
	}
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	offer(&queue, 0);
	assert_true(was_used(0, 4));
}

static void an_indirect_table_must_be_negotiated(void **state)
{
	(void)state;
	begin(0);
	indirect(TABLE_AT, 32, 0);
	offer(&queue, 0);
	assert_true(IS_BROKEN(&bench));
}

static void rings_that_jump_need_a_reset(void **state)
{
	(void)state;
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	offer(&queue, 8);			/* a head beyond the table */
	assert_true(IS_BROKEN(&bench));
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	set_available(&queue, 8);		/* all that there can be */
	offer_quietly(&queue, 0);
	assert_true(queue.available == 9);
	reg_write(&bench, 0x50, 0);
	bench_settle(&bench);
	assert_true(IS_BROKEN(&bench));
	begin(0);
	offer(&queue, 0);			/* backwards */
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	set_available(&queue, 0xffff);
	reg_write(&bench, 0x50, 0);
	bench_settle(&bench);
	assert_true(IS_BROKEN(&bench));
}

/* The guest changes each word between two looks at it: what was checked must be what is used. */
static void change_everything(struct bench *b, uint64_t gpa, bool write)
{
	if (write || gpa < QUEUE_AT || gpa >= QUEUE_AT + 0x4000)
		return;
	/* After this access the descriptors are another guest's. */
	for (unsigned int i = 0; i < 8; i++)
		put_descriptor(&queue, i, b->ram[0] & 1 ? 0xd0000000 : BUFFER_AT, b->ram[0] & 2 ?
			       0xffffffff : 4, DESC_WRITE | (b->ram[0] & 4 ? DESC_NEXT : 0),
			       b->ram[0] & 8 ? 0xffff : 0);
	b->ram[0]++;
}

static void words_that_change_under_our_feet_are_fetched_once(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 64; i++) {
		begin(0);
		bench.on_access = change_everything;
		bench.ram[0] = (uint8_t)i;
		for (unsigned int k = 0; k < 16; k++)
			offer(&queue, k % 8);
		bench.on_access = NULL;		/* the bench aborts at an access that is none */
	}
}

static void a_host_without_memory_breaks_the_queue_only(void **state)
{
	(void)state;
	for (unsigned int after = 1; after < 12; after++) {
		begin(0);
		put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
		bench.refuse = after;
		offer(&queue, 0);
		bench.refuse = 0;
	}
	begin(0);
	put_descriptor(&queue, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	bench.refuse = 1;
	offer(&queue, 0);
	assert_true(IS_BROKEN(&bench));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(registers_say_what_the_device_is),
		TEST(registers_answer_to_aligned_words_only),
		TEST(features_are_offered_in_halves),
		TEST(features_that_were_not_offered_are_refused),
		TEST(status_bits_are_only_added_until_a_reset),
		TEST(a_buffer_is_filled_and_the_driver_interrupted),
		TEST(nothing_happens_before_driver_ok_or_after_a_reset),
		TEST(indices_wrap_around),
		TEST(an_event_index_says_when_to_interrupt),
		TEST(an_indirect_table_is_a_chain),
		TEST(offers_are_worked_off_in_parts),
		TEST(a_pause_leaves_memory_alone_until_it_is_over),
		TEST(queues_that_cannot_be_need_a_reset),
		TEST(chains_that_cannot_be_need_a_reset),
		TEST(an_indirect_table_must_be_negotiated),
		TEST(rings_that_jump_need_a_reset),
		TEST(words_that_change_under_our_feet_are_fetched_once),
		TEST(a_host_without_memory_breaks_the_queue_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
