/* SPDX-License-Identifier: MIT */
/*
 * Intel 8254 Programmable Interval Timer (order number 231164) at 1.193182 MHz: control words, latches,
 * read-back. Counter 0 drives IRQ 0; counter 2 is gated and seen at port 61h (82371AB, 4.2.4). The
 * counters are pit_counter.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "i8254.h"
#include "pc.h"
#include "pit_counter.h"

#define COUNTERS 3u
#define NS 1000000000ull
#define REFRESH_NS 15085u	/* half a period of the refresh request that port 61h shows */

enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };

struct port {			/* how a counter is accessed */
	struct pit_counter counter;
	uint8_t access;
	bool high_next, write_high_next;
	uint8_t written_low;
	uint8_t latched_bytes;	/* of `latch`, not read yet */
	uint16_t latch;
	bool status_latched;
	uint8_t status;
	uint8_t mode_bits;	/* of the control word: access, mode, BCD */
};

struct pit {
	struct device device;
	struct bus_range ports, port_b;
	struct port port[COUNTERS];
	struct irq_source irq;
	struct device_timer timer;
	uint64_t rise;		/* tick that the timer waits for */
	bool speaker;
};

static uint64_t ticks_at(uint64_t ns)
{
	return ns / NS * PIT_HZ + ns % NS * PIT_HZ / NS;
}

/* The first nanosecond of that tick. */
static uint64_t ns_of(uint64_t ticks)
{
	return ticks / PIT_HZ * NS + (ticks % PIT_HZ * NS + PIT_HZ - 1) / PIT_HZ;
}

static uint64_t now_of(const struct pit *pit)
{
	return ticks_at(vm_clock_ns(pit->device.vm));
}

/* ---- Counter 0's interrupt ---- */

static void arm(struct pit *pit, uint64_t now)
{
	pit->rise = pit_counter_next_rise(&pit->port[0].counter, now);
	if (pit->rise == UINT64_MAX)
		device_timer_cancel(&pit->timer);
	else
		device_timer_set(&pit->timer, ns_of(pit->rise));
}

static void on_timer(struct device_timer *timer)
{
	struct pit *pit = list_object(timer, struct pit, timer);
	uint64_t now = now_of(pit), rise = pit->rise;
	uint32_t period = pit_counter_period(&pit->port[0].counter);

	/* Periods that the host could not give in time are one interrupt, and counted. */
	if (period)
		pit->device.missed_ticks += (now - rise) / period;
	if (pit_counter_out(&pit->port[0].counter, rise))
		irq_pulse(&pit->irq);
	arm(pit, now);
}

static void counter_changed(struct pit *pit, const struct port *port, uint64_t now)
{
	if (port != &pit->port[0])
		return;
	irq_set(&pit->irq, pit_counter_out(&pit->port[0].counter, now));
	arm(pit, now);
}

/* ---- Registers ---- */

static void latch_count(struct port *port, uint64_t now)
{
	if (port->latched_bytes)
		return;		/* the first latch holds until it is read */
	port->latch = pit_counter_value(&port->counter, now);
	port->latched_bytes = port->access == ACCESS_BOTH ? 2 : 1;
}

static void latch_status(struct port *port, uint64_t now)
{
	bool null_count = !port->counter.loaded || port->counter.next_count;

	if (port->status_latched)
		return;
	port->status = (uint8_t)(pit_counter_out(&port->counter, now) << 7 | null_count << 6 |
				 port->mode_bits);
	port->status_latched = true;
}

static void read_back(struct pit *pit, uint8_t value, uint64_t now)
{
	for (unsigned int i = 0; i < COUNTERS; i++) {
		if (!(value >> (i + 1) & 1))
			continue;
		if (!(value & 0x20))
			latch_count(&pit->port[i], now);
		if (!(value & 0x10))
			latch_status(&pit->port[i], now);
	}
}

static void write_control(struct pit *pit, uint8_t value, uint64_t now)
{
	struct port *port;
	unsigned int mode = value >> 1 & 7;

	if (value >> 6 == 3) {
		read_back(pit, value, now);
		return;
	}
	port = &pit->port[value >> 6];
	if ((value >> 4 & 3) == ACCESS_LATCH) {
		latch_count(port, now);
		return;
	}
	if (mode > PIT_HARD_STROBE)
		mode -= 4;	/* modes 2 and 3: the upper bit does not matter */
	port->access = value >> 4 & 3;
	port->mode_bits = (uint8_t)((value & 0x31) | mode << 1);
	port->high_next = port->write_high_next = port->status_latched = false;
	port->latched_bytes = 0;
	pit_counter_control(&port->counter, (enum pit_mode)mode, value & 1);
	counter_changed(pit, port, now);
}

static void write_count(struct pit *pit, struct port *port, uint8_t value, uint64_t now)
{
	switch (port->access) {
	case ACCESS_LOW: pit_counter_load(&port->counter, value, now); break;
	case ACCESS_HIGH: pit_counter_load(&port->counter, (uint16_t)(value << 8), now); break;
	default:
		if (!port->write_high_next) {
			port->written_low = value;
			port->write_high_next = true;
			pit_counter_half_loaded(&port->counter, now);
			break;
		}
		port->write_high_next = false;
		pit_counter_load(&port->counter, (uint16_t)(value << 8 | port->written_low), now);
		break;
	}
	counter_changed(pit, port, now);
}

static void pit_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct pit *pit = list_object(range, struct pit, ports);
	uint64_t now = now_of(pit);

	(void)bytes;
	if (offset == COUNTERS)
		write_control(pit, (uint8_t)value, now);
	else
		write_count(pit, &pit->port[offset], (uint8_t)value, now);
}

static uint8_t part_of(struct port *port, uint16_t value)
{
	bool high = port->access == ACCESS_HIGH || (port->access == ACCESS_BOTH && port->high_next);

	if (port->access == ACCESS_BOTH)
		port->high_next = !port->high_next;
	return (uint8_t)(high ? value >> 8 : value);
}

static uint64_t pit_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct pit *pit = list_object(range, struct pit, ports);
	struct port *port = &pit->port[offset % COUNTERS];

	(void)bytes;
	if (offset == COUNTERS)
		return 0;	/* the control word cannot be read */
	if (port->status_latched) {
		port->status_latched = false;
		return port->status;
	}
	if (port->latched_bytes) {
		port->latched_bytes--;
		return part_of(port, port->latch);
	}
	return part_of(port, pit_counter_value(&port->counter, now_of(pit)));
}

/* ---- Port 61h ---- */

static uint64_t port_b_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct pit *pit = list_object(range, struct pit, port_b);
	struct pit_counter *counter = &pit->port[2].counter;
	uint64_t ns = vm_clock_ns(pit->device.vm);

	(void)offset;
	(void)bytes;
	return (uint64_t)counter->gate | (uint64_t)pit->speaker << 1 | (ns / REFRESH_NS & 1) << 4 |
		(uint64_t)pit_counter_out(counter, ticks_at(ns)) << 5;
}

static void port_b_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct pit *pit = list_object(range, struct pit, port_b);

	(void)offset;
	(void)bytes;
	pit->speaker = value & 2;	/* nobody hears it */
	pit_counter_gate(&pit->port[2].counter, value & 1, now_of(pit));
}

static void pit_free(struct device *device)
{
	free(device);
}

int pit_add(struct vm *vm, struct engine_error *error)
{
	struct pit *pit = need_memory(sizeof(*pit));

	pit->device = (struct device){ .name = "i8254", .ticks = true, .free = pit_free };
	device_add(vm, &pit->device);
	irq_attach(vm, &pit->irq, PC_IRQ_TIMER);
	pit->ports = (struct bus_range){
		.device = &pit->device, .space = BUS_PORT, .first = PC_PIT, .bytes = 4, .widest = 1,
		.read = pit_read, .write = pit_write,
	};
	pit->port_b = (struct bus_range){
		.device = &pit->device, .space = BUS_PORT, .first = PC_SYSTEM_CONTROL_B, .bytes = 1,
		.widest = 1, .read = port_b_read, .write = port_b_write,
	};
	for (unsigned int i = 0; i < COUNTERS; i++) {
		pit->port[i].access = ACCESS_BOTH;
		pit->port[i].mode_bits = ACCESS_BOTH << 4;
		pit->port[i].counter.gate = i != 2;
		pit->port[i].counter.count = 65536;
	}
	bus_add(vm, &pit->ports);
	bus_add(vm, &pit->port_b);
	if (!device_timer_init(vm, &pit->timer, on_timer))
		return engine_fail(error, EMFILE, "interval timer", "no descriptors are left");
	return 0;
}
