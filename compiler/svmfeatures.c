/* SPDX-License-Identifier: MIT */
/* The features of the tables' rows, which the generated columns name by their bit. */
#include <stdint.h>
#include "events.h"
#include "svmfeatures.h"
#include "spec_tables.h"

#define EDX_NPT (1u << 0)
#define EDX_NRIPS (1u << 3)
#define EDX_FLUSH_BY_ASID (1u << 6)

static const int8_t field_features[] = {
#define FIELD_FEATURES(...) __VA_ARGS__,
#include <svmkit/features.def>
};

static const int8_t intercept_features[] = {
#define INTERCEPT_FEATURES(...) __VA_ARGS__,
#include <svmkit/features.def>
};

int field_feature(const struct vmcb_field_info *field)
{
	return field_features[field - vmcb_fields];
}

int intercept_feature(const struct svm_intercept_info *intercept)
{
	return intercept_features[intercept - svm_intercepts];
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

uint32_t features_of_vmcb(const struct comp *c)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const uint64_t tlb = vmcb_get_TLB_CONTROL(vmcb), event = vmcb_get_EVENTINJ(vmcb);
	uint32_t bits = EDX_NPT;

	for (size_t i = 0; i < svm_intercept_count; i++)
		if (intercept_features[i] >= 0 &&
		    vmcb_get_intercepts(vmcb, svm_intercepts[i].word) & 1u << svm_intercepts[i].bit)
			bits |= 1u << intercept_features[i];
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (field_features[i] >= 0 && !field_is_zero(vmcb, f) &&
		    (control_takes_field(f) || vcpus_take_field(f)))
			bits |= 1u << field_features[i];
	}
	if (tlb == 3 || tlb == 7)
		bits |= EDX_FLUSH_BY_ASID;
	if (event & EVENT_V && EVENT_TYPE(event) == EVENT_SOFTWARE)
		bits |= EDX_NRIPS;
	return bits;
}
