/* SPDX-License-Identifier: MIT */
/*
 * Template reader, first half: header, checksums and section table. A template is hostile input:
 * every length and offset is checked before the bytes behind it are looked at, and the contents of
 * the sections (svmt_check.c) before anybody gets a pointer to them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "svmt_check.h"
#include "svmt_digest.h"
#include "svmt_read.h"

int svmt_fail(struct svmt_error *error, uint64_t offset, const char *format, ...)
{
	va_list args;
	int used;

	error->offset = offset;
	used = snprintf(error->text, sizeof(error->text), "offset 0x%" PRIx64 ": ", offset);
	va_start(args, format);
	vsnprintf(error->text + used, sizeof(error->text) - (size_t)used, format, args);
	va_end(args);
	return -1;
}

static bool is_zero(const void *data, uint64_t bytes)
{
	const uint8_t *p = data;

	/* The first byte is zero, and every other is its neighbour. */
	return !bytes || (!p[0] && !memcmp(p, p + 1, (size_t)bytes - 1));
}

static int check_sums(const struct svmt_header *header, uint64_t bytes, struct svmt_error *error)
{
	uint8_t digest[32];

	if (svmt_image_crc32c((const uint8_t *)header, bytes) != header->crc32c)
		return svmt_fail(
			error, offsetof(struct svmt_header, crc32c),
			"checksum mismatch: the file is damaged; copy or compile it again");
	svmt_image_sha256((const uint8_t *)header, bytes, digest);
	if (memcmp(digest, header->sha256, sizeof(digest)))
		return svmt_fail(error, offsetof(struct svmt_header, sha256),
				 "identity mismatch: SHA-256 of the contents is not the header's; "
				 "the file was changed, compile it again");
	return 0;
}

static int check_header(const struct svmt_header *header, uint64_t bytes, bool sealed,
			struct svmt_error *error)
{

	if (memcmp(header->magic, SVMT_MAGIC, sizeof(header->magic)))
		return svmt_fail(error, 0, "not a template: the first four bytes are not \"SVMT\"; "
				 "write one with svmc compile");
	if (header->version != SVMT_VERSION)
		return svmt_fail(error, offsetof(struct svmt_header, version),
				 "format version %" PRIu32
				 ", but this program reads version %d; %s",
				 header->version, SVMT_VERSION,
				 header->version > SVMT_VERSION
					 ? "install a newer svmkit or compile the spec again"
					 : "compile the spec again");
	if (header->total_bytes > bytes)
		return svmt_fail(error, bytes, "truncated: the header says %" PRIu64 " bytes, but "
				 "the file ends here; copy or compile it again",
				 (uint64_t)header->total_bytes);
	if (header->total_bytes < bytes)
		return svmt_fail(error, header->total_bytes,
				 "bytes behind the end: the header says %" PRIu64
				 " bytes, the file has %" PRIu64 "; copy or compile it again",
				 (uint64_t)header->total_bytes, bytes);
	if (bytes % SVMT_PAGE_BYTES || bytes > SVMT_MAX_BYTES)
		return svmt_fail(error, offsetof(struct svmt_header, total_bytes),
				 "length %" PRIu64 " is not a multiple of %u up to %llu",
				 bytes, SVMT_PAGE_BYTES, (unsigned long long)SVMT_MAX_BYTES);
	if (!sealed && check_sums(header, bytes, error))
		return -1;
	if (header->flags & ~SVMT_F_ILLEGAL_STATE)
		return svmt_fail(error, offsetof(struct svmt_header, flags),
				 "unknown header flags 0x%" PRIx32 ": they must be 0; "
				 "install a newer svmkit", header->flags & ~SVMT_F_ILLEGAL_STATE);
	if (!is_zero(header->reserved, sizeof(header->reserved)))
		return svmt_fail(error, offsetof(struct svmt_header, reserved),
				 "reserved header bytes are not zero");
	return 0;
}

/* One row of the section table; *end is the end of what came before, and moves behind this one. */
static int check_row(const struct svmt_view *view, uint32_t number, uint64_t *end,
		     struct svmt_error *error)
{
	const uint64_t at = sizeof(struct svmt_header) + number * sizeof(struct svmt_section);
	const struct svmt_section *row = (const void *)(view->image + at);
	const uint64_t padded = (*end + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;

	if (row->flags & ~SVMT_S_OPTIONAL)
		return svmt_fail(error, at + offsetof(struct svmt_section, flags),
				 "section %" PRIu32 " has unknown flags 0x%" PRIx32, number,
				 row->flags);
	if (row->reserved)
		return svmt_fail(error, at + offsetof(struct svmt_section, reserved),
				 "section %" PRIu32 " has reserved bytes that are not zero",
				 number);
	if (row->offset % SVMT_PAGE_BYTES)
		return svmt_fail(error, at + offsetof(struct svmt_section, offset),
				 "section %" PRIu32 " begins at 0x%" PRIx64
				 ", which is not a multiple of "
				 "%u",
				 number, (uint64_t)row->offset, SVMT_PAGE_BYTES);
	if (row->offset != padded)
		return svmt_fail(error, at + offsetof(struct svmt_section, offset),
				 "section %" PRIu32 " begins at 0x%" PRIx64
				 ", but what comes before ends at "
				 "0x%" PRIx64 ": sections neither overlap nor leave gaps",
				 number, (uint64_t)row->offset, *end);
	if (row->offset > view->image_bytes || row->length > view->image_bytes - row->offset)
		return svmt_fail(error, at + offsetof(struct svmt_section, length),
				 "section %" PRIu32 " (offset 0x%" PRIx64 ", length 0x%" PRIx64
				 ") reaches behind the end of the file",
				 number, (uint64_t)row->offset, (uint64_t)row->length);
	for (uint32_t i = 0; i < number; i++)
		if (row[-1 - (int32_t)i].type == row->type)
			return svmt_fail(error, at, "section %" PRIu32 " is a second one of type %"
					 PRIu32, number, row->type);
	if (!svmt_section_name(row->type) && !(row->flags & SVMT_S_OPTIONAL))
		return svmt_fail(
			error, at,
			"section %" PRIu32 " is of type %" PRIu32 ", which this "
			"program does not know and must understand; install a newer svmkit",
			number, row->type);
	if (!is_zero(view->image + *end, padded - *end))
		return svmt_fail(error, *end, "bytes between two sections are not zero");
	*end = row->offset + row->length;
	return 0;
}

static int check_table(const struct svmt_view *view, struct svmt_error *error)
{
	const uint32_t count = view->header->section_count;
	uint64_t end = sizeof(struct svmt_header) + (uint64_t)count * sizeof(struct svmt_section);
	uint64_t padded;

	if (count > SVMT_MAX_SECTIONS || end > view->image_bytes)
		return svmt_fail(error, offsetof(struct svmt_header, section_count),
				 "%" PRIu32 " sections: at most %u, and their table must fit",
				 count, SVMT_MAX_SECTIONS);
	for (uint32_t i = 0; i < count; i++)
		if (check_row(view, i, &end, error))
			return -1;
	padded = (end + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;
	if (padded != view->image_bytes || !is_zero(view->image + end, padded - end))
		return svmt_fail(error, end, "bytes behind the last section that belong to none");
	return 0;
}

/* Contents: the pool first, since other sections index it; then that nothing needed is absent. */
static int check_contents(struct svmt_view *view, struct svmt_error *error)
{
	static const uint32_t needed[] = {
		SVMT_META, SVMT_FEATURES, SVMT_MEMORY, SVMT_BLOB, SVMT_VCPU, SVMT_MSRPM, SVMT_EXITS,
	};
	const struct svmt_section *rows = (const void *)(view->image + sizeof(struct svmt_header));
	const uint32_t count = view->header->section_count;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < count; i++)
		if (rows[i].type == SVMT_BLOB && svmt_check_section(view, &rows[i], error))
			return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (!svmt_section_name(rows[i].type))
			continue;
		seen |= 1ULL << rows[i].type;
		if (rows[i].type != SVMT_BLOB && svmt_check_section(view, &rows[i], error))
			return -1;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!(seen & 1ULL << needed[i]))
			return svmt_fail(error, sizeof(struct svmt_header), "section %s is missing",
					 svmt_section_name(needed[i]));
	return svmt_check_device_places(view, error) || svmt_check_confidential(view, error) ?
		-1 : 0;
}

static int open_view(struct svmt_view *view, const void *image, uint64_t bytes, bool sealed,
		     struct svmt_error *error)
{
	memset(view, 0, sizeof(*view));
	if ((uintptr_t)image % 8)
		return svmt_fail(error, 0, "the image is not aligned to 8 bytes in memory");
	if (bytes < sizeof(struct svmt_header))
		return svmt_fail(error, bytes,
				 "truncated: a template has a header of %zu bytes, but "
				 "the file ends here",
				 sizeof(struct svmt_header));
	view->image = image;
	view->image_bytes = bytes;
	view->header = image;
	if (check_header(view->header, bytes, sealed, error) || check_table(view, error) ||
	    check_contents(view, error)) {
		memset(view, 0, sizeof(*view));
		return -1;
	}
	return 0;
}

int svmt_view_open(struct svmt_view *view, const void *image, uint64_t bytes,
		   struct svmt_error *error)
{
	return open_view(view, image, bytes, false, error);
}

int svmt_view_open_sealed(struct svmt_view *view, const void *image, uint64_t bytes,
			  struct svmt_error *error)
{
	return open_view(view, image, bytes, true, error);
}

void svmt_identity(const struct svmt_header *header, char hex[65])
{
	for (size_t i = 0; i < sizeof(header->sha256); i++)
		snprintf(hex + 2 * i, 3, "%02x", header->sha256[i]);
}

const uint8_t *svmt_blob_page(const struct svmt_view *view, uint32_t page)
{
	static const uint8_t zero[SVMT_PAGE_BYTES] __attribute__((aligned(4096)));

	if (page == SVMT_ZERO_PAGE || page >= view->blob_pages)
		return zero;
	return view->blob + (uint64_t)page * SVMT_PAGE_BYTES;
}

const uint8_t *svmt_memory_page(const struct svmt_view *view, uint64_t gpa)
{
	uint32_t low = 0, high = view->run_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct svmt_run *run = &view->runs[middle];

		if (gpa < run->gpa)
			high = middle;
		else if (gpa >= run->gpa + (uint64_t)run->pages * SVMT_PAGE_BYTES)
			low = middle + 1;
		else
			return svmt_blob_page(view, run->blob_page +
					      (uint32_t)((gpa - run->gpa) / SVMT_PAGE_BYTES));
	}
	return svmt_blob_page(view, SVMT_ZERO_PAGE);
}

bool svmt_same_vcpu(const struct svmt_view *view, uint32_t a, uint32_t b)
{
	return !memcmp(&view->vcpus[a], &view->vcpus[b], sizeof(*view->vcpus)) &&
	       (!view->vmsas ||
		!memcmp(&view->vmsas[a], &view->vmsas[b], sizeof(*view->vmsas)));
}
