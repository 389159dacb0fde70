/* SPDX-License-Identifier: MIT */
/*
 * Template writer: lays sections out as a .svmt image and seals it with length, digest and
 * checksum. It does not judge their contents: what it writes is read back by svmt_view_open().
 */
#ifndef SVMKIT_SVMT_WRITE_H
#define SVMKIT_SVMT_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmt.h>

struct svmt_part {
	uint32_t type;		/* enum svmt_section_type */
	uint32_t flags;		/* SVMT_S_OPTIONAL or 0 */
	const void *data;	/* the caller's; may be NULL when bytes is 0 */
	uint64_t bytes;
};

/*
 * Build an image of `count` sections in the given order; header flags are SVMT_F_*. Returns 0 and
 * an image that the caller frees with free(), or -1 with errno ENOMEM, or EFBIG for more than
 * SVMT_MAX_SECTIONS sections or SVMT_MAX_BYTES bytes.
 */
int svmt_write_image(const struct svmt_part *parts, unsigned int count, uint32_t flags,
		     uint8_t **image, uint64_t *image_bytes);

/* Compute digest and checksum of an image again after its bytes were changed (tests do that). */
void svmt_write_seal(uint8_t *image, uint64_t image_bytes);

#endif
