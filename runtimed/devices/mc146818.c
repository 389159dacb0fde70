/* SPDX-License-Identifier: MIT */
/*
 * Motorola MC146818A real-time clock plus RAM (ADI1125), with the century and memory sizes of a PC's
 * CMOS. It starts with the host's time of day in UTC and goes on by guest time. Flags are found when
 * someone looks; a timer runs only while an interrupt of that kind is enabled. Daylight saving (DSE) is
 * without effect, as in today's chips, and the square-wave output is not connected.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "../device.h"
#include "../log.h"
#include "../template.h"
#include "../vm.h"
#include "mc146818.h"
#include "pc.h"

#define NS 1000000000ull
#define TICK_HZ 32768u
#define UPDATE_NS 2228000u	/* UIP: 244 us, then the update's 1984 us */
#define HALF_NS (NS / 2)
#define DAY 86400

enum {
	SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY_OF_MONTH,
	MONTH, YEAR, REG_A, REG_B, REG_C, REG_D, SHUTDOWN, CENTURY = 0x32, CMOS_BYTES = 128,
};

#define A_UIP	0x80
#define A_DIVIDER 0x70
#define A_RUN	0x20
#define B_SET	0x80
#define B_BINARY 0x04
#define B_24H	0x02
#define C_IRQF	0x80
#define C_PERIODIC 0x40		/* the same bits of B enable */
#define C_ALARM	0x20
#define C_UPDATE 0x10
#define D_VALID	0x80
#define HOURS_PM 0x80

struct rtc {
	struct device device;
	struct bus_range ports;
	struct irq_source irq;
	struct device_timer timer;
	uint8_t index;
	uint8_t cmos[CMOS_BYTES];
	int64_t base;		/* seconds of the epoch when guest time was `base_ns` */
	int64_t base_ns;
	uint8_t weekday_shift;	/* the guest may count days of the week from another one */
	uint64_t seen_ns;	/* flags are up to date with this guest time */
};

static bool is_stopped(const struct rtc *rtc)
{
	return rtc->cmos[REG_B] & B_SET || (rtc->cmos[REG_A] & A_DIVIDER) != A_RUN;
}

/* ---- Time of day in registers ---- */

static uint8_t encode(const struct rtc *rtc, int value)
{
	return (uint8_t)(rtc->cmos[REG_B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static int decode(const struct rtc *rtc, uint8_t value)
{
	return rtc->cmos[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->cmos[REG_B] & B_24H)
		return encode(rtc, hour);
	return (uint8_t)(encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOURS_PM : 0));
}

static int decode_hour(const struct rtc *rtc, uint8_t value)
{
	if (rtc->cmos[REG_B] & B_24H)
		return decode(rtc, value);
	return decode(rtc, value & 0x7f) % 12 + (value & HOURS_PM ? 12 : 0);
}

static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static int64_t second_at(const struct rtc *rtc, uint64_t ns)
{
	return rtc->base + floor_div((int64_t)ns - rtc->base_ns, (int64_t)NS);
}

static uint64_t ns_in_second(const struct rtc *rtc, uint64_t ns)
{
	int64_t since = (int64_t)ns - rtc->base_ns;

	return (uint64_t)(since - floor_div(since, (int64_t)NS) * (int64_t)NS);
}

static void store_time(struct rtc *rtc, int64_t second)
{
	time_t seconds = (time_t)second;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	rtc->cmos[SECONDS] = encode(rtc, tm.tm_sec);
	rtc->cmos[MINUTES] = encode(rtc, tm.tm_min);
	rtc->cmos[HOURS] = encode_hour(rtc, tm.tm_hour);
	rtc->cmos[WEEKDAY] = encode(rtc, (tm.tm_wday + rtc->weekday_shift) % 7 + 1);
	rtc->cmos[DAY_OF_MONTH] = encode(rtc, tm.tm_mday);
	rtc->cmos[MONTH] = encode(rtc, tm.tm_mon + 1);
	rtc->cmos[YEAR] = encode(rtc, (tm.tm_year + 1900) % 100);
	rtc->cmos[CENTURY] = encode(rtc, (tm.tm_year + 1900) / 100 % 100);
}

/* What the registers say is the time from now on. Days and months that do not exist carry over. */
static void take_time(struct rtc *rtc, uint64_t ns, uint64_t ns_of_second)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->cmos[SECONDS]), .tm_min = decode(rtc, rtc->cmos[MINUTES]),
		.tm_hour = decode_hour(rtc, rtc->cmos[HOURS]),
		.tm_mday = decode(rtc, rtc->cmos[DAY_OF_MONTH]),
		.tm_mon = decode(rtc, rtc->cmos[MONTH]) - 1,
		.tm_year = decode(rtc, rtc->cmos[CENTURY]) * 100 + decode(rtc, rtc->cmos[YEAR]) - 1900,
	};

	rtc->base = timegm(&tm);
	rtc->base_ns = (int64_t)ns - (int64_t)ns_of_second;
	rtc->weekday_shift = (uint8_t)((decode(rtc, rtc->cmos[WEEKDAY]) + 13 - tm.tm_wday) % 7);
}

/* ---- Flags ---- */

/* Periodic interrupts: RS 1 and 2 are 256 and 128 Hz, from 3 on 8192 Hz halved each time. */
static uint64_t period_ticks(const struct rtc *rtc)
{
	unsigned int rate = rtc->cmos[REG_A] & 15;

	if (!rate)
		return 0;
	return 1ull << ((rate < 3 ? rate + 7 : rate) - 1);
}

static uint64_t periods_at(uint64_t ns, uint64_t ticks)
{
	return (ns / NS * TICK_HZ + ns % NS * TICK_HZ / NS) / ticks;
}

static bool alarm_part(uint8_t alarm, uint8_t now)
{
	return alarm >= 0xc0 || alarm == now;	/* both upper bits: any */
}

static bool is_alarm(struct rtc *rtc, int64_t second)
{
	time_t seconds = (time_t)second;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return alarm_part(rtc->cmos[SECONDS_ALARM], encode(rtc, tm.tm_sec)) &&
		alarm_part(rtc->cmos[MINUTES_ALARM], encode(rtc, tm.tm_min)) &&
		alarm_part(rtc->cmos[HOURS_ALARM], encode_hour(rtc, tm.tm_hour));
}

static void set_line(struct rtc *rtc)
{
	uint8_t raised = rtc->cmos[REG_C] & rtc->cmos[REG_B] & (C_PERIODIC | C_ALARM | C_UPDATE);

	rtc->cmos[REG_C] = (uint8_t)((rtc->cmos[REG_C] & ~C_IRQF) | (raised ? C_IRQF : 0));
	irq_set(&rtc->irq, raised);
}

/* Ticks that found the last one still unread, or that came late together, are one. */
static void find_periods(struct rtc *rtc, uint64_t now)
{
	uint64_t ticks = period_ticks(rtc), periods;

	if (!ticks || (rtc->cmos[REG_A] & A_DIVIDER) != A_RUN)
		return;
	periods = periods_at(now, ticks) - periods_at(rtc->seen_ns, ticks);
	if (!periods)
		return;
	if (rtc->cmos[REG_B] & C_PERIODIC)
		rtc->device.missed_ticks += periods - !(rtc->cmos[REG_C] & C_PERIODIC);
	rtc->cmos[REG_C] |= C_PERIODIC;
}

static void find_updates(struct rtc *rtc, uint64_t now)
{
	int64_t second = second_at(rtc, now), seen = second_at(rtc, rtc->seen_ns);

	if (is_stopped(rtc) || second <= seen)
		return;
	rtc->cmos[REG_C] |= C_UPDATE;
	/* Whatever the alarm is, a day has all there are. */
	if (second - seen > DAY)
		seen = second - DAY;
	while (++seen <= second && !(rtc->cmos[REG_C] & C_ALARM))
		if (is_alarm(rtc, seen))
			rtc->cmos[REG_C] |= C_ALARM;
}

static void catch_up(struct rtc *rtc, uint64_t now)
{
	find_periods(rtc, now);
	find_updates(rtc, now);
	rtc->seen_ns = now;
	set_line(rtc);
}

static void arm(struct rtc *rtc)
{
	uint64_t at = UINT64_MAX, ticks = period_ticks(rtc), due, tick;
	uint8_t enabled = rtc->cmos[REG_B];

	if (enabled & C_PERIODIC && ticks && (rtc->cmos[REG_A] & A_DIVIDER) == A_RUN) {
		tick = (periods_at(rtc->seen_ns, ticks) + 1) * ticks;
		at = tick / TICK_HZ * NS + (tick % TICK_HZ * NS + TICK_HZ - 1) / TICK_HZ;
	}
	if (enabled & (C_ALARM | C_UPDATE) && !is_stopped(rtc)) {
		due = rtc->seen_ns + NS - ns_in_second(rtc, rtc->seen_ns);
		at = due < at ? due : at;
	}
	if (at == UINT64_MAX)
		device_timer_cancel(&rtc->timer);
	else
		device_timer_set(&rtc->timer, at);
}

static void on_timer(struct device_timer *timer)
{
	struct rtc *rtc = list_object(timer, struct rtc, timer);

	catch_up(rtc, vm_clock_ns(rtc->device.vm));
	arm(rtc);
}

/* ---- Registers ---- */

static bool is_time(unsigned int index)
{
	return index == SECONDS || index == MINUTES || index == HOURS ||
		(index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

static uint8_t read_cmos(struct rtc *rtc, unsigned int index)
{
	uint64_t now = vm_clock_ns(rtc->device.vm);
	uint8_t value;

	if (is_time(index) && !is_stopped(rtc))
		store_time(rtc, second_at(rtc, now));
	switch (index) {
	case REG_A:
		return (uint8_t)(rtc->cmos[REG_A] |
			(!is_stopped(rtc) && ns_in_second(rtc, now) >= NS - UPDATE_NS ? A_UIP : 0));
	case REG_C:
		catch_up(rtc, now);
		value = rtc->cmos[REG_C];
		rtc->cmos[REG_C] = 0;
		set_line(rtc);
		return value;
	case REG_D: return D_VALID;
	default: return rtc->cmos[index];
	}
}

static void write_control(struct rtc *rtc, unsigned int index, uint8_t value, uint64_t now)
{
	bool was_stopped = is_stopped(rtc), was_reset = (rtc->cmos[REG_A] & A_DIVIDER) != A_RUN;
	uint64_t fraction = ns_in_second(rtc, now);

	if (!was_stopped)
		store_time(rtc, second_at(rtc, now));
	if (index == REG_A)
		rtc->cmos[REG_A] = value & 0x7f;
	else
		rtc->cmos[REG_B] = value;
	/* SET clears the update's enable (register B, SET). */
	if (rtc->cmos[REG_B] & B_SET)
		rtc->cmos[REG_B] &= (uint8_t)~C_UPDATE;
	if (was_stopped && !is_stopped(rtc)) {
		/* After a reset of the divider the first update is half a second later. */
		take_time(rtc, now, was_reset ? HALF_NS : fraction);
		rtc->seen_ns = now;
	}
}

static void write_cmos(struct rtc *rtc, unsigned int index, uint8_t value)
{
	uint64_t now = vm_clock_ns(rtc->device.vm);

	catch_up(rtc, now);
	if (index == REG_A || index == REG_B) {
		write_control(rtc, index, value, now);
	} else if (index == REG_C || index == REG_D) {
		return;		/* read only */
	} else if (is_time(index) && !is_stopped(rtc)) {
		store_time(rtc, second_at(rtc, now));
		rtc->cmos[index] = value;
		take_time(rtc, now, ns_in_second(rtc, now));
	} else {
		rtc->cmos[index] = value;
	}
	set_line(rtc);
	arm(rtc);
}

static uint64_t rtc_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct rtc *rtc = list_object(range, struct rtc, ports);

	(void)bytes;
	return offset ? read_cmos(rtc, rtc->index) : 0xff;	/* the index is write-only */
}

/* Bit 7 of the index masks the NMI, which no device of this PC raises. */
static void rtc_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct rtc *rtc = list_object(range, struct rtc, ports);

	(void)bytes;
	if (offset)
		write_cmos(rtc, rtc->index, (uint8_t)value);
	else
		rtc->index = value & 0x7f;
}

/* ---- What firmware leaves in it ---- */

static void store_le(uint8_t *at, uint64_t value, unsigned int bytes, uint64_t most)
{
	value = value > most ? most : value;
	for (unsigned int i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t ram_between(const struct svmt_view *view, uint64_t first, uint64_t end)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < view->region_count; i++) {
		uint64_t from = view->regions[i].gpa, to = from + view->regions[i].bytes;

		from = from > first ? from : first;
		to = to < end ? to : end;
		if (view->regions[i].kind == SVMT_RAM && from < to)
			bytes += to - from;
	}
	return bytes;
}

static void store_sizes(struct rtc *rtc, const struct svmt_view *view)
{
	const uint64_t mib = 1 << 20, top = 4096 * mib;

	store_le(&rtc->cmos[0x15], ram_between(view, 0, 640 << 10) >> 10, 2, 640);
	store_le(&rtc->cmos[0x17], ram_between(view, mib, top) >> 10, 2, 0xffff);
	store_le(&rtc->cmos[0x30], ram_between(view, mib, top) >> 10, 2, 0xffff);
	store_le(&rtc->cmos[0x34], ram_between(view, 16 * mib, top) >> 16, 2, 0xffff);
	store_le(&rtc->cmos[0x5b], ram_between(view, top, UINT64_MAX) >> 16, 3, 0xffffff);
	store_le(&rtc->cmos[0x5f], view->vcpu_count - 1, 1, 0xff);
}

static void rtc_free(struct device *device)
{
	free(device);
}

int rtc_add(struct vm *vm, struct engine_error *error)
{
	struct rtc *rtc = need_memory(sizeof(*rtc));
	struct timespec now;

	rtc->device = (struct device){ .name = "mc146818", .ticks = true, .free = rtc_free };
	device_add(vm, &rtc->device);
	irq_attach(vm, &rtc->irq, PC_IRQ_RTC);
	rtc->ports = (struct bus_range){
		.device = &rtc->device, .space = BUS_PORT, .first = PC_RTC, .bytes = 2, .widest = 1,
		.read = rtc_read, .write = rtc_write,
	};
	bus_add(vm, &rtc->ports);
	clock_gettime(CLOCK_REALTIME, &now);
	rtc->base = now.tv_sec;
	rtc->base_ns = -(int64_t)now.tv_nsec;
	rtc->cmos[REG_A] = A_RUN | 6;	/* 1024 Hz, as firmware leaves it */
	rtc->cmos[REG_B] = B_24H;
	rtc->cmos[0x14] = 0x02;		/* equipment: a coprocessor */
	if (vm->template)
		store_sizes(rtc, &vm->template->view);
	if (!device_timer_init(vm, &rtc->timer, on_timer))
		return engine_fail(error, EMFILE, "real-time clock", "no descriptors are left");
	return 0;
}
