/* SPDX-License-Identifier: MIT */
/*
 * PVH, the direct boot of HVM guests (Xen, docs/misc/pvh and xen/include/public/arch-x86/hvm):
 * an ELF image whose note says where it begins in 32-bit mode, and the start information that it
 * finds in EBX.
 */
#include <inttypes.h>
#include <string.h>
#include "image.h"
#include "memory.h"
#include "memory_map.h"

#define NOTE_NAME "Xen"
#define NOTE_PHYS32_ENTRY 18u	/* XEN_ELFNOTE_PHYS32_ENTRY */
#define START_MAGIC 0x336ec578u	/* "xEn3" with bit 7 of the E set */
#define START_VERSION 1u	/* the one with a memory map */

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info, version 1");

struct start_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct start_memory {
	uint64_t addr, size;
	uint32_t type;			/* as of E820 */
	uint32_t reserved;
};

bool image_read_pvh(struct comp *c, struct image *image)
{
	uint64_t offset, bytes;

	if (!image_read_elf(c, image) ||
	    !image_elf_note(c, image, NOTE_NAME, NOTE_PHYS32_ENTRY, &offset, &bytes))
		return false;
	if (!bytes)
		return image_error(c, image, 0, "no PVH entry point (note %s, type %u); build the "
				   "kernel with CONFIG_PVH, or take `elf`", NOTE_NAME,
				   NOTE_PHYS32_ENTRY);
	if (bytes != 4 && bytes != 8)
		return image_error(c, image, offset, "the PVH entry point has %" PRIu64 " bytes; "
				   "the rule is 4 or 8", bytes);
	image->entry = 0;
	memcpy(&image->entry, image->data + offset, (size_t)bytes);
	image->entry_is_physical = true;
	if (image->entry <= UINT32_MAX)
		return true;
	return image_error(c, image, offset, "the PVH entry point is 0x%" PRIx64 "; the rule is "
			   "an address below 4GiB", image->entry);
}

/* Texts behind the structures, or NULL while only their size is asked; an address or 0. */
static uint64_t add_text(uint8_t *block, size_t *used, uint64_t gpa, const char *text)
{
	const size_t at = *used;

	if (!text)
		return 0;
	if (block)
		memcpy(block + at, text, strlen(text) + 1);
	*used += strlen(text) + 1;
	return gpa + at;
}

/* Fill the block for `gpa`; returns its size. Without a block only the size is found. */
static size_t fill(const struct spec *spec, const struct map_row *rows, size_t row_count,
		   uint8_t *block, uint64_t gpa)
{
	const struct spec_payload *payload = &spec->payload;
	const size_t modules_at = sizeof(struct start_info);
	const size_t map_at = modules_at + payload->module_count * sizeof(struct start_module);
	size_t used = map_at + row_count * sizeof(struct start_memory);
	const struct start_info info = {
		.magic = START_MAGIC, .version = START_VERSION,
		.nr_modules = (uint32_t)payload->module_count,
		.modlist_paddr = payload->module_count ? gpa + modules_at : 0,
		.cmdline_paddr = add_text(block, &used, gpa, payload->cmdline),
		.rsdp_paddr = spec->acpi_gpa,
		.memmap_paddr = gpa + map_at, .memmap_entries = (uint32_t)row_count,
	};

	if (block)
		memcpy(block, &info, sizeof(info));
	for (size_t i = 0; i < payload->module_count; i++) {
		const struct spec_module *m = &payload->modules[i];
		const struct start_module row = {
			.paddr = m->gpa, .size = m->bytes,
			.cmdline_paddr = add_text(block, &used, gpa, m->cmdline),
		};

		if (block)
			memcpy(block + modules_at + i * sizeof(row), &row, sizeof(row));
	}
	for (size_t i = 0; block && i < row_count; i++) {
		const struct start_memory row = {
			.addr = rows[i].gpa, .size = rows[i].bytes, .type = rows[i].type,
		};

		memcpy(block + map_at + i * sizeof(row), &row, sizeof(row));
	}
	return used;
}

bool pvh_add_info(struct comp *c, const struct image *image)
{
	size_t row_count;
	const struct map_row *rows = memory_map(c, &row_count);
	const size_t bytes = fill(&c->spec, rows, row_count, NULL, 0);
	uint64_t gpa;
	uint8_t *block;

	if (!memory_find_room(&c->spec, bytes, 1ULL << 32, &gpa)) {
		diag_error(&c->diag, image->where, "the start information (0x%zx bytes) finds no "
			   "room in RAM below 4GiB; make a region of `memory` larger", bytes);
		return false;
	}
	block = arena_alloc(&c->arena, bytes);
	fill(&c->spec, rows, row_count, block, gpa);
	memory_add(c, "the start information", gpa, block, bytes, image->where);
	image_set_register(c, IMAGE_RBX, gpa);
	return true;
}
