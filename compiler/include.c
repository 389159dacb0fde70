/* SPDX-License-Identifier: MIT */
/*
 * `include` merges trees: what is read later wins, maps merge, lists and scalars replace. `extends`
 * of a file does the same, but keeps the vCPUs' state and `control` apart, since signed names are
 * relative to the profile and so must be applied one file after the other. Depth, number of files,
 * bytes and values are limited over all files together, so that files cannot multiply.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "include.h"
#include "read.h"

/* A file that is being read, and the one that names it. */
struct link {
	const struct link *up;
	const char *path;		/* as messages show it */
	const char *real;		/* without links and dots; NULL for standard input */
	const struct range *named_at;	/* NULL: the command line */
	unsigned int depth;
};

bool include_is_file_name(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') || (length > 5 && !strcmp(name + length - 5, ".yaml")) ||
	       (length > 4 && !strcmp(name + length - 4, ".yml"));
}

static void free_text(void *text)
{
	free(text);
}

/* The same file has the same real path; NULL when there is none, which opening it tells. */
static const char *real_path(struct comp *c, const char *path)
{
	char *real = strcmp(path, "-") ? realpath(path, NULL) : NULL;

	if (real)
		arena_on_free(&c->arena, free_text, real);
	return real;
}

static bool is_loop(struct comp *c, const struct link *file)
{
	for (const struct link *up = file->up; up && file->real; up = up->up) {
		if (!up->real || strcmp(up->real, file->real))
			continue;
		diag_error(&c->diag, file->named_at, "%s names itself, so reading it would not "
			   "end; remove one `include` or `extends` of the circle", file->path);
		for (const struct link *l = file->up; l != up; l = l->up)
			diag_note(&c->diag, l->named_at, "%s is named here", l->path);
		return true;
	}
	return false;
}

/* Whether one more file may be read. */
static bool may_read(struct comp *c, const struct link *file)
{
	if (file->named_at && c->options->sealed) {
		diag_error(&c->diag, file->named_at, "%s is another file, and this compilation "
			   "reads the spec alone", file->path);
		return false;
	}
	if (is_loop(c, file))
		return false;
	if (file->depth > INCLUDE_MAX_DEPTH) {
		diag_error(&c->diag, file->named_at, "files that name each other deeper than %u; "
			   "no spec needs that", INCLUDE_MAX_DEPTH);
		return false;
	}
	if (c->file_count == INCLUDE_MAX_FILES) {
		diag_error(&c->diag, file->named_at, "more than %u files; no spec needs that many",
			   INCLUDE_MAX_FILES);
		return false;
	}
	c->file_count++;
	return true;
}

/* The tree of one file alone. */
static struct node *read_one(struct comp *c, const struct link *file)
{
	struct source *source = arena_alloc(&c->arena, sizeof(*source));
	const struct node *version;
	struct node *root;

	if (!file->named_at && c->given_text) {
		if (source_given(&c->arena, &c->diag, file->path, c->given_text, c->given_bytes,
				 source))
			return NULL;
	} else if (source_read(&c->arena, &c->diag, file->path, file->named_at, &c->source_bytes,
			       source, &c->io_failed)) {
		return NULL;
	} else if (file->real) {
		comp_file_read(c, file->path);
	}
	root = yaml_parse(&c->arena, &c->diag, source);
	if (!root)
		return NULL;
	version = file->named_at ? node_get(root, "svmspec") : NULL;
	if (version && (version->kind != NODE_SCALAR || strcmp(version->text, "1")))
		diag_error(&c->diag, &version->range, "svmspec is %s; this svmc reads version 1",
			   node_quote(&c->arena, version));
	c->value_count += root->weight;
	if (c->value_count <= YAML_MAX_NODES)
		return root;
	diag_error(&c->diag, file->named_at, "the files together have more than %u values; no spec "
		   "needs that many", YAML_MAX_NODES);
	return NULL;
}

static struct node *merge(struct comp *c, struct node *base, struct node *over);

/* A new map, because an alias may use the old ones elsewhere. */
static struct node *merge_maps(struct comp *c, const struct node *base, const struct node *over)
{
	struct node *map = arena_alloc(&c->arena, sizeof(*map));

	*map = *over;
	map->weight += base->weight;
	map->count = map->capacity = base->count + over->count;
	map->pairs = arena_alloc(&c->arena, map->count * sizeof(*map->pairs));
	map->count = base->count;
	if (base->count)
		memcpy(map->pairs, base->pairs, base->count * sizeof(*map->pairs));
	for (size_t i = 0; i < over->count; i++) {
		struct pair pair = over->pairs[i];
		size_t at = 0;

		while (at < base->count && strcmp(map->pairs[at].key->text, pair.key->text))
			at++;
		if (at < base->count)
			pair.value = merge(c, map->pairs[at].value, pair.value);
		else
			at = map->count++;
		map->pairs[at] = pair;
	}
	if (map->count > YAML_MAX_KEYS)
		diag_error(&c->diag, &over->range, "a map with more than %u keys after merging; no "
			   "part of a spec needs that many", YAML_MAX_KEYS);
	return map;
}

/* `over` on `base`, each NULL if there is none. The parser limits the depth of both. */
static struct node *merge(struct comp *c, struct node *base, struct node *over)
{
	struct node *copy;

	if (!base || !over)
		return base ? base : over;
	if (base->kind == NODE_MAP && over->kind == NODE_MAP)
		return base == over ? over : merge_maps(c, base, over);
	if (base->kind != over->kind && base->kind != NODE_SCALAR && over->kind != NODE_SCALAR) {
		diag_error(&c->diag, &over->range, "this is %s, and what it is merged with is %s; "
			   "make them alike", node_quote(&c->arena, over),
			   node_quote(&c->arena, base));
		diag_note(&c->diag, &base->range, "the other is here");
		return over;
	}
	copy = arena_alloc(&c->arena, sizeof(*copy));
	*copy = *over;
	copy->range.replaced = &base->range;
	return copy;
}

/* A copy of the map without some keys; NULL ends their list. */
static struct node *without(struct comp *c, const struct node *map, const char *const *keys)
{
	struct node *copy = arena_alloc(&c->arena, sizeof(*copy));

	*copy = *map;
	copy->pairs = arena_alloc(&c->arena, map->count * sizeof(*copy->pairs));
	copy->count = 0;
	copy->capacity = map->count;
	for (size_t i = 0; i < map->count; i++) {
		bool drop = false;

		for (size_t j = 0; keys[j]; j++)
			drop |= !strcmp(map->pairs[i].key->text, keys[j]);
		if (!drop)
			copy->pairs[copy->count++] = map->pairs[i];
	}
	return copy;
}

/* The file that a scalar names, relative to the file that holds the scalar. */
static struct link named_file(struct comp *c, const struct node *name, const struct link *up)
{
	const char *path = name->text;
	struct link file = { .up = up, .named_at = &name->range, .depth = up->depth + 1 };

	if (*path != '/' && strcmp(comp_directory(c, &name->range), "."))
		path = arena_printf(&c->arena, "%s/%s", comp_directory(c, &name->range), path);
	file.path = path;
	file.real = real_path(c, path);
	return file;
}

static struct node *read_file(struct comp *c, const struct link *file);

static struct node *read_include(struct comp *c, const struct node *name, const struct link *up)
{
	const char *text;
	struct link file;

	if (!read_text(c, name, "include", &text))
		return NULL;
	if (strstr(text, "$(")) {
		diag_error(&c->diag, &name->range, "`include` is %s, but variables have no value "
			   "before all files are read; write the name itself",
			   node_quote(&c->arena, name));
		return NULL;
	}
	file = named_file(c, name, up);
	return read_file(c, &file);
}

/* A file over the files that it includes. The depth of this recursion is limited by may_read(). */
static struct node *read_file(struct comp *c, const struct link *file)
{
	static const char *const done[] = { "include", NULL };
	struct node *base = NULL, *root;
	const struct node *include;

	if (!may_read(c, file))
		return NULL;
	root = read_one(c, file);
	include = root ? node_get(root, "include") : NULL;
	if (!include)
		return root;
	if (include->kind == NODE_MAP)
		read_include(c, include, file);
	else if (include->kind == NODE_SCALAR)
		base = read_include(c, include, file);
	for (size_t i = 0; include->kind == NODE_LIST && i < include->count; i++)
		base = merge(c, base, read_include(c, include->items[i], file));
	return merge(c, base, without(c, root, done));
}

/* The file profile that `extends` names, or NULL. */
static const struct node *file_profile(const struct node *root)
{
	const struct node *extends = root ? node_get(root, "extends") : NULL;

	if (!extends || extends->kind != NODE_SCALAR || strstr(extends->text, "$(") ||
	    !include_is_file_name(extends->text))
		return NULL;
	return extends;
}

static void add_layer(struct comp *c, const struct node *root)
{
	c->layers = arena_grow(&c->arena, c->layers, c->layer_count, &c->layer_capacity,
			       sizeof(*c->layers));
	c->layers[c->layer_count++] = (struct layer){
		node_get(root, "control"), node_get(root, "vcpus"),
	};
}

/*
 * A file with its includes, over the file profiles that it extends: they are read from the spec to
 * its ancestors and merged the other way round.
 */
static struct node *read_family(struct comp *c, const struct link *file)
{
	static const char *const own[] = { "extends", NULL };
	static const char *const layered[] = { "control", "vcpus", NULL };
	struct node *family[INCLUDE_MAX_DEPTH + 2], *root;
	struct link *links = arena_alloc(&c->arena, sizeof(*links) * (INCLUDE_MAX_DEPTH + 2));
	const struct node *extends;
	size_t count = 1;

	links[0] = *file;
	family[0] = read_file(c, file);
	while ((extends = file_profile(family[count - 1])) != NULL) {
		links[count] = named_file(c, extends, &links[count - 1]);
		family[count] = read_file(c, &links[count]);
		if (!family[count])
			return NULL;	/* the message has been told */
		if (!node_get(family[count], "extends")) {
			diag_error(&c->diag, &family[count]->range, "this file is the profile of "
				   "another, but has no `extends`; name the profile that it starts "
				   "from");
			return NULL;
		}
		count++;
	}
	root = family[--count];
	while (count) {
		add_layer(c, root);
		root = merge(c, without(c, root, layered), without(c, family[--count], own));
	}
	return root;
}

bool include_all(struct comp *c, const char *path)
{
	const unsigned int errors = c->diag.errors;
	struct link file = { .path = path, .real = real_path(c, path), .depth = 1 };

	c->root = read_family(c, &file);
	return c->root && c->diag.errors == errors;
}
