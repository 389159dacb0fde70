/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair: initialisation, masks, ISR and IRR, polling, rotation, special mask, ELCR; then what
 * the PIT's channel 0 raises on input 0 through LINT0 (ExtINT), with and without end of interrupt.
 */
#include "exerciser.h"

#define MASTER	0x20
#define SLAVE	0xa0
#define ELCR	0x4d0
#define LAPIC	0xfee00000u

static void initialise(void)
{
	at("pic init");
	for (unsigned int chip = 0; chip < 2; chip++) {
		uint16_t port = chip ? SLAVE : MASTER;

		port_write("icw1", port, 0x11);
		port_write("icw2", (uint16_t)(port + 1), chip ? 0x38 : 0x30);
		port_write("icw3", (uint16_t)(port + 1), chip ? 2 : 4);
		port_write("icw4", (uint16_t)(port + 1), 1);
		port_read("imr", (uint16_t)(port + 1));
		for (unsigned int bits = 0xaa; bits; bits = bits == 0xaa ? 0x55 : bits == 0x55 ? 0xff : 0) {
			port_write("imr", (uint16_t)(port + 1), (uint8_t)bits);
			port_read("imr", (uint16_t)(port + 1));
		}
		port_write("ocw3", port, 0x0b);
		port_read("isr", port);
		port_write("ocw3", port, 0x0c);
		port_read("poll", port);
	}
}

static void triggers(void)
{
	at("pic elcr");
	for (unsigned int bits = 0xff; bits; bits = bits == 0xff ? 0x0c : 0) {
		port_write("elcr1", ELCR, (uint8_t)bits);
		port_read("elcr1", ELCR);
		port_write("elcr2", ELCR + 1, (uint8_t)bits);
		port_read("elcr2", ELCR + 1);
	}
	port_write("elcr1", ELCR, 0);
	port_write("elcr2", ELCR + 1, 0);
}

/* Mode 0 lets the output fall, and raises it at the end of a short count; IRR says when it arrived. */
void timer_edge(void)
{
	out8(0x43, 0x30);
	out8(0x40, 2);
	out8(0x40, 0);
	out8(MASTER, 0x0a);
	while (!(in8(MASTER) & 1))
		;
}

/* A chip that keeps an edge whose input fell again would let timer_edge() end too early. */
void forget_edge(void)
{
	out8(0x43, 0x30);
	out8(MASTER + 1, 0xfe);
	out8(MASTER, 0x0c);
	in8(MASTER);
	out8(MASTER, 0x60);
	out8(MASTER + 1, 0xff);
}

/* Initialisation takes every edge that was kept. */
void forget_requests(void)
{
	for (unsigned int chip = 0; chip < 2; chip++) {
		const uint16_t port = chip ? SLAVE : MASTER;

		out8(port, 0x11);
		out8((uint16_t)(port + 1), chip ? 0x38 : 0x30);
		out8((uint16_t)(port + 1), chip ? 2 : 4);
		out8((uint16_t)(port + 1), 1);
		out8((uint16_t)(port + 1), 0xff);
	}
}

static void commands(void)
{
	at("pic commands");
	timer_edge();
	port_write("ocw3", MASTER, 0x0a);
	rule("input 0 asks", port_read("irr", MASTER) & 1);
	port_write("imr", MASTER + 1, 0xfe);
	port_write("ocw3", MASTER, 0x0c);
	port_read("poll", MASTER);
	port_write("ocw3", MASTER, 0x0b);
	port_read("isr", MASTER);
	timer_edge();
	port_write("ocw3", MASTER, 0x0c);
	port_read("poll while served", MASTER);
	port_write("ocw3 special mask", MASTER, 0x68);
	port_write("ocw3", MASTER, 0x0c);
	port_read("poll while served", MASTER);
	port_write("ocw3 no special mask", MASTER, 0x48);
	port_write("ocw2 eoi", MASTER, 0x20);
	port_write("ocw3", MASTER, 0x0c);
	port_read("poll", MASTER);
	port_write("ocw2 specific eoi 1", MASTER, 0x61);
	port_write("ocw3", MASTER, 0x0b);
	port_read("isr", MASTER);
	port_write("ocw2 specific eoi 0", MASTER, 0x60);
	port_read("isr", MASTER);
	port_write("imr", MASTER + 1, 0xff);
}

void end_at_pics(uint32_t vector)
{
	if (vector >= 0x38)
		out8(SLAVE, 0x20);
	out8(MASTER, 0x20);
}

static void delivery(void)
{
	at("pic delivery");
	poke(LAPIC + 0xf0, 0x1ff);
	poke(LAPIC + 0x350, 0x700);
	in_handler = 0;
	timer_edge();
	port_write("imr", MASTER + 1, 0xfe);
	log_interrupts();
	timer_edge();
	log_interrupts();
	in_handler = end_at_pics;
	port_write("ocw2 eoi", MASTER, 0x20);
	log_interrupts();
	poke(LAPIC + 0x350, 0x10700);
	timer_edge();
	at("pic delivery, LINT0 masked");
	log_interrupts();
	poke(LAPIC + 0x350, 0x700);
	log_interrupts();
	port_write("imr", MASTER + 1, 0xff);
	at("pic delivery, serial port");
	port_write("imr", MASTER + 1, 0xef);
	port_write("mcr", 0x3fc, 8);
	port_write("ier", 0x3f9, 2);
	have_read("irr of input 4", in8(MASTER) & 0x10);
	log_interrupts();
	port_read("iir", 0x3fa);
	port_read("iir", 0x3fa);
	have_read("irr of input 4", in8(MASTER) & 0x10);
	port_write("ier", 0x3f9, 0);
	log_interrupts();
	port_write("mcr", 0x3fc, 0);
	port_write("imr", MASTER + 1, 0xff);
	in_handler = 0;
}

void exercise_pic(void)
{
	initialise();
	triggers();
	commands();
	delivery();
}
