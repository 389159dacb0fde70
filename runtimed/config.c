/* SPDX-License-Identifier: MIT */
/*
 * Reads svmrund.conf: sections in brackets, KEY = VALUE lines, whole-line comments. A name that is
 * not known gets the nearest known one in its message; a key of a single value may come once.
 */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "config.h"
#include "config_value.h"
#include "log.h"
#include "suggest.h"

#define MAX_LINE_BYTES 4096
#define MAX_FILE_LINES 10000

/* Where a value stands, for messages, and what it is for. */
struct place {
	const char *path;
	unsigned int line;
	struct config *config;
	struct config_error *error;
};

static bool fail(const struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(const struct place *place, const char *format, ...)
{
	size_t used;
	va_list args;

	used = (size_t)snprintf(place->error->text, sizeof(place->error->text), "%s:%u: ",
				place->path, place->line);
	if (used >= sizeof(place->error->text))
		return false;
	va_start(args, format);
	vsnprintf(place->error->text + used, sizeof(place->error->text) - used, format, args);
	va_end(args);
	return false;
}

struct key;
typedef bool take_fn(const struct place *place, const struct key *key, const char *value);

struct key {
	const char *section, *name;
	take_fn *take;
	size_t offset;			/* in struct config */
	uint64_t least, most;		/* of numbers */
	enum config_unit unit;
	bool many;			/* may come several times */
	enum role role;			/* of rules */
};

static take_fn take_number, take_rule_user, take_rule_group, take_role, take_directory, take_tap, take_path;

#define LIMIT(name, least, most, unit) \
	{ "limits", #name, take_number, offsetof(struct config, limits.name), least, most, unit, \
	  false, ROLE_NONE }
#define RULE(name, take, role) { "roles", name, take, 0, 0, 0, CONFIG_COUNT, true, role }
#define TEXTS(section, name, take, to) \
	{ section, name, take, offsetof(struct config, to), 0, 0, CONFIG_COUNT, true, ROLE_NONE }

static const struct key keys[] = {
	LIMIT(clients, 1, 65536, CONFIG_COUNT),
	LIMIT(line_bytes, 4096, 1u << 30, CONFIG_BYTES),
	LIMIT(input_bytes, 65536, 1ull << 40, CONFIG_BYTES),
	LIMIT(batch, 1, 65536, CONFIG_COUNT),
	LIMIT(subscriptions, 1, 65536, CONFIG_COUNT),
	LIMIT(pending, 1, 65536, CONFIG_COUNT),
	LIMIT(vms, 1, 65536, CONFIG_COUNT),
	LIMIT(templates, 1, 65536, CONFIG_COUNT),
	LIMIT(template_bytes, 1u << 20, 1ull << 40, CONFIG_BYTES),
	LIMIT(output_bytes, 1u << 20, 1u << 30, CONFIG_BYTES),
	LIMIT(output_high_bytes, 65536, 1u << 30, CONFIG_BYTES),
	LIMIT(output_low_bytes, 0, 1u << 30, CONFIG_BYTES),
	LIMIT(stall_ms, 100, 86400000, CONFIG_MS),
	LIMIT(vm_vcpus, 1, 255, CONFIG_COUNT),
	LIMIT(vm_memory_bytes, 4096, 1ull << 46, CONFIG_BYTES),
	RULE("operator_user", take_rule_user, ROLE_OPERATOR),
	RULE("operator_group", take_rule_group, ROLE_OPERATOR),
	RULE("observer_user", take_rule_user, ROLE_OBSERVER),
	RULE("observer_group", take_rule_group, ROLE_OBSERVER),
	{ "roles", "default", take_role, offsetof(struct config, default_role), 0, 0, CONFIG_COUNT,
	  false, ROLE_NONE },
	TEXTS("templates", "directory", take_directory, template_directories),
	TEXTS("drives", "directory", take_directory, drive_directories),
	TEXTS("links", "tap", take_tap, taps),
	{ "metrics", "socket", take_path, offsetof(struct config, metrics_socket), 0, 0,
	  CONFIG_COUNT, false, ROLE_NONE },
	{ "metrics", "port", take_number, offsetof(struct config, metrics_port), 1, 65535,
	  CONFIG_COUNT, false, ROLE_NONE },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

const char *role_name(enum role role)
{
	return role == ROLE_OPERATOR ? "operator" : role == ROLE_OBSERVER ? "observer" : "none";
}

static void *member(const struct place *place, const struct key *key)
{
	return (char *)place->config + key->offset;
}

static bool take_number(const struct place *place, const struct key *key, const char *value)
{
	uint64_t number;

	if (!config_number(value, key->unit, &number) || number < key->least || number > key->most)
		return fail(place, "%s = %.64s: it must be %s from %llu to %llu", key->name, value,
			    config_unit_rule(key->unit), (unsigned long long)key->least,
			    (unsigned long long)key->most);
	*(uint64_t *)member(place, key) = number;
	return true;
}

static void add_rule(struct config *config, enum role role, bool group, uint32_t id)
{
	config->rules = need_more(config->rules,
				  (config->rule_count + 1) * sizeof(config->rules[0]));
	config->rules[config->rule_count++] =
		(struct role_rule){ .role = role, .group = group, .id = id };
}

static bool is_id(const char *value, uint32_t *id)
{
	uint64_t number;

	/* The last one means "no user" to the kernel. */
	if (!config_number(value, CONFIG_COUNT, &number) || number >= UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

static bool take_rule_user(const struct place *place, const struct key *key, const char *value)
{
	const struct passwd *user;
	uint32_t id;

	if (!is_id(value, &id)) {
		user = getpwnam(value);
		if (!user)
			return fail(place, "%s = %.64s: there is no such user; make it, or write its "
				    "number", key->name, value);
		id = user->pw_uid;
	}
	add_rule(place->config, key->role, false, id);
	return true;
}

static bool take_rule_group(const struct place *place, const struct key *key, const char *value)
{
	const struct group *group;
	uint32_t id;

	if (!is_id(value, &id)) {
		group = getgrnam(value);
		if (!group)
			return fail(place, "%s = %.64s: there is no such group; make it, or write its "
				    "number", key->name, value);
		id = group->gr_gid;
	}
	add_rule(place->config, key->role, true, id);
	return true;
}

static bool take_role(const struct place *place, const struct key *key, const char *value)
{
	for (enum role role = ROLE_NONE; role <= ROLE_OPERATOR; role++) {
		if (strcmp(value, role_name(role)))
			continue;
		*(enum role *)member(place, key) = role;
		return true;
	}
	return fail(place, "%s = %.64s: it must be none, observer or operator", key->name, value);
}

/* Takes `text`. */
static bool add_text(struct config_texts *texts, char *text)
{
	texts->items = need_more(texts->items, (texts->count + 1) * sizeof(texts->items[0]));
	texts->items[texts->count++] = text;
	return true;
}

static bool take_directory(const struct place *place, const struct key *key, const char *value)
{
	char *resolved;
	struct stat status;

	if (value[0] != '/')
		return fail(place, "%s = %.128s: it must be an absolute path", key->name, value);
	resolved = realpath(value, NULL);
	if (!resolved || stat(resolved, &status) || !S_ISDIR(status.st_mode)) {
		free(resolved);
		return fail(place, "%s = %.128s: there is no such directory; make it, or take the "
			    "line out", key->name, value);
	}
	return add_text(member(place, key), resolved);
}

static bool take_tap(const struct place *place, const struct key *key, const char *value)
{
	/* IFNAMSIZ is 16 with its NUL; a pattern may be longer than what fits it. */
	if (strlen(value) > 64 || strchr(value, '/'))
		return fail(place, "%s = %.64s: it must be the name of an interface, or a pattern "
			    "such as tap*", key->name, value);
	return add_text(member(place, key), need_copy(value, strlen(value)));
}

static bool take_path(const struct place *place, const struct key *key, const char *value)
{
	/* sockaddr_un.sun_path has 108 bytes with its NUL. */
	if (value[0] != '/' || strlen(value) > 107)
		return fail(place, "%s = %.128s: it must be an absolute path of at most 107 bytes",
			    key->name, value);
	*(char **)member(place, key) = need_copy(value, strlen(value));
	return true;
}

/* For a name that is not known: "; did you mean `X`?", or `otherwise`. */
static void suggest_known(char text[96], const char *section, const char *name,
			  const char *otherwise)
{
	struct suggest suggest;

	suggest_begin(&suggest, name);
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!section)
			suggest_offer(&suggest, keys[i].section);
		else if (!strcmp(section, keys[i].section))
			suggest_offer(&suggest, keys[i].name);
	if (suggest.best)
		snprintf(text, 96, "; did you mean `%s`?", suggest.best);
	else
		snprintf(text, 96, "; %s", otherwise);
}

static const char *find_section(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!strcmp(keys[i].section, name))
			return keys[i].section;
	return NULL;
}

static bool take_section(const struct place *place, char *text, const char **section)
{
	char *end = strchr(text, ']');
	char hint[96];

	if (!end || end[1])
		return fail(place, "a section is a name in brackets, such as [limits]");
	*end = '\0';
	*section = find_section(text + 1);
	if (*section)
		return true;
	suggest_known(hint, NULL, text + 1,
		      "there are [limits], [roles], [templates], [drives], [links] and [metrics]");
	return fail(place, "there is no section [%.64s]%s", text + 1, hint);
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static bool take_key(const struct place *place, const char *section, char *text,
		     unsigned int lines[KEY_COUNT])
{
	char *value = strchr(text, '='), *name;
	char hint[96];

	if (!value)
		return fail(place, "a line is `KEY = VALUE`, a [section] or a # comment");
	*value++ = '\0';
	name = trim(text);
	value = trim(value);
	if (!section)
		return fail(place, "%.64s stands before the first [section]", name);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];

		if (strcmp(key->section, section) || strcmp(key->name, name))
			continue;
		if (!value[0])
			return fail(place, "%s has no value; give it one, or take the line out", name);
		if (lines[i] && !key->many)
			return fail(place, "%s is given a second time; the first is in line %u: take "
				    "one out", name, lines[i]);
		lines[i] = place->line;
		return key->take(place, key, value);
	}
	suggest_known(hint, section, name, "svmrund.conf(5) lists them");
	return fail(place, "there is no key %.64s in [%s]%s", name, section, hint);
}

/* Rules between values; they have no line of their own. */
static bool check_whole(struct place *place)
{
	const struct config_limits *limits = &place->config->limits;

	if (limits->output_low_bytes >= limits->output_high_bytes)
		return fail(place, "output_low_bytes must be less than output_high_bytes (%llu)",
			    (unsigned long long)limits->output_high_bytes);
	if (limits->output_high_bytes >= limits->output_bytes)
		return fail(place, "output_high_bytes must be less than output_bytes (%llu)",
			    (unsigned long long)limits->output_bytes);
	if (limits->input_bytes < limits->line_bytes)
		return fail(place, "input_bytes must be at least line_bytes (%llu)",
			    (unsigned long long)limits->line_bytes);
	return true;
}

static bool read_lines(struct place *place, FILE *file)
{
	unsigned int lines[KEY_COUNT] = { 0 };
	const char *section = NULL;
	char buffer[MAX_LINE_BYTES];

	while (fgets(buffer, sizeof(buffer), file)) {
		size_t length = strlen(buffer);
		char *text;

		if (++place->line > MAX_FILE_LINES)
			return fail(place, "the file has more than %d lines", MAX_FILE_LINES);
		if ((!length || buffer[length - 1] != '\n') && !feof(file))
			return fail(place, "the line is longer than %d bytes or has a NUL in it",
				    MAX_LINE_BYTES - 2);
		text = trim(buffer);
		if (!text[0] || text[0] == '#' || text[0] == ';')
			continue;
		if (text[0] == '[' ? !take_section(place, text, &section) :
		    !take_key(place, section, text, lines))
			return false;
	}
	if (ferror(file))
		return fail(place, "%s", strerror(errno));
	return check_whole(place);
}

struct config *config_default(void)
{
	struct config *config = need_memory(sizeof(*config));

	config->limits = (struct config_limits){
		.clients = LIMIT_CLIENTS, .line_bytes = LIMIT_LINE_BYTES,
		.input_bytes = LIMIT_INPUT_BYTES, .batch = LIMIT_BATCH,
		.subscriptions = LIMIT_SUBSCRIPTIONS, .pending = LIMIT_PENDING, .vms = LIMIT_VMS,
		.templates = LIMIT_TEMPLATES, .template_bytes = LIMIT_TEMPLATE_BYTES,
		.output_bytes = LIMIT_OUTPUT_BYTES, .output_high_bytes = OUTPUT_HIGH_BYTES,
		.output_low_bytes = OUTPUT_LOW_BYTES, .stall_ms = LIMIT_STALL_MS,
		.vm_vcpus = LIMIT_VM_VCPUS, .vm_memory_bytes = LIMIT_VM_MEMORY_BYTES,
	};
	config->default_role = ROLE_OPERATOR;
	return config;
}

struct config *config_read(const char *path, struct config_error *error)
{
	struct place place = { .path = path, .error = error };
	FILE *file = fopen(path, "re");
	bool good;

	if (!file) {
		snprintf(error->text, sizeof(error->text), "%s: %s", path, strerror(errno));
		return NULL;
	}
	place.config = config_default();
	good = read_lines(&place, file);
	fclose(file);
	if (good)
		return place.config;
	config_free(place.config);
	return NULL;
}

static void free_texts(struct config_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free_texts(&config->template_directories);
	free_texts(&config->drive_directories);
	free_texts(&config->taps);
	free(config->rules);
	free(config->metrics_socket);
	free(config);
}
