/* SPDX-License-Identifier: MIT */
/* Small questions to the tree. */
#include <string.h>
#include "node.h"

#define QUOTE_BYTES 48

struct node *node_get(const struct node *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (text_is(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	return NULL;
}

const char *node_quote(struct arena *arena, const struct node *node)
{
	size_t bytes = node->text_bytes;
	char *text;

	if (node->kind == NODE_LIST)
		return "a list";
	if (node->kind == NODE_MAP)
		return "a map";
	if (!bytes)
		return "nothing";
	if (bytes > QUOTE_BYTES)
		bytes = QUOTE_BYTES;
	while (bytes && bytes < node->text_bytes && (node->text[bytes] & 0xc0) == 0x80)
		bytes--;	/* not in the middle of a character */
	text = arena_printf(arena, "`%.*s%s`", (int)bytes, node->text,
			    bytes < node->text_bytes ? "..." : "");
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return text;
}
