/* SPDX-License-Identifier: MIT */
/* The 8254 (modes, latches, read-back), the MC146818 and the ports of the chipset beside them. */
#include "exerciser.h"

/* More reads than fit into a period of 976 us, or into 85 ticks of the PIT's. */
#define PERIODS	20000u

static uint16_t latch(uint16_t port, uint8_t channel)
{
	uint8_t low;

	out8(0x43, (uint8_t)(channel << 6));
	low = in8(port);
	return (uint16_t)(low | in8(port) << 8);
}

void exercise_pit(void)
{
	port_write("port 61h", 0x61, 0);
	for (unsigned int mode = 0; mode < 6; mode++) {
		uint8_t control = (uint8_t)(0xb0 | mode << 1);
		uint16_t first;

		at("pit mode");
		port_write("control", 0x43, control);
		port_write("read back status", 0x43, 0xe8);
		have_read("status without output", in8(0x42) & 0x7f);
		port_write("count", 0x42, 0x00);
		port_write("count", 0x42, 0x80);
		port_write("port 61h", 0x61, 1);
		first = latch(0x42, 2);
		while (latch(0x42, 2) == first)
			;
		rule("counts", true);
		port_write("read back status", 0x43, 0xe8);
		have_read("status without output and null count", in8(0x42) & 0x3f);
		port_write("port 61h", 0x61, 0);
	}
	at("pit low byte");
	port_write("control", 0x43, 0x90);
	port_write("count", 0x42, 0x55);
	{
		unsigned int reads = 0;

		while (reads < PERIODS && in8(0x42) == 0x55)
			reads++;
		rule("the gate holds the count", reads == PERIODS);
	}
}

static void cmos(uint8_t index, uint8_t value)
{
	out8(0x70, index);
	port_write("cmos", 0x71, value);
}

static uint8_t in8_cmos(uint8_t index)
{
	out8(0x70, index);
	return in8(0x71);
}

static uint8_t cmos_read(const char *name, uint8_t index)
{
	out8(0x70, index);
	return port_read(name, 0x71);
}

void exercise_rtc(void)
{
	at("rtc");
	cmos(0x0a, 0x26);
	cmos(0x0b, 0x82);	/* SET: the clock stands */
	out8(0x70, 0x0c);
	in8(0x71);
	for (uint8_t index = 0; index < 10; index++) {
		static const uint8_t values[] = { 0x58, 0x30, 0x59, 0x31, 0x23, 0x12, 2, 0x28, 0x02, 0x23 };

		wrote("register", index);
		cmos(index, values[index]);
		cmos_read("register", index);
	}
	cmos_read("a", 0x0a);
	cmos_read("b", 0x0b);
	cmos_read("d", 0x0d);
	{
		uint8_t flags = 0;

		for (unsigned int i = 0; i < PERIODS && !(flags & 0x40); i++)
			flags |= in8_cmos(0x0c);
		rule("a period is flagged though nobody wants its interrupt", flags & 0x40);
	}
	for (unsigned int bits = 0x0a; bits < 0x80; bits <<= 1) {
		cmos(0x0b, (uint8_t)(0x82 | bits));
		cmos_read("b", 0x0b);
	}
	cmos(0x0a, 0xff);
	rule("a without uip", (cmos_read("a", 0x0a) & 0x7f) == 0x7f);
	cmos(0x0a, 0x26);
	cmos(0x0d, 0);
	cmos_read("d", 0x0d);
	cmos(0x0b, 0x82);
	for (uint8_t index = 0x70; index < 0x78; index++) {
		cmos(index, (uint8_t)(index ^ 0xff));
		cmos_read("memory", index);
	}
	at("rtc update");
	/* An alarm at every second; the clock goes for one, and says so on input 0 of the second PIC. */
	cmos(1, 0xff);
	cmos(3, 0xff);
	cmos(5, 0xff);
	in8_cmos(0x0c);
	forget_requests();
	in_handler = end_at_pics;
	port_write("imr", 0x21, 0xfb);
	port_write("slave imr", 0xa1, 0xfe);
	cmos(0x0b, 0x12);
	await_interrupt();
	cmos(0x0b, 0x82);
	log_interrupts();
	have_read("c without the period", in8_cmos(0x0c) & ~0x40u);
	cmos_read("seconds", 0);
	cmos_read("minutes", 2);
	cmos_read("hours", 4);
	cmos_read("date", 7);
	have_read("c without the period", in8_cmos(0x0c) & ~0x40u);
	port_write("imr", 0x21, 0xff);
	port_write("slave imr", 0xa1, 0xff);
	in_handler = 0;
}

void exercise_ports(void)
{
	at("ports");
	port_write("port 61h", 0x61, 0x0f);
	have_read("port 61h without output and refresh", in8(0x61) & 0x0f);
	port_write("port 61h", 0x61, 0);
	port_write("port 92h", 0x92, 2);
	port_read("port 92h", 0x92);
	port_write("i8042 command", 0x64, 0xaa);
	port_read("i8042 status", 0x64);
	port_read("i8042 data", 0x60);
	port_read("i8042 status", 0x64);
	port_write("i8042 command", 0x64, 0x60);
	port_write("i8042 command byte", 0x60, 0x34);
	port_write("i8042 command", 0x64, 0x20);
	port_read("i8042 command byte", 0x60);
	port_write("i8042 command", 0x64, 0xab);
	port_read("i8042 data", 0x60);
	at("acpi");
	have_read("pm1 control", in16(0x604));
	{
		uint32_t first = in32(0x608);

		while (in32(0x608) == first)
			;
		rule("pm timer counts", true);
		rule("pm timer has 24 bits", !(in32(0x608) >> 24));
	}
}
