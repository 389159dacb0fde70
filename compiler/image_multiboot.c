/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1 (specification 0.6.96): the header that an image has in its first 8 KiB, and the
 * information structure that it finds in EBX. Video modes and symbols are not provided; an image
 * that cannot do without is refused.
 */
#include <inttypes.h>
#include <string.h>
#include "image.h"
#include "memory.h"
#include "memory_map.h"

#define HEADER_MAGIC 0x1badb002u
#define HEADER_WITHIN 8192u		/* 3.1: all of it lies there */
#define HEADER_WORDS 3			/* magic, flags, checksum */
#define ADDRESS_WORDS 5			/* header, load, load_end, bss_end, entry */
#define FLAG_VIDEO (1u << 2)
#define FLAG_ADDRESSES (1u << 16)
#define FLAGS_UNDERSTOOD 0x3u		/* of bits 15:0, which an image insists on */

static uint32_t word_at(const struct image *image, uint64_t offset)
{
	uint32_t word;

	memcpy(&word, image->data + offset, sizeof(word));
	return word;
}

/* Offset of the header; the magic may also occur in code, so the checksum decides. */
static bool find_header(struct comp *c, const struct image *image, uint64_t *at)
{
	const uint64_t end = image->bytes < HEADER_WITHIN ? image->bytes : HEADER_WITHIN;
	uint64_t wrong = UINT64_MAX;

	for (*at = 0; *at + 4 * HEADER_WORDS <= end; *at += 4) {
		if (word_at(image, *at) != HEADER_MAGIC)
			continue;
		if (!(uint32_t)(HEADER_MAGIC + word_at(image, *at + 4) + word_at(image, *at + 8)))
			return true;
		wrong = wrong == UINT64_MAX ? *at : wrong;
	}
	if (wrong != UINT64_MAX)
		return image_error(c, image, wrong + 8, "the checksum of the Multiboot header is "
				   "wrong; magic, flags and checksum add up to 0");
	return image_error(c, image, 0, "no Multiboot header (0x%x, on 4 bytes) in the first %u "
			   "bytes", HEADER_MAGIC, HEADER_WITHIN);
}

static bool check_flags(struct comp *c, const struct image *image, uint64_t at, uint32_t flags)
{
	const uint32_t unknown = flags & 0xffff & ~FLAGS_UNDERSTOOD;

	if (!unknown)
		return true;
	return image_error(c, image, at + 4, "the image insists on %s (flags 0x%" PRIx32 "), which "
			   "svmc does not provide; clear 0x%" PRIx32,
			   unknown == FLAG_VIDEO ? "a video mode" : "features", flags, unknown);
}

/* 3.1.3: addresses in the header instead of an ELF header. All sums stay below 2^34. */
static bool read_addresses(struct comp *c, struct image *image, uint64_t at)
{
	const uint64_t fields = at + 4 * HEADER_WORDS;
	uint64_t header, load, load_end, bss_end, entry, start, bytes;

	if (fields + 4 * ADDRESS_WORDS > image->bytes || fields + 4 * ADDRESS_WORDS > HEADER_WITHIN)
		return image_error(c, image, fields, "the addresses of the Multiboot header do not "
				   "fit the file's first %u bytes", HEADER_WITHIN);
	header = word_at(image, fields);
	load = word_at(image, fields + 4);
	load_end = word_at(image, fields + 8);
	bss_end = word_at(image, fields + 12);
	entry = word_at(image, fields + 16);
	if (load > header || header - load > at)
		return image_error(c, image, fields + 4, "load_addr 0x%" PRIx64 " is not within "
				   "the 0x%" PRIx64 " bytes before header_addr 0x%" PRIx64, load, at,
				   header);
	start = at - (header - load);
	bytes = load_end ? load_end - load : image->bytes - start;
	if (load_end && (load_end <= header || bytes > image->bytes - start))
		return image_error(c, image, fields + 8, "load_end_addr 0x%" PRIx64 " is not "
				   "behind the header and within the file, which ends at 0x%" PRIx64,
				   load_end, load + image->bytes - start);
	if (bss_end && bss_end < load + bytes)
		return image_error(c, image, fields + 12, "bss_end_addr 0x%" PRIx64 " is below the "
				   "end of the loaded bytes, 0x%" PRIx64, bss_end, load + bytes);
	image->segments = arena_alloc(&c->arena, sizeof(*image->segments));
	image->segments[image->count++] = (struct image_segment){
		.offset = start, .file_bytes = bytes, .gpa = load, .vaddr = load,
		.bytes = bss_end ? bss_end - load : bytes,
	};
	image->entry = entry;
	if (entry < load || entry >= load + bytes)
		return image_error(c, image, fields + 16, "entry_addr 0x%" PRIx64 " is outside the "
				   "loaded bytes, 0x%" PRIx64 " to 0x%" PRIx64, entry, load,
				   load + bytes);
	return true;
}

bool image_read_multiboot(struct comp *c, struct image *image)
{
	uint64_t at;
	uint32_t flags;

	if (!find_header(c, image, &at))
		return false;
	flags = word_at(image, at + 4);
	if (!check_flags(c, image, at, flags))
		return false;
	return flags & FLAG_ADDRESSES ? read_addresses(c, image, at) : image_read_elf(c, image);
}

/* 3.3: the information structure, as far as it is filled; the rest is absent by its flags. */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table;
	uint32_t boot_loader_name, apm_table, vbe[4];
	uint8_t framebuffer[28];
};
_Static_assert(sizeof(struct multiboot_info) == 116, "Multiboot 0.6.96, 3.3");

struct multiboot_mmap {
	uint32_t size;			/* of the rest */
	uint32_t base[2], length[2];
	uint32_t type;			/* enum map_type */
};

struct multiboot_module {
	uint32_t begin, end, cmdline, reserved;	/* end is behind the last byte */
};

#define INFO_MEMORY (1u << 0)
#define INFO_CMDLINE (1u << 2)
#define INFO_MODULES (1u << 3)
#define INFO_MMAP (1u << 6)
#define INFO_LOADER (1u << 9)
#define LOWER_END 0xa0000u
#define UPPER_BEGIN 0x100000u

static const char loader[] = "svmkit";

/* KiB of RAM without a gap from `begin` to at most `end`; the rows ascend. */
static uint32_t ram_kib(const struct map_row *rows, size_t count, uint64_t begin, uint64_t end)
{
	uint64_t reached = begin;

	for (size_t i = 0; i < count; i++)
		if (rows[i].type == MAP_RAM && rows[i].gpa <= reached &&
		    rows[i].bytes > reached - rows[i].gpa)
			reached = rows[i].gpa + rows[i].bytes;
	return (uint32_t)(((reached > end ? end : reached) - begin) >> 10);
}

static void fill_mmap(uint8_t *out, const struct map_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct multiboot_mmap row = {
			.size = sizeof(row) - sizeof(row.size),
			.type = rows[i].type,
		};

		memcpy(row.base, &rows[i].gpa, 8);
		memcpy(row.length, &rows[i].bytes, 8);
		memcpy(out + i * sizeof(row), &row, sizeof(row));
	}
}

/* Texts behind the structures; returns the address of the copy. */
static uint64_t add_text(uint8_t *block, size_t *used, uint64_t gpa, const char *text)
{
	const size_t at = *used;

	memcpy(block + at, text, strlen(text) + 1);
	*used += strlen(text) + 1;
	return gpa + at;
}

static size_t texts_bytes(const struct spec_payload *payload, const char *cmdline)
{
	size_t bytes = sizeof(loader) + strlen(cmdline) + 1;

	for (size_t i = 0; i < payload->module_count; i++)
		if (payload->modules[i].cmdline)
			bytes += strlen(payload->modules[i].cmdline) + 1;
	return bytes;
}

static void fill_modules(const struct spec_payload *payload, uint8_t *block, size_t at,
			 size_t *used, uint64_t gpa)
{
	for (size_t i = 0; i < payload->module_count; i++) {
		const struct spec_module *m = &payload->modules[i];
		const struct multiboot_module row = {
			.begin = (uint32_t)m->gpa, .end = (uint32_t)(m->gpa + m->bytes),
			.cmdline = m->cmdline ? (uint32_t)add_text(block, used, gpa, m->cmdline) : 0,
		};

		memcpy(block + at + i * sizeof(row), &row, sizeof(row));
	}
}

bool multiboot_add_info(struct comp *c, const struct image *image)
{
	const struct spec_payload *payload = &c->spec.payload;
	const char *cmdline = payload->cmdline ? payload->cmdline : "";
	size_t count;
	const struct map_row *rows = memory_map(c, &count);
	const size_t mmap_bytes = count * sizeof(struct multiboot_mmap);
	const size_t mods_at = sizeof(struct multiboot_info) + mmap_bytes;
	size_t used = mods_at + payload->module_count * sizeof(struct multiboot_module);
	const size_t bytes = used + texts_bytes(payload, cmdline);
	uint64_t gpa = 0;
	uint8_t *block = arena_alloc(&c->arena, bytes);
	struct multiboot_info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MMAP | INFO_LOADER,
		.mmap_length = (uint32_t)mmap_bytes,
	};

	if (!memory_find_room(&c->spec, bytes, 1ULL << 32, &gpa)) {
		diag_error(&c->diag, image->where, "the Multiboot information (0x%zx bytes) finds no "
			   "room in RAM below 4GiB; make a region of `memory` larger", bytes);
		return false;
	}
	info.mmap_addr = (uint32_t)(gpa + sizeof(info));
	info.mem_lower = ram_kib(rows, count, 0, LOWER_END);
	info.mem_upper = ram_kib(rows, count, UPPER_BEGIN, 1ULL << 32);
	info.boot_loader_name = (uint32_t)add_text(block, &used, gpa, loader);
	info.cmdline = (uint32_t)add_text(block, &used, gpa, cmdline);
	if (payload->module_count) {
		info.flags |= INFO_MODULES;
		info.mods_count = (uint32_t)payload->module_count;
		info.mods_addr = (uint32_t)(gpa + mods_at);
		fill_modules(payload, block, mods_at, &used, gpa);
	}
	memcpy(block, &info, sizeof(info));
	fill_mmap(block + sizeof(info), rows, count);
	memory_add(c, "the Multiboot information", gpa, block, bytes, image->where);
	image_set_register(c, IMAGE_RBX, gpa);
	return true;
}
