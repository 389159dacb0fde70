/* SPDX-License-Identifier: MIT */
/*
 * svmctl: finds the subcommand and hands over. Everything else is in cmd_NAME.c.
 */
#include <config.h>
#include <signal.h>
#include <string.h>
#include "ctl.h"

static const struct ctl_command *const commands[] = {
	&ctl_run, &ctl_test, &ctl_list, &ctl_events, &ctl_replay, &ctl_info, &ctl_load, &ctl_unload, &ctl_create,
	&ctl_start, &ctl_pause, &ctl_resume, &ctl_nmi, &ctl_stop, &ctl_destroy, &ctl_wait, &ctl_regs, &ctl_mem,
	&ctl_stat, &ctl_top, &ctl_console, &ctl_gdb, &ctl_export, &ctl_rpc,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char exit_statuses[] =
	"Exit status:\n"
	"  0    done; for run and wait: the guest ended by exit policy `stop`, by power-off,\n"
	"       or with debug-exit status 0; for test: every spec passed\n"
	"  1    error: connection, daemon, or a file; for test: a spec failed\n"
	"  2    usage\n"
	"  3    the spec or the template was rejected\n"
	"  10   the guest shut down (triple fault)\n"
	"  11   VMRUN refused the guest's state (VMEXIT_INVALID)\n"
	"  12   the daemon or the module could not continue the guest\n"
	"  13   the guest wrote a debug-exit status other than 0\n"
	"  14   stopped by another client, or by a limit of its VM\n"
	"  15   the guest reset its machine\n"
	"  124  the time limit passed\n"
	"  130  interrupted by SIGINT (143: by SIGTERM); the guest was stopped\n";

static int print_help(void)
{
	printf("Usage: svmctl [OPTIONS] COMMAND [OPTIONS] [OPERANDS]\n\n"
	       "Run AMD SVM guests through svmrund, watch their exits, and test them.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
	printf("\nOptions of every command:\n");
	ctl_options_help(stdout, ctl_common_options);
	printf("  -h, --help                this text, or that of the command\n"
	       "      --version             the version (before a command)\n\n%s", exit_statuses);
	return ctl_flush();
}

static int print_command_help(const struct ctl_command *command)
{
	printf("Usage: svmctl %s [OPTIONS]%s%s\n\n%s", command->name,
	       *command->operands ? " " : "", command->operands, command->help);
	if (command->options) {
		printf("\nOptions:\n");
		ctl_options_help(stdout, command->options);
	}
	printf("\nOptions of every command:\n");
	ctl_options_help(stdout, ctl_common_options);
	printf("  -h, --help                this text\n");
	return ctl_flush();
}

static const struct ctl_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

static int run_command(const struct ctl_command *command, int argc, char **argv)
{
	int first = 0, operands;

	switch (ctl_options_parse(command->options, ctl_common_options, false, argc, argv, &first)) {
	case CTL_PARSE_HELP:
		return print_command_help(command);
	case CTL_PARSED:
		break;
	default:
		ctl_say("`svmctl %s --help` lists the options", command->name);
		return CTL_USAGE;
	}
	operands = argc - first;
	if (operands < command->min_operands ||
	    (command->max_operands >= 0 && operands > command->max_operands)) {
		ctl_say("usage: svmctl %s [OPTIONS]%s%s", command->name,
			*command->operands ? " " : "", command->operands);
		return CTL_USAGE;
	}
	return command->run(operands, argv + first);
}

int main(int argc, char **argv)
{
	const struct ctl_command *command;
	int first = 1;

	/* A closed pipe is an error that write() reports, not a reason to leave a guest running. */
	signal(SIGPIPE, SIG_IGN);
	switch (ctl_options_parse(NULL, ctl_common_options, true, argc, argv, &first)) {
	case CTL_PARSE_HELP:
		return print_help();
	case CTL_PARSE_VERSION:
		printf("svmctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
		return ctl_flush();
	case CTL_PARSED:
		break;
	default:
		return CTL_USAGE;
	}
	if (first >= argc) {
		ctl_say("which command? `svmctl --help` lists them");
		return CTL_USAGE;
	}
	command = find_command(argv[first]);
	if (!command) {
		ctl_say("no command '%s'; `svmctl --help` lists them", argv[first]);
		return CTL_USAGE;
	}
	return run_command(command, argc - first, argv + first);
}
