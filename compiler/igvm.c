/* SPDX-License-Identifier: MIT */
/* Taking an IGVM file apart: lengths and offsets are checked before what lies behind them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "igvm.h"

#define HEAD_BYTES 8u		/* type and length of a variable header */

static const struct {
	uint32_t type, bytes;
	enum igvm_group group;
	const char *name;
} known[] = {
#define IGVM_HEADER(type, NAME, bytes, group, note) { type, bytes, group, #NAME },
#include <svmkit/igvm.def>
#undef IGVM_HEADER
};

__attribute__((format(printf, 3, 4)))
static int fail(struct igvm_error *error, uint64_t offset, const char *format, ...)
{
	int used = snprintf(error->text, sizeof(error->text), "offset 0x%" PRIx64 ": ", offset);
	va_list args;

	error->offset = offset;
	va_start(args, format);
	vsnprintf(error->text + used, sizeof(error->text) - (size_t)used, format, args);
	va_end(args);
	return -1;
}

uint32_t igvm_crc32(uint32_t crc, const void *data, uint64_t bytes)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (uint64_t i = 0; i < bytes; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static int find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			return (int)i;
	return -1;
}

const char *igvm_type_name(uint32_t type)
{
	const int row = find(type);

	return row < 0 ? NULL : known[row].name;
}

bool igvm_is(const uint8_t *data, uint64_t bytes)
{
	const uint32_t magic = IGVM_MAGIC;

	return bytes >= sizeof(magic) && !memcmp(data, &magic, sizeof(magic));
}

/* The sections of a file: 0x001-0x100, 0x101-0x200, 0x301-0x400; -1 for what belongs to none. */
static int group_of(uint32_t type)
{
	if (type >= 0x001 && type <= 0x100)
		return IGVM_PLATFORM;
	if (type >= 0x101 && type <= 0x200)
		return IGVM_INIT;
	return type >= 0x301 && type <= 0x400 ? IGVM_DIRECTIVE : -1;
}

static int check_fixed(struct igvm *out, struct igvm_error *error)
{
	struct igvm_fixed fixed;
	const uint8_t *data = out->data;
	uint32_t crc, least;

	if (out->bytes < sizeof(fixed) || !igvm_is(data, out->bytes))
		return fail(error, 0, "not an IGVM file: it does not begin with \"IGVM\"");
	memcpy(&fixed, data, sizeof(fixed));
	if (fixed.version != 1 && fixed.version != 2)
		return fail(error, 4, "IGVM version %" PRIu32 "; svmc knows 1 and 2",
			    fixed.version);
	out->version = fixed.version;
	least = fixed.version == 1 ? sizeof(fixed) : sizeof(fixed) + sizeof(struct igvm_fixed2);
	if (fixed.total_bytes != out->bytes)
		return fail(error, 16,
			    "the header says %" PRIu32 " bytes, but the file has %" PRIu64,
			    fixed.total_bytes, out->bytes);
	if (fixed.headers_offset < least || fixed.headers_offset % 8 ||
	    fixed.headers_offset >= out->bytes)
		return fail(error, 8, "the variable headers begin at 0x%" PRIx32 "; the rule is a "
			    "multiple of 8 behind the fixed header, in the file",
			    fixed.headers_offset);
	if (fixed.headers_bytes % 8 || fixed.headers_bytes >= out->bytes - fixed.headers_offset)
		return fail(error, 12,
			    "the variable headers have 0x%" PRIx32 " bytes; the rule is a "
			    "multiple of 8, with file data behind them",
			    fixed.headers_bytes);
	crc = igvm_crc32(0, data, 20);
	crc = igvm_crc32(crc, (const uint8_t[4]){ 0 }, 4);
	crc = igvm_crc32(crc, data + sizeof(fixed), least - sizeof(fixed));
	crc = igvm_crc32(crc, data + fixed.headers_offset, fixed.headers_bytes);
	if (crc != fixed.checksum)
		return fail(error, 20, "checksum mismatch: the headers have the CRC-32 0x%08" PRIx32
			    ", the file says 0x%08" PRIx32, crc, fixed.checksum);
	if (fixed.version == 2) {
		struct igvm_fixed2 more;

		memcpy(&more, data + sizeof(fixed), sizeof(more));
		if (more.architecture || more.page_bytes != IGVM_PAGE)
			return fail(error, sizeof(fixed), "architecture %" PRIu32 " with pages of %"
				    PRIu32 " bytes; svmc knows x86-64 with 4096", more.architecture,
				    more.page_bytes);
	}
	return 0;
}

/* A page of file data, as PAGE_DATA and VP_CONTEXT point at; 0 is none. */
static int check_data(const struct igvm *igvm, const struct igvm_header *h, uint32_t file_offset,
		      uint32_t at, uint64_t bytes, struct igvm_error *error)
{
	if (file_offset <= igvm->bytes && bytes <= igvm->bytes - file_offset)
		return 0;
	return fail(error, h->offset + HEAD_BYTES + at, "%s points at 0x%" PRIx64 " bytes at 0x%"
		    PRIx32 ", behind the end of the file", igvm_type_name(h->type), bytes,
		    file_offset);
}

static int check_gpa(const struct igvm_header *h, uint64_t gpa, struct igvm_error *error)
{
	if (!(gpa % IGVM_PAGE) && gpa < 1ULL << 52)
		return 0;
	return fail(error, h->offset + HEAD_BYTES, "%s has the address 0x%" PRIx64 ", which is no "
		    "page below 2^52", igvm_type_name(h->type), gpa);
}

static int check_page_data(const struct igvm *igvm, const struct igvm_header *h,
			   struct igvm_error *error)
{
	struct igvm_page_data page;

	memcpy(&page, h->contents, sizeof(page));
	if (check_gpa(h, page.gpa, error))
		return -1;
	if (page.flags & ~(IGVM_PAGE_2MIB | IGVM_PAGE_UNMEASURED | IGVM_PAGE_SHARED))
		return fail(error, h->offset + HEAD_BYTES + 16,
			    "PAGE_DATA has the unknown flags 0x%" PRIx32, page.flags);
	if (page.data_type > IGVM_CPUID_XF)
		return fail(error, h->offset + HEAD_BYTES + 20,
			    "PAGE_DATA has the unknown data type "
			    "%u",
			    page.data_type);
	/* The last page of a file may be cut: the rest of it is zero. */
	if (page.file_offset && page.file_offset >= igvm->bytes)
		return check_data(igvm, h, page.file_offset, 12, IGVM_PAGE, error);
	return 0;
}

static int check_contents(const struct igvm *igvm, const struct igvm_header *h,
			  struct igvm_error *error)
{
	struct igvm_vp_context vp = { 0 };
	struct igvm_parameter_area area;
	uint64_t gpa;

	memcpy(&gpa, h->contents, sizeof(gpa));
	switch (h->type) {
	case IGVM_T_PAGE_DATA:
		return check_page_data(igvm, h, error);
	case IGVM_T_VP_CONTEXT:
		memcpy(&vp, h->contents, 20);
		return check_gpa(h, gpa, error) ||
		       check_data(igvm, h, vp.file_offset, 12, IGVM_PAGE, error) ? -1 : 0;
	case IGVM_T_PARAMETER_AREA:
		memcpy(&area, h->contents, sizeof(area));
		return area.file_offset ? check_data(igvm, h, area.file_offset, 12, area.bytes,
						     error) : 0;
	case IGVM_T_PARAMETER_INSERT:
	case IGVM_T_REQUIRED_MEMORY:
		return check_gpa(h, gpa, error);
	default:
		return 0;
	}
}

/* The header at `offset`; *end is behind it. `last` is the group of the one before. */
static int read_header(struct igvm *igvm, uint64_t offset, uint64_t limit, int *last, uint64_t *end,
		       struct igvm_error *error)
{
	struct igvm_header *h = &igvm->headers[igvm->count];
	const int group = group_of(h->type);
	int row;

	if (h->bytes > limit - offset - HEAD_BYTES)
		return fail(error, offset + 4, "the header of type 0x%" PRIx32 " has 0x%" PRIx32
			    " bytes, but 0x%" PRIx64 " are left", h->type, h->bytes,
			    limit - offset - HEAD_BYTES);
	*end = offset + HEAD_BYTES + (h->bytes + 7ULL) / 8 * 8;
	if (h->type & IGVM_OPTIONAL)
		return 0;
	row = find(h->type);
	if (row < 0)
		return fail(error, offset,
			    "a header of the unknown type 0x%" PRIx32 ", which must be "
			    "understood; install a newer svmkit",
			    h->type);
	if (h->bytes != known[row].bytes)
		return fail(error, offset + 4, "%s has 0x%" PRIx32 " bytes; the rule is 0x%" PRIx32,
			    known[row].name, h->bytes, known[row].bytes);
	if (group < *last)
		return fail(error, offset, "%s comes too late: the order is platforms, "
			    "initialisation, directives", known[row].name);
	*last = group;
	return check_contents(igvm, h, error);
}

int igvm_read(struct igvm *out, const uint8_t *data, uint64_t bytes, struct igvm_error *error)
{
	uint64_t offset, limit;
	struct igvm_fixed fixed;
	size_t capacity;
	int last = IGVM_PLATFORM;

	*out = (struct igvm){ .data = data, .bytes = bytes };
	if (bytes > IGVM_MAX_BYTES)
		return fail(error, IGVM_MAX_BYTES, "the file has %" PRIu64 " bytes; at most %llu",
			    bytes, IGVM_MAX_BYTES);
	if (check_fixed(out, error))
		return -1;
	memcpy(&fixed, data, sizeof(fixed));
	offset = fixed.headers_offset;
	limit = offset + fixed.headers_bytes;
	capacity = fixed.headers_bytes / HEAD_BYTES + 1;
	if (capacity > IGVM_MAX_HEADERS)
		capacity = IGVM_MAX_HEADERS;
	out->headers = calloc(capacity, sizeof(*out->headers));
	if (!out->headers)
		return fail(error, offset, "out of memory");
	while (offset < limit) {
		struct igvm_header *h = &out->headers[out->count];
		uint64_t end = 0;

		if (out->count == capacity) {
			igvm_free(out);
			return fail(error, offset, "more than %u headers", IGVM_MAX_HEADERS);
		}
		memcpy(&h->type, data + offset, 4);
		memcpy(&h->bytes, data + offset + 4, 4);
		h->offset = (uint32_t)offset;
		h->contents = data + offset + HEAD_BYTES;
		if (read_header(out, offset, limit, &last, &end, error)) {
			igvm_free(out);
			return -1;
		}
		out->count++;
		offset = end;
	}
	return 0;
}

void igvm_free(struct igvm *igvm)
{
	free(igvm->headers);
	igvm->headers = NULL;
	igvm->count = 0;
}
