/* SPDX-License-Identifier: MIT */
/*
 * Intel 8259A Programmable Interrupt Controller (order number 231468), two of them, and the edge/level
 * control registers of the 82371AB (PIIX4, 290562), which replace LTIM line by line. Of the modes only
 * MCS-80 is left out: there INTA would put a CALL on the bus.
 */
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vcpu.h"
#include "../vm.h"
#include "i8259.h"
#include "pc.h"

#define CASCADE 2u

enum { EXPECT_OCW, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

struct chip {
	struct bus_range ports, elcr_port;
	struct pic *pic;
	uint8_t lines;		/* inputs as they are */
	uint8_t irr, isr, imr, elcr, elcr_writable;
	uint8_t base, icw3;
	uint8_t lowest;		/* input with the lowest priority */
	uint8_t expect;
	bool wants_icw4, single, level, auto_eoi, rotate_auto, nested, special_mask;
	bool read_isr, poll;
};

struct pic {
	struct device device;
	struct irq_sink sink;
	struct chip master, slave;
	bool intr;
};

/* ---- Priorities ---- */

/* The input of `bits` with the highest priority, as its distance from the top: 8 is none. */
static unsigned int rank(const struct chip *chip, uint8_t bits)
{
	unsigned int distance = 0;

	while (distance < 8 && !(bits >> ((chip->lowest + 1 + distance) & 7) & 1))
		distance++;
	return distance;
}

/* The input that asks now, or -1. */
static int pending(const struct chip *chip)
{
	unsigned int asks = rank(chip, chip->irr & (uint8_t)~chip->imr), served;
	uint8_t in_service = chip->isr;

	/* Special mask: masked inputs hold nobody back. Special fully nested: nor does the slave. */
	if (chip->special_mask)
		in_service &= (uint8_t)~chip->imr;
	if (chip->nested && chip == &chip->pic->master)
		in_service &= (uint8_t)~(1u << CASCADE);
	served = rank(chip, in_service);
	return asks < served ? (int)((chip->lowest + 1 + asks) & 7) : -1;
}

static bool is_level(const struct chip *chip, unsigned int input)
{
	return chip->level || chip->elcr >> input & 1;
}

static void set_input(struct chip *chip, unsigned int input, bool high)
{
	uint8_t bit = (uint8_t)(1u << input);
	bool was = chip->lines & bit;

	chip->lines = (uint8_t)(high ? chip->lines | bit : chip->lines & ~bit);
	/* An input must stay high until it is acknowledged (figure 9, "IR triggering timing"). */
	if (!high)
		chip->irr &= (uint8_t)~bit;
	else if (!was || is_level(chip, input))
		chip->irr |= bit;
}

static void update(struct pic *pic)
{
	struct vm *vm = pic->device.vm;
	bool intr;

	set_input(&pic->master, CASCADE, pending(&pic->slave) >= 0);
	intr = pending(&pic->master) >= 0;
	if (intr == pic->intr)
		return;
	pic->intr = intr;
	if (vm->vcpu_count)
		vm->daemon->engine->extint(vm->vcpus[0]->fd, intr);
}

/* ---- Acknowledging ---- */

/* What the chip puts on the bus; nobody asks any more: input 7, and no bit in ISR. */
static unsigned int acknowledge(struct chip *chip)
{
	int input = pending(chip);
	uint8_t bit = (uint8_t)(1u << (input & 7));

	if (input < 0)
		return 7;
	if (!is_level(chip, (unsigned int)input))
		chip->irr &= (uint8_t)~bit;
	if (!chip->auto_eoi)
		chip->isr |= bit;
	else if (chip->rotate_auto)
		chip->lowest = (uint8_t)input;
	return (unsigned int)input;
}

uint8_t pic_acknowledge(struct pic *pic)
{
	struct chip *master = &pic->master, *slave = &pic->slave;
	bool asked = pending(master) >= 0;
	unsigned int input = acknowledge(master);
	uint8_t vector = (uint8_t)(master->base + input);

	if (asked && !master->single && master->icw3 >> input & 1) {
		/* A slave with another identity keeps silent: the bus floats. */
		vector = 0xff;
		if (input == CASCADE && (slave->icw3 & 7) == CASCADE)
			vector = (uint8_t)(slave->base + acknowledge(slave));
		/* The slave's output falls with INTA, and rises anew if another input asks. */
		set_input(master, CASCADE, false);
	}
	update(pic);
	return vector;
}

/* ---- Commands ---- */

static void end_of_interrupt(struct chip *chip, bool specific, unsigned int input, bool rotate)
{
	uint8_t in_service = chip->special_mask ? chip->isr & (uint8_t)~chip->imr : chip->isr;
	unsigned int top = rank(chip, in_service);

	if (!specific) {
		if (top == 8)
			return;
		input = (chip->lowest + 1 + top) & 7;
	}
	chip->isr &= (uint8_t)~(1u << input);
	if (rotate)
		chip->lowest = (uint8_t)input;
}

static void write_ocw2(struct chip *chip, uint8_t value)
{
	unsigned int input = value & 7;

	switch (value >> 5) {
	case 0: chip->rotate_auto = false; break;
	case 1: end_of_interrupt(chip, false, 0, false); break;
	case 3: end_of_interrupt(chip, true, input, false); break;
	case 4: chip->rotate_auto = true; break;
	case 5: end_of_interrupt(chip, false, 0, true); break;
	case 6: chip->lowest = (uint8_t)input; break;
	case 7: end_of_interrupt(chip, true, input, true); break;
	default: break;		/* no operation */
	}
}

static void write_ocw3(struct chip *chip, uint8_t value)
{
	if (value & 0x40)
		chip->special_mask = value & 0x20;
	if (value & 4)
		chip->poll = true;
	else if (value & 2)
		chip->read_isr = value & 1;
}

/* Edges seen so far are forgotten; inputs are not disconnected. */
static void write_icw1(struct chip *chip, uint8_t value)
{
	chip->wants_icw4 = value & 1;
	chip->single = value & 2;
	chip->level = value & 8;
	chip->irr = 0;
	for (unsigned int i = 0; i < 8; i++)
		if (is_level(chip, i))
			chip->irr |= chip->lines & (uint8_t)(1u << i);
	chip->isr = chip->imr = 0;
	chip->lowest = 7;
	chip->auto_eoi = chip->rotate_auto = chip->nested = chip->special_mask = false;
	chip->read_isr = chip->poll = false;
	chip->expect = EXPECT_ICW2;
}

static void write_data(struct chip *chip, uint8_t value)
{
	switch (chip->expect) {
	case EXPECT_ICW2:
		chip->base = value & 0xf8;
		chip->expect = !chip->single ? EXPECT_ICW3 : chip->wants_icw4 ? EXPECT_ICW4 : EXPECT_OCW;
		break;
	case EXPECT_ICW3:
		chip->icw3 = value;
		chip->expect = chip->wants_icw4 ? EXPECT_ICW4 : EXPECT_OCW;
		break;
	case EXPECT_ICW4:
		chip->auto_eoi = value & 2;
		chip->nested = value & 0x10;
		chip->expect = EXPECT_OCW;
		break;
	default:
		chip->imr = value;
		break;
	}
}

static void pic_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t word)
{
	struct chip *chip = list_object(range, struct chip, ports);
	uint8_t value = (uint8_t)word;

	(void)bytes;
	if (offset)
		write_data(chip, value);
	else if (value & 0x10)
		write_icw1(chip, value);
	else if (value & 8)
		write_ocw3(chip, value);
	else
		write_ocw2(chip, value);
	update(chip->pic);
}

static uint64_t pic_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct chip *chip = list_object(range, struct chip, ports);
	uint8_t value;

	(void)bytes;
	if (!chip->poll)
		return offset ? chip->imr : chip->read_isr ? chip->isr : chip->irr;
	/* The read after a poll command acknowledges. */
	chip->poll = false;
	if (pending(chip) < 0)
		return 0;
	value = (uint8_t)(0x80 | acknowledge(chip));
	if (chip == &chip->pic->slave)
		set_input(&chip->pic->master, CASCADE, false);
	update(chip->pic);
	return value;
}

static uint64_t elcr_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	(void)bytes;
	return list_object(range, struct chip, elcr_port)->elcr;
}

static void elcr_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct chip *chip = list_object(range, struct chip, elcr_port);

	(void)offset;
	(void)bytes;
	chip->elcr = (uint8_t)value & chip->elcr_writable;
	chip->irr |= chip->lines & chip->elcr;
	update(chip->pic);
}

/* ---- Wiring ---- */

static void pic_line(struct irq_sink *sink, unsigned int irq, bool level)
{
	struct pic *pic = list_object(sink, struct pic, sink);

	if (irq >= 16 || irq == CASCADE)
		return;
	set_input(irq < 8 ? &pic->master : &pic->slave, irq & 7, level);
	update(pic);
}

static void add_chip(struct vm *vm, struct pic *pic, struct chip *chip, uint16_t port,
		     uint16_t elcr_port)
{
	chip->pic = pic;
	chip->lowest = 7;
	chip->ports = (struct bus_range){
		.device = &pic->device, .space = BUS_PORT, .first = port, .bytes = 2, .widest = 1,
		.read = pic_read, .write = pic_write,
	};
	chip->elcr_port = (struct bus_range){
		.device = &pic->device, .space = BUS_PORT, .first = elcr_port, .bytes = 1, .widest = 1,
		.read = elcr_read, .write = elcr_write,
	};
	bus_add(vm, &chip->ports);
	bus_add(vm, &chip->elcr_port);
}

static void pic_free(struct device *device)
{
	free(device);
}

void pic_add(struct vm *vm, uint16_t elcr)
{
	struct pic *pic = need_memory(sizeof(*pic));

	pic->device = (struct device){ .name = "i8259", .free = pic_free };
	device_add(vm, &pic->device);
	/* Timer, keyboard, cascade, RTC and FPU are edges for good. */
	pic->master.elcr_writable = 0xf8;
	pic->slave.elcr_writable = 0xde;
	pic->master.elcr = (uint8_t)elcr & pic->master.elcr_writable;
	pic->slave.elcr = (uint8_t)(elcr >> 8) & pic->slave.elcr_writable;
	add_chip(vm, pic, &pic->master, PC_PIC_MASTER, PC_PIC_ELCR);
	add_chip(vm, pic, &pic->slave, PC_PIC_SLAVE, PC_PIC_ELCR + 1);
	pic->sink.line = pic_line;
	irq_add_sink(vm, &pic->sink);
	vm->pic = pic;
}
