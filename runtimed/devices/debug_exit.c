/* SPDX-License-Identifier: MIT */
/* The debug exit port: how a bare test guest says that it is finished, and with what result. */
#include <stdio.h>
#include <stdlib.h>
#include "../log.h"
#include "../vcpu.h"
#include "debug_exit.h"

static uint32_t debug_exit_read(struct io_device *device, unsigned int offset, unsigned int bytes)
{
	(void)device;
	(void)offset;
	(void)bytes;
	return 0;
}

static bool debug_exit_write(struct io_device *device, struct vcpu *vcpu, unsigned int offset,
			     unsigned int bytes, uint32_t value)
{
	(void)offset;
	(void)bytes;
	vcpu->end.reason = VM_END_DEBUG_EXIT;
	vcpu->end.status = value;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text), "the guest wrote %u to port 0x%x", value,
		 device->first);
	return true;
}

static void debug_exit_free(struct io_device *device)
{
	free(device);
}

struct io_device *debug_exit_new(uint16_t port)
{
	struct io_device *device = need_memory(sizeof(*device));

	*device = (struct io_device){
		.first = port, .ports = 1, .widest = 4,
		.read = debug_exit_read, .write = debug_exit_write, .free = debug_exit_free,
	};
	return device;
}
