/* SPDX-License-Identifier: MIT */
/* PC16550D: every register and what can be written of it, FIFO, loopback, modem lines, interrupts by IIR. */
#include "exerciser.h"

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static void masks(void)
{
	at("uart masks");
	port_write("lcr", LCR, 0x83);
	for (unsigned int value = 0x0c; value; value >>= 2) {
		port_write("dll", DATA, (uint8_t)value);
		port_write("dlm", IER, (uint8_t)(value << 4));
		port_read("dll", DATA);
		port_read("dlm", IER);
	}
	port_write("dll", DATA, 1);
	port_write("dlm", IER, 0);
	port_write("lcr", LCR, 0x7f & ~0x40);
	port_read("lcr", LCR);
	port_write("lcr", LCR, 3);
	port_write("scr", SCR, 0xa5);
	port_read("scr", SCR);
	port_write("mcr", MCR, 0xff);
	port_read("mcr", MCR);
	port_write("mcr", MCR, 0);
	port_read("msr", MSR);
	port_read("msr", MSR);
	port_write("ier", IER, 0xff);
	port_read("ier", IER);
	port_write("ier", IER, 0);
	port_read("iir", IIR);
	port_write("fcr", IIR, 0xcf);
	port_read("iir", IIR);
	port_write("fcr", IIR, 0);
	port_read("iir", IIR);
	port_read("lsr", LSR);
}

static void modem(void)
{
	at("uart modem");
	port_write("mcr", MCR, 0x10);
	port_read("msr", MSR);
	port_read("msr", MSR);
	for (unsigned int bit = 1; bit < 16; bit <<= 1) {
		port_write("mcr", MCR, (uint8_t)(0x10 | bit));
		port_read("msr", MSR);
		port_read("msr", MSR);
		port_write("mcr", MCR, 0x10);
		port_read("msr", MSR);
	}
}

static void loopback(void)
{
	at("uart loopback");
	port_write("mcr", MCR, 0x10);
	port_write("data", DATA, 0x5a);
	port_read("lsr", LSR);
	port_read("data", DATA);
	port_read("lsr", LSR);
	port_write("fcr", IIR, 0x07);
	for (unsigned int i = 0; i < 16; i++)
		out8(DATA, (uint8_t)(0x40 + i));
	port_read("lsr", LSR);
	for (unsigned int i = 0; i < 16; i++)
		port_read("data", DATA);
	port_read("lsr", LSR);
	port_write("data", DATA, 1);
	port_write("fcr", IIR, 0x03);
	port_read("lsr", LSR);
}

static void identification(void)
{
	at("uart iir");
	port_write("mcr", MCR, 0x10);
	port_read("msr", MSR);
	port_write("fcr", IIR, 0x01);
	port_write("ier", IER, 2);
	port_read("iir", IIR);
	port_read("iir", IIR);
	port_write("ier", IER, 1);
	port_write("data", DATA, 0x77);
	/* Four characters later it is a time-out: a busy machine may take as long. */
	rule("iir tells received data, by level or time-out", (in8(IIR) & 0xf7) == 0xc4);
	port_read("data", DATA);
	port_read("iir", IIR);
	port_write("ier", IER, 8);
	port_write("mcr", MCR, 0x12);
	port_read("iir", IIR);
	port_read("msr", MSR);
	port_read("iir", IIR);
	port_write("ier", IER, 0);
	port_write("fcr", IIR, 0);
	port_write("mcr", MCR, 0);
	port_read("msr", MSR);
}

void exercise_uart(void)
{
	masks();
	modem();
	loopback();
	identification();
}
