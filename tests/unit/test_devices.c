/* SPDX-License-Identifier: MIT */
/*
 * The devices of a PC's chipset on an engine that only notes what interrupts are sent. Guest time is set
 * by hand: a VM here has no thread, its timers are run by the test.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "device.h"
#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/i8254.h"
#include "devices/i8259.h"
#include "devices/ioapic.h"
#include "devices/mc146818.h"
#include "devices/pci_host.h"
#include "devices/system_ports.h"
#include "devices/uart.h"
#include "pc.h"
#include "vcpu.h"

#define SECOND 1000000000ull

static struct machine {
	struct daemon daemon;
	struct engine engine;
	struct vm vm;
	struct vcpu vcpu, *vcpus[1];
	struct irq_source line[24];
	bool intr;
	unsigned int messages;
	uint64_t address;
	uint32_t data;
	int eoi_fd;
	uint32_t eoi_vector;
	struct svmrt_port_page page;
	struct svmrt_port ports[SVMRT_PORT_CELLS];
	unsigned int port_count;
} machine;

static int note_extint(int fd, bool level)
{
	(void)fd;
	machine.intr = level;
	return 0;
}

static int note_msi(int fd, uint64_t address, uint32_t data)
{
	(void)fd;
	machine.messages++;
	machine.address = address;
	machine.data = data;
	return 1;
}

static int note_eoifd(int fd, struct svmrt_eoifd *eoifd, struct engine_error *error)
{
	(void)fd;
	(void)error;
	machine.eoi_fd = eoifd->flags ? -1 : eoifd->fd;
	machine.eoi_vector = eoifd->vector;
	return 0;
}

static struct svmrt_port_page *give_page(int fd, struct svmrt_ports *ports,
					 struct engine_error *error)
{
	(void)fd;
	(void)error;
	assert_true(ports->fd >= 0);
	return &machine.page;
}

static int note_port(int fd, struct svmrt_port *port, struct engine_error *error)
{
	(void)fd;
	(void)error;
	machine.ports[machine.port_count++] = *port;
	return 0;
}

static void take_page_back(struct svmrt_port_page *page)
{
	assert_ptr_equal(page, &machine.page);
}

static int set_up(void **state)
{
	struct machine *m = &machine;
	struct engine_error error;

	memset(m, 0, sizeof(*m));
	m->eoi_fd = -1;
	uv_loop_init(&m->daemon.loop);
	uv_async_init(&m->daemon.loop, &m->daemon.wake, NULL);
	m->engine = (struct engine){ .extint = note_extint, .msi = note_msi, .eoifd = note_eoifd,
				      .ports = give_page, .port = note_port,
				      .unmap_ports = take_page_back };
	m->daemon.engine = &m->engine;
	m->vm.daemon = &m->daemon;
	m->vcpu.vm = &m->vm;
	m->vcpus[0] = &m->vcpu;
	m->vm.vcpus = m->vcpus;
	m->vm.vcpu_count = 1;
	bus_init(&m->vm.bus);
	list_init(&m->vm.devices);
	device_thread_init(&m->vm.device_thread);
	console_init(&m->vm.console);
	pic_add(&m->vm, 1 << 9 | 1 << 5);
	assert_int_equal(ioapic_add(&m->vm, 3, &error), 0);
	assert_int_equal(pit_add(&m->vm, &error), 0);
	assert_int_equal(rtc_add(&m->vm, &error), 0);
	assert_int_equal(acpi_pm_add(&m->vm, &error), 0);
	keyboard_add(&m->vm);
	system_ports_add(&m->vm);
	assert_int_equal(pci_host_add(&m->vm, &error), 0);
	for (unsigned int i = 0; i < 4; i++) {
		static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

		assert_int_equal(uart_add(&m->vm, &(struct svmt_device){
			.at = ports[i], .irq = i & 1 ? 3 : 4 }, &error), 0);
	}
	for (unsigned int i = 0; i < 24; i++)
		irq_attach(&m->vm, &m->line[i], i);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;

	device_free_all(&m->vm);
	port_cells_free(&m->vm);
	device_thread_free(&m->vm);
	console_free(&m->vm.console);
	bus_free(&m->vm.bus);
	uv_close((uv_handle_t *)&m->daemon.wake, NULL);
	uv_run(&m->daemon.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&m->daemon.loop);
}

static void out(uint16_t port, uint8_t value)
{
	bus_write(&machine.vm, BUS_PORT, port, 1, value);
}

static uint8_t in(uint16_t port)
{
	return (uint8_t)bus_read(&machine.vm, BUS_PORT, port, 1);
}

static uint64_t missed(const char *name)
{
	list_each(link, &machine.vm.devices) {
		const struct device *device = list_object(link, struct device, link);

		if (!strcmp(device->name, name)) {
			assert_true(device->ticks);
			return device->missed_ticks;
		}
	}
	fail_msg("no device %s", name);
	return 0;
}

/* Guest time moves on to `ns`; timers that are due expire one after the other. */
static void until(uint64_t ns)
{
	struct device_timer *next;

	do {
		next = NULL;
		list_each(link, &machine.vm.device_thread.timers) {
			struct device_timer *timer = list_object(link, struct device_timer, link);

			if (timer->armed && timer->at_ns <= ns && (!next || timer->at_ns < next->at_ns))
				next = timer;
		}
		if (next) {
			if (next->at_ns > machine.vm.clock.stopped_ns)
				machine.vm.clock.stopped_ns = next->at_ns;
			next->armed = false;
			next->expired(next);
		}
	} while (next);
	machine.vm.clock.stopped_ns = ns;
}

/* ---- i8259 ---- */

static void set_up_pics(uint8_t icw4)
{
	out(0x20, 0x11);
	out(0x21, 0x30);
	out(0x21, 0x04);
	out(0x21, icw4);
	out(0xa0, 0x11);
	out(0xa1, 0x38);
	out(0xa1, 0x02);
	out(0xa1, 0x01);
}

static void pulse(unsigned int irq)
{
	irq_pulse(&machine.line[irq]);
}

static void pic_priorities_and_ends(void **state)
{
	(void)state;
	set_up_pics(1);
	pulse(4);
	pulse(3);
	assert_true(machine.intr);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x33);
	assert_false(machine.intr);			/* 4 is lower than what is in service */
	pulse(1);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x31);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0x0a);
	out(0x20, 0x20);				/* ends 1, then 3 */
	out(0x20, 0x20);
	assert_int_equal(in(0x20), 0);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x34);
	out(0x20, 0x64);				/* specific end of 4 */
	assert_int_equal(in(0x20), 0);
}

static void pic_cascade_and_spurious(void **state)
{
	(void)state;
	set_up_pics(1);
	pulse(8);
	pulse(12);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x38);
	assert_false(machine.intr);
	out(0xa0, 0x20);
	assert_false(machine.intr);			/* the master still serves its input 2 */
	out(0x20, 0x20);
	assert_true(machine.intr);
	irq_set(&machine.line[12], false);		/* gone before it was acknowledged */
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x37);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0);			/* a spurious one is not in service */
}

static void pic_masks_rotation_and_special_mask(void **state)
{
	(void)state;
	set_up_pics(1);
	out(0x21, 0x08);
	pulse(3);
	assert_false(machine.intr);
	out(0x21, 0);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x33);
	out(0x20, 0xa0);				/* end, and 3 is the lowest now */
	pulse(3);
	pulse(4);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x34);
	out(0x21, 0x10);
	out(0x20, 0x68);				/* special mask: 4 holds nobody back */
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x33);
	out(0x20, 0x48);
	out(0x20, 0xc7);				/* back to 7 as the lowest */
	set_up_pics(3);					/* automatic end */
	pulse(6);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x36);
	out(0x20, 0x0b);
	assert_int_equal(in(0x20), 0);
	pulse(6);
	out(0x20, 0x0c);				/* poll */
	assert_int_equal(in(0x20), 0x86);
	out(0x20, 0x0c);
	assert_int_equal(in(0x20), 0);
}

static void pic_levels(void **state)
{
	(void)state;
	assert_int_equal(in(0x4d0), 0x20);
	assert_int_equal(in(0x4d1), 0x02);
	out(0x4d0, 0xff);
	assert_int_equal(in(0x4d0), 0xf8);
	out(0x4d0, 0x20);
	set_up_pics(1);
	irq_set(&machine.line[5], true);
	assert_int_equal(pic_acknowledge(machine.vm.pic), 0x35);
	out(0x20, 0x20);
	assert_true(machine.intr);			/* still high: again */
	irq_set(&machine.line[5], false);
	assert_false(machine.intr);
}

/* ---- I/O APIC ---- */

static void ioapic_write_register(uint8_t index, uint32_t value)
{
	bus_write(&machine.vm, BUS_MEMORY, PC_IOAPIC, 4, index);
	bus_write(&machine.vm, BUS_MEMORY, PC_IOAPIC + 0x10, 4, value);
}

static uint32_t ioapic_read_register(uint8_t index)
{
	bus_write(&machine.vm, BUS_MEMORY, PC_IOAPIC, 4, index);
	return (uint32_t)bus_read(&machine.vm, BUS_MEMORY, PC_IOAPIC + 0x10, 4);
}

static void set_entry(unsigned int pin, uint32_t low, uint8_t dest)
{
	ioapic_write_register((uint8_t)(0x11 + 2 * pin), (uint32_t)dest << 24);
	ioapic_write_register((uint8_t)(0x10 + 2 * pin), low);
}

static void ioapic_registers(void **state)
{
	(void)state;
	assert_int_equal(ioapic_read_register(0), 3 << 24);
	assert_int_equal(ioapic_read_register(1), 0x170020);
	assert_int_equal(ioapic_read_register(0x10), 0x10000);
	set_entry(23, 0xffffffff, 0xab);
	assert_int_equal(ioapic_read_register(0x10 + 46), 0x1afff);
	assert_int_equal(ioapic_read_register(0x11 + 46), 0xab000000);
	assert_int_equal(ioapic_read_register(0x40), 0);
	assert_int_equal(bus_read(&machine.vm, BUS_MEMORY, PC_IOAPIC + 0x10, 1), 0);
}

static void ioapic_edges(void **state)
{
	(void)state;
	set_entry(4, 0x10041, 1);
	pulse(4);
	assert_int_equal(machine.messages, 0);		/* masked: the edge is lost */
	set_entry(4, 0x941, 1);				/* lowest priority, logical */
	assert_int_equal(machine.messages, 0);
	pulse(4);
	assert_int_equal(machine.messages, 1);
	assert_int_equal(machine.address, 0xfee01004);
	assert_int_equal(machine.data, 0x4141);
	set_entry(2, 0x30, 0);
	pulse(0);					/* the timer's line is pin 2 */
	assert_int_equal(machine.messages, 2);
	assert_int_equal(machine.data, 0x4030);
}

static void end_on_the_local_apic(void)
{
	uint64_t one = 1;

	assert_true(machine.eoi_fd >= 0);
	assert_int_equal(write(machine.eoi_fd, &one, sizeof(one)), sizeof(one));
	uv_run(&machine.vm.device_thread.loop, UV_RUN_NOWAIT);
}

static void ioapic_levels(void **state)
{
	(void)state;
	set_entry(10, 0x8051, 2);
	assert_int_equal(machine.eoi_vector, 0x51);
	irq_set(&machine.line[10], true);
	assert_int_equal(machine.messages, 1);
	assert_int_equal(machine.data, 0xc051);
	assert_int_equal(ioapic_read_register(0x10 + 20), 0xc051);	/* remote IRR */
	irq_set(&machine.line[10], false);
	irq_set(&machine.line[10], true);
	assert_int_equal(machine.messages, 1);		/* not before it has ended */
	end_on_the_local_apic();
	assert_int_equal(machine.messages, 2);		/* still high: again */
	irq_set(&machine.line[10], false);
	end_on_the_local_apic();
	assert_int_equal(machine.messages, 2);
	assert_int_equal(ioapic_read_register(0x10 + 20), 0x8051);
	irq_set(&machine.line[10], true);
	bus_write(&machine.vm, BUS_MEMORY, PC_IOAPIC + 0x40, 4, 0x51);	/* EOI register */
	assert_int_equal(machine.messages, 4);
	irq_set(&machine.line[10], false);
	set_entry(11, 0xa052, 2);			/* active low: it is active at once */
	assert_int_equal(machine.messages, 5);
}

/* ---- i8254 ---- */

static uint16_t latched(unsigned int counter)
{
	uint16_t low;

	out(0x43, (uint8_t)(counter << 6));
	low = in((uint16_t)(0x40 + counter));
	return (uint16_t)(low | in((uint16_t)(0x40 + counter)) << 8);
}

static void start_counter(unsigned int counter, unsigned int mode, uint16_t count)
{
	out(0x43, (uint8_t)(counter << 6 | 0x30 | mode << 1));
	out((uint16_t)(0x40 + counter), (uint8_t)count);
	out((uint16_t)(0x40 + counter), (uint8_t)(count >> 8));
}

static void pit_ticks(void **state)
{
	(void)state;
	set_entry(2, 0x30, 0);
	start_counter(0, 2, 11932);			/* 100 Hz */
	until(SECOND);
	assert_in_range(machine.messages, 99, 101);
	assert_int_equal(missed("i8254"), 0);
	/* The host was late by ten periods: one interrupt, the others are counted. */
	machine.vm.clock.stopped_ns = SECOND + SECOND / 10;
	machine.messages = 0;
	until(SECOND + SECOND / 10);
	assert_int_equal(machine.messages, 1);
	assert_in_range(missed("i8254"), 8, 10);
	start_counter(0, 3, 0);
	machine.messages = 0;
	until(3 * SECOND);
	assert_in_range(machine.messages, 33, 36);	/* 18.2 Hz */
}

static void pit_counts_by_mode(void **state)
{
	(void)state;
	start_counter(0, 0, 1000);
	assert_int_equal(latched(0), 1000);
	until(SECOND / 10000);				/* 119 ticks */
	assert_int_equal(latched(0), 1000 - 119);
	out(0x43, 0xe2);				/* status of counter 0 */
	assert_int_equal(in(0x40), 0x30);		/* output low, mode 0, both bytes */
	until(SECOND / 1000);
	out(0x43, 0xe2);
	assert_int_equal(in(0x40), 0xb0);		/* terminal count: the output is high */
	assert_int_equal(latched(0), (uint16_t)(1000 - 1193));
	start_counter(0, 3, 1000);
	until(SECOND / 1000 + SECOND / 10000);
	assert_int_equal(latched(0) & 1, 0);		/* by two */
	assert_in_range(latched(0), 760, 764);
	out(0x43, 0x31);				/* BCD */
	out(0x40, 0x00);
	out(0x40, 0x10);
	assert_int_equal(latched(0), 0x1000);
	until(SECOND / 1000 + 2 * SECOND / 10000);
	assert_in_range(latched(0), 0x880, 0x882);
}

static void pit_latches_hold(void **state)
{
	uint16_t first;

	(void)state;
	start_counter(0, 2, 5000);
	until(SECOND / 1000);
	out(0x43, 0xc2);				/* read-back: status and count of counter 0 */
	until(2 * SECOND / 1000);
	assert_int_equal(in(0x40), 0xb4);
	first = in(0x40);
	first = (uint16_t)(first | in(0x40) << 8);
	assert_int_equal(first, 5000 - 1193);
	out(0x43, 0x14);				/* low byte only */
	out(0x40, 100);
	assert_int_equal(in(0x40), 100);
}

static void pit_gate_of_counter_2(void **state)
{
	(void)state;
	out(0x61, 0);
	start_counter(2, 0, 1193);
	until(SECOND / 100);
	assert_int_equal(in(0x61) & 0x21, 0);		/* held by the gate */
	assert_int_equal(latched(2), 1193);
	out(0x61, 1);
	until(SECOND / 100 + SECOND / 1000 / 2);
	assert_int_equal(in(0x61) & 0x21, 1);
	until(SECOND / 100 + SECOND / 1000 + 2000);
	assert_int_equal(in(0x61) & 0x21, 0x21);
	start_counter(2, 1, 1193);			/* one-shot: waits for an edge of the gate */
	assert_int_equal(in(0x61) & 0x20, 0x20);
	out(0x61, 0);
	out(0x61, 1);
	assert_int_equal(in(0x61) & 0x20, 0);
	until(SECOND / 50);
	assert_int_equal(in(0x61) & 0x20, 0x20);
}

static void pit_takes_a_new_count_at_the_end_of_the_period(void **state)
{
	(void)state;
	start_counter(0, 2, 2000);
	until(SECOND / 1000);				/* 1193 ticks */
	out(0x40, (uint8_t)500);
	out(0x40, 500 >> 8);
	assert_int_equal(latched(0), 2000 - 1193);
	until(SECOND * 2 / 1000);			/* 2386: 386 of the new period */
	assert_int_equal(latched(0), 500 - 386);
}

/* ---- MC146818 ---- */

static uint8_t cmos(uint8_t index)
{
	out(0x70, index);
	return in(0x71);
}

static void set_cmos(uint8_t index, uint8_t value)
{
	out(0x70, index);
	out(0x71, value);
}

static void set_time(void)
{
	set_cmos(0x0b, 0x82);
	set_cmos(0x00, 0x58);
	set_cmos(0x02, 0x59);
	set_cmos(0x04, 0x23);
	set_cmos(0x06, 0x07);
	set_cmos(0x07, 0x31);
	set_cmos(0x08, 0x12);
	set_cmos(0x09, 0x99);
	set_cmos(0x32, 0x19);
	set_cmos(0x0b, 0x02);
}

static void rtc_counts(void **state)
{
	uint64_t now = machine.vm.clock.stopped_ns;

	(void)state;
	set_time();
	assert_int_equal(cmos(0), 0x58);
	until(now + 3 * SECOND);
	assert_in_range(cmos(0), 0, 1);
	assert_int_equal(cmos(2), 0);
	assert_int_equal(cmos(4), 0);
	assert_int_equal(cmos(7), 1);
	assert_int_equal(cmos(8), 1);
	assert_int_equal(cmos(9), 0);
	assert_int_equal(cmos(0x32), 0x20);
	assert_int_equal(cmos(6), 1);			/* the day after day 7 */
	set_cmos(0x0b, 0x00);				/* 12 hours */
	assert_int_equal(cmos(4), 0x12);
	set_cmos(0x0b, 0x06);				/* binary */
	assert_int_equal(cmos(0x32), 20);
	assert_int_equal(cmos(0x0d), 0x80);
	set_cmos(0x0d, 0);
	assert_int_equal(cmos(0x0d), 0x80);
	set_cmos(0x40, 0x5a);
	assert_int_equal(cmos(0x40), 0x5a);
}

static void rtc_interrupts(void **state)
{
	uint64_t now = machine.vm.clock.stopped_ns;

	(void)state;
	set_entry(8, 0x48, 0);
	set_cmos(0x0a, 0x26);				/* 1024 Hz */
	set_cmos(0x0b, 0x42);
	until(now + SECOND / 100);
	assert_int_equal(machine.messages, 1);		/* the line stays up until C is read */
	assert_in_range(missed("mc146818"), 8, 10);
	assert_int_equal(cmos(0x0c) & 0xc0, 0xc0);
	assert_int_equal(cmos(0x0c), 0);
	until(now + SECOND / 100 + SECOND / 1000);
	assert_int_equal(machine.messages, 2);
	set_time();
	set_cmos(0x01, 0x00);				/* alarm at 00:00:00 */
	set_cmos(0x03, 0xc0);
	set_cmos(0x05, 0xff);
	cmos(0x0c);
	set_cmos(0x0b, 0x22);
	now = machine.vm.clock.stopped_ns;
	until(now + SECOND / 2);
	assert_int_equal(cmos(0x0c) & 0xa0, 0);
	until(now + 3 * SECOND);
	assert_int_equal(cmos(0x0c) & 0xa0, 0xa0);
	set_cmos(0x0b, 0x12);
	until(now + 5 * SECOND);
	assert_int_equal(cmos(0x0c) & 0x90, 0x90);
}

static void rtc_shows_that_an_update_is_near(void **state)
{
	unsigned int near = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		until(machine.vm.clock.stopped_ns + SECOND / 1000);
		near += cmos(0x0a) >> 7;
	}
	assert_in_range(near, 2, 3);			/* 2.2 ms of a second */
	set_cmos(0x0b, 0x82);
	until(machine.vm.clock.stopped_ns + 2 * SECOND);
	assert_int_equal(cmos(0x0a) >> 7, 0);
}

/* ---- 16550A ---- */

static void uart_fifo_levels_and_timeout(void **state)
{
	size_t waiting;

	(void)state;
	set_entry(4, 0x44, 0);
	out(0x3fa, 0x41);				/* FIFOs, trigger at 4 */
	out(0x3fc, 0x08);
	out(0x3f9, 0x01);
	console_type(&machine.vm.console, "abc", 3, &waiting);
	uv_run(&machine.vm.device_thread.loop, UV_RUN_NOWAIT);
	assert_int_equal(machine.messages, 0);
	assert_int_equal(in(0x3fa), 0xc1);
	until(machine.vm.clock.stopped_ns + SECOND / 1000);
	assert_int_equal(machine.messages, 1);		/* four characters' time is over */
	assert_int_equal(in(0x3fa), 0xcc);
	assert_int_equal(in(0x3f8), 'a');
	assert_int_equal(in(0x3fa), 0xc1);
	console_type(&machine.vm.console, "defgh", 5, &waiting);
	uv_run(&machine.vm.device_thread.loop, UV_RUN_NOWAIT);
	assert_int_equal(machine.messages, 2);
	assert_int_equal(in(0x3fa), 0xc4);
	for (const char *c = "bcdefgh"; *c; c++)
		assert_int_equal(in(0x3f8), *c);
	assert_int_equal(in(0x3fd), 0x60);
}

static void uart_priorities(void **state)
{
	(void)state;
	out(0x3fc, 0x1f);				/* loopback, all outputs */
	assert_int_equal(in(0x3fe), 0xf0);		/* a ring is told when it ends, the others are as they were */
	out(0x3fa, 0xc1);
	out(0x3f9, 0x0f);
	assert_int_equal(in(0x3fa), 0xc2);		/* the transmitter is empty: told once */
	assert_int_equal(in(0x3fa), 0xc1);
	out(0x3fc, 0x13);				/* RI goes away: a modem interrupt */
	out(0x3f8, 'x');
	assert_int_equal(in(0x3fa), 0xc2);
	assert_int_equal(in(0x3fa), 0xc0);
	assert_int_equal(in(0x3fe) & 0x0f, 0x0c);
	assert_int_equal(in(0x3fa), 0xc1);
	for (unsigned int i = 0; i < 16; i++)
		out(0x3f8, (uint8_t)i);
	assert_int_equal(in(0x3fa), 0xc6);		/* one too many: overrun */
	assert_int_equal(in(0x3fd), 0x63);
	assert_int_equal(in(0x3fa), 0xc4);
	assert_int_equal(in(0x3f8), 'x');
	out(0x3fa, 0x03);
	out(0x3fb, 0x40);				/* break */
	assert_int_equal(in(0x3fd) & 0x91, 0x91);
	assert_int_equal(machine.messages, 0);		/* loopback lets go of the line */
}

/* The cell of a port, as the module looks for it. */
static struct svmrt_port_cell *cell_of(uint16_t port, unsigned int bytes)
{
	for (unsigned int i = 0; i < machine.port_count; i++)
		if (machine.ports[i].port == port && machine.ports[i].bytes == bytes)
			return &machine.page.cells[machine.ports[i].cell];
	fail_msg("port 0x%x has no cell", port);
	return NULL;
}

static void post(uint16_t port, uint8_t value)
{
	machine.page.posted[machine.page.head++ % SVMRT_POSTED] =
		(struct svmrt_posted){ .port = port, .bytes = 1, .value = value };
}

static void uart_posted_bytes_come_before_the_next_access(void **state)
{
	struct svmrt_port_cell *data = cell_of(0x3f8, 1);

	(void)state;
	assert_int_equal(data->mode, SVMRT_PORT_POST);
	machine.page.head = machine.page.tail = UINT32_MAX - 1;
	post(0x3f8, 'a');
	post(0x3f8, 'b');
	post(0x3f8, 'c');
	assert_int_equal(machine.vm.console.pending_bytes, 0);
	out(0x3f8, 'd');
	assert_memory_equal(machine.vm.console.pending, "abcd", 4);
	assert_int_equal(machine.page.tail, 1);
	post(0x3f8, 'e');
	bus_settle(&machine.vm);
	post(0x3f8, 'f');
	assert_int_equal(in(0x3ff), 0);
	assert_memory_equal(machine.vm.console.pending, "abcdef", 6);
	assert_int_equal(machine.vm.console.pending_bytes, 6);
}

/* Whoever is interrupted for an empty transmitter, loops back or sets the divisor writes to the device. */
static void uart_takes_posts_only_while_a_byte_only_leaves(void **state)
{
	struct svmrt_port_cell *data = cell_of(0x3f8, 1), *ier = cell_of(0x3f9, 1);

	(void)state;
	out(0x3f9, 0x02);
	assert_int_equal(data->mode, 0);
	assert_int_equal(ier->mode, SVMRT_PORT_READ);
	assert_int_equal(ier->value, 2);
	out(0x3f9, 0x05);
	assert_int_equal(data->mode, SVMRT_PORT_POST);
	assert_int_equal(ier->value, 5);
	out(0x3fb, 0x83);
	assert_int_equal(data->mode, 0);
	assert_int_equal(ier->mode, 0);
	out(0x3fb, 0x03);
	assert_int_equal(data->mode, SVMRT_PORT_POST);
	out(0x3fc, 0x10);
	assert_int_equal(data->mode, 0);
}

static void uart_status_is_offered_while_its_read_has_no_effect(void **state)
{
	struct svmrt_port_cell *lsr = cell_of(0x3fd, 1);
	size_t waiting;

	(void)state;
	assert_int_equal(lsr->mode, SVMRT_PORT_READ);
	assert_int_equal(lsr->value, 0x60);
	/* What was typed gets in by the read, where no interrupt asks for it. */
	console_type(&machine.vm.console, "ab", 2, &waiting);
	uv_run(&machine.vm.device_thread.loop, UV_RUN_NOWAIT);
	assert_int_equal(lsr->mode, 0);
	assert_int_equal(in(0x3fd), 0x61);
	assert_int_equal(lsr->mode, SVMRT_PORT_READ);	/* without FIFOs 'b' has to wait */
	assert_int_equal(lsr->value, 0x61);
	assert_int_equal(in(0x3f8), 'a');
	assert_int_equal(in(0x3f8), 'b');
	assert_int_equal(lsr->mode, SVMRT_PORT_READ);
	assert_int_equal(lsr->value, 0x60);
	/* An overrun, in loopback: its read clears it. */
	out(0x3fc, 0x10);
	out(0x3f8, 'x');
	out(0x3f8, 'y');
	assert_int_equal(lsr->mode, 0);
	assert_int_equal(in(0x3fd), 0x63);
	assert_int_equal(lsr->mode, SVMRT_PORT_READ);
	assert_int_equal(lsr->value, 0x61);
}

static void uarts_beside_the_console_are_not_connected(void **state)
{
	(void)state;
	assert_int_equal(in(0x3fe) & 0xf0, 0xb0);
	assert_int_equal(in(0x2fe), 0);
	out(0x2f8, 'x');
	assert_int_equal(machine.vm.console.pending_bytes, 0);
	out(0x3f8, 'x');
	assert_int_equal(machine.vm.console.pending_bytes, 1);
	out(0x2ff, 0x77);
	assert_int_equal(in(0x2ff), 0x77);
	set_entry(3, 0x43, 0);
	out(0x2fc, 0x08);
	out(0x2f9, 0x02);
	assert_int_equal(machine.messages, 1);
}

/* ---- The rest ---- */

static void ends_with(enum vm_end_reason reason)
{
	assert_true(device_ended_run(&machine.vcpu));
	assert_int_equal(machine.vcpu.end.reason, reason);
	atomic_store(&machine.vm.device_ended, false);
	machine.vm.device_end.reason = VM_END_NONE;
}

static void resets_and_power_off_end_the_run(void **state)
{
	(void)state;
	out(0x64, 0xfe);
	ends_with(VM_END_RESET);
	out(0x92, 0x02);
	assert_false(device_ended_run(&machine.vcpu));
	out(0x92, 0x03);
	ends_with(VM_END_RESET);
	out(0xcf9, 0x02);
	assert_false(device_ended_run(&machine.vcpu));
	out(0xcf9, 0x06);
	ends_with(VM_END_RESET);
	out(0x64, 0xd1);
	out(0x60, 0x02);
	ends_with(VM_END_RESET);
	bus_write(&machine.vm, BUS_PORT, 0x604, 2, 1 << 13 | 1 << 10);
	assert_false(device_ended_run(&machine.vcpu));	/* S1 does not exist */
	bus_write(&machine.vm, BUS_PORT, 0x604, 2, 1 << 13 | 5 << 10);
	ends_with(VM_END_POWER_OFF);
}

static void the_keyboard_controller_has_no_keyboard(void **state)
{
	(void)state;
	assert_int_equal(in(0x64) & 1, 0);
	out(0x64, 0xaa);
	assert_int_equal(in(0x64) & 1, 1);
	assert_int_equal(in(0x60), 0x55);
	assert_int_equal(in(0x64) & 1, 0);
	out(0x64, 0x60);
	out(0x60, 0x01);
	set_entry(1, 0x41, 0);
	out(0x60, 0xf2);
	assert_int_equal(machine.messages, 1);
	assert_int_equal(in(0x64) & 0x41, 0x41);
	assert_int_equal(in(0x60), 0xfe);
	out(0x64, 0x20);
	assert_int_equal(in(0x60), 0x01);
}

static void acpi_timer_and_events(void **state)
{
	(void)state;
	set_entry(9, 0x8049, 0);
	until(SECOND);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x608, 4), 3579545);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x604, 2), 1);
	bus_write(&machine.vm, BUS_PORT, 0x602, 2, 1);
	until(3 * SECOND);				/* bit 23 has changed */
	assert_int_equal(machine.messages, 1);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x600, 2), 1);
	bus_write(&machine.vm, BUS_PORT, 0x600, 2, 1);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x600, 4), 1 << 16);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x608, 4), 3 * 3579545);
	until(10 * SECOND);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x608, 4), (10 * 3579545) & 0xffffff);
	pulse(8);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0x600, 2) & 0x400, 0x400);
}

static void pci_has_a_host_bridge_only(void **state)
{
	(void)state;
	bus_write(&machine.vm, BUS_PORT, 0xcf8, 4, 0x80000000);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcf8, 4), 0x80000000);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcfc, 4), 0x00081b36);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcfe, 2), 8);
	bus_write(&machine.vm, BUS_PORT, 0xcf8, 4, 0x80000008);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcff, 1), 6);
	bus_write(&machine.vm, BUS_PORT, 0xcf8, 4, 0x80000800);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcfc, 4), 0xffffffff);
	bus_write(&machine.vm, BUS_PORT, 0xcf8, 4, 0);
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcfc, 4), 0xffffffff);
	assert_int_equal(in(0x80), 0);
	out(0x80, 0x11);
	assert_int_equal(in(0x80), 0x11);
}

static void pci_is_answered_for_all_but_the_bridge(void **state)
{
	const struct svmrt_port *data = NULL;
	struct svmrt_port_cell *address = cell_of(0xcf8, 4), *absent = cell_of(0xcfc, 4);

	(void)state;
	for (unsigned int i = 0; i < machine.port_count; i++)
		if (machine.ports[i].port == 0xcfc)
			data = &machine.ports[i];
	assert_int_equal(address->mode, SVMRT_PORT_READ | SVMRT_PORT_STORE);
	assert_int_equal(absent->mode, SVMRT_PORT_READ);
	assert_int_equal(absent->value, 0xffffffff);
	assert_int_equal(data->flags, SVMRT_PORT_UNLESS);
	assert_ptr_equal(&machine.page.cells[data->unless_cell], address);
	/* Its registers meet the condition; other functions, and the mechanism turned off, do not. */
	assert_int_equal(0x800000fc & data->unless_mask, data->unless_value);
	assert_int_not_equal(0x80000100 & data->unless_mask, data->unless_value);
	assert_int_not_equal(0x80010000 & data->unless_mask, data->unless_value);
	assert_int_not_equal(0x00000000 & data->unless_mask, data->unless_value);
	address->value = 0x80000008;			/* as the module stores it */
	assert_int_equal(bus_read(&machine.vm, BUS_PORT, 0xcfc, 4), 0x06000000);
}

/* ---- Framework ---- */

static void a_line_is_high_while_a_source_is(void **state)
{
	struct irq_source second;

	(void)state;
	irq_attach(&machine.vm, &second, 5);
	set_up_pics(1);
	irq_set(&machine.line[5], true);
	irq_set(&second, true);
	irq_set(&machine.line[5], false);
	assert_true(machine.intr);
	irq_set(&second, false);
	assert_false(machine.intr);
	irq_attach(&machine.vm, &second, SVMT_NO_IRQ);
	irq_set(&second, true);
}

static struct {
	unsigned int calls;
	enum svmrt_time_op op;
	uint64_t ns;
} module_time;

static int note_time(int fd, enum svmrt_time_op op, uint64_t *ns, struct engine_error *error)
{
	(void)fd;
	(void)error;
	module_time.calls++;
	module_time.op = op;
	*ns = module_time.ns;
	return 0;
}

static void guest_time_stands_still_while_paused(void **state)
{
	uint64_t before;

	(void)state;
	before = vm_clock_ns(&machine.vm);
	assert_true(vm_clock_ns(&machine.vm) == before);
	vm_clock_start(&machine.vm, false);
	while (vm_clock_ns(&machine.vm) == before)
		;
	vm_clock_stop(&machine.vm);
	before = vm_clock_ns(&machine.vm);
	assert_true(before > 0);
	assert_true(vm_clock_ns(&machine.vm) == before);
}

/* The moments are the module's, so that its clocks and ours do not drift apart by what calls take. */
static void guest_time_stops_and_goes_on_when_the_module_says(void **state)
{
	struct vm *vm = &machine.vm;
	uint64_t zero, before;

	(void)state;
	memset(&module_time, 0, sizeof(module_time));
	machine.engine.time = note_time;
	vm_clock_start(vm, false);
	assert_int_equal(module_time.calls, 0);		/* it was never stopped */
	zero = vm->clock.zero_ns;
	module_time.ns = zero + SECOND;
	vm_clock_stop(vm);
	assert_int_equal(module_time.op, SVMRT_TIME_STOP);
	assert_true(vm_clock_ns(vm) == SECOND);
	module_time.ns = zero + 5 * SECOND;
	vm_clock_start(vm, false);
	assert_int_equal(module_time.op, SVMRT_TIME_GO);
	assert_true(vm_clock_host_ns(vm, SECOND) == zero + 5 * SECOND);
	module_time.ns = zero + 7 * SECOND;
	vm_clock_stop(vm);
	before = vm_clock_ns(vm);
	assert_true(before == 3 * SECOND);
	module_time.ns = zero + 8 * SECOND;
	vm_clock_start(vm, true);
	assert_int_equal(module_time.op, SVMRT_TIME_JUMP);
	assert_true(vm_clock_host_ns(vm, before) == zero + 7 * SECOND);
	module_time.ns = zero + 9 * SECOND;
	vm_clock_stop(vm);
	assert_true(vm_clock_ns(vm) == 5 * SECOND);
	assert_int_equal(module_time.calls, 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pic_priorities_and_ends),
		CASE(pic_cascade_and_spurious),
		CASE(pic_masks_rotation_and_special_mask),
		CASE(pic_levels),
		CASE(ioapic_registers),
		CASE(ioapic_edges),
		CASE(ioapic_levels),
		CASE(pit_ticks),
		CASE(pit_counts_by_mode),
		CASE(pit_latches_hold),
		CASE(pit_gate_of_counter_2),
		CASE(pit_takes_a_new_count_at_the_end_of_the_period),
		CASE(rtc_counts),
		CASE(rtc_interrupts),
		CASE(rtc_shows_that_an_update_is_near),
		CASE(uart_fifo_levels_and_timeout),
		CASE(uart_priorities),
		CASE(uart_posted_bytes_come_before_the_next_access),
		CASE(uart_takes_posts_only_while_a_byte_only_leaves),
		CASE(uart_status_is_offered_while_its_read_has_no_effect),
		CASE(uarts_beside_the_console_are_not_connected),
		CASE(resets_and_power_off_end_the_run),
		CASE(the_keyboard_controller_has_no_keyboard),
		CASE(acpi_timer_and_events),
		CASE(pci_has_a_host_bridge_only),
		CASE(pci_is_answered_for_all_but_the_bridge),
		CASE(a_line_is_high_while_a_source_is),
		CASE(guest_time_stands_still_while_paused),
		CASE(guest_time_stops_and_goes_on_when_the_module_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
