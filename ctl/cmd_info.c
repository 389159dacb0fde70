/* SPDX-License-Identifier: MIT */
/*
 * svmctl info: the daemon, the module and the hardware; or one VM with its counters and its end.
 */
#include <string.h>
#include "ctl.h"
#include "end.h"
#include "stats.h"
#include "text.h"

static struct {
	bool json;
} o;

static const struct ctl_option options[] = {
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "the daemon's answer as JSON" },
	{ 0 },
};

static const char help[] =
	"Without an operand: the daemon, the kernel module and what the processor offers. With VM (a\n"
	"number or a name): its state, how it ended, and its counters for each vCPU.\n";

/* One row for a member of any type; arrays of texts become words. */
static void add_member(struct table *table, const char *title, const cJSON *item)
{
	char text[400] = "";
	const cJSON *word;

	if (cJSON_IsString(item))
		snprintf(text, sizeof(text), "%s", *item->valuestring ? item->valuestring : "-");
	else if (cJSON_IsNumber(item))
		snprintf(text, sizeof(text), "%.0f", item->valuedouble);
	cJSON_ArrayForEach(word, item) {
		size_t n = strlen(text);

		if (cJSON_IsArray(item) && cJSON_IsString(word))
			snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "", word->valuestring);
	}
	table_row(table, title, *text ? text : "-");
}

static void print_system(const cJSON *info)
{
	static const struct { const char *title, *name; } rows[] = {
		{ "module ABI", "abi" }, { "capabilities", "caps" },
		{ "SVM revision", "svm_revision" }, { "ASIDs", "asids" },
		{ "SVM features", "svm_features" }, { "CPUs online", "cpus_online" },
		{ "CPUs claimed", "cpus_claimed" }, { "VMs", "vms" }, { "vCPUs", "vcpus" },
		{ "memory objects", "memory_objects" }, { "pages", "pages" },
		{ "pages per user, at most", "max_pages_per_user" }, { "unusable", "unusable" },
	};
	const cJSON *svmrt = json_member(info, "svmrt");
	struct table table;

	table_begin(&table, "WHAT|VALUE");
	add_member(&table, "svmrund version", json_member(info, "version"));
	add_member(&table, "engine", json_member(info, "engine"));
	add_member(&table, "process", json_member(info, "pid"));
	if (!cJSON_IsObject(svmrt))
		table_row(&table, "module", json_text(info, "svmrt_error", "not available"));
	for (size_t i = 0; cJSON_IsObject(svmrt) && i < sizeof(rows) / sizeof(rows[0]); i++)
		add_member(&table, rows[i].title, json_member(svmrt, rows[i].name));
	table_end(&table, stdout);
}

static void print_vm(const cJSON *info)
{
	const cJSON *end = json_member(info, "end");
	struct table table;
	char text[600];

	table_begin(&table, "WHAT|VALUE");
	add_member(&table, "VM", json_member(info, "vm"));
	add_member(&table, "name", json_member(info, "name"));
	add_member(&table, "state", json_member(info, "state"));
	add_member(&table, "template", json_member(info, "template"));
	if (cJSON_IsObject(end)) {
		end_text(text, sizeof(text), end);
		table_row(&table, "end", text);
	}
	table_end(&table, stdout);
	putchar('\n');
	stats_print(stdout, info, true);
}

static enum rpc_status ask(struct rpc *rpc, long vm, cJSON **answer)
{
	cJSON *params;

	if (vm < 0)
		return rpc_call(rpc, "system.info", NULL, answer);
	params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "vm", (double)vm);
	return rpc_call(rpc, "vm.info", params, answer);
}

static int command_info(int count, char **operands)
{
	struct rpc *rpc = ctl_connect();
	enum rpc_status status;
	int exit_status = CTL_OK;
	cJSON *answer = NULL;
	long vm = -1;

	if (!rpc)
		return CTL_ERROR;
	if (count)
		vm = ctl_find_vm(rpc, operands[0], &exit_status);
	if (!count || vm >= 0) {
		status = ask(rpc, vm, &answer);
		if (status != RPC_OK)
			exit_status = ctl_fail(rpc, status);
		else if (o.json)
			exit_status = ctl_print_json(answer);
		else
			count ? print_vm(answer) : print_system(answer);
	}
	cJSON_Delete(answer);
	rpc_close(rpc);
	return exit_status == CTL_OK ? ctl_flush() : exit_status;
}

const struct ctl_command ctl_info = {
	"info", "[VM]", 0, 1, "show the daemon, the module and the hardware, or a VM", help, options,
	command_info,
};
