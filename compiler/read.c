/* SPDX-License-Identifier: MIT */
/* Scalars and maps: types, required and unknown keys, names with suggestions. */
#include <ctype.h>
#include <string.h>
#include "read.h"
#include "suggest.h"

bool want_map(struct comp *c, const struct node *node, const char *what)
{
	if (node->kind == NODE_MAP)
		return true;
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is a map, as in `{ key: value }`",
		   what, node_quote(&c->arena, node));
	return false;
}

bool want_list(struct comp *c, const struct node *node, const char *what)
{
	if (node->kind == NODE_LIST)
		return true;
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is a list, as in `[ a, b ]`",
		   what, node_quote(&c->arena, node));
	return false;
}

bool read_text(struct comp *c, const struct node *node, const char *what, const char **text)
{
	if (node->kind == NODE_SCALAR && node->text_bytes) {
		*text = node->text;
		return true;
	}
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is a text", what,
		   node_quote(&c->arena, node));
	return false;
}

int read_hex_bytes(const char *text, uint8_t *out, size_t limit, size_t *length)
{
	*length = 0;
	while (*text) {
		unsigned int value = 0;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		for (int i = 0; i < 2; i++, text++) {
			if (!isxdigit((unsigned char)*text))
				return -1;
			value = value << 4 | (isdigit((unsigned char)*text) ?
				(unsigned int)(*text - '0') :
				(unsigned int)(tolower((unsigned char)*text) - 'a' + 10));
		}
		if (*length == limit)
			return -1;
		out[(*length)++] = (uint8_t)value;
	}
	return 0;
}

bool read_bool(struct comp *c, const struct node *node, const char *what, bool *value)
{
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "true")) {
		*value = true;
		return true;
	}
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "false")) {
		*value = false;
		return true;
	}
	diag_error(&c->diag, &node->range, "`%s` is %s; the rule is `true` or `false`", what,
		   node_quote(&c->arena, node));
	return false;
}

/* "a, b and c" */
static const char *list_keys(struct comp *c, const struct key *keys, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_printf(&c->arena, "%s%s%s", text,
				    !i ? "" : i + 1 == count ? " and " : ", ", keys[i].name);
	return text;
}

static void unknown_key(struct comp *c, const struct node *key, const char *what,
			const struct key *keys, size_t count)
{
	struct suggest suggest;

	suggest_begin(&suggest, key->text);
	for (size_t i = 0; i < count; i++)
		suggest_offer(&suggest, keys[i].name);
	if (suggest.best)
		diag_error(&c->diag, &key->range, "unknown key %s in %s; did you mean `%s`?",
			   node_quote(&c->arena, key), what, suggest.best);
	else
		diag_error(&c->diag, &key->range, "unknown key %s in %s; its keys are %s",
			   node_quote(&c->arena, key), what, list_keys(c, keys, count));
}

static bool is_key(const char *name, const struct key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (text_is(keys[i].name, name))
			return true;
	return false;
}

bool read_map(struct comp *c, const struct node *map, const char *what, const struct key *keys,
	      size_t key_count, void *into)
{
	bool good = want_map(c, map, what);

	if (!good)
		return false;
	for (size_t i = 0; i < map->count; i++) {
		if (is_key(map->pairs[i].key->text, keys, key_count))
			continue;
		unknown_key(c, map->pairs[i].key, what, keys, key_count);
		good = false;
	}
	for (size_t i = 0; i < key_count; i++) {
		const struct node *value = node_get(map, keys[i].name);

		if (!value && keys[i].needed) {
			diag_error(&c->diag, &map->range, "%s has no `%s`; add one", what,
				   keys[i].name);
			good = false;
			c->spec.bad |= keys[i].part;
		}
		if (value && keys[i].read && !keys[i].read(c, value, into)) {
			good = false;
			c->spec.bad |= keys[i].part;
		}
	}
	return good;
}

void unknown_name(struct comp *c, const struct node *node, const char *what,
		  const char *(*next)(size_t index), const char *remedy)
{
	struct suggest suggest;
	const char *name;

	suggest_begin(&suggest, node->kind == NODE_SCALAR ? node->text : "");
	for (size_t i = 0; (name = next(i)) != NULL; i++)
		suggest_offer(&suggest, name);
	if (suggest.best)
		diag_error(&c->diag, &node->range, "%s is no %s; did you mean `%s`?",
			   node_quote(&c->arena, node), what, suggest.best);
	else
		diag_error(&c->diag, &node->range, "%s is no %s; %s",
			   node_quote(&c->arena, node), what, remedy);
}
