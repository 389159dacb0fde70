/* SPDX-License-Identifier: MIT */
/*
 * Linux by its 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst): the setup header of a
 * bzImage, where its kernel goes, and the zero page (struct boot_params of the kernel's
 * asm/bootparam.h) that it finds in RSI. The setup code itself is real-mode code and never runs. No
 * EFI and no screen are told of: those fields are zero.
 */
#include <inttypes.h>
#include <string.h>
#include "image.h"
#include "memory.h"
#include "memory_map.h"

#define SECTOR 512u
#define ENTRY_64 0x200u			/* of startup_64 in the kernel */
#define VERSION_MIN 0x020cu		/* 2.12: xloadflags */
#define LOADED_HIGH 1u			/* of loadflags */
#define XLF_KERNEL_64 1u		/* of xloadflags */
#define LOW_END 0xa0000u		/* of the PC's low RAM */
#define HIGH_BEGIN 0x100000u
#define MAPPED_END (1ULL << 30)		/* of the profile's identity map */

/* Offsets of the setup header's fields: in the image, and the same in the zero page. */
enum {
	SETUP_SECTS = 0x1f1, SYSSIZE = 0x1f4, BOOT_FLAG = 0x1fe, JUMP = 0x200, MAGIC = 0x202,
	VERSION = 0x206, TYPE_OF_LOADER = 0x210, LOADFLAGS = 0x211, CODE32_START = 0x214,
	RAMDISK_IMAGE = 0x218, RAMDISK_SIZE = 0x21c, CMD_LINE_PTR = 0x228, INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230, RELOCATABLE = 0x234, XLOADFLAGS = 0x236, CMDLINE_SIZE = 0x238,
	SETUP_DATA = 0x250, PREF_ADDRESS = 0x258, INIT_SIZE = 0x260, HEADER_MIN = 0x264,
};

/* The zero page's own. */
enum {
	ACPI_RSDP_ADDR = 0x070, EXT_RAMDISK_IMAGE = 0x0c0, EXT_CMD_LINE_PTR = 0x0c8, E820_ENTRIES = 0x1e8,
	HEADER_END = 0x290, E820_TABLE = 0x2d0, E820_MAX = 128, ZERO_PAGE_BYTES = 4096,
};

struct e820_row {
	uint64_t addr, size;
	uint32_t type;			/* enum map_type */
} __attribute__((packed));

/* A row of the list at setup_data; E820_EXT holds the map's rows behind the first 128. */
struct setup_data {
	uint64_t next;
	uint32_t type, len;
};
#define SETUP_E820_EXT 1u

#define LOADER_UNKNOWN 0xffu

static uint64_t get(const struct image *image, uint64_t offset, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, image->data + offset, bytes);
	return value;
}

static uint64_t setup_bytes(const struct image *image)
{
	const uint64_t sectors = get(image, SETUP_SECTS, 1);

	return ((sectors ? sectors : 4) + 1) * SECTOR;	/* 0 means 4, for old kernels */
}

static bool check_header(struct comp *c, const struct image *image)
{
	const uint64_t version = image->bytes < HEADER_MIN ? 0 : get(image, VERSION, 2);

	if (image->bytes < HEADER_MIN)
		return image_error(c, image, image->bytes, "the file ends inside the setup header; "
				   "a bzImage has at least 0x%x bytes", HEADER_MIN);
	if (get(image, BOOT_FLAG, 2) != 0xaa55)
		return image_error(c, image, BOOT_FLAG, "boot_flag 0x%" PRIx64 "; the rule is "
				   "0xaa55. A vmlinux is an image for `pvh` or `elf`",
				   get(image, BOOT_FLAG, 2));
	if (memcmp(image->data + MAGIC, "HdrS", 4))
		return image_error(c, image, MAGIC, "no setup header (`HdrS`); the rule is a "
				   "bzImage, as /boot/vmlinuz is");
	if (version < VERSION_MIN)
		return image_error(c, image, VERSION, "boot protocol %" PRIu64 ".%02" PRIu64
				   "; the 64-bit entry needs 2.12 or later", version >> 8,
				   version & 0xff);
	if (MAGIC + get(image, JUMP + 1, 1) < HEADER_MIN ||
	    MAGIC + get(image, JUMP + 1, 1) > HEADER_END)
		return image_error(c, image, JUMP + 1, "the setup header ends at 0x%" PRIx64
				   "; the rule is 0x%x to 0x%x", MAGIC + get(image, JUMP + 1, 1),
				   HEADER_MIN, HEADER_END);
	if (!(get(image, LOADFLAGS, 1) & LOADED_HIGH))
		return image_error(c, image, LOADFLAGS, "loadflags 0x%" PRIx64 " without bit 0: a "
				   "zImage, loaded low; build a bzImage",
				   get(image, LOADFLAGS, 1));
	if (!(get(image, XLOADFLAGS, 2) & XLF_KERNEL_64))
		return image_error(c, image, XLOADFLAGS, "xloadflags 0x%" PRIx64 " without bit 0: "
				   "no 64-bit entry; take a 64-bit kernel",
				   get(image, XLOADFLAGS, 2));
	return true;
}

/* What the setup header says of the kernel behind it. */
struct kernel {
	uint64_t offset, bytes;		/* in the file */
	uint64_t init_bytes, preferred, alignment;
	bool relocatable;
};

static bool read_kernel(struct comp *c, const struct image *image, struct kernel *kernel)
{
	const uint64_t bytes = get(image, SYSSIZE, 4) * 16;

	*kernel = (struct kernel){
		.offset = setup_bytes(image), .init_bytes = get(image, INIT_SIZE, 4),
		.preferred = get(image, PREF_ADDRESS, 8),
		.alignment = get(image, KERNEL_ALIGNMENT, 4),
		.relocatable = get(image, RELOCATABLE, 1),
	};
	if (kernel->offset >= image->bytes)
		return image_error(c, image, SETUP_SECTS, "0x%" PRIx64 " bytes of setup code do "
				   "not fit the file of 0x%" PRIx64 " bytes", kernel->offset,
				   image->bytes);
	/* The size is in units of 16 bytes, and the last one need not be full. */
	if (bytes <= ENTRY_64 || bytes - 15 > image->bytes - kernel->offset)
		return image_error(c, image, SYSSIZE, "a kernel of 0x%" PRIx64 " bytes at 0x%"
				   PRIx64 " does not fit the file of 0x%" PRIx64 " bytes or is "
				   "too short for an entry at 0x%x", bytes, kernel->offset,
				   image->bytes, ENTRY_64);
	kernel->bytes = image->bytes - kernel->offset < bytes ? image->bytes - kernel->offset
							      : bytes;
	if (kernel->init_bytes < kernel->bytes)
		return image_error(c, image, INIT_SIZE, "init_size 0x%" PRIx64 " is less than the "
				   "kernel's 0x%" PRIx64 " bytes", kernel->init_bytes,
				   kernel->bytes);
	if (!kernel->alignment || kernel->alignment & (kernel->alignment - 1))
		return image_error(c, image, KERNEL_ALIGNMENT, "kernel_alignment 0x%" PRIx64
				   "; the rule is a power of two", kernel->alignment);
	if (kernel->preferred >= MAPPED_END || kernel->preferred % SVMT_PAGE_BYTES)
		return image_error(c, image, PREF_ADDRESS, "pref_address 0x%" PRIx64 "; the rule "
				   "is a page below 1GiB, which the profile maps",
				   kernel->preferred);
	return true;
}

/* RAM that is mapped and has nothing in it. */
static bool is_free(const struct spec *spec, uint64_t gpa, uint64_t bytes)
{
	const struct spec_region *r = memory_region(spec, gpa, bytes);

	if (!r || r->kind != SVMT_RAM || bytes > MAPPED_END - gpa)
		return false;
	for (size_t i = 0; i < spec->content_count; i++) {
		const struct spec_contents *x = &spec->contents[i];

		if (x->gpa < gpa + bytes && (x->bytes > UINT64_MAX - x->gpa ||
					     x->gpa + x->bytes > gpa))
			return false;
	}
	return true;
}

/*
 * Where the kernel prefers to be or, when it may be moved, the lowest aligned place above 1 MiB that
 * is free for all that it needs until it knows its memory. The preferred place when there is none:
 * the checks of memory contents then say what is in the way.
 */
static uint64_t find_place(const struct spec *spec, const struct kernel *kernel)
{
	uint64_t at = HIGH_BEGIN + kernel->alignment - 1;

	if (!kernel->relocatable || is_free(spec, kernel->preferred, kernel->init_bytes))
		return kernel->preferred;
	for (at -= at % kernel->alignment; at < MAPPED_END; at += kernel->alignment)
		if (is_free(spec, at, kernel->init_bytes))
			return at;
	return kernel->preferred;
}

bool image_read_linux(struct comp *c, struct image *image)
{
	struct kernel kernel;
	uint64_t gpa;

	if (!check_header(c, image) || !read_kernel(c, image, &kernel))
		return false;
	/* One step of the search is at least a MiB of the mapped GiB. */
	if (kernel.alignment < HIGH_BEGIN)
		kernel.alignment = HIGH_BEGIN;
	gpa = find_place(&c->spec, &kernel);
	image->segments = arena_alloc(&c->arena, sizeof(*image->segments));
	image->segments[image->count++] = (struct image_segment){
		.offset = kernel.offset, .file_bytes = kernel.bytes, .gpa = gpa, .vaddr = gpa,
		.bytes = kernel.init_bytes,
	};
	image->entry = gpa + ENTRY_64;
	image->entry_is_physical = true;
	image->modules_end = get(image, INITRD_ADDR_MAX, 4) + 1;
	return true;
}

static bool check_cmdline(struct comp *c, const struct image *image, const char *cmdline)
{
	const uint64_t most = get(image, CMDLINE_SIZE, 4);

	if (strlen(cmdline) <= most)
		return true;
	diag_error(&c->diag, &c->spec.payload.cmdline_range, "`cmdline` has %zu bytes, but %s takes "
		   "at most %" PRIu64 " (cmdline_size); shorten it", strlen(cmdline), image->name,
		   most);
	return false;
}

static void put(uint8_t *page, size_t offset, uint64_t value, unsigned int bytes)
{
	memcpy(page + offset, &value, bytes);
}

static void put_row(uint8_t *table, size_t row, const struct map_row *map)
{
	const struct e820_row e820 = { map->gpa, map->bytes, map->type };

	memcpy(table + row * sizeof(e820), &e820, sizeof(e820));
}

/* The memory map: rows that do not fit the zero page go into a setup_data row behind it. */
static void put_map(uint8_t *block, uint64_t gpa, const struct map_row *rows, size_t count,
		    size_t rest_at)
{
	const size_t first = count < E820_MAX ? count : E820_MAX;
	struct setup_data rest = { .type = SETUP_E820_EXT };

	for (size_t i = 0; i < first; i++)
		put_row(block + E820_TABLE, i, &rows[i]);
	put(block, E820_ENTRIES, first, 1);
	if (first == count)
		return;
	rest.len = (uint32_t)((count - first) * sizeof(struct e820_row));
	memcpy(block + rest_at, &rest, sizeof(rest));
	for (size_t i = first; i < count; i++)
		put_row(block + rest_at + sizeof(rest), i - first, &rows[i]);
	put(block, SETUP_DATA, gpa + rest_at, 8);
}

static void put_header(struct comp *c, const struct image *image, uint8_t *page)
{
	const struct spec_payload *payload = &c->spec.payload;

	memcpy(page + SETUP_SECTS, image->data + SETUP_SECTS,
	       MAGIC + get(image, JUMP + 1, 1) - SETUP_SECTS);
	put(page, TYPE_OF_LOADER, LOADER_UNKNOWN, 1);
	put(page, CODE32_START, image->segments[0].gpa, 4);
	/* Lists of the image are no addresses of ours. */
	put(page, SETUP_DATA, 0, 8);
	put(page, RAMDISK_IMAGE, 0, 8);
	if (!payload->module_count)
		return;
	put(page, RAMDISK_IMAGE, payload->modules[0].gpa, 4);
	put(page, RAMDISK_SIZE, payload->modules[0].bytes, 4);
	put(page, EXT_RAMDISK_IMAGE, payload->modules[0].gpa >> 32, 4);
}

/* The zero page, the command line, and the rest of the memory map, in one block. */
static bool add_zero_page(struct comp *c, const struct image *image, const char *cmdline)
{
	size_t count;
	const struct map_row *rows = memory_map(c, &count);
	const size_t text_bytes = strlen(cmdline) + 1;
	const size_t rest_at = (ZERO_PAGE_BYTES + text_bytes + 7) & ~(size_t)7;
	const size_t bytes = count <= E820_MAX ? ZERO_PAGE_BYTES + text_bytes :
		rest_at + sizeof(struct setup_data) + (count - E820_MAX) * sizeof(struct e820_row);
	uint8_t *block;
	uint64_t gpa;

	/* Low memory first: high RAM is then free in one piece. */
	if (!memory_find_room(&c->spec, bytes, LOW_END, &gpa) &&
	    !memory_find_room(&c->spec, bytes, MAPPED_END, &gpa)) {
		diag_error(&c->diag, image->where, "the zero page and the command line (0x%zx "
			   "bytes) find no room in RAM below 1GiB; make a region of `memory` "
			   "larger", bytes);
		return false;
	}
	block = arena_alloc(&c->arena, bytes);
	put_header(c, image, block);
	put_map(block, gpa, rows, count, rest_at);
	put(block, ACPI_RSDP_ADDR, c->spec.acpi_gpa, 8);
	memcpy(block + ZERO_PAGE_BYTES, cmdline, text_bytes);
	put(block, CMD_LINE_PTR, gpa + ZERO_PAGE_BYTES, 4);
	put(block, EXT_CMD_LINE_PTR, (gpa + ZERO_PAGE_BYTES) >> 32, 4);
	memory_add(c, "the zero page and the command line", gpa, block, bytes, image->where);
	image_set_register(c, IMAGE_RSI, gpa);
	return true;
}

bool linux_add_info(struct comp *c, const struct image *image)
{
	const char *cmdline = c->spec.payload.cmdline ? c->spec.payload.cmdline : "";

	return check_cmdline(c, image, cmdline) && add_zero_page(c, image, cmdline);
}
