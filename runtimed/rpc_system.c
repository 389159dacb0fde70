/* SPDX-License-Identifier: MIT */
/* system.* and rpc.discover: what this daemon is, what the host offers, and the orderly end. */
#include <config.h>
#include <unistd.h>
#include "rpc_handlers.h"

void rpc_discover(struct rpc_request *request)
{
	rpc_reply(request, rpc_openrpc_document());
}

static cJSON *caps_json(uint64_t caps)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{ SVMRT_CAP_NPT, "npt" }, { SVMRT_CAP_NRIPS, "nrips" },
		{ SVMRT_CAP_FLUSHBYASID, "flushbyasid" }, { SVMRT_CAP_DECODE, "decode" },
		{ SVMRT_CAP_XSAVE, "xsave" },
	};
	cJSON *json = cJSON_CreateArray();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (caps & names[i].bit)
			cJSON_AddItemToArray(json, cJSON_CreateString(names[i].name));
	return json;
}

static cJSON *info_json(const struct svmrt_info *info)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "abi", info->abi_version);
	cJSON_AddItemToObject(json, "caps", caps_json(info->caps));
	cJSON_AddNumberToObject(json, "svm_revision", info->svm_revision);
	cJSON_AddNumberToObject(json, "asids", info->asids);
	rpc_add_hex(json, "svm_features", info->svm_features);
	cJSON_AddNumberToObject(json, "npt_levels", info->npt_levels);
	cJSON_AddNumberToObject(json, "cpus_online", info->cpus_online);
	cJSON_AddNumberToObject(json, "cpus_claimed", info->cpus_claimed);
	cJSON_AddNumberToObject(json, "vms", info->vms);
	cJSON_AddNumberToObject(json, "vcpus", info->vcpus);
	cJSON_AddNumberToObject(json, "memory_objects", info->memory_objects);
	cJSON_AddNumberToObject(json, "max_vcpus", info->max_vcpus);
	cJSON_AddNumberToObject(json, "pages", (double)info->pages);
	cJSON_AddNumberToObject(json, "max_pages_per_user", (double)info->max_pages_per_user);
	rpc_add_hex(json, "host_xcr0", info->host_xcr0);
	cJSON_AddStringToObject(json, "unusable", info->unusable);
	return json;
}

void rpc_system_info(struct rpc_request *request)
{
	const struct engine *engine = rpc_daemon(request)->engine;
	cJSON *result = cJSON_CreateObject();
	struct engine_error error;
	struct svmrt_info info;

	cJSON_AddStringToObject(result, "version", PACKAGE_VERSION);
	cJSON_AddStringToObject(result, "engine", engine->name);
	cJSON_AddNumberToObject(result, "pid", getpid());
	if (engine->info(engine, &info, &error)) {
		cJSON_AddNullToObject(result, "svmrt");
		cJSON_AddStringToObject(result, "svmrt_error", error.text);
	} else {
		cJSON_AddItemToObject(result, "svmrt", info_json(&info));
	}
	rpc_reply(request, result);
}

void rpc_system_shutdown(struct rpc_request *request)
{
	struct daemon *daemon = rpc_daemon(request);

	rpc_reply(request, cJSON_CreateObject());
	daemon_shutdown(daemon, "system.shutdown");
}
