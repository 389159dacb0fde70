/* SPDX-License-Identifier: MIT */
/*
 * Features by the tables' own words: "vGIF EDX[16]" names the bit, another row's "vGIF" the same
 * feature, "base" none; "SEV 8000_001F.EAX[1]" is a bit of another leaf, which a template cannot ask for.
 */
#include <stdlib.h>
#include <string.h>
#include "events.h"
#include "svmfeatures.h"
#include "spec_tables.h"

#define EDX_NPT (1u << 0)
#define EDX_NRIPS (1u << 3)
#define EDX_FLUSH_BY_ASID (1u << 6)

/* Bit of "NAME EDX[n]" or "NAME 8000_000A.EDX[n]"; -1 when the text names none. */
static int named_bit(const char *feature)
{
	const char *edx = strstr(feature, "EDX[");

	if (!edx || (edx > feature && edx[-1] == '.' &&
		     (edx - feature < 10 || memcmp(edx - 10, "8000_000A.", 10))))
		return -1;
	return atoi(edx + 4);
}

static bool same_word(const char *a, const char *b)
{
	const size_t length = strcspn(a, " ");

	return length == strcspn(b, " ") && !memcmp(a, b, length);
}

int feature_bit(const char *feature)
{
	if (!*feature || !strncmp(feature, "base", 4) || !strcmp(feature, "RDTSCP") ||
	    !strcmp(feature, "XSAVE") || !strcmp(feature, "CET_SS"))
		return FEATURE_NONE;
	if (named_bit(feature) >= 0)
		return named_bit(feature);
	for (size_t i = 0; i < vmcb_field_count; i++)
		if (same_word(feature, vmcb_fields[i].feature) &&
		    named_bit(vmcb_fields[i].feature) >= 0)
			return named_bit(vmcb_fields[i].feature);
	return FEATURE_UNKNOWN;
}

bool field_is_zero(const struct svmk_vmcb *vmcb, const struct vmcb_field_info *field)
{
	const uint8_t *bytes = vmcb_bytes(vmcb, field->offset);

	if (field->bytes <= 8)
		return !vmcb_get_field(vmcb, field->offset, field->bytes, field->hi, field->lo);
	for (unsigned int i = 0; i < field->bytes; i++)
		if (bytes[i])
			return false;
	return true;
}

static uint32_t mask(int bit)
{
	return bit >= 0 && bit < 32 ? 1u << bit : 0;
}

uint32_t features_of_vmcb(const struct comp *c)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const uint64_t tlb = vmcb_get_TLB_CONTROL(vmcb), event = vmcb_get_EVENTINJ(vmcb);
	uint32_t bits = EDX_NPT;

	for (size_t i = 0; i < svm_intercept_count; i++)
		if (vmcb_get_intercepts(vmcb, svm_intercepts[i].word) & 1u << svm_intercepts[i].bit)
			bits |= mask(feature_bit(svm_intercepts[i].feature));
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if ((control_takes_field(f) || vcpus_take_field(f)) && !field_is_zero(vmcb, f))
			bits |= mask(feature_bit(f->feature));
	}
	if (tlb == 3 || tlb == 7)
		bits |= EDX_FLUSH_BY_ASID;
	if (event & EVENT_V && EVENT_TYPE(event) == EVENT_SOFTWARE)
		bits |= EDX_NRIPS;
	return bits;
}
