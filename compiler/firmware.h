/* SPDX-License-Identifier: MIT */
/*
 * What an OVMF image tells of itself: the GUIDed table at its end (QEMU,
 * docs/specs/sev-guest-firmware.rst) and the SEV metadata that it points at. The image is hostile
 * input: every length is checked before the bytes behind it are looked at.
 */
#ifndef SVMC_FIRMWARE_H
#define SVMC_FIRMWARE_H

#include <stdbool.h>
#include <stdint.h>

#define FIRMWARE_MAX_BYTES (16u << 20)
#define FIRMWARE_MAX_SECTIONS 64u
#define FIRMWARE_END (1ULL << 32)	/* the image ends at 4 GiB in guest memory */

/* Types of metadata sections, SNP_SECTION of include/svmkit/snp_launch.def. */
enum firmware_section_type {
#define SNP_PAGE(NAME, value, note, source)
#define SNP_SECTION(NAME, value, note, source) FIRMWARE_##NAME = value,
#define SNP_GUID(NAME, value, note, source)
#define SNP_SIGNATURE(NAME, value, note, source)
#include <svmkit/snp_launch.def>
#undef SNP_PAGE
#undef SNP_SECTION
#undef SNP_GUID
#undef SNP_SIGNATURE
};

struct firmware_section {
	uint32_t gpa, bytes, type;
	uint32_t offset;		/* of its row in the image */
};

struct firmware {
	uint64_t gpa, bytes;
	bool has_table;			/* a GUIDed table is there */
	bool has_reset;			/* SEV_ES_RESET_BLOCK */
	uint32_t reset;			/* where application processors begin */
	bool has_hashes;		/* SEV_HASH_TABLE_RV */
	uint32_t hashes_gpa, hashes_bytes, hashes_offset;
	bool has_metadata;
	struct firmware_section sections[FIRMWARE_MAX_SECTIONS];
	unsigned int section_count;
};

struct firmware_error {
	uint64_t offset;	/* in the image */
	char text[256];		/* what was found, the rule and the remedy */
};

/* Read `bytes` bytes at `data`. Returns 0, or -1 and fills `error`. */
int firmware_read(struct firmware *out, const uint8_t *data, uint64_t bytes,
		  struct firmware_error *error);

/* Bytes of a GUID as they lie in memory: the first three groups little endian. */
void firmware_guid(uint8_t out[16], const char *text);

/* "SEC_MEM", or NULL. */
const char *firmware_section_name(uint32_t type);

#endif
