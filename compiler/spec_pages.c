/* SPDX-License-Identifier: MIT */
/* `page_tables:`: maps of linear to guest physical addresses, identity unless they say otherwise. */
#include <string.h>
#include "guest_tables.h"
#include "read.h"
#include "spec_tables.h"

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_map *map = into;

	return read_number(c, node, "at", 64, UNIT_SIZE, &map->linear);
}

static bool read_to(struct comp *c, const struct node *node, void *into)
{
	struct spec_map *map = into;

	map->has_gpa = true;
	return read_number(c, node, "to", 64, UNIT_SIZE, &map->gpa);
}

static bool read_size(struct comp *c, const struct node *node, void *into)
{
	struct spec_map *map = into;

	return read_number(c, node, "size", 64, UNIT_SIZE, &map->bytes);
}

static bool read_page(struct comp *c, const struct node *node, void *into)
{
	struct spec_map *map = into;

	if (!read_number(c, node, "page", 64, UNIT_SIZE, &map->page))
		return false;
	if (map->page == 0x1000 || map->page == 0x200000 || map->page == 0x400000 ||
	    map->page == 0x40000000)
		return true;
	diag_error(&c->diag, &node->range, "`page` is %s; the rule is 4KiB, 2MiB or 1GiB (32-bit "
		   "tables: 4KiB or 4MiB)", node_quote(&c->arena, node));
	return false;
}

/* Letters of r, w, x, u and g, each once, r always. */
static bool read_access(struct comp *c, const struct node *node, void *into)
{
	static const char letters[] = "rwxug";
	struct spec_map *map = into;
	const char *text = node->kind == NODE_SCALAR ? node->text : "";
	unsigned int access = 0;

	for (; *text; text++) {
		const char *letter = strchr(letters, *text);

		if (!letter || access & 1u << (letter - letters))
			break;
		access |= 1u << (letter - letters);
	}
	map->access = access;
	map->access_range = node->range;
	if (!*text && access & MAP_READ)
		return true;
	diag_error(&c->diag, &node->range, "`access` is %s; the rule is `r`, then at will `w` "
		   "(write), `x` (execute), `u` (user) and `g` (global)",
		   node_quote(&c->arena, node));
	return false;
}

static const struct key map_keys[] = {
	{ "at", read_at, true, 0 }, { "to", read_to, false, 0 }, { "size", read_size, true, 0 },
	{ "page", read_page, false, 0 }, { "access", read_access, false, 0 },
};
KEY_TABLE(page_map_keys, map_keys);

static bool read_tables_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_table *table = into;

	table->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &table->gpa);
}

static bool read_maps(struct comp *c, const struct node *node, void *into)
{
	struct spec *spec = &c->spec;
	bool good = want_list(c, node, "map");

	(void)into;
	if (good && (!node->count || node->count > MAPS_MAX)) {
		diag_error(&c->diag, &node->range, "`map` has %zu items; the rule is 1 to %u",
			   node->count, MAPS_MAX);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++) {
		struct spec_map map = {
			.access = MAP_READ | MAP_WRITE | MAP_EXEC, .range = node->items[i]->range,
		};

		if (!read_map(c, node->items[i], "a map", map_keys,
			      sizeof(map_keys) / sizeof(map_keys[0]), &map)) {
			good = false;
			continue;
		}
		if (!map.has_gpa)
			map.gpa = map.linear;
		spec->maps = arena_grow(&c->arena, spec->maps, spec->map_count,
					&spec->map_capacity, sizeof(map));
		spec->maps[spec->map_count++] = map;
	}
	return good;
}

static const struct key keys[] = {
	{ "at", read_tables_at, false, 0 }, { "map", read_maps, true, 0 },
};
KEY_TABLE(page_tables_keys, keys);

bool spec_read_page_tables(struct comp *c, const struct node *node, void *into)
{
	(void)into;
	c->spec.page_tables.given = true;
	c->spec.page_tables.range = node->range;
	return read_map(c, node, "page_tables", keys, 2, &c->spec.page_tables);
}
