/* SPDX-License-Identifier: MIT */
/* The 82093AA and the local APIC (APM volume 2, chapter 16): registers, masks, delivery, timer, IPIs. */
#include "exerciser.h"

#define IOAPIC	0xfec00000u
#define LAPIC	0xfee00000u

static void io_write(uint32_t index, uint32_t value)
{
	poke(IOAPIC, index);
	wrote("index", index);
	memory_write("window", IOAPIC + 0x10, value);
}

static uint32_t io_read(const char *name, uint32_t index)
{
	poke(IOAPIC, index);
	return memory_read(name, IOAPIC + 0x10);
}

static void end_local(uint32_t vector)
{
	(void)vector;
	poke(LAPIC + 0xb0, 0);
}

void exercise_ioapic(void)
{
	at("ioapic");
	io_write(0, 0xffffffff);
	io_read("id", 0);
	io_read("version", 1);
	io_read("arbitration", 2);
	io_write(0, 0);
	memory_write("select", IOAPIC, 0xffffff5a);
	memory_read("select", IOAPIC);
	for (uint32_t pin = 0; pin < 24; pin++) {
		io_write(0x10 + 2 * pin, 0xffffffff);
		io_read("low", 0x10 + 2 * pin);
		io_write(0x11 + 2 * pin, 0xffffffff);
		io_read("high", 0x11 + 2 * pin);
		io_write(0x10 + 2 * pin, 0x10000);
		io_write(0x11 + 2 * pin, 0);
		io_read("low", 0x10 + 2 * pin);
	}
	io_read("beyond", 0x40);
	at("ioapic delivery");
	poke(LAPIC + 0xf0, 0x1ff);
	poke(LAPIC + 0x350, 0x10700);
	in_handler = end_local;
	io_write(0x14, 0x42);
	forget_edge();
	timer_edge();
	log_interrupts();
	io_write(0x14, 0x10042);
	forget_edge();
	timer_edge();
	log_interrupts();
	io_write(0x14, 0x42);
	log_interrupts();
	io_write(0x14, 0x10000);
	in_handler = 0;
}

static void local_masks(void)
{
	static const struct { uint16_t at; const char *name; } all[] = {
		{ 0x80, "tpr" }, { 0xd0, "ldr" }, { 0xe0, "dfr" }, { 0xf0, "svr" }, { 0x310, "icr high" },
		{ 0x320, "timer" }, { 0x340, "performance" }, { 0x350, "lint0" }, { 0x360, "lint1" },
		{ 0x370, "error" }, { 0x3e0, "divide" },
	};

	at("lapic masks");
	memory_read("id", LAPIC + 0x20);
	memory_read("version", LAPIC + 0x30);
	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++) {
		uint32_t before = peek(LAPIC + all[i].at);

		/* Masked where there is a mask, so that nothing comes of it. */
		memory_write(all[i].name, LAPIC + all[i].at, 0xffffffff);
		memory_read(all[i].name, LAPIC + all[i].at);
		memory_write(all[i].name, LAPIC + all[i].at, all[i].at == 0xf0 ? 0x1ff : 0x10000);
		memory_read(all[i].name, LAPIC + all[i].at);
		poke(LAPIC + all[i].at, before);
	}
	poke(LAPIC + 0x80, 0);
}

static void priorities(void)
{
	at("lapic priorities");
	in_handler = end_local;
	memory_write("tpr", LAPIC + 0x80, 0x50);
	memory_read("ppr", LAPIC + 0xa0);
	memory_write("icr", LAPIC + 0x300, 0x40045);
	memory_write("icr", LAPIC + 0x300, 0x40061);
	memory_write("icr", LAPIC + 0x300, 0x40062);
	memory_read("irr 40h", LAPIC + 0x220);
	memory_read("irr 60h", LAPIC + 0x230);
	log_interrupts();
	memory_read("irr 40h", LAPIC + 0x220);
	memory_write("tpr", LAPIC + 0x80, 0);
	log_interrupts();
	in_handler = 0;
	memory_write("icr", LAPIC + 0x300, 0x40051);
	log_interrupts();
	memory_read("isr 40h", LAPIC + 0x120);
	memory_read("ppr", LAPIC + 0xa0);
	memory_write("icr", LAPIC + 0x300, 0x40052);
	log_interrupts();
	in_handler = end_local;
	memory_write("eoi", LAPIC + 0xb0, 0);
	log_interrupts();
	memory_read("isr 40h", LAPIC + 0x120);
	memory_write("icr low vector", LAPIC + 0x300, 0x40005);
	memory_write("esr", LAPIC + 0x280, 0);
	memory_read("esr", LAPIC + 0x280);
	memory_write("esr", LAPIC + 0x280, 0);
	memory_read("esr", LAPIC + 0x280);
	log_interrupts();
}

static void timer(void)
{
	at("lapic timer");
	memory_write("divide", LAPIC + 0x3e0, 0x0b);
	memory_write("timer", LAPIC + 0x320, 0x71);
	memory_write("initial", LAPIC + 0x380, 1000);
	await_interrupt();
	log_interrupts();
	memory_read("current", LAPIC + 0x390);
	memory_read("initial", LAPIC + 0x380);
	memory_write("timer masked", LAPIC + 0x320, 0x10071);
	memory_write("initial", LAPIC + 0x380, 0xffffffff);
	{
		uint32_t first = peek(LAPIC + 0x390);

		while (peek(LAPIC + 0x390) == first)
			;
		rule("counts down", peek(LAPIC + 0x390) < first);
	}
	memory_write("initial", LAPIC + 0x380, 0);
	memory_read("current", LAPIC + 0x390);
}

static void second_processor(void)
{
	extern char second[], second_end[];
	volatile uint16_t *count = (uint16_t *)0x8100;
	uint32_t bytes = (uint32_t)(second_end - second);

	at("second processor");
	for (uint32_t i = 0; i < bytes; i++)
		*(volatile char *)(0x8000 + i) = second[i];
	__asm__ volatile ("movw $0, 0x8100" : : : "memory");
	memory_write("icr high", LAPIC + 0x310, 1u << 24);
	memory_write("icr init", LAPIC + 0x300, 0x4500);
	log_interrupts();
	memory_write("icr startup", LAPIC + 0x300, 0x4608);
	while (!*count)
		;
	rule("started", true);
	memory_write("icr startup, again", LAPIC + 0x300, 0x4608);
	log_interrupts();
	have_read("starts", *count);
}

void exercise_lapic(void)
{
	poke(LAPIC + 0xf0, 0x1ff);
	local_masks();
	poke(LAPIC + 0xf0, 0x1ff);
	poke(LAPIC + 0x80, 0);
	priorities();
	timer();
	second_processor();
}
