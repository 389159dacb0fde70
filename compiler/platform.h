/* SPDX-License-Identifier: MIT */
/*
 * What a guest with a chipset finds in its processor beside the devices: CPUID as `base: host` has it,
 * and the MSRs that an operating system of a PC touches without asking. A spec's own rows replace these.
 */
#ifndef SVMC_PLATFORM_H
#define SVMC_PLATFORM_H

#include "comp.h"

/* The rows of `base: host` for a guest with that many vCPUs, in arena memory. */
const struct svmrt_cpuid_row *cpuid_base_rows(struct arena *arena, bool chipset, uint32_t vcpus,
					      size_t *count);

/* An MSR of the chipset, and why a guest has it. */
struct platform_msr {
	struct svmrt_msr_row row;
	const char *reason;
};

const struct platform_msr *platform_msrs(size_t *count);

/* Add the chipset's MSRs, and CPUID if the spec has none, to what the spec says. */
void platform_add(struct comp *c);

#endif
