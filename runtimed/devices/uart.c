/* SPDX-License-Identifier: MIT */
/*
 * National Semiconductor PC16550D (DS008652): FIFOs with trigger levels, interrupts in their order,
 * loopback. What is sent leaves at once, so the transmitter is always empty; the other end waits with
 * what it sends until there is room. As on a PC, OUT2 connects the interrupt to its line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../console.h"
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "uart.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, UART_PORTS };

#define FIFO_BYTES	16u
#define CLOCK_HZ	115200u		/* of a divisor of 1 */
#define NS		1000000000ull

#define IER_RECEIVED	0x01
#define IER_THR_EMPTY	0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08

#define IIR_NONE	0x01
#define IIR_MODEM	0x00
#define IIR_THR_EMPTY	0x02
#define IIR_RECEIVED	0x04
#define IIR_LINE	0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFOS	0xc0

#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define FCR_DMA		0x08

#define LCR_DLAB	0x80
#define LCR_BREAK	0x40
#define LCR_PARITY	0x08
#define LCR_STOP	0x04

#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10

#define LSR_DATA_READY	0x01
#define LSR_OVERRUN	0x02
#define LSR_BREAK	0x10
#define LSR_THR_EMPTY	0x60	/* holding register and shift register */
#define LSR_FIFO_ERROR	0x80
#define LSR_ERRORS	0x1e

#define MSR_LINES	0xf0
#define MSR_RING	0x40
#define MSR_PRESENT	0xb0	/* CTS, DSR, DCD: somebody is there and ready */
#define MSR_RING_FELL	0x04

struct uart {
	struct device device;
	struct bus_range ports;
	struct irq_source irq;
	struct device_timer timer;	/* until bytes below the trigger level are old enough */
	struct device_async typed;
	struct console *console;	/* or NULL: nothing is plugged in */
	uint8_t fifo[FIFO_BYTES], breaks[FIFO_BYTES];
	unsigned int count;		/* received and not read; without FIFOs at most 1 */
	uint64_t touched_ns;		/* when the last one came or was read */
	uint8_t received;		/* what DATA reads while there is nothing new */
	uint8_t divisor_low, divisor_high;
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t errors;			/* LSR bits, until LSR is read */
	uint8_t msr;
	bool thr_interrupt;
	bool has_lines;			/* there is a chipset: interrupts are delivered */
	struct svmrt_port_cell *data_cell, *ier_cell, *lsr_cell;	/* then, too */
};

/* ---- Receiver ---- */

static unsigned int capacity(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

static unsigned int trigger(const struct uart *uart)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

static uint64_t now_ns(const struct uart *uart)
{
	return vm_clock_ns(uart->device.vm);
}

/* Four characters with start, data, parity and stop bits. */
static uint64_t timeout_ns(const struct uart *uart)
{
	unsigned int bits = 1u + 5u + (uart->lcr & 3u) + (uart->lcr & LCR_PARITY ? 1u : 0u) +
		(uart->lcr & LCR_STOP ? 2u : 1u);
	unsigned int divisor = (unsigned int)uart->divisor_high << 8 | uart->divisor_low;

	return 4ull * bits * (divisor ? divisor : 65536) * NS / CLOCK_HZ;
}

static void receive(struct uart *uart, uint8_t byte, bool is_break)
{
	if (uart->count == capacity(uart)) {
		uart->errors |= LSR_OVERRUN;
		/* Without FIFOs the new byte replaces the old one; FIFOs keep theirs. */
		if (uart->fcr & FCR_ENABLE)
			return;
		uart->count = 0;
	}
	uart->fifo[uart->count] = byte;
	uart->breaks[uart->count++] = is_break;
	uart->touched_ns = now_ns(uart);
	if (is_break && uart->count == 1)
		uart->errors |= LSR_BREAK;
}

/* In loopback the line is cut off: what was typed waits. */
static bool takes_typed(const struct uart *uart)
{
	return uart->console && !(uart->mcr & MCR_LOOP) && uart->count < capacity(uart);
}

static void take_typed(struct uart *uart)
{
	uint8_t byte;

	while (takes_typed(uart) && console_get(uart->console, &byte))
		receive(uart, byte, false);
}

static uint8_t read_data(struct uart *uart)
{
	if (!uart->count)
		return uart->received;
	uart->received = uart->fifo[0];
	uart->count--;
	memmove(uart->fifo, uart->fifo + 1, uart->count);
	memmove(uart->breaks, uart->breaks + 1, uart->count);
	/* Errors belong to a byte, and show when it is on top. */
	if (uart->count && uart->breaks[0])
		uart->errors |= LSR_BREAK;
	uart->touched_ns = now_ns(uart);
	if (uart->has_lines)
		take_typed(uart);
	return uart->received;
}

static bool is_timed_out(const struct uart *uart)
{
	return uart->fcr & FCR_ENABLE && uart->count &&
		now_ns(uart) - uart->touched_ns >= timeout_ns(uart);
}

/* ---- Interrupts ---- */

/* The one with the highest priority. */
static uint8_t identify(const struct uart *uart)
{
	if (uart->ier & IER_LINE && uart->errors)
		return IIR_LINE;
	if (uart->ier & IER_RECEIVED && uart->count >= trigger(uart))
		return IIR_RECEIVED;
	if (uart->ier & IER_RECEIVED && is_timed_out(uart))
		return IIR_TIMEOUT;
	if (uart->ier & IER_THR_EMPTY && uart->thr_interrupt)
		return IIR_THR_EMPTY;
	if (uart->ier & IER_MODEM && uart->msr & ~MSR_LINES)
		return IIR_MODEM;
	return IIR_NONE;
}

/* LSR without what its read does: it clears errors and lets typed bytes in. */
static uint8_t peek_lsr(const struct uart *uart)
{
	uint8_t value = (uint8_t)(LSR_THR_EMPTY | uart->errors | (uart->count ? LSR_DATA_READY : 0));

	if (uart->fcr & FCR_ENABLE && uart->count && memchr(uart->breaks, 1, uart->count))
		value |= LSR_FIFO_ERROR;
	return value;
}

/*
 * What the module may answer: polling for an empty transmitter, and bytes to send while nobody wants to
 * be interrupted when one has gone.
 */
static void publish(struct uart *uart)
{
	bool dlab = uart->lcr & LCR_DLAB;

	port_cell_offer(uart->lsr_cell, !uart->errors &&
			!(takes_typed(uart) && console_has_input(uart->console)), peek_lsr(uart));
	port_cell_offer(uart->ier_cell, !dlab, uart->ier);
	port_cell_mode(uart->data_cell, dlab || uart->mcr & MCR_LOOP || uart->ier & IER_THR_EMPTY ? 0 :
		       SVMRT_PORT_POST);
}

static void update(struct uart *uart)
{
	uint8_t id = identify(uart);

	if (!uart->has_lines)
		return;
	/* Loopback forces the modem outputs high, OUT2 among them: the line is let go. */
	irq_set(&uart->irq, id != IIR_NONE && (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2);
	if (uart->ier & IER_RECEIVED && uart->count && uart->count < trigger(uart) &&
	    !is_timed_out(uart))
		device_timer_set(&uart->timer, uart->touched_ns + timeout_ns(uart));
	else
		device_timer_cancel(&uart->timer);
	publish(uart);
}

static void on_timeout(struct device_timer *timer)
{
	update(list_object(timer, struct uart, timer));
}

static void on_typed(struct device_async *async)
{
	struct uart *uart = list_object(async, struct uart, typed);

	/* Nobody waits for it: it stays where clearing the FIFO does not lose it. */
	if (uart->ier & IER_RECEIVED)
		take_typed(uart);
	update(uart);
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t id;

	take_typed(uart);
	id = identify(uart);
	if (id == IIR_THR_EMPTY)
		uart->thr_interrupt = false;
	return (uint8_t)(id | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

/* ---- Status ---- */

static uint8_t read_lsr(struct uart *uart)
{
	uint8_t value;

	take_typed(uart);
	value = peek_lsr(uart);
	uart->errors = 0;
	return value;
}

/* Loopback wires the outputs of MCR to the inputs: RTS-CTS, DTR-DSR, OUT1-RI, OUT2-DCD. */
static uint8_t modem_lines(const struct uart *uart)
{
	uint8_t mcr = uart->mcr;

	if (!(mcr & MCR_LOOP))
		return uart->console ? MSR_PRESENT : 0;
	return (uint8_t)((mcr & MCR_RTS) << 3 | (mcr & MCR_DTR) << 5 | (mcr & MCR_OUT1) << 4 |
			 (mcr & MCR_OUT2) << 4);
}

static void look_at_modem_lines(struct uart *uart)
{
	uint8_t lines = modem_lines(uart), before = uart->msr & MSR_LINES;
	uint8_t changed = (uint8_t)((lines ^ before) >> 4);

	/* Of RI only the end of a ring is told. */
	if (!(before & MSR_RING && !(lines & MSR_RING)))
		changed &= (uint8_t)~MSR_RING_FELL;
	uart->msr = (uint8_t)(lines | (uart->msr & ~MSR_LINES) | changed);
}

/* ---- Registers ---- */

static uint64_t uart_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct uart *uart = list_object(range, struct uart, ports);
	bool dlab = uart->lcr & LCR_DLAB;
	uint8_t value;

	(void)bytes;
	switch (offset) {
	case DATA:
		if (dlab)
			return uart->divisor_low;
		take_typed(uart);
		value = read_data(uart);
		break;
	case IER: return dlab ? uart->divisor_high : uart->ier;
	case IIR_FCR: value = read_iir(uart); break;
	case LCR: return uart->lcr;
	case MCR: return uart->mcr;
	case LSR: value = read_lsr(uart); break;
	case MSR:
		value = uart->msr;
		uart->msr &= MSR_LINES;
		break;
	default: return uart->scr;
	}
	update(uart);
	return value;
}

static void transmit(struct uart *uart, uint8_t byte)
{
	uart->thr_interrupt = true;
	if (uart->mcr & MCR_LOOP)
		receive(uart, byte, false);
	else if (uart->console)
		console_put(uart->device.vm, (char)byte);
}

static void write_ier(struct uart *uart, uint8_t value)
{
	/* The transmitter is empty: whoever begins to ask is told. */
	uart->thr_interrupt |= value & ~uart->ier & IER_THR_EMPTY;
	uart->ier = value & 0x0f;
	if (value & IER_RECEIVED)
		take_typed(uart);
}

static void write_fcr(struct uart *uart, uint8_t value)
{
	bool switched = (value ^ uart->fcr) & FCR_ENABLE;

	/* Only what is here: typed bytes that wait have not arrived at the port yet. */
	if (switched || (value & FCR_ENABLE && value & FCR_CLEAR_RX))
		uart->count = 0;
	/* The other bits count only together with the enable. */
	uart->fcr = value & FCR_ENABLE ? value & (0xc0 | FCR_DMA | FCR_ENABLE) : 0;
}

static void write_lcr(struct uart *uart, uint8_t value)
{
	bool begins = value & LCR_BREAK && !(uart->lcr & LCR_BREAK);

	uart->lcr = value;
	if (begins && uart->mcr & MCR_LOOP)
		receive(uart, 0, true);
}

static void uart_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t word)
{
	struct uart *uart = list_object(range, struct uart, ports);
	bool dlab = uart->lcr & LCR_DLAB;
	uint8_t value = (uint8_t)word;

	(void)bytes;
	switch (offset) {
	case DATA:
		if (dlab)
			uart->divisor_low = value;
		else
			transmit(uart, value);
		break;
	case IER:
		if (dlab)
			uart->divisor_high = value;
		else
			write_ier(uart, value);
		break;
	case IIR_FCR: write_fcr(uart, value); break;
	case LCR: write_lcr(uart, value); break;
	case MCR:
		uart->mcr = value & 0x1f;
		look_at_modem_lines(uart);
		break;
	case SCR: uart->scr = value; break;
	default: break;		/* LSR and MSR are read-only */
	}
	update(uart);
}

static void uart_free(struct device *device)
{
	free(device);
}

static int add_cells(struct uart *uart, struct engine_error *error)
{
	struct svmrt_port_cell **const cells[] = {
		[DATA] = &uart->data_cell, [IER] = &uart->ier_cell, [LSR] = &uart->lsr_cell,
	};

	for (unsigned int i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		struct svmrt_port port = { .port = (uint32_t)uart->ports.first + i, .bytes = 1 };

		if (!cells[i])
			continue;
		*cells[i] = port_cell_add(uart->device.vm, &port, error);
		if (!*cells[i])
			return -1;
	}
	publish(uart);
	return 0;
}

int uart_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct uart *uart = need_memory(sizeof(*uart));

	uart->device = (struct device){ .name = "uart", .free = uart_free };
	device_add(vm, &uart->device);
	uart->ports = (struct bus_range){
		.device = &uart->device, .space = BUS_PORT, .first = row->at, .bytes = UART_PORTS,
		.widest = 1, .read = uart_read, .write = uart_write,
	};
	bus_add(vm, &uart->ports);
	irq_attach(vm, &uart->irq, row->irq);
	uart->divisor_low = 1;	/* 115200 baud */
	uart->has_lines = vm->lines.sinks;
	if (!vm->console.exists)
		uart->console = &vm->console;
	vm->console.exists = true;
	uart->msr = modem_lines(uart);
	if (!uart->has_lines)
		return 0;
	if (!device_timer_init(vm, &uart->timer, on_timeout) ||
	    !device_async_init(vm, &uart->typed, on_typed))
		return engine_fail(error, EMFILE, "serial port", "no descriptors are left");
	if (uart->console)
		uart->console->typed = &uart->typed;
	return add_cells(uart, error);
}
