/* SPDX-License-Identifier: MIT */
/*
 * Finishes IOIO exits (APM volume 2, 15.10.2): EXITINFO1 describes the access, EXITINFO2 is the rIP
 * of the next instruction. String instructions are not emulated and end the run with a clear text.
 */
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "vcpu.h"

#define IOIO_IN		(1u << 0)
#define IOIO_STR	(1u << 2)
#define IOIO_REP	(1u << 3)
#define IOIO_BYTES(info) ((unsigned int)((info) >> 4) & 7)	/* SZ8, SZ16, SZ32: 1, 2, 4 */
#define IOIO_PORT(info)	((uint16_t)((info) >> 16))

void io_bus_init(struct io_bus *bus)
{
	pthread_mutex_init(&bus->lock, NULL);
}

void io_bus_free(struct io_bus *bus)
{
	while (bus->devices) {
		struct io_device *device = bus->devices;

		bus->devices = device->next;
		device->free(device);
	}
	pthread_mutex_destroy(&bus->lock);
}

void io_bus_add(struct io_bus *bus, struct io_device *device)
{
	device->next = bus->devices;
	bus->devices = device;
}

static struct io_device *find(const struct io_bus *bus, uint16_t port)
{
	struct io_device *device = bus->devices;

	while (device && (uint16_t)(port - device->first) >= device->ports)
		device = device->next;
	return device;
}

static uint32_t read_port(const struct io_bus *bus, uint16_t port, unsigned int bytes)
{
	struct io_device *device = find(bus, port);
	uint32_t value = 0;

	if (device && bytes <= device->widest)
		return device->read(device, (uint16_t)(port - device->first), bytes);
	if (!device && bytes == 1)
		return 0xff;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (read_port(bus, (uint16_t)(port + i), 1) & 0xff) << (8 * i);
	return value;
}

static bool write_port(struct vcpu *vcpu, uint16_t port, unsigned int bytes, uint32_t value)
{
	struct io_device *device = find(&vcpu->vm->bus, port);

	if (device && bytes <= device->widest)
		return device->write(device, vcpu, (uint16_t)(port - device->first), bytes, value);
	if (!device && bytes == 1)
		return false;
	for (unsigned int i = 0; i < bytes; i++)
		if (write_port(vcpu, (uint16_t)(port + i), 1, value >> (8 * i) & 0xff))
			return true;
	return false;
}

/* AL and AX leave the rest of RAX alone; EAX clears its upper half. */
static uint64_t merge_rax(uint64_t rax, uint32_t value, unsigned int bytes)
{
	switch (bytes) {
	case 1: return (rax & ~0xffULL) | (value & 0xff);
	case 2: return (rax & ~0xffffULL) | (value & 0xffff);
	default: return value;
	}
}

bool io_handle_exit(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	uint64_t info = run->exitinfo1;
	unsigned int bytes = IOIO_BYTES(info);
	uint16_t port = IOIO_PORT(info);
	bool end = false;

	if (info & IOIO_STR || (bytes != 1 && bytes != 2 && bytes != 4)) {
		vcpu->end.reason = VM_END_ERROR;
		snprintf(vcpu->end.text, sizeof(vcpu->end.text),
			 "%s%s on port 0x%x at RIP 0x%llx: svmrund does not emulate string I/O; "
			 "use IN and OUT, or skip or stop for this exit in the spec",
			 info & IOIO_REP ? "REP " : "", info & IOIO_IN ? "INS" : "OUTS", port,
			 (unsigned long long)run->rip);
		return false;
	}
	pthread_mutex_lock(&vcpu->vm->bus.lock);
	if (info & IOIO_IN)
		run->gpr[0] = merge_rax(run->gpr[0], read_port(&vcpu->vm->bus, port, bytes), bytes);
	else
		end = write_port(vcpu, port, bytes, (uint32_t)run->gpr[0] &
				 (bytes == 4 ? ~0u : (1u << bytes * 8) - 1));
	pthread_mutex_unlock(&vcpu->vm->bus.lock);
	run->rip = run->exitinfo2;
	run->dirty |= SVMRT_DIRTY_RIP | (info & IOIO_IN ? SVMRT_DIRTY_GPR : 0);
	return !end;
}
