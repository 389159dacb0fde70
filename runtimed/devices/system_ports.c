/* SPDX-License-Identifier: MIT */
/*
 * System control port A (92h) and the reset control register (CF9h) of the 82371AB (290562, 4.2.5 and
 * 4.3), and the byte of port 80h, which keeps what was written, as the page register that it once was.
 * A reset ends the run. A20 is never masked.
 */
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "pc.h"
#include "system_ports.h"

#define A_RESET		0x01
#define A_A20		0x02
#define CF9_KEPT	0x0e
#define CF9_RESET	0x04	/* on its way from 0 to 1 */

struct system_ports {
	struct device device;
	struct bus_range post, control_a, reset;
	uint8_t post_value, control_a_value, reset_value;
};

static uint64_t post_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	(void)bytes;
	return list_object(range, struct system_ports, post)->post_value;
}

static void post_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	(void)offset;
	(void)bytes;
	list_object(range, struct system_ports, post)->post_value = (uint8_t)value;
}

static uint64_t control_a_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	(void)bytes;
	return list_object(range, struct system_ports, control_a)->control_a_value;
}

static void control_a_write(struct bus_range *range, uint64_t offset, unsigned int bytes,
			    uint64_t value)
{
	struct system_ports *ports = list_object(range, struct system_ports, control_a);
	bool was = ports->control_a_value & A_RESET;

	(void)offset;
	(void)bytes;
	ports->control_a_value = value & (A_RESET | A_A20);
	if (value & A_RESET && !was)
		device_end_run(&ports->device, VM_END_RESET, 0,
			       "the guest reset the machine by port 0x92");
}

static uint64_t reset_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)offset;
	(void)bytes;
	return list_object(range, struct system_ports, reset)->reset_value;
}

static void reset_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	struct system_ports *ports = list_object(range, struct system_ports, reset);
	bool was = ports->reset_value & CF9_RESET;

	(void)offset;
	(void)bytes;
	ports->reset_value = value & CF9_KEPT;
	if (value & CF9_RESET && !was)
		device_end_run(&ports->device, VM_END_RESET, 0,
			       "the guest reset the machine by port 0xcf9");
}

static void system_ports_free(struct device *device)
{
	free(device);
}

void system_ports_add(struct vm *vm)
{
	struct system_ports *ports = need_memory(sizeof(*ports));

	ports->device = (struct device){ .name = "system ports", .free = system_ports_free };
	ports->control_a_value = A_A20;
	ports->post = (struct bus_range){
		.device = &ports->device, .space = BUS_PORT, .first = PC_POST, .bytes = 1, .widest = 1,
		.read = post_read, .write = post_write,
	};
	ports->control_a = (struct bus_range){
		.device = &ports->device, .space = BUS_PORT, .first = PC_SYSTEM_CONTROL_A, .bytes = 1,
		.widest = 1, .read = control_a_read, .write = control_a_write,
	};
	ports->reset = (struct bus_range){
		.device = &ports->device, .space = BUS_PORT, .first = PC_RESET, .bytes = 1, .widest = 1,
		.read = reset_read, .write = reset_write,
	};
	device_add(vm, &ports->device);
	bus_add(vm, &ports->post);
	bus_add(vm, &ports->control_a);
	bus_add(vm, &ports->reset);
}
