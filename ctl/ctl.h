/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of svmctl share: the command table's row, the exit statuses, and the few
 * things that come from the common options. Each subcommand lives in its own cmd_NAME.c.
 */
#ifndef SVMKIT_CTL_H
#define SVMKIT_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "options.h"
#include "rpc.h"

/* Exit statuses; main.c prints them in --help, svmctl(1) explains them. */
enum ctl_status {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_USAGE = 2,
	CTL_REJECTED = 3,
	CTL_SHUTDOWN = 10,
	CTL_INVALID = 11,
	CTL_BROKEN = 12,
	CTL_GUEST_STATUS = 13,
	CTL_STOPPED = 14,
	CTL_RESET = 15,
	CTL_TIME_LIMIT = 124,
	CTL_INTERRUPTED = 130,
};

struct ctl_command {
	const char *name;
	const char *operands;		/* as in the usage line: "VM" or "[VM]" */
	int min_operands, max_operands;	/* -1: any number */
	const char *summary;		/* one line for svmctl --help */
	const char *help;		/* paragraphs for svmctl NAME --help, ends with a newline */
	const struct ctl_option *options;
	int (*run)(int count, char **operands);
};

extern const struct ctl_command ctl_run, ctl_test, ctl_list, ctl_events, ctl_info;
extern const struct ctl_command ctl_load, ctl_unload, ctl_create, ctl_start, ctl_stop, ctl_destroy;
extern const struct ctl_command ctl_pause, ctl_resume, ctl_wait, ctl_rpc, ctl_regs, ctl_mem;
extern const struct ctl_command ctl_nmi, ctl_replay, ctl_stat, ctl_top, ctl_console, ctl_gdb, ctl_export;

/* Values of the common options, for socket.c. */
struct ctl_common {
	const char *socket;		/* NULL: choose */
	int64_t timeout_ns;		/* for one answer of the daemon */
};
extern struct ctl_common ctl_common;
extern const struct ctl_option ctl_common_options[];

/* One line on standard error, with "svmctl: " before it. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what went wrong with `rpc`; returns the exit status for it. */
int ctl_fail(const struct rpc *rpc, enum rpc_status status);

/*
 * Connect to the daemon that the options, the environment or the lab offers. NULL after saying why.
 * The caller closes with rpc_close().
 */
struct rpc *ctl_connect(void);

/* Flush and check standard output; CTL_OK, or CTL_ERROR after saying why. */
int ctl_flush(void);

/* One line of JSON on standard output; an exit status. */
int ctl_print_json(const cJSON *json);

/* Call `method` with `params` (consumed) and throw the answer away. Returns an exit status. */
int ctl_simple_call(const char *method, cJSON *params);

/* The VM that `operand` names, by number or by name, or -1 after saying why; *exit is then set. */
long ctl_find_vm(struct rpc *rpc, const char *operand, int *exit_status);

/* {"vm": N}, for the parameters of a call. */
cJSON *ctl_vm_params(long vm);

#endif
