/* SPDX-License-Identifier: MIT */
/*
 * A template of an IGVM file: what the file says becomes the description that a spec would have
 * given, and goes through the same checks and the same emitter. So a template that was imported is
 * one that some spec gives.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "checks/checks.h"
#include "emit.h"
#include "igvm_reader.h"
#include "memory.h"
#include "profile.h"
#include "segments.h"
#include "spec_read.h"
#include "vmsa.h"

#define BASE "apm-reset"	/* what an IGVM file leaves open is as after a reset */

static const char *const platform_names[] = {
	[IGVM_NATIVE] = "native", [IGVM_SEV_SNP] = "sev-snp", [IGVM_SEV_ES] = "sev-es",
};

const char *igvm_platform_name(uint32_t platform)
{
	return platform < sizeof(platform_names) / sizeof(platform_names[0]) ?
	       platform_names[platform] : NULL;
}

uint32_t igvm_platform_find(const char *name)
{
	for (uint32_t i = 0; i < sizeof(platform_names) / sizeof(platform_names[0]); i++)
		if (platform_names[i] && !strcmp(platform_names[i], name))
			return i;
	return IGVM_ANY_PLATFORM;
}

bool igvm_fail(struct igvm_reader *r, uint64_t offset, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_error(&r->c->diag, NULL, "offset 0x%" PRIx64 ": %s", offset, text);
	return false;
}

void igvm_lose(struct igvm_reader *r, bool measured, const char *format, ...)
{
	struct igvm_loss *losses = realloc(r->out->losses,
					   (r->out->loss_count + 1) * sizeof(*losses));
	va_list args;
	char *text;

	if (losses)
		r->out->losses = losses;
	va_start(args, format);
	if (!losses || vasprintf(&text, format, args) < 0)
		longjmp(r->c->arena.out_of_memory, 1);
	va_end(args);
	losses[r->out->loss_count++] = (struct igvm_loss){ text, measured };
}

static const struct range nowhere;

static bool choose_platform(struct igvm_reader *r, uint32_t wanted)
{
	unsigned int found = 0;

	for (size_t i = 0; i < r->igvm->count; i++) {
		const struct igvm_header *h = &r->igvm->headers[i];
		struct igvm_supported_platform platform;

		if (h->type != IGVM_T_SUPPORTED_PLATFORM)
			continue;
		memcpy(&platform, h->contents, sizeof(platform));
		if (!platform.mask || platform.mask & (platform.mask - 1))
			return igvm_fail(r, h->offset + 8,
				    "the platform's mask 0x%" PRIx32 " is not one bit",
				    platform.mask);
		if (!igvm_platform_name(platform.type) ||
		    (wanted != IGVM_ANY_PLATFORM && wanted != platform.type))
			continue;
		r->platform = platform.type;
		r->mask = platform.mask;
		found++;
	}
	if (found == 1)
		return true;
	if (!found)
		return igvm_fail(r, 0, "the file has no platform %s", wanted == IGVM_ANY_PLATFORM ?
			    "that svmc knows: native, sev-snp or sev-es" :
			    igvm_platform_name(wanted));
	return igvm_fail(r, 0, "the file has several platforms that svmc knows; choose one with "
		    "--platform native, sev-snp or sev-es");
}

/* Zeroes of memory cost nothing: only pages with something in them become contents. */
static void add_contents(struct igvm_reader *r, uint64_t gpa, const uint8_t *data, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		if (data[i]) {
			memory_add(r->c, "the page", gpa, data, bytes, &nowhere);
			return;
		}
}

static bool add_row(struct igvm_reader *r, const struct igvm_header *h, uint64_t gpa,
		    uint64_t bytes, uint32_t type)
{
	struct spec_launch *launch = &r->c->spec.launch;
	struct launch_row *last = launch->row_count ? &launch->rows[launch->row_count - 1] : NULL;

	if (!igvm_is_confidential(r))
		return true;
	if (r->context_count && !r->late_pages++)
		r->first_late = gpa;
	if (last && last->row.type == type && last->row.gpa + last->row.bytes == gpa) {
		last->row.bytes += bytes;
		return true;
	}
	if (launch->row_count == LAUNCH_MAX_ROWS)
		return igvm_fail(r, h->offset,
				 "more than %u runs of pages in a row that are launched "
				 "alike",
				 LAUNCH_MAX_ROWS);
	launch_add_row(r->c, gpa, bytes, type, "the page", &nowhere);
	return true;
}

static void add_region(struct igvm_reader *r, uint64_t gpa, uint64_t bytes)
{
	struct spec *spec = &r->c->spec;
	struct spec_region *last = spec->region_count ? &spec->regions[spec->region_count - 1]
						      : NULL;

	if (last && last->gpa + last->bytes == gpa) {
		last->bytes += bytes;
		return;
	}
	spec->regions = arena_grow(&r->c->arena, spec->regions, spec->region_count,
				   &spec->region_capacity, sizeof(*spec->regions));
	spec->regions[spec->region_count++] = (struct spec_region){ gpa, bytes, SVMT_RAM, nowhere };
}

static bool read_page(struct igvm_reader *r, const struct igvm_header *h)
{
	static const uint32_t types[] = {
		SVMT_PAGE_NORMAL, SVMT_PAGE_SECRETS, SVMT_PAGE_CPUID, SVMT_PAGE_CPUID,
	};
	struct igvm_page_data page;
	uint64_t bytes;
	uint32_t type;

	memcpy(&page, h->contents, sizeof(page));
	if (!(page.mask & r->mask))
		return true;
	if (page.flags & IGVM_PAGE_2MIB)
		return igvm_fail(r, h->offset + 8 + 16,
			    "a page of 2 MiB at 0x%" PRIx64 "; svmc reads pages "
			    "of 4 KiB only",
			    page.gpa);
	if (page.flags & IGVM_PAGE_SHARED) {
		igvm_lose(r, false, "page 0x%" PRIx64 ": it is shared with the host", page.gpa);
		return true;
	}
	type = page.flags & IGVM_PAGE_UNMEASURED ? SVMT_PAGE_UNMEASURED : types[page.data_type];
	if (!add_row(r, h, page.gpa, IGVM_PAGE, type))
		return false;
	if (!page.file_offset)
		return true;
	bytes = r->igvm->bytes - page.file_offset;
	add_contents(r, page.gpa, r->igvm->data + page.file_offset,
		     bytes < IGVM_PAGE ? bytes : IGVM_PAGE);
	return true;
}

static bool read_area(struct igvm_reader *r, const struct igvm_header *h)
{
	if (r->area_count == MAX_AREAS)
		return igvm_fail(r, h->offset, "more than %u parameter areas", MAX_AREAS);
	memcpy(&r->areas[r->area_count++], h->contents, sizeof(r->areas[0]));
	return true;
}

/* Parameters are the loader's to fill in; a template has their pages as they are at first. */
static bool read_insert(struct igvm_reader *r, const struct igvm_header *h)
{
	struct igvm_parameter_insert insert;

	memcpy(&insert, h->contents, sizeof(insert));
	if (!(insert.mask & r->mask))
		return true;
	for (uint32_t i = 0; i < r->area_count; i++) {
		const struct igvm_parameter_area *area = &r->areas[i];
		const uint64_t bytes = (area->bytes + IGVM_PAGE - 1) / IGVM_PAGE * IGVM_PAGE;

		if (area->index != insert.index)
			continue;
		if (!area->bytes || area->bytes > IGVM_MAX_BYTES)
			return igvm_fail(r, h->offset,
					 "the parameter area %" PRIu32 " has 0x%" PRIx64
					 " bytes; the rule is 1 to a GiB",
					 area->index, area->bytes);
		if (!add_row(r, h, insert.gpa, bytes, SVMT_PAGE_UNMEASURED))
			return false;
		if (area->file_offset)
			add_contents(r, insert.gpa, r->igvm->data + area->file_offset, area->bytes);
		return true;
	}
	return igvm_fail(r, h->offset + 8 + 12, "there is no parameter area %" PRIu32,
			 insert.index);
}

static bool read_context(struct igvm_reader *r, const struct igvm_header *h)
{
	struct igvm_vp_context context = { 0 };

	memcpy(&context, h->contents, 20);
	if (!(context.mask & r->mask))
		return true;
	if (context.vp_index != r->context_count || r->context_count == SVMT_MAX_VCPUS)
		return igvm_fail(r, h->offset + 8 + 16,
			    "a vCPU with the number %u, where number %" PRIu32
			    " is next; svmc reads 1 to %u in a row",
			    context.vp_index, r->context_count, SVMT_MAX_VCPUS);
	r->contexts[r->context_count] = r->igvm->data + context.file_offset;
	r->context_gpa[r->context_count++] = context.gpa;
	return true;
}

static bool read_id_block(struct igvm_reader *r, const struct igvm_header *h)
{
	struct svmt_launch *head = &r->c->spec.launch.head;
	struct igvm_id_block block;

	memcpy(&block, h->contents, sizeof(block));
	if (!(block.mask & r->mask) || r->platform != IGVM_SEV_SNP)
		return true;
	head->flags |= SVMT_LAUNCH_F_ID_BLOCK;
	head->guest_svn = block.guest_svn;
	memcpy(head->family_id, block.family_id, sizeof(head->family_id));
	memcpy(head->image_id, block.image_id, sizeof(head->image_id));
	igvm_lose(r, false, "id block: its signature; svmc measure --id-key makes a new one");
	return true;
}

static bool read_policy(struct igvm_reader *r, const struct igvm_header *h)
{
	struct igvm_guest_policy policy;

	memcpy(&policy, h->contents, sizeof(policy));
	if (!(policy.mask & r->mask) || !igvm_is_confidential(r))
		return true;
	if (!(policy.policy & (r->platform == IGVM_SEV_SNP ? 1u << 17 : 1u << 2)))
		return igvm_fail(r, h->offset + 8,
			    "the policy 0x%" PRIx64 " lacks bit %d, which %s wants", policy.policy,
			    r->platform == IGVM_SEV_SNP ? 17 : 2, igvm_platform_name(r->platform));
	r->c->spec.launch.head.policy = policy.policy;
	r->policy_seen = true;
	return true;
}

static bool read_directive(struct igvm_reader *r, const struct igvm_header *h)
{
	const char *name = igvm_type_name(h->type);

	switch (h->type) {
	case IGVM_T_SUPPORTED_PLATFORM:
	case IGVM_T_REQUIRED_MEMORY:
		return true;		/* read before, and behind */
	case IGVM_T_GUEST_POLICY: return read_policy(r, h);
	case IGVM_T_PAGE_DATA: return read_page(r, h);
	case IGVM_T_PARAMETER_AREA: return read_area(r, h);
	case IGVM_T_PARAMETER_INSERT: return read_insert(r, h);
	case IGVM_T_VP_CONTEXT: return read_context(r, h);
	case IGVM_T_SNP_ID_BLOCK: return read_id_block(r, h);
	default:
		if (name)
			igvm_lose(r, false, "header %s at offset 0x%" PRIx32, name, h->offset);
		else
			igvm_lose(r, false, "header of the unknown type 0x%" PRIx32 " at offset 0x%"
			     PRIx32, h->type, h->offset);
		return true;
	}
}

struct span {
	uint64_t gpa, end;
};

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* Memory is what the file requires, and whatever else has contents or is launched. */
static void add_memory(struct igvm_reader *r)
{
	const struct spec *spec = &r->c->spec;
	size_t count = 0, most = r->igvm->count + spec->content_count + spec->launch.row_count;
	struct span *spans = arena_alloc(&r->c->arena, (most + 1) * sizeof(*spans));
	uint64_t end = 0;

	for (size_t i = 0; i < r->igvm->count; i++) {
		struct igvm_required_memory m;

		if (r->igvm->headers[i].type != IGVM_T_REQUIRED_MEMORY)
			continue;
		memcpy(&m, r->igvm->headers[i].contents, sizeof(m));
		if (m.mask & r->mask && m.bytes)
			spans[count++] = (struct span){ m.gpa, m.gpa + m.bytes };
	}
	for (size_t i = 0; i < spec->content_count; i++)
		spans[count++] = (struct span){
			spec->contents[i].gpa, spec->contents[i].gpa + spec->contents[i].bytes,
		};
	for (size_t i = 0; i < spec->launch.row_count; i++)
		spans[count++] = (struct span){
			spec->launch.rows[i].row.gpa,
			spec->launch.rows[i].row.gpa + spec->launch.rows[i].row.bytes,
		};
	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 0; i < count; i++) {
		const uint64_t gpa = spans[i].gpa > end ? spans[i].gpa : end;
		const uint64_t last = (spans[i].end + IGVM_PAGE - 1) / IGVM_PAGE * IGVM_PAGE;

		if (last <= gpa)
			continue;
		add_region(r, gpa, last - gpa);
		end = last;
	}
}

static int compare_contents(const void *a, const void *b)
{
	const struct spec_contents *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* svmc compares all contents with each other; so pages that lie in a row become one. */
static bool join_contents(struct igvm_reader *r)
{
	struct spec *spec = &r->c->spec;
	size_t used = 0, i, next;

	if (spec->content_count)
		qsort(spec->contents, spec->content_count, sizeof(*spec->contents),
		      compare_contents);
	for (i = 0; i < spec->content_count; i = next) {
		struct spec_contents *first = &spec->contents[i];
		uint64_t end = first->gpa + first->bytes;
		uint8_t *data;

		for (next = i + 1; next < spec->content_count &&
		     spec->contents[next].gpa == end; next++)
			end += spec->contents[next].bytes;
		if (next < spec->content_count && spec->contents[next].gpa < end)
			return igvm_fail(r, 0, "the page at 0x%" PRIx64 " is there twice",
				    spec->contents[next].gpa);
		data = arena_alloc(&r->c->arena, (size_t)(end - first->gpa));
		for (size_t j = i; j < next; j++)
			memcpy(data + (spec->contents[j].gpa - first->gpa), spec->contents[j].data,
			       (size_t)spec->contents[j].data_bytes);
		spec->contents[used] = *first;
		spec->contents[used].bytes = spec->contents[used].data_bytes = end - first->gpa;
		spec->contents[used++].data = data;
	}
	spec->content_count = used;
	if (used > SEGMENTS_MAX)
		return igvm_fail(r, 0, "contents in %zu places that do not touch; at most %u", used,
				 SEGMENTS_MAX);
	return true;
}

/* Before the directives: what kind of guest it is decides where registers live. */
static void begin(struct igvm_reader *r, const char *name)
{
	struct spec *spec = &r->c->spec;
	struct svmt_launch *head = &spec->launch.head;

	spec->name = name;
	if (igvm_is_confidential(r)) {
		head->kind = r->platform == IGVM_SEV_SNP ? SVMT_LAUNCH_SEV_SNP : SVMT_LAUNCH_SEV_ES;
		head->vmm = SVMT_VMM_RAW;
		head->policy = r->platform == IGVM_SEV_SNP ? SNP_POLICY_DEFAULT : ES_POLICY_DEFAULT;
		head->features = launch_default_features(&spec->launch);
	}
	spec_add_set(r->c, 0, 0, NULL);
	exit_defaults(spec);
	spec->profile = profile_find(BASE);
	profile_apply(r->c);
}

static bool read_all(struct igvm_reader *r, const char *name, uint32_t wanted)
{
	if (!choose_platform(r, wanted))
		return false;
	begin(r, name);
	for (size_t i = 0; i < r->igvm->count; i++)
		if (!read_directive(r, &r->igvm->headers[i]))
			return false;
	if (!r->context_count)
		return igvm_fail(r, 0,
				 "the file has no vCPU for the platform %s; svmc reads 1 to %u",
				 igvm_platform_name(r->platform), SVMT_MAX_VCPUS);
	if (r->platform == IGVM_SEV_SNP && !r->policy_seen)
		return igvm_fail(r, 0, "the file has no GUEST_POLICY for sev-snp");
	if (r->late_pages)
		igvm_lose(r, true,
			  "%" PRIu32 " pages, the first at 0x%" PRIx64 ": they come behind a "
			  "vCPU, but a template launches vCPUs last",
			  r->late_pages, r->first_late);
	if (!join_contents(r))
		return false;
	add_memory(r);
	if (!r->c->spec.region_count)
		return igvm_fail(r, 0, "the file has no memory: neither pages nor REQUIRED_MEMORY");
	return igvm_add_vcpus(r);
}

/* SEV_FEATURES that vCPUs begin with are those of the first, as far as its kind allows. */
static void take_features(struct igvm_reader *r)
{
	const uint64_t features = vmsa_get(r->c->spec.vmsa, vmsa_field_find("sev_features"));

	if ((features & 1) == (r->platform == IGVM_SEV_SNP))
		r->c->spec.launch.head.features = features;
}

static void run(struct igvm_reader *r, const char *name, uint32_t wanted)
{
	if (!read_all(r, name, wanted))
		return;
	if (igvm_is_confidential(r))
		take_features(r);
	checks_run(r->c);
	if (!r->c->diag.errors)
		emit_template(r->c, &r->out->image);
}

int igvm_import(const char *path, const uint8_t *data, uint64_t bytes, const char *name,
		uint32_t platform, struct igvm_import *out, FILE *diag)
{
	static const struct svmc_options options;
	struct comp *c = calloc(1, sizeof(*c));
	struct igvm_error error;
	struct igvm igvm;
	struct igvm_reader *r = calloc(1, sizeof(*r));
	int status = SVMC_IO;

	memset(out, 0, sizeof(*out));
	if (!c || !r || igvm_read(&igvm, data, bytes, &error)) {
		fprintf(diag, "%s: error: %s\n", path, c && r ? error.text : "out of memory");
		status = c && r ? SVMC_DIAGNOSED : SVMC_IO;
		free(c);
		free(r);
		return status;
	}
	c->options = &options;
	c->diag = (struct diag){ .out = diag, .path = path };
	*r = (struct igvm_reader){ .c = c, .igvm = &igvm, .out = out };
	if (!setjmp(c->arena.out_of_memory)) {
		run(r, name, platform);
	} else {
		diag_error(&c->diag, NULL, "out of memory");
		c->io_failed = true;
	}
	status = !c->diag.errors ? SVMC_OK : c->io_failed ? SVMC_IO : SVMC_DIAGNOSED;
	if (status != SVMC_OK)
		igvm_import_free(out);
	arena_free(&c->arena);
	igvm_free(&igvm);
	free(c);
	free(r);
	return status;
}

void igvm_import_free(struct igvm_import *import)
{
	svmc_image_free(&import->image);
	for (size_t i = 0; i < import->loss_count; i++)
		free(import->losses[i].text);
	free(import->losses);
	memset(import, 0, sizeof(*import));
}
