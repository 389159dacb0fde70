/* SPDX-License-Identifier: MIT */
/*
 * Assembling of the template. The order of the pool's pages is that of their use, so the same spec
 * gives the same bytes; what is written is read back, since a template that our own reader refuses
 * must never leave the compiler.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "emit.h"
#include "emit_parts.h"
#include "svmfeatures.h"
#include "profile.h"
#include "svmt_write.h"

static const char *meta(struct comp *c, uint64_t *bytes)
{
	struct json_out out = { 0 };
	const char *text;

	JSON_OUT_LITERAL(&out, "{");
	json_out_name(&out, "name");
	json_out_string(&out, c->spec.name, strlen(c->spec.name));
	JSON_OUT_LITERAL(&out, ",\"svmspec\":1");
	json_out_name(&out, "profile");
	json_out_string(&out, c->spec.profile->name, strlen(c->spec.profile->name));
	JSON_OUT_LITERAL(&out, "}");
	if (out.failed)
		longjmp(c->arena.out_of_memory, 1);
	*bytes = out.length;
	text = arena_copy(&c->arena, out.data, out.length);
	json_out_free(&out);
	return text;
}

/* What the host must have: nested paging always, the rest as far as a vCPU uses it. */
static void require_features(struct comp *c, struct svmt_features *features)
{
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		features->svm_edx |= features_of_vmcb(c);
	}
	spec_select_set(c, 0);
}

static void add(struct svmt_part *parts, unsigned int *count, uint32_t type, const void *data,
		uint64_t bytes)
{
	parts[(*count)++] = (struct svmt_part){ .type = type, .data = data, .bytes = bytes };
}

/* Sections that may be empty are left out when they are. */
static void add_filled(struct svmt_part *parts, unsigned int *count, uint32_t type,
		       const void *data, uint64_t bytes)
{
	if (bytes)
		add(parts, count, type, data, bytes);
}

static int check_result(struct comp *c, const struct svmc_image *out)
{
	struct svmt_view view;
	struct svmt_error error;

	if (!svmt_view_open_sealed(&view, out->bytes, out->length, &error))
		return 0;
	diag_error(&c->diag, NULL,
		   "internal error, please report it: the template is not readable: %s",
		   error.text);
	return -1;
}

int emit_template(struct comp *c, struct svmc_image *out)
{
	struct pool pool = { .arena = &c->arena };
	struct svmt_features features = { 0 };
	struct svmt_part parts[SVMT_MAX_SECTIONS];
	const void *memory, *vcpus, *vmsas = NULL, *devices, *data;
	uint64_t memory_bytes, vcpus_bytes, vmsas_bytes = 0, devices_bytes, bytes;
	unsigned int count = 0;

	require_features(c, &features);
	vcpus = emit_vcpus(c, &pool, &vcpus_bytes);
	if (c->spec.launch.head.kind)
		vmsas = emit_vmsas(c, &pool, &vmsas_bytes);
	memory = emit_memory(c, &pool, &memory_bytes);
	devices = emit_devices(c, &pool, &devices_bytes);
	data = meta(c, &bytes);
	add(parts, &count, SVMT_META, data, bytes);
	add(parts, &count, SVMT_FEATURES, &features, sizeof(features));
	add(parts, &count, SVMT_MEMORY, memory, memory_bytes);
	add(parts, &count, SVMT_BLOB, pool_bytes(&pool), pool.count * SVMT_PAGE_BYTES);
	add(parts, &count, SVMT_VCPU, vcpus, vcpus_bytes);
	data = emit_msrpm(c, &bytes);
	add(parts, &count, SVMT_MSRPM, data, bytes);
	data = emit_cpuid(c, &bytes);
	add_filled(parts, &count, SVMT_CPUID, data, bytes);
	data = emit_msrs(c, &bytes);
	add_filled(parts, &count, SVMT_MSRS, data, bytes);
	data = emit_exits(c, &bytes);
	add(parts, &count, SVMT_EXITS, data, bytes);
	add_filled(parts, &count, SVMT_DEVICES, devices, devices_bytes);
	if (vmsas) {
		add(parts, &count, SVMT_VMSA, vmsas, vmsas_bytes);
		data = emit_launch(c, &bytes);
		add(parts, &count, SVMT_LAUNCH, data, bytes);
	}
	add_filled(parts, &count, SVMT_EXPECT, c->spec.expect.data, c->spec.expect.length);
	if (svmt_write_image(parts, count, c->spec.illegal_state ? SVMT_F_ILLEGAL_STATE : 0,
			     &out->bytes, &out->length)) {
		if (errno == ENOMEM)
			longjmp(c->arena.out_of_memory, 1);
		diag_error(&c->diag, NULL,
			   "the template would be larger than %llu GiB; use less initial "
			   "memory contents",
			   (unsigned long long)SVMT_MAX_BYTES >> 30);
		return -1;
	}
	snprintf(out->name, sizeof(out->name), "%s", c->spec.name);
	return check_result(c, out);
}
