/* SPDX-License-Identifier: MIT */
/*
 * The exerciser's log: every access is one line, "WHERE: REGISTER = VALUE" for what was read and
 * "WHERE: REGISTER <- VALUE" for what was written. What depends on time is logged as a rule that holds
 * or does not.
 */
#ifndef EXERCISER_H
#define EXERCISER_H

#include <stdbool.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile ("outb %0, %1" : : "a" (value), "Nd" (port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile ("inb %1, %0" : "=a" (value) : "Nd" (port) : "memory");
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile ("inw %1, %0" : "=a" (value) : "Nd" (port) : "memory");
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile ("inl %1, %0" : "=a" (value) : "Nd" (port) : "memory");
	return value;
}

/* What the lines say until the next call: "uart loopback". */
void at(const char *where);
void wrote(const char *name, uint32_t value);
void have_read(const char *name, uint32_t value);
void rule(const char *name, bool holds);

void port_write(const char *name, uint16_t port, uint8_t value);
uint8_t port_read(const char *name, uint16_t port);
uint32_t memory_read(const char *name, uint32_t address);
void memory_write(const char *name, uint32_t address, uint32_t value);
uint32_t peek(uint32_t address);
void poke(uint32_t address, uint32_t value);

/* Interrupts that came, in their order; in_handler, if set, runs in the handler. */
void interrupts_init(void);
void log_interrupts(void);		/* opens the gate for a while, then logs the vectors */
void await_interrupt(void);		/* with the gate open, as long as it takes */
void note_interrupt(uint32_t vector);
extern void (*in_handler)(uint32_t vector);

/* Edges on input 0 of the PICs, which is input 2 of the I/O APIC. */
void timer_edge(void);
void forget_edge(void);
void end_at_pics(uint32_t vector);
void forget_requests(void);		/* edges that either PIC keeps; masks everything */

void exercise_uart(void);
void exercise_pic(void);
void exercise_pit(void);
void exercise_rtc(void);
void exercise_ports(void);
void exercise_ioapic(void);
void exercise_lapic(void);

#endif
