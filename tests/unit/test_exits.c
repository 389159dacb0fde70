/* SPDX-License-Identifier: MIT */
/*
 * How svmrund finishes exits in the run page: port I/O with its devices, and the moves to addresses
 * without memory. A vCPU here is a run page and a bus; no thread, no engine.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <svmkit/vmcb.h>
#include "device.h"
#include "io.h"
#include "devices/debug_exit.h"
#include "devices/uart.h"
#include "mmio.h"
#include "vcpu.h"

#define IN(port, bytes) ((uint64_t)(port) << 16 | (bytes) << 4 | 1)
#define OUT(port, bytes) ((uint64_t)(port) << 16 | (bytes) << 4)

struct machine {
	struct daemon daemon;
	struct vm vm;
	struct vcpu vcpu;
	struct svmrt_run_page run;
};

/* Flat segments, as far as the emulator asks. */
static int flat_image(int vcpu_fd, struct svmrt_vcpu_image *image)
{
	struct svmk_vmcb *vmcb = (struct svmk_vmcb *)(uintptr_t)image->vmcb;

	(void)vcpu_fd;
	memset(vmcb, 0, sizeof(*vmcb));
	vmcb_set_DS_LIMIT(vmcb, 0xffffffff);
	vmcb_set_DS_ATTRIB(vmcb, 0xc93);
	return 0;
}

static int set_up(void **state)
{
	static const struct engine engine = { .image = flat_image };
	static struct machine machine;
	struct machine *m = &machine;

	memset(m, 0, sizeof(*m));
	uv_loop_init(&m->daemon.loop);
	uv_async_init(&m->daemon.loop, &m->daemon.wake, NULL);
	m->daemon.engine = &engine;
	m->vm.daemon = &m->daemon;
	m->vcpu.vm = &m->vm;
	m->vcpu.pages.run = &m->run;
	bus_init(&m->vm.bus);
	list_init(&m->vm.devices);
	device_thread_init(&m->vm.device_thread);
	console_init(&m->vm.console);
	uart_add(&m->vm, &(struct svmt_device){ .at = 0x3f8, .irq = 4 }, NULL);
	debug_exit_add(&m->vm, &(struct svmt_device){ .at = 0xf4 }, NULL);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;

	device_free_all(&m->vm);
	bus_free(&m->vm.bus);
	console_free(&m->vm.console);
	uv_close((uv_handle_t *)&m->daemon.wake, NULL);
	uv_run(&m->daemon.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&m->daemon.loop);
}

static uint64_t port_in(struct machine *m, uint16_t port, unsigned int bytes, uint64_t rax)
{
	m->run.dirty = 0;
	m->run.exitinfo1 = IN(port, bytes);
	m->run.exitinfo2 = 0x1234;
	m->run.gpr[0] = rax;
	assert_true(io_handle_exit(&m->vcpu));
	assert_int_equal(m->run.dirty, SVMRT_DIRTY_GPR | SVMRT_DIRTY_RIP);
	assert_int_equal(m->run.rip, 0x1234);
	return m->run.gpr[0];
}

static bool port_out(struct machine *m, uint16_t port, unsigned int bytes, uint64_t rax)
{
	m->run.dirty = 0;
	m->run.exitinfo1 = OUT(port, bytes);
	m->run.exitinfo2 = 0x1234;
	m->run.gpr[0] = rax;
	return io_handle_exit(&m->vcpu);
}

static void unclaimed_ports_read_all_ones_and_drop_writes(void **state)
{
	struct machine *m = *state;

	assert_true(port_in(m, 0x80, 1, 0x1122334455667700) == 0x11223344556677ff);
	assert_true(port_in(m, 0x80, 2, 0x1122334455660000) == 0x112233445566ffff);
	assert_true(port_in(m, 0x80, 4, 0x1122334400000000) == 0xffffffff);
	assert_true(port_in(m, 0xffff, 4, 0) == 0xffffffff);
	assert_true(port_out(m, 0x80, 4, ~0ULL));
	assert_int_equal(m->run.dirty, SVMRT_DIRTY_RIP);
}

static void the_uart_sends_and_is_always_ready(void **state)
{
	struct machine *m = *state;

	assert_true(port_in(m, 0x3fd, 1, 0) == 0x60);
	assert_true(port_out(m, 0x3f8, 1, 'h'));
	assert_true(port_out(m, 0x3f8, 1, 0xabcd00 | 'i'));
	assert_int_equal(m->vm.console.pending_bytes, 2);
	assert_memory_equal(m->vm.console.pending, "hi", 2);
}

static void the_uart_keeps_its_registers(void **state)
{
	struct machine *m = *state;

	port_out(m, 0x3fb, 1, 0x83);
	port_out(m, 0x3f8, 2, 0x0203);		/* divisor, both bytes at once */
	assert_true(port_in(m, 0x3f8, 1, 0) == 0x03);
	assert_true(port_in(m, 0x3f9, 1, 0) == 0x02);
	port_out(m, 0x3fb, 1, 0x03);
	assert_true(port_in(m, 0x3fb, 1, 0) == 0x03);
	assert_true(port_in(m, 0x3f8, 1, 0) == 0);
	port_out(m, 0x3ff, 1, 0x5a);
	assert_true(port_in(m, 0x3ff, 1, 0) == 0x5a);
	assert_true(port_in(m, 0x3fe, 1, 0) == 0xb0);
	port_out(m, 0x3fa, 1, 1);
	assert_true(port_in(m, 0x3fa, 1, 0) == 0xc1);
	port_out(m, 0x3f9, 1, 2);
	assert_true(port_in(m, 0x3fa, 1, 0) == 0xc2);
	assert_true(port_in(m, 0x3fa, 1, 0) == 0xc1);
	assert_int_equal(m->vm.console.pending_bytes, 0);
}

static void the_uart_loops_back(void **state)
{
	struct machine *m = *state;

	port_out(m, 0x3fc, 1, 0x1a);		/* loop, OUT2, RTS: as Linux's 8250 driver probes */
	assert_true((port_in(m, 0x3fe, 1, 0) & 0xf0) == 0x90);
	port_out(m, 0x3f8, 1, 'x');
	assert_true(port_in(m, 0x3fd, 1, 0) == 0x61);
	assert_true(port_in(m, 0x3f8, 1, 0) == 'x');
	assert_true(port_in(m, 0x3fd, 1, 0) == 0x60);
	assert_int_equal(m->vm.console.pending_bytes, 0);
}

static void the_uart_receives_what_was_typed(void **state)
{
	struct machine *m = *state;
	size_t waiting;

	assert_true(console_type(&m->vm.console, "\xff" "b", 2, &waiting));
	assert_int_equal(waiting, 2);
	assert_true(port_in(m, 0x3fd, 1, 0) == 0x61);
	port_out(m, 0x3f9, 1, 1);
	assert_true(port_in(m, 0x3fa, 1, 0) == 0x04);	/* received data, until it is read */
	assert_true(port_in(m, 0x3fa, 1, 0) == 0x04);
	assert_true(port_in(m, 0x3f8, 1, 0) == 0xff);
	port_out(m, 0x3fc, 1, 0x10);			/* loopback: the line is cut off */
	assert_true(port_in(m, 0x3fd, 1, 0) == 0x60);
	port_out(m, 0x3fc, 1, 0);
	assert_true(port_in(m, 0x3f8, 1, 0) == 'b');
	assert_true(port_in(m, 0x3fd, 1, 0) == 0x60);
	assert_true(port_in(m, 0x3fa, 1, 0) == 0x01);
	assert_true(port_in(m, 0x3f8, 1, 0) == 'b');	/* nothing new: the register keeps it */
}

static void input_that_does_not_fit_is_refused_whole(void **state)
{
	static char much[CONSOLE_INPUT_BYTES];
	struct machine *m = *state;
	size_t waiting;
	uint8_t byte;

	memset(much, 'x', sizeof(much));
	assert_true(console_type(&m->vm.console, "ab", 2, &waiting));
	assert_false(console_type(&m->vm.console, much, sizeof(much) - 1, &waiting));
	assert_int_equal(waiting, 2);
	assert_true(console_get(&m->vm.console, &byte) && byte == 'a');
	assert_true(console_type(&m->vm.console, much, sizeof(much) - 1, &waiting));
	assert_int_equal(waiting, sizeof(much));
	assert_true(console_get(&m->vm.console, &byte) && byte == 'b');
	for (size_t i = 0; i < sizeof(much) - 1; i++)
		assert_true(console_get(&m->vm.console, &byte) && byte == 'x');
	assert_false(console_get(&m->vm.console, &byte));
}

static void a_wide_read_takes_each_byte_from_its_port(void **state)
{
	struct machine *m = *state;

	assert_true(port_in(m, 0x3fd, 4, 0) == 0xff00b060);
}

static void the_debug_exit_port_ends_the_run(void **state)
{
	struct machine *m = *state;

	assert_false(device_ended_run(&m->vcpu));
	assert_true(port_out(m, 0xf4, 4, 0xffffffff12345678));
	assert_true(device_ended_run(&m->vcpu));
	assert_int_equal(m->vcpu.end.reason, VM_END_DEBUG_EXIT);
	assert_int_equal(m->vcpu.end.status, 0x12345678);
}

static void string_io_sends_what_memory_has(void **state)
{
	struct machine *m = *state;

	/* No memory here: ones. */
	memcpy(m->run.insn, "\xf3\x6e", 2);		/* rep outsb */
	m->run.insn_bytes = 2;
	m->run.exitinfo1 = OUT(0x3f8, 1) | 4 | 8;
	m->run.rip = 0x7c12;
	m->run.cr0 = 0x11;
	m->run.efer = 1 << 10;
	m->run.cs_attrib = 0x29b;
	m->run.gpr[1] = 3;
	m->run.gpr[2] = 0x3f8;
	m->run.gpr[6] = 0x1000;
	assert_true(io_handle_exit(&m->vcpu));
	assert_int_equal(m->vm.console.pending_bytes, 3);
	assert_true(m->run.rip == 0x7c14 && m->run.gpr[1] == 0 && m->run.gpr[6] == 0x1003);
}

static void string_io_without_its_bytes_ends_the_run(void **state)
{
	struct machine *m = *state;

	m->run.exitinfo1 = IN(0x1f0, 2) | 4 | 8;
	m->run.rip = 0x7c12;
	assert_false(io_handle_exit(&m->vcpu));
	assert_int_equal(m->vcpu.end.reason, VM_END_ERROR);
	assert_non_null(strstr(m->vcpu.end.text, "REP INS on port 0x1f0 at RIP 0x7c12"));
}

struct move {
	const char *bytes;
	uint8_t length;
	bool write;
	char mode;		/* l: long, p: 32 bits, r: real */
	unsigned int gpr;
	uint64_t before, after;
};

static bool touch(struct machine *m, const char *bytes, uint8_t length, uint64_t info1, char mode)
{
	memcpy(m->run.insn, bytes, length);
	m->run.insn_bytes = length;
	m->run.exitcode = SVM_EXIT_CODE_NPF;
	m->run.exitinfo1 = info1;
	m->run.exitinfo2 = 0xfee00030;
	m->run.rip = mode == 'r' ? 0xfffe : 0x1000;
	m->run.cr0 = mode == 'r' ? 0x10 : 0x11;
	m->run.efer = mode == 'l' ? 1 << 10 : 0;
	m->run.cs_attrib = mode == 'l' ? 0x29b : mode == 'p' ? 0xc9b : 0x9b;
	m->run.dirty = 0;
	return mmio_handle_exit(&m->vcpu);
}

static void moves_read_all_ones_and_drop_writes(void **state)
{
	static const struct move moves[] = {
		{ "\x8b\x07", 2, false, 'l', 0, 0x1111111122222222, 0xffffffff },
		{ "\x48\x8b\x07", 3, false, 'l', 0, 0, ~0ULL },
		{ "\x66\x8b\x07", 3, false, 'l', 0, 0x1111111122222222, 0x111111112222ffff },
		{ "\x8a\x07", 2, false, 'l', 0, 0x1111111122222222, 0x11111111222222ff },
		{ "\x8a\x27", 2, false, 'l', 0, 0x1111111122222222, 0x111111112222ff22 },
		{ "\x44\x8a\x3f", 3, false, 'l', 15, 0, 0xff },
		{ "\x40\x8a\x37", 3, false, 'l', 6, 0, 0xff },
		{ "\x0f\xb6\x0f", 3, false, 'l', 1, ~0ULL, 0xff },
		{ "\x0f\xb7\x0f", 3, false, 'l', 1, ~0ULL, 0xffff },
		{ "\x0f\xbe\x0f", 3, false, 'l', 1, 0, 0xffffffff },
		{ "\x48\x0f\xbe\x0f", 4, false, 'l', 1, 0, ~0ULL },
		{ "\x48\x63\x0f", 3, false, 'l', 1, 0, ~0ULL },
		{ "\xa1\x30\x00\xe0\xfe", 5, false, 'p', 0, 0, 0xffffffff },
		{ "\x8b\x07", 2, false, 'r', 0, 0, 0xffff },
		{ "\x89\x07", 2, true, 'l', 0, 5, 5 },
		{ "\xc7\x07\x01\x00\x00\x00", 6, true, 'l', 0, 5, 5 },
		{ "\x88\x27", 2, true, 'l', 0, 5, 5 },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		const struct move *move = &moves[i];

		memset(m->run.gpr, 0, sizeof(m->run.gpr));
		m->run.gpr[move->gpr] = move->before;
		assert_true(touch(m, move->bytes, move->length, move->write ? 6 : 4, move->mode));
		assert_true(m->run.gpr[move->gpr] == move->after);
		assert_true(m->run.dirty & SVMRT_DIRTY_RIP);
		assert_int_equal(!!(m->run.dirty & SVMRT_DIRTY_GPR), !move->write);
		/* In real mode IP wraps at 64 KiB. */
		assert_int_equal(m->run.rip, move->mode == 'r' ? 0 : 0x1000 + move->length);
	}
}

static void refused(struct machine *m, const char *bytes, uint8_t length, uint64_t info1,
		    const char *text)
{
	assert_false(touch(m, bytes, length, info1, 'l'));
	assert_int_equal(m->vcpu.end.reason, VM_END_ERROR);
	if (!strstr(m->vcpu.end.text, text))
		fail_msg("%s", m->vcpu.end.text);
	assert_non_null(strstr(m->vcpu.end.text, "at RIP 0x1000, GPA 0xfee00030"));
	assert_int_equal(m->run.dirty, 0);
}

static void other_accesses_end_the_run_and_name_the_instruction(void **state)
{
	struct machine *m = *state;

	refused(m, "\xff\x37", 2, 4, "push [rdi]");
	refused(m, "\x8c\x1f", 2, 6, "mov [rdi], ds");
	refused(m, "\xd9\x07", 2, 4, "fld [rdi]");
	refused(m, "\xc5\xf8\x10\x07", 4, 4, "vmovups xmm0, [rdi]");
	refused(m, "\x8b\x07", 2, 4 | 1 << 4, "instruction fetch");
	refused(m, "\x8b\x07", 2, 4 | 1ULL << 33, "page tables");
	refused(m, "\x48\x8b", 2, 4, "48 8b");
	refused(m, "", 0, 4, "could not be fetched");
	m->run.exitintinfo = 1ULL << 31;
	refused(m, "\x8b\x07", 2, 4, "delivery");
	m->run.exitintinfo = 0;
}

/* Nobody there: ones are read, and what would be written is dropped. */
static void updates_tell_flags_and_registers(void **state)
{
	struct machine *m = *state;

	m->run.rflags = 0x10002;
	memset(m->run.gpr, 0, sizeof(m->run.gpr));
	m->run.gpr[0] = 1;
	m->run.gpr[7] = 0xfee00030;
	assert_true(touch(m, "\x01\x07", 2, 6, 'l'));		/* add [rdi], eax */
	assert_int_equal(m->run.dirty, SVMRT_DIRTY_RFLAGS | SVMRT_DIRTY_RIP);
	assert_int_equal(m->run.rflags & 0x8d5, 0x55);		/* CF PF AF ZF */
	assert_true(touch(m, "\x87\x07", 2, 6, 'l'));		/* xchg [rdi], eax */
	assert_true(m->run.gpr[0] == 0xffffffff && m->run.dirty & SVMRT_DIRTY_GPR);
}

/* Without paging; what is behind the page's end is asked for apart. */
static void strings_go_on_where_they_were_left(void **state)
{
	struct machine *m = *state;

	m->run.rflags = 2;
	m->run.gpr[1] = 3;
	m->run.gpr[7] = 0xfee00ffe;
	assert_true(touch(m, "\xf3\x48\xaf", 3, 4, 'l'));	/* repe scasq, RAX of ones */
	assert_true(m->run.gpr[1] == 2 && m->run.gpr[7] == 0xfee01006);
	m->run.gpr[0] = ~0ULL;
	m->run.gpr[1] = 3;
	atomic_store(&m->vcpu.pause, true);
	assert_true(touch(m, "\xf3\x48\xaf", 3, 4, 'l'));
	assert_true(m->run.gpr[1] == 2 && !(m->run.dirty & SVMRT_DIRTY_RIP));
	atomic_store(&m->vcpu.pause, false);
	assert_true(touch(m, "\xf3\x48\xaf", 3, 4, 'l'));
	assert_true(m->run.gpr[1] == 0 && m->run.dirty & SVMRT_DIRTY_RIP);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unclaimed_ports_read_all_ones_and_drop_writes),
		CASE(the_uart_sends_and_is_always_ready),
		CASE(the_uart_keeps_its_registers),
		CASE(the_uart_loops_back),
		CASE(the_uart_receives_what_was_typed),
		CASE(input_that_does_not_fit_is_refused_whole),
		CASE(a_wide_read_takes_each_byte_from_its_port),
		CASE(the_debug_exit_port_ends_the_run),
		CASE(string_io_sends_what_memory_has),
		CASE(string_io_without_its_bytes_ends_the_run),
		CASE(moves_read_all_ones_and_drop_writes),
		CASE(other_accesses_end_the_run_and_name_the_instruction),
		CASE(updates_tell_flags_and_registers),
		CASE(strings_go_on_where_they_were_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
