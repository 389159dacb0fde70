/* SPDX-License-Identifier: MIT */
/* Checks of `control:`: intercepts that the host's safety needs cannot be removed. */
#include "checks.h"

static void forced(struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < svm_intercept_count; i++) {
		const struct svm_intercept_info *row = &svm_intercepts[i];

		if (row->force != SVM_FORCE_ALWAYS ||
		    vmcb_get_intercepts(c->spec.vmcb, row->word) & 1u << row->bit)
			continue;
		check_found(c, check, &c->spec.intercept_range[i],
			    "the intercept %s cannot be removed: "
			    "svmrt.ko sets it to keep the host safe (%s); leave it in",
			    row->name, row->safety);
	}
}
CHECK(forced, "intercept-forced", "APM 15.9", PART_PROFILE | PART_CONTROL);

const struct check *const control_checks[] = { &check_forced, NULL };
