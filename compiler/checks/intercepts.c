/* SPDX-License-Identifier: MIT */
/*
 * Intercepts without which a guest has the host in its hands: rows W01 to W10 of
 * facts/consistency_checks.csv. VMRUN takes such a VMCB, and svmrt.ko sets them again, so these are
 * warnings. W11 cannot happen: svmrt.ko switches DR0 to DR3 itself.
 */
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_CONTROL)

static bool intercepted(const struct comp *c, const struct svm_intercept_info *row)
{
	return vmcb_get_intercepts(c->spec.vmcb, row->word) & 1u << row->bit;
}

static void removed(struct comp *c, const struct check *check, const char *const *names,
		    const char *harm)
{
	for (; *names; names++) {
		const struct svm_intercept_info *row = svm_intercept_find(*names);

		if (!intercepted(c, row))
			check_found(c, check, &c->spec.intercept_range[row - svm_intercepts],
				    "without the intercept %s %s; svmrt.ko sets it again, so leave "
				    "it in", row->name, harm);
	}
}

/* One check for each row: its intercepts and what happens without them. */
#define REMOVED(function, name, section, harm, ...) \
	static void function(struct comp *c, const struct check *check) \
	{ \
		static const char *const names[] = { __VA_ARGS__, NULL }; \
		removed(c, check, names, harm); \
	} \
	CHECK_WARNING(function, name, section, NEEDS)

static void interrupts(struct comp *c, const struct check *check)
{
	static const char *const names[] = { "INTR", NULL };

	removed(c, check, names, "the guest gets the host's interrupts");
	if (!vmcb_get_V_INTR_MASKING(c->spec.vmcb))
		check_found(c, check, control_field_range(c, "V_INTR_MASKING"),
			    "v_intr_masking is 0, so that the guest's RFLAGS.IF holds the host's "
			    "interrupts back; svmrt.ko sets it again, so leave it 1");
}
CHECK_WARNING(interrupts, "W01", "APM 15.21.1", NEEDS);

REMOVED(nmi, "W02", "APM 15.13.2", "the guest's handler gets the host's NMIs", "NMI");
REMOVED(shutdown, "W03", "APM 15.14.3", "a triple fault of the guest resets the processor",
	"SHUTDOWN");
REMOVED(loops, "W04", "APM 15.12", "a guest can make the processor deliver exceptions for ever "
	"(CVE-2015-5307, CVE-2015-8104)", "EXC_DB", "EXC_AC");
REMOVED(machine_check, "W05", "APM 15.12.18", "the guest's handler gets the host's machine checks",
	"EXC_MC");
REMOVED(svm, "W06", "APM 15.9", "the guest reaches physical memory or GIF", "VMLOAD", "VMSAVE",
	"INVLPGA", "SKINIT", "STGI", "CLGI");
REMOVED(maps, "W07", "APM 15.10", "the guest has every port or MSR of the host", "IOIO", "MSR");
REMOVED(xsetbv, "W08", "APM 15.9", "the guest changes the host's XCR0", "XSETBV");
REMOVED(invd, "W09", "APM 15.9", "the guest throws the host's cache lines away", "INVD");
REMOVED(task_switch, "W10", "APM 15.14.1", "a task switch runs under nested paging, which no "
	"hypervisor relies on", "TASK_SWITCH");

const struct check *const intercept_checks[] = {
	&check_interrupts, &check_nmi, &check_shutdown, &check_loops, &check_machine_check,
	&check_svm, &check_maps, &check_xsetbv, &check_invd, &check_task_switch, NULL,
};
