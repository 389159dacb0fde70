/* SPDX-License-Identifier: MIT */
/* svmc compile: spec in, template out. Nothing is written unless everything succeeded. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "output.h"

static const char usage[] =
	"usage: svmc compile [-o FILE] [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                    [--diagnostics=text|json] SPEC\n"
	"\n"
	"Compile the spec SPEC (svmspec(5); - is standard input) to a template (svmt(5)).\n"
	"\n"
	"  -o, --output FILE      write FILE instead of SPEC's name with .svmt in the current\n"
	"                         directory; - is standard output\n"
	"  -D NAME=VALUE          set a variable that the spec has under `vars:`\n"
	"  -W NAME                warn of NAME (svmc check --list), which is the default;\n"
	"                         -W no-NAME does not, -W error=NAME and -W error refuse the spec\n"
	"  --diagnostics=FORMAT   text (default) or json: one object a line\n"
	"  -h, --help             this text\n"
	"\n"
	"FILE is replaced only when the compilation succeeded. Exit status: 0 compiled, 1 errors "
	"in the\n"
	"spec, 2 wrong usage, 3 a file could not be read or written.\n";

/* "dir/hello.yaml" -> "hello.svmt"; caller frees. */
static char *default_output(const char *spec)
{
	const char *base = strrchr(spec, '/'), *dot;
	char *name;
	int length;

	base = base ? base + 1 : spec;
	dot = strrchr(base, '.');
	length = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
	if (asprintf(&name, "%.*s.svmt", length, base) < 0)
		return NULL;
	return name;
}

static int compile(const char *spec, const char *output, const struct svmc_options *options)
{
	struct svmc_image image;
	char *name = NULL;
	int status;

	if (!output)
		output = name = default_output(spec);
	status = output ? svmc_compile_file(spec, options, &image, stderr) : SVMC_IO;
	if (status == SVMC_OK && output_write(output, image.bytes, image.length)) {
		fprintf(stderr, "svmc compile: cannot write %s: %s\n", output, strerror(errno));
		status = SVMC_IO;
	}
	if (output)
		svmc_image_free(&image);
	free(name);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct cmd_options options;
	const char *output = NULL;
	int c;

	cmd_options_begin(&options);
	while ((c = getopt_long(argc, argv, "o:D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_compile);
		if (c == 'o')
			output = optarg;
		else if (c == '?')
			return cmd_usage(&cmd_compile, "unknown or incomplete option");
		else if (cmd_common_option(&options, c, optarg))
			return SVMC_USAGE;
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_compile, "%s", argc == optind ? "no spec is named" :
				 "more than one spec is named");
	if (!output && !strcmp(argv[optind], "-"))
		return cmd_usage(&cmd_compile, "a spec from standard input needs -o");
	return compile(argv[optind], output, &options.compile);
}

const struct command cmd_compile = {
	"compile", "compile a spec to a template", usage, run,
};
