/* SPDX-License-Identifier: MIT */
/*
 * The VMSA page by its table (include/svmkit/vmsa.def), beside the VMCB: a field that both have is
 * at the same offset of the page as of the VMCB's save area (APM volume 2, tables B-2 and B-4).
 */
#ifndef SVMKIT_VMSA_H
#define SVMKIT_VMSA_H

#include "tables.h"

#define VMSA_PAGE_BYTES 4096u

struct vmsa_field_info {
	char name[24];		/* spec name: es.selector, rip, sev_features */
	uint16_t offset;	/* in the page, bytes */
	uint16_t bytes;		/* may exceed 8 */
	bool reserved;
	char swap[12];		/* APM table B-4: A, B or C, "guest only", or "-" */
	char feature[32], meaning[304];
};

extern const struct vmsa_field_info vmsa_fields[];
extern const size_t vmsa_field_count;

/* Field by its exact name, or NULL. */
const struct vmsa_field_info *vmsa_field_find(const char *name);

/* The VMCB's save field of the same name, place and width, or NULL. */
const struct vmcb_field_info *vmsa_shared(const struct vmsa_field_info *field);

/* Value of a field of at most 8 bytes. */
uint64_t vmsa_get(const uint8_t *page, const struct vmsa_field_info *field);
void vmsa_set(uint8_t *page, const struct vmsa_field_info *field, uint64_t value);

/* Copy every shared field between the save area of a VMCB and the page. */
void vmsa_from_vmcb(uint8_t *page, const struct svmk_vmcb *vmcb);
void vmsa_to_vmcb(const uint8_t *page, struct svmk_vmcb *vmcb);

/* First byte that is not zero and belongs to no field but reserved ones; 4096 without. */
unsigned int vmsa_find_reserved(const uint8_t *page);

/* Make all such bytes zero; returns how many there were. */
unsigned int vmsa_clear_reserved(uint8_t *page);

#endif
