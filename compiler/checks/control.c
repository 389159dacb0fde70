/* SPDX-License-Identifier: MIT */
/*
 * Checks of `control:` for what VMRUN refuses (rows C13, C20, C22 and C32 of
 * facts/consistency_checks.csv) or takes although nobody means it (W12 to W14, W20, W21), and for
 * what svmrt.ko does not take. Rows about addresses and limits of the host (C14, C15, C21, C23, C24,
 * C26, C33 to C37) are decided where it runs, as C09 is; W11 is no template's matter, since svmrt.ko
 * switches DR0 to DR3.
 */
#include <inttypes.h>
#include <string.h>
#include "../events.h"
#include "../svmfeatures.h"
#include "../spec_tables.h"
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_CONTROL)

const struct range *control_field_range(const struct comp *c, const char *name)
{
	const struct vmcb_field_info *field = vmcb_field_find(name, false);
	const struct range *range = &c->spec.field_range[field - vmcb_fields];

	return range->source ? range : &c->spec.profile_range;
}

bool check_intercepted(const struct comp *c, enum intercept_row row)
{
	return vmcb_get_intercepts(c->spec.vmcb, svm_intercepts[row].word) &
	       1u << svm_intercepts[row].bit;
}

static void vmrun(struct comp *c, const struct check *check)
{
	if (!check_intercepted(c, ROW_VMRUN))
		check_found(c, check, &c->spec.intercept_range[ROW_VMRUN], "the intercept VMRUN is removed, "
			    "and VMRUN refuses a guest without it; leave it in");
}
CHECK(vmrun, "C13", "APM 15.5.1", NEEDS);

static void forced(struct comp *c, const struct check *check)
{
	static const enum intercept_row rows[] = { ROW_SMI, ROW_INIT };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!check_intercepted(c, rows[i]))
			check_found(c, check, &c->spec.intercept_range[rows[i]], "the intercept %s "
				    "cannot be removed: svmrt.ko sets it to keep the host safe; "
				    "leave it in", svm_intercepts[rows[i]].name);
}
CHECK(forced, "intercept-forced", "APM 15.9", NEEDS);

/* A template that does not say an ASID leaves it to the hypervisor. */
static void asid(struct comp *c, const struct check *check)
{
	const struct range *range = control_field_range(c, "GUEST_ASID");

	if (range != &c->spec.profile_range && !vmcb_get_GUEST_ASID(c->spec.vmcb))
		check_found(c, check, range, "guest_asid is 0, which is the host's: VMRUN refuses "
			    "it; leave it out, and the hypervisor gives one");
}
CHECK(asid, "C20", "APM 15.5.1", NEEDS);

static void vnmi(struct comp *c, const struct check *check)
{
	if (vmcb_get_V_NMI_ENABLE(c->spec.vmcb) && !check_intercepted(c, ROW_NMI))
		check_found(c, check, control_field_range(c, "V_NMI_ENABLE"), "v_nmi_enable is 1 "
			    "without the intercept NMI: VMRUN refuses it; add the intercept or "
			    "clear v_nmi_enable");
}
CHECK(vnmi, "C22", "APM 15.21.10", NEEDS);

static void sev(struct comp *c, const struct check *check)
{
	if (vmcb_get_SEV_ENABLE(c->spec.vmcb) && !vmcb_get_NP_ENABLE(c->spec.vmcb))
		check_found(c, check, control_field_range(c, "SEV_ENABLE"), "sev_enable is 1 without "
			    "np_enable: VMRUN refuses it; set both or clear sev_enable");
}
CHECK(sev, "C32", "APM 15.34.3", NEEDS);

static void tlb(struct comp *c, const struct check *check)
{
	const uint64_t value = vmcb_get_TLB_CONTROL(c->spec.vmcb);

	if (value != 0 && value != 1 && value != 3 && value != 7)
		check_found(c, check, control_field_range(c, "TLB_CONTROL"), "tlb_control is %" PRIu64
			    ", which is reserved; the rule is 0 (nothing), 1 (all), 3 (this guest's) "
			    "or 7 (this guest's, global pages left)", value);
}
CHECK_WARNING(tlb, "W12", "APM 15.16.1", NEEDS);

static void clean(struct comp *c, const struct check *check)
{
	if (c->spec.vmcb_clean)
		check_found(c, check, control_field_range(c, "VMCB_CLEAN"), "vmcb_clean is 0x%" PRIx32
			    ": a processor that has never seen the VMCB has no copy to keep, and "
			    "runs with stale state; leave it 0", c->spec.vmcb_clean);
}
CHECK_WARNING(clean, "W13", "APM 15.15.2", NEEDS);

/* What no bit of CPUID 8000_000A EDX stands for cannot be among what a template requires. */
static void feature(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < svm_intercept_count; i++) {
		const struct svm_intercept_info *row = &svm_intercepts[i];

		if (c->spec.intercept_range[i].source &&
		    check_intercepted(c, (enum intercept_row)i) &&
		    intercept_feature(row) == FEATURE_UNKNOWN)
			check_found(c, check, &c->spec.intercept_range[i], "the intercept %s is one "
				    "of %s, which a template cannot require of a host; leave it out, "
				    "or make sure of every host", row->name, row->feature);
	}
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (c->spec.field_range[i].source && control_takes_field(f) &&
		    !field_is_zero(c->spec.vmcb, f) && field_feature(f) == FEATURE_UNKNOWN)
			check_found(c, check, &c->spec.field_range[i], "%s is of %s, which a "
				    "template cannot require of a host; leave it out, or make sure "
				    "of every host", field_key(c, f), f->feature);
	}
}
CHECK_WARNING(feature, "W14", "APM B-1", NEEDS);

static void avic(struct comp *c, const struct check *check)
{
	if (vmcb_get_AVIC_ENABLE(c->spec.vmcb) &&
	    (vmcb_get_V_IRQ(c->spec.vmcb) || check_intercepted(c, ROW_VINTR)))
		check_found(c, check, control_field_range(c, "AVIC_ENABLE"), "avic_enable is 1 and so "
			    "is v_irq or the intercept VINTR, which AVIC ignores; use one of them");
}
CHECK_WARNING(avic, "W20", "APM 15.29.8.3", NEEDS);

static void bus_lock(struct comp *c, const struct check *check)
{
	if (check_intercepted(c, ROW_BUSLOCK) && !vmcb_get_BUS_LOCK_COUNTER(c->spec.vmcb))
		check_found(c, check, &c->spec.intercept_range[ROW_BUSLOCK], "the intercept BUSLOCK with "
			    "bus_lock_counter 0 exits before the instruction again and again; set "
			    "the counter to 1 or more");
}
CHECK_WARNING(bus_lock, "W21", "APM 15.14.5", NEEDS);

static void foreign(struct comp *c, const struct check *check)
{
	static const char message[] = "svmrt.ko refuses a template that sets %s%s; leave it out, or, "
		"if another hypervisor is to run the VMCB, say -W no-svmrt";
	const uint64_t event = vmcb_get_EVENTINJ(c->spec.vmcb);

	for (size_t i = 0; i < svm_intercept_count; i++)
		if (!svmrt_takes_intercept(&svm_intercepts[i]) &&
		    c->spec.intercept_range[i].source && check_intercepted(c, (enum intercept_row)i))
			check_found(c, check, &c->spec.intercept_range[i], message, "the intercept ",
				    svm_intercepts[i].name);
	if (event & EVENT_V && EVENT_TYPE(event) == EVENT_SOFTWARE)
		check_found(c, check, c->spec.sets[c->spec.selected].event_range.source ?
			    &c->spec.sets[c->spec.selected].event_range :
			    control_field_range(c, "EVENTINJ"), message, "a software interrupt", "");
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (c->spec.field_range[i].source && !svmrt_takes_field(f) &&
		    !svmrt_takes_save_field(f) &&
		    (!field_is_zero(c->spec.vmcb, f) ||
		     (c->spec.vmcb_clean && !strcmp(f->name, "VMCB_CLEAN"))))
			check_found(c, check, &c->spec.field_range[i], message, "",
				    field_key(c, f));
	}
}
CHECK_WARNING(foreign, "svmrt", "svmrt(4)", NEEDS | PART_VCPUS | EACH_VCPU_SET);

const struct check *const control_checks[] = {
	&check_vmrun, &check_forced, &check_asid, &check_vnmi, &check_sev, &check_tlb, &check_clean,
	&check_feature, &check_avic, &check_bus_lock, &check_foreign, NULL,
};
