/* SPDX-License-Identifier: MIT */
/* svmc's subcommands: one file each, with its own options and help; main.c only dispatches. */
#ifndef SVMC_CMD_H
#define SVMC_CMD_H

#include "svmc.h"

struct command {
	const char *name;
	const char *summary;
	const char *usage;	/* whole help text */
	int (*run)(int argc, char **argv);
};

extern const struct command cmd_compile, cmd_check, cmd_decompile, cmd_diff, cmd_dump, cmd_explain,
	cmd_export, cmd_golden, cmd_graph, cmd_import, cmd_init, cmd_measure, cmd_profile, cmd_schema;

/* Options that compile and check share. */
struct cmd_options {
	struct svmc_options compile;
	const char *defines[256];
	const char *warnings[256];
};

/* Handle -D, -W and --diagnostics; 0, or SVMC_USAGE after a message. `c` is getopt's result. */
int cmd_common_option(struct cmd_options *options, int c, const char *argument);
void cmd_options_begin(struct cmd_options *options);

#define CMD_DEFINE 'D'
#define CMD_WARNING 'W'
#define CMD_DIAGNOSTICS 0x100

/* "svmc compile: MESSAGE" and where help is, to standard error. Returns SVMC_USAGE. */
__attribute__((format(printf, 2, 3)))
int cmd_usage(const struct command *command, const char *format, ...);

/* Print help to standard output. Returns SVMC_OK, or SVMC_IO if that fails. */
int cmd_help(const struct command *command);

/* Flush standard output; SVMC_IO with a message if what was printed got lost. */
int cmd_finish_stdout(const struct command *command, int status);

/* Read a whole file ("-": standard input) into memory of malloc(); NULL with errno. */
uint8_t *cmd_read_file(const char *path, uint64_t limit, uint64_t *bytes);

#endif
