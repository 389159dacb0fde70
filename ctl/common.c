/* SPDX-License-Identifier: MIT */
/*
 * The small things that several subcommands need: messages, common options, calls whose answer does
 * not matter, and finding a VM by number or name.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include "ctl.h"
#include "text.h"

struct ctl_common ctl_common = { .timeout_ns = 60000000000 };

const struct ctl_option ctl_common_options[] = {
	{ 's', "socket", CTL_TEXT, "SOCKET", &ctl_common.socket,
	  "the daemon's control socket (default: $SVMRUND_SOCKET,\n"
	  "then this machine's daemon, then the lab)" },
	{ 0, "timeout", CTL_TIME, "TIME", &ctl_common.timeout_ns,
	  "longest wait for one answer of the daemon (default 60s)" },
	{ 0 },
};

void ctl_say(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("svmctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int ctl_fail(const struct rpc *rpc, enum rpc_status status)
{
	int signal = rpc_signal(rpc);

	if (status == RPC_INTERRUPTED)
		return 128 + signal;
	ctl_say("%s", rpc_text(rpc));
	if (status == RPC_REFUSED && rpc_error_code(rpc) == RPC_TEMPLATE)
		return CTL_REJECTED;
	return CTL_ERROR;
}

int ctl_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	ctl_say("standard output: %s", strerror(errno));
	return CTL_ERROR;
}

int ctl_print_json(const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	if (!text) {
		ctl_say("out of memory");
		return CTL_ERROR;
	}
	puts(text);
	cJSON_free(text);
	return ctl_flush();
}

int ctl_simple_call(const char *method, cJSON *params)
{
	struct rpc *rpc = ctl_connect();
	enum rpc_status status;
	int exit_status = CTL_OK;

	if (!rpc) {
		cJSON_Delete(params);
		return CTL_ERROR;
	}
	status = rpc_call(rpc, method, params, NULL);
	if (status != RPC_OK)
		exit_status = ctl_fail(rpc, status);
	rpc_close(rpc);
	return exit_status;
}

static long find_by_name(const cJSON *vms, const char *name)
{
	const cJSON *vm;
	long found = 0;

	cJSON_ArrayForEach(vm, vms) {
		if (strcmp(json_text(vm, "name", ""), name))
			continue;
		if (found)
			return -1;
		found = (long)json_number(vm, "vm", 0);
	}
	return found;
}

long ctl_find_vm(struct rpc *rpc, const char *operand, int *exit_status)
{
	enum rpc_status status;
	uint64_t number;
	cJSON *answer;
	long vm;

	if (ctl_parse_number(operand, &number) && number <= INT_MAX)
		return (long)number;
	status = rpc_call(rpc, "vm.list", NULL, &answer);
	if (status != RPC_OK) {
		*exit_status = ctl_fail(rpc, status);
		return -1;
	}
	vm = find_by_name(json_member(answer, "vms"), operand);
	cJSON_Delete(answer);
	if (vm > 0)
		return vm;
	ctl_say(vm < 0 ? "several VMs have the name '%s': use the number (svmctl list)" :
			 "no VM has the number or name '%s' (svmctl list)", operand);
	*exit_status = CTL_ERROR;
	return -1;
}

cJSON *ctl_vm_params(long vm)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddNumberToObject(params, "vm", (double)vm);
	return params;
}
