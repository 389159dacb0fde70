/* SPDX-License-Identifier: MIT */
/*
 * Checks of what only the VMSA of a confidential guest has: U_CET (rows C30 and C31 of
 * facts/consistency_checks.csv) and the ways to inject events (C38 and C39).
 */
#include <inttypes.h>
#include "../events.h"
#include "checks.h"
#include "vmsa.h"

#define NEEDS (PART_PROFILE | PART_VCPUS | PART_LAUNCH | EACH_VCPU_SET)
#define CR4_CET (1ULL << 23)
#define RFLAGS_VM (1ULL << 17)
#define U_CET_SHADOW_STACK 1ULL
#define U_CET_KNOWN 3ULL		/* as S_CET: APM volume 2, 18.11 */
#define RESTRICTED_INJECTION (1ULL << 3)
#define ALTERNATE_INJECTION (1ULL << 4)
#define VECTOR_HV 28

/* A field of the selected set's VMSA; 0 if the guest is not confidential. */
static uint64_t get(const struct comp *c, const char *name)
{
	return c->spec.launch.head.kind ? vmsa_get(c->spec.vmsa, vmsa_field_find(name)) : 0;
}

/* Where the spec sets the field, or SEV_FEATURES for all vCPUs. */
static const struct range *place(const struct comp *c, const char *name)
{
	const struct range *range = &c->spec.vmsa_range[vmsa_field_find(name) - vmsa_fields];

	if (range->source)
		return range;
	return c->spec.launch.has_features ? &c->spec.launch.features_range : &c->spec.launch.range;
}

static void user_shadow_stack(struct comp *c, const struct check *check)
{
	const uint64_t value = get(c, "u_cet");

	if (value & U_CET_SHADOW_STACK && vmcb_get_CR4(c->spec.vmcb) & CR4_CET &&
	    vmcb_get_RFLAGS(c->spec.vmcb) & RFLAGS_VM)
		check_found(c, check, place(c, "u_cet"), "u_cet is 0x%" PRIx64 " with SH_STK_EN, "
			    "while cr4 has CET and rflags VM: there are no shadow stacks in "
			    "virtual-8086 mode, and VMRUN refuses it; clear one of the bits", value);
}
CHECK(user_shadow_stack, "C30", "APM 15.5.1", NEEDS);

static void user_cet(struct comp *c, const struct check *check)
{
	const uint64_t value = get(c, "u_cet");

	if (value & ~U_CET_KNOWN)
		check_found(c, check, place(c, "u_cet"), "u_cet is 0x%" PRIx64 ": the bits 0x%" PRIx64
			    " are reserved and must be zero", value, value & ~(uint64_t)U_CET_KNOWN);
}
CHECK(user_cet, "C31", "APM 15.5.1", NEEDS);

/* Restricted Injection lets the hypervisor deliver #HV, and nothing else by itself. */
static void restricted(struct comp *c, const struct check *check)
{
	const uint64_t event = vmcb_get_EVENTINJ(c->spec.vmcb);
	const struct range *range = &c->spec.sets[c->spec.selected].event_range;
	const bool is_hv = EVENT_TYPE(event) == EVENT_EXCEPTION && !(event & EVENT_EV) &&
			   EVENT_VECTOR(event) == VECTOR_HV;

	if (!(get(c, "sev_features") & RESTRICTED_INJECTION))
		return;
	if (event & EVENT_V && !is_hv)
		check_found(c, check, range->source ? range : control_field_range(c, "EVENTINJ"),
			    "the vCPU begins with an event, but RestrictedInjection of sev_features "
			    "allows only the exception %d (#HV) without an error code: VMRUN refuses "
			    "it; remove the event or RestrictedInjection", VECTOR_HV);
	if (vmcb_get_AVIC_ENABLE(c->spec.vmcb))
		check_found(c, check, control_field_range(c, "AVIC_ENABLE"), "avic_enable is 1, and "
			    "sev_features have RestrictedInjection: VMRUN refuses both together; "
			    "clear one of them");
}
CHECK(restricted, "C38", "APM 15.36.16", NEEDS | PART_CONTROL | PART_INJECT);

static void alternate(struct comp *c, const struct check *check)
{
	const uint64_t features = get(c, "sev_features");

	if (!(features & ALTERNATE_INJECTION))
		return;
	if (features & RESTRICTED_INJECTION)
		check_found(c, check, place(c, "sev_features"), "sev_features have both "
			    "RestrictedInjection and AlternateInjection: VMRUN refuses it; remove "
			    "one of them");
	if (vmcb_get_AVIC_ENABLE(c->spec.vmcb))
		check_found(c, check, control_field_range(c, "AVIC_ENABLE"), "avic_enable is 1, and "
			    "sev_features have AlternateInjection: VMRUN refuses both together; "
			    "clear one of them");
}
CHECK(alternate, "C39", "APM 15.36.16", NEEDS | PART_CONTROL);

const struct check *const vmsa_checks[] = {
	&check_user_shadow_stack, &check_user_cet, &check_restricted, &check_alternate, NULL,
};
