/* SPDX-License-Identifier: MIT */
/*
 * `vcpus:`: their number and the registers that differ from the profile; as a map for vCPUs that
 * all begin alike, or as a list of sets of vCPUs.
 */
#include <stdlib.h>
#include <string.h>
#include "profile.h"
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"
#include "wide.h"

static bool read_count(struct comp *c, const struct node *node, void *into)
{
	uint64_t count = 0;

	(void)into;
	if (!read_number(c, node, "count", 64, UNIT_NONE, &count))
		return false;
	if (count >= 1 && count <= SVMT_MAX_VCPUS) {
		c->spec.vcpu_count = (uint32_t)count;
		return true;
	}
	diag_error(&c->diag, &node->range, "`count` is %s; the rule is 1 to %u vCPUs",
		   node_quote(&c->arena, node), SVMT_MAX_VCPUS);
	return false;
}

static const char *register_name_next(size_t index)
{
	static const char *const others[] = {
		"rcx", "rdx", "rbx", "rbp", "rsi", "rdi",  "r8",   "r9",   "r10",  "r11",
		"r12", "r13", "r14", "r15", "dr0", "dr1",  "dr2",  "dr3",  "xcr0", "es",
		"cs",  "ss",  "ds",  "fs",  "gs",  "gdtr", "idtr", "ldtr", "tr",
	};
	size_t seen = sizeof(others) / sizeof(others[0]);

	if (index < seen)
		return others[index];
	for (size_t i = 0; fxsave_register(i); i++)
		if (seen++ == index)
			return fxsave_register(i)->name;
	for (size_t i = 0; i < vmcb_field_count; i++)
		if (vcpus_take_field(&vmcb_fields[i]) && seen++ == index)
			return vmcb_fields[i].name;
	return NULL;
}

static const char *vmsa_name_next(size_t index)
{
	for (size_t i = 0, seen = 0; i < vmsa_field_count; i++)
		if (!vmsa_fields[i].reserved && seen++ == index)
			return vmsa_fields[i].name;
	return NULL;
}

bool vcpus_take_field(const struct vmcb_field_info *field)
{
	return field->save && field->loaded_by != VMCB_BY_NOTHING;
}

/* kmod/control.c copies what VMRUN and VMLOAD load without a feature that it does not turn on. */
bool svmrt_takes_save_field(const struct vmcb_field_info *field)
{
	return field->save && strcmp(field->name, "spec_ctrl") &&
	       (field->loaded_by == VMCB_BY_VMRUN || field->loaded_by == VMCB_BY_VMLOAD ||
		field->loaded_by == VMCB_BY_VMRUN_NP);
}

/* Note where the register is set; false after a message when it is so already. */
static bool note_place(struct comp *c, const struct node *key, const char *name,
		       const struct register_place *place, const struct node *value)
{
	struct range *range;
	bool *seen;

	if (place->word && !c->spec.launch.head.kind)
		c->spec.words_set |= 1u << (place->word - (__u64 *)c->spec.state->gpr) % 32;
	if (place->word == &c->spec.state->xcr0)
		c->spec.sets[c->spec.selected].xcr0_range = value->range;
	if (place->bytes == &c->spec.state->fxsave[FXSAVE_MXCSR])
		c->spec.sets[c->spec.selected].mxcsr_range = value->range;
	if (!place->field)
		return true;
	range = &c->spec.field_range[place->field - vmcb_fields];
	seen = &c->spec.field_seen[place->field - vmcb_fields];
	if (*seen) {
		diag_error(&c->diag, &key->range, "%s is set twice; remove one", name);
		diag_note(&c->diag, range, "the first one is here");
		return false;
	}
	*seen = true;
	spec_set_range(c, range, &value->range);
	return true;
}

/* Fields of a VMSA that are wider than a register: their first bytes, the rest is zero. */
static bool set_wide(struct comp *c, const struct register_place *place, const char *name,
		     const struct node *node)
{
	uint8_t *at = c->spec.vmsa + place->vmsa->offset;
	size_t length = 0;

	if (node->kind == NODE_SCALAR) {
		memset(at, 0, place->vmsa->bytes);
		if (!read_hex_bytes(node->text, at, place->vmsa->bytes, &length))
			return true;
	}
	diag_error(&c->diag, &node->range,
		   "`%s` is %s; the rule is two hexadecimal digits for each "
		   "byte, at most %u bytes, with blanks between bytes at will",
		   name, node_quote(&c->arena, node), place->vmsa->bytes);
	return false;
}

/* Set one register; `name` is its full name, `key` what the spec says. */
static bool set_register(struct comp *c, const struct node *key, const char *name,
			 const struct node *value_node)
{
	struct register_place place;
	uint64_t value = 0;
	bool good;

	if (!register_find(c, name, &place)) {
		unknown_name(c, key, c->spec.launch.head.kind ? "field of a VMSA" :
			     "register of a vCPU", c->spec.launch.head.kind ? vmsa_name_next :
			     register_name_next,
			     "svmspec(5) lists the names");
		return false;
	}
	if (place.vmsa)
		c->spec.vmsa_range[place.vmsa - vmsa_fields] = value_node->range;
	if (place.vmsa && place.vmsa->bytes > 8)
		return set_wide(c, &place, name, value_node);
	if (!note_place(c, key, name, &place, value_node))
		return false;
	if (place.bytes)
		return read_wide(c, value_node, name, place.bits / 8, place.bytes);
	if (place.bits > 64)
		return read_wide_field(c, value_node, name, place.field);
	if (has_flags(name))
		good = read_flags(c, value_node, name, register_get(c, &place), &value);
	else
		good = read_number(c, value_node, name, place.bits, UNIT_SIZE, &value);
	if (good)
		register_set(c, &place, value);
	return good;
}

static bool is_segment(const char *name)
{
	static const char *const segments[] = {
		"es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
	};

	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		if (text_is(segments[i], name))
			return true;
	return false;
}

static bool set_segment(struct comp *c, const struct node *key, const struct node *map)
{
	bool good = want_map(c, map, key->text);

	for (size_t i = 0; good && i < map->count; i++) {
		const struct node *part = map->pairs[i].key;
		const char *name = arena_printf(&c->arena, "%s.%s", key->text, part->text);
		struct register_place place;

		if (!register_find(c, name, &place)) {
			diag_error(&c->diag, &part->range,
				   "unknown key %s in %s; its keys are selector, "
				   "attrib, limit and base",
				   node_quote(&c->arena, part), key->text);
			return false;
		}
		good = set_register(c, part, name, map->pairs[i].value);
	}
	return good;
}

static bool read_state(struct comp *c, const struct node *node, void *into)
{
	bool good = want_map(c, node, "state");

	(void)into;
	memset(c->spec.field_seen, 0, vmcb_field_count * sizeof(bool));
	for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++) {
		const struct node *key = node->pairs[i].key, *value = node->pairs[i].value;

		if (is_segment(key->text))
			good &= set_segment(c, key, value);
		else
			good &= set_register(c, key, key->text, value);
	}
	return good;
}

static bool read_start(struct comp *c, const struct node *node, void *into)
{
	struct vcpu_set *set = &c->spec.sets[c->spec.selected];

	(void)into;
	set->has_start = true;
	set->start_range = node->range;
	set->start = SVMT_START_RUN;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "run"))
		return true;
	set->start = SVMT_START_WAIT_SIPI;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "sipi"))
		return true;
	diag_error(&c->diag, &node->range, "`start` is %s; the rule is `run` or `sipi`",
		   node_quote(&c->arena, node));
	return false;
}

uint32_t spec_default_start(const struct spec *spec, uint32_t vcpu)
{
	return vcpu && spec_has_chipset(spec) ? SVMT_START_WAIT_SIPI : SVMT_START_RUN;
}

static const struct key keys[] = {
	{ "count", read_count, false, 0 }, { "start", read_start, false, 0 },
	{ "state", read_state, false, 0 },
};
KEY_TABLE(vcpus_keys, keys);

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct vcpu_set *set = into;
	uint64_t first = 0, last = 0;

	if (!read_span(c, node, "at", 32, &first, &last))
		return false;
	if (last >= SVMT_MAX_VCPUS) {
		diag_error(&c->diag, &node->range, "`at` is %s; vCPUs have the numbers 0 to %u",
			   node_quote(&c->arena, node), SVMT_MAX_VCPUS - 1);
		return false;
	}
	set->first = (uint32_t)first;
	set->last = (uint32_t)last;
	return true;
}

static const struct key item_keys[] = {
	{ "at", read_at, true, 0 }, { "start", read_start, false, 0 },
	{ "state", read_state, false, 0 },
};
KEY_TABLE(vcpus_item_keys, item_keys);

/* `base` is a copy: the array of sets moves while it grows. */
static bool read_item(struct comp *c, const struct node *item, const struct vcpu_set *base)
{
	struct vcpu_set place = { 0 }, *set;
	bool good;

	spec_add_set(c, 0, 0, base);
	good = read_map(c, item, "an item of vcpus", item_keys, 3, &place);
	set = &c->spec.sets[c->spec.set_count - 1];
	set->first = place.first;
	set->last = place.last;
	set->range = item->range;
	set->words_set = c->spec.words_set;
	return good;
}

static int compare_first(const void *a, const void *b)
{
	const struct vcpu_set *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Every vCPU from 0 on in one set; the sets are sorted. */
static bool check_cover(struct comp *c, const struct node *node)
{
	const struct spec *spec = &c->spec;
	uint32_t next = 0;
	bool good = true;

	for (size_t i = 0, last = 0; i < spec->set_count; i++) {
		const struct vcpu_set *set = &spec->sets[i];

		if (set->first > next) {
			diag_error(&c->diag, &node->range, "no item of vcpus is for vCPU %u, but "
				   "one is for vCPU %u; add an item or widen one", next,
				   set->first);
			good = false;
		} else if (set->first < next) {
			diag_error(&c->diag, &set->range, "vCPU %u is there twice; a vCPU is in "
				   "one item of vcpus", set->first);
			diag_note(&c->diag, &spec->sets[last].range, "the other item is here");
			good = false;
		}
		if (set->last >= next) {
			next = set->last + 1;
			last = i;
		}
	}
	return good;
}

static bool read_list(struct comp *c, const struct node *node)
{
	struct spec *spec = &c->spec;
	const struct vcpu_set base = spec->sets[0];
	bool good = true;

	if (!node->count || node->count > SVMT_MAX_VCPUS) {
		diag_error(&c->diag, &node->range, "`vcpus` has %zu items; the rule is 1 to %u",
			   node->count, SVMT_MAX_VCPUS);
		return false;
	}
	spec->set_count = 0;
	for (size_t i = 0; i < node->count; i++)
		good &= read_item(c, node->items[i], &base);
	qsort(spec->sets, spec->set_count, sizeof(*spec->sets), compare_first);
	spec_select_set(c, 0);
	if (!good || !check_cover(c, node))
		return false;
	spec->vcpu_count = spec->sets[spec->set_count - 1].last + 1;
	return true;
}

bool spec_read_vcpus(struct comp *c, const struct node *node, void *into)
{
	struct vcpu_set *all = &c->spec.sets[0];
	bool good;

	if (node->kind == NODE_LIST)
		return read_list(c, node);
	good = read_map(c, node, "vcpus", keys, 3, into);
	all->words_set = c->spec.words_set;
	all->last = c->spec.vcpu_count - 1;
	return good;
}
