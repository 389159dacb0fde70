/* SPDX-License-Identifier: MIT */
/*
 * From libyaml's events to our tree. An alias points at the anchored node, so nothing is copied;
 * the weight of a node counts what a copy would cost, and a file whose aliases multiply is refused
 * while it is still small. Nesting is limited, and the stack is an array, not recursion.
 */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>
#include "node.h"

struct anchor {
	const char *name;
	struct node *node;
};

struct frame {
	struct node *node;
	struct node *key;	/* map: the key that waits for its value */
	const char *anchor;	/* registered when the node ends, so that it cannot hold itself */
};

struct reader {
	struct arena *arena;
	struct diag *diag;
	const struct source *source;
	yaml_parser_t parser;
	yaml_event_t event;
	struct frame stack[YAML_MAX_DEPTH];
	unsigned int depth;
	struct anchor *anchors;
	size_t anchor_count, anchor_capacity;
	uint64_t weight;	/* of the whole document so far */
	struct node *root;
	unsigned int documents;
	bool failed;
	bool stopped;		/* what follows could not be understood */
};

static struct range event_range(const struct reader *r)
{
	const yaml_mark_t *start = &r->event.start_mark, *end = &r->event.end_mark;

	return (struct range){
		.source = r->source,
		.line = (uint32_t)start->line + 1, .column = (uint32_t)start->column + 1,
		.end_line = (uint32_t)end->line + 1, .end_column = (uint32_t)end->column + 1,
	};
}

__attribute__((format(printf, 3, 4)))
static void fail(struct reader *r, const struct range *range, const char *format, ...)
{
	va_list args;
	char message[512];

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	diag_error(r->diag, range, "%s", message);
	r->failed = true;
	r->stopped = true;
}

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct range range = {
		.source = r->source,
		.line = (uint32_t)p->problem_mark.line + 1,
		.column = (uint32_t)p->problem_mark.column + 1,
	};

	if (p->error == YAML_MEMORY_ERROR)
		longjmp(r->arena->out_of_memory, 1);
	range.end_line = range.line;
	range.end_column = range.column + 1;
	if (p->error == YAML_READER_ERROR)
		fail(r, NULL, "not UTF-8 text: %s at byte %zu", p->problem, p->problem_offset);
	else
		fail(r, &range, "not YAML: %s%s%s", p->problem, p->context ? " " : "",
		     p->context ? p->context : "");
}

/* Whether the document may grow by `weight` nodes. */
static bool add_weight(struct reader *r, uint64_t weight, const struct range *range)
{
	r->weight += weight;
	if (r->weight <= YAML_MAX_NODES)
		return true;
	fail(r, range, "the file has more than %u values once its aliases are expanded; "
	     "no spec needs that many", YAML_MAX_NODES);
	return false;
}

static void add_pair(struct reader *r, struct node *map, struct node *key, struct node *value)
{
	for (size_t i = 0; i < map->count; i++) {
		if (map->pairs[i].key->text_bytes != key->text_bytes ||
		    !text_is(map->pairs[i].key->text, key->text))
			continue;
		diag_error(r->diag, &key->range, "the key %s is there twice; remove one",
			   node_quote(r->arena, key));
		diag_note(r->diag, &map->pairs[i].key->range, "the first one is here");
		r->failed = true;	/* and read on: the rest of the file may have errors too */
		return;
	}
	if (map->count == YAML_MAX_KEYS) {
		fail(r, &key->range,
		     "a map with more than %u keys; no part of a spec needs that many",
		     YAML_MAX_KEYS);
		return;
	}
	map->pairs = arena_grow(r->arena, map->pairs, map->count, &map->capacity,
				sizeof(*map->pairs));
	map->pairs[map->count++] = (struct pair){ key, value };
}

/* Hang a finished or just opened node under the innermost open one. */
static void attach(struct reader *r, struct node *node)
{
	struct frame *top;

	if (!r->depth) {
		r->root = node;
		return;
	}
	top = &r->stack[r->depth - 1];
	if (top->node->kind == NODE_LIST) {
		top->node->items = arena_grow(r->arena, top->node->items, top->node->count,
					      &top->node->capacity, sizeof(*top->node->items));
		top->node->items[top->node->count++] = node;
	} else if (!top->key) {
		if (node->kind != NODE_SCALAR)
			fail(r, &node->range, "a key is %s; the rule is a word",
			     node_quote(r->arena, node));
		else
			top->key = node;
	} else {
		add_pair(r, top->node, top->key, node);
		top->key = NULL;
	}
}

static struct node *new_node(struct reader *r, enum node_kind kind)
{
	struct node *node = arena_alloc(r->arena, sizeof(*node));

	node->kind = kind;
	node->range = event_range(r);
	node->weight = 1;
	return node;
}

static void add_anchor(struct reader *r, const char *name, struct node *node)
{
	if (!name)
		return;
	r->anchors = arena_grow(r->arena, r->anchors, r->anchor_count, &r->anchor_capacity,
				sizeof(*r->anchors));
	r->anchors[r->anchor_count++] = (struct anchor){ name, node };
}

static const char *copy_name(struct reader *r, const yaml_char_t *name)
{
	return name ? arena_copy(r->arena, (const char *)name, strlen((const char *)name)) : NULL;
}

static void on_scalar(struct reader *r)
{
	struct node *node = new_node(r, NODE_SCALAR);
	const char *value = (const char *)r->event.data.scalar.value;
	size_t bytes = r->event.data.scalar.length;

	if (!add_weight(r, 1, &node->range))
		return;
	if (memchr(value, 0, bytes)) {
		fail(r, &node->range, "a NUL character; no text of a spec may hold one");
		return;
	}
	node->text = arena_copy(r->arena, value, bytes);
	node->text_bytes = bytes;
	node->literal = r->event.data.scalar.style == YAML_LITERAL_SCALAR_STYLE;
	node->folded = r->event.data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	add_anchor(r, copy_name(r, r->event.data.scalar.anchor), node);
	attach(r, node);
}

static void on_alias(struct reader *r)
{
	const char *name = (const char *)r->event.data.alias.anchor;
	struct range range = event_range(r);

	for (size_t i = r->anchor_count; i-- > 0;) {
		if (strcmp(r->anchors[i].name, name))
			continue;
		if (add_weight(r, r->anchors[i].node->weight, &range))
			attach(r, r->anchors[i].node);
		return;
	}
	fail(r, &range, "the alias `*%.40s` has no complete anchor `&%.40s` before it", name, name);
}

static void on_start(struct reader *r, enum node_kind kind, const yaml_char_t *anchor)
{
	struct node *node = new_node(r, kind);

	if (!add_weight(r, 1, &node->range))
		return;
	if (r->depth == YAML_MAX_DEPTH) {
		fail(r, &node->range, "nested deeper than %u levels; no spec needs that",
		     YAML_MAX_DEPTH);
		return;
	}
	attach(r, node);
	r->stack[r->depth++] = (struct frame){ .node = node, .anchor = copy_name(r, anchor) };
}

static void on_end(struct reader *r)
{
	struct frame *top = &r->stack[--r->depth];
	struct range end = event_range(r);

	top->node->range.end_line = end.end_line;
	top->node->range.end_column = end.end_column;
	for (size_t i = 0; i < top->node->count; i++)
		top->node->weight += top->node->kind == NODE_MAP ?
			1 + top->node->pairs[i].value->weight : top->node->items[i]->weight;
	add_anchor(r, top->anchor, top->node);
}

static void on_event(struct reader *r)
{
	struct range range = event_range(r);

	switch (r->event.type) {
	case YAML_DOCUMENT_START_EVENT:
		if (r->documents++)
			fail(r, &range, "a second document; a spec is one document");
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(r);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(r);
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_start(r, NODE_LIST, r->event.data.sequence_start.anchor);
		break;
	case YAML_MAPPING_START_EVENT:
		on_start(r, NODE_MAP, r->event.data.mapping_start.anchor);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_end(r);
		break;
	default:
		break;
	}
}

static void read_events(struct reader *r)
{
	bool end = false;

	while (!end && !r->stopped) {
		if (!yaml_parser_parse(&r->parser, &r->event)) {
			syntax_error(r);
			return;
		}
		end = r->event.type == YAML_STREAM_END_EVENT;
		on_event(r);
		yaml_event_delete(&r->event);
	}
}

/* Also when memory runs out in the middle: libyaml's own allocations are not the arena's. */
static void clean_up(void *argument)
{
	struct reader *r = argument;

	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
}

struct node *yaml_parse(struct arena *arena, struct diag *diag, const struct source *source)
{
	struct reader *r = arena_alloc(arena, sizeof(*r));

	r->arena = arena;
	r->diag = diag;
	r->source = source;
	if (!yaml_parser_initialize(&r->parser))
		longjmp(arena->out_of_memory, 1);
	arena_on_free(arena, clean_up, r);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)source->text,
				     source->bytes);
	read_events(r);
	if (r->failed)
		return NULL;
	if (!r->root || r->root->kind != NODE_MAP) {
		struct range range = { .source = source, .line = 1, .column = 1, .end_line = 1 };

		diag_error(diag, r->root ? &r->root->range : &range,
			   "not a spec: the file is %s; a spec is a map that begins with "
			   "`svmspec: 1`", r->root ? node_quote(arena, r->root) : "empty");
		return NULL;
	}
	return r->root;
}
