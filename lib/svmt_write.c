/* SPDX-License-Identifier: MIT */
/*
 * Template writer. The same parts give the same bytes everywhere: everything between the sections
 * is zero and nothing is taken from the machine or the day.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "svmt_digest.h"
#include "svmt_write.h"

static uint64_t page_round(uint64_t bytes)
{
	return (bytes + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;
}

void svmt_write_seal(uint8_t *image, uint64_t image_bytes)
{
	struct svmt_header header;

	memcpy(&header, image, sizeof(header));
	svmt_image_sha256(image, image_bytes, header.sha256);
	memcpy(image, &header, sizeof(header));
	header.crc32c = svmt_image_crc32c(image, image_bytes);
	memcpy(image, &header, sizeof(header));
}

int svmt_write_image(const struct svmt_part *parts, unsigned int count, uint32_t flags,
		     uint8_t **image, uint64_t *image_bytes)
{
	struct svmt_header header = {
		.version = SVMT_VERSION, .section_count = count, .flags = flags,
	};
	uint64_t total = page_round(sizeof(header) + count * sizeof(struct svmt_section));
	uint64_t offset = total;
	uint8_t *out;

	if (count > SVMT_MAX_SECTIONS) {
		errno = EFBIG;
		return -1;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (parts[i].bytes > SVMT_MAX_BYTES ||
		    total + page_round(parts[i].bytes) > SVMT_MAX_BYTES) {
			errno = EFBIG;
			return -1;
		}
		total += page_round(parts[i].bytes);
	}
	out = malloc((size_t)total);
	if (!out)
		return -1;
	memset(out, 0, (size_t)offset);
	for (unsigned int i = 0; i < count; i++) {
		struct svmt_section row = {
			.type = parts[i].type, .flags = parts[i].flags,
			.offset = offset, .length = parts[i].bytes,
		};

		memcpy(out + sizeof(header) + i * sizeof(row), &row, sizeof(row));
		if (parts[i].bytes)
			memcpy(out + offset, parts[i].data, (size_t)parts[i].bytes);
		memset(out + offset + parts[i].bytes, 0,
		       (size_t)(page_round(parts[i].bytes) - parts[i].bytes));
		offset += page_round(parts[i].bytes);
	}
	memcpy(header.magic, SVMT_MAGIC, sizeof(header.magic));
	header.total_bytes = total;
	memcpy(out, &header, sizeof(header));
	svmt_write_seal(out, total);
	*image = out;
	*image_bytes = total;
	return 0;
}
