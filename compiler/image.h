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
	bool entry_is_physical;
	uint64_t modules_end;		/* the highest address of a module, plus 1 */
};

/* "NAME, offset 0x..: what is wrong and the rule". Returns false. */
__attribute__((format(printf, 4, 5)))
bool image_error(struct comp *c, const struct image *image, uint64_t offset, const char *format,
		 ...);

/* Fill segments and entry from a static ELF image. False after a message. */
bool image_read_elf(struct comp *c, struct image *image);

/*
 * Offset and size of the contents of an ELF note; *bytes is 0 when there is none. The image was
 * read. False after a message.
 */
bool image_elf_note(struct comp *c, const struct image *image, const char *name, uint32_t type,
		    uint64_t *offset, uint64_t *bytes);

/* An ELF image with the note that says where PVH begins. */
bool image_read_pvh(struct comp *c, struct image *image);

/* The kernel of a bzImage, for the 64-bit boot protocol; where it goes depends on `memory`. */
bool image_read_linux(struct comp *c, struct image *image);

/* The same from the header of a Multiboot 1 image, which may have an ELF header besides. */
bool image_read_multiboot(struct comp *c, struct image *image);

/*
 * Put the segments into guest memory and let every vCPU begin at the entry point, unless the spec
 * sets its rip. False after a message.
 */
bool image_place(struct comp *c, const struct image *image);

/*
 * Read the payload's modules and put them into memory, as high as there is room below modules_end.
 * False after a message.
 */
bool image_place_modules(struct comp *c, const struct image *image);

/*
 * What an image finds beside itself, built after its modules were placed: the Multiboot
 * information and PVH's start information (their address is in RBX of every vCPU), and the zero
 * page of Linux (in RSI).
 */
bool multiboot_add_info(struct comp *c, const struct image *image);
bool pvh_add_info(struct comp *c, const struct image *image);
bool linux_add_info(struct comp *c, const struct image *image);

/* Set a general register (0 is RAX) of every vCPU whose register the spec does not set. */
void image_set_register(struct comp *c, unsigned int gpr, uint64_t value);

enum { IMAGE_RBX = 3, IMAGE_RSI = 6 };

#endif
