/* SPDX-License-Identifier: MIT */
/* Showing a template that the reader accepted, for people and for programs. */
#ifndef SVMC_DUMP_H
#define SVMC_DUMP_H

#include <cjson/cJSON.h>
#include <stdio.h>
#include "svmt_read.h"
#include "tables.h"

void dump_text(FILE *out, const struct svmt_view *view);

/* Returns 0, or -1 when memory ran out. */
int dump_json(FILE *out, const struct svmt_view *view);

/*
 * Call `show` for every field of the VMCB that is not zero, control area first, then save area.
 * Intercept words are left out: dump_intercepts() names their bits.
 */
void dump_fields(const struct svmk_vmcb *vmcb,
		 void (*show)(void *argument, const struct vmcb_field_info *field, uint64_t value),
		 void *argument);

/* The same for fields of more than 64 bits, in hexadecimal. */
void dump_wide_fields(const struct svmk_vmcb *vmcb,
		      void (*show)(void *argument, const struct vmcb_field_info *field,
				   const char *value),
		      void *argument);

/* Call `show` for every intercept that is set. */
void dump_intercepts(const struct svmk_vmcb *vmcb,
		     void (*show)(void *argument, const struct svm_intercept_info *row),
		     void *argument);

/* The VMCB of a vCPU is copied: a page of the image is not aligned as a VMCB is. */
void dump_vmcb(const struct svmt_view *view, uint32_t vcpu, struct svmk_vmcb *vmcb);
const struct svmrt_vcpu_state *dump_state(const struct svmt_view *view, uint32_t vcpu);

/* Only in confidential templates: the VMSA page of a vCPU (else NULL), and the launch. */
const uint8_t *dump_vmsa(const struct svmt_view *view, uint32_t vcpu);
void dump_vmsa_text(FILE *out, const uint8_t *page);
void dump_vmsa_json(cJSON *object, const uint8_t *page);
void dump_launch_text(FILE *out, const struct svmt_view *view);
void dump_launch_json(cJSON *root, const struct svmt_view *view);

/* Names that text and JSON share. */
const char *dump_region_kind(uint32_t kind);
const char *dump_msr_access(uint8_t access);
/* ", what the module fills in", or "". */
const char *dump_cpuid_live(uint32_t live, unsigned int reg);
/* "read", "write", or "" for both. */
const char *dump_rule_access(const struct svmrt_exit_rule *rule);
/* `do: table` of a port or address: the rule has a value. */
bool dump_rule_value(const struct svmrt_exit_rule *rule);
/* "0x80" or "0x60-0x64". */
void dump_rule_range(const struct svmrt_exit_rule *rule, char text[48]);
const char *dump_msr_name(uint32_t index);	/* "" if it has none */

/* What the permission map lets pass without an exit: bit 0 reads, bit 1 writes. */
unsigned int dump_msr_pass(const struct svmt_view *view, uint32_t index);

#endif
