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

extern const struct key_table spec_keys, memory_region_keys, payload_map_keys, module_keys,
	initrd_keys, segment_keys,
	vcpus_keys, vcpus_item_keys, cpuid_keys, cpuid_row_keys, msr_row_keys, device_keys,
	exit_keys, exit_rule_keys, page_tables_keys, page_map_keys, gdt_keys, gdt_entry_keys, idt_keys,
	idt_gate_keys, inject_keys, expect_keys, expect_event_keys, launch_keys,
	launch_digest_keys, launch_id_keys, launch_row_keys;

/* Whether `control:` or the state of a vCPU may set the field. */
bool control_takes_field(const struct vmcb_field_info *field);
bool vcpus_take_field(const struct vmcb_field_info *field);

/* The field's key: v_tpr of V_TPR; in arena memory. */
const char *field_key(struct comp *c, const struct vmcb_field_info *field);

/* Whether svmrt.ko takes the control field, save field or intercept from a template. */
bool svmrt_takes_field(const struct vmcb_field_info *field);
bool svmrt_takes_save_field(const struct vmcb_field_info *field);
bool svmrt_takes_intercept(const struct svm_intercept_info *row);

/* Whether VMLOAD and VMSAVE switch the MSR, so that a guest may have it without an exit. */
bool msr_is_switched(uint32_t msr);

/* MSR_PASS_* of an MSR: none unless it is switched, then both unless a row says otherwise. */
unsigned int msr_passes(const struct spec *spec, uint32_t msr);

/* SVMRT_CPUID_LIVE_* that are in the register (0 is EAX). */
uint32_t cpuid_live_of(unsigned int reg);

#endif
