/* SPDX-License-Identifier: MIT */
/*
 * Template reader: validates a whole .svmt image before anything of it is used, then offers typed
 * pointers into it. Used by svmc dump, svmctl and svmrund alike; never exits, never allocates.
 */
#ifndef SVMKIT_SVMT_READ_H
#define SVMKIT_SVMT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmt.h>

struct svmt_error {
	uint64_t offset;	/* byte offset in the image that breaks the rule */
	char text[256];		/* what was found, the rule, and what to do; names the offset */
};

/* Pointers into the caller's image; valid as long as the image is. Absent sections: count 0. */
struct svmt_view {
	const uint8_t *image;
	uint64_t image_bytes;
	const struct svmt_header *header;
	const char *meta;			/* JSON text, not NUL-terminated */
	uint64_t meta_bytes;
	const struct svmt_features *features;	/* never NULL */
	const struct svmt_region *regions;
	uint32_t region_count;
	const struct svmt_run *runs;
	uint32_t run_count;
	const uint8_t *blob;			/* blob_pages pages of 4096 bytes */
	uint32_t blob_pages;
	const struct svmt_vcpu *vcpus;
	uint32_t vcpu_count;
	const uint8_t *msrpm;			/* 8192 bytes */
	const struct svmrt_cpuid_row *cpuid;
	uint32_t cpuid_count;
	const struct svmrt_msr_row *msrs;
	uint32_t msr_count;
	const struct svmrt_exit_rule *exits;
	uint32_t exit_count;
	const struct svmt_device *devices;
	uint32_t device_count;
	const struct svmt_vmsa *vmsas;		/* of each vCPU; NULL: not confidential */
	uint32_t vmsa_count;			/* vcpu_count, or 0 */
	const struct svmt_launch *launch;	/* NULL with vmsas */
	const struct svmt_launch_row *launch_rows;	/* launch->row_count of them */
	const char *expect;			/* JSON text, or NULL */
	uint64_t expect_bytes;
};

/*
 * Check `bytes` bytes at `image` (aligned to 8) against the format: magic, version, length, CRC,
 * digest, section table, alignment, overlap, unknown must-understand sections, and every index and
 * range inside the sections. Returns 0 and fills `view`, or -1 and fills `error`.
 */
int svmt_view_open(struct svmt_view *view, const void *image, uint64_t bytes,
		   struct svmt_error *error);

/*
 * The same for an image that svmt_write_image() made in this process: its sums are not computed a
 * second time, everything else is checked.
 */
int svmt_view_open_sealed(struct svmt_view *view, const void *image, uint64_t bytes,
			  struct svmt_error *error);

/* The identity as 64 lower-case hex digits and a NUL. */
void svmt_identity(const struct svmt_header *header, char hex[65]);

/* Page number `page` of the pool, or a page of zeroes for SVMT_ZERO_PAGE. */
const uint8_t *svmt_blob_page(const struct svmt_view *view, uint32_t page);

/* Whether two vCPUs begin alike: the same kind, start and pages. */
bool svmt_same_vcpu(const struct svmt_view *view, uint32_t a, uint32_t b);

/* Page of initial memory at `gpa` (multiple of 4096); zeroes where the template stores none. */
const uint8_t *svmt_memory_page(const struct svmt_view *view, uint64_t gpa);

/* CRC-32C (Castagnoli, reflected) of `bytes` bytes, continuing from `crc` (0 to begin). */
uint32_t svmt_crc32c(uint32_t crc, const void *data, uint64_t bytes);

#endif
