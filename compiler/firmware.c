/* SPDX-License-Identifier: MIT */
/* Reading of an OVMF image: footer table from its end backwards, then the SEV metadata. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "firmware.h"

#define PAGE 4096u
#define FOOTER_END 32u		/* the table ends this far before the end of the image */
#define HEAD_BYTES 18u		/* u16 size, GUID: behind the entry's data */
#define METADATA_HEAD 16u
#define SECTION_BYTES 12u

static const char guid_text[][37] = {
#define SNP_PAGE(NAME, value, note, source)
#define SNP_SECTION(NAME, value, note, source)
#define SNP_GUID(NAME, value, note, source) value,
#define SNP_SIGNATURE(NAME, value, note, source)
#include <svmkit/snp_launch.def>
#undef SNP_GUID
#undef SNP_SECTION
};

enum guid {
#define SNP_SECTION(NAME, value, note, source)
#define SNP_GUID(NAME, value, note, source) GUID_##NAME,
#include <svmkit/snp_launch.def>
#undef SNP_GUID
#undef SNP_SECTION
};

static const struct {
	uint32_t type;
	const char *name;
} section_names[] = {
#define SNP_GUID(NAME, value, note, source)
#define SNP_SECTION(NAME, value, note, source) { value, #NAME },
#include <svmkit/snp_launch.def>
#undef SNP_GUID
#undef SNP_SECTION
#undef SNP_PAGE
#undef SNP_SIGNATURE
};

const char *firmware_section_name(uint32_t type)
{
	for (size_t i = 0; i < sizeof(section_names) / sizeof(section_names[0]); i++)
		if (section_names[i].type == type)
			return section_names[i].name;
	return NULL;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct firmware_error *error, uint64_t offset, const char *format, ...)
{
	int used = snprintf(error->text, sizeof(error->text), "offset 0x%" PRIx64 ": ", offset);
	va_list args;

	error->offset = offset;
	va_start(args, format);
	vsnprintf(error->text + used, sizeof(error->text) - (size_t)used, format, args);
	va_end(args);
	return -1;
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

void firmware_guid(uint8_t out[16], const char *text)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (size_t i = 0; i < 16; i++, text += 2) {
		text += *text == '-';
		out[order[i]] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
	}
}

static bool is_guid(const uint8_t *at, enum guid which)
{
	uint8_t guid[16];

	firmware_guid(guid, guid_text[which]);
	return !memcmp(at, guid, sizeof(guid));
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint16_t get16(const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* What a section covers must be pages below 4 GiB that do not belong to the image itself. */
static int check_section(const struct firmware *f, const struct firmware_section *s,
			 struct firmware_error *error)
{
	const uint64_t end = (uint64_t)s->gpa + s->bytes;
	const char *name = firmware_section_name(s->type);

	if (!name)
		return fail(error, s->offset + 8, "the metadata section is of the unknown type 0x%"
			    PRIx32 "; install a newer svmkit", s->type);
	if (s->gpa % PAGE || s->bytes % PAGE || !s->bytes)
		return fail(error, s->offset, "the section %s (0x%" PRIx32 " bytes at 0x%" PRIx32
			    ") is not whole pages", name, s->bytes, s->gpa);
	if (end > FIRMWARE_END)
		return fail(error, s->offset, "the section %s (0x%" PRIx32 " bytes at 0x%" PRIx32
			    ") wraps around 2^32", name, s->bytes, s->gpa);
	if (end > f->gpa)
		return fail(error, s->offset, "the section %s (0x%" PRIx32 " bytes at 0x%" PRIx32
			    ") reaches into the firmware itself, which begins at 0x%" PRIx64, name,
			    s->bytes, s->gpa, f->gpa);
	if (s->bytes != PAGE && (s->type == FIRMWARE_SECRETS || s->type == FIRMWARE_CPUID ||
				 s->type == FIRMWARE_KERNEL_HASHES))
		return fail(error, s->offset + 4, "the section %s has 0x%" PRIx32 " bytes; it is "
			    "one page", name, s->bytes);
	for (unsigned int i = 0; i < f->section_count; i++) {
		const struct firmware_section *o = &f->sections[i];

		if (s->gpa < o->gpa + (uint64_t)o->bytes && o->gpa < end)
			return fail(error, s->offset, "the section %s at 0x%" PRIx32 " overlaps "
				    "the section %s at 0x%" PRIx32, name, s->gpa,
				    firmware_section_name(o->type), o->gpa);
		if (s->type == o->type && (s->type == FIRMWARE_KERNEL_HASHES ||
		    s->type == FIRMWARE_SECRETS || s->type == FIRMWARE_CPUID))
			return fail(error, s->offset, "a second section %s; a guest has one", name);
	}
	return 0;
}

static int read_metadata(struct firmware *f, const uint8_t *data, uint64_t entry,
			 struct firmware_error *error)
{
	const uint32_t back = get32(data + entry);
	const uint64_t at = f->bytes - back;
	uint32_t bytes, count;

	if (back > f->bytes || back < METADATA_HEAD)
		return fail(error, entry,
			    "the SEV metadata are said to be 0x%" PRIx32 " bytes before"
			    " the end, outside the image of 0x%" PRIx64 " bytes",
			    back, f->bytes);
	if (memcmp(data + at, "ASEV", 4))
		return fail(error, at, "the SEV metadata do not begin with \"ASEV\"");
	bytes = get32(data + at + 4);
	count = get32(data + at + 12);
	if (get32(data + at + 8) != 1)
		return fail(error, at + 8, "SEV metadata of version %" PRIu32 "; svmc knows 1",
			    get32(data + at + 8));
	if (bytes < METADATA_HEAD || bytes > back)
		return fail(error, at + 4, "the SEV metadata are 0x%" PRIx32 " bytes long, but the "
			    "image ends 0x%" PRIx32 " bytes behind their begin", bytes, back);
	if (count > FIRMWARE_MAX_SECTIONS || count > (bytes - METADATA_HEAD) / SECTION_BYTES)
		return fail(error, at + 12, "%" PRIu32 " metadata sections do not fit into 0x%"
			    PRIx32 " bytes (and at most %u may be there)", count, bytes,
			    FIRMWARE_MAX_SECTIONS);
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t row = at + METADATA_HEAD + i * SECTION_BYTES;
		const struct firmware_section section = {
			get32(data + row), get32(data + row + 4), get32(data + row + 8),
			(uint32_t)row,
		};

		if (check_section(f, &section, error))
			return -1;
		f->sections[f->section_count++] = section;
	}
	f->has_metadata = true;
	return 0;
}

/* One entry: `bytes` bytes of data at `at`, GUID behind its size. Unknown ones are passed over. */
static int read_entry(struct firmware *f, const uint8_t *data, uint64_t at, unsigned int bytes,
		      struct firmware_error *error)
{
	static const struct {
		enum guid guid;
		unsigned int bytes;
		const char *name;
	} known[] = {
		{ GUID_HASH_TABLE_RV, 8, "SEV_HASH_TABLE_RV" },
		{ GUID_ES_RESET_BLOCK, 4, "SEV_ES_RESET_BLOCK" },
		{ GUID_SEV_METADATA, 4, "the SEV metadata's offset" },
	};
	const uint8_t *guid = data + at + bytes + 2;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const bool again = i == 0 ? f->has_hashes : i == 1 ? f->has_reset : f->has_metadata;

		if (!is_guid(guid, known[i].guid))
			continue;
		if (bytes < known[i].bytes)
			return fail(error, at + bytes, "the entry of %s has %u bytes of data; it "
				    "needs %u", known[i].name, bytes, known[i].bytes);
		if (again)
			return fail(error, at, "a second entry of %s", known[i].name);
	}
	if (is_guid(guid, GUID_ES_RESET_BLOCK)) {
		f->has_reset = true;
		f->reset = get32(data + at);
	} else if (is_guid(guid, GUID_HASH_TABLE_RV)) {
		f->has_hashes = true;
		f->hashes_gpa = get32(data + at);
		f->hashes_bytes = get32(data + at + 4);
		f->hashes_offset = (uint32_t)at;
	} else if (is_guid(guid, GUID_SEV_METADATA)) {
		return read_metadata(f, data, at, error);
	}
	return 0;
}

/* The table is read from its end: each entry's size and GUID lie behind its data. */
static int read_table(struct firmware *f, const uint8_t *data, struct firmware_error *error)
{
	const uint64_t footer = f->bytes - FOOTER_END - HEAD_BYTES;
	const unsigned int bytes = get16(data + footer);
	uint64_t end = footer, begin;

	if (bytes < HEAD_BYTES || bytes - HEAD_BYTES > footer)
		return fail(error, footer,
			    "the table at the end of the firmware is said to have %u "
			    "bytes: at least %u, and they must be inside the image",
			    bytes, HEAD_BYTES);
	f->has_table = true;
	begin = footer - (bytes - HEAD_BYTES);
	while (end > begin) {
		unsigned int size;

		if (end - begin < HEAD_BYTES)
			return fail(error, begin, "%" PRIu64 " bytes of the table belong to no "
				    "entry", end - begin);
		size = get16(data + end - HEAD_BYTES);
		if (size < HEAD_BYTES || size > end - begin)
			return fail(error, end - HEAD_BYTES, "a table entry has %u bytes; the rule "
				    "is %u to what is left of the table, %" PRIu64, size,
				    HEAD_BYTES, end - begin);
		if (read_entry(f, data, end - size, size - HEAD_BYTES, error))
			return -1;
		end -= size;
	}
	return 0;
}

int firmware_read(struct firmware *out, const uint8_t *data, uint64_t bytes,
		  struct firmware_error *error)
{
	memset(out, 0, sizeof(*out));
	if (!bytes || bytes % PAGE || bytes > FIRMWARE_MAX_BYTES)
		return fail(error, bytes, "the firmware has %" PRIu64 " bytes; the rule is whole "
			    "pages of 4096, at most %u MiB", bytes, FIRMWARE_MAX_BYTES >> 20);
	out->bytes = bytes;
	out->gpa = FIRMWARE_END - bytes;
	if (!is_guid(data + bytes - FOOTER_END - 16, GUID_FOOTER))
		return 0;
	return read_table(out, data, error);
}
