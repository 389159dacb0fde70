/* SPDX-License-Identifier: MIT */
/*
 * What answers at ports and at guest physical addresses without memory. Nobody there: reads give all
 * ones and writes are dropped, as on a PC. One lock guards all devices of a VM; every callback of a
 * device has it, on whatever thread.
 */
#ifndef SVMRUND_BUS_H
#define SVMRUND_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct device;
struct vm;

enum bus_space { BUS_PORT, BUS_MEMORY, BUS_SPACES };

/* Embedded in a device, which may have several. */
struct bus_range {
	struct bus_range *next;
	struct device *device;
	enum bus_space space;
	uint64_t first, bytes;
	uint8_t widest;		/* bytes; a wider access is split; so is one from its middle over its end */
	uint64_t (*read)(struct bus_range *range, uint64_t offset, unsigned int bytes);
	void (*write)(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value);
};

struct bus {
	pthread_mutex_t lock;
	struct bus_range *ranges[BUS_SPACES];	/* the devices own them */
};

void bus_init(struct bus *bus);
void bus_free(struct bus *bus);
/* While the VM does not run. */
void bus_add(struct vm *vm, struct bus_range *range);

/* 1, 2, 4 or 8 bytes; take the lock. */
uint64_t bus_read(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes);
void bus_write(struct vm *vm, enum bus_space space, uint64_t address, unsigned int bytes,
	       uint64_t value);

/*
 * Writes that the module took in our place (port_cells.h) reach their devices; both of the above do so
 * first, so that an access finds what was written before it. With the lock; and taking it.
 */
void bus_deliver_posted(struct vm *vm);
void bus_settle(struct vm *vm);

/* Whether a device is there. */
bool bus_answers(const struct vm *vm, enum bus_space space, uint64_t address);

/* Any thread but the loop; and the loop, which must go on taking the console's output meanwhile. */
void bus_lock(struct vm *vm);
void bus_lock_on_loop(struct vm *vm);
void bus_unlock(struct vm *vm);

#endif
