/* SPDX-License-Identifier: MIT */
/* svmc diff: how two templates or specs differ, with the exit status of diff(1). */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "load.h"

#define SAME 0
#define DIFFERENT 1
#define TROUBLE 2

static const char usage[] =
	"usage: svmc diff [--json] [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                 [--diagnostics=text|json] A B\n"
	"\n"
	"Show how the templates A and B differ: VMCB fields and intercepts by name, memory by\n"
	"range, exits, CPUID and MSR rows, devices, expectations and required features. A spec is\n"
	"compiled on the way.\n"
	"\n"
	"  --json                 one JSON object; null is a value that is absent\n"
	"  -D NAME=VALUE          set a variable in the specs\n"
	"  -W NAME                warnings of the specs, as for compile\n"
	"  --diagnostics=FORMAT   messages of the compiler: text (default) or json\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 the same, 1 different, 2 trouble.\n";

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static int print_json(const char *a, const char *b, const struct differences *differences)
{
	cJSON *root = cJSON_CreateObject(), *list;
	char *text;
	int result;

	cJSON_AddStringToObject(root, "a", a);
	cJSON_AddStringToObject(root, "b", b);
	cJSON_AddBoolToObject(root, "same", !differences->count);
	list = cJSON_AddArrayToObject(root, "differences");
	for (size_t i = 0; i < differences->count; i++) {
		const struct difference *d = &differences->rows[i];
		cJSON *row = cJSON_CreateObject();

		cJSON_AddStringToObject(row, "area", d->area);
		cJSON_AddStringToObject(row, "name", d->name);
		add_text(row, "a", d->a);
		add_text(row, "b", d->b);
		cJSON_AddItemToArray(list, row);
	}
	text = cJSON_PrintUnformatted(root);
	result = text && printf("%s\n", text) > 0 ? 0 : -1;
	cJSON_Delete(root);
	free(text);
	return result;
}

static int compare(char **paths, const struct loaded *a, const struct loaded *b, bool json)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct differences differences = { .arena = arena };
	volatile int status = TROUBLE;

	if (!arena || setjmp(arena->out_of_memory)) {
		fprintf(stderr, "svmc diff: out of memory\n");
	} else {
		diff_templates(&differences, &a->view, &b->view);
		status = differences.count ? DIFFERENT : SAME;
		if (!json)
			diff_print(stdout, &differences, "");
		else if (print_json(paths[0], paths[1], &differences))
			status = TROUBLE;
	}
	if (arena)
		arena_free(arena);
	free(arena);
	return cmd_finish_stdout(&cmd_diff, SVMC_OK) ? TROUBLE : status;
}

static int diff(char **paths, const struct svmc_options *options, bool json)
{
	struct loaded a, b;
	int status = TROUBLE;

	if (load_either(&cmd_diff, paths[0], options, &a))
		return TROUBLE;
	if (!load_either(&cmd_diff, paths[1], options, &b)) {
		status = compare(paths, &a, &b, json);
		load_free(&b);
	}
	load_free(&a);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cmd_options options;
	bool json = false;
	int c;

	cmd_options_begin(&options);
	while ((c = getopt_long(argc, argv, "D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_diff);
		if (c == 'j')
			json = true;
		else if (c == '?')
			return cmd_usage(&cmd_diff, "unknown or incomplete option");
		else if (cmd_common_option(&options, c, optarg))
			return TROUBLE;
	}
	if (argc - optind != 2)
		return cmd_usage(&cmd_diff, "two templates or specs are compared, but %d named",
				 argc - optind);
	if (!strcmp(argv[optind], "-") || !strcmp(argv[optind + 1], "-"))
		return cmd_usage(&cmd_diff, "standard input cannot be compared; name a file");
	return diff(argv + optind, &options.compile, json);
}

const struct command cmd_diff = {
	"diff", "show how two templates or specs differ", usage, run,
};
