/* SPDX-License-Identifier: MIT */
/*
 * Port I/O: finds the device that claims a port and finishes an IOIO exit. Ports that nobody claims
 * read all ones and drop writes, as on a PC. One lock guards all devices of a VM.
 */
#ifndef SVMRUND_IO_H
#define SVMRUND_IO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* A device's part that the bus sees; embedded in the device, which frees itself in `free`. */
struct io_device {
	struct io_device *next;
	uint16_t first;			/* port */
	uint16_t ports;
	uint8_t widest;			/* bytes; a wider access is split into single bytes */
	uint32_t (*read)(struct io_device *device, unsigned int offset, unsigned int bytes);
	/* True: the run ends here, vcpu->end is filled. */
	bool (*write)(struct io_device *device, struct vcpu *vcpu, unsigned int offset,
		      unsigned int bytes, uint32_t value);
	void (*free)(struct io_device *device);
};

struct io_bus {
	pthread_mutex_t lock;
	struct io_device *devices;	/* owned */
};

void io_bus_init(struct io_bus *bus);
void io_bus_free(struct io_bus *bus);
void io_bus_add(struct io_bus *bus, struct io_device *device);	/* takes it */

/* vCPU thread, exit IOIO: completes the access in the run page. False: vcpu->end is filled. */
bool io_handle_exit(struct vcpu *vcpu);

#endif
