/* SPDX-License-Identifier: MIT */
/*
 * Save states that VMRUN refuses with VMEXIT_INVALID (APM volume 2, 15.5.1): rows C01 to C12 and
 * C25 of facts/consistency_checks.csv as far as the template alone decides them. C09 needs the
 * host's CPUID, and every processor with SVM has long mode.
 */
#include <inttypes.h>
#include <string.h>
#include "../wide.h"
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_VCPUS | EACH_VCPU_SET)
#define CR0_PE (1ULL << 0)
#define CR0_WP (1ULL << 16)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)
#define CR4_PAE (1ULL << 5)
#define CR4_CET (1ULL << 23)
#define CR4_KNOWN 0x00f71fffULL		/* VME to LA57, FSGSBASE to OSXSAVE, SMEP to CET */
#define EFER_LME (1ULL << 8)
#define EFER_SVME (1ULL << 12)
#define EFER_KNOWN 0x0036fd01ULL	/* SCE LME LMA NXE SVME LMSLE FFXSR TCE MCOMMIT INTWB .. */
#define HIGH(x) ((x) >> 32)

static bool long_paging(const struct svmk_vmcb *vmcb)
{
	return vmcb_get_EFER(vmcb) & EFER_LME && vmcb_get_CR0(vmcb) & CR0_PG;
}

static void svme(struct comp *c, const struct check *check)
{
	if (!(vmcb_get_EFER(c->spec.vmcb) & EFER_SVME))
		check_found(c, check, spec_field_range(c, "efer"),
			    "efer is 0x%" PRIx64 " without SVME: "
			    "VMRUN refuses it; add SVME",
			    (uint64_t)vmcb_get_EFER(c->spec.vmcb));
}
CHECK_SAVE(svme, "C01", "APM 15.5.1", NEEDS);

static void cd_nw(struct comp *c, const struct check *check)
{
	uint64_t cr0 = vmcb_get_CR0(c->spec.vmcb);

	if (!(cr0 & CR0_CD) && cr0 & CR0_NW)
		check_found(c, check, spec_field_range(c, "cr0"),
			    "cr0 is 0x%" PRIx64 " with NW but "
			    "without CD: VMRUN refuses it; set both or clear NW",
			    cr0);
}
CHECK_SAVE(cd_nw, "C02", "APM 15.5.1", NEEDS);

static void cr0_high(struct comp *c, const struct check *check)
{
	uint64_t cr0 = vmcb_get_CR0(c->spec.vmcb);

	if (HIGH(cr0))
		check_found(c, check, spec_field_range(c, "cr0"),
			    "cr0 is 0x%" PRIx64 ": bits 63:32 must "
			    "be zero",
			    cr0);
}
CHECK_SAVE(cr0_high, "C03", "APM 15.5.1", NEEDS);

static void cr3(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_CR3(c->spec.vmcb);

	if (long_paging(c->spec.vmcb) && value >> 52)
		check_found(c, check, spec_field_range(c, "cr3"),
			    "cr3 is 0x%" PRIx64 ": bits 63:52 must "
			    "be zero in long mode",
			    value);
}
CHECK_SAVE(cr3, "C04", "APM 15.5.1", NEEDS);

static void cr4(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_CR4(c->spec.vmcb);

	if (value & ~CR4_KNOWN)
		check_found(c, check, spec_field_range(c, "cr4"),
			    "cr4 is 0x%" PRIx64 ": the bits 0x%" PRIx64
			    " are reserved and must be zero",
			    value, value & ~(uint64_t)CR4_KNOWN);
}
CHECK_SAVE(cr4, "C05", "APM 15.5.1", NEEDS);

static void dr6(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_DR6(c->spec.vmcb);

	if (HIGH(value))
		check_found(c, check, spec_field_range(c, "dr6"),
			    "dr6 is 0x%" PRIx64 ": bits 63:32 must "
			    "be zero",
			    value);
}
CHECK_SAVE(dr6, "C06", "APM 15.5.1", NEEDS);

static void dr7(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_DR7(c->spec.vmcb);

	if (HIGH(value))
		check_found(c, check, spec_field_range(c, "dr7"),
			    "dr7 is 0x%" PRIx64 ": bits 63:32 must "
			    "be zero",
			    value);
}
CHECK_SAVE(dr7, "C07", "APM 15.5.1", NEEDS);

static void efer(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_EFER(c->spec.vmcb);

	if (value & ~EFER_KNOWN)
		check_found(c, check, spec_field_range(c, "efer"),
			    "efer is 0x%" PRIx64 ": the bits 0x%" PRIx64
			    " are reserved and must be zero",
			    value, value & ~(uint64_t)EFER_KNOWN);
}
CHECK_SAVE(efer, "C08", "APM 15.5.1", NEEDS);

static void pae(struct comp *c, const struct check *check)
{
	if (long_paging(c->spec.vmcb) && !(vmcb_get_CR4(c->spec.vmcb) & CR4_PAE))
		check_found(c, check, spec_field_range(c, "cr4"),
			    "cr4 is 0x%" PRIx64 " without PAE, while "
			    "efer has LME and cr0 has PG: VMRUN refuses it; add PAE",
			    (uint64_t)vmcb_get_CR4(c->spec.vmcb));
}
CHECK_SAVE(pae, "C10", "APM 15.5.1", NEEDS);

static void protection(struct comp *c, const struct check *check)
{
	if (long_paging(c->spec.vmcb) && !(vmcb_get_CR0(c->spec.vmcb) & CR0_PE))
		check_found(c, check, spec_field_range(c, "cr0"),
			    "cr0 is 0x%" PRIx64 " with PG but without "
			    "PE, while efer has LME: VMRUN refuses it; add PE",
			    (uint64_t)vmcb_get_CR0(c->spec.vmcb));
}
CHECK_SAVE(protection, "C11", "APM 15.5.1", NEEDS);

static void code_size(struct comp *c, const struct check *check)
{
	const uint64_t both = 3ULL << 9;	/* L and D */
	uint64_t attrib = vmcb_get_CS_ATTRIB(c->spec.vmcb);

	if (long_paging(c->spec.vmcb) && vmcb_get_CR4(c->spec.vmcb) & CR4_PAE &&
	    (attrib & both) == both)
		check_found(c, check, spec_field_range(c, "cs.attrib"),
			    "cs.attrib is 0x%" PRIx64
			    " with L and D in long mode: VMRUN refuses it; clear bit 10 (D)",
			    attrib);
}
CHECK_SAVE(code_size, "C12", "APM 15.5.1", NEEDS);

static void pat(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_G_PAT(c->spec.vmcb);

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int type = value >> (8 * i) & 0xff;

		if (type < 8 && type != 2 && type != 3)
			continue;
		check_found(c, check, spec_field_range(c, "g_pat"),
			    "g_pat is 0x%" PRIx64 ": PA%u has "
			    "the type %u; the types are 0, 1, 4, 5, 6 and 7",
			    value, i, type);
		return;
	}
}
CHECK(pat, "C25", "APM 15.25.4", NEEDS);

/* APM volume 2, 18.11: SH_STK_EN and WR_SHSTK_EN; AMD has no indirect branch tracking. */
#define S_CET_KNOWN 3ULL

static void s_cet(struct comp *c, const struct check *check)
{
	uint64_t value = vmcb_get_S_CET(c->spec.vmcb);

	if (value & ~S_CET_KNOWN)
		check_found(c, check, spec_field_range(c, "s_cet"), "s_cet is 0x%" PRIx64
			    ": the bits 0x%" PRIx64 " are reserved and must be zero", value,
			    value & ~(uint64_t)S_CET_KNOWN);
}
CHECK(s_cet, "C28", "APM 15.5.1", NEEDS);

static void cet_wp(struct comp *c, const struct check *check)
{
	if (vmcb_get_CR4(c->spec.vmcb) & CR4_CET && !(vmcb_get_CR0(c->spec.vmcb) & CR0_WP))
		check_found(c, check, spec_field_range(c, "cr4"), "cr4 is 0x%" PRIx64 " with CET, "
			    "while cr0 has no WP: VMRUN refuses it; set both or clear CET",
			    (uint64_t)vmcb_get_CR4(c->spec.vmcb));
}
CHECK(cet_wp, "C29", "APM 15.5.1", NEEDS);

static const struct range *state_range(const struct comp *c, const struct range *range)
{
	return range->source ? range : &c->spec.profile_range;
}

/* APM volume 2, 11.5.2: what XSETBV refuses; svmrt.ko does, too. */
static void xcr0(struct comp *c, const struct check *check)
{
	const uint64_t value = c->spec.state->xcr0;

	/* That of a confidential guest is in its VMSA. */
	if (!c->spec.launch.head.kind && (!(value & 1) || (value & 6) == 4))
		check_found(c, check, state_range(c, &c->spec.sets[c->spec.selected].xcr0_range),
			    "xcr0 is 0x%" PRIx64 ": bit 0 (x87) is always set, and bit 2 (AVX) only "
			    "with bit 1 (SSE); add what is missing", value);
}
CHECK(xcr0, "xcr0", "APM 11.5.2", NEEDS);

/* APM volume 1, 4.2.2: a set reserved bit makes FXRSTOR fault; bit 17 is MM. */
#define MXCSR_KNOWN 0x2ffffu

static void mxcsr(struct comp *c, const struct check *check)
{
	uint32_t value;

	memcpy(&value, c->spec.state->fxsave + FXSAVE_MXCSR, sizeof(value));
	if (value & ~MXCSR_KNOWN)
		check_found(c, check, state_range(c, &c->spec.sets[c->spec.selected].mxcsr_range),
			    "mxcsr is 0x%" PRIx32 ": the bits 0x%" PRIx32 " are reserved and must be "
			    "zero", value, value & ~MXCSR_KNOWN);
}
CHECK(mxcsr, "mxcsr", "APM volume 1, 4.2.2", NEEDS);

const struct check *const save_checks[] = {
	&check_svme, &check_cd_nw, &check_cr0_high, &check_cr3, &check_cr4, &check_dr6, &check_dr7,
	&check_efer, &check_pae, &check_protection, &check_code_size, &check_pat, &check_s_cet,
	&check_cet_wp, &check_xcr0, &check_mxcsr, NULL,
};
