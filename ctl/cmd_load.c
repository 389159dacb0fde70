/* SPDX-License-Identifier: MIT */
/*
 * svmctl load and unload: templates in the daemon, without a VM.
 */
#include <stdlib.h>
#include "ctl.h"
#include "guest.h"
#include "template.h"
#include "text.h"

static struct {
	struct ctl_list defines;
} o;

static const struct ctl_option options[] = {
	{ 'D', "define", CTL_LIST, "NAME=VALUE", &o.defines, "set a variable of the spec" },
	{ 0 },
};

static const char load_help[] =
	"Load TEMPLATE, or SPEC compiled on the way, into the daemon and print its identity, which\n"
	"`svmctl create` takes.\n";

static const char unload_help[] =
	"Unload the template with the identity ID. It must not be in use.\n";

static int command_load(int count, char **operands)
{
	struct template template;
	struct rpc *rpc = NULL;
	enum rpc_status status;
	struct guest guest;
	int exit_status;

	(void)count;
	exit_status = template_read(&template, operands[0], &o.defines, stderr);
	if (exit_status == CTL_OK) {
		rpc = ctl_connect();
		exit_status = rpc ? CTL_OK : CTL_ERROR;
	}
	if (exit_status == CTL_OK) {
		status = guest_load(&guest, rpc, template.image, template.bytes);
		if (status == RPC_OK)
			puts(guest.template);
		exit_status = status == RPC_OK ? ctl_flush() : ctl_fail(rpc, status);
	}
	rpc_close(rpc);
	template_free(&template);
	return exit_status;
}

static int command_unload(int count, char **operands)
{
	cJSON *params = cJSON_CreateObject();

	(void)count;
	cJSON_AddStringToObject(params, "template", operands[0]);
	return ctl_simple_call("template.unload", params);
}

const struct ctl_command ctl_load = {
	"load", "TEMPLATE|SPEC", 1, 1, "load a template and print its identity", load_help, options,
	command_load,
};

const struct ctl_command ctl_unload = {
	"unload", "ID", 1, 1, "unload a template", unload_help, NULL, command_unload,
};
