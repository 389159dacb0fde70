/* SPDX-License-Identifier: MIT */
/*
 * Template reader: the sections of confidential templates, and what must hold between them and the
 * vCPUs. A program that cannot run such guests (svmrund) reads them too, to refuse them by name.
 */
#include <inttypes.h>
#include <stddef.h>
#include "svmt_check.h"

#define GPA_LIMIT (1ULL << 52)	/* APM volume 2, 5.3: physical addresses have at most 52 bits */

int svmt_check_vmsa(struct svmt_view *view, const struct svmt_section *row,
		    struct svmt_error *error)
{
	const struct svmt_vmsa *vmsas = (const void *)(view->image + row->offset);
	const uint64_t count = row->length / sizeof(*vmsas);

	if (row->length % sizeof(*vmsas) || !count || count > SVMT_MAX_VCPUS)
		return svmt_fail(error, row->offset,
				 "section VMSA is 0x%" PRIx64 " bytes long; the "
				 "rule is %zu for each of 1 to %u vCPUs",
				 (uint64_t)row->length, sizeof(*vmsas), SVMT_MAX_VCPUS);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t at = row->offset + i * sizeof(*vmsas);

		if (vmsas[i].page != SVMT_ZERO_PAGE && vmsas[i].page >= view->blob_pages)
			return svmt_fail(error, at, "vCPU %" PRIu64 ": BLOB has no page %" PRIu32
					 " for the VMSA", i, vmsas[i].page);
		if (vmsas[i].reserved)
			return svmt_fail(error, at + offsetof(struct svmt_vmsa, reserved), "VMSA "
					 "row %" PRIu64 " has reserved bytes that are not zero", i);
		if (vmsas[i].gpa % SVMT_PAGE_BYTES || vmsas[i].gpa >= GPA_LIMIT)
			return svmt_fail(error, at + offsetof(struct svmt_vmsa, gpa),
					 "vCPU %" PRIu64 ": the VMSA's address 0x%" PRIx64
					 " is not a page below "
					 "2^52",
					 i, (uint64_t)vmsas[i].gpa);
	}
	view->vmsas = vmsas;
	view->vmsa_count = (uint32_t)count;
	return 0;
}

static int check_row(const struct svmt_launch *launch, uint32_t i, uint64_t at, uint64_t *total,
		     struct svmt_error *error)
{
	const struct svmt_launch_row *r = (const struct svmt_launch_row *)(launch + 1) + i;
	const bool es = launch->kind == SVMT_LAUNCH_SEV_ES;
	const uint64_t unit = es ? 16 : SVMT_PAGE_BYTES;

	if (r->gpa % unit || r->bytes % unit || !r->bytes || r->gpa >= GPA_LIMIT ||
	    r->bytes > GPA_LIMIT - r->gpa)
		return svmt_fail(error, at, "launch row %" PRIu32 " (0x%" PRIx64 " bytes at 0x%"
				 PRIx64 ") is not a whole number of %" PRIu64 "-byte units below "
				 "2^52", i, (uint64_t)r->bytes, (uint64_t)r->gpa, unit);
	*total += r->bytes;
	if (*total > SVMT_MAX_BYTES)
		return svmt_fail(error, at, "launch rows 0 to %" PRIu32 " measure more than %llu "
				 "GiB", i, SVMT_MAX_BYTES >> 30);
	if (r->type < SVMT_PAGE_NORMAL || r->type > SVMT_PAGE_CPUID || r->type == SVMT_PAGE_VMSA ||
	    (es && r->type != SVMT_PAGE_NORMAL))
		return svmt_fail(error, at + offsetof(struct svmt_launch_row, type), "launch row %"
				 PRIu32 " is of page type %" PRIu32 ", which no row of this kind "
				 "of guest has", i, r->type);
	if (r->reserved)
		return svmt_fail(error, at + offsetof(struct svmt_launch_row, reserved),
				 "launch row %" PRIu32 " has reserved bytes that are not zero", i);
	return 0;
}

static int check_head(const struct svmt_launch *launch, uint64_t at, struct svmt_error *error)
{
	if (launch->kind != SVMT_LAUNCH_SEV_ES && launch->kind != SVMT_LAUNCH_SEV_SNP)
		return svmt_fail(error, at, "the guest is of the unknown confidential kind %" PRIu32
				 "; install a newer svmkit", launch->kind);
	if (launch->vmm < SVMT_VMM_QEMU || launch->vmm > SVMT_VMM_RAW)
		return svmt_fail(error, at + offsetof(struct svmt_launch, vmm), "the VMM %" PRIu32
				 " is unknown; install a newer svmkit", launch->vmm);
	if (launch->flags & ~SVMT_LAUNCH_F_ID_BLOCK)
		return svmt_fail(error, at + offsetof(struct svmt_launch, flags), "section LAUNCH "
				 "has unknown flags 0x%" PRIx32 "; install a newer svmkit",
				 launch->flags & ~SVMT_LAUNCH_F_ID_BLOCK);
	if (launch->reserved)
		return svmt_fail(error, at + offsetof(struct svmt_launch, reserved),
				 "section LAUNCH has reserved bytes that are not zero");
	return 0;
}

int svmt_check_launch(struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error)
{
	const struct svmt_launch *launch = (const void *)(view->image + row->offset);
	uint64_t total = 0;

	if (row->length < sizeof(*launch))
		return svmt_fail(error, row->offset, "section LAUNCH is shorter than its head");
	if (launch->row_count > SVMT_MAX_ROWS ||
	    row->length != sizeof(*launch) +
	    (uint64_t)launch->row_count * sizeof(struct svmt_launch_row))
		return svmt_fail(error, row->offset + offsetof(struct svmt_launch, row_count),
				 "section LAUNCH is 0x%" PRIx64 " bytes long, which does not fit %"
				 PRIu32 " rows (at most %u)", (uint64_t)row->length,
				 launch->row_count, SVMT_MAX_ROWS);
	if (check_head(launch, row->offset, error))
		return -1;
	for (uint32_t i = 0; i < launch->row_count; i++)
		if (check_row(launch, i, row->offset + sizeof(*launch) +
			      i * sizeof(struct svmt_launch_row), &total, error))
			return -1;
	view->launch = launch;
	view->launch_rows = (const void *)(launch + 1);
	return 0;
}

/* Offset in the file of something that the view points at. */
static uint64_t place(const struct svmt_view *view, const void *what)
{
	return (uint64_t)((const uint8_t *)what - view->image);
}

int svmt_check_confidential(const struct svmt_view *view, struct svmt_error *error)
{
	const bool confidential = view->launch;

	for (uint32_t i = 0; i < view->vcpu_count; i++)
		if ((view->vcpus[i].kind == SVMT_VCPU_CONFIDENTIAL) != confidential)
			return svmt_fail(error, place(view, &view->vcpus[i]), "vCPU %" PRIu32 " is "
					 "%s, but the template has %s section LAUNCH", i,
					 confidential ? "plain" : "confidential",
					 confidential ? "a" : "no");
	if (!confidential && view->vmsas)
		return svmt_fail(error, place(view, view->vmsas),
				 "a section VMSA without a section LAUNCH");
	if (confidential && !view->vmsas)
		return svmt_fail(error, place(view, view->launch),
				 "a section LAUNCH without a section VMSA");
	if (confidential && view->vmsa_count != view->vcpu_count)
		return svmt_fail(error, place(view, view->vmsas), "section VMSA has %" PRIu32
				 " rows for %" PRIu32 " vCPUs", view->vmsa_count, view->vcpu_count);
	return 0;
}
