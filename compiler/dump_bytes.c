/* SPDX-License-Identifier: MIT */
/*
 * The annotated bytes of a template. A line is the offset, up to 16 bytes and what they are; a run
 * of one value is "COUNT * VALUE", so the file could be made again from what is printed.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "dump_bytes.h"
#include "svmt_check.h"

#define LINE_BYTES 16u

/* A member of a struct in the file. */
struct member {
	const char *name;
	uint16_t offset, bytes;
};
#define MEMBER(type, name) { #name, offsetof(struct type, name), sizeof(((struct type *)0)->name) }

static const struct member header_members[] = {
	MEMBER(svmt_header, magic), MEMBER(svmt_header, version), MEMBER(svmt_header, total_bytes),
	MEMBER(svmt_header, sha256), MEMBER(svmt_header, crc32c),
	MEMBER(svmt_header, section_count), MEMBER(svmt_header, flags), { NULL, 0, 0 },
};
static const struct member section_members[] = {
	MEMBER(svmt_section, type), MEMBER(svmt_section, flags), MEMBER(svmt_section, offset),
	MEMBER(svmt_section, length), { NULL, 0, 0 },
};
static const struct member features_members[] = {
	MEMBER(svmt_features, svm_edx), { NULL, 0, 0 },
};
static const struct member memory_members[] = {
	MEMBER(svmt_memory, region_count), MEMBER(svmt_memory, run_count), { NULL, 0, 0 },
};
static const struct member region_members[] = {
	MEMBER(svmt_region, gpa), MEMBER(svmt_region, bytes), MEMBER(svmt_region, kind),
	{ NULL, 0, 0 },
};
static const struct member run_members[] = {
	MEMBER(svmt_run, gpa), MEMBER(svmt_run, blob_page), MEMBER(svmt_run, pages),
	{ NULL, 0, 0 },
};
static const struct member vcpu_members[] = {
	MEMBER(svmt_vcpu, kind), MEMBER(svmt_vcpu, start), MEMBER(svmt_vcpu, vmcb_page),
	MEMBER(svmt_vcpu, state_page), { NULL, 0, 0 },
};
static const struct member cpuid_members[] = {
	MEMBER(svmrt_cpuid_row, leaf), MEMBER(svmrt_cpuid_row, subleaf),
	MEMBER(svmrt_cpuid_row, flags), MEMBER(svmrt_cpuid_row, live),
	MEMBER(svmrt_cpuid_row, keep),
	MEMBER(svmrt_cpuid_row, set), { NULL, 0, 0 },
};
static const struct member msr_members[] = {
	MEMBER(svmrt_msr_row, first), MEMBER(svmrt_msr_row, last), MEMBER(svmrt_msr_row, read),
	MEMBER(svmrt_msr_row, write), MEMBER(svmrt_msr_row, value), { NULL, 0, 0 },
};
static const struct member exit_members[] = {
	MEMBER(svmrt_exit_rule, code), MEMBER(svmrt_exit_rule, action),
	MEMBER(svmrt_exit_rule, event), MEMBER(svmrt_exit_rule, vector),
	MEMBER(svmrt_exit_rule, sample), MEMBER(svmrt_exit_rule, first),
	MEMBER(svmrt_exit_rule, last), MEMBER(svmrt_exit_rule, value),
	MEMBER(svmrt_exit_rule, access), { NULL, 0, 0 },
};
static const struct member device_members[] = {
	MEMBER(svmt_device, type), MEMBER(svmt_device, index), MEMBER(svmt_device, at),
	MEMBER(svmt_device, irq), MEMBER(svmt_device, flags), MEMBER(svmt_device, mac),
	MEMBER(svmt_device, name_page), { NULL, 0, 0 },
};
static const struct member vmsa_members[] = {
	MEMBER(svmt_vmsa, page), MEMBER(svmt_vmsa, gpa), { NULL, 0, 0 },
};
static const struct member launch_members[] = {
	MEMBER(svmt_launch, kind), MEMBER(svmt_launch, vmm), MEMBER(svmt_launch, as_of),
	MEMBER(svmt_launch, vcpu_signature), MEMBER(svmt_launch, policy),
	MEMBER(svmt_launch, features), MEMBER(svmt_launch, flags), MEMBER(svmt_launch, guest_svn),
	MEMBER(svmt_launch, row_count), MEMBER(svmt_launch, family_id),
	MEMBER(svmt_launch, image_id), { NULL, 0, 0 },
};
static const struct member launch_row_members[] = {
	MEMBER(svmt_launch_row, gpa), MEMBER(svmt_launch_row, bytes),
	MEMBER(svmt_launch_row, type), { NULL, 0, 0 },
};
static const struct member state_members[] = {
	MEMBER(svmrt_vcpu_state, gpr), MEMBER(svmrt_vcpu_state, dr),
	MEMBER(svmrt_vcpu_state, xcr0), MEMBER(svmrt_vcpu_state, fxsave), { NULL, 0, 0 },
};

static bool is_run(const uint8_t *data, uint64_t bytes)
{
	return bytes > LINE_BYTES && !memcmp(data, data + 1, (size_t)bytes - 1);
}

static void print_line(struct bytes_printer *p, uint64_t bytes, const char *label)
{
	fprintf(p->out, "%08" PRIx64 " ", p->at);
	for (uint64_t i = 0; i < LINE_BYTES; i++)
		if (i < bytes)
			fprintf(p->out, " %02x", p->image[p->at + i]);
		else
			fputs(*label ? "   " : "", p->out);
	fprintf(p->out, *label ? "  %s\n" : "%s\n", label);
	p->at += bytes;
}

static void print_run(struct bytes_printer *p, uint64_t bytes, const char *label)
{
	char run[64];

	snprintf(run, sizeof(run), "%" PRIu64 " * %02x", bytes, p->image[p->at]);
	fprintf(p->out, "%08" PRIx64 "  %-47s  %s\n", p->at, run, label);
	p->at += bytes;
}

void bytes_show(struct bytes_printer *p, uint64_t bytes, const char *format, ...)
{
	char label[256];
	va_list args;

	if (bytes > p->end - p->at)
		bytes = p->end - p->at;
	if (!bytes)
		return;
	va_start(args, format);
	vsnprintf(label, sizeof(label), format, args);
	va_end(args);
	if (is_run(p->image + p->at, bytes)) {
		print_run(p, bytes, label);
		return;
	}
	for (const char *text = label; bytes; text = "") {
		const uint64_t part = bytes < LINE_BYTES ? bytes : LINE_BYTES;

		print_line(p, part, text);
		bytes -= part;
	}
}

static void characters(char *text, const uint8_t *data, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		text[i] = data[i] >= 0x20 && data[i] < 0x7f ? (char)data[i] : '.';
	text[bytes] = '\0';
}

void bytes_show_contents(struct bytes_printer *p, uint64_t to, const char *label)
{
	char text[LINE_BYTES + 1], whole[256];

	if (to > p->end)
		to = p->end;
	while (p->at < to) {
		const uint64_t left = to - p->at;
		uint64_t run = 1;

		while (run < left && p->image[p->at + run] == p->image[p->at])
			run++;
		if (run < left)		/* the next line begins at a whole one, as they all do */
			run -= run % LINE_BYTES;
		if (run > LINE_BYTES) {
			print_run(p, run, label);
		} else {
			run = left < LINE_BYTES ? left : LINE_BYTES;
			characters(text, p->image + p->at, run);
			snprintf(whole, sizeof(whole), *label ? "|%s| %s" : "|%s|", text, label);
			print_line(p, run, whole);
		}
		label = "";
	}
}

static uint64_t number_at(const uint8_t *data, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, data, bytes);
	return value;
}

/* One struct: its members, and what lies between them as reserved. */
static void show_struct(struct bytes_printer *p, uint64_t bytes, const struct member *members,
			const char *name)
{
	const uint64_t begin = p->at;

	for (const struct member *m = members; m->name; m++) {
		bytes_show(p, begin + m->offset - p->at, "%s: reserved", name);
		if (m->bytes <= 8)
			bytes_show(p, m->bytes, "%s.%s = 0x%" PRIx64, name, m->name,
				   number_at(p->image + p->at, m->bytes));
		else
			bytes_show(p, m->bytes, "%s.%s", name, m->name);
	}
	bytes_show(p, begin + bytes - p->at, "%s: reserved", name);
}

static void show_array(struct bytes_printer *p, uint64_t count, uint64_t bytes,
		       const struct member *members, const char *name)
{
	char row[64];

	for (uint64_t i = 0; i < count; i++) {
		snprintf(row, sizeof(row), "%s[%" PRIu64 "]", name, i);
		show_struct(p, bytes, members, row);
	}
}

/* Whose page of the pool this is, and how it is to be shown. */
static void show_page(struct bytes_printer *p, const struct svmt_view *view, uint32_t page)
{
	const uint64_t end = p->at + SVMT_PAGE_BYTES;
	char label[128];

	for (uint32_t i = 0; i < view->vcpu_count; i++) {
		if (view->vcpus[i].vmcb_page == page) {
			fprintf(p->out, "# page %" PRIu32 ": VMCB of vcpu %" PRIu32 "\n", page, i);
			bytes_show_vmcb(p);
			return;
		}
		if (view->vmsas && view->vmsas[i].page == page) {
			fprintf(p->out, "# page %" PRIu32 ": VMSA of vcpu %" PRIu32 "\n", page, i);
			bytes_show_vmsa(p);
			return;
		}
		if (view->vcpus[i].state_page == page) {
			fprintf(p->out, "# page %" PRIu32 ": registers of vcpu %" PRIu32 "\n",
				page, i);
			show_struct(p, SVMT_PAGE_BYTES, state_members, "state");
			return;
		}
	}
	snprintf(label, sizeof(label), "page %" PRIu32, page);
	for (uint32_t i = 0; i < view->run_count; i++) {
		const struct svmt_run *r = &view->runs[i];

		if (page < r->blob_page || page - r->blob_page >= r->pages)
			continue;
		snprintf(label, sizeof(label), "page %" PRIu32 ": memory at 0x%" PRIx64, page,
			 (uint64_t)r->gpa + (uint64_t)(page - r->blob_page) * SVMT_PAGE_BYTES);
		break;
	}
	bytes_show_contents(p, end, label);
}

static void show_memory(struct bytes_printer *p, const struct svmt_view *view)
{
	show_struct(p, sizeof(struct svmt_memory), memory_members, "memory");
	show_array(p, view->region_count, sizeof(struct svmt_region), region_members, "region");
	show_array(p, view->run_count, sizeof(struct svmt_run), run_members, "run");
}

static void show_section(struct bytes_printer *p, const struct svmt_view *view,
			 const struct svmt_section *section)
{
	static const struct {
		uint32_t type, bytes;
		const struct member *members;
		const char *name;
	} arrays[] = {
		{ SVMT_VCPU, sizeof(struct svmt_vcpu), vcpu_members, "vcpu" },
		{ SVMT_VMSA, sizeof(struct svmt_vmsa), vmsa_members, "vmsa" },
		{ SVMT_CPUID, sizeof(struct svmrt_cpuid_row), cpuid_members, "cpuid" },
		{ SVMT_MSRS, sizeof(struct svmrt_msr_row), msr_members, "msr" },
		{ SVMT_EXITS, sizeof(struct svmrt_exit_rule), exit_members, "exit" },
		{ SVMT_DEVICES, sizeof(struct svmt_device), device_members, "device" },
	};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (arrays[i].type == section->type)
			show_array(p, section->length / arrays[i].bytes, arrays[i].bytes,
				   arrays[i].members, arrays[i].name);
	if (section->type == SVMT_FEATURES)
		show_struct(p, sizeof(struct svmt_features), features_members, "features");
	if (section->type == SVMT_LAUNCH) {
		show_struct(p, sizeof(struct svmt_launch), launch_members, "launch");
		show_array(p, view->launch->row_count, sizeof(struct svmt_launch_row),
			   launch_row_members, "measured");
	}
	if (section->type == SVMT_MEMORY)
		show_memory(p, view);
	for (uint32_t i = 0; section->type == SVMT_BLOB && i < view->blob_pages; i++)
		show_page(p, view, i);
	bytes_show_contents(p, section->offset + section->length, "");
}

void dump_bytes(FILE *out, const struct svmt_view *view)
{
	const struct svmt_section *rows =
		(const void *)(view->image + sizeof(struct svmt_header));
	struct bytes_printer p = { .out = out, .image = view->image, .end = view->image_bytes };

	fprintf(out, "# header\n");
	show_struct(&p, sizeof(struct svmt_header), header_members, "header");
	show_array(&p, view->header->section_count, sizeof(struct svmt_section), section_members,
		   "section");
	for (uint32_t i = 0; i < view->header->section_count; i++) {
		const char *name = svmt_section_name(rows[i].type);

		bytes_show(&p, rows[i].offset - p.at, "padding");
		fprintf(out, "# section %s, %" PRIu64 " bytes\n", name ? name : "that is optional",
			(uint64_t)rows[i].length);
		show_section(&p, view, &rows[i]);
	}
	bytes_show(&p, p.end - p.at, "padding");
}
