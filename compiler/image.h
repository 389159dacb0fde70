/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: files that say themselves where they go and where they begin. Every number of an
 * image is taken for hostile; a message names the image, the offset and the rule.
 */
#ifndef SVMC_IMAGE_H
#define SVMC_IMAGE_H

#include "comp.h"

#define IMAGE_MAX_HEADERS 512u	/* program headers */

struct image_segment {
	uint64_t offset, file_bytes;	/* in the image */
	uint64_t gpa, vaddr, bytes;	/* in memory; what the file does not fill is zero */
};

struct image {
	const char *name;		/* as the spec has it */
	const struct range *where;
	const uint8_t *data;
	uint64_t bytes;
	struct image_segment *segments;
	size_t count, capacity;
	uint64_t entry;			/* virtual address */
};

/* "NAME, offset 0x..: what is wrong and the rule". Returns false. */
__attribute__((format(printf, 4, 5)))
bool image_error(struct comp *c, const struct image *image, uint64_t offset, const char *format,
		 ...);

/* Fill segments and entry from a static ELF image. False after a message. */
bool image_read_elf(struct comp *c, struct image *image);

/* The same from the header of a Multiboot 1 image, which may have an ELF header besides. */
bool image_read_multiboot(struct comp *c, struct image *image);

/*
 * Put the segments into guest memory and let every vCPU begin at the entry point, unless the spec
 * sets its rip. False after a message.
 */
bool image_place(struct comp *c, const struct image *image);

/* Put the Multiboot information structure into memory and its address into RBX of every vCPU. */
bool multiboot_add_info(struct comp *c, const struct range *where, const char *cmdline);

#endif
