/* SPDX-License-Identifier: MIT */
/*
 * svmc-more: every subcommand. svmc itself starts faster, because it is without the libraries that
 * only some of them need, and hands what it does not do on to this program.
 */
#include <string.h>
#include "config.h"
#include "cmd.h"
#include "compile_job.h"
#include "dump.h"

static const struct command *const commands[] = {
	&cmd_compile, &cmd_check, &cmd_decompile, &cmd_diff, &cmd_dump, &cmd_explain, &cmd_export,
	&cmd_golden, &cmd_graph, &cmd_import, &cmd_init, &cmd_measure, &cmd_profile, &cmd_schema,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fprintf(out, "usage: svmc COMMAND [OPTION]... [FILE]...\n\n"
		     "Compile descriptions of AMD SVM guests to templates, and look into "
		     "templates.\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n`svmc COMMAND --help` tells more; svmc(1) tells all.\n");
}

int main(int argc, char **argv)
{
	compile_json = dump_json;
	if (argc < 2) {
		print_help(stderr);
		return SVMC_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return fflush(stdout) ? SVMC_IO : SVMC_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("svmc (svmkit) %s\n", PACKAGE_VERSION);
		return fflush(stdout) ? SVMC_IO : SVMC_OK;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(argv[1], commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1);
	fprintf(stderr, "svmc: no command `%s`; `svmc --help` lists them\n", argv[1]);
	return SVMC_USAGE;
}
