/* SPDX-License-Identifier: MIT */
/* `memory:`: the guest's physical address space. */
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_region *region = into;

	return read_number(c, node, "at", 64, UNIT_SIZE, &region->gpa);
}

static bool read_size(struct comp *c, const struct node *node, void *into)
{
	struct spec_region *region = into;

	return read_number(c, node, "size", 64, UNIT_SIZE, &region->bytes);
}

static bool read_kind(struct comp *c, const struct node *node, void *into)
{
	struct spec_region *region = into;

	if (node->kind == NODE_SCALAR && !strcmp(node->text, "ram"))
		region->kind = SVMT_RAM;
	else if (node->kind == NODE_SCALAR && !strcmp(node->text, "rom"))
		region->kind = SVMT_ROM;
	else {
		diag_error(&c->diag, &node->range, "`kind` is %s; the rule is `ram` or `rom`",
			   node_quote(&c->arena, node));
		return false;
	}
	return true;
}

static const struct key region_keys[] = {
	{ "at", read_at, true, 0 }, { "size", read_size, true, 0 }, { "kind", read_kind, false, 0 },
};
KEY_TABLE(memory_region_keys, region_keys);

bool spec_read_memory(struct comp *c, const struct node *node, void *into)
{
	struct spec *spec = &c->spec;
	bool good = true;

	(void)into;
	if (!want_list(c, node, "memory"))
		return false;
	if (!node->count || node->count > SVMT_MAX_REGIONS) {
		diag_error(&c->diag, &node->range, "`memory` has %zu regions; the rule is 1 to %u",
			   node->count, SVMT_MAX_REGIONS);
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		struct spec_region region = { .kind = SVMT_RAM, .range = node->items[i]->range };

		if (!read_map(c, node->items[i], "a memory region", region_keys, 3, &region)) {
			good = false;
			continue;
		}
		spec->regions = arena_grow(&c->arena, spec->regions, spec->region_count,
					   &spec->region_capacity, sizeof(region));
		spec->regions[spec->region_count++] = region;
	}
	return good;
}
