/* SPDX-License-Identifier: MIT */
/*
 * Substitution works on text, before anything is interpreted, and once: a value is not searched for
 * further variables, so nothing can grow without end. A `$` that begins no $(name) is literal, as
 * AT&T assembly wants it.
 */
#include <ctype.h>
#include <string.h>
#include "read.h"
#include "suggest.h"
#include "vars.h"

#define MAX_EXPANDED_BYTES ((size_t)64 << 20)

struct var {
	const char *name, *value;
	struct var *next;
};

struct expander {
	struct comp *c;
	struct var *vars;
	size_t bytes;		/* produced so far */
	bool good;
};

static size_t name_length(const char *p)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*p) && *p != '_')
		return 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	return n;
}

static struct var *find(const struct expander *e, const char *name, size_t length)
{
	for (struct var *v = e->vars; v; v = v->next)
		if (!strncmp(v->name, name, length) && !v->name[length])
			return v;
	return NULL;
}

static void read_vars(struct expander *e, const struct node *vars)
{
	struct comp *c = e->c;

	if (!want_map(c, vars, "vars")) {
		e->good = false;
		return;
	}
	for (size_t i = 0; i < vars->count; i++) {
		const struct node *key = vars->pairs[i].key, *value = vars->pairs[i].value;
		struct var *var;

		if (name_length(key->text) != key->text_bytes) {
			diag_error(&c->diag, &key->range,
				   "%s is no name for a variable; the rule is "
				   "letters, digits and `_`",
				   node_quote(&c->arena, key));
			e->good = false;
			continue;
		}
		if (value->kind != NODE_SCALAR || strchr(value->text, '\n')) {
			diag_error(&c->diag, &value->range,
				   "the variable `%s` is %s; the rule is a text "
				   "of one line",
				   key->text,
				   value->kind == NODE_SCALAR ? "several lines"
							      : node_quote(&c->arena, value));
			e->good = false;
			continue;
		}
		var = arena_alloc(&c->arena, sizeof(*var));
		*var = (struct var){ key->text, value->text, e->vars };
		e->vars = var;
	}
}

static void suggest_var(const struct expander *e, struct suggest *suggest, const char *name)
{
	suggest_begin(suggest, name);
	for (const struct var *v = e->vars; v; v = v->next)
		suggest_offer(suggest, v->name);
}

/* -D name=value changes a variable that the spec has; another name would be a misspelling. */
static void apply_define(struct expander *e, const char *define)
{
	const char *equals = strchr(define, '=');
	size_t length = equals ? (size_t)(equals - define) : strlen(define);
	struct var *var = find(e, define, length);
	struct suggest suggest;

	if (var && equals && !strchr(equals, '\n')) {
		var->value = equals + 1;
		return;
	}
	e->good = false;
	if (!equals || strchr(equals, '\n')) {
		diag_error(&e->c->diag, NULL, "-D %s: the rule is name=value on one line", define);
		return;
	}
	suggest_var(e, &suggest, arena_copy(&e->c->arena, define, length));
	diag_error(&e->c->diag, NULL, "-D %s: the spec has no variable `%.*s`; %s%s%s", define,
		   (int)length, define,
		   suggest.best ? "did you mean `" : "declare it under `vars:`",
		   suggest.best ? suggest.best : "", suggest.best ? "`?" : "");
}

/* Place of byte `at` of the scalar's text: exact on one line, and in a block scalar's line. */
static struct range place(const struct node *node, size_t at, size_t bytes)
{
	struct range range = node->range;

	if (node->literal || node->folded) {
		uint32_t line = range.line + 1;

		for (size_t i = 0; i < at; i++)
			line += node->text[i] == '\n';
		return diag_line_range(range.source, line);
	}
	if (range.line == range.end_line && range.end_column - range.column == node->text_bytes) {
		range.column += (uint32_t)at;
		range.end_column = range.column + (uint32_t)bytes;
	}
	return range;
}

static void undefined(struct expander *e, const struct node *node, size_t at, size_t length)
{
	const char *name = arena_copy(&e->c->arena, node->text + at + 2, length);
	struct range range = place(node, at, length + 3);
	struct suggest suggest;

	e->good = false;
	suggest_var(e, &suggest, name);
	diag_error(&e->c->diag, &range, "no variable `%s`; %s%s%s", name,
		   suggest.best ? "did you mean `" : "declare it under `vars:`",
		   suggest.best ? suggest.best : "", suggest.best ? "`?" : "");
}

/* Length of the name in "$(name)" at p, or 0. */
static size_t reference(const char *p)
{
	size_t n = p[0] == '$' && p[1] == '(' ? name_length(p + 2) : 0;

	return n && p[2 + n] == ')' ? n : 0;
}

static void expand_scalar(struct expander *e, struct node *node)
{
	struct comp *c = e->c;
	char *out = NULL;
	size_t used = 0, capacity = 0;

	if (node->substituted || !memchr(node->text, '$', node->text_bytes) ||
	    !strstr(node->text, "$("))
		return;
	node->substituted = true;
	for (size_t at = 0; at <= node->text_bytes;) {
		size_t length = reference(node->text + at);
		const struct var *var = length ? find(e, node->text + at + 2, length) : NULL;
		const char *piece = var ? var->value : node->text + at;
		size_t bytes = var ? strlen(piece) : 1;

		if (length && !var)
			undefined(e, node, at, length);
		for (size_t i = 0; i < bytes; i++) {
			out = arena_grow(&c->arena, out, used, &capacity, 1);
			out[used++] = piece[i];
		}
		e->bytes += bytes;
		if (e->bytes > MAX_EXPANDED_BYTES) {
			if (e->good)
				diag_error(&c->diag, &node->range,
					   "variables make the spec longer than "
					   "%zu MiB",
					   MAX_EXPANDED_BYTES >> 20);
			e->good = false;
			return;
		}
		at += length ? length + 3 : 1;
	}
	node->text = out;
	node->text_bytes = used - 1;	/* the NUL was copied too */
}

/* Depth is limited by the parser. An aliased node is met again, but its scalars are marked. */
static void expand(struct expander *e, struct node *node)
{
	if (node->kind == NODE_SCALAR) {
		expand_scalar(e, node);
		return;
	}
	for (size_t i = 0; i < node->count; i++)
		expand(e, node->kind == NODE_MAP ? node->pairs[i].value : node->items[i]);
}

bool vars_substitute(struct comp *c)
{
	struct expander e = { .c = c, .good = true };
	const struct node *vars = node_get(c->root, "vars");

	if (vars)
		read_vars(&e, vars);
	for (size_t i = 0; i < c->options->define_count; i++)
		apply_define(&e, c->options->defines[i]);
	for (size_t i = 0; i < c->root->count; i++)
		if (strcmp(c->root->pairs[i].key->text, "vars"))
			expand(&e, c->root->pairs[i].value);
	for (size_t i = 0; i < c->layer_count; i++) {
		if (c->layers[i].control)
			expand(&e, c->layers[i].control);
		if (c->layers[i].vcpus)
			expand(&e, c->layers[i].vcpus);
	}
	return e.good;
}
