/* SPDX-License-Identifier: MIT */
/* svmc graph: a template or a spec as a picture. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "graph.h"
#include "load.h"
#include "output.h"

static const char usage[] =
	"usage: svmc graph [-o FILE] [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                  [--diagnostics=text|json] FILE\n"
	"\n"
	"Draw the template FILE as SVG: memory map, vCPUs and exit policy. A spec is compiled on\n"
	"the way.\n"
	"\n"
	"  -o, --output FILE      write FILE instead of standard output\n"
	"  -D NAME=VALUE          set a variable in the spec\n"
	"  -W NAME                warnings of the spec, as for compile\n"
	"  --diagnostics=FORMAT   messages of the compiler: text (default) or json\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 drawn, 1 not a good template or spec, 2 wrong usage, 3 a file could not\n"
	"be read or written.\n";

static int graph(const char *path, const char *output, const struct svmc_options *options)
{
	struct loaded loaded;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out;
	int status = load_either(&cmd_graph, path, options, &loaded);

	if (status)
		return status;
	out = open_memstream(&text, &bytes);
	if (!out || graph_svg(out, &loaded.view))
		status = SVMC_IO;
	if (out && fclose(out))
		status = SVMC_IO;
	if (!status && output_write(output, (const uint8_t *)text, bytes))
		status = SVMC_IO;
	if (status)
		fprintf(stderr, "svmc graph: cannot write %s: %s\n", output, strerror(errno));
	free(text);
	load_free(&loaded);
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
	const char *output = "-";
	int c;

	cmd_options_begin(&options);
	while ((c = getopt_long(argc, argv, "o:D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_graph);
		if (c == 'o')
			output = optarg;
		else if (c == '?')
			return cmd_usage(&cmd_graph, "unknown or incomplete option");
		else if (cmd_common_option(&options, c, optarg))
			return SVMC_USAGE;
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_graph, "one template or spec is drawn, but %d are named",
				 argc - optind);
	if (!strcmp(argv[optind], "-"))
		return cmd_usage(&cmd_graph, "standard input cannot be drawn; name a file");
	return graph(argv[optind], output, &options.compile);
}

const struct command cmd_graph = {
	"graph", "draw memory, vCPUs and exit policy", usage, run,
};
