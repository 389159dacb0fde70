/* SPDX-License-Identifier: MIT */
/*
 * Turns option tables into getopt_long's form, stores what was given, and prints the help from the
 * same rows. Knows nothing about any subcommand.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "ctl.h"

#define MAX_OPTIONS 32
#define LONG_ONLY 256		/* getopt_long values of rows: LONG_ONLY + index */

bool ctl_parse_number(const char *text, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	const char *legal = hex ? "0123456789abcdefABCDEF" : "0123456789";

	if (!*digits || strspn(digits, legal) != strlen(digits))
		return false;
	errno = 0;
	*value = strtoull(digits, NULL, hex ? 16 : 10);
	return errno == 0;
}

bool ctl_parse_time(const char *text, int64_t *ns)
{
	static const struct { const char *unit; int64_t ns; } units[] = {
		{ "", 1000000000 }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
		{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
	};
	size_t digits = strspn(text, "0123456789");
	char number[20];
	uint64_t value;

	if (!digits || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = 0;
	if (!ctl_parse_number(number, &value))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit))
			continue;
		if (value > (uint64_t)(INT64_MAX / 4 / units[i].ns))
			return false;
		*ns = (int64_t)value * units[i].ns;
		return true;
	}
	return false;
}

static bool store_list(struct ctl_list *list, const char *text)
{
	const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

	if (!items)
		return false;
	list->items = items;
	items[list->count++] = text;
	return true;
}

static bool store(const struct ctl_option *option, const char *text)
{
	bool ok = true;

	switch (option->kind) {
	case CTL_FLAG:
		*(bool *)option->to = true;
		break;
	case CTL_TEXT:
		*(const char **)option->to = text;
		break;
	case CTL_OPTIONAL_TEXT:
		*(struct ctl_optional *)option->to = (struct ctl_optional){ true, text };
		break;
	case CTL_TIME:
		ok = ctl_parse_time(text, option->to);
		break;
	case CTL_NUMBER:
		ok = ctl_parse_number(text, option->to);
		break;
	case CTL_LIST:
		ok = store_list(option->to, text);
		break;
	}
	if (!ok)
		ctl_say("--%s: '%s' is not %s", option->name, text,
			option->kind == CTL_TIME ? "a time such as 500ms, 5s or 2m" : "a number");
	return ok;
}

struct getopt_tables {
	struct option longs[MAX_OPTIONS];
	const struct ctl_option *rows[MAX_OPTIONS];
	char shorts[3 * MAX_OPTIONS + 4];
	size_t count;
};

static void add_rows(struct getopt_tables *t, const struct ctl_option *options)
{
	static const int arity[] = {
		[CTL_FLAG] = no_argument, [CTL_TEXT] = required_argument,
		[CTL_OPTIONAL_TEXT] = optional_argument, [CTL_TIME] = required_argument,
		[CTL_NUMBER] = required_argument, [CTL_LIST] = required_argument,
	};

	for (; options && options->name && t->count < MAX_OPTIONS - 3; options++) {
		t->longs[t->count] = (struct option){ options->name, arity[options->kind], NULL,
						      LONG_ONLY + (int)t->count };
		t->rows[t->count++] = options;
		if (options->letter) {
			char letter[4] = { options->letter, ':', ':', 0 };

			letter[1 + arity[options->kind]] = 0;
			strcat(t->shorts, letter);
		}
	}
}

static const struct ctl_option *find_row(const struct getopt_tables *t, int value)
{
	if (value >= LONG_ONLY)
		return t->rows[value - LONG_ONLY];
	for (size_t i = 0; i < t->count; i++) {
		if (t->rows[i]->letter == value)
			return t->rows[i];
	}
	return NULL;
}

enum ctl_parsed ctl_options_parse(const struct ctl_option *own, const struct ctl_option *common,
				  bool stop_at_operand, int argc, char **argv, int *operands)
{
	struct getopt_tables t = { .count = 0 };
	int value;

	strcpy(t.shorts, stop_at_operand ? "+:h" : ":h");
	add_rows(&t, own);
	add_rows(&t, common);
	t.longs[t.count] = (struct option){ "help", no_argument, NULL, 'h' };
	if (stop_at_operand)
		t.longs[t.count + 1] = (struct option){ "version", no_argument, NULL, 'V' };
	optind = 0;	/* glibc: start afresh, also after an earlier parse */
	while ((value = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const struct ctl_option *row;

		if (value == 'h')
			return CTL_PARSE_HELP;
		if (value == 'V' && stop_at_operand)
			return CTL_PARSE_VERSION;
		if (value == ':') {
			ctl_say("%s needs an argument", argv[optind - 1]);
			return CTL_PARSE_ERROR;
		}
		row = value == '?' ? NULL : find_row(&t, value);
		if (!row) {
			if (optopt > 0 && optopt < LONG_ONLY)
				ctl_say("unknown option -%c", optopt);
			else
				ctl_say("unknown option %s", argv[optind - 1]);
			return CTL_PARSE_ERROR;
		}
		if (!store(row, optarg))
			return CTL_PARSE_ERROR;
	}
	*operands = optind;
	return CTL_PARSED;
}

#define HELP_COLUMN 28

static void print_row(FILE *out, const struct ctl_option *option)
{
	char left[80];
	const char *help = option->help, *end;
	int n;

	n = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s%s", option->letter ? '-' : ' ',
		     option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
		     option->name, option->kind == CTL_OPTIONAL_TEXT ? "[" : "",
		     option->argument ? "=" : "", option->argument ? option->argument : "");
	fprintf(out, "%s%s", left, option->kind == CTL_OPTIONAL_TEXT ? "]" : "");
	n += option->kind == CTL_OPTIONAL_TEXT;
	if (n >= HELP_COLUMN) {
		fputc('\n', out);
		n = 0;
	}
	while (true) {
		end = strchrnul(help, '\n');
		fprintf(out, "%*s%.*s\n", HELP_COLUMN - n, "", (int)(end - help), help);
		if (!*end)
			break;
		help = end + 1;
		n = 0;
	}
}

void ctl_options_help(FILE *out, const struct ctl_option *options)
{
	for (; options && options->name; options++)
		print_row(out, options);
}
