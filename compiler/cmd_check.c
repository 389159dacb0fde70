/* SPDX-License-Identifier: MIT */
/* svmc check: everything that compile does but the writing; and the list of the named checks. */
#include <getopt.h>
#include "checks/checks.h"
#include "cmd.h"

static const char usage[] =
	"usage: svmc check [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                  [--diagnostics=text|json] SPEC...\n"
	"       svmc check --list\n"
	"\n"
	"Check specs without writing templates.\n"
	"\n"
	"  -D NAME=VALUE          set a variable that the specs have under `vars:`\n"
	"  -W NAME                warn of NAME (svmc check --list), which is the default;\n"
	"                         -W no-NAME does not, -W error=NAME and -W error refuse the spec\n"
	"  --diagnostics=FORMAT   text (default) or json: one object a line\n"
	"  --list                 list the named checks with the manual's section\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 no errors, 1 errors in a spec, 2 wrong usage, 3 a file could not be "
	"read.\n";

static int list(void)
{
	static const char *const kinds[] = { "error", "save state", "warning" };
	const struct check *check;

	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		printf("%-18s %-10s %s\n", check->name, kinds[check->kind], check->section);
	return cmd_finish_stdout(&cmd_check, SVMC_OK);
}

static int check_files(char **paths, int count, const struct svmc_options *options)
{
	int worst = SVMC_OK;

	for (int i = 0; i < count; i++) {
		struct svmc_image image;
		int status = svmc_compile_file(paths[i], options, &image, stderr);

		svmc_image_free(&image);
		worst = status > worst ? status : worst;
	}
	return worst;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct cmd_options options;
	int c;

	cmd_options_begin(&options);
	while ((c = getopt_long(argc, argv, "D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_check);
		if (c == 'l')
			return list();
		if (c == '?')
			return cmd_usage(&cmd_check, "unknown or incomplete option");
		if (cmd_common_option(&options, c, optarg))
			return SVMC_USAGE;
	}
	if (argc == optind)
		return cmd_usage(&cmd_check, "no spec is named");
	return check_files(argv + optind, argc - optind, &options.compile);
}

const struct command cmd_check = {
	"check", "check specs without writing templates", usage, run,
};
