/* SPDX-License-Identifier: MIT */
/*
 * One counter of an 8254 as a function of time: nothing runs, every question is answered for a given
 * clock. Times are ticks of the counter's input since the VM's start. Pure; i8254.c has the registers.
 */
#ifndef SVMRUND_PIT_COUNTER_H
#define SVMRUND_PIT_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#define PIT_HZ 1193182u

enum pit_mode {
	PIT_TERMINAL_COUNT, PIT_ONE_SHOT, PIT_RATE, PIT_SQUARE, PIT_SOFT_STROBE, PIT_HARD_STROBE,
};

struct pit_counter {
	enum pit_mode mode;
	bool bcd, gate;
	bool loaded;		/* a count was written since the control word */
	bool counting;		/* mode 1 and 5 wait for the gate, mode 0 for the second byte */
	bool low_first;		/* square wave: began with its low half */
	uint32_t count;		/* 1 .. 65536, BCD: .. 10000 */
	uint32_t next_count;	/* rate, square: takes over at `next_at`; 0: none */
	uint64_t start;		/* when `count` was loaded into the counting element */
	uint64_t next_at;
	uint64_t held;		/* gate low in modes 0 and 4: ticks counted before */
};

void pit_counter_control(struct pit_counter *counter, enum pit_mode mode, bool bcd);
/* Both bytes are there; 0 is the largest count. */
void pit_counter_load(struct pit_counter *counter, uint16_t value, uint64_t now);
/* The first of two bytes: mode 0 stops. */
void pit_counter_half_loaded(struct pit_counter *counter, uint64_t now);
void pit_counter_gate(struct pit_counter *counter, bool gate, uint64_t now);
uint16_t pit_counter_value(struct pit_counter *counter, uint64_t now);
bool pit_counter_out(struct pit_counter *counter, uint64_t now);
/* The next time after `now` at which the output rises; UINT64_MAX: never. */
uint64_t pit_counter_next_rise(struct pit_counter *counter, uint64_t now);
/* Distance between two rises; 0: it rises once. */
uint32_t pit_counter_period(const struct pit_counter *counter);

#endif
