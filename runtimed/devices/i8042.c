/* SPDX-License-Identifier: MIT */
/*
 * Intel 8042 as keyboard controller of an AT (IBM Personal System/2 hardware interface technical
 * reference, "keyboard and auxiliary device controller"). Nothing is plugged in: what is sent to the
 * keyboard times out, and there is no auxiliary port. Its output port resets the machine.
 */
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "i8042.h"
#include "pc.h"

#define STATUS_OUTPUT	0x01	/* a byte to be read */
#define STATUS_SYSTEM	0x04	/* the self-test was passed */
#define STATUS_COMMAND	0x08	/* the last write was to port 64h */
#define STATUS_UNLOCKED	0x10
#define STATUS_TIMEOUT	0x40

#define COMMAND_INTERRUPT 0x01
#define COMMAND_SYSTEM	0x04
#define COMMAND_DISABLED 0x10	/* the keyboard's clock is low */

#define OUTPUT_RUNS	0x01	/* 0: reset */
#define OUTPUT_A20	0x02

#define SELF_TEST_PASSED 0x55
#define TEST_CLOCK_LOW	0x01	/* of the interface: nobody pulls the line up */
#define RESEND		0xfe

struct keyboard {
	struct device device;
	struct bus_range data, status_port;
	struct irq_source irq;
	uint8_t status, command_byte, output_port;
	uint8_t output;
	uint8_t waiting;	/* command that takes the next byte at port 60h, or 0 */
};

static void give(struct keyboard *keyboard, uint8_t value, uint8_t status)
{
	keyboard->output = value;
	keyboard->status = (uint8_t)((keyboard->status & ~STATUS_TIMEOUT) | STATUS_OUTPUT | status);
	irq_set(&keyboard->irq, keyboard->command_byte & COMMAND_INTERRUPT);
}

static void set_output_port(struct keyboard *keyboard, uint8_t value)
{
	keyboard->output_port = value;
	if (!(value & OUTPUT_RUNS))
		device_end_run(&keyboard->device, VM_END_RESET, 0,
			       "the guest reset the machine by the keyboard controller");
}

static void command(struct keyboard *keyboard, uint8_t value)
{
	keyboard->waiting = 0;
	switch (value) {
	case 0x20: give(keyboard, keyboard->command_byte, 0); break;
	case 0xaa:
		keyboard->status |= STATUS_SYSTEM;
		give(keyboard, SELF_TEST_PASSED, 0);
		break;
	case 0xab: give(keyboard, TEST_CLOCK_LOW, 0); break;
	case 0xad: keyboard->command_byte |= COMMAND_DISABLED; break;
	case 0xae: keyboard->command_byte &= (uint8_t)~COMMAND_DISABLED; break;
	case 0xc0: give(keyboard, 0x80, 0); break;	/* input port: the lock is open */
	case 0xd0: give(keyboard, keyboard->output_port, 0); break;
	case 0x60:
	case 0xd1:
	case 0xd2: keyboard->waiting = value; break;
	default:
		/* F0h to FFh pulse the output port's lines whose bits are 0. */
		if (value >= 0xf0 && !(value & 1))
			set_output_port(keyboard, keyboard->output_port & (uint8_t)~OUTPUT_RUNS);
		break;
	}
}

static void data(struct keyboard *keyboard, uint8_t value)
{
	uint8_t waiting = keyboard->waiting;

	keyboard->waiting = 0;
	switch (waiting) {
	case 0x60: keyboard->command_byte = value & 0x7f; break;
	case 0xd1: set_output_port(keyboard, value); break;
	case 0xd2: give(keyboard, value, 0); break;
	default: give(keyboard, RESEND, STATUS_TIMEOUT); break;	/* no keyboard answers */
	}
}

static uint64_t data_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct keyboard *keyboard = list_object(range, struct keyboard, data);

	(void)offset;
	(void)bytes;
	keyboard->status &= (uint8_t)~(STATUS_OUTPUT | STATUS_TIMEOUT);
	irq_set(&keyboard->irq, false);
	return keyboard->output;
}

static void data_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct keyboard *keyboard = list_object(range, struct keyboard, data);

	(void)offset;
	(void)bytes;
	keyboard->status &= (uint8_t)~STATUS_COMMAND;
	data(keyboard, (uint8_t)value);
}

static uint64_t status_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	(void)bytes;
	return list_object(range, struct keyboard, status_port)->status;
}

static void status_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct keyboard *keyboard = list_object(range, struct keyboard, status_port);

	(void)offset;
	(void)bytes;
	keyboard->status |= STATUS_COMMAND;
	command(keyboard, (uint8_t)value);
}

static void keyboard_free(struct device *device)
{
	free(device);
}

void keyboard_add(struct vm *vm)
{
	struct keyboard *keyboard = need_memory(sizeof(*keyboard));

	keyboard->device = (struct device){ .name = "i8042", .free = keyboard_free };
	keyboard->status = STATUS_UNLOCKED | STATUS_SYSTEM;
	keyboard->command_byte = COMMAND_SYSTEM | COMMAND_DISABLED;
	keyboard->output_port = OUTPUT_RUNS | OUTPUT_A20;
	keyboard->data = (struct bus_range){
		.device = &keyboard->device, .space = BUS_PORT, .first = PC_KEYBOARD_DATA, .bytes = 1,
		.widest = 1, .read = data_read, .write = data_write,
	};
	keyboard->status_port = (struct bus_range){
		.device = &keyboard->device, .space = BUS_PORT, .first = PC_KEYBOARD_STATUS, .bytes = 1,
		.widest = 1, .read = status_read, .write = status_write,
	};
	device_add(vm, &keyboard->device);
	irq_attach(vm, &keyboard->irq, PC_IRQ_KEYBOARD);
	bus_add(vm, &keyboard->data);
	bus_add(vm, &keyboard->status_port);
}
