/* SPDX-License-Identifier: MIT */
/*
 * `inject:`: events that vCPUs get at their first entry, before their first instruction. A vCPU has
 * one EVENTINJ field, and so at most one event.
 */
#include <inttypes.h>
#include <string.h>
#include "events.h"
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

static const char *const type_names[] = {
	[EVENT_INTERRUPT] = "interrupt", [EVENT_NMI] = "nmi", [EVENT_EXCEPTION] = "exception",
	[EVENT_SOFTWARE] = "software",
};
#define TYPES (sizeof(type_names) / sizeof(type_names[0]))

const char *event_type_name(unsigned int type)
{
	return type < TYPES ? type_names[type] : NULL;
}

bool event_has_words(uint64_t event)
{
	const unsigned int type = EVENT_TYPE(event);

	return event & EVENT_V && event_type_name(type) && !(event & EVENT_RESERVED) &&
	       (event & EVENT_EV ? type == EVENT_EXCEPTION : !(event >> 32)) &&
	       (type != EVENT_NMI || EVENT_VECTOR(event) == 2);
}

struct item {
	uint64_t first, last, vector, error;
	unsigned int type;
	bool has_vcpu, has_vector, has_error;
};

static bool read_vcpu(struct comp *c, const struct node *node, void *into)
{
	struct item *item = into;

	item->has_vcpu = true;
	if (!read_span(c, node, "vcpu", 32, &item->first, &item->last))
		return false;
	if (item->last < c->spec.vcpu_count)
		return true;
	diag_error(&c->diag, &node->range, "`vcpu` is %s, but the vCPUs are 0 to %" PRIu32
		   "; name one of them, or make more", node_quote(&c->arena, node),
		   c->spec.vcpu_count - 1);
	return false;
}

static bool read_type(struct comp *c, const struct node *node, void *into)
{
	struct item *item = into;

	for (item->type = 0; node->kind == NODE_SCALAR && item->type < TYPES; item->type++)
		if (type_names[item->type] && !strcmp(type_names[item->type], node->text))
			return true;
	diag_error(&c->diag, &node->range, "`type` is %s; the rule is `exception`, `interrupt`, "
		   "`nmi` or `software`", node_quote(&c->arena, node));
	return false;
}

static bool read_vector(struct comp *c, const struct node *node, void *into)
{
	struct item *item = into;

	item->has_vector = true;
	return read_number(c, node, "vector", 8, UNIT_NONE, &item->vector);
}

static bool read_error(struct comp *c, const struct node *node, void *into)
{
	struct item *item = into;

	item->has_error = true;
	return read_number(c, node, "error", 32, UNIT_NONE, &item->error);
}

static const struct key keys[] = {
	{ "vcpu", read_vcpu, false, 0 }, { "type", read_type, true, 0 },
	{ "vector", read_vector, false, 0 }, { "error", read_error, false, 0 },
};
KEY_TABLE(inject_keys, keys);

/* Keys that the type needs or does not have. */
static bool check_keys(struct comp *c, const struct node *node, const struct item *item)
{
	const char *type = type_names[item->type];

	if (item->type == EVENT_NMI && item->has_vector) {
		diag_error(&c->diag, &node_get(node, "vector")->range, "an NMI has no `vector` of "
			   "its own; leave it out");
		return false;
	}
	if (item->type != EVENT_NMI && !item->has_vector) {
		diag_error(&c->diag, &node->range, "the event of type %s has no `vector`; add one",
			   type);
		return false;
	}
	if (item->type == EVENT_EXCEPTION || !item->has_error)
		return true;
	diag_error(&c->diag, &node_get(node, "error")->range, "an event of type %s has no error "
		   "code; leave `error` out", type);
	return false;
}

static bool place(struct comp *c, const struct node *node, const struct item *item)
{
	const uint64_t event = EVENT_V | (uint64_t)item->type << 8 |
			       (item->type == EVENT_NMI ? 2 : item->vector) |
			       (item->has_error ? EVENT_EV | item->error << 32 : 0);
	bool good = true;

	spec_split_sets(c, (uint32_t)item->first, (uint32_t)item->last);
	for (size_t i = 0; i < c->spec.set_count; i++) {
		struct vcpu_set *set = &c->spec.sets[i];

		if (set->last < item->first || set->first > item->last)
			continue;
		if (vmcb_get_EVENTINJ(set->vmcb) && good) {
			diag_error(&c->diag, &node->range, "vCPU %" PRIu32 " has an event already, "
				   "and VMRUN delivers one; remove one", set->first);
			if (set->event_range.source)
				diag_note(&c->diag, &set->event_range, "the other is here");
			good = false;
		}
		vmcb_set_EVENTINJ(set->vmcb, event);
		set->event_range = node->range;
	}
	return good;
}

bool spec_read_inject(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "inject");

	(void)into;
	if (c->spec.bad & PART_VCPUS)
		return good;
	if (good && node->count > SVMT_MAX_VCPUS) {
		diag_error(&c->diag, &node->range, "`inject` has %zu events; at most %u, one for "
			   "each vCPU", node->count, SVMT_MAX_VCPUS);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++) {
		const struct node *row = node->items[i];
		struct item item = { .last = c->spec.vcpu_count - 1 };

		good &= read_map(c, row, "an event", keys, sizeof(keys) / sizeof(keys[0]), &item) &&
			check_keys(c, row, &item) && place(c, row, &item);
	}
	return good;
}
