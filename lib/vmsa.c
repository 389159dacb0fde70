/* SPDX-License-Identifier: MIT */
/* The table of VMSA fields as an array, and what one can do with a page by it. */
#include <string.h>
#include "vmsa.h"

const struct vmsa_field_info vmsa_fields[] = {
#define VMSA_FIELD(offset_, bytes_, NAME, spec_name, swap_, feature_, about) \
	{ .name = spec_name, .offset = offset_, .bytes = bytes_, \
	  .reserved = !__builtin_strncmp(#NAME, "RESERVED_", 9), .swap = swap_, \
	  .feature = feature_, .meaning = about },
#include <svmkit/vmsa.def>
#undef VMSA_FIELD
};
const size_t vmsa_field_count = sizeof(vmsa_fields) / sizeof(vmsa_fields[0]);

#define VMSA_FIELD(offset, bytes, NAME, spec_name, swap, feature, meaning) \
	_Static_assert((offset) + (bytes) <= VMSA_PAGE_BYTES, #NAME " is outside the page");
#include <svmkit/vmsa.def>
#undef VMSA_FIELD

const struct vmsa_field_info *vmsa_field_find(const char *name)
{
	for (size_t i = 0; i < vmsa_field_count; i++)
		if (!strcmp(vmsa_fields[i].name, name))
			return &vmsa_fields[i];
	return NULL;
}

const struct vmcb_field_info *vmsa_shared(const struct vmsa_field_info *field)
{
	const struct vmcb_field_info *f;

	if (field->reserved || field->bytes > 8)
		return NULL;
	f = vmcb_field_find(field->name, true);
	return f && f->bytes == field->bytes && f->offset == VMCB_SAVE_OFFSET + field->offset ? f
											     : NULL;
}

uint64_t vmsa_get(const uint8_t *page, const struct vmsa_field_info *field)
{
	uint64_t value = 0;

	memcpy(&value, page + field->offset, field->bytes < 8 ? field->bytes : 8);
	return value;
}

void vmsa_set(uint8_t *page, const struct vmsa_field_info *field, uint64_t value)
{
	memcpy(page + field->offset, &value, field->bytes < 8 ? field->bytes : 8);
}

void vmsa_from_vmcb(uint8_t *page, const struct svmk_vmcb *vmcb)
{
	for (size_t i = 0; i < vmsa_field_count; i++)
		if (vmsa_shared(&vmsa_fields[i]))
			memcpy(page + vmsa_fields[i].offset,
			       vmcb_bytes(vmcb, VMCB_SAVE_OFFSET + vmsa_fields[i].offset),
			       vmsa_fields[i].bytes);
}

void vmsa_to_vmcb(const uint8_t *page, struct svmk_vmcb *vmcb)
{
	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmcb_field_info *f = vmsa_shared(&vmsa_fields[i]);

		if (f)
			vmcb_set_field(vmcb, f->offset, f->bytes, f->hi, f->lo, VMCB_NEVER_CACHED,
				       vmsa_get(page, &vmsa_fields[i]));
	}
}

/* Where the page has fields that mean something. */
static void mark_known(uint8_t known[VMSA_PAGE_BYTES])
{
	memset(known, 0, VMSA_PAGE_BYTES);
	for (size_t i = 0; i < vmsa_field_count; i++)
		if (!vmsa_fields[i].reserved)
			memset(known + vmsa_fields[i].offset, 1, vmsa_fields[i].bytes);
}

unsigned int vmsa_find_reserved(const uint8_t *page)
{
	uint8_t known[VMSA_PAGE_BYTES];

	mark_known(known);
	for (unsigned int i = 0; i < VMSA_PAGE_BYTES; i++)
		if (page[i] && !known[i])
			return i;
	return VMSA_PAGE_BYTES;
}

unsigned int vmsa_clear_reserved(uint8_t *page)
{
	uint8_t known[VMSA_PAGE_BYTES];
	unsigned int count = 0;

	mark_known(known);
	for (unsigned int i = 0; i < VMSA_PAGE_BYTES; i++) {
		count += page[i] && !known[i];
		page[i] = known[i] ? page[i] : 0;
	}
	return count;
}
