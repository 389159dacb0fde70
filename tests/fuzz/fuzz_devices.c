/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a guest that hammers every register of the chipset and the serial ports, on an engine
 * that takes every interrupt. An input is a row of 8-byte steps: an access, time that passes, a line of a
 * device, an acknowledgement, an end of interrupt, or keys that are typed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "device.h"
#include "devices/acpi_pm.h"
#include "devices/i8042.h"
#include "devices/i8254.h"
#include "devices/i8259.h"
#include "devices/ioapic.h"
#include "devices/mc146818.h"
#include "devices/pci_host.h"
#include "devices/system_ports.h"
#include "devices/uart.h"
#include "pc.h"
#include "vcpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct step {
	uint8_t what, detail;
	uint16_t place;
	uint32_t value;
};

static struct daemon daemon_under_test;
static struct vm vm;
static struct vcpu vcpu, *vcpus[1] = { &vcpu };

static int take_extint(int fd, bool level)
{
	(void)fd;
	(void)level;
	return 0;
}

static int take_msi(int fd, uint64_t address, uint32_t data)
{
	(void)fd;
	(void)address;
	return (int)(data & 1);
}

static int take_eoifd(int fd, struct svmrt_eoifd *eoifd, struct engine_error *error)
{
	(void)fd;
	(void)error;
	if (eoifd->fd < 0 || eoifd->vector < 16 || eoifd->vector > 255)
		abort();	/* svmrt would refuse it */
	return 0;
}

/* Output and ends of runs wake a loop that nobody turns. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	uv_loop_init(&daemon_under_test.loop);
	return uv_async_init(&daemon_under_test.loop, &daemon_under_test.wake, NULL);
}

static void build(void)
{
	static const uint16_t serial[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	static const struct engine engine = {
		.extint = take_extint, .msi = take_msi, .eoifd = take_eoifd,
	};
	struct engine_error error;

	memset(&vm, 0, sizeof(vm));
	daemon_under_test.engine = &engine;
	vm.daemon = &daemon_under_test;
	vcpu.vm = &vm;
	vm.vcpus = vcpus;
	vm.vcpu_count = 1;
	bus_init(&vm.bus);
	list_init(&vm.devices);
	device_thread_init(&vm.device_thread);
	console_init(&vm.console);
	pic_add(&vm, 0x0200);
	if (ioapic_add(&vm, 1, &error) || pit_add(&vm, &error) || rtc_add(&vm, &error) ||
	    acpi_pm_add(&vm, &error) || pci_host_add(&vm, &error))
		abort();
	keyboard_add(&vm);
	system_ports_add(&vm);
	for (unsigned int i = 0; i < 4; i++)
		uart_add(&vm, &(struct svmt_device){ .at = serial[i], .irq = i & 1 ? 3 : 4 }, &error);
}

/* Time passes; every timer that is due expires, and may set itself anew. */
static void pass(uint64_t ns)
{
	vm.clock.stopped_ns += ns;
	list_each(link, &vm.device_thread.timers) {
		struct device_timer *timer = list_object(link, struct device_timer, link);

		if (!timer->armed || timer->at_ns > vm.clock.stopped_ns)
			continue;
		timer->armed = false;
		timer->expired(timer);
		if (timer->armed && timer->at_ns <= vm.clock.stopped_ns)
			abort();	/* it would never let go of the device thread */
	}
}

static uint64_t place_of(const struct step *step, enum bus_space space)
{
	static const uint16_t ports[] = {
		0x20, 0xa0, 0x4d0, 0x40, 0x60, 0x64, 0x70, 0x80, 0x92, 0x3f8, 0x2f8, 0x600, 0x604, 0x608,
		0xcf8, 0xcfc,
	};

	if (space == BUS_MEMORY)
		return PC_IOAPIC + step->place % PC_APIC_BYTES;
	return step->detail & 0x80 ? step->place : ports[step->place & 15] + (step->place >> 4 & 7u);
}

static void take(const struct step *step, struct irq_source *lines)
{
	enum bus_space space = step->what & 0x10 ? BUS_MEMORY : BUS_PORT;
	unsigned int width = 1u << (step->detail & 3);

	/* The fast path of I/O APIC programming: most accesses of the random kind would miss it. */
	if (step->what & 0x20)
		bus_write(&vm, BUS_MEMORY, PC_IOAPIC, 4, step->place);
	switch (step->what & 7) {
	case 0:
	case 1: bus_write(&vm, space, place_of(step, space), width, step->value); break;
	case 2: bus_read(&vm, space, place_of(step, space), width); break;
	case 3: pass((uint64_t)step->value << (step->detail & 15)); break;
	case 4: irq_set(&lines[step->place % SVMT_IRQS], step->value & 1); break;
	case 5: pic_acknowledge(vm.pic); break;
	case 6: bus_write(&vm, BUS_MEMORY, PC_IOAPIC + (step->detail & 1 ? 0x40 : 0x10), 4, step->value);
		break;
	default: {
		size_t waiting;
		const char keys[2] = { (char)step->value, (char)(step->value >> 8) };

		if (console_type(&vm.console, keys, 1 + (step->detail & 1), &waiting))
			uv_run(&vm.device_thread.loop, UV_RUN_NOWAIT);
		break;
	}
	}
	vm.console.pending_bytes = 0;	/* nobody takes it here */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct irq_source lines[SVMT_IRQS];
	struct step step;

	build();
	for (unsigned int i = 0; i < SVMT_IRQS; i++)
		irq_attach(&vm, &lines[i], i);
	/* A run is over when it has ended; what comes after that must do no harm, either. */
	for (size_t at = 0; at + sizeof(step) <= bytes; at += sizeof(step)) {
		memcpy(&step, data + at, sizeof(step));
		take(&step, lines);
	}
	device_free_all(&vm);
	port_cells_free(&vm);
	device_thread_free(&vm);
	console_free(&vm.console);
	bus_free(&vm.bus);
	return 0;
}
