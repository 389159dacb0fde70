/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "virtio_bench.h"

#define AVAILABLE_AT 0x1000
#define USED_AT 0x2000

static struct bench *current;

static uint8_t *memory_at(struct bench *bench, uint64_t gpa)
{
	if (gpa < RAM_BYTES)
		return bench->ram + gpa;
	return gpa - ROM_GPA < ROM_BYTES ? bench->rom + (gpa - ROM_GPA) : NULL;
}

/* Byte by byte: a copy of several may be torn, and nothing may count on more. */
static int bench_access(int vm_fd, struct svmrt_access *access, struct engine_error *error)
{
	uint8_t *buffer = (uint8_t *)(uintptr_t)access->buffer;
	const bool write = access->flags & SVMRT_ACCESS_WRITE;

	(void)vm_fd;
	if (current->refuse && !--current->refuse)
		return engine_fail(error, ENOMEM, "access", "no memory is left");
	if (current->on_access)
		current->on_access(current, access->gpa, write);
	for (uint64_t i = 0; i < access->bytes; i++) {
		uint8_t *at = memory_at(current, access->gpa + i);

		if (!at || (write && access->gpa >= ROM_GPA))
			abort();	/* guest_has() should have known */
		if (write)
			*at = buffer[i];
		else
			buffer[i] = *at;
	}
	return 0;
}

static void on_line(struct irq_sink *sink, unsigned int irq, bool level)
{
	struct bench *bench = list_object(sink, struct bench, sink);

	if (irq == DEVICE_IRQ)
		bench->line = level;
}

static void init_template(struct bench *bench, const char *name)
{
	struct svmt_view *view = &bench->template.view;

	bench->regions[0] = (struct svmt_region){ .bytes = RAM_BYTES, .kind = SVMT_RAM };
	bench->regions[1] = (struct svmt_region){ ROM_GPA, ROM_BYTES, SVMT_ROM, 0 };
	view->regions = bench->regions;
	view->region_count = 2;
	view->header = &bench->header;
	view->devices = &bench->row;
	view->device_count = 1;
	view->blob = bench->names[0];
	view->blob_pages = 2;
	strcpy((char *)bench->names[1], name);
}

void bench_init(struct bench *bench, uint32_t type, const char *name)
{
	memset(bench, 0, sizeof(*bench));
	current = bench;
	bench->engine.access = bench_access;
	bench->daemon.engine = &bench->engine;
	uv_loop_init(&bench->daemon.loop);
	uv_async_init(&bench->daemon.loop, &bench->daemon.wake, NULL);
	init_template(bench, name);
	bench->row = (struct svmt_device){
		.type = type, .at = DEVICE_GPA, .irq = DEVICE_IRQ, .name_page = 1,
	};
	bench->vm.daemon = &bench->daemon;
	bench->vm.template = &bench->template;
	list_init(&bench->daemon.vms);
	list_init(&bench->vm.devices);
	bus_init(&bench->vm.bus);
	device_thread_init(&bench->vm.device_thread);
	console_init(&bench->vm.console);
	list_init(&bench->vm.attachments);
	bench->sink.line = on_line;
	irq_add_sink(&bench->vm, &bench->sink);
}

struct device *bench_device(struct bench *bench)
{
	return list_object(bench->vm.devices.next, struct device, link);
}

void bench_free(struct bench *bench)
{
	device_free_all(&bench->vm);
	port_cells_free(&bench->vm);
	device_thread_free(&bench->vm);
	console_free(&bench->vm.console);
	bus_free(&bench->vm.bus);
	uv_close((uv_handle_t *)&bench->daemon.wake, NULL);
	uv_run(&bench->daemon.loop, UV_RUN_DEFAULT);
	uv_loop_close(&bench->daemon.loop);
}

void bench_settle(struct bench *bench)
{
	for (unsigned int i = 0; i < 8; i++)
		uv_run(device_loop(&bench->vm), UV_RUN_NOWAIT);
}

void bench_wait(struct bench *bench, bool (*condition)(struct bench *bench))
{
	while (!condition(bench))
		uv_run(device_loop(&bench->vm), UV_RUN_ONCE);
}

uint64_t dev_read(struct bench *bench, uint32_t offset, unsigned int bytes)
{
	return bus_read(&bench->vm, BUS_MEMORY, bench->row.at + offset, bytes);
}

void dev_write(struct bench *bench, uint32_t offset, unsigned int bytes, uint64_t value)
{
	bus_write(&bench->vm, BUS_MEMORY, bench->row.at + offset, bytes, value);
}

/* ---- the driver ---- */

uint32_t reg_read(struct bench *bench, uint32_t offset)
{
	return (uint32_t)dev_read(bench, offset, 4);
}

void reg_write(struct bench *bench, uint32_t offset, uint32_t value)
{
	dev_write(bench, offset, 4, value);
}

void driver_begin(struct bench *bench, uint64_t features)
{
	features |= 1ull << 32;
	reg_write(bench, REG_STATUS, 0);
	reg_write(bench, REG_STATUS, 1);
	reg_write(bench, REG_STATUS, 3);
	for (uint32_t i = 0; i < 2; i++) {
		reg_write(bench, 0x24, i);
		reg_write(bench, 0x20, (uint32_t)(features >> i * 32));
	}
	reg_write(bench, REG_STATUS, 11);
}

void driver_queue(struct bench *bench, struct driver_queue *queue, unsigned int index,
		  unsigned int size, uint64_t base)
{
	*queue = (struct driver_queue){ .bench = bench, .index = index, .size = size, .base = base };
	memset(bench->ram + base, 0, 0x4000);
	reg_write(bench, 0x30, index);
	reg_write(bench, 0x38, size);
	reg_write(bench, 0x80, (uint32_t)base);
	reg_write(bench, 0x84, 0);
	reg_write(bench, 0x90, (uint32_t)base + AVAILABLE_AT);
	reg_write(bench, 0x94, 0);
	reg_write(bench, 0xa0, (uint32_t)base + USED_AT);
	reg_write(bench, 0xa4, 0);
	reg_write(bench, 0x44, 1);
}

void driver_ok(struct bench *bench)
{
	reg_write(bench, REG_STATUS, 15);
	bench_settle(bench);
}

void put_descriptor(struct driver_queue *queue, unsigned int number, uint64_t gpa, uint32_t bytes,
		    unsigned int flags, unsigned int next)
{
	uint8_t *at = queue->bench->ram + queue->base + number * 16;
	const uint16_t words[] = { (uint16_t)flags, (uint16_t)next };

	memcpy(at, &gpa, 8);
	memcpy(at + 8, &bytes, 4);
	memcpy(at + 12, words, 4);
}

void set_available(struct driver_queue *queue, uint16_t index)
{
	queue->available = index;
	memcpy(queue->bench->ram + queue->base + AVAILABLE_AT + 2, &index, 2);
}

void offer_quietly(struct driver_queue *queue, unsigned int head)
{
	const uint16_t entry = (uint16_t)head;

	memcpy(queue->bench->ram + queue->base + AVAILABLE_AT + 4 +
	       queue->available % queue->size * 2, &entry, 2);
	set_available(queue, (uint16_t)(queue->available + 1));
}

void offer(struct driver_queue *queue, unsigned int head)
{
	offer_quietly(queue, head);
	reg_write(queue->bench, 0x50, queue->index);
	bench_settle(queue->bench);
}

bool take_used(struct driver_queue *queue, uint32_t *id, uint32_t *bytes)
{
	const uint8_t *used = queue->bench->ram + queue->base + USED_AT;
	uint16_t index;

	memcpy(&index, used + 2, 2);
	if (index == queue->seen)
		return false;
	memcpy(id, used + 4 + queue->seen % queue->size * 8, 4);
	memcpy(bytes, used + 8 + queue->seen % queue->size * 8, 4);
	queue->seen++;
	return true;
}
