/* SPDX-License-Identifier: MIT */
/*
 * A bench for devices: a VM of RAM and ROM without vCPUs and threads, whose device loop the test turns
 * itself; and the driver's side of a virtqueue written by hand.
 */
#ifndef TESTS_VIRTIO_BENCH_H
#define TESTS_VIRTIO_BENCH_H

#include "device.h"
#include "template.h"
#include "vm.h"

#define RAM_BYTES (1u << 20)
#define ROM_GPA 0x200000u
#define ROM_BYTES 0x10000u
#define DEVICE_GPA 0xd0000000u
#define DEVICE_IRQ 5u

struct bench {
	struct daemon daemon;
	struct vm vm;
	struct engine engine;
	struct template template;
	struct svmt_region regions[2];
	struct svmt_header header;
	struct svmt_device row;			/* of the device; a drive's or link's name is `name` */
	_Alignas(SVMT_PAGE_BYTES) uint8_t names[2][SVMT_PAGE_BYTES];	/* page 1 of the pool */
	struct irq_sink sink;
	bool line;				/* the device's interrupt */
	void (*on_access)(struct bench *bench, uint64_t gpa, bool write);	/* or NULL */
	unsigned int refuse;			/* of the accesses to come: fail after so many; 0: none */
	uint8_t ram[RAM_BYTES], rom[ROM_BYTES];
};

/* One bench at a time. The device is to be added with bench->row. */
void bench_init(struct bench *bench, uint32_t type, const char *name);
struct device *bench_device(struct bench *bench);
void bench_free(struct bench *bench);
/* Turns the device loop until it has nothing to do; or until `condition`. */
void bench_settle(struct bench *bench);
void bench_wait(struct bench *bench, bool (*condition)(struct bench *bench));

uint64_t dev_read(struct bench *bench, uint32_t offset, unsigned int bytes);
void dev_write(struct bench *bench, uint32_t offset, unsigned int bytes, uint64_t value);

uint32_t reg_read(struct bench *bench, uint32_t offset);
void reg_write(struct bench *bench, uint32_t offset, uint32_t value);

/* The driver's side of queue `index`: tables at `base` of RAM, 4 pages. */
struct driver_queue {
	struct bench *bench;
	unsigned int index, size;
	uint64_t base;
	uint16_t next_descriptor, available, seen;
};

#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4

/* Reset to DRIVER_OK with these features beside VERSION_1; queues are made between. */
void driver_begin(struct bench *bench, uint64_t features);
void driver_queue(struct bench *bench, struct driver_queue *queue, unsigned int index,
		  unsigned int size, uint64_t base);
void driver_ok(struct bench *bench);

void put_descriptor(struct driver_queue *queue, unsigned int number, uint64_t gpa, uint32_t bytes,
		    unsigned int flags, unsigned int next);
/* Puts `head` into the available ring, moves the index, notifies, settles. */
void offer(struct driver_queue *queue, unsigned int head);
void offer_quietly(struct driver_queue *queue, unsigned int head);
void set_available(struct driver_queue *queue, uint16_t index);
/* True: one more was used. */
bool take_used(struct driver_queue *queue, uint32_t *id, uint32_t *bytes);

#define REG_STATUS 0x70
#define STATUS_NEEDS_RESET 0x40u
#define IS_BROKEN(bench) (reg_read(bench, REG_STATUS) & STATUS_NEEDS_RESET)

#endif
