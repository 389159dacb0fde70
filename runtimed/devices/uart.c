/* SPDX-License-Identifier: MIT */
/*
 * A 16550A that is good enough for a console: the transmitter is always empty, the receiver has what
 * clients typed, registers keep what was written, loopback works far enough for the presence tests
 * of operating systems. Interrupts are identified in IIR but not delivered.
 */
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "uart.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, UART_PORTS };

#define LCR_DLAB	0x80
#define MCR_LOOP	0x10
#define LSR_DATA_READY	0x01
#define LSR_THR_EMPTY	0x60	/* holding register and shift register */
#define IER_RECEIVED	0x01
#define IER_THR_EMPTY	0x02
#define IIR_NONE	0x01
#define IIR_THR_EMPTY	0x02
#define IIR_RECEIVED	0x04
#define FCR_CLEAR_RX	0x02
#define MSR_LINES	0xb0	/* CTS, DSR, DCD: somebody is there and ready */

struct uart {
	struct device device;
	struct bus_range ports;
	struct console *console;
	uint8_t divisor_low, divisor_high;
	uint8_t received;	/* loopback only */
	bool data_ready, thr_interrupt;
	uint8_t ier, fcr, lcr, mcr, scr;
};

/* In loopback the line is cut off: what was typed waits. */
static bool has_data(const struct uart *uart)
{
	return uart->data_ready || (!(uart->mcr & MCR_LOOP) && console_has_input(uart->console));
}

static uint8_t read_data(struct uart *uart)
{
	if (!uart->data_ready && !(uart->mcr & MCR_LOOP))
		console_get(uart->console, &uart->received);
	uart->data_ready = false;
	return uart->received;
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t fifo = uart->fcr & 1 ? 0xc0 : 0;

	/* Received data has the higher priority and stays until it is read. */
	if (uart->ier & IER_RECEIVED && has_data(uart))
		return fifo | IIR_RECEIVED;
	if (!uart->thr_interrupt || !(uart->ier & IER_THR_EMPTY))
		return fifo | IIR_NONE;
	uart->thr_interrupt = false;
	return fifo | IIR_THR_EMPTY;
}

/* Loopback wires the outputs of MCR to the inputs: DTR-DSR, RTS-CTS, OUT1-RI, OUT2-DCD. */
static uint8_t read_msr(const struct uart *uart)
{
	uint8_t mcr = uart->mcr;

	if (!(mcr & MCR_LOOP))
		return MSR_LINES;
	return (uint8_t)((mcr & 1) << 5 | (mcr & 2) << 3 | (mcr & 4) << 4 | (mcr & 8) << 4);
}

static uint64_t uart_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct uart *uart = (struct uart *)range->device;
	bool dlab = uart->lcr & LCR_DLAB;

	(void)bytes;
	switch (offset) {
	case DATA:
		if (dlab)
			return uart->divisor_low;
		return read_data(uart);
	case IER: return dlab ? uart->divisor_high : uart->ier;
	case IIR_FCR: return read_iir(uart);
	case LCR: return uart->lcr;
	case MCR: return uart->mcr;
	case LSR: return LSR_THR_EMPTY | (has_data(uart) ? LSR_DATA_READY : 0);
	case MSR: return read_msr(uart);
	default: return uart->scr;
	}
}

static void transmit(struct uart *uart, uint8_t byte)
{
	uart->thr_interrupt = true;
	if (uart->mcr & MCR_LOOP) {
		uart->received = byte;
		uart->data_ready = true;
	} else {
		console_put(uart->device.vm, (char)byte);
	}
}

static void uart_write(struct bus_range *range, uint64_t offset, unsigned int bytes,
		       uint64_t word)
{
	struct uart *uart = (struct uart *)range->device;
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
		if (dlab) {
			uart->divisor_high = value;
		} else {
			uart->thr_interrupt |= value & ~uart->ier & IER_THR_EMPTY;
			uart->ier = value & 0x0f;
		}
		break;
	case IIR_FCR:
		/* Only the byte that is held here: typed ones have not arrived at the port yet. */
		if (value & FCR_CLEAR_RX)
			uart->data_ready = false;
		uart->fcr = value;
		break;
	case LCR: uart->lcr = value; break;
	case MCR: uart->mcr = value & 0x1f; break;
	case SCR: uart->scr = value; break;
	default: break;		/* LSR and MSR are read-only */
	}
}

static void uart_free(struct device *device)
{
	free(device);
}

int uart_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct uart *uart = need_memory(sizeof(*uart));

	(void)error;
	uart->device = (struct device){ .name = "uart", .free = uart_free };
	uart->ports = (struct bus_range){
		.device = &uart->device, .space = BUS_PORT, .first = row->at, .bytes = UART_PORTS,
		.widest = 1, .read = uart_read, .write = uart_write,
	};
	uart->console = &vm->console;
	uart->divisor_low = 1;	/* 115200 baud */
	vm->console.exists = true;
	device_add(vm, &uart->device);
	bus_add(vm, &uart->ports);
	return 0;
}
