/* SPDX-License-Identifier: MIT */
/*
 * Checks a request's params against its row of the method table, and turns the same rows into the
 * OpenRPC document: what is checked is what is documented.
 */
#include <config.h>
#include <string.h>
#include "rpc.h"

static const struct rpc_param *find_param(const struct rpc_method *method, const char *name)
{
	for (size_t i = 0; i < RPC_MAX_PARAMS && method->params[i].name; i++)
		if (!strcmp(method->params[i].name, name))
			return &method->params[i];
	return NULL;
}

static bool take_one(struct rpc_request *request, const cJSON *item)
{
	const struct rpc_method *method = request->method;
	const struct rpc_param *param = find_param(method, item->string);
	struct rpc_arg *arg;
	const char *rule;

	if (!param) {
		rpc_fail_param(request, item->string, "%s has no parameter %.64s", method->name,
			       item->string);
		return false;
	}
	arg = &request->args[param - method->params];
	if (arg->given) {
		rpc_fail_param(request, param->name, "%s: parameter %s is given twice",
			       method->name, param->name);
		return false;
	}
	rule = rpc_type_take(item, param->type, arg);
	if (rule) {
		rpc_fail_param(request, param->name, "%s: parameter %s must be %s", method->name,
			       param->name, rule);
		return false;
	}
	return true;
}

bool rpc_args_take(struct rpc_request *request, const cJSON *params)
{
	const struct rpc_method *method = request->method;
	const cJSON *item;

	if (params && !cJSON_IsObject(params)) {
		rpc_fail(request, RPC_BAD_PARAMS,
			 "%s: params must be an object: parameters are named here", method->name);
		return false;
	}
	cJSON_ArrayForEach(item, params)
		if (!take_one(request, item))
			return false;
	for (size_t i = 0; i < RPC_MAX_PARAMS && method->params[i].name; i++) {
		const struct rpc_param *param = &method->params[i];

		if (request->args[i].given || param->optional)
			continue;
		rpc_fail_param(request, param->name, "%s: parameter %s is missing (%s)",
			       method->name, param->name, param->meaning);
		return false;
	}
	return true;
}

static cJSON *method_document(const struct rpc_method *method)
{
	cJSON *document = cJSON_CreateObject(), *params, *result, *schema;

	cJSON_AddStringToObject(document, "name", method->name);
	cJSON_AddStringToObject(document, "summary", method->summary);
	cJSON_AddStringToObject(document, "paramStructure", "by-name");
	cJSON_AddStringToObject(document, "x-role", role_name(method->role));
	params = cJSON_AddArrayToObject(document, "params");
	for (size_t i = 0; i < RPC_MAX_PARAMS && method->params[i].name; i++) {
		cJSON *param = cJSON_CreateObject();

		cJSON_AddStringToObject(param, "name", method->params[i].name);
		cJSON_AddStringToObject(param, "description", method->params[i].meaning);
		cJSON_AddBoolToObject(param, "required", !method->params[i].optional);
		cJSON_AddItemToObject(param, "schema", rpc_type_schema(method->params[i].type));
		cJSON_AddItemToArray(params, param);
	}
	result = cJSON_AddObjectToObject(document, "result");
	cJSON_AddStringToObject(result, "name", "result");
	schema = cJSON_AddObjectToObject(result, "schema");
	cJSON_AddStringToObject(schema, "type", "object");
	return document;
}

cJSON *rpc_openrpc_document(void)
{
	cJSON *document = cJSON_CreateObject(), *info, *methods;

	cJSON_AddStringToObject(document, "openrpc", "1.2.6");
	info = cJSON_AddObjectToObject(document, "info");
	cJSON_AddStringToObject(info, "title", "svmrund control socket");
	cJSON_AddStringToObject(info, "version", PACKAGE_VERSION);
	methods = cJSON_AddArrayToObject(document, "methods");
	for (size_t i = 0; i < rpc_method_count; i++)
		cJSON_AddItemToArray(methods, method_document(&rpc_methods[i]));
	return document;
}
