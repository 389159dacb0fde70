/* SPDX-License-Identifier: MIT */
/*
 * Loads the lab's kernel on Bochs, which has no option for that: ELF segments and initramfs come
 * from the disk by programmed I/O, which Bochs executes a sector at a time, and the kernel starts
 * through its PVH entry. No boot loader could be as quick: there is nothing to find or unpack.
 * 32-bit, freestanding, without static data that would have to be zeroed.
 */
#include <stdint.h>

#include "bochs_load.h"

#define ATA_DATA 0x1f0
#define ATA_COUNT 0x1f2
#define ATA_LBA 0x1f3		/* three registers of 8 bits, then drive and 4 bits */
#define ATA_COMMAND 0x1f7
#define ATA_CONTROL 0x3f6
#define ATA_READ_SECTORS 0x20
#define ATA_BUSY 0x80
#define ATA_READY_FOR_DATA 0x08
#define ATA_ERROR 0x01
#define COM1 0x3f8
#define SECTOR_BYTES 512u

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define START_MAGIC 0x336ec578u
#define E820_RAM 1

/* What is needed of ELF-64; the C library's elf.h does not compile for 32 bits everywhere. */
#define ELF_MAGIC 0x464c457fu
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4

struct elf_header {
	uint32_t magic;
	uint8_t ident[12];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	uint32_t namesz, descsz, type;
};

/* Xen's public interface, "x86/HVM direct boot ABI": struct hvm_start_info and its lists. */
struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modules_at, cmdline_at, rsdp_at, map_at;
	uint32_t map_entries, reserved;
};

struct module_info {
	uint64_t at, size, cmdline_at, reserved;
};

struct map_entry {
	uint64_t at, size;
	uint32_t type, reserved;
};

uint32_t load(void);

static inline void out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a" (value) : "Nd" (port));
	return value;
}

/* Fixed addresses below 1 MiB; the compiler must not know that they are constants near 0. */
static void *low_memory(uint32_t address)
{
	asm("" : "+r" (address));
	return (void *)address;
}

static uint32_t fail(const char *why)
{
	while (*why)
		out8(COM1, (uint8_t)*why++);
	return 0;
}

static void fill_zero(uint32_t at, uint32_t bytes)
{
	asm volatile("rep stosb" : "+D" (at), "+c" (bytes) : "a" (0) : "memory");
}

static int read_sectors(uint32_t first, uint32_t count, uint32_t to)
{
	while (count) {
		uint32_t now = count < 256 ? count : 256, i;

		for (i = 0; i < 3; i++)
			out8((uint16_t)(ATA_LBA + i), (uint8_t)(first >> (8 * i)));
		out8(ATA_LBA + 3, (uint8_t)(0xe0 | first >> 24));
		out8(ATA_COUNT, (uint8_t)now);	/* 0 means 256 */
		out8(ATA_COMMAND, ATA_READ_SECTORS);
		for (i = 0; i < now; i++) {
			uint32_t dwords = SECTOR_BYTES / 4;
			uint8_t status;

			do
				status = in8(ATA_COMMAND);
			while (status & ATA_BUSY);
			if (status & ATA_ERROR || !(status & ATA_READY_FOR_DATA))
				return -1;
			asm volatile("rep insl" : "+D" (to), "+c" (dwords)
				     : "d" (ATA_DATA) : "memory");
		}
		first += now;
		count -= now;
	}
	return 0;
}

/* Whole sectors: what lies behind the bytes asked for is overwritten up to the next boundary. */
static int read_disk(uint32_t offset, uint32_t bytes, uint32_t to)
{
	if (offset % SECTOR_BYTES)
		return -1;
	return read_sectors(offset / SECTOR_BYTES, (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES, to);
}

/* Reads a decimal number and the blank behind it. */
static uint32_t number(const char **text)
{
	uint32_t value = 0;

	while (**text >= '0' && **text <= '9')
		value = value * 10 + (uint32_t)(*(*text)++ - '0');
	(*text)++;
	return value;
}

/* The PVH entry from a note segment in memory, or 0. */
static uint32_t find_entry(const uint8_t *note, uint32_t bytes)
{
	uint32_t at = 0;

	while (at + sizeof(struct elf_note) <= bytes) {
		const struct elf_note *head = (const struct elf_note *)(note + at);
		const uint8_t *name = note + at + sizeof(*head);
		const uint8_t *value = name + ((head->namesz + 3) & ~3u);

		if (head->type == XEN_ELFNOTE_PHYS32_ENTRY && head->namesz == 4 &&
		    name[0] == 'X' && name[1] == 'e' && name[2] == 'n')
			return *(const uint32_t *)value;
		at = (uint32_t)(value - note) + ((head->descsz + 3) & ~3u);
	}
	return 0;
}

/* The segments, in the order of the file, which is ascending. Returns the PVH entry, or 0. */
static uint32_t load_kernel(uint32_t offset)
{
	const struct elf_header *head = low_memory(SCRATCH);
	const struct elf_segment *segment;
	uint32_t entry = 0, i;

	if (read_disk(offset, 0x1000, SCRATCH) ||
	    head->magic != ELF_MAGIC || head->machine != EM_X86_64)
		return fail("loader: the kernel is no ELF file\n");
	segment = low_memory(SCRATCH + (uint32_t)head->phoff);
	for (i = 0; i < head->phnum; i++) {
		const uint32_t from = offset + (uint32_t)segment[i].offset;
		const uint32_t to = (uint32_t)segment[i].paddr;
		const uint32_t bytes = (uint32_t)segment[i].filesz;

		if (segment[i].type == PT_NOTE) {
			const uint32_t odd = from % SECTOR_BYTES;

			if (read_disk(from - odd, bytes + odd, SCRATCH + 0x1000))
				return fail("loader: the disk cannot be read\n");
			entry = find_entry(low_memory(SCRATCH + 0x1000 + odd), bytes);
		}
		if (segment[i].type != PT_LOAD)
			continue;
		if (read_disk(from, bytes, to))
			return fail("loader: the disk cannot be read\n");
		fill_zero(to + bytes, (uint32_t)segment[i].memsz - bytes);
	}
	return entry ? entry : fail("loader: the kernel has no PVH entry\n");
}

/* The end of the memory that starts at 1 MiB. */
static uint32_t memory_end(void)
{
	const struct map_entry *map = low_memory(MAP_ENTRIES);
	const uint32_t *count = low_memory(MAP_COUNT);
	uint32_t i;

	for (i = 0; i < *count; i++) {
		if (map[i].type == E820_RAM && map[i].at == 0x100000)
			return (uint32_t)(map[i].at + map[i].size);
	}
	return 0;
}

/* Returns the address to go to, or 0 after saying on the serial console what failed. */
uint32_t load(void)
{
	struct start_info *start = low_memory(START_INFO);
	struct module_info *module = low_memory(MODULE_INFO);
	const char *text = low_memory(TEXT_MEMORY);
	uint32_t kernel_bytes, initrd_bytes, initrd_at, initrd_offset, entry;

	out8(ATA_CONTROL, 2);		/* no interrupts: nobody would answer them */
	if (read_disk(TEXT_OFFSET, TEXT_BYTES, TEXT_MEMORY))
		return fail("loader: the disk cannot be read\n");
	kernel_bytes = number(&text);
	initrd_bytes = number(&text);
	initrd_offset = (FILES_OFFSET + kernel_bytes + SECTOR_BYTES - 1) & ~(SECTOR_BYTES - 1);
	entry = load_kernel(FILES_OFFSET);
	if (!entry)
		return 0;
	initrd_at = (memory_end() - initrd_bytes - SECTOR_BYTES) & ~0xfffu;
	if (read_disk(initrd_offset, initrd_bytes, initrd_at))
		return fail("loader: the disk cannot be read\n");

	fill_zero(START_INFO, sizeof(*start));
	fill_zero(MODULE_INFO, sizeof(*module));
	start->magic = START_MAGIC;
	start->version = 1;
	start->modules = 1;
	start->modules_at = MODULE_INFO;
	start->cmdline_at = (uint32_t)text;
	start->map_at = MAP_ENTRIES;
	start->map_entries = *(const uint32_t *)low_memory(MAP_COUNT);
	module->at = initrd_at;
	module->size = initrd_bytes;
	return entry;
}
