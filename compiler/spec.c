/* SPDX-License-Identifier: MIT */
/* The top level of a spec: version, name, profile, then every part over the profile. */
#include <stdlib.h>
#include <string.h>
#include "guest_tables.h"
#include "platform.h"
#include "profile.h"
#include "read.h"
#include "segments.h"
#include "spec_read.h"
#include "spec_tables.h"

static bool read_version(struct comp *c, const struct node *node, void *into)
{
	uint64_t version = 0;

	(void)into;
	if (!read_number(c, node, "svmspec", 32, UNIT_NONE, &version))
		return false;
	if (version == 1)
		return true;
	diag_error(&c->diag, &node->range, "svmspec is %s; this svmc reads version 1",
		   node_quote(&c->arena, node));
	return false;
}

static bool read_name(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	if (!read_text(c, node, "name", &c->spec.name))
		return false;
	for (const char *p = c->spec.name; *p; p++) {
		if (*p >= 0x20 && *p < 0x7f)
			continue;
		diag_error(&c->diag, &node->range,
			   "the name holds a character that is not printable "
			   "ASCII; use letters, digits and punctuation");
		return false;
	}
	if (node->text_bytes <= SPEC_MAX_NAME)
		return true;
	diag_error(&c->diag, &node->range, "the name has %zu characters; at most %d",
		   node->text_bytes, SPEC_MAX_NAME);
	return false;
}

static const char *profile_name_next(size_t index)
{
	return profiles[index] ? profiles[index]->name : NULL;
}

static const char *profile_names(struct comp *c)
{
	const char *text = "";

	for (size_t i = 0; profiles[i]; i++)
		text = arena_printf(&c->arena, "%s%s%s", text, i ? ", " : "", profiles[i]->name);
	return text;
}

/* A profile that the spec may name, of whichever kind of guest it is. */
static const struct profile *find_profile(struct comp *c, const char *name)
{
	const struct profile *found = c->spec.launch.profile ? c->spec.profile : profile_find(name);

	if (found || !c->spec.launch.head.kind)
		return found;
	c->spec.launch.profile = launch_profile_find(c, name);
	if (!c->spec.launch.profile || strcmp(c->spec.launch.profile->vmm, "raw")) {
		c->spec.launch.profile = NULL;
		return NULL;
	}
	return launch_profile_shell(c);
}

static bool read_profile(struct comp *c, const struct node *node, void *into)
{
	const char *name;

	(void)into;
	if (!read_text(c, node, "extends", &name))
		return false;
	c->spec.profile_range = node->range;
	if (c->spec.launch.head.kind && c->spec.launch.head.vmm != SVMT_VMM_RAW) {
		diag_error(&c->diag, &node->range, "`extends` is %s, but `vmm: %s` brings its own "
			   "registers, those of its date `as_of`; leave `extends` out, or take "
			   "`vmm: raw`", name, launch_vmm_name(c->spec.launch.head.vmm));
		return false;
	}
	if (c->spec.profile)
		return true;
	unknown_name(c, node, "profile", profile_name_next,
		     arena_printf(&c->arena, "the profiles are %s", profile_names(c)));
	return false;
}

/* A spec without `extends` has no meaning to fall back to: there is no nameless default. */
static void no_profile(struct comp *c)
{
	diag_error(&c->diag, &c->root->range, "the spec has no `extends`; name the profile that it "
		   "starts from: %s", profile_names(c));
	c->spec.bad |= PART_PROFILE;
}

static const struct key keys[] = {
	{ "svmspec", read_version, true, PART_PROFILE },
	{ "name", read_name, true, 0 },
	{ "extends", read_profile, false, PART_PROFILE },
	{ "include", NULL, false, 0 },
	{ "vars", NULL, false, 0 },
	{ "confidential", NULL, false, PART_LAUNCH },
	{ "memory", spec_read_memory, true, PART_MEMORY },
	/* Each set of vCPUs begins as a copy of what the profile and `control` made. */
	{ "control", spec_read_control, false, PART_CONTROL },
	{ "vcpus", spec_read_vcpus, false, PART_VCPUS },
	{ "inject", spec_read_inject, false, PART_INJECT },
	{ "page_tables", spec_read_page_tables, false, PART_TABLES },
	{ "gdt", spec_read_gdt, false, PART_TABLES },
	{ "idt", spec_read_idt, false, PART_TABLES },
	{ "payload", spec_read_payload, true, PART_PAYLOAD },
	{ "segments", spec_read_segments, false, PART_PAYLOAD },
	/* What `cpuid` begins with depends on the chipset. */
	{ "devices", spec_read_devices, false, PART_DEVICES },
	{ "cpuid", spec_read_cpuid, false, PART_CPUID },
	{ "msrs", spec_read_msrs, false, PART_MSRS },
	{ "exits", spec_read_exits, false, PART_EXITS },
	{ "allow", spec_read_allow, false, 0 },
	{ "expect", spec_read_expect, false, PART_EXPECT },
};
KEY_TABLE(spec_keys, keys);

/* What the spec does not set is as in `from`; NULL: zero. Selects the new set. */
void spec_add_set(struct comp *c, uint32_t first, uint32_t last, const struct vcpu_set *from)
{
	const size_t ranges_bytes = vmcb_field_count * sizeof(struct range);
	struct spec *spec = &c->spec;
	struct vcpu_set set = { .first = first, .last = last };
	char *room = arena_alloc(&c->arena, sizeof(*set.vmcb) + VMCB_PAGE_BYTES);

	set.vmcb = (void *)(((uintptr_t)room + VMCB_PAGE_BYTES - 1) &
			    ~(uintptr_t)(VMCB_PAGE_BYTES - 1));
	set.state = arena_alloc(&c->arena, sizeof(*set.state));
	set.field_range = arena_alloc(&c->arena, ranges_bytes);
	if (spec->launch.head.kind) {
		set.vmsa = arena_alloc(&c->arena, VMSA_PAGE_BYTES);
		set.vmsa_range = arena_alloc(&c->arena, vmsa_field_count *
					     sizeof(*set.vmsa_range));
		set.vmsa_gpa = SVMT_VMSA_GPA_KVM;
	}
	if (from) {
		memcpy(set.vmcb, from->vmcb, sizeof(*set.vmcb));
		memcpy(set.state, from->state, sizeof(*set.state));
		memcpy(set.field_range, from->field_range, ranges_bytes);
		set.words_set = from->words_set;
		set.has_start = from->has_start;
		set.start = from->start;
		set.start_range = from->start_range;
		set.event_range = from->event_range;
		set.xcr0_range = from->xcr0_range;
		set.mxcsr_range = from->mxcsr_range;
		set.vmsa_gpa = from->vmsa_gpa;
	}
	if (from && from->vmsa) {
		memcpy(set.vmsa, from->vmsa, VMSA_PAGE_BYTES);
		memcpy(set.vmsa_range, from->vmsa_range,
		       vmsa_field_count * sizeof(*set.vmsa_range));
	}
	if (!spec->intercept_range)	/* checks look there, whoever made the set */
		spec->intercept_range = arena_alloc(&c->arena, svm_intercept_count *
						    sizeof(*spec->intercept_range));
	spec->sets = arena_grow(&c->arena, spec->sets, spec->set_count, &spec->set_capacity,
				sizeof(*spec->sets));
	spec->sets[spec->set_count++] = set;
	spec_select_set(c, spec->set_count - 1);
}

static int compare_first(const void *a, const void *b)
{
	const struct vcpu_set *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* The part of set `index` from vCPU `from` on becomes a set of its own. */
static void split(struct comp *c, size_t index, uint32_t from)
{
	const struct vcpu_set old = c->spec.sets[index];
	struct vcpu_set *new;

	if (from <= old.first || from > old.last)
		return;
	c->spec.sets[index].last = from - 1;
	spec_add_set(c, from, old.last, &old);
	new = &c->spec.sets[c->spec.set_count - 1];
	new->range = old.range;
}

void spec_split_sets(struct comp *c, uint32_t first, uint32_t last)
{
	for (size_t i = 0, count = c->spec.set_count; i < count; i++)
		split(c, i, first);
	for (size_t i = 0, count = c->spec.set_count; i < count; i++)
		split(c, i, last + 1);
	qsort(c->spec.sets, c->spec.set_count, sizeof(*c->spec.sets), compare_first);
	spec_select_set(c, 0);
}

void spec_select_set(struct comp *c, size_t set)
{
	struct spec *spec = &c->spec;

	spec->selected = set;
	spec->vmcb = spec->sets[set].vmcb;
	spec->state = spec->sets[set].state;
	spec->field_range = spec->sets[set].field_range;
	spec->words_set = spec->sets[set].words_set;
	spec->vmsa = spec->sets[set].vmsa;
	spec->vmsa_range = spec->sets[set].vmsa_range;
	spec->vmsa_gpa = &spec->sets[set].vmsa_gpa;
}

/* What file profiles say of vCPUs, each relative to the one before. */
static void read_layers(struct comp *c)
{
	for (size_t i = 0; i < c->layer_count; i++) {
		const struct layer *layer = &c->layers[i];

		if (layer->control && !spec_read_control(c, layer->control, NULL))
			c->spec.bad |= PART_CONTROL;
		if (!layer->vcpus)
			continue;
		if (layer->vcpus->kind == NODE_LIST) {
			diag_error(&c->diag, &layer->vcpus->range, "a profile is for all vCPUs "
				   "alike; make `vcpus` a map, as in `{ state: ... }`");
			c->spec.bad |= PART_VCPUS;
		} else if (!spec_read_vcpus(c, layer->vcpus, NULL)) {
			c->spec.bad |= PART_VCPUS;
		}
	}
}

void spec_read(struct comp *c)
{
	struct spec *spec = &c->spec;
	const struct node *extends = node_get(c->root, "extends");

	/* Whether the guest is confidential decides where registers live. */
	launch_read(c);
	spec_add_set(c, 0, 0, NULL);
	spec->field_seen = arena_alloc(&c->arena, vmcb_field_count * sizeof(bool));
	spec->intercept_seen = arena_alloc(&c->arena, svm_intercept_count * sizeof(bool));
	spec->vcpu_count = 1;
	exit_defaults(spec);
	/* The profile comes first, wherever the spec names it: the rest is relative to it. */
	if (!extends && !spec->launch.profile && !(spec->bad & PART_LAUNCH))
		no_profile(c);
	else if (extends && extends->kind == NODE_SCALAR)
		spec->profile = find_profile(c, extends->text);
	if (spec->profile)
		profile_apply(c);
	read_layers(c);
	read_map(c, c->root, "the spec", keys, sizeof(keys) / sizeof(keys[0]), NULL);
	platform_add(c);
}

const struct range *spec_field_range(const struct comp *c, const char *name)
{
	const struct vmcb_field_info *field = vmcb_field_find(name, true);

	if (field && c->spec.field_range[field - vmcb_fields].source)
		return &c->spec.field_range[field - vmcb_fields];
	return &c->spec.profile_range;
}

void spec_set_range(struct comp *c, struct range *range, const struct range *by)
{
	struct range *before = NULL;

	if (range->source) {
		before = arena_alloc(&c->arena, sizeof(*before));
		*before = *range;
	}
	*range = *by;
	if (before)
		range->replaced = before;
}

bool spec_sets_field(const struct comp *c, const char *name)
{
	return spec_field_range(c, name) != &c->spec.profile_range;
}
