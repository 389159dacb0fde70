/* SPDX-License-Identifier: MIT */
/*
 * Intercepts without which a guest has the host in its hands: rows W01 to W10 of
 * facts/consistency_checks.csv. VMRUN takes such a VMCB, and svmrt.ko sets them again, so these are
 * warnings. W11 cannot happen: svmrt.ko switches DR0 to DR3 itself.
 */
#include "checks.h"

#define NEEDS (PART_PROFILE | PART_CONTROL)

static void removed(struct comp *c, const struct check *check, const enum intercept_row *rows,
		    const char *harm)
{
	for (; *rows != INTERCEPT_ROWS; rows++)
		if (!check_intercepted(c, *rows))
			check_found(c, check, &c->spec.intercept_range[*rows],
				    "without the intercept %s %s; svmrt.ko sets it again, so leave "
				    "it in", svm_intercepts[*rows].name, harm);
}

/* One check for each row: its intercepts and what happens without them. */
#define REMOVED(function, name, section, harm, ...) \
	static void function(struct comp *c, const struct check *check) \
	{ \
		static const enum intercept_row rows[] = { __VA_ARGS__, INTERCEPT_ROWS }; \
		removed(c, check, rows, harm); \
	} \
	CHECK_WARNING(function, name, section, NEEDS)

static void interrupts(struct comp *c, const struct check *check)
{
	static const enum intercept_row rows[] = { ROW_INTR, INTERCEPT_ROWS };

	removed(c, check, rows, "the guest gets the host's interrupts");
	if (!vmcb_get_V_INTR_MASKING(c->spec.vmcb))
		check_found(c, check, control_field_range(c, "V_INTR_MASKING"),
			    "v_intr_masking is 0, so that the guest's RFLAGS.IF holds the host's "
			    "interrupts back; svmrt.ko sets it again, so leave it 1");
}
CHECK_WARNING(interrupts, "W01", "APM 15.21.1", NEEDS);

REMOVED(nmi, "W02", "APM 15.13.2", "the guest's handler gets the host's NMIs", ROW_NMI);
REMOVED(shutdown, "W03", "APM 15.14.3", "a triple fault of the guest resets the processor",
	ROW_SHUTDOWN);
REMOVED(loops, "W04", "APM 15.12", "a guest can make the processor deliver exceptions for ever "
	"(CVE-2015-5307, CVE-2015-8104)", ROW_EXC_DB, ROW_EXC_AC);
REMOVED(machine_check, "W05", "APM 15.12.18", "the guest's handler gets the host's machine checks",
	ROW_EXC_MC);
REMOVED(svm, "W06", "APM 15.9", "the guest reaches physical memory or GIF", ROW_VMLOAD, ROW_VMSAVE,
	ROW_INVLPGA, ROW_SKINIT, ROW_STGI, ROW_CLGI);
REMOVED(maps, "W07", "APM 15.10", "the guest has every port or MSR of the host", ROW_IOIO, ROW_MSR);
REMOVED(xsetbv, "W08", "APM 15.9", "the guest changes the host's XCR0", ROW_XSETBV);
REMOVED(invd, "W09", "APM 15.9", "the guest throws the host's cache lines away", ROW_INVD);
REMOVED(task_switch, "W10", "APM 15.14.1", "a task switch runs under nested paging, which no "
	"hypervisor relies on", ROW_TASK_SWITCH);

const struct check *const intercept_checks[] = {
	&check_interrupts, &check_nmi, &check_shutdown, &check_loops, &check_machine_check,
	&check_svm, &check_maps, &check_xsetbv, &check_invd, &check_task_switch, NULL,
};
