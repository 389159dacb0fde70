/* SPDX-License-Identifier: MIT */
/*
 * Confidential guests: what `confidential:` of a spec says, the registers that its VMM gives to a
 * vCPU, and what the launch measures. Registers of VMSA pages have the same names and places as
 * those of the VMCB wherever both have them, so that spec, checks and decompiler treat them alike.
 */
#ifndef SVMC_LAUNCH_H
#define SVMC_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmt.h>
#include "diag.h"
#include "node.h"

struct comp;
struct svmt_view;

#define LAUNCH_MAX_ROWS 4096u
#define LAUNCH_KNOWN_UNTIL 20260531u	/* as far as facts/snp_profiles.csv vouches for the VMMs */
#define LAUNCH_BSP_START 0xfffffff0u	/* reset vector, APM volume 2 table 14-1 */
#define SNP_POLICY_DEFAULT 0x30000ULL	/* SMT allowed, bit 17 must be one */
#define ES_POLICY_DEFAULT 0x5ULL	/* SEV API 3: no debugging, SEV-ES */

enum launch_file { LAUNCH_KERNEL, LAUNCH_INITRD, LAUNCH_CMDLINE, LAUNCH_FILES };

struct launch_row {
	struct svmt_launch_row row;
	const char *what;		/* "the firmware", "the section SEC_MEM" */
	struct range range;
};

/* Zero of a spec without `confidential`. */
struct spec_launch {
	struct svmt_launch head;	/* kind != 0: the guest is confidential */
	const struct launch_profile *profile;	/* NULL: registers of a plain profile (raw) */
	bool has_policy, has_features;
	struct range range, kind_range, vmm_range, as_of_range, policy_range, features_range,
		signature_range, firmware_range, id_block_range, rows_range;
	const struct node *firmware;	/* file name, or NULL */
	uint32_t ap_start;		/* where application processors begin, or 0: as the first */
	const struct node *file[LAUNCH_FILES];	/* NULL: not there, or only its digest */
	bool has_digest[LAUNCH_FILES];
	uint8_t digest[LAUNCH_FILES][32];
	struct range file_range[LAUNCH_FILES];
	struct launch_row *rows;
	size_t row_count, row_capacity;
};

/* One dated set of first registers; the rows are SNP_PROFILE_VALUE of one name. */
struct launch_profile {
	const char *name, *vmm, *summary;
	uint32_t since;			/* as 20240714 */
	size_t first, count;		/* rows behind the one about all of it */
};

struct launch_value {
	char profile[20], vmm[8];
	uint32_t since;
	char cpu[4];			/* all, bsp, ap; snp: all, of SEV-SNP guests only */
	char field[16], value[20];	/* a number, signature, eip, eip-high or eip-low */
	char source[120];
};

extern const struct launch_value launch_values[];

/* The profiles in the order of the facts; false behind the last. */
bool launch_profile_at(size_t index, struct launch_profile *out);
const struct launch_profile *launch_profile_find(struct comp *c, const char *name);
/* The newest profile of the VMM that is not newer than `as_of`, or NULL. */
const struct launch_profile *launch_profile_of(struct comp *c, const char *vmm, uint32_t as_of);

/* What the rest of svmc asks of a profile, for the one that c->spec.launch.profile is. */
const struct profile *launch_profile_shell(struct comp *c);

/* Registers of the selected set from the profile: those of the first vCPU, or of the others. */
void launch_profile_apply(struct comp *c, bool is_first);

/*
 * After all sets were read: one for the first vCPU alone if the others begin differently, and what
 * the profile gives to those, unless the spec says otherwise.
 */
void launch_split_sets(struct comp *c);

/* SEV_FEATURES of the profile, or SNPActive alone for a SEV-SNP guest without one. */
uint64_t launch_default_features(const struct spec_launch *launch);

/* The profile's value of a register of the page, for messages and dumps of profiles. */
bool launch_value_number(const struct spec_launch *launch, const struct launch_value *value,
			 bool is_first, uint64_t *number);

/* `confidential:`, before everything else of the spec. */
void launch_read(struct comp *c);

/* Firmware, hashes table and rows into memory; then the vCPUs that depend on them. */
void launch_build(struct comp *c);

void launch_add_row(struct comp *c, uint64_t gpa, uint64_t bytes, uint32_t type, const char *what,
		    const struct range *range);

/* The VMSA page of a set of vCPUs. */
struct vcpu_set;
void launch_page(const struct comp *c, const struct vcpu_set *set, uint8_t page[4096]);

/* Names: "sev-snp", "qemu", "normal"; NULL for an unknown number. And back; 0: unknown. */
const char *launch_kind_name(uint32_t kind);
const char *launch_vmm_name(uint32_t vmm);
const char *launch_type_name(uint32_t type);
uint32_t launch_kind_find(const char *name);
uint32_t launch_vmm_find(const char *name);
uint32_t launch_type_find(const char *name);

/* CPUID Fn0000_0001_EAX of a processor's name, NULL behind the last. */
const char *launch_signature_at(size_t index, uint32_t *signature);

/* "2026-05-01" */
void launch_date(uint32_t date, char out[16]);

#define HASHES_BYTES 176u	/* of the table of kernel hashes, padded to 16 */

/* The table that firmware compares kernel, initrd and command line with. */
void launch_hashes_table(const struct spec_launch *launch, uint8_t out[HASHES_BYTES]);

#endif
