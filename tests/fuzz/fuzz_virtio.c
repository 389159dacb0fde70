/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: virtio devices and fw_cfg against a driver that does anything. The first byte says
 * which device, then come operations. The bench aborts when a device touches memory that is none.
 */
#include <config.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "devices/fw_cfg.h"
#include "devices/virtio_blk.h"
#include "devices/virtio_console.h"
#include "devices/virtio_net.h"
#include "devices/virtio_rng.h"
#include "virtio_bench.h"

#define IMAGE_BYTES 32768u
#define MAX_OPERATIONS 400

enum operation {
	OP_REGISTER, OP_WRITE, OP_READ, OP_MEMORY, OP_SETTLE, OP_BEGIN, OP_OFFER, OP_DESCRIPTOR,
	OP_PAUSE, OP_RESUME, OP_INPUT, OP_REFUSE, OP_CHANGE, OP_DMA, OPERATIONS
};

struct input {
	const uint8_t *data;
	size_t left;
};

static struct bench bench;
static struct driver_queue queues[2];
static int wire;
static const uint8_t *changes;		/* what a look at memory finds changed */
static size_t change_count;
static struct svmt_vcpu vcpu = { .kind = SVMT_VCPU_PLAIN, .vmcb_page = 0, .state_page = 0 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t take(struct input *input, size_t bytes)
{
	uint64_t value = 0;

	bytes = bytes < input->left ? bytes : input->left;
	memcpy(&value, input->data, bytes);
	input->data += bytes;
	input->left -= bytes;
	return value;
}

static void add_backing(uint32_t type, const char *name, int fd)
{
	struct vm_backing *backing = bench.vm.backings.items;

	*backing = (struct vm_backing){ .type = type, .fd = fd, .bytes = IMAGE_BYTES };
	strcpy(backing->name, name);
	bench.vm.backings.count = 1;
}

static int add_blk(struct engine_error *error)
{
	const int image = memfd_create("image", MFD_CLOEXEC);

	bench_init(&bench, SVMT_DEV_VIRTIO_BLK, "root");
	if (image < 0 || ftruncate(image, IMAGE_BYTES))
		abort();
	add_backing(SVMT_DEV_VIRTIO_BLK, "root", image);
	return virtio_blk_add(&bench.vm, &bench.row, error);
}

static int add_net(struct engine_error *error)
{
	int pair[2];

	bench_init(&bench, SVMT_DEV_VIRTIO_NET, "lan");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		abort();
	wire = pair[1];
	add_backing(SVMT_DEV_VIRTIO_NET, "lan", pair[0]);
	return virtio_net_add(&bench.vm, &bench.row, error);
}

static int add_fw_cfg(struct engine_error *error)
{
	bench_init(&bench, SVMT_DEV_FW_CFG, "");
	bench.row.at = 0x510;
	bench.template.view.vcpus = &vcpu;
	bench.template.view.vcpu_count = 1;
	return fw_cfg_add(&bench.vm, &bench.row, error);
}

static int add_device(uint8_t kind)
{
	struct engine_error error;

	wire = -1;
	switch (kind % 5) {
	case 0: return add_blk(&error);
	case 1: return add_net(&error);
	case 2: return add_fw_cfg(&error);
	case 3:
		bench_init(&bench, SVMT_DEV_VIRTIO_CONSOLE, "");
		return virtio_console_add(&bench.vm, &bench.row, &error);
	default:
		bench_init(&bench, SVMT_DEV_VIRTIO_RNG, "");
		return virtio_rng_add(&bench.vm, &bench.row, &error);
	}
}

static enum bus_space space(void)
{
	return bench.row.type == SVMT_DEV_FW_CFG ? BUS_PORT : BUS_MEMORY;
}

/* Another vCPU of the guest: what was read may be different at the next look. */
static void change(struct bench *b, uint64_t gpa, bool write)
{
	if (write || change_count < 3)
		return;
	b->ram[(gpa & ~0xffull) % RAM_BYTES + changes[0]] = changes[1];
	changes += 2;
	change_count -= 2;
}

static void memory(struct input *input)
{
	uint64_t at = take(input, 2) * 16;
	size_t bytes = take(input, 1);

	for (; bytes && at < RAM_BYTES; bytes--)
		bench.ram[at++] = (uint8_t)take(input, 1);
}

static void begin(struct input *input)
{
	const unsigned int sizes = (unsigned int)take(input, 1);

	driver_begin(&bench, take(input, 4));
	driver_queue(&bench, &queues[0], 0, 1u << (sizes & 7), 0x10000);
	driver_queue(&bench, &queues[1], 1, 1u << (sizes >> 4 & 7), 0x20000);
	driver_ok(&bench);
}

static void descriptor(struct input *input)
{
	struct driver_queue *queue = &queues[take(input, 1) & 1];
	const unsigned int number = (unsigned int)take(input, 1);
	const uint64_t gpa = take(input, 4) << (take(input, 1) & 32);

	put_descriptor(queue, number, gpa, (uint32_t)take(input, 4), (unsigned int)take(input, 1),
		       (unsigned int)take(input, 1));
}

static void from_outside(struct input *input)
{
	static char text[2048];
	const size_t bytes = take(input, 2) % sizeof(text);
	size_t waiting;

	if (wire >= 0)
		(void)!send(wire, text, bytes, 0);
	else
		console_type(&bench.vm.console, text, bytes, &waiting);
}

/* A DMA of fw_cfg: descriptor in memory, then its address, big endian. */
static void dma(struct input *input)
{
	for (unsigned int i = 0; i < 16; i++)
		bench.ram[0x40000 + i] = (uint8_t)take(input, 1);
	bus_write(&bench.vm, space(), bench.row.at + 4, 4, take(input, 1));
	bus_write(&bench.vm, space(), bench.row.at + 8, 4, 0x000400u << 8 >> (take(input, 1) & 8));
}

/* Whoever prints needs room: here nobody is attached. */
static void drain(void)
{
	console_pump(&bench.vm, true);
}

static void operate(struct input *input)
{
	struct device *device = bench_device(&bench);
	const bool virtio = space() == BUS_MEMORY;
	uint64_t at;

	switch (take(input, 1) % OPERATIONS) {
	case OP_REGISTER:
		at = bench.row.at + (take(input, 1) * 4);
		bus_write(&bench.vm, space(), at, 4, take(input, 4));
		break;
	case OP_WRITE:
		at = bench.row.at + take(input, 2) % 0x1000;
		bus_write(&bench.vm, space(), at, 1u << (take(input, 1) & 3), take(input, 8));
		break;
	case OP_READ:
		at = bench.row.at + take(input, 2) % 0x1000;
		bus_read(&bench.vm, space(), at, 1u << (take(input, 1) & 3));
		break;
	case OP_MEMORY: memory(input); break;
	case OP_SETTLE: bench_settle(&bench); break;
	case OP_BEGIN: virtio ? begin(input) : (void)0; break;
	case OP_OFFER:
		if (queues[0].bench)
			offer(&queues[take(input, 1) & 1], (unsigned int)take(input, 1));
		break;
	case OP_DESCRIPTOR: queues[0].bench ? descriptor(input) : (void)0; break;
	case OP_PAUSE: device->pause ? device->pause(device) : (void)0; break;
	case OP_RESUME: device->resume ? device->resume(device) : (void)0; break;
	case OP_INPUT: from_outside(input); break;
	case OP_REFUSE: bench.refuse = (unsigned int)take(input, 1); break;
	case OP_CHANGE:
		change_count = take(input, 1) % 64;
		change_count = change_count < input->left ? change_count : input->left;
		changes = input->data;
		break;
	default: virtio ? (void)0 : dma(input); break;
	}
	drain();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	memset(queues, 0, sizeof(queues));
	change_count = 0;
	if (add_device((uint8_t)take(&input, 1)))
		abort();
	bench.on_access = change;
	for (unsigned int i = 0; i < MAX_OPERATIONS && input.left; i++)
		operate(&input);
	bench_settle(&bench);
	bench_free(&bench);
	if (wire >= 0)
		close(wire);
	return 0;
}
