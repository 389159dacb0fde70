/* SPDX-License-Identifier: MIT */
/*
 * The registers of virtio over MMIO (Virtual I/O Device 1.2, 4.2.2). Control registers answer to
 * aligned accesses of 32 bits only; everything else reads as zero and changes nothing.
 */
#include <stdlib.h>
#include <string.h>
#include "../log.h"
#include "../vm.h"
#include "virtio_mmio.h"

enum {
	MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, VENDOR_ID = 0x0c,
	DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SEL = 0x14,
	DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50, INTERRUPT_STATUS = 0x60, INTERRUPT_ACK = 0x64, STATUS = 0x70,
	QUEUE_DESC_LOW = 0x80, QUEUE_DESC_HIGH = 0x84, QUEUE_DRIVER_LOW = 0x90,
	QUEUE_DRIVER_HIGH = 0x94, QUEUE_DEVICE_LOW = 0xa0, QUEUE_DEVICE_HIGH = 0xa4,
	SHM_LEN_LOW = 0xb0, SHM_BASE_HIGH = 0xbc, CONFIG_GENERATION = 0xfc, CONFIG = 0x100,
};

#define MAGIC_VALUE	0x74726976u	/* "virt" */
#define VENDOR_VALUE	0x4d4d5653u	/* "SVMM" */

#define STATUS_DRIVER_OK	4u
#define STATUS_FEATURES_OK	8u
#define STATUS_NEEDS_RESET	64u
#define STATUS_DRIVER_BITS	0x8fu	/* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, FAILED */

#define INTERRUPT_USED		1u
#define INTERRUPT_CONFIG	2u

static struct virtio_device *of_range(struct bus_range *range)
{
	return list_object(range, struct virtio_device, range);
}

static void raise_interrupt(struct virtio_device *device, uint32_t bits)
{
	device->interrupts |= bits;
	irq_set(&device->irq, device->interrupts != 0);
}

bool virtio_is_live(const struct virtio_device *device)
{
	return device->status & STATUS_DRIVER_OK && !(device->status & STATUS_NEEDS_RESET);
}

void virtio_config_changed(struct virtio_device *device)
{
	device->generation++;
	if (device->status & STATUS_DRIVER_OK)
		raise_interrupt(device, INTERRUPT_CONFIG);
}

void virtio_fail(struct virtio_device *device, const char *rule)
{
	if (device->status & STATUS_NEEDS_RESET)
		return;
	/* Once: a guest could do this all day. */
	if (!device->complained)
		log_line(LOG_WARNING, "VM %llu (%s): %s needs a reset: %s",
			 (unsigned long long)device->device.vm->number, device->device.vm->name,
			 device->type->name, rule);
	device->complained = true;
	device->status |= STATUS_NEEDS_RESET;
	if (device->status & STATUS_DRIVER_OK)
		raise_interrupt(device, INTERRUPT_CONFIG);
}

void virtio_publish(struct virtio_device *device, unsigned int index)
{
	struct virtq *queue = &device->queues[index];

	if (virtio_is_live(device) && virtq_publish(queue))
		raise_interrupt(device, INTERRUPT_USED);
	if (queue->broken)
		virtio_fail(device, queue->broken);
}

void virtio_ring(struct virtio_device *device, unsigned int queue)
{
	device_watch_signal(&device->doorbells[queue].watch);
}

static bool may_serve(const struct virtio_device *device, const struct virtq *queue)
{
	return virtio_is_live(device) && !device->paused && queue->ready;
}

/* A queue's length at most, so that a driver that never stops keeps the lock from nobody. */
void virtio_serve(struct virtio_device *device, unsigned int index)
{
	struct virtq *queue = &device->queues[index];

	for (unsigned int budget = queue->size; may_serve(device, queue); budget--) {
		enum virtio_served served;

		if (!budget) {
			virtio_ring(device, index);
			break;
		}
		served = device->type->serve(device, index);
		if (served == VIRTIO_SERVED)
			continue;
		virtio_publish(device, index);
		if (served == VIRTIO_HELD || !virtq_rearm(queue))
			break;
	}
	virtio_publish(device, index);
}

static void on_doorbell(struct device_watch *watch)
{
	struct virtio_doorbell *doorbell = list_object(watch, struct virtio_doorbell, watch);

	virtio_serve(doorbell->device, doorbell->queue);
}

static void reset(struct virtio_device *device)
{
	device->status = 0;
	if (device->type->stop)
		device->type->stop(device);
	device->accepted = 0;
	device->accepted_unknown = false;
	device->device_select = device->driver_select = device->queue_select = 0;
	for (unsigned int i = 0; i < device->type->queues; i++)
		virtq_reset(&device->queues[i]);
	device->interrupts = 0;
	irq_set(&device->irq, false);
}

static bool features_are_good(const struct virtio_device *device)
{
	return device->accepted & VIRTIO_F_VERSION_1 && !device->accepted_unknown &&
		!(device->accepted & ~device->offered);
}

static void take_features(struct virtio_device *device)
{
	for (unsigned int i = 0; i < device->type->queues; i++) {
		device->queues[i].event_index = virtio_has(device, VIRTIO_F_EVENT_IDX);
		device->queues[i].indirect = virtio_has(device, VIRTIO_F_INDIRECT_DESC);
	}
}

static void start(struct virtio_device *device)
{
	if (device->type->start)
		device->type->start(device);
	for (unsigned int i = 0; i < device->type->queues; i++)
		virtio_ring(device, i);
}

/* 3.1.1: bits are only added; FEATURES_OK stays clear if the features cannot be. */
static void write_status(struct virtio_device *device, uint32_t value)
{
	uint32_t added = value & STATUS_DRIVER_BITS & ~device->status;

	if (!value) {
		reset(device);
		return;
	}
	if (added & STATUS_FEATURES_OK && !features_are_good(device))
		added &= ~STATUS_FEATURES_OK;
	if (!((device->status | added) & STATUS_FEATURES_OK))
		added &= ~STATUS_DRIVER_OK;
	device->status |= added;
	if (added & STATUS_FEATURES_OK)
		take_features(device);
	if (added & STATUS_DRIVER_OK)
		start(device);
}

static void set_half(uint64_t *to, unsigned int shift, uint32_t value)
{
	*to = (*to & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

static void write_features(struct virtio_device *device, uint32_t value)
{
	if (device->status & STATUS_FEATURES_OK)
		return;
	if (device->driver_select < 2)
		set_half(&device->accepted, device->driver_select * 32, value);
	else if (value)
		device->accepted_unknown = true;
}

/* A queue that was ready may have chains in use: all of the device stops, as for a reset. */
static void write_ready(struct virtio_device *device, struct virtq *queue, uint32_t value)
{
	if (value == 1 && !queue->ready) {
		if (!virtq_enable(queue))
			virtio_fail(device, queue->broken);
		else if (virtio_is_live(device))
			virtio_ring(device, device->queue_select);
	} else if (!value && queue->ready) {
		if (device->type->stop)
			device->type->stop(device);
		virtq_reset(queue);
		take_features(device);
	}
}

static void write_queue(struct virtio_device *device, uint64_t offset, uint32_t value)
{
	struct virtq *queue;

	if (device->queue_select >= device->type->queues)
		return;
	queue = &device->queues[device->queue_select];
	if (offset == QUEUE_READY) {
		write_ready(device, queue, value);
		return;
	}
	if (queue->ready)
		return;
	switch (offset) {
	case QUEUE_SIZE: queue->size = value <= queue->size_max ? (uint16_t)value : 0; break;
	case QUEUE_DESC_LOW: set_half(&queue->descriptors, 0, value); break;
	case QUEUE_DESC_HIGH: set_half(&queue->descriptors, 32, value); break;
	case QUEUE_DRIVER_LOW: set_half(&queue->driver, 0, value); break;
	case QUEUE_DRIVER_HIGH: set_half(&queue->driver, 32, value); break;
	case QUEUE_DEVICE_LOW: set_half(&queue->device, 0, value); break;
	case QUEUE_DEVICE_HIGH: set_half(&queue->device, 32, value); break;
	default: break;
	}
}

static void write_register(struct virtio_device *device, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case DEVICE_FEATURES_SEL: device->device_select = value; break;
	case DRIVER_FEATURES: write_features(device, value); break;
	case DRIVER_FEATURES_SEL: device->driver_select = value; break;
	case QUEUE_SEL: device->queue_select = value; break;
	case QUEUE_NOTIFY:
		if (value < device->type->queues)
			virtio_ring(device, value);
		break;
	case INTERRUPT_ACK:
		device->interrupts &= ~value;
		irq_set(&device->irq, device->interrupts != 0);
		break;
	case STATUS: write_status(device, value); break;
	default: write_queue(device, offset, value); break;
	}
}

static uint32_t read_register(const struct virtio_device *device, uint64_t offset)
{
	const bool exists = device->queue_select < device->type->queues;
	const struct virtq *queue = &device->queues[exists ? device->queue_select : 0];

	switch (offset) {
	case MAGIC: return MAGIC_VALUE;
	case VERSION: return 2;
	case DEVICE_ID: return device->type->id;
	case VENDOR_ID: return VENDOR_VALUE;
	case DEVICE_FEATURES:
		return device->device_select < 2 ?
			(uint32_t)(device->offered >> device->device_select * 32) : 0;
	case QUEUE_SIZE_MAX: return exists ? queue->size_max : 0;
	case QUEUE_READY: return exists && queue->ready;
	case INTERRUPT_STATUS: return device->interrupts;
	case STATUS: return device->status;
	case CONFIG_GENERATION: return device->generation;
	default: break;
	}
	/* 4.2.2.1: there is no shared memory region. */
	return offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH ? 0xffffffffu : 0;
}

static uint64_t range_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	const struct virtio_device *device = of_range(range);
	uint64_t value = 0;

	if (offset < CONFIG)
		return bytes == 4 && !(offset % 4) ? read_register(device, offset) : 0;
	offset -= CONFIG;
	if (offset < device->config_bytes)
		memcpy(&value, (const char *)device->config + offset,
		       bytes < device->config_bytes - offset ? bytes : device->config_bytes - offset);
	return value;
}

static void range_write(struct bus_range *range, uint64_t offset, unsigned int bytes, uint64_t value)
{
	if (offset < CONFIG && bytes == 4 && !(offset % 4))
		write_register(of_range(range), offset, (uint32_t)value);
}

static void virtio_pause(struct device *base)
{
	struct virtio_device *device = (struct virtio_device *)base;

	device->paused = true;
	if (device->type->pause)
		device->type->pause(device);
}

static void virtio_resume(struct device *base)
{
	struct virtio_device *device = (struct virtio_device *)base;

	device->paused = false;
	if (device->type->resume)
		device->type->resume(device);
	for (unsigned int i = 0; i < device->type->queues; i++)
		virtio_ring(device, i);
}

static void virtio_free(struct device *base)
{
	struct virtio_device *device = (struct virtio_device *)base;

	if (device->type->free)
		device->type->free(device);
	for (unsigned int i = 0; i < device->type->queues; i++)
		device_watch_close(&device->doorbells[i].watch);
	free(device);
}

/* The module answers the driver's notification; without it the register does the same. */
static int open_doorbell(struct virtio_device *device, unsigned int queue,
			 struct engine_error *error)
{
	struct virtio_doorbell *doorbell = &device->doorbells[queue];
	struct vm *vm = device->device.vm;
	const struct engine *engine = vm->daemon->engine;
	const int status = device_watch_init_eventfd(&doorbell->watch, vm, on_doorbell);
	struct svmrt_ioeventfd ioeventfd = {
		.flags = SVMRT_IOEVENT_DATA, .address = device->range.first + QUEUE_NOTIFY,
		.data = queue, .fd = doorbell->watch.fd, .bytes = 4,
	};

	doorbell->device = device;
	doorbell->queue = queue;
	if (status)
		return engine_fail(error, status, "doorbell of a virtio device", "");
	return engine->ioeventfd ? engine->ioeventfd(vm->fd, &ioeventfd, error) : 0;
}

int virtio_add(struct virtio_device *device, struct vm *vm, const struct virtio_type *type,
	       const struct svmt_device *row, struct engine_error *error)
{
	device->device = (struct device){
		.name = type->name, .free = virtio_free, .pause = virtio_pause,
		.resume = virtio_resume,
	};
	device->range = (struct bus_range){
		.device = &device->device, .space = BUS_MEMORY, .first = row->at,
		.bytes = SVMT_VIRTIO_BYTES, .widest = 8, .read = range_read, .write = range_write,
	};
	device->type = type;
	device->offered |= type->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
		VIRTIO_F_EVENT_IDX;
	device_add(vm, &device->device);
	bus_add(vm, &device->range);
	irq_attach(vm, &device->irq, row->irq);
	for (unsigned int i = 0; i < type->queues; i++) {
		virtq_init(&device->queues[i], vm, type->queue_size);
		if (open_doorbell(device, i, error))
			return -1;
	}
	return 0;
}
