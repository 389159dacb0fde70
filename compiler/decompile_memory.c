/* SPDX-License-Identifier: MIT */
/* Memory of a decompiled template: regions, and contents as segments without the built tables. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "decompile.h"
#include "dump.h"
#include "json_b64.h"
#include "memory.h"
#include "segments.h"
#include "vmsa.h"

#define HEX_BYTES 24u		/* longer contents are base64 */
#define LINE_BYTES 57u		/* 76 characters of base64 */
#define FIRST_GAP 32u

/* Nonzero bytes at [gpa, end), `end` behind the last. */
struct piece {
	uint64_t gpa, end;
};

static uint8_t byte_at(const struct svmt_view *view, uint64_t gpa)
{
	return svmt_memory_page(view,
				gpa & ~(uint64_t)(SVMT_PAGE_BYTES - 1))[gpa % SVMT_PAGE_BYTES];
}

bool decompile_has_bytes(const struct svmt_view *view, const struct spec_contents *x)
{
	for (uint64_t i = 0; i < x->bytes; i++)
		if (byte_at(view, x->gpa + i) != x->data[i])
			return false;
	return true;
}

bool decompile_is_free(const struct decompile *d, uint64_t gpa, uint64_t bytes)
{
	for (size_t i = 0; i < d->c->spec.content_count; i++) {
		const struct spec_contents *x = &d->c->spec.contents[i];

		if (gpa < x->gpa + x->bytes && x->gpa < gpa + bytes)
			return false;
	}
	return true;
}

bool decompile_sets(struct decompile *d, size_t set, const char *field)
{
	bool sets;

	spec_select_set(d->c, set);
	sets = spec_sets_field(d->c, field);
	spec_select_set(d->c, 0);
	return sets;
}

static void mark(struct decompile *d, const char *field)
{
	static const struct source somewhere;
	const struct vmcb_field_info *info = vmcb_field_find(field, true);

	d->c->spec.field_range[info - vmcb_fields].source = &somewhere;
}

/* What the template has where svmc would have pointed the vCPUs at its tables. */
static void restore(struct decompile *d, size_t set)
{
	const struct svmt_vcpu *row = &d->view->vcpus[d->c->spec.sets[set].first];

	spec_select_set(d->c, set);
	memcpy(d->c->spec.vmcb, svmt_blob_page(d->view, row->vmcb_page), sizeof(struct svmk_vmcb));
	if (d->view->vmsas)
		vmsa_to_vmcb(d->c->spec.vmsa, d->c->spec.vmcb);
}

/* Compare the selected set, whose VMCB points at svmc's tables, with the template's. */
static void mark_differing(struct decompile *d, size_t set)
{
	const struct svmk_vmcb built = *d->c->spec.vmcb;
	const struct svmk_vmcb *real;

	restore(d, set);
	real = d->c->spec.vmcb;
	if (vmcb_get_CR3(real) != vmcb_get_CR3(&built))
		mark(d, "cr3");
	if (vmcb_get_GDTR_BASE(real) != vmcb_get_GDTR_BASE(&built) ||
	    vmcb_get_GDTR_LIMIT(real) != vmcb_get_GDTR_LIMIT(&built))
		mark(d, "gdtr.base");
	if (vmcb_get_TR_BASE(real) != vmcb_get_TR_BASE(&built))
		mark(d, "tr.base");
}

static void mark_all(struct decompile *d, const char *field)
{
	for (size_t i = 0; i < d->c->spec.set_count; i++) {
		spec_select_set(d->c, i);
		mark(d, field);
	}
	spec_select_set(d->c, 0);
}

static void build(struct decompile *d)
{
	d->c->spec.content_count = 0;
	memory_build_tables(d->c);
}

static void restore_all(struct decompile *d)
{
	for (size_t i = 0; i < d->c->spec.set_count; i++)
		restore(d, i);
	spec_select_set(d->c, 0);
}

/*
 * Built once to see where svmc points the vCPUs, again without those that point elsewhere, and a
 * last time without the tables whose bytes are not the template's.
 */
void decompile_find_tables(struct decompile *d)
{
	struct spec *spec = &d->c->spec;
	bool tables = true, gdt = true;

	build(d);
	for (size_t i = 0; i < spec->set_count; i++) {
		spec_select_set(d->c, i);
		mark_differing(d, i);
	}
	spec_select_set(d->c, 0);
	if (d->c->diag.errors)		/* they do not fit into the memory */
		tables = gdt = false;
	build(d);
	for (size_t i = 0; i < spec->content_count; i++) {
		if (decompile_has_bytes(d->view, &spec->contents[i]))
			continue;
		if (spec->contents[i].bytes % SVMT_PAGE_BYTES)
			gdt = false;
		else
			tables = false;
	}
	restore_all(d);
	if (!tables)
		mark_all(d, "cr3");
	if (!gdt) {
		mark_all(d, "gdtr.base");
		mark_all(d, "tr.base");
	}
	build(d);
	restore_all(d);
}

static bool is_built(const struct spec *spec, uint64_t gpa, uint64_t *end)
{
	for (size_t i = 0; i < spec->content_count; i++) {
		const struct spec_contents *x = &spec->contents[i];

		if (gpa < x->gpa || gpa >= x->gpa + x->bytes)
			continue;
		*end = x->gpa + x->bytes;
		return true;
	}
	return false;
}

static bool same_region(const struct spec *spec, const struct piece *piece, uint64_t gpa)
{
	return memory_region(spec, piece->gpa, gpa - piece->gpa + 1) != NULL;
}

/* Whether built tables lie between the piece and the address. */
static bool parted(const struct spec *spec, const struct piece *piece, uint64_t gpa)
{
	for (size_t i = 0; i < spec->content_count; i++)
		if (spec->contents[i].gpa >= piece->end && spec->contents[i].gpa < gpa)
			return true;
	return false;
}

/* Pieces with at most `gap` zeroes inside. */
static struct piece *find_pieces(struct decompile *d, uint64_t gap, size_t *count)
{
	const struct spec *spec = &d->c->spec;
	struct piece *pieces = NULL;
	size_t capacity = 0;

	*count = 0;
	for (uint32_t r = 0; r < d->view->run_count; r++) {
		const struct svmt_run *run = &d->view->runs[r];
		const uint64_t run_end = run->gpa + (uint64_t)run->pages * SVMT_PAGE_BYTES;

		for (uint64_t at = run->gpa; at < run_end; at++) {
			struct piece *last = *count ? &pieces[*count - 1] : NULL;
			uint64_t end;

			if (!svmt_blob_page(d->view, run->blob_page)[at - run->gpa])
				continue;
			if (is_built(spec, at, &end)) {
				at = end - 1;
				continue;
			}
			if (last && at - last->end <= gap && same_region(spec, last, at) &&
			    !parted(spec, last, at)) {
				last->end = at + 1;
				continue;
			}
			pieces = arena_grow(&d->c->arena, pieces, *count, &capacity,
					    sizeof(*pieces));
			pieces[(*count)++] = (struct piece){ at, at + 1 };
		}
	}
	return pieces;
}

static void print_hex(struct decompile *d, const struct piece *piece)
{
	fprintf(d->out, "hex: \"");
	for (uint64_t at = piece->gpa; at < piece->end; at++)
		fprintf(d->out, "%s%02x", at == piece->gpa ? "" : " ", byte_at(d->view, at));
	fprintf(d->out, "\" }\n");
}

static void print_base64(struct decompile *d, const struct piece *piece)
{
	uint8_t line[LINE_BYTES];
	char text[JSON_B64_CHARS(LINE_BYTES)];

	fprintf(d->out, "    base64: |\n");
	for (uint64_t at = piece->gpa; at < piece->end;) {
		size_t bytes = 0;

		while (bytes < LINE_BYTES && at < piece->end)
			line[bytes++] = byte_at(d->view, at++);
		fprintf(d->out, "      %.*s\n", (int)json_b64_encode(text, line, bytes), text);
	}
}

static void print_segments(struct decompile *d)
{
	uint64_t gap = FIRST_GAP;
	size_t count;
	struct piece *pieces = find_pieces(d, gap, &count);

	/* Zeroes are free in a template, so that pieces can be put together until they fit. */
	while (count > SEGMENTS_MAX && gap < UINT64_MAX / 16)
		pieces = find_pieces(d, gap *= 16, &count);
	fprintf(d->out, "payload: none\n%s", count ? "segments:\n" : "");
	for (size_t i = 0; i < count; i++) {
		const bool is_short = pieces[i].end - pieces[i].gpa <= HEX_BYTES;

		fprintf(d->out, "  - %sat: 0x%" PRIx64 "%s", is_short ? "{ " : "", pieces[i].gpa,
			is_short ? ", " : "\n");
		if (is_short)
			print_hex(d, &pieces[i]);
		else
			print_base64(d, &pieces[i]);
	}
}

void decompile_memory(struct decompile *d)
{
	fprintf(d->out, "memory:\n");
	for (uint32_t i = 0; i < d->view->region_count; i++) {
		const struct svmt_region *r = &d->view->regions[i];

		fprintf(d->out, "  - { at: ");
		decompile_size(d->out, r->gpa);
		fprintf(d->out, ", size: ");
		decompile_size(d->out, r->bytes);
		fprintf(d->out, ", kind: %s }\n", dump_region_kind(r->kind));
	}
	print_segments(d);
}
