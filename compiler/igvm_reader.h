/* SPDX-License-Identifier: MIT */
/* An import in progress. Internal to igvm_import*.c. */
#ifndef SVMC_IGVM_READER_H
#define SVMC_IGVM_READER_H

#include "comp.h"
#include "igvm_convert.h"

#define MAX_AREAS 64u

struct igvm_reader {
	struct comp *c;
	const struct igvm *igvm;
	struct igvm_import *out;
	uint32_t platform, mask;
	const uint8_t *contexts[SVMT_MAX_VCPUS];
	uint64_t context_gpa[SVMT_MAX_VCPUS];
	uint32_t context_count;
	struct igvm_parameter_area areas[MAX_AREAS];
	uint32_t area_count;
	uint32_t late_pages;		/* behind a vCPU */
	uint64_t first_late;
	bool policy_seen;
};

static inline bool igvm_is_confidential(const struct igvm_reader *r)
{
	return r->platform != IGVM_NATIVE;
}

/* A named error with the place in the file. Always false. */
__attribute__((format(printf, 3, 4)))
bool igvm_fail(struct igvm_reader *r, uint64_t offset, const char *format, ...);

/* Something of the file that the template will not have; `measured`: the digest changes by that. */
__attribute__((format(printf, 3, 4)))
void igvm_lose(struct igvm_reader *r, bool measured, const char *format, ...);

/* vCPUs in sets of those that begin alike, as a spec has them. */
bool igvm_add_vcpus(struct igvm_reader *r);

#endif
