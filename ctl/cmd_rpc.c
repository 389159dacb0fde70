/* SPDX-License-Identifier: MIT */
/*
 * svmctl rpc: one call as it is, for scripts and for looking at what the daemon really says.
 */
#include "ctl.h"

static const char help[] =
	"Call METHOD with the JSON object PARAMS (default {}) and print the result as one line of JSON.\n"
	"`svmctl rpc rpc.discover` lists the methods.\n";

static int command_rpc(int count, char **operands)
{
	cJSON *params = cJSON_Parse(count > 1 ? operands[1] : "{}"), *result;
	enum rpc_status status;
	struct rpc *rpc;
	int exit_status;

	if (!cJSON_IsObject(params)) {
		ctl_say("'%s' is not a JSON object", operands[1]);
		cJSON_Delete(params);
		return CTL_USAGE;
	}
	rpc = ctl_connect();
	if (!rpc) {
		cJSON_Delete(params);
		return CTL_ERROR;
	}
	status = rpc_call(rpc, operands[0], params, &result);
	exit_status = status == RPC_OK ? ctl_print_json(result) : ctl_fail(rpc, status);
	cJSON_Delete(result);
	rpc_close(rpc);
	return exit_status;
}

const struct ctl_command ctl_rpc = {
	"rpc", "METHOD [PARAMS]", 1, 2, "make one JSON-RPC call and print its result", help, NULL,
	command_rpc,
};
