/* SPDX-License-Identifier: MIT */
/*
 * virtio over MMIO, version 2 (Virtual I/O Device 1.2, 4.2): the registers, negotiation, queues and
 * the interrupt of one device, whose kind is a struct virtio_type. Queues are served by the device
 * thread; a doorbell that the module answers wakes it, so that a notifying vCPU goes on at once.
 * The bus's lock is held in every function here and in every callback.
 */
#ifndef SVMRUND_VIRTIO_MMIO_H
#define SVMRUND_VIRTIO_MMIO_H

#include "../device.h"
#include "../device_watch.h"
#include "../engine.h"
#include "virtio_queue.h"

#define VIRTIO_MAX_QUEUES 2u

#define VIRTIO_F_INDIRECT_DESC	(1ull << 28)
#define VIRTIO_F_EVENT_IDX	(1ull << 29)
#define VIRTIO_F_VERSION_1	(1ull << 32)

struct virtio_device;

enum virtio_served {
	VIRTIO_SERVED,		/* a chain was taken */
	VIRTIO_EMPTY,		/* there was none: tell us of the next */
	VIRTIO_HELD,		/* chains are of no use now; virtio_ring() when they are */
};

struct virtio_type {
	const char *name;
	uint32_t id;			/* 5: device types */
	uint64_t features;		/* of its own */
	uint16_t queues, queue_size;
	/* One chain of the queue; virtq_push() is the callee's, now or later. */
	enum virtio_served (*serve)(struct virtio_device *device, unsigned int queue);
	/* NULL, or: DRIVER_OK, features are final. */
	void (*start)(struct virtio_device *device);
	/* NULL, or: a reset; no chain is in use any more when it returns. */
	void (*stop)(struct virtio_device *device);
	/* NULL, or as those of struct device. */
	void (*pause)(struct virtio_device *device);
	void (*resume)(struct virtio_device *device);
	/* NULL, or: frees what the device has beside the memory it is in. */
	void (*free)(struct virtio_device *device);
};

struct virtio_doorbell {
	struct device_watch watch;
	struct virtio_device *device;
	unsigned int queue;
};

struct virtio_device {
	struct device device;
	struct bus_range range;
	struct irq_source irq;
	const struct virtio_type *type;
	uint64_t offered, accepted;	/* feature bits */
	bool accepted_unknown;		/* bits above 63 */
	const void *config;		/* the device-specific part; read-only to the driver */
	uint32_t config_bytes, generation;
	uint32_t status, interrupts, device_select, driver_select, queue_select;
	struct virtq queues[VIRTIO_MAX_QUEUES];
	struct virtio_doorbell doorbells[VIRTIO_MAX_QUEUES];
	bool paused, complained;
};

/*
 * Adds the device to the VM, which frees it with free(): it is the first member of its memory, with
 * config and what is offered beside the type's features filled in. 0; or -1, and `error` says why.
 */
int virtio_add(struct virtio_device *device, struct vm *vm, const struct virtio_type *type,
	       const struct svmt_device *row, struct engine_error *error);

static inline bool virtio_has(const struct virtio_device *device, uint64_t feature)
{
	return device->accepted & feature;
}

/* DRIVER_OK and nothing is wrong. */
bool virtio_is_live(const struct virtio_device *device);

/* Device thread: looks at the queue now. Any thread: it will be looked at. */
void virtio_serve(struct virtio_device *device, unsigned int queue);
void virtio_ring(struct virtio_device *device, unsigned int queue);
/* Chains that were pushed outside of serve(): tells the driver. */
void virtio_publish(struct virtio_device *device, unsigned int queue);
/* The configuration has other contents from now on. */
void virtio_config_changed(struct virtio_device *device);
/* The driver broke a rule: DEVICE_NEEDS_RESET (2.1.2). */
void virtio_fail(struct virtio_device *device, const char *rule);

#endif
