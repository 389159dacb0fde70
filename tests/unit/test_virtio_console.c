/* SPDX-License-Identifier: MIT */
/* The virtio console: what the guest prints and what is typed, beside a serial port. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "devices/uart.h"
#include "devices/virtio_console.h"
#include "virtio_bench.h"

#define RECEIVE_AT 0x10000
#define TRANSMIT_AT 0x20000
#define BUFFER_AT 0x40000u

static struct bench bench;
static struct driver_queue receive, transmit;

static int add(bool serial_first)
{
	const struct svmt_device uart = { .type = SVMT_DEV_UART, .at = 0x3f8, .irq = SVMT_NO_IRQ };
	struct engine_error error;

	bench_init(&bench, SVMT_DEV_VIRTIO_CONSOLE, "");
	if (serial_first && uart_add(&bench.vm, &uart, &error))
		return -1;
	return virtio_console_add(&bench.vm, &bench.row, &error);
}

static int set_up(void **state)
{
	(void)state;
	return add(false);
}

static int set_up_behind_a_serial_port(void **state)
{
	(void)state;
	return add(true);
}

static int tear_down(void **state)
{
	(void)state;
	bench_free(&bench);
	return 0;
}

static void begin(void)
{
	driver_begin(&bench, 0);
	driver_queue(&bench, &receive, 0, 8, RECEIVE_AT);
	driver_queue(&bench, &transmit, 1, 8, TRANSMIT_AT);
	driver_ok(&bench);
}

static void type(const char *text)
{
	size_t waiting;

	assert_true(console_type(&bench.vm.console, text, strlen(text), &waiting));
	uv_run(device_loop(&bench.vm), UV_RUN_NOWAIT);
	bench_settle(&bench);
}

static void what_the_guest_prints_is_output(void **state)
{
	struct console *console = &bench.vm.console;
	uint32_t id, bytes;

	(void)state;
	assert_true(console->exists);
	assert_int_equal(reg_read(&bench, 0x08), 3);
	begin();
	memcpy(bench.ram + BUFFER_AT, "hello, world", 12);
	put_descriptor(&transmit, 0, BUFFER_AT, 5, DESC_NEXT, 1);
	put_descriptor(&transmit, 1, BUFFER_AT + 5, 7, 0, 0);
	offer(&transmit, 0);
	assert_true(take_used(&transmit, &id, &bytes));
	assert_int_equal(bytes, 0);
	assert_int_equal(console->pending_bytes, 12);
	assert_memory_equal(console->pending, "hello, world", 12);
}

static void a_long_text_is_output_in_parts(void **state)
{
	struct console *console = &bench.vm.console;
	uint32_t id, bytes;

	(void)state;
	begin();
	for (unsigned int i = 0; i < 20000; i++)
		bench.ram[BUFFER_AT + i] = (uint8_t)('a' + i % 26);
	put_descriptor(&transmit, 0, BUFFER_AT, 20000, 0, 0);
	offer(&transmit, 0);
	assert_true(take_used(&transmit, &id, &bytes));
	assert_int_equal(console->pending_bytes, 20000);
	assert_memory_equal(console->pending, bench.ram + BUFFER_AT, 20000);
}

static void what_is_typed_comes_in(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin();
	put_descriptor(&receive, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	put_descriptor(&receive, 1, BUFFER_AT + 16, 16, DESC_WRITE, 0);
	offer(&receive, 0);
	assert_false(take_used(&receive, &id, &bytes));
	type("abcdef");
	assert_true(take_used(&receive, &id, &bytes));
	assert_int_equal(bytes, 4);
	assert_memory_equal(bench.ram + BUFFER_AT, "abcd", 4);
	assert_false(take_used(&receive, &id, &bytes));
	offer(&receive, 1);
	assert_true(take_used(&receive, &id, &bytes));
	assert_int_equal(bytes, 2);
	assert_memory_equal(bench.ram + BUFFER_AT + 16, "ef", 2);
}

static void input_is_the_first_ones(void **state)
{
	uint32_t id, bytes;

	(void)state;
	begin();
	put_descriptor(&receive, 0, BUFFER_AT, 4, DESC_WRITE, 0);
	offer(&receive, 0);
	type("x");
	assert_false(take_used(&receive, &id, &bytes));
	assert_int_equal(bus_read(&bench.vm, BUS_PORT, 0x3f8, 1), 'x');
}

static void buffers_of_the_wrong_direction_need_a_reset(void **state)
{
	(void)state;
	begin();
	put_descriptor(&receive, 0, BUFFER_AT, 4, 0, 0);
	offer(&receive, 0);
	type("x");
	assert_true(IS_BROKEN(&bench));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_the_guest_prints_is_output),
		TEST(a_long_text_is_output_in_parts),
		TEST(what_is_typed_comes_in),
		cmocka_unit_test_setup_teardown(input_is_the_first_ones,
						set_up_behind_a_serial_port, tear_down),
		TEST(buffers_of_the_wrong_direction_need_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
