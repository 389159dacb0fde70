/* SPDX-License-Identifier: MIT */
/*
 * What a launch measures, in its order (facts/snp_launch.csv): the firmware's pages, then its
 * metadata sections as each VMM handles them; the vCPUs' pages come last and are no rows.
 */
#include <inttypes.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include "comp.h"
#include "firmware.h"
#include "memory.h"
#include "payload.h"
#include "vmsa.h"

#define PAGE SVMT_PAGE_BYTES

void launch_add_row(struct comp *c, uint64_t gpa, uint64_t bytes, uint32_t type, const char *what,
		    const struct range *range)
{
	struct spec_launch *launch = &c->spec.launch;

	launch->rows = arena_grow(&c->arena, launch->rows, launch->row_count,
				  &launch->row_capacity, sizeof(*launch->rows));
	launch->rows[launch->row_count++] = (struct launch_row){
		{ .gpa = gpa, .bytes = bytes, .type = type }, what, *range,
	};
}

void launch_page(const struct comp *c, const struct vcpu_set *set, uint8_t page[4096])
{
	(void)c;
	memcpy(page, set->vmsa, VMSA_PAGE_BYTES);
	vmsa_from_vmcb(page, set->vmcb);
}

static const uint8_t *read_named(struct comp *c, const struct node *node, uint64_t limit,
				 uint64_t *bytes)
{
	const char *path = node->text;

	if (*path != '/')
		path = arena_printf(&c->arena, "%s/%s", comp_directory(c, &node->range), path);
	return payload_read_file(c, path, node->text, &node->range, limit, bytes);
}

/* Digests of kernel, initrd and command line; false after a message. */
static bool hash_files(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;

	for (int i = 0; i < LAUNCH_FILES; i++) {
		const struct node *node = launch->file[i];
		const uint8_t *data = (const uint8_t *)"";
		uint64_t bytes = 0;
		SHA2_CTX context;

		if (launch->has_digest[i])
			continue;
		/* The command line is hashed with the NUL at its end, also an empty one. */
		if (i == LAUNCH_CMDLINE) {
			data = node ? (const uint8_t *)node->text : data;
			bytes = node ? node->text_bytes + 1 : 1;
		} else if (node) {
			data = read_named(c, node, PAYLOAD_MAX_BYTES, &bytes);
		}
		if (!data)
			return false;
		SHA256Init(&context);
		SHA256Update(&context, data, (size_t)bytes);
		SHA256Final(launch->digest[i], &context);
	}
	return true;
}

/* QEMU target/i386/sev.c: GUID and length of the whole, then GUID, length and digest of each. */
void launch_hashes_table(const struct spec_launch *launch, uint8_t out[HASHES_BYTES])
{
	static const struct {
		const char *guid;
		enum launch_file file;
	} entries[] = {
#define SNP_PAGE(NAME, value, note, source)
#define SNP_SECTION(NAME, value, note, source)
#define SNP_SIGNATURE(NAME, value, note, source)
#define SNP_GUID(NAME, value, note, source) LAUNCH_GUID_##NAME(value)
#define LAUNCH_GUID_FOOTER(value)
#define LAUNCH_GUID_HASH_TABLE_RV(value)
#define LAUNCH_GUID_ES_RESET_BLOCK(value)
#define LAUNCH_GUID_SEV_METADATA(value)
#define LAUNCH_GUID_HASHES_HEADER(value) { value, LAUNCH_FILES },
#define LAUNCH_GUID_HASHES_CMDLINE(value) { value, LAUNCH_CMDLINE },
#define LAUNCH_GUID_HASHES_INITRD(value) { value, LAUNCH_INITRD },
#define LAUNCH_GUID_HASHES_KERNEL(value) { value, LAUNCH_KERNEL },
#include <svmkit/snp_launch.def>
#undef SNP_PAGE
#undef SNP_SECTION
#undef SNP_SIGNATURE
#undef SNP_GUID
	};
	const uint16_t total = 18 + 3 * 50, entry = 50;
	uint8_t *at = out;

	memset(out, 0, HASHES_BYTES);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const bool head = entries[i].file == LAUNCH_FILES;

		firmware_guid(at, entries[i].guid);
		memcpy(at + 16, head ? &total : &entry, 2);
		at += 18;
		if (head)
			continue;
		memcpy(at, launch->digest[entries[i].file], 32);
		at += 32;
	}
}

static const struct firmware_section *find_section(const struct firmware *f, uint32_t type)
{
	for (unsigned int i = 0; i < f->section_count; i++)
		if (f->sections[i].type == type)
			return &f->sections[i];
	return NULL;
}

static void firmware_fault(struct comp *c, uint64_t offset, const char *text)
{
	const struct spec_launch *launch = &c->spec.launch;

	diag_error(&c->diag, &launch->firmware->range, "%s: offset 0x%" PRIx64 ": %s",
		   launch->firmware->text, offset, text);
}

/* The table goes where the firmware looks for it; false after a message. */
static bool place_hashes(struct comp *c, const struct firmware *f)
{
	struct spec_launch *launch = &c->spec.launch;
	const struct firmware_section *section = find_section(f, FIRMWARE_KERNEL_HASHES);
	const bool snp = launch->head.kind == SVMT_LAUNCH_SEV_SNP;
	uint8_t *table = arena_alloc(&c->arena, HASHES_BYTES);

	if (!f->has_hashes || (snp && !section)) {
		diag_error(&c->diag, &launch->file_range[LAUNCH_KERNEL],
			   "%s has no %s, so it would "
			   "not look at the kernel's hash; take an OVMF built for measured direct "
			   "boot (AmdSevX64)",
			   launch->firmware->text,
			   f->has_hashes ? "metadata section KERNEL_HASHES" : "SEV_HASH_TABLE_RV");
		return false;
	}
	if (f->hashes_bytes < HASHES_BYTES || f->hashes_gpa % 16 ||
	    f->hashes_gpa + (uint64_t)HASHES_BYTES > FIRMWARE_END) {
		firmware_fault(c, f->hashes_offset, arena_printf(&c->arena, "SEV_HASH_TABLE_RV has "
			       "0x%" PRIx32 " bytes at 0x%" PRIx32 "; the table needs %u, at a "
			       "multiple of 16, below 4 GiB", f->hashes_bytes, f->hashes_gpa,
			       HASHES_BYTES));
		return false;
	}
	if (snp && (f->hashes_gpa < section->gpa ||
		    f->hashes_gpa + HASHES_BYTES > section->gpa + section->bytes)) {
		firmware_fault(
			c, f->hashes_offset,
			arena_printf(&c->arena,
				     "SEV_HASH_TABLE_RV at 0x%" PRIx32
				     " is not inside the section KERNEL_HASHES at 0x%" PRIx32,
				     f->hashes_gpa, section->gpa));
		return false;
	}
	if (!hash_files(c))
		return false;
	launch_hashes_table(launch, table);
	memory_add(c, "the table of hashes", f->hashes_gpa, table, HASHES_BYTES,
		   &launch->file_range[LAUNCH_KERNEL]);
	return true;
}

static void add_section(struct comp *c, const struct firmware_section *s)
{
	const struct spec_launch *launch = &c->spec.launch;
	uint32_t type = SVMT_PAGE_ZERO;

	if (s->type == FIRMWARE_SEC_MEM && launch->head.vmm == SVMT_VMM_GCE)
		type = SVMT_PAGE_UNMEASURED;
	else if (s->type == FIRMWARE_SECRETS)
		type = SVMT_PAGE_SECRETS;
	else if (s->type == FIRMWARE_CPUID)
		type = SVMT_PAGE_CPUID;
	else if (s->type == FIRMWARE_KERNEL_HASHES && launch->file_range[LAUNCH_KERNEL].source)
		type = SVMT_PAGE_NORMAL;
	launch_add_row(c, s->gpa, s->bytes, type,
		       arena_printf(&c->arena, "the section %s", firmware_section_name(s->type)),
		       &launch->firmware_range);
}

static void add_sections(struct comp *c, const struct firmware *f)
{
	const bool ec2 = c->spec.launch.head.vmm == SVMT_VMM_EC2;

	for (unsigned int i = 0; i < f->section_count; i++)
		if (!ec2 || f->sections[i].type != FIRMWARE_CPUID)
			add_section(c, &f->sections[i]);
	for (unsigned int i = 0; ec2 && i < f->section_count; i++)
		if (f->sections[i].type == FIRMWARE_CPUID)
			add_section(c, &f->sections[i]);
}

/* The firmware's own place is a region that no spec has to name. */
static bool add_firmware(struct comp *c, const struct firmware *f, const uint8_t *data)
{
	struct spec *spec = &c->spec;
	const struct range *range = &spec->launch.firmware_range;

	if (!memory_region(spec, f->gpa, f->bytes)) {
		spec->regions = arena_grow(&c->arena, spec->regions, spec->region_count,
					   &spec->region_capacity, sizeof(*spec->regions));
		spec->regions[spec->region_count++] = (struct spec_region){
			f->gpa, f->bytes, SVMT_ROM, *range,
		};
	}
	memory_add(c, "the firmware", f->gpa, data, f->bytes, range);
	launch_add_row(c, f->gpa, f->bytes, SVMT_PAGE_NORMAL, "the firmware", range);
	return true;
}

static bool read_firmware(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;
	const bool snp = launch->head.kind == SVMT_LAUNCH_SEV_SNP;
	const bool kernel = launch->file_range[LAUNCH_KERNEL].source;
	struct firmware *f = arena_alloc(&c->arena, sizeof(*f));
	struct firmware_error error;
	const uint8_t *data;
	uint64_t bytes = 0;

	data = read_named(c, launch->firmware, FIRMWARE_MAX_BYTES, &bytes);
	if (!data)
		return false;
	if (firmware_read(f, data, bytes, &error)) {
		diag_error(&c->diag, &launch->firmware->range, "%s: %s", launch->firmware->text,
			   error.text);
		return false;
	}
	if (snp && !f->has_metadata) {
		diag_error(&c->diag, &launch->firmware->range, "%s has no SEV metadata, which a "
			   "sev-snp launch follows; take an OVMF built with SEV-SNP support",
			   launch->firmware->text);
		return false;
	}
	if (!f->has_reset && c->spec.vcpu_count > 1) {
		diag_error(
			&c->diag, &launch->firmware->range,
			"%s has no SEV_ES_RESET_BLOCK, so "
			"there is no start address for vCPU 1; take one vCPU or another firmware",
			launch->firmware->text);
		return false;
	}
	launch->ap_start = f->has_reset ? f->reset : 0;
	add_firmware(c, f, data);
	if (kernel && !place_hashes(c, f))
		return false;
	if (snp)
		add_sections(c, f);
	else if (kernel)
		launch_add_row(c, f->hashes_gpa, HASHES_BYTES, SVMT_PAGE_NORMAL,
			       "the table of hashes", &launch->file_range[LAUNCH_KERNEL]);
	return true;
}

static int compare_gpa(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Without a firmware and without a list, what is in memory is measured, page by page ascending. */
static void add_contents(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;
	uint64_t *pages = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i < c->spec.content_count; i++) {
		const struct spec_contents *x = &c->spec.contents[i];

		for (uint64_t at = x->gpa / PAGE * PAGE; at < x->gpa + x->data_bytes; at += PAGE) {
			pages = arena_grow(&c->arena, pages, count, &capacity, sizeof(*pages));
			pages[count++] = at;
		}
	}
	if (count)
		qsort(pages, count, sizeof(*pages), compare_gpa);
	for (size_t i = 0; i < count; i++) {
		struct launch_row *last = launch->row_count ? &launch->rows[launch->row_count - 1]
							    : NULL;

		if (last && pages[i] < last->row.gpa + last->row.bytes)
			continue;
		if (last && pages[i] == last->row.gpa + last->row.bytes)
			last->row.bytes += PAGE;
		else
			launch_add_row(c, pages[i], PAGE, SVMT_PAGE_NORMAL, "the contents",
				       &launch->range);
	}
}

void launch_build(struct comp *c)
{
	struct spec_launch *launch = &c->spec.launch;

	if (!launch->head.kind || c->spec.bad & (PART_LAUNCH | PART_VCPUS))
		return;
	if (launch->firmware) {
		if (!read_firmware(c))
			c->spec.bad |= PART_LAUNCH;
	} else if (!launch->rows_range.source) {
		add_contents(c);
	}
	if (!(c->spec.bad & PART_LAUNCH))
		launch_split_sets(c);
}
