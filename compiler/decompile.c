/* SPDX-License-Identifier: MIT */
/*
 * Decompilation: the nearest profile is the one that the template names, and everything is told
 * relative to it. Needs a template that the reader accepted.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "decompile.h"
#include "profile.h"
#include "spec_read.h"
#include "vmsa.h"

/* Code point of the UTF-8 sequence at `p`, which a JSON reader has let pass; its length. */
static size_t code_point(const unsigned char *p, uint32_t *code)
{
	const size_t length = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	*code = *p & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return i;
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	return length;
}

/* YAML has line ends and marks of its own among the higher characters, so those are escaped. */
static size_t print_wide(FILE *out, const unsigned char *p)
{
	uint32_t code;
	const size_t length = code_point(p, &code);

	if (code >= 0xa0 && code < 0x2000)
		fwrite(p, 1, length, out);
	else
		fprintf(out, "\\U%08" PRIx32, code);
	return length;
}

void decompile_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\x%02x", *p);
		else if (*p >= 0x80)
			p += print_wide(out, p) - 1;
		else if (*p == '$' && p[1] == '(')	/* no variable is meant */
			fputs("$(dollar)", out);
		else
			fputc(*p, out);
	}
	fputc('"', out);
}

void decompile_size(FILE *out, uint64_t value)
{
	static const struct {
		unsigned int shift;
		const char *unit;
	} units[] = { { 30, "GiB" }, { 20, "MiB" }, { 10, "KiB" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t many = value >> units[i].shift;

		if (!value || many << units[i].shift != value || many > 9999)
			continue;
		fprintf(out, "%" PRIu64 "%s", many, units[i].unit);
		return;
	}
	if (value)
		fprintf(out, "0x%" PRIx64, value);
	else
		fputc('0', out);
}

/* A string of META, or NULL. */
static const char *meta_text(const cJSON *meta, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, key));
}

static bool has_dollar(const struct svmt_view *view)
{
	return memmem(view->meta, view->meta_bytes, "$(", 2) ||
	       (view->expect && memmem(view->expect, view->expect_bytes, "$(", 2));
}

/* One set for every row of vCPUs that begin alike, as a list of `vcpus` has them. */
static void fill_sets(struct decompile *d)
{
	const struct svmt_view *view = d->view;
	struct spec *spec = &d->c->spec;

	spec->vcpu_count = view->vcpu_count;
	for (uint32_t first = 0, last; first < view->vcpu_count; first = last + 1) {
		const struct svmt_vcpu *row = &view->vcpus[first];

		for (last = first; last + 1 < view->vcpu_count; last++)
			if (!svmt_same_vcpu(view, first, last + 1) || (!first && d->split_first))
				break;
		spec_add_set(d->c, first, last, NULL);
		memcpy(spec->vmcb, svmt_blob_page(view, row->vmcb_page), sizeof(*spec->vmcb));
		memcpy(spec->state, svmt_blob_page(view, row->state_page), sizeof(*spec->state));
		if (!view->vmsas)
			continue;
		memcpy(spec->vmsa, svmt_blob_page(view, view->vmsas[first].page), VMSA_PAGE_BYTES);
		vmsa_to_vmcb(spec->vmsa, spec->vmcb);
		*spec->vmsa_gpa = view->vmsas[first].gpa;
	}
	spec_select_set(d->c, 0);
}

static void fill_regions(struct decompile *d)
{
	const struct svmt_view *view = d->view;
	struct spec *spec = &d->c->spec;

	spec->regions = arena_alloc(&d->c->arena, view->region_count * sizeof(*spec->regions));
	for (uint32_t i = 0; i < view->region_count; i++)
		spec->regions[spec->region_count++] = (struct spec_region){
			.gpa = view->regions[i].gpa, .bytes = view->regions[i].bytes,
			.kind = view->regions[i].kind,
		};
}

static void print_all(struct decompile *d, const char *name)
{
	fprintf(d->out, "svmspec: 1\nname: ");
	decompile_text(d->out, name);
	fputc('\n', d->out);
	if (!d->view->launch || d->view->launch->vmm == SVMT_VMM_RAW)
		fprintf(d->out, "extends: %s\n", d->c->spec.profile->name);
	if (has_dollar(d->view))
		fprintf(d->out, "vars: { dollar: \"$\" }\n");
	decompile_find_tables(d);
	decompile_find_acpi(d);
	if (!d->raw_tables) {
		decompile_find_pages(d);
		decompile_find_descriptors(d);
	}
	if (d->view->launch)
		decompile_launch(d);
	decompile_memory(d);
	decompile_pages(d);
	decompile_descriptors(d);
	decompile_vcpus(d);
	decompile_control(d);
	decompile_inject(d);
	decompile_cpuid(d);
	decompile_msrs(d);
	decompile_devices(d);
	decompile_exits(d);
	decompile_allow(d);
	decompile_expect(d);
}

static int run(struct decompile *d, const cJSON *meta, char error[256])
{
	const char *name = meta_text(meta, "name"), *profile = meta_text(meta, "profile");
	const struct profile *found;

	if (d->view->launch)
		decompile_begin_launch(d, profile);
	found = d->c->spec.launch.profile ? d->c->spec.profile : profile ? profile_find(profile)
									 : NULL;
	if (!name || !found) {
		snprintf(error, 256, "META names %s%.60s, which this svmc does not know; "
			 "svmc profile list names the profiles",
			 found ? "no name" : profile ? "the profile " : "no profile",
			 profile && !found ? profile : "");
		return -1;
	}
	d->c->spec.profile = d->base->spec.profile = found;
	spec_add_set(d->base, 0, 0, NULL);
	profile_apply(d->base);
	if (d->view->launch)
		decompile_base_launch(d);
	exit_defaults(&d->c->spec);
	fill_regions(d);
	fill_sets(d);
	print_all(d, name);
	return 0;
}

static struct comp *new_comp(FILE *sink)
{
	struct comp *c = calloc(1, sizeof(*c));

	if (c)
		c->diag.out = sink;
	return c;
}

static void free_comp(struct comp *c)
{
	if (c)
		arena_free(&c->arena);
	free(c);
}

/* The spec with or without tables in words; see decompile(). */
static char *print_spec(const struct svmt_view *view, bool raw_tables, size_t *bytes, char error[256])
{
	char *text = NULL;
	/* What checks and the builder of tables say of the parts is not for the user. */
	FILE *sink = fopen("/dev/null", "we"), *out = open_memstream(&text, bytes);
	struct decompile d = {
		.out = out, .view = view, .c = new_comp(sink), .base = new_comp(sink),
		.raw_tables = raw_tables,
	};
	cJSON *meta = cJSON_ParseWithLength(view->meta, (size_t)view->meta_bytes);
	volatile int result = -1;

	snprintf(error, 256, "out of memory");
	if (sink && out && d.c && d.base && !setjmp(d.c->arena.out_of_memory) &&
	    !setjmp(d.base->arena.out_of_memory))
		result = run(&d, meta, error);
	cJSON_Delete(meta);
	free_comp(d.c);
	free_comp(d.base);
	if (sink)
		fclose(sink);
	if (!out || fclose(out) || result) {
		free(text);
		text = NULL;
	}
	return text;
}

static bool is_exact(const struct svmt_view *view, const char *text, size_t bytes)
{
	static const struct svmc_options options = { .sealed = true };
	struct svmc_image image = { 0 };
	FILE *sink = fopen("/dev/null", "we");
	bool same = sink && svmc_compile_text("spec", text, bytes, &options, &image, sink) == SVMC_OK &&
		    image.length == view->image_bytes &&
		    !memcmp(image.bytes, view->image, image.length);

	if (sink)
		fclose(sink);
	svmc_image_free(&image);
	return same;
}

char *decompile(const struct svmt_view *view, size_t *bytes, char error[256])
{
	char *text = print_spec(view, false, bytes, error);

	if (!text || is_exact(view, text, *bytes))
		return text;
	free(text);
	return print_spec(view, true, bytes, error);
}
