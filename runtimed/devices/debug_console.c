/* SPDX-License-Identifier: MIT */
/* The debug console, as Bochs has it at port E9h (Bochs user manual, port_e9_hack). */
#include <stdlib.h>
#include "../device.h"
#include "../log.h"
#include "../vm.h"
#include "debug_console.h"

#define PRESENT 0xe9

struct debug_console {
	struct device device;
	struct bus_range port;
};

static uint64_t debug_console_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	(void)range;
	(void)offset;
	(void)bytes;
	return PRESENT;
}

static void debug_console_write(struct bus_range *range, uint64_t offset, unsigned int bytes,
				uint64_t value)
{
	(void)offset;
	(void)bytes;
	console_put(range->device->vm, (char)value);
}

static void debug_console_free(struct device *device)
{
	free(device);
}

int debug_console_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct debug_console *console = need_memory(sizeof(*console));

	(void)error;
	console->device = (struct device){ .name = "debug console", .free = debug_console_free };
	console->port = (struct bus_range){
		.device = &console->device, .space = BUS_PORT, .first = row->at, .bytes = 1, .widest = 1,
		.read = debug_console_read, .write = debug_console_write,
	};
	device_add(vm, &console->device);
	bus_add(vm, &console->port);
	return 0;
}
