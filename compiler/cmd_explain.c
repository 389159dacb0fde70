/* SPDX-License-Identifier: MIT */
/* svmc explain: what a name of the tables means, and which key of a spec sets it. */
#include <getopt.h>
#include "cmd.h"
#include "explain.h"

static const char usage[] =
	"usage: svmc explain NAME...\n"
	"\n"
	"Explain VMCB fields, intercepts, exit codes and checks: meaning, place, clean bit,\n"
	"feature, rule, exit information, whether svmrt.ko forces it, and the key of a spec that\n"
	"sets it.\n"
	"NAME may be in any case, an exit code as a number (0x72), a segment (es) or begin with\n"
	"VMEXIT_. A name with several meanings shows all of them.\n"
	"\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 explained, 1 a name is unknown, 2 wrong usage, 3 standard output failed.\n";

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int status = SVMC_OK, c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_explain);
		return cmd_usage(&cmd_explain, "unknown option");
	}
	if (argc == optind)
		return cmd_usage(&cmd_explain, "no name is given");
	for (int i = optind; i < argc; i++) {
		const char *nearest;

		if (explain(stdout, argv[i]))
			continue;
		nearest = explain_nearest(argv[i]);
		fprintf(stderr, "svmc explain: no field, intercept, exit code or check `%s`; ",
			argv[i]);
		if (nearest)
			fprintf(stderr, "did you mean `%s`?\n", nearest);
		else
			fprintf(stderr, "svmspec(5) lists the names\n");
		status = SVMC_DIAGNOSED;
	}
	return cmd_finish_stdout(&cmd_explain, status);
}

const struct command cmd_explain = {
	"explain", "explain a field, intercept, exit code or check", usage, run,
};
