/* SPDX-License-Identifier: MIT */
/*
 * svmctl create, start, pause, resume, nmi, stop, destroy and wait: the life of a VM one step at a time, each one call.
 */
#include <string.h>
#include "ctl.h"
#include "end.h"
#include "text.h"

static struct {
	const char *name;
	int64_t time_limit_ns;
	uint64_t vcpu;
	bool jump;
} o = { .vcpu = UINT64_MAX };

static const struct ctl_option create_options[] = {
	{ 'n', "name", CTL_TEXT, "NAME", &o.name, "the VM's name (default: the template's)" },
	{ 0 },
};

static const struct ctl_option nmi_options[] = {
	{ 'c', "vcpu", CTL_NUMBER, "N", &o.vcpu, "only this vCPU" },
	{ 0 },
};

static const struct ctl_option resume_options[] = {
	{ 'J', "jump", CTL_FLAG, NULL, &o.jump,
	  "the guest's clocks jump to where they would be without the pause" },
	{ 0 },
};

static const struct ctl_option wait_options[] = {
	{ 't', "time-limit", CTL_TIME, "TIME", &o.time_limit_ns,
	  "wait no longer than TIME, then status 124" },
	{ 0 },
};

/* Call `method` on the VM that `operand` names; `value`, if there is one, is taken as parameter `name`. */
static int vm_call(const char *method, const char *operand, const char *name, cJSON *value,
		   cJSON **answer)
{
	struct rpc *rpc = ctl_connect();
	int exit_status = CTL_ERROR;
	enum rpc_status status;
	cJSON *params;
	long vm;

	*answer = NULL;
	vm = rpc ? ctl_find_vm(rpc, operand, &exit_status) : -1;
	if (vm >= 0) {
		params = ctl_vm_params(vm);
		if (value)
			cJSON_AddItemToObject(params, name, value);
		value = NULL;
		status = rpc_call(rpc, method, params, answer);
		exit_status = status == RPC_OK ? CTL_OK : ctl_fail(rpc, status);
	}
	cJSON_Delete(value);
	rpc_close(rpc);
	return exit_status;
}

static int call_with(const char *method, const char *operand, const char *name, cJSON *value)
{
	cJSON *answer;
	int exit_status = vm_call(method, operand, name, value, &answer);

	cJSON_Delete(answer);
	return exit_status;
}

static int plain_call(const char *method, const char *operand)
{
	return call_with(method, operand, NULL, NULL);
}

static int command_create(int count, char **operands)
{
	cJSON *params = cJSON_CreateObject(), *answer;
	struct rpc *rpc = ctl_connect();
	enum rpc_status status;
	int exit_status;

	(void)count;
	if (!rpc) {
		cJSON_Delete(params);
		return CTL_ERROR;
	}
	cJSON_AddStringToObject(params, "template", operands[0]);
	if (o.name)
		cJSON_AddStringToObject(params, "name", o.name);
	status = rpc_call(rpc, "vm.create", params, &answer);
	if (status == RPC_OK)
		printf("%.0f\n", json_number(answer, "vm", 0));
	exit_status = status == RPC_OK ? ctl_flush() : ctl_fail(rpc, status);
	cJSON_Delete(answer);
	rpc_close(rpc);
	return exit_status;
}

static int command_start(int count, char **operands)
{
	(void)count;
	return plain_call("vm.start", operands[0]);
}

static int command_pause(int count, char **operands)
{
	(void)count;
	return plain_call("vm.pause", operands[0]);
}

static int command_resume(int count, char **operands)
{
	(void)count;
	return call_with("vm.resume", operands[0], "jump", o.jump ? cJSON_CreateTrue() : NULL);
}

static int command_nmi(int count, char **operands)
{
	(void)count;
	return call_with("vm.nmi", operands[0], "vcpu",
			 o.vcpu == UINT64_MAX ? NULL : cJSON_CreateNumber((double)o.vcpu));
}

static int command_stop(int count, char **operands)
{
	(void)count;
	return plain_call("vm.stop", operands[0]);
}

static int command_destroy(int count, char **operands)
{
	(void)count;
	return plain_call("vm.destroy", operands[0]);
}

static int command_wait(int count, char **operands)
{
	int64_t timeout_ms = (o.time_limit_ns + 999999) / 1000000;
	const cJSON *end;
	cJSON *answer;
	char text[600];
	int status;

	(void)count;
	/* The daemon keeps the limit; ours only guards against a daemon that does not answer. */
	if (o.time_limit_ns)
		ctl_common.timeout_ns += o.time_limit_ns;
	else
		ctl_common.timeout_ns = INT64_MAX;
	status = vm_call("vm.wait", operands[0], "timeout_ms",
			 timeout_ms ? cJSON_CreateNumber((double)timeout_ms) : NULL, &answer);
	end = json_member(answer, "end");
	if (status == CTL_OK && !cJSON_IsObject(end)) {
		status = CTL_TIME_LIMIT;
	} else if (status == CTL_OK) {
		end_text(text, sizeof(text), end);
		ctl_say("%s: %s", operands[0], text);
		status = end_status(end);
	}
	cJSON_Delete(answer);
	return status;
}

const struct ctl_command ctl_create = {
	"create", "ID", 1, 1, "create a VM of a loaded template and print its number",
	"Create a VM from the template with the identity ID and print its number.\n",
	create_options, command_create,
};

const struct ctl_command ctl_start = {
	"start", "VM", 1, 1, "start a VM", "Start VM (a number or a name).\n", NULL, command_start,
};

const struct ctl_command ctl_pause = {
	"pause", "VM", 1, 1, "pause a VM", "Pause VM (a number or a name) and wait until it has paused.\n",
	NULL, command_pause,
};

const struct ctl_command ctl_resume = {
	"resume", "VM", 1, 1, "let a paused VM go on",
	"Let VM (a number or a name) go on. Its clocks go on from where they stood.\n", resume_options,
	command_resume,
};

const struct ctl_command ctl_nmi = {
	"nmi", "VM", 1, 1, "send a non-maskable interrupt",
	"Send VM (a number or a name) a non-maskable interrupt: every vCPU of it, or one.\n", nmi_options,
	command_nmi,
};

const struct ctl_command ctl_stop = {
	"stop", "VM", 1, 1, "stop a VM", "Stop VM (a number or a name) and wait until it has stopped.\n",
	NULL, command_stop,
};

const struct ctl_command ctl_destroy = {
	"destroy", "VM", 1, 1, "destroy a VM that does not run",
	"Destroy VM (a number or a name). It must not be running.\n", NULL, command_destroy,
};

const struct ctl_command ctl_wait = {
	"wait", "VM", 1, 1, "wait until a VM has ended",
	"Wait until VM (a number or a name) has ended. The exit status is that of `svmctl run`.\n",
	wait_options, command_wait,
};
