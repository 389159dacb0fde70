/* SPDX-License-Identifier: MIT */
/* The debug exit port: how a bare test guest says that it is finished, and with what result. */
#include <stdio.h>
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "debug_exit.h"

struct debug_exit {
	struct device device;
	struct bus_range port;
};

static uint64_t debug_exit_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)range;
	(void)offset;
	(void)bytes;
	return 0;
}

static void debug_exit_write(struct bus_range *range, uint64_t offset, unsigned int bytes,
			     uint64_t value)
{
	char text[64];

	(void)offset;
	(void)bytes;
	snprintf(text, sizeof(text), "the guest wrote %u to port 0x%x", (uint32_t)value,
		 (unsigned int)range->first);
	device_end_run(range->device, VM_END_DEBUG_EXIT, (uint32_t)value, text);
}

static void debug_exit_free(struct device *device)
{
	free(device);
}

int debug_exit_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct debug_exit *exit = need_memory(sizeof(*exit));

	(void)error;
	exit->device = (struct device){ .name = "debug exit", .free = debug_exit_free };
	exit->port = (struct bus_range){
		.device = &exit->device, .space = BUS_PORT, .first = row->at, .bytes = 1, .widest = 4,
		.read = debug_exit_read, .write = debug_exit_write,
	};
	device_add(vm, &exit->device);
	bus_add(vm, &exit->port);
	return 0;
}
