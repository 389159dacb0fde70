/* SPDX-License-Identifier: MIT */
/* Walks over a VMCB by the tables, shared by both forms of dump. */
#include <string.h>
#include "dump.h"
#include "spec_tables.h"
#include "svmfeatures.h"
#include "wide.h"

void dump_vmcb(const struct svmt_view *view, uint32_t vcpu, struct svmk_vmcb *vmcb)
{
	memcpy(vmcb, svmt_blob_page(view, view->vcpus[vcpu].vmcb_page), sizeof(*vmcb));
}

const struct svmrt_vcpu_state *dump_state(const struct svmt_view *view, uint32_t vcpu)
{
	return (const void *)svmt_blob_page(view, view->vcpus[vcpu].state_page);
}

void dump_fields(const struct svmk_vmcb *vmcb,
		 void (*show)(void *argument, const struct vmcb_field_info *field, uint64_t value),
		 void *argument)
{
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];
		uint64_t value;

		if (f->bytes > 8 || (!f->save && f->offset < 6 * 4))
			continue;
		value = vmcb_get_field(vmcb, f->offset, f->bytes, f->hi, f->lo);
		if (value)
			show(argument, f, value);
	}
}

void dump_wide_fields(const struct svmk_vmcb *vmcb,
		      void (*show)(void *argument, const struct vmcb_field_info *field,
				   const char *value),
		      void *argument)
{
	char text[2 * WIDE_MAX_BYTES + 3];

	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (f->bytes <= 8 || f->bytes > WIDE_MAX_BYTES || (!f->save && f->offset < 6 * 4) ||
		    field_is_zero(vmcb, f))
			continue;
		wide_text(vmcb_bytes(vmcb, f->offset), f->bytes, text);
		show(argument, f, text);
	}
}

void dump_intercepts(const struct svmk_vmcb *vmcb,
		     void (*show)(void *argument, const struct svm_intercept_info *row),
		     void *argument)
{
	for (size_t i = 0; i < svm_intercept_count; i++)
		if (vmcb_get_intercepts(vmcb, svm_intercepts[i].word) & 1u << svm_intercepts[i].bit)
			show(argument, &svm_intercepts[i]);
}

const char *dump_region_kind(uint32_t kind)
{
	return kind == SVMT_ROM ? "rom" : "ram";
}

const char *dump_msr_access(uint8_t access)
{
	static const char *const names[] = { "gp", "value", "ignore", "store", "state" };

	return access < 5 ? names[access] : "?";
}

const char *dump_cpuid_live(uint32_t live, unsigned int reg)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} texts[] = {
		{ SVMRT_CPUID_LIVE_EBX_ID, ", number of the vCPU in 31:24" },
		{ SVMRT_CPUID_LIVE_EDX_ID, ", number of the vCPU" },
		{ SVMRT_CPUID_LIVE_OSXSAVE, ", OSXSAVE" },
		{ SVMRT_CPUID_LIVE_XSAVE, ", bytes of XCR0" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (live & cpuid_live_of(reg) & texts[i].bit)
			return texts[i].text;
	return "";
}

const char *dump_msr_name(uint32_t index)
{
	const struct svm_msr_info *msr = svm_msr_by_index(index);

	return msr ? msr->name : "";
}

/* APM volume 2, 15.11: three ranges of 0x2000 MSRs, two bits each. */
unsigned int dump_msr_pass(const struct svmt_view *view, uint32_t index)
{
	static const uint32_t bases[] = { 0, 0xc0000000, 0xc0010000 };

	for (uint32_t range = 0; range < 3; range++) {
		const uint32_t i = index - bases[range];

		if (i < 0x2000)
			return 3u & ~((unsigned int)view->msrpm[range * 0x800 + i / 4] >> 2 * (i % 4));
	}
	return 0;
}
