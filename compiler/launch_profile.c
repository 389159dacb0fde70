/* SPDX-License-Identifier: MIT */
/*
 * First registers of confidential vCPUs by VMM and date, from facts/snp_profiles.csv. A released
 * profile never changes: what a VMM does otherwise from some day on is a profile of that day.
 */
#include <stdlib.h>
#include <string.h>
#include "comp.h"
#include "profile.h"
#include "spec_read.h"
#include "vmsa.h"

const struct launch_value launch_values[] = {
#define SNP_PROFILE_VALUE(profile_, vmm_, since_, cpu_, field_, value_, source_) \
	{ profile_, vmm_, since_, cpu_, field_, value_, source_ },
#include <svmkit/snp_profiles.def>
#undef SNP_PROFILE_VALUE
};
#define VALUE_COUNT (sizeof(launch_values) / sizeof(launch_values[0]))

bool launch_profile_at(size_t index, struct launch_profile *out)
{
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		const struct launch_value *v = &launch_values[i];

		if (strcmp(v->field, "-") || index--)
			continue;
		*out = (struct launch_profile){ v->profile, v->vmm, v->source, v->since, i + 1, 0 };
		for (i++; i < VALUE_COUNT && !strcmp(launch_values[i].profile, v->profile); i++)
			out->count++;
		return true;
	}
	return false;
}

static const struct launch_profile *keep(struct comp *c, const struct launch_profile *profile)
{
	struct launch_profile *copy = arena_alloc(&c->arena, sizeof(*copy));

	*copy = *profile;
	return copy;
}

const struct launch_profile *launch_profile_find(struct comp *c, const char *name)
{
	struct launch_profile profile;

	for (size_t i = 0; launch_profile_at(i, &profile); i++)
		if (!strcmp(profile.name, name))
			return keep(c, &profile);
	return NULL;
}

const struct launch_profile *launch_profile_of(struct comp *c, const char *vmm, uint32_t as_of)
{
	struct launch_profile profile, best = { .since = 0 };

	for (size_t i = 0; launch_profile_at(i, &profile); i++)
		if (!strcmp(profile.vmm, vmm) && profile.since <= as_of &&
		    profile.since > best.since)
			best = profile;
	return best.since ? keep(c, &best) : NULL;
}

const struct profile *launch_profile_shell(struct comp *c)
{
	static const struct profile_value none[] = { { "", 0 } };
	const struct launch_profile *found = c->spec.launch.profile;
	struct profile *profile = arena_alloc(&c->arena, sizeof(*profile));

	*profile = (struct profile){
		.name = found->name, .summary = found->summary, .source = found->summary,
		.code_bits = 16, .values = none,
	};
	return profile;
}

bool launch_value_number(const struct spec_launch *launch, const struct launch_value *v,
			 bool is_first, uint64_t *number)
{
	const uint32_t start = is_first || !launch->ap_start ? LAUNCH_BSP_START : launch->ap_start;

	if (!strcmp(v->cpu, is_first ? "ap" : "bsp") ||
	    (!strcmp(v->cpu, "snp") && launch->head.kind != SVMT_LAUNCH_SEV_SNP))
		return false;
	if (!strcmp(v->value, "eip"))
		*number = start;
	else if (!strcmp(v->value, "eip-high"))
		*number = start & 0xffff0000u;
	else if (!strcmp(v->value, "eip-low"))
		*number = start & 0xffffu;
	else if (!strcmp(v->value, "signature"))
		*number = launch->head.vcpu_signature;
	else
		*number = strtoull(v->value, NULL, 0);
	return true;
}

uint64_t launch_default_features(const struct spec_launch *launch)
{
	uint64_t features = launch->head.kind == SVMT_LAUNCH_SEV_SNP;

	for (size_t i = 0; launch->profile && i < launch->profile->count; i++) {
		const struct launch_value *v = &launch_values[launch->profile->first + i];

		if (!strcmp(v->field, "sev_features"))
			launch_value_number(launch, v, true, &features);
	}
	return features;
}

/* Later rows of a profile are over earlier ones. */
void launch_profile_apply(struct comp *c, bool is_first)
{
	const struct spec_launch *launch = &c->spec.launch;
	struct register_place place;

	for (size_t i = 0; launch->profile && i < launch->profile->count; i++) {
		const struct launch_value *v = &launch_values[launch->profile->first + i];
		uint64_t number;

		if (register_find(c, v->field, &place) &&
		    launch_value_number(launch, v, is_first, &number))
			register_set(c, &place, number);
	}
	if (launch->head.kind && register_find(c, "sev_features", &place))
		register_set(c, &place, launch->head.features);
}

/* Whether the others begin differently from the first vCPU; `v` is a row that says so. */
static bool differs(const struct spec_launch *launch, const struct launch_value *v)
{
	uint64_t first = 0, other = 0;
	const bool in_first = launch_value_number(launch, v, true, &first);
	const bool in_other = launch_value_number(launch, v, false, &other);

	return in_first != in_other || first != other;
}

/* What the profile gives to a vCPU that is not the first: the last row that is for it, or zero. */
static uint64_t other_value(const struct spec_launch *launch, const char *field)
{
	uint64_t value = 0, number;

	for (size_t i = 0; i < launch->profile->count; i++) {
		const struct launch_value *v = &launch_values[launch->profile->first + i];

		if (!strcmp(v->field, field) && launch_value_number(launch, v, false, &number))
			value = number;
	}
	return value;
}

static void apply_others(struct comp *c)
{
	const struct spec_launch *launch = &c->spec.launch;

	for (size_t i = 0; i < launch->profile->count; i++) {
		const struct launch_value *v = &launch_values[launch->profile->first + i];
		const struct vmsa_field_info *field = vmsa_field_find(v->field);
		struct register_place place;

		if (field && differs(launch, v) && !c->spec.vmsa_range[field - vmsa_fields].source &&
		    register_find(c, v->field, &place))
			register_set(c, &place, other_value(launch, v->field));
	}
}

void launch_split_sets(struct comp *c)
{
	struct spec *spec = &c->spec;
	bool differ = false;

	for (size_t i = 0; spec->launch.profile && i < spec->launch.profile->count; i++)
		differ |= differs(&spec->launch, &launch_values[spec->launch.profile->first + i]);
	if (!differ)
		return;
	if (spec->sets[0].last > 0) {
		const uint32_t last = spec->sets[0].last;
		struct vcpu_set others;

		spec_add_set(c, 1, last, &spec->sets[0]);
		others = spec->sets[spec->set_count - 1];
		others.range = spec->sets[0].range;
		memmove(&spec->sets[2], &spec->sets[1],
			(spec->set_count - 2) * sizeof(spec->sets[0]));
		spec->sets[1] = others;
		spec->sets[0].last = 0;
	}
	for (size_t i = 1; i < spec->set_count; i++) {
		spec_select_set(c, i);
		apply_others(c);
	}
	spec_select_set(c, 0);
}
