/* SPDX-License-Identifier: MIT */
/* The log on the debug console, the interrupt table, and the order of the devices. */
#include "exerciser.h"

#define CONSOLE		0xe9
#define EXIT		0xf4
#define ENTRY_BYTES	16u
#define SEEN		32u
/* Longer than any interrupt of the exerciser's takes to arrive. */
#define ROUNDS		200000u

extern char entries[];
void (*in_handler)(uint32_t vector);

static const char *place;
static uint32_t seen[SEEN];
static volatile uint32_t seen_count;
static struct { uint16_t low, selector, flags, high; } table[256];

static void text(const char *words)
{
	while (*words)
		out8(CONSOLE, (uint8_t)*words++);
}

static void number(uint32_t value)
{
	unsigned int shift = 28;

	while (shift && !(value >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		out8(CONSOLE, (uint8_t)"0123456789abcdef"[value >> shift & 15]);
		if (!shift)
			break;
	}
}

void at(const char *where)
{
	place = where;
}

static void line(const char *name, const char *relation, uint32_t value)
{
	text(place);
	text(": ");
	text(name);
	text(relation);
	number(value);
	text("\n");
}

void wrote(const char *name, uint32_t value)
{
	line(name, " <- ", value);
}

void have_read(const char *name, uint32_t value)
{
	line(name, " = ", value);
}

void rule(const char *name, bool holds)
{
	line(name, " = ", holds);
}

void port_write(const char *name, uint16_t port, uint8_t value)
{
	wrote(name, value);
	out8(port, value);
}

uint8_t port_read(const char *name, uint16_t port)
{
	uint8_t value = in8(port);

	have_read(name, value);
	return value;
}

uint32_t peek(uint32_t address)
{
	uint32_t value;

	__asm__ volatile ("movl (%1), %0" : "=r" (value) : "r" (address) : "memory");
	return value;
}

void poke(uint32_t address, uint32_t value)
{
	__asm__ volatile ("movl %0, (%1)" : : "r" (value), "r" (address) : "memory");
}

uint32_t memory_read(const char *name, uint32_t address)
{
	uint32_t value = peek(address);

	have_read(name, value);
	return value;
}

void memory_write(const char *name, uint32_t address, uint32_t value)
{
	wrote(name, value);
	poke(address, value);
}

/* ---- Interrupts ---- */

void interrupts_init(void)
{
	struct { uint16_t limit; uint32_t base; } __attribute__((packed)) where;

	for (unsigned int i = 0; i < 256; i++) {
		uint32_t entry = (uint32_t)entries + i * ENTRY_BYTES;

		table[i].low = (uint16_t)entry;
		table[i].selector = 8;
		table[i].flags = 0x8e00;
		table[i].high = (uint16_t)(entry >> 16);
	}
	where.limit = sizeof(table) - 1;
	where.base = (uint32_t)table;
	__asm__ volatile ("lidt %0" : : "m" (where));
}

void note_interrupt(uint32_t vector)
{
	/* Nobody runs BOUND: vector 5 is what the local APIC was wrongly asked for. */
	if (vector < 32 && vector != 5) {
		line("exception", " = ", vector);
		out8(EXIT, 1);
	}
	if (seen_count < SEEN)
		seen[seen_count++] = vector;
	if (in_handler)
		in_handler(vector);
}

void await_interrupt(void)
{
	__asm__ volatile ("sti");
	while (!seen_count)
		;
	__asm__ volatile ("cli");
}

void log_interrupts(void)
{
	__asm__ volatile ("sti");
	for (volatile unsigned int i = 0; i < ROUNDS; i++)
		;
	__asm__ volatile ("cli");
	line("interrupts", " = ", seen_count);
	for (unsigned int i = 0; i < seen_count; i++)
		line("vector", " = ", seen[i]);
	seen_count = 0;
}

void exercise(void);

void exercise(void)
{
	interrupts_init();
	exercise_pic();
	exercise_uart();
	exercise_pit();
	exercise_rtc();
	exercise_ports();
	exercise_ioapic();
	exercise_lapic();
	at("end");
	rule("reached", true);
	out8(EXIT, 0);
	for (;;)
		__asm__ volatile ("hlt");
}
