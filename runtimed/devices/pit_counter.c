/* SPDX-License-Identifier: MIT */
/* Intel 8254 (order number 231164), "mode definitions": counting element and output by mode. */
#include "pit_counter.h"

static bool is_periodic(const struct pit_counter *counter)
{
	return counter->mode == PIT_RATE || counter->mode == PIT_SQUARE;
}

static bool needs_trigger(const struct pit_counter *counter)
{
	return counter->mode == PIT_ONE_SHOT || counter->mode == PIT_HARD_STROBE;
}

static uint64_t elapsed(const struct pit_counter *counter, uint64_t now)
{
	if (!counter->gate && !needs_trigger(counter))
		return counter->held;
	return now > counter->start ? now - counter->start : 0;
}

/* Ticks of the half of a square wave that is high, or low: an odd count is high for one more. */
static uint32_t half(const struct pit_counter *counter, bool high)
{
	return (counter->count + high) / 2;
}

/* A count written meanwhile takes over at the end of a period, of a square wave's half. */
static void advance(struct pit_counter *counter, uint64_t now)
{
	uint64_t done;

	if (!counter->next_count || !is_periodic(counter) || !counter->gate ||
	    now < counter->next_at)
		return;
	done = counter->next_at - counter->start;
	if (counter->mode == PIT_SQUARE) {
		uint64_t in_period = done % counter->count;

		/* The end of the first half begins the other one. */
		if (in_period)
			counter->low_first = !counter->low_first;
	}
	counter->start = counter->next_at;
	counter->count = counter->next_count;
	counter->next_count = 0;
}

static uint64_t end_of_part(const struct pit_counter *counter, uint64_t now)
{
	uint64_t done = elapsed(counter, now), begin = done - done % counter->count;
	uint32_t first = half(counter, !counter->low_first);

	if (counter->mode == PIT_SQUARE && done - begin < first)
		return counter->start + begin + first;
	return counter->start + begin + counter->count;
}

void pit_counter_control(struct pit_counter *counter, enum pit_mode mode, bool bcd)
{
	counter->mode = mode;
	counter->bcd = bcd;
	counter->loaded = counter->counting = counter->low_first = false;
	counter->next_count = 0;
	counter->held = 0;
}

static uint32_t from_register(const struct pit_counter *counter, uint16_t value)
{
	uint32_t count = value;

	if (counter->bcd)
		count = (value >> 12) * 1000u + (value >> 8 & 15) * 100u + (value >> 4 & 15) * 10u +
			(value & 15);
	if (!count)
		return counter->bcd ? 10000 : 65536;
	return count;
}

static uint16_t to_register(const struct pit_counter *counter, uint64_t value)
{
	if (!counter->bcd)
		return (uint16_t)value;
	value %= 10000;
	return (uint16_t)(value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

static void begin(struct pit_counter *counter, uint64_t now)
{
	counter->start = now;
	counter->held = 0;
	counter->counting = true;
	counter->low_first = false;
}

void pit_counter_load(struct pit_counter *counter, uint16_t value, uint64_t now)
{
	uint32_t count = from_register(counter, value);

	/* A count of 1 is illegal in these modes; the counter then divides by two. */
	if (is_periodic(counter) && count == 1)
		count = 2;
	advance(counter, now);
	if (needs_trigger(counter)) {
		/* The one that runs goes on with its own count until the next trigger. */
		counter->next_count = count;
		counter->loaded = true;
	} else if (is_periodic(counter) && counter->counting) {
		counter->next_at = end_of_part(counter, now);
		counter->next_count = count;
	} else {
		counter->count = count;
		counter->loaded = true;
		begin(counter, now);
	}
}

void pit_counter_half_loaded(struct pit_counter *counter, uint64_t now)
{
	if (counter->mode != PIT_TERMINAL_COUNT || !counter->loaded)
		return;
	counter->held = elapsed(counter, now);
	counter->counting = false;
}

void pit_counter_gate(struct pit_counter *counter, bool gate, uint64_t now)
{
	if (counter->gate == gate)
		return;
	advance(counter, now);
	if (!gate && !needs_trigger(counter))
		counter->held = is_periodic(counter) ? 0 : elapsed(counter, now);
	counter->gate = gate;
	if (!gate || !counter->loaded)
		return;
	if (needs_trigger(counter) || is_periodic(counter)) {
		if (counter->next_count)
			counter->count = counter->next_count;
		counter->next_count = 0;
		begin(counter, now);
	} else {
		counter->start = now - counter->held;	/* may be before the VM's start: modulo 2^64 */
	}
}

static uint64_t modulus(const struct pit_counter *counter)
{
	return counter->bcd ? 10000 : 65536;
}

uint16_t pit_counter_value(struct pit_counter *counter, uint64_t now)
{
	uint64_t done, left;

	advance(counter, now);
	if (!counter->loaded || (needs_trigger(counter) && !counter->counting))
		return to_register(counter, counter->next_count ? counter->next_count : counter->count);
	done = counter->counting ? elapsed(counter, now) : counter->held;
	switch (counter->mode) {
	case PIT_RATE:
		return to_register(counter, counter->count - done % counter->count);
	case PIT_SQUARE:
		/* Counts by two, twice in a period; odd counts begin even. */
		done %= counter->count;
		if (done >= half(counter, !counter->low_first))
			done -= half(counter, !counter->low_first);
		return to_register(counter, (counter->count & ~1u) - 2 * done);
	default:
		/* After zero it goes on from the largest count. */
		left = modulus(counter) + counter->count % modulus(counter) - done % modulus(counter);
		return to_register(counter, left % modulus(counter));
	}
}

bool pit_counter_out(struct pit_counter *counter, uint64_t now)
{
	uint64_t done;

	advance(counter, now);
	if (!counter->loaded || !counter->counting)
		return counter->mode != PIT_TERMINAL_COUNT;
	done = elapsed(counter, now);
	switch (counter->mode) {
	case PIT_TERMINAL_COUNT:
	case PIT_ONE_SHOT:
		return done >= counter->count;
	case PIT_RATE:
		return !counter->gate || done % counter->count != counter->count - 1;
	case PIT_SQUARE:
		return !counter->gate ||
			(done % counter->count < half(counter, !counter->low_first)) !=
			counter->low_first;
	default:
		return done != counter->count;
	}
}

uint32_t pit_counter_period(const struct pit_counter *counter)
{
	return is_periodic(counter) ? counter->count : 0;
}

uint64_t pit_counter_next_rise(struct pit_counter *counter, uint64_t now)
{
	uint64_t done, rise, at;

	advance(counter, now);
	if (!counter->loaded || !counter->counting || (!counter->gate && !needs_trigger(counter)))
		return UINT64_MAX;
	done = elapsed(counter, now);
	if (is_periodic(counter)) {
		/* A square wave that began low rises after that half, else with each period. */
		rise = counter->mode == PIT_SQUARE && counter->low_first ? half(counter, false) : 0;
		at = done < rise ? rise : done - (done - rise) % counter->count + counter->count;
		/* What comes after a new count is another question, asked when that has taken over. */
		return counter->next_count && counter->start + at > counter->next_at ?
			counter->next_at : counter->start + at;
	}
	rise = counter->mode == PIT_TERMINAL_COUNT || counter->mode == PIT_ONE_SHOT ?
		counter->count : counter->count + 1;
	return done < rise ? counter->start + rise : UINT64_MAX;
}
