/* SPDX-License-Identifier: MIT */
/* `memory:` and `payload:`: what the guest's physical address space holds at the start. */
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

static bool read_asm(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;
	const char *text;

	if (!read_text(c, node, "asm", &text))
		return false;
	if (node->folded) {
		diag_error(&c->diag, &node->range,
			   "`asm` is a folded block, which joins lines; begin it "
			   "with `|` instead of `>`");
		return false;
	}
	payload->node = node;
	payload->kind = PAYLOAD_ASM;
	return true;
}

static bool read_bin(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;
	const char *text;

	payload->node = node;
	payload->kind = PAYLOAD_BIN;
	return read_text(c, node, "bin", &text);
}

static bool read_payload_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;

	payload->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &payload->gpa);
}

static const struct key payload_keys[] = {
	{ "asm", read_asm, false, 0 }, { "bin", read_bin, false, 0 },
	{ "at", read_payload_at, false, 0 },
};
KEY_TABLE(payload_map_keys, payload_keys);

bool spec_read_payload(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = &c->spec.payload;
	const struct node *text, *file;

	(void)into;
	payload->range = node->range;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "none"))
		return true;
	if (node->kind != NODE_MAP) {
		diag_error(&c->diag, &node->range,
			   "`payload` is %s; the rule is `none`, `{ asm: | ... }` "
			   "or `{ bin: FILE }`",
			   node_quote(&c->arena, node));
		return false;
	}
	if (!read_map(c, node, "the payload", payload_keys, 3, payload))
		return false;
	text = node_get(node, "asm");
	file = node_get(node, "bin");
	if (text && file) {
		diag_error(&c->diag, &file->range,
			   "the payload is asm and bin; the rule is exactly one");
		diag_note(&c->diag, &text->range, "asm is here");
		return false;
	}
	if (!text && !file) {
		diag_error(&c->diag, &node->range,
			   "the payload is neither asm nor bin; the rule is exactly "
			   "one, or `payload: none`");
		return false;
	}
	return true;
}
