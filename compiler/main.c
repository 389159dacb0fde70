/* SPDX-License-Identifier: MIT */
/*
 * svmc: the two subcommands that build systems run for every spec. The others, the help and `--emit`
 * (whose JSON wants a library) are svmc-more's, so that nothing of them costs time here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "beside.h"
#include "cmd.h"

/* getopt_long() takes an option's beginning for the option. */
static bool emits(char **argv)
{
	for (; *argv; argv++)
		if (!strncmp(*argv, "--e", 3))
			return true;
	return false;
}

static int run_more(char **argv)
{
	char room[BESIDE_BYTES];
	const char *path = program_beside("svmc-more", room);

	execv(path, argv);
	fprintf(stderr, "svmc: cannot run %s: %s\n", path, strerror(errno));
	return SVMC_IO;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "compile") && !emits(argv + 2))
		return cmd_compile.run(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "check"))
		return cmd_check.run(argc - 1, argv + 1);
	return run_more(argv);
}
