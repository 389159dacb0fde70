/* SPDX-License-Identifier: MIT */
/* Buffers of the console: those to receive wait for input, those to transmit are output. */
#include <errno.h>
#include "../log.h"
#include "../vm.h"
#include "virtio_console.h"
#include "virtio_mmio.h"

#define DEVICE_CONSOLE 3u
#define QUEUE_SIZE 64u
#define CHUNK_BYTES 1024u
enum { RECEIVE, TRANSMIT };

struct virtio_console {
	struct virtio_device virtio;
	struct device_async typed;
	bool has_input;			/* what is typed is for this one */
	bool sending;			/* a chain, as far as that: */
	uint32_t sent;
	struct virtq_chain chain;
};

static enum virtio_served serve_receive(struct virtio_console *console, struct virtq *queue)
{
	struct console *source = &console->virtio.device.vm->console;
	struct virtq_chain chain;
	uint8_t bytes[CHUNK_BYTES];
	uint32_t count = 0;

	if (!console->has_input || !console_has_input(source))
		return VIRTIO_HELD;
	if (!virtq_pop(queue, &chain))
		return VIRTIO_EMPTY;
	if (!chain.writable_bytes) {
		virtio_fail(&console->virtio, "a buffer for input cannot be written");
		return VIRTIO_SERVED;
	}
	while (count < sizeof(bytes) && count < chain.writable_bytes &&
	       console_get(source, &bytes[count]))
		count++;
	if (virtq_write(queue->vm, &chain, 0, bytes, count) < 0)
		virtio_fail(&console->virtio, "a buffer for input cannot be written");
	virtq_push(queue, chain.head, count);
	return VIRTIO_SERVED;
}

/* A part of a chain at a time, so that a long one keeps the lock from nobody. */
static enum virtio_served serve_transmit(struct virtio_console *console, struct virtq *queue)
{
	struct vm *vm = console->virtio.device.vm;
	uint8_t bytes[CHUNK_BYTES];
	int64_t part;

	if (!console->sending) {
		if (!virtq_pop(queue, &console->chain))
			return VIRTIO_EMPTY;
		console->sending = true;
		console->sent = 0;
	}
	part = virtq_read(vm, &console->chain, console->sent, bytes, sizeof(bytes));
	if (part < 0) {
		virtio_fail(&console->virtio, "output cannot be read");
		return VIRTIO_SERVED;
	}
	console_write(vm, (const char *)bytes, (size_t)part);
	console->sent += (uint32_t)part;
	console->sending = console->sent < console->chain.readable_bytes;
	if (!console->sending)
		virtq_push(queue, console->chain.head, 0);
	return VIRTIO_SERVED;
}

static void console_stop(struct virtio_device *device)
{
	((struct virtio_console *)device)->sending = false;
}

static enum virtio_served console_serve(struct virtio_device *device, unsigned int queue)
{
	struct virtio_console *console = (struct virtio_console *)device;

	return queue == RECEIVE ? serve_receive(console, &device->queues[queue]) :
		serve_transmit(console, &device->queues[queue]);
}

static void on_typed(struct device_async *async)
{
	struct virtio_console *console = list_object(async, struct virtio_console, typed);

	virtio_serve(&console->virtio, RECEIVE);
}

static const struct virtio_type virtio_console_type = {
	.name = "virtio console", .id = DEVICE_CONSOLE, .queues = 2, .queue_size = QUEUE_SIZE,
	.serve = console_serve, .stop = console_stop,
};

int virtio_console_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct virtio_console *console = need_memory(sizeof(*console));

	console->has_input = !vm->console.exists;
	vm->console.exists = true;
	if (virtio_add(&console->virtio, vm, &virtio_console_type, row, error))
		return -1;
	if (!console->has_input)
		return 0;
	vm->console.typed = &console->typed;
	return device_async_init(vm, &console->typed, on_typed) ? 0 :
		engine_fail(error, EMFILE, "the device thread", "");
}
