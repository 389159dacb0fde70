/* SPDX-License-Identifier: MIT */
/*
 * Template reader, second half: the rules inside each section, one function per section type and a
 * table of them at the end. Every error carries the byte offset of the row that breaks the rule.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "svmt_check.h"
#include "tables.h"

#define GPA_LIMIT (1ULL << 52)	/* APM volume 2, 5.3: physical addresses have at most 52 bits */

/* A section of `count` rows of `row_bytes`; -1 with `error` when the length does not divide. */
static int count_rows(const struct svmt_section *row, size_t row_bytes, uint64_t limit,
		      uint32_t *count, struct svmt_error *error)
{
	if (row->length % row_bytes)
		return svmt_fail(error, row->offset,
				 "section %s is 0x%" PRIx64 " bytes long, which is "
				 "not a multiple of its rows' %zu",
				 svmt_section_name(row->type), (uint64_t)row->length, row_bytes);
	if (row->length / row_bytes > limit)
		return svmt_fail(error, row->offset,
				 "section %s has %" PRIu64 " rows; the limit is %" PRIu64,
				 svmt_section_name(row->type), (uint64_t)(row->length / row_bytes),
				 limit);
	*count = (uint32_t)(row->length / row_bytes);
	return 0;
}

static int check_text(const struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error)
{
	const char *text = (const char *)view->image + row->offset;
	const char *nul;

	if (!row->length || row->length > 1u << 20)
		return svmt_fail(error, row->offset,
				 "section %s must hold 1 byte to 1 MiB of JSON text",
				 svmt_section_name(row->type));
	nul = memchr(text, 0, (size_t)row->length);
	if (nul)
		return svmt_fail(error, row->offset + (uint64_t)(nul - text),
				 "section %s holds a NUL byte", svmt_section_name(row->type));
	return 0;
}

static int check_meta(struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error)
{
	view->meta = (const char *)view->image + row->offset;
	view->meta_bytes = row->length;
	return check_text(view, row, error);
}

static int check_expect(struct svmt_view *view, const struct svmt_section *row,
			struct svmt_error *error)
{
	view->expect = (const char *)view->image + row->offset;
	view->expect_bytes = row->length;
	return check_text(view, row, error);
}

static int check_features(struct svmt_view *view, const struct svmt_section *row,
			  struct svmt_error *error)
{
	if (row->length != sizeof(struct svmt_features))
		return svmt_fail(error, row->offset, "section FEATURES must be %zu bytes long",
				 sizeof(struct svmt_features));
	view->features = (const void *)(view->image + row->offset);
	for (size_t i = 0; i < 15; i++)
		if (view->features->reserved[i])
			return svmt_fail(error, row->offset + 4 + 4 * i,
					 "needs a host feature that this program does not know; "
					 "install a newer svmkit");
	return 0;
}

static int check_regions(const struct svmt_view *view, uint64_t at, struct svmt_error *error)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < view->region_count; i++, at += sizeof(struct svmt_region)) {
		const struct svmt_region *r = &view->regions[i];

		if (r->gpa % SVMT_PAGE_BYTES || r->bytes % SVMT_PAGE_BYTES || !r->bytes)
			return svmt_fail(error, at,
					 "memory region %" PRIu32 " (0x%" PRIx64 ", 0x%" PRIx64
					 " bytes) is not whole pages",
					 i, (uint64_t)r->gpa, (uint64_t)r->bytes);
		if (r->gpa >= GPA_LIMIT || r->bytes > GPA_LIMIT - r->gpa)
			return svmt_fail(error, at, "memory region %" PRIu32 " ends above 2^52", i);
		if (r->gpa < end)
			return svmt_fail(error, at,
					 "memory region %" PRIu32 " begins at 0x%" PRIx64
					 ", inside or before the previous one",
					 i, (uint64_t)r->gpa);
		if ((r->kind != SVMT_RAM && r->kind != SVMT_ROM) || r->reserved)
			return svmt_fail(error, at + offsetof(struct svmt_region, kind),
					 "memory region %" PRIu32 " is of an unknown kind", i);
		end = r->gpa + r->bytes;
	}
	return 0;
}

static int check_runs(const struct svmt_view *view, uint64_t at, struct svmt_error *error)
{
	uint64_t end = 0;
	uint32_t region = 0;

	for (uint32_t i = 0; i < view->run_count; i++, at += sizeof(struct svmt_run)) {
		const struct svmt_run *run = &view->runs[i];
		const uint64_t bytes = (uint64_t)run->pages * SVMT_PAGE_BYTES;
		const struct svmt_region *r = view->regions;

		if (run->gpa % SVMT_PAGE_BYTES || !run->pages || run->gpa >= GPA_LIMIT)
			return svmt_fail(error, at,
					 "initial contents %" PRIu32 " are not whole pages", i);
		if (run->gpa < end)
			return svmt_fail(error, at,
					 "initial contents %" PRIu32 " begin at 0x%" PRIx64
					 ", inside or before the previous ones",
					 i, (uint64_t)run->gpa);
		end = run->gpa + bytes;
		while (region < view->region_count && run->gpa >= r[region].gpa + r[region].bytes)
			region++;
		if (region == view->region_count || run->gpa < r[region].gpa ||
		    end > r[region].gpa + r[region].bytes)
			return svmt_fail(error, at,
					 "initial contents %" PRIu32 " at 0x%" PRIx64
					 " are not inside one memory region",
					 i, (uint64_t)run->gpa);
		if (run->blob_page >= view->blob_pages ||
		    run->pages > view->blob_pages - run->blob_page)
			return svmt_fail(error, at + offsetof(struct svmt_run, blob_page),
					 "initial contents %" PRIu32
					 " name pages that BLOB does not have",
					 i);
	}
	return 0;
}

static int check_memory(struct svmt_view *view, const struct svmt_section *row,
			struct svmt_error *error)
{
	const struct svmt_memory *memory = (const void *)(view->image + row->offset);
	uint64_t at = row->offset + sizeof(*memory);

	if (row->length < sizeof(*memory))
		return svmt_fail(error, row->offset, "section MEMORY is shorter than its head");
	if (memory->region_count > SVMT_MAX_REGIONS || memory->reserved)
		return svmt_fail(error, row->offset,
				 "section MEMORY has %" PRIu32 " regions (at most %u) "
				 "or reserved bytes that are not zero",
				 memory->region_count, SVMT_MAX_REGIONS);
	if (row->length != sizeof(*memory) +
	    (uint64_t)memory->region_count * sizeof(struct svmt_region) +
	    (uint64_t)memory->run_count * sizeof(struct svmt_run))
		return svmt_fail(error, row->offset,
				 "section MEMORY is 0x%" PRIx64 " bytes long, which "
				 "does not fit %" PRIu32 " regions and %" PRIu32 " runs",
				 (uint64_t)row->length, memory->region_count, memory->run_count);
	view->region_count = memory->region_count;
	view->run_count = memory->run_count;
	view->regions = (const void *)(view->image + at);
	view->runs = (const void *)(view->regions + view->region_count);
	if (check_regions(view, at, error))
		return -1;
	return check_runs(view, at + view->region_count * sizeof(struct svmt_region), error);
}

static int check_blob(struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error)
{
	view->blob = view->image + row->offset;
	return count_rows(row, SVMT_PAGE_BYTES, SVMT_MAX_BYTES / SVMT_PAGE_BYTES,
			  &view->blob_pages, error);
}

static int check_vcpus(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	if (count_rows(row, sizeof(struct svmt_vcpu), SVMT_MAX_VCPUS, &view->vcpu_count, error))
		return -1;
	view->vcpus = (const void *)(view->image + row->offset);
	if (!view->vcpu_count)
		return svmt_fail(error, row->offset, "no vCPU: a template has 1 to %u",
				 SVMT_MAX_VCPUS);
	for (uint32_t i = 0; i < view->vcpu_count; i++) {
		const struct svmt_vcpu *v = &view->vcpus[i];
		const uint64_t at = row->offset + i * sizeof(*v);

		if (v->kind != SVMT_VCPU_PLAIN && v->kind != SVMT_VCPU_CONFIDENTIAL)
			return svmt_fail(error, at, "vCPU %" PRIu32 " is of unknown kind %" PRIu32,
					 i, v->kind);
		if (v->start != SVMT_START_RUN && v->start != SVMT_START_WAIT_SIPI)
			return svmt_fail(error, at + offsetof(struct svmt_vcpu, start),
					 "vCPU %" PRIu32 " has the unknown start state %" PRIu32, i,
					 v->start);
		if (v->vmcb_page >= view->blob_pages)
			return svmt_fail(error, at + offsetof(struct svmt_vcpu, vmcb_page),
					 "vCPU %" PRIu32 ": BLOB has no page %" PRIu32
					 " for the VMCB",
					 i, v->vmcb_page);
		if (v->state_page != SVMT_ZERO_PAGE && v->state_page >= view->blob_pages)
			return svmt_fail(error, at + offsetof(struct svmt_vcpu, state_page),
					 "vCPU %" PRIu32 ": BLOB has no page %" PRIu32
					 " for the registers",
					 i, v->state_page);
	}
	return 0;
}

static int check_msrpm(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	view->msrpm = view->image + row->offset;
	if (row->length != 8192)
		return svmt_fail(error, row->offset, "section MSRPM must be 8192 bytes long");
	return 0;
}

/* Order of CPUID rows: by leaf; in a leaf, rows for one subleaf ascending, then the general row. */
static uint64_t cpuid_key(const struct svmrt_cpuid_row *r)
{
	return r->flags ? r->subleaf : 1ULL << 32;
}

static int check_cpuid(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	if (count_rows(row, sizeof(struct svmrt_cpuid_row), SVMT_MAX_ROWS, &view->cpuid_count,
		       error))
		return -1;
	view->cpuid = (const void *)(view->image + row->offset);
	for (uint32_t i = 0; i < view->cpuid_count; i++) {
		const struct svmrt_cpuid_row *r = &view->cpuid[i];
		const uint64_t at = row->offset + i * sizeof(*r);

		if (r->flags & ~SVMRT_CPUID_SUBLEAF || r->live & ~SVMRT_CPUID_LIVE ||
		    (!r->flags && r->subleaf))
			return svmt_fail(error, at,
					 "CPUID row %" PRIu32 " has unknown flags or a subleaf "
					 "without the flag for it",
					 i);
		if (i && (r[-1].leaf > r->leaf ||
			  (r[-1].leaf == r->leaf && cpuid_key(&r[-1]) >= cpuid_key(r))))
			return svmt_fail(error, at, "CPUID row %" PRIu32 " (leaf 0x%" PRIx32
					 ") is out of order or there twice", i, r->leaf);
	}
	return 0;
}

static bool msr_row_has_state(const struct svmrt_msr_row *r)
{
	return r->first == r->last && svmrt_msr_has_state(r->first);
}

static int check_msrs(struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error)
{
	if (count_rows(row, sizeof(struct svmrt_msr_row), SVMT_MAX_ROWS, &view->msr_count, error))
		return -1;
	view->msrs = (const void *)(view->image + row->offset);
	for (uint32_t i = 0; i < view->msr_count; i++) {
		const struct svmrt_msr_row *r = &view->msrs[i];
		const uint64_t at = row->offset + i * sizeof(*r);

		if (r->first > r->last || (i && r[-1].last >= r->first))
			return svmt_fail(error, at,
					 "MSR row %" PRIu32 " (0x%" PRIx32 " to 0x%" PRIx32
					 ") is empty, out of order or overlaps the previous one",
					 i, r->first, r->last);
		if (r->read != SVMRT_MSR_GP && r->read != SVMRT_MSR_VALUE &&
		    (r->read != SVMRT_MSR_STATE || !msr_row_has_state(r)))
			return svmt_fail(error, at + offsetof(struct svmrt_msr_row, read),
					 "MSR row %" PRIu32 ": a read is #GP, a value, or the "
					 "register of a few MSRs", i);
		if (r->write != SVMRT_MSR_GP && r->write != SVMRT_MSR_IGNORE &&
		    (r->write != SVMRT_MSR_STORE || r->first != r->last) &&
		    (r->write != SVMRT_MSR_STATE || !msr_row_has_state(r)))
			return svmt_fail(error, at + offsetof(struct svmrt_msr_row, write),
					 "MSR row %" PRIu32 ": a write is #GP, dropped, kept (one "
					 "MSR only), or the register of a few MSRs", i);
		if (r->reserved0 || r->reserved1)
			return svmt_fail(error, at + offsetof(struct svmrt_msr_row, reserved0),
					 "MSR row %" PRIu32 " has reserved bytes that are not zero",
					 i);
	}
	return 0;
}

static int check_rule(const struct svmrt_exit_rule *r, uint64_t at, struct svmt_error *error)
{
	bool inject = r->action == SVMRT_DO_INJECT;

	if (svmrt_exit_slot(r->code) < 0)
		return svmt_fail(error, at, "0x%" PRIx64 " is not an exit code of the VMCB",
				 (uint64_t)r->code);
	if (r->action >= SVMRT_ACTIONS)
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, action),
				 "exit 0x%" PRIx64 " has the unknown action %u", (uint64_t)r->code,
				 r->action);
	if (r->event >= SVMRT_EVENTS)
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, event),
				 "exit 0x%" PRIx64 " has the unknown event class %u",
				 (uint64_t)r->code, r->event);
	if (inject ? r->vector >= 32 && r->vector != SVMRT_VECTOR_SAME : r->vector != 0)
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, vector),
				 "exit 0x%" PRIx64
				 " has vector %u: an exception for inject, else 0",
				 (uint64_t)r->code, r->vector);
	if ((r->event == SVMRT_EVENT_SAMPLE) != (r->sample != 0))
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, sample),
				 "exit 0x%" PRIx64 " has sample %" PRIu32
				 ": 1 or more for the event class "
				 "sample, else 0",
				 (uint64_t)r->code, r->sample);
	return 0;
}

/* Highest leaf, MSR, port or address of a finer rule for this code, or 0: it has none. */
static uint64_t highest_of(uint64_t code)
{
	/* No switch: the codes are constants to the optimiser only. */
	if (code == SVM_EXIT_CODE_CPUID || code == SVM_EXIT_CODE_MSR)
		return UINT32_MAX;
	if (code == SVM_EXIT_CODE_IOIO)
		return UINT16_MAX;
	return code == SVM_EXIT_CODE_NPF ? (1ULL << 52) - 1 : 0;
}

static int check_range(const struct svmrt_exit_rule *r, uint64_t at, struct svmt_error *error)
{
	const bool constant = r->action == SVMRT_DO_TABLE &&
			      (r->code == SVM_EXIT_CODE_IOIO || r->code == SVM_EXIT_CODE_NPF);
	const uint32_t allowed = r->code == SVM_EXIT_CODE_CPUID ? SVMRT_ON_READ :
							     SVMRT_ON_READ | SVMRT_ON_WRITE;

	if (!(r->reserved | r->access | r->first | r->last | r->value))
		return 0;	/* as are most: for all of the code */
	if (r->reserved || r->access & ~allowed || (r->access && !highest_of(r->code)))
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, access),
				 "exit 0x%" PRIx64 " has no finer rules for access %" PRIu32,
				 (uint64_t)r->code, r->access);
	if (r->first > r->last || r->last > (r->access ? highest_of(r->code) : 0))
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, first),
				 "exit 0x%" PRIx64 " has the range 0x%" PRIx64 " to 0x%" PRIx64,
				 (uint64_t)r->code, (uint64_t)r->first, (uint64_t)r->last);
	if (r->access ? r->value && !constant : r->value != 0)
		return svmt_fail(error, at + offsetof(struct svmrt_exit_rule, value),
				 "exit 0x%" PRIx64 " has a value that nothing reads",
				 (uint64_t)r->code);
	return 0;
}

/*
 * By code; for one code first the rule for all of it, then finer ones by their first. `next` is what
 * the next rule of each direction may begin with.
 */
static bool in_order(const struct svmrt_exit_rule *before, const struct svmrt_exit_rule *r,
		     uint64_t next[2])
{
	if (!before || before->code != r->code) {
		next[0] = next[1] = 0;
		if (before && before->code > r->code)
			return false;
	} else if (!r->access || r->first < before->first) {
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (!(r->access >> i & 1))
			continue;
		if (r->first < next[i])
			return false;
		next[i] = r->last + 1;
	}
	return true;
}

static int check_exits(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	uint64_t next[2] = { 0, 0 };

	if (count_rows(row, sizeof(struct svmrt_exit_rule), SVMRT_MAX_RULES, &view->exit_count,
		       error))
		return -1;
	view->exits = (const void *)(view->image + row->offset);
	for (uint32_t i = 0; i < view->exit_count; i++) {
		const uint64_t at = row->offset + i * sizeof(struct svmrt_exit_rule);

		if (check_rule(&view->exits[i], at, error) || check_range(&view->exits[i], at, error))
			return -1;
		if (!in_order(i ? &view->exits[i - 1] : NULL, &view->exits[i], next))
			return svmt_fail(error, at,
					 "exit rule %" PRIu32 " (code 0x%" PRIx64 ") is out of "
					 "order, overlaps another or is there twice",
					 i, (uint64_t)view->exits[i].code);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*check)(struct svmt_view *view, const struct svmt_section *row,
		     struct svmt_error *error);
} sections[] = {
	[SVMT_META] = { "META", check_meta },
	[SVMT_FEATURES] = { "FEATURES", check_features },
	[SVMT_MEMORY] = { "MEMORY", check_memory },
	[SVMT_BLOB] = { "BLOB", check_blob },
	[SVMT_VCPU] = { "VCPU", check_vcpus },
	[SVMT_MSRPM] = { "MSRPM", check_msrpm },
	[SVMT_CPUID] = { "CPUID", check_cpuid },
	[SVMT_MSRS] = { "MSRS", check_msrs },
	[SVMT_EXITS] = { "EXITS", check_exits },
	[SVMT_DEVICES] = { "DEVICES", svmt_check_devices },
	[SVMT_EXPECT] = { "EXPECT", check_expect },
	[SVMT_VMSA] = { "VMSA", svmt_check_vmsa },
	[SVMT_LAUNCH] = { "LAUNCH", svmt_check_launch },
};

const char *svmt_section_name(uint32_t type)
{
	return type < sizeof(sections) / sizeof(sections[0]) ? sections[type].name : NULL;
}

int svmt_check_section(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error)
{
	return sections[row->type].check(view, row, error);
}
