/* SPDX-License-Identifier: MIT */
/*
 * The registers of fw_cfg on x86: a 16-bit selector, a data port that gives one byte after another,
 * and the address of a DMA descriptor, big endian, whose lower half starts the transfer.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include "../device.h"
#include "../guest_memory.h"
#include "../log.h"
#include "../vm.h"
#include "fw_cfg.h"
#include "fw_cfg_items.h"

enum { SELECTOR = 0, DATA = 1, DMA_HIGH = 4, DMA_LOW = 8, PORTS = 12 };

#define DMA_ERROR	1u
#define DMA_READ	2u
#define DMA_SKIP	4u
#define DMA_SELECT	8u
#define DMA_WRITE	16u
#define DMA_SIGNATURE	0x51454d5520434647ull	/* "QEMU CFG" */
#define KEY_MASK	0xbfffu			/* bit 14 would mean a write */

#define BUFFER_BYTES 4096u

struct dma_access {
	uint32_t control, bytes;	/* big endian */
	uint64_t gpa;
};

struct fw_cfg {
	struct device device;
	struct bus_range range;
	struct fw_cfg_items items;
	const struct fw_cfg_item *item;	/* that is selected, or NULL */
	uint32_t offset;
	uint64_t dma;
};

static struct fw_cfg *of_range(struct bus_range *range)
{
	return list_object(range, struct fw_cfg, range);
}

static void select_item(struct fw_cfg *fw, uint16_t key)
{
	fw->item = fw_cfg_item_find(&fw->items, key & KEY_MASK);
	fw->offset = 0;
}

static void advance(struct fw_cfg *fw, uint32_t bytes)
{
	fw->offset = bytes > UINT32_MAX - fw->offset ? UINT32_MAX : fw->offset + bytes;
}

/* All of it must be guest memory: else a length of 4 GiB would be worked on to no end. */
static bool dma_read(struct fw_cfg *fw, uint64_t gpa, uint32_t bytes)
{
	uint8_t buffer[BUFFER_BYTES];

	if (!guest_has(fw->device.vm, gpa, bytes, true))
		return false;
	for (uint32_t done = 0, part; done < bytes; done += part) {
		part = bytes - done < BUFFER_BYTES ? bytes - done : BUFFER_BYTES;
		fw_cfg_item_read(&fw->items, fw->item, fw->offset, buffer, part);
		if (!guest_write(fw->device.vm, gpa + done, buffer, part))
			return false;
		advance(fw, part);
	}
	return true;
}

static void run_dma(struct fw_cfg *fw, uint64_t at)
{
	const struct vm *vm = fw->device.vm;
	struct dma_access access;
	uint32_t control, bytes, answer = 0;

	if (!guest_read(vm, at, &access, sizeof(access)))
		return;
	control = be32toh(access.control);
	bytes = be32toh(access.bytes);
	if (control & DMA_SELECT)
		select_item(fw, (uint16_t)(control >> 16));
	if (control & DMA_READ) {
		if (!dma_read(fw, be64toh(access.gpa), bytes))
			answer = DMA_ERROR;
	} else if (control & DMA_WRITE) {
		answer = DMA_ERROR;
	} else if (control & DMA_SKIP) {
		advance(fw, bytes);
	}
	answer = htobe32(answer);
	guest_write(vm, at, &answer, sizeof(answer));
}

static uint64_t fw_cfg_read(struct bus_range *range, uint64_t offset, unsigned int bytes)
{
	struct fw_cfg *fw = of_range(range);
	uint8_t byte;

	if (offset == DATA && bytes == 1) {
		fw_cfg_item_read(&fw->items, fw->item, fw->offset, &byte, 1);
		advance(fw, 1);
		return byte;
	}
	if (bytes == 4 && (offset == DMA_HIGH || offset == DMA_LOW))
		return htobe32((uint32_t)(DMA_SIGNATURE >> (offset == DMA_HIGH ? 32 : 0)));
	return 0;
}

static void fw_cfg_write(struct bus_range *range, uint64_t offset, unsigned int bytes,
			 uint64_t value)
{
	struct fw_cfg *fw = of_range(range);
	const uint64_t at = fw->dma | be32toh((uint32_t)value);

	if (offset == SELECTOR && bytes == 2) {
		select_item(fw, (uint16_t)value);
	} else if (offset == DMA_HIGH && bytes == 4) {
		fw->dma = (uint64_t)be32toh((uint32_t)value) << 32;
	} else if (offset == DMA_LOW && bytes == 4) {
		fw->dma = 0;
		run_dma(fw, at);
	}
}

static void fw_cfg_free(struct device *device)
{
	struct fw_cfg *fw = (struct fw_cfg *)device;

	fw_cfg_items_free(&fw->items);
	free(fw);
}

int fw_cfg_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error)
{
	struct fw_cfg *fw = need_memory(sizeof(*fw));

	(void)error;
	fw->device = (struct device){ .name = "fw_cfg", .free = fw_cfg_free };
	fw->range = (struct bus_range){
		.device = &fw->device, .space = BUS_PORT, .first = row->at, .bytes = PORTS,
		.widest = 4, .read = fw_cfg_read, .write = fw_cfg_write,
	};
	fw_cfg_items_fill(&fw->items, &vm->template->view);
	device_add(vm, &fw->device);
	bus_add(vm, &fw->range);
	return 0;
}
