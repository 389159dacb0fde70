/* SPDX-License-Identifier: MIT */
/*
 * ACPI specification 6.5, 4.8.3 and 4.8.4: the PM1 register blocks and the 3.579545 MHz timer of 24
 * bits (TMR_VAL_EXT is 0). There is no SMI and no legacy mode: SCI_EN is one from the start. Of the sleep types only S5
 * exists; writing it with SLP_EN ends the run. There are no buttons.
 */
#include <errno.h>
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "acpi_pm.h"
#include "pc.h"

#define NS 1000000000ull
#define PM_HZ 3579545ull
#define TIMER_MASK 0xffffffu
#define TIMER_BIT 23		/* TMR_STS: whenever this bit of the timer changes */

#define STS_TIMER	(1u << 0)
#define STS_GLOBAL	(1u << 5)
#define STS_RTC		(1u << 10)	/* the alarm clock's line rose */
#define STS_ALL		(STS_TIMER | STS_GLOBAL | STS_RTC)

#define CNT_SCI_EN	(1u << 0)
#define CNT_BM_RLD	(1u << 1)
#define CNT_SLP_TYPE(value) ((value) >> 10 & 7)
#define CNT_SLP_EN	(1u << 13)
#define CNT_KEPT	(CNT_BM_RLD | 7u << 10)

struct acpi_pm {
	struct device device;
	struct bus_range event, control, timer_port;
	struct irq_source sci;
	struct irq_sink rtc;
	struct device_timer timer;
	uint16_t status, enable, control_bits;
	uint64_t seen;		/* half periods of the timer that were looked at */
};

static uint64_t ticks_at(uint64_t ns)
{
	return ns / NS * PM_HZ + ns % NS * PM_HZ / NS;
}

static void catch_up(struct acpi_pm *pm)
{
	uint64_t halves = ticks_at(vm_clock_ns(pm->device.vm)) >> TIMER_BIT, next;

	if (halves != pm->seen)
		pm->status |= STS_TIMER;
	pm->seen = halves;
	irq_set(&pm->sci, pm->status & pm->enable);
	if (!(pm->enable & STS_TIMER)) {
		device_timer_cancel(&pm->timer);
		return;
	}
	next = (halves + 1) << TIMER_BIT;
	device_timer_set(&pm->timer, next / PM_HZ * NS + (next % PM_HZ * NS + PM_HZ - 1) / PM_HZ);
}

static void on_timer(struct device_timer *timer)
{
	catch_up(list_object(timer, struct acpi_pm, timer));
}

static void rtc_line(struct irq_sink *sink, unsigned int irq, bool level)
{
	struct acpi_pm *pm = list_object(sink, struct acpi_pm, rtc);

	if (irq != PC_IRQ_RTC || !level)
		return;
	pm->status |= STS_RTC;
	catch_up(pm);
}

/* ---- Registers: status in the lower half of the event block, enable in the upper ---- */

static uint64_t event_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct acpi_pm *pm = list_object(range, struct acpi_pm, event);

	(void)bytes;
	catch_up(pm);
	return ((uint64_t)pm->enable << 16 | pm->status) >> 8 * offset;
}

static void event_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct acpi_pm *pm = list_object(range, struct acpi_pm, event);
	uint32_t shifted = (uint32_t)value << 8 * offset;
	uint32_t mask = (uint32_t)(((1ull << 8 * bytes) - 1) << 8 * offset);

	catch_up(pm);
	pm->status &= (uint16_t)~shifted;
	pm->enable = (uint16_t)((pm->enable & ~(mask >> 16)) | (shifted >> 16 & STS_ALL));
	catch_up(pm);
}

static uint64_t control_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct acpi_pm *pm = list_object(range, struct acpi_pm, control);

	(void)bytes;
	return (uint64_t)(pm->control_bits | CNT_SCI_EN) >> 8 * offset;
}

static void control_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct acpi_pm *pm = list_object(range, struct acpi_pm, control);
	uint16_t shifted = (uint16_t)(value << 8 * offset);
	uint16_t mask = (uint16_t)(((1u << 8 * bytes) - 1) << 8 * offset);

	pm->control_bits = (uint16_t)((pm->control_bits & ~mask) | (shifted & mask & CNT_KEPT));
	if (shifted & CNT_SLP_EN && CNT_SLP_TYPE(pm->control_bits) == PC_S5_TYPE)
		device_end_run(&pm->device, VM_END_POWER_OFF, 0,
			       "the guest switched its power off (ACPI S5)");
}

static uint64_t timer_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct acpi_pm *pm = list_object(range, struct acpi_pm, timer_port);

	(void)bytes;
	return (ticks_at(vm_clock_ns(pm->device.vm)) & TIMER_MASK) >> 8 * offset;
}

static void timer_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	(void)range;	/* read only */
	(void)offset;
	(void)bytes;
	(void)value;
}

static void acpi_pm_free(struct device *device)
{
	free(device);
}

int acpi_pm_add(struct vm *vm, struct engine_error *error)
{
	struct acpi_pm *pm = need_memory(sizeof(*pm));

	pm->device = (struct device){ .name = "acpi-pm", .free = acpi_pm_free };
	device_add(vm, &pm->device);
	irq_attach(vm, &pm->sci, PC_IRQ_SCI);
	pm->event = (struct bus_range){
		.device = &pm->device, .space = BUS_PORT, .first = PC_PM1_EVENT, .bytes = 4,
		.widest = 4, .read = event_read, .write = event_write,
	};
	pm->control = (struct bus_range){
		.device = &pm->device, .space = BUS_PORT, .first = PC_PM1_CONTROL, .bytes = 2,
		.widest = 2, .read = control_read, .write = control_write,
	};
	pm->timer_port = (struct bus_range){
		.device = &pm->device, .space = BUS_PORT, .first = PC_PM_TIMER, .bytes = 4,
		.widest = 4, .read = timer_read, .write = timer_write,
	};
	pm->rtc.line = rtc_line;
	irq_add_sink(vm, &pm->rtc);
	bus_add(vm, &pm->event);
	bus_add(vm, &pm->control);
	bus_add(vm, &pm->timer_port);
	if (!device_timer_init(vm, &pm->timer, on_timer))
		return engine_fail(error, EMFILE, "ACPI timer", "no descriptors are left");
	return 0;
}
