/* SPDX-License-Identifier: MIT */
/*
 * What the language takes, for those who describe it instead of reading it: the keys of every map
 * and the fields that a spec may set. The readers of spec_*.c own these tables.
 */
#ifndef SVMC_SPEC_TABLES_H
#define SVMC_SPEC_TABLES_H

#include "read.h"

struct key_table {
	const struct key *keys;
	size_t count;
};

/* Place the line `KEY_TABLE(...)` under the array that it exports. */
#define KEY_TABLE(name_, keys_) \
	const struct key_table name_ = { keys_, sizeof(keys_) / sizeof((keys_)[0]) }

extern const struct key_table spec_keys, memory_region_keys, payload_map_keys, segment_keys,
	vcpus_keys, vcpus_item_keys, cpuid_keys, cpuid_row_keys, msr_row_keys, device_keys,
	exit_keys, exit_rule_keys, expect_keys, expect_event_keys, launch_keys, launch_digest_keys,
	launch_id_keys, launch_row_keys;

/* Whether `control:` or the state of a vCPU may set the field. */
bool control_takes_field(const struct vmcb_field_info *field);
bool vcpus_take_field(const struct vmcb_field_info *field);

/* Whether svmrt.ko takes the intercept bit from a template. */
bool control_takes_intercept(const struct svm_intercept_info *row);

/* The rows of `base: host`. */
const struct svmrt_cpuid_row *cpuid_host_rows(size_t *count);

#endif
