/* SPDX-License-Identifier: MIT */
/*
 * svmctl list: the templates and VMs that the daemon holds.
 */
#include <string.h>
#include "ctl.h"
#include "text.h"

static struct {
	bool json;
} o;

static const struct ctl_option options[] = {
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "one JSON object: {\"templates\":..., \"vms\":...}" },
	{ 0 },
};

static const char help[] =
	"List the templates that are loaded and the VMs that exist.\n";

static const char *short_id(const cJSON *object, char id[13])
{
	snprintf(id, 13, "%.12s", json_text(object, "template", "?"));
	return id;
}

static void print_templates(const cJSON *templates)
{
	struct table table;
	const cJSON *t;
	char id[13], memory[40];

	table_begin(&table, "TEMPLATE|NAME|>VCPUS|>MEMORY KIB|>VMS");
	cJSON_ArrayForEach(t, templates) {
		snprintf(memory, sizeof(memory), "%.0f", json_number(t, "memory_bytes", 0) / 1024);
		table_row(&table, short_id(t, id), json_text(t, "name", "?"),
			  text_count(json_number(t, "vcpus", 0)), memory,
			  text_count(json_number(t, "vms", 0)));
	}
	table_end(&table, stdout);
}

static void print_vms(const cJSON *vms)
{
	struct table table;
	const cJSON *vm;
	char id[13];

	table_begin(&table, ">VM|NAME|STATE|TEMPLATE");
	cJSON_ArrayForEach(vm, vms)
		table_row(&table, text_count(json_number(vm, "vm", 0)), json_text(vm, "name", "?"),
			  json_text(vm, "state", "?"), short_id(vm, id));
	table_end(&table, stdout);
}

static int print_json(cJSON *templates, cJSON *vms)
{
	cJSON *both = cJSON_CreateObject();
	int status;

	cJSON_AddItemReferenceToObject(both, "templates", templates);
	cJSON_AddItemReferenceToObject(both, "vms", vms);
	status = ctl_print_json(both);
	cJSON_Delete(both);
	return status;
}

static int command_list(int count, char **operands)
{
	cJSON *templates = NULL, *vms = NULL;
	struct rpc *rpc = ctl_connect();
	enum rpc_status status;
	int exit_status = CTL_OK;

	(void)count;
	(void)operands;
	if (!rpc)
		return CTL_ERROR;
	status = rpc_call(rpc, "template.list", NULL, &templates);
	if (status == RPC_OK)
		status = rpc_call(rpc, "vm.list", NULL, &vms);
	if (status != RPC_OK) {
		exit_status = ctl_fail(rpc, status);
	} else {
		cJSON *t = cJSON_GetObjectItemCaseSensitive(templates, "templates");
		cJSON *v = cJSON_GetObjectItemCaseSensitive(vms, "vms");

		if (o.json) {
			exit_status = print_json(t, v);
		} else {
			print_templates(t);
			putchar('\n');
			print_vms(v);
			exit_status = ctl_flush();
		}
	}
	cJSON_Delete(templates);
	cJSON_Delete(vms);
	rpc_close(rpc);
	return exit_status;
}

const struct ctl_command ctl_list = {
	"list", "", 0, 0, "list templates and VMs", help, options, command_list,
};
