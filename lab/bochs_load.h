/* SPDX-License-Identifier: MIT */
/*
 * Where the lab's loader for Bochs keeps what: on the disk, which svmlab puts together, and below
 * the boot sector in memory. Included by assembler code, too.
 */
#ifndef SVMLAB_BOCHS_LOAD_H
#define SVMLAB_BOCHS_LOAD_H

/* The disk: the loader, a page of text (svmlab's write_disk says what), vmlinux, the initramfs. */
#define LOADER_BYTES	0x4000
#define TEXT_OFFSET	LOADER_BYTES
#define TEXT_BYTES	0x1000
#define FILES_OFFSET	(TEXT_OFFSET + TEXT_BYTES)

/* Memory; the loader is at 0x7c00 and its stack below that. */
#define START_INFO	0x1000
#define MODULE_INFO	0x1100
#define MAP_COUNT	0x1200
#define MAP_ENTRIES	0x1210
#define MAP_MAX		64
#define TEXT_MEMORY	0x2000
#define SCRATCH		0x10000	/* a sector, and the program headers */

#endif
