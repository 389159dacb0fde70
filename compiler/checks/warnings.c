/* SPDX-License-Identifier: MIT */
/*
 * States that VMRUN takes but nobody means: rows W15, W16, W19 and W22 of
 * facts/consistency_checks.csv. The other warning rows are in intercepts.c, control.c and events.c.
 */
#include <inttypes.h>
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_VCPUS | EACH_VCPU_SET)
#define CR0_PE (1ULL << 0)
#define CR0_PG (1ULL << 31)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define EFER_SVME (1ULL << 12)
#define RFLAGS_ONE (1ULL << 1)
#define RFLAGS_VM (1ULL << 17)
#define RFLAGS_KNOWN 0x3f7fd7ULL	/* CF to OF, IOPL, NT, RF to ID, and bit 1 */
#define MSR_EFER 0xc0000080u

/* Segment attributes in the VMCB's packed form. */
#define ATTRIB_CODE 0x008u
#define ATTRIB_S 0x010u
#define ATTRIB_P 0x080u
#define ATTRIB_KNOWN 0xfffu
#define TSS_MASK 0x09fu			/* P, S and type */
#define TSS_BUSY16 0x083u
#define TSS_BUSY 0x08bu

static void rflags(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_RFLAGS(c->spec.vmcb);
	uint64_t taken = (value & RFLAGS_KNOWN) | RFLAGS_ONE;

	if (value != taken)
		check_found(c, check, spec_field_range(c, "rflags"),
			    "rflags is 0x%" PRIx64 ", which the processor takes as 0x%" PRIx64
			    ": bit 1 is one and reserved bits are zero; write that",
			    value, taken);
}
CHECK_WARNING(rflags, "W15", "APM 15.5.1", NEEDS);

/* The segments with their selectors and attributes, CS first. */
struct segment {
	const char *name, *attrib_name, *selector_name;
	uint64_t selector, attrib;
};

#define SEGMENT(NAME, name) { #name, #name ".attrib", #name ".selector", \
			      vmcb_get_##NAME##_SELECTOR(vmcb), vmcb_get_##NAME##_ATTRIB(vmcb) }

/* What is wrong with a segment register, or NULL. */
static const char *segment_fault(const struct svmk_vmcb *vmcb, const struct segment *s, bool is_cs,
				 bool is_tr)
{
	const bool protected = vmcb_get_CR0(vmcb) & CR0_PE &&
			       !(vmcb_get_RFLAGS(vmcb) & RFLAGS_VM);
	const bool long_mode = vmcb_get_EFER(vmcb) & EFER_LMA;

	if (s->attrib & ~(uint64_t)ATTRIB_KNOWN)
		return "bits 15:12 are reserved; clear them";
	if (is_cs && (~s->attrib & (ATTRIB_P | ATTRIB_S)))
		return "a code segment is present and no system segment; set P (bit 7) and S "
		       "(bit 4)";
	if (is_cs && protected && !(s->attrib & ATTRIB_CODE))
		return "in protected mode CS is a code segment; set bit 3";
	if (is_tr && (s->attrib & TSS_MASK) != TSS_BUSY &&
	    (long_mode || (s->attrib & TSS_MASK) != TSS_BUSY16))
		return "TR is a present, busy TSS; set bits 7:0 to 0x8b";
	if (!is_cs && !is_tr && protected && s->selector < 4 && s->attrib & ATTRIB_P)
		return "the selector is null, but the segment is present; clear P (bit 7) or give "
		       "a selector";
	return NULL;
}

static void segments(struct comp *c, const struct check *check)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;
	const struct segment list[] = {
		SEGMENT(CS, cs), SEGMENT(TR, tr), SEGMENT(DS, ds), SEGMENT(ES, es), SEGMENT(FS, fs),
		SEGMENT(GS, gs), SEGMENT(SS, ss), SEGMENT(LDTR, ldtr),
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *fault = segment_fault(vmcb, &list[i], i == 0, i == 1);
		const struct range *range = spec_field_range(c, list[i].attrib_name);

		if (range == &c->spec.profile_range)
			range = spec_field_range(c, list[i].selector_name);
		if (fault)
			check_found(c, check, range,
				    "%s has the selector 0x%" PRIx64 " and attrib 0x%" PRIx64
				    ": %s", list[i].name, list[i].selector, list[i].attrib, fault);
	}
}
CHECK_WARNING(segments, "W16", "APM 15.5.1", NEEDS);

/* With LME it is not undefined but refused: C11. */
static void paged_real(struct comp *c, const struct check *check)
{
	uint64_t cr0 = vmcb_get_CR0(c->spec.vmcb);

	if (cr0 & CR0_PG && !(cr0 & CR0_PE) && !(vmcb_get_EFER(c->spec.vmcb) & EFER_LME))
		check_found(c, check, spec_field_range(c, "cr0"),
			    "cr0 is 0x%" PRIx64 " with PG but without PE: paged real mode is "
			    "undefined under nested paging; set both or clear PG", cr0);
}
CHECK_WARNING(paged_real, "W19", "APM 15.19", NEEDS);

static void efer_shown(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.msr_count; i++) {
		const struct svmrt_msr_row *row = &c->spec.msrs[i].row;

		if (row->first <= MSR_EFER && MSR_EFER <= row->last &&
		    row->read == SVMRT_MSR_VALUE && row->value & EFER_SVME)
			check_found(c, check, &c->spec.msrs[i].range,
				    "the guest reads EFER as 0x%" PRIx64 " with SVME, as if it "
				    "could use SVM; clear bit 12", (uint64_t)row->value);
	}
}
CHECK_WARNING(efer_shown, "W22", "svmspec(5)", PART_MSRS);

const struct check *const warning_checks[] = {
	&check_rflags, &check_segments, &check_paged_real, &check_efer_shown, NULL,
};
