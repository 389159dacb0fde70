/* SPDX-License-Identifier: MIT */
/*
 * Keys and layouts as in QEMU's docs/specs/fw_cfg. Kernel items are there when svmc loaded a kernel:
 * the zero page of the Linux boot protocol, or the start info of PVH, says where things are.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <svmkit/vmcb.h>
#include "../log.h"
#include "fw_cfg_items.h"

enum {
	KEY_SIGNATURE = 0x00, KEY_ID = 0x01, KEY_RAM_BYTES = 0x03, KEY_CPUS = 0x05,
	KEY_KERNEL_ADDR = 0x07, KEY_KERNEL_SIZE = 0x08, KEY_INITRD_ADDR = 0x0a,
	KEY_INITRD_SIZE = 0x0b, KEY_MAX_CPUS = 0x0f, KEY_KERNEL_ENTRY = 0x10,
	KEY_KERNEL_DATA = 0x11, KEY_INITRD_DATA = 0x12, KEY_CMDLINE_ADDR = 0x13,
	KEY_CMDLINE_SIZE = 0x14, KEY_CMDLINE_DATA = 0x15, KEY_DIRECTORY = 0x19,
	KEY_FIRST_FILE = 0x20,
};

#define ID_TRADITIONAL 1u
#define ID_DMA 2u

struct directory_row {
	uint32_t bytes;			/* big endian, as the two below */
	uint16_t key, reserved;
	char name[FW_CFG_NAME_BYTES];
};

struct e820_row {
	uint64_t gpa, bytes;
	uint32_t type;
} __attribute__((packed));

/* Fields of the Linux boot protocol's zero page, and its code before the entry point. */
enum { LINUX_SYSSIZE = 0x1f4, LINUX_MAGIC = 0x202, LINUX_RAMDISK = 0x218,
       LINUX_RAMDISK_BYTES = 0x21c, LINUX_CMDLINE = 0x228, LINUX_ENTRY64 = 0x200 };

#define PVH_MAGIC 0x336ec578u
enum { PVH_MODULES = 12, PVH_MODULE_LIST = 16, PVH_CMDLINE = 24 };

/* Longer than any kernel takes: a text that does not end is none. */
#define CMDLINE_MAX_BYTES 65536u

enum { GPR_RBX = 3, GPR_RSI = 6 };

static void read_memory(const struct svmt_view *view, uint64_t gpa, void *buffer, uint32_t bytes)
{
	for (uint32_t done = 0, part; done < bytes; done += part) {
		const uint32_t in_page = (uint32_t)(gpa + done) % SVMT_PAGE_BYTES;

		part = SVMT_PAGE_BYTES - in_page;
		part = part < bytes - done ? part : bytes - done;
		memcpy((uint8_t *)buffer + done,
		       svmt_memory_page(view, gpa + done - in_page) + in_page, part);
	}
}

static uint32_t read_u32(const struct svmt_view *view, uint64_t gpa)
{
	uint32_t value;

	read_memory(view, gpa, &value, sizeof(value));
	return le32toh(value);
}

static uint64_t read_u64(const struct svmt_view *view, uint64_t gpa)
{
	return read_u32(view, gpa) | (uint64_t)read_u32(view, gpa + 4) << 32;
}

static struct fw_cfg_item *add(struct fw_cfg_items *items, uint16_t key, const void *data,
			       uint32_t bytes)
{
	struct fw_cfg_item *item = &items->items[items->count++];

	*item = (struct fw_cfg_item){ .key = key, .bytes = bytes };
	if (data) {
		item->data = need_memory(bytes + 1);
		memcpy(item->data, data, bytes);
	}
	return item;
}

static void add_u32(struct fw_cfg_items *items, uint16_t key, uint64_t value)
{
	const uint32_t word = htole32((uint32_t)value);

	add(items, key, &word, sizeof(word));
}

/* A blob in guest memory: address, size and bytes. */
static void add_loaded(struct fw_cfg_items *items, uint16_t key_address, uint16_t key_size,
		       uint16_t key_data, uint64_t gpa, uint32_t bytes)
{
	add_u32(items, key_address, gpa);
	add_u32(items, key_size, bytes);
	add(items, key_data, NULL, bytes)->gpa = gpa;
}

static void add_cmdline(struct fw_cfg_items *items, uint64_t gpa)
{
	uint32_t bytes = 0;
	char c;

	if (!gpa)
		return;
	do {
		read_memory(items->view, gpa + bytes, &c, 1);
		bytes++;
	} while (c && bytes < CMDLINE_MAX_BYTES);
	if (!c)
		add_loaded(items, KEY_CMDLINE_ADDR, KEY_CMDLINE_SIZE, KEY_CMDLINE_DATA, gpa, bytes);
}

static void add_initrd(struct fw_cfg_items *items, uint64_t gpa, uint32_t bytes)
{
	if (bytes)
		add_loaded(items, KEY_INITRD_ADDR, KEY_INITRD_SIZE, KEY_INITRD_DATA, gpa, bytes);
}

static void add_linux(struct fw_cfg_items *items, uint64_t zero_page, uint64_t rip)
{
	const struct svmt_view *view = items->view;
	const uint64_t kernel_bytes = (uint64_t)read_u32(view, zero_page + LINUX_SYSSIZE) * 16;

	if (kernel_bytes < UINT32_MAX && rip >= LINUX_ENTRY64)
		add_loaded(items, KEY_KERNEL_ADDR, KEY_KERNEL_SIZE, KEY_KERNEL_DATA,
			   rip - LINUX_ENTRY64, (uint32_t)kernel_bytes);
	add_initrd(items, read_u32(view, zero_page + LINUX_RAMDISK),
		   read_u32(view, zero_page + LINUX_RAMDISK_BYTES));
	add_cmdline(items, read_u32(view, zero_page + LINUX_CMDLINE));
}

static void add_pvh(struct fw_cfg_items *items, uint64_t info)
{
	const struct svmt_view *view = items->view;
	const uint64_t module = read_u64(view, info + PVH_MODULE_LIST);

	if (read_u32(view, info + PVH_MODULES))
		add_initrd(items, read_u64(view, module), read_u32(view, module + 8));
	add_cmdline(items, read_u64(view, info + PVH_CMDLINE));
}

static void add_kernel(struct fw_cfg_items *items)
{
	const struct svmt_view *view = items->view;
	const struct svmt_vcpu *row = view->vcpus;
	const struct svmrt_vcpu_state *state;
	uint64_t rip, rsi, rbx;

	if (row->kind != SVMT_VCPU_PLAIN)
		return;
	state = (const void *)svmt_blob_page(view, row->state_page);
	rip = vmcb_get_RIP((const void *)svmt_blob_page(view, row->vmcb_page));
	rsi = state->gpr[GPR_RSI];
	rbx = state->gpr[GPR_RBX];
	if (read_u32(view, rsi + LINUX_MAGIC) == 0x53726448)	/* "HdrS" */
		add_linux(items, rsi, rip);
	else if (read_u32(view, rbx) == PVH_MAGIC)
		add_pvh(items, rbx);
	else
		return;
	add_u32(items, KEY_KERNEL_ENTRY, rip);
}

static uint64_t ram_bytes(const struct svmt_view *view)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < view->region_count; i++)
		if (view->regions[i].kind == SVMT_RAM)
			bytes += view->regions[i].bytes;
	return bytes;
}

/* Type 1 is RAM, 2 is reserved. */
static void add_e820(struct fw_cfg_items *items)
{
	const struct svmt_view *view = items->view;
	const uint32_t bytes = view->region_count * (uint32_t)sizeof(struct e820_row);
	struct e820_row *rows = need_memory(bytes + 1);

	for (uint32_t i = 0; i < view->region_count; i++)
		rows[i] = (struct e820_row){
			.gpa = htole64(view->regions[i].gpa),
			.bytes = htole64(view->regions[i].bytes),
			.type = htole32(view->regions[i].kind == SVMT_RAM ? 1 : 2),
		};
	add(items, KEY_FIRST_FILE, rows, bytes)->file = "etc/e820";
	free(rows);
}

/* After everything that is in it. */
static void add_directory(struct fw_cfg_items *items)
{
	struct {
		uint32_t count;
		struct directory_row rows[FW_CFG_MAX_ITEMS];
	} directory = { 0 };
	uint32_t count = 0;

	for (unsigned int i = 0; i < items->count; i++) {
		struct directory_row *row = &directory.rows[count];

		if (!items->items[i].file)
			continue;
		row->bytes = htobe32(items->items[i].bytes);
		row->key = htobe16(items->items[i].key);
		strcpy(row->name, items->items[i].file);
		count++;
	}
	directory.count = htobe32(count);
	add(items, KEY_DIRECTORY, &directory,
	    (uint32_t)(sizeof(directory.count) + count * sizeof(directory.rows[0])));
}

void fw_cfg_items_fill(struct fw_cfg_items *items, const struct svmt_view *view)
{
	char identity[65];
	uint64_t bytes = htole64(ram_bytes(view));
	uint16_t cpus = htole16((uint16_t)view->vcpu_count);

	*items = (struct fw_cfg_items){ .view = view };
	svmt_identity(view->header, identity);
	add(items, KEY_SIGNATURE, "QEMU", 4);
	add_u32(items, KEY_ID, ID_TRADITIONAL | ID_DMA);
	add(items, KEY_RAM_BYTES, &bytes, sizeof(bytes));
	add(items, KEY_CPUS, &cpus, sizeof(cpus));
	add(items, KEY_MAX_CPUS, &cpus, sizeof(cpus));
	add_kernel(items);
	add_e820(items);
	add(items, KEY_FIRST_FILE + 1, identity, 64)->file = "opt/org.svmkit/identity";
	add_directory(items);
}

void fw_cfg_items_free(struct fw_cfg_items *items)
{
	for (unsigned int i = 0; i < items->count; i++)
		free(items->items[i].data);
	items->count = 0;
}

const struct fw_cfg_item *fw_cfg_item_find(const struct fw_cfg_items *items, uint16_t key)
{
	for (unsigned int i = 0; i < items->count; i++)
		if (items->items[i].key == key)
			return &items->items[i];
	return NULL;
}

void fw_cfg_item_read(const struct fw_cfg_items *items, const struct fw_cfg_item *item,
		      uint32_t offset, void *buffer, uint32_t bytes)
{
	const uint32_t left = item && offset < item->bytes ? item->bytes - offset : 0;
	const uint32_t part = left < bytes ? left : bytes;

	memset((uint8_t *)buffer + part, 0, bytes - part);
	if (!part)
		return;
	if (item->data)
		memcpy(buffer, (const uint8_t *)item->data + offset, part);
	else
		read_memory(items->view, item->gpa + offset, buffer, part);
}
