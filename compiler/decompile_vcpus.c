/* SPDX-License-Identifier: MIT */
/* vCPUs and the control area of a decompiled template, relative to the profile. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "checks/checks.h"
#include "decompile.h"
#include "events.h"
#include "flags.h"
#include "memory.h"
#include "number.h"
#include "profile.h"
#include "spec_read.h"
#include "spec_tables.h"
#include "vmsa.h"
#include "wide.h"

static uint64_t get(const struct svmk_vmcb *vmcb, const struct vmcb_field_info *f)
{
	return vmcb_get_field(vmcb, f->offset, f->bytes, f->hi, f->lo);
}

static bool differs(const struct decompile *d, const struct vmcb_field_info *f)
{
	if (f->bytes > 8)
		return memcmp(vmcb_bytes(d->c->spec.vmcb, f->offset),
			      vmcb_bytes(d->base->spec.vmcb, f->offset), f->bytes) != 0;
	return get(d->c->spec.vmcb, f) != get(d->base->spec.vmcb, f);
}

/*
 * Whether the field is one that svmc points at a table which the spec describes; then `tell` is
 * whether the vCPU's differs from what it does. A limit follows a base that the spec leaves alone.
 */
static bool is_pointed(const struct decompile *d, const struct vmcb_field_info *f, bool *tell)
{
	const struct spec *spec = &d->c->spec;
	const struct svmk_vmcb *vmcb = spec->vmcb;

	if (spec->page_tables.given && !strcmp(f->name, "cr3")) {
		*tell = vmcb_get_CR3(vmcb) != spec->page_tables.gpa;
	} else if (spec->gdt.given && !strcmp(f->name, "gdtr.base")) {
		*tell = vmcb_get_GDTR_BASE(vmcb) != spec->gdt.gpa;
	} else if (spec->gdt.given && vmcb_get_GDTR_BASE(vmcb) == spec->gdt.gpa &&
		   !strcmp(f->name, "gdtr.limit")) {
		*tell = vmcb_get_GDTR_LIMIT(vmcb) != d->gdt_bytes - 1;
	} else if (spec->idt.given && !strcmp(f->name, "idtr.base")) {
		*tell = vmcb_get_IDTR_BASE(vmcb) != spec->idt.gpa;
	} else if (spec->idt.given && vmcb_get_IDTR_BASE(vmcb) == spec->idt.gpa &&
		   !strcmp(f->name, "idtr.limit")) {
		*tell = vmcb_get_IDTR_LIMIT(vmcb) != d->idt_bytes - 1;
	} else {
		return false;
	}
	return true;
}

/* Fields that svmc points at the tables it builds must be told when it would not do so. */
static bool must_tell(const struct decompile *d, const struct vmcb_field_info *f)
{
	const struct profile *profile = d->c->spec.profile;
	const bool gdt = profile->builds_gdt && !d->c->spec.gdt.given &&
			 !spec_sets_field(d->c, "gdtr.base");
	bool tell;

	if (is_pointed(d, f, &tell))
		return tell;
	if (profile->builds_page_tables && !strcmp(f->name, "cr3"))
		return spec_sets_field(d->c, "cr3");
	if (profile->builds_gdt && !strcmp(f->name, "gdtr.base"))
		return !gdt;
	if (gdt && !strcmp(f->name, "gdtr.limit"))
		return false;
	if (gdt && !strcmp(f->name, "tr.base"))
		return spec_sets_field(d->c, "tr.base");
	return differs(d, f);
}

/* Bit names, if they say all of the value, else the number. */
static void print_value(struct decompile *d, const struct vmcb_field_info *f)
{
	const uint64_t value = get(d->c->spec.vmcb, f);
	char text[2 * WIDE_MAX_BYTES + 3], *name, *rest = text;
	uint64_t always = !strcmp(f->name, "cr0") ? 1 << 4 : !strcmp(f->name, "rflags") ? 2 : 0;
	uint64_t named = always;

	if (f->bytes > 8) {
		wide_text(vmcb_bytes(d->c->spec.vmcb, f->offset), f->bytes, text);
		fprintf(d->out, "%s", text);
		return;
	}
	for (size_t i = 0; flags_name(f->name, i); i++)
		named |= flags_bit(f->name, i);
	if (!has_flags(f->name) || value & ~named || (value & always) != always) {
		fprintf(d->out, "0x%" PRIx64, value);
		return;
	}
	flags_text(f->name, value, text, sizeof(text));
	fputc('[', d->out);
	while ((name = strsep(&rest, " ")) != NULL)
		fprintf(d->out, "%s%s", name == text ? "" : ", ", name);
	fputc(']', d->out);
}

/* "es" of es.base; 0 for a field that is no part of a segment. */
static size_t segment_length(const struct vmcb_field_info *f)
{
	const char *dot = strchr(f->name, '.');

	return dot ? (size_t)(dot - f->name) : 0;
}

static void indent(struct decompile *d, unsigned int depth)
{
	fprintf(d->out, "%*s", (int)depth, "");
}

/* Parts of one segment on one line; returns the row behind it. */
static size_t print_segment(struct decompile *d, size_t first, unsigned int depth)
{
	const size_t length = segment_length(&vmcb_fields[first]);
	bool begun = false;
	size_t i;

	for (i = first; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (strncmp(f->name, vmcb_fields[first].name, length + 1))
			break;
		if (!must_tell(d, f))
			continue;
		if (!begun) {
			indent(d, depth);
			fprintf(d->out, "%.*s: { ", (int)length, f->name);
		}
		fprintf(d->out, "%s%s: 0x%" PRIx64, begun ? ", " : "", f->name + length + 1,
			get(d->c->spec.vmcb, f));
		begun = true;
	}
	if (begun)
		fprintf(d->out, " }\n");
	return i;
}

/* A VMSA has every save field of the VMCB that is no reserved range, some in a wider form. */
static bool takes(const struct decompile *d, const struct vmcb_field_info *f)
{
	const struct vmsa_field_info *field = vmsa_field_find(f->name);

	return d->view->launch ? f->save && field && vmsa_shared(field) : vcpus_take_field(f);
}

static void print_fields(struct decompile *d, unsigned int depth)
{
	for (size_t i = 0; i < vmcb_field_count;) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (f->save && segment_length(f)) {
			i = print_segment(d, i, depth);
			continue;
		}
		if (takes(d, f) && must_tell(d, f)) {
			indent(d, depth);
			fprintf(d->out, "%s: ", f->name);
			print_value(d, f);
			fputc('\n', d->out);
		}
		i++;
	}
}

static void print_word(struct decompile *d, const char *name, uint64_t value, uint64_t base,
		       unsigned int depth)
{
	if (value == base)
		return;
	indent(d, depth);
	fprintf(d->out, "%s: 0x%" PRIx64 "\n", name, value);
}

static void print_words(struct decompile *d, unsigned int depth)
{
	const struct svmrt_vcpu_state *state = d->c->spec.state, *base = d->base->spec.state;
	static const char *const dr[] = { "dr0", "dr1", "dr2", "dr3" };

	for (unsigned int i = 0; i < 16; i++)
		print_word(d, svmrt_gpr_name[i], state->gpr[i], base->gpr[i], depth);
	for (unsigned int i = 0; i < 4; i++)
		print_word(d, dr[i], state->dr[i], base->dr[i], depth);
	print_word(d, "xcr0", state->xcr0, base->xcr0, depth);
	for (size_t i = 0; fxsave_register(i); i++) {
		const struct fxsave_register *reg = fxsave_register(i);
		char text[40];

		if (!memcmp(state->fxsave + reg->offset, base->fxsave + reg->offset, reg->bytes))
			continue;
		wide_text(state->fxsave + reg->offset, reg->bytes, text);
		indent(d, depth);
		fprintf(d->out, "%s: %s\n", reg->name, text);
	}
}

/* Registers of the selected set under `head`, which is left out with them when none is told. */
static void print_state(struct decompile *d, const char *head, unsigned int depth)
{
	FILE *out = d->out;
	char *text = NULL;
	size_t length = 0;

	d->out = open_memstream(&text, &length);
	if (!d->out)
		longjmp(d->c->arena.out_of_memory, 1);
	print_fields(d, depth);
	if (d->view->launch)
		decompile_vmsa(d, depth);
	else
		print_words(d, depth);
	fclose(d->out);
	d->out = out;
	if (length)
		fprintf(out, "%s%s", head, text);
	free(text);
}

/* A set is whole in how its vCPUs begin; with a chipset all but vCPU 0 wait unless told otherwise. */
static void print_start(struct decompile *d, const struct vcpu_set *set, const char *indent)
{
	const uint32_t start = d->view->vcpus[set->first].start;

	if (start != spec_default_start(&d->c->spec, set->last))
		fprintf(d->out, "%sstart: %s\n", indent, start == SVMT_START_RUN ? "run" : "sipi");
}

void decompile_vcpus(struct decompile *d)
{
	const struct spec *spec = &d->c->spec;

	fprintf(d->out, "vcpus:\n");
	if (spec->set_count == 1) {
		fprintf(d->out, "  count: %" PRIu32 "\n", spec->vcpu_count);
		print_start(d, &spec->sets[0], "  ");
		print_state(d, "  state:\n", 4);
		return;
	}
	for (size_t i = 0; i < spec->set_count; i++) {
		const struct vcpu_set *set = &spec->sets[i];

		fprintf(d->out, "  - at: %" PRIu32, set->first);
		if (set->first != set->last)
			fprintf(d->out, "-%" PRIu32, set->last);
		fputc('\n', d->out);
		spec_select_set(d->c, i);
		if (d->view->launch)
			spec_select_set(d->base, set->first > 0);
		print_start(d, set, "    ");
		print_state(d, "    state:\n", 6);
	}
	spec_select_set(d->c, 0);
}

static bool intercept(const struct comp *c, const struct svm_intercept_info *row)
{
	return vmcb_get_intercepts(c->spec.vmcb, row->word) & 1u << row->bit;
}

/* Signed names of the intercepts that differ from the profile's; returns whether there are any. */
static bool print_intercepts(struct decompile *d)
{
	unsigned int count = 0;

	for (size_t i = 0; i < svm_intercept_count; i++) {
		const struct svm_intercept_info *row = &svm_intercepts[i];

		if (intercept(d->c, row) == intercept(d->base, row))
			continue;
		fprintf(d->out, count ? ", " : "control:\n  intercepts: [ ");
		fprintf(d->out, "%c%s", intercept(d->c, row) ? '+' : '-', row->name);
		count++;
	}
	if (count)
		fprintf(d->out, " ]\n");
	return count;
}

void decompile_control(struct decompile *d)
{
	bool begun = print_intercepts(d);

	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];

		if (!control_takes_field(f) || !differs(d, f) || (!strcmp(f->name, "EVENTINJ") &&
		    event_has_words(get(d->c->spec.vmcb, f))))
			continue;
		fprintf(d->out, begun ? "  " : "control:\n  ");
		begun = true;
		for (const char *p = f->name; *p; p++)
			fputc(tolower((unsigned char)*p), d->out);
		fprintf(d->out, ": ");
		print_value(d, f);
		fputc('\n', d->out);
	}
}

/* Events of sets, as far as `inject` has words for them; others are in `control`. */
void decompile_inject(struct decompile *d)
{
	const struct spec *spec = &d->c->spec;
	bool begun = false;

	for (size_t i = 0; i < spec->set_count; i++) {
		const struct vcpu_set *set = &spec->sets[i];
		const uint64_t event = vmcb_get_EVENTINJ(set->vmcb);

		if (!event_has_words(event))
			continue;
		fprintf(d->out, begun ? "" : "inject:\n");
		begun = true;
		fprintf(d->out, "  - { vcpu: %" PRIu32, set->first);
		if (set->first != set->last)
			fprintf(d->out, "-%" PRIu32, set->last);
		fprintf(d->out, ", type: %s", event_type_name(EVENT_TYPE(event)));
		if (EVENT_TYPE(event) != EVENT_NMI)
			fprintf(d->out, ", vector: %u", EVENT_VECTOR(event));
		if (event & EVENT_EV)
			fprintf(d->out, ", error: 0x%" PRIx64, event >> 32);
		fprintf(d->out, " }\n");
	}
}

/* The checks of save states that find something, asked one by one. */
void decompile_allow(struct decompile *d)
{
	struct spec *spec = &d->c->spec;
	const struct check *check;
	unsigned int count = 0;

	if (!(d->view->header->flags & SVMT_F_ILLEGAL_STATE))
		return;
	for (size_t i = 0; (check = check_next(i)) != NULL; i++) {
		const char *name = check->name;

		if (check->kind != CHECK_KIND_SAVE)
			continue;
		spec->allow = &name;
		spec->allow_count = 1;
		spec->illegal_state = false;
		for (size_t set = 0; set < spec->set_count; set++) {
			spec_select_set(d->c, set);
			check->run(d->c, check);
		}
		if (spec->illegal_state)
			fprintf(d->out, "%s%s", count++ ? ", " : "allow: [ ", name);
	}
	spec->allow_count = 0;
	spec_select_set(d->c, 0);
	if (count)
		fprintf(d->out, " ]\n");
}
