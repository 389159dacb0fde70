/* SPDX-License-Identifier: MIT */
/*
 * Checks a request's params against its row of the method table, and turns the same rows into the
 * OpenRPC document: what is checked is what is documented.
 */
#include <config.h>
#include <string.h>
#include "rpc.h"

#define MAX_EXACT 9007199254740991.0	/* 2^53 - 1 */
#define MAX_TIMEOUT_MS 86400000.0

static bool take_number(const cJSON *item, double least, double most, struct rpc_arg *arg)
{
	double value = item->valuedouble;

	if (!cJSON_IsNumber(item) || !(value >= least) || !(value <= most) ||
	    value != (double)(uint64_t)value)
		return false;
	arg->number = (uint64_t)value;
	return true;
}

static bool is_name(const char *text)
{
	size_t length = strlen(text);

	if (!length || length > 64)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static bool is_digest(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* The rule that the value breaks, or NULL and `arg` is filled. */
static const char *take_value(const cJSON *item, enum rpc_type type, struct rpc_arg *arg)
{
	const char *text = cJSON_IsString(item) ? item->valuestring : NULL;

	arg->given = true;
	arg->text = text;
	switch (type) {
	case RPC_TYPE_NUMBER:
		return take_number(item, 1, MAX_EXACT, arg) ? NULL : "an integer from 1 on";
	case RPC_TYPE_INDEX:
		return take_number(item, 0, MAX_EXACT, arg) ? NULL : "an integer from 0 on";
	case RPC_TYPE_MS:
		return take_number(item, 0, MAX_TIMEOUT_MS, arg) ? NULL :
			"an integer from 0 to 86400000";
	case RPC_TYPE_NAME:
		return text && is_name(text) ? NULL :
			"a string of 1 to 64 bytes without control characters";
	case RPC_TYPE_DIGEST:
		return text && is_digest(text) ? NULL :
			"a template's identity, 64 lower-case hex digits";
	case RPC_TYPE_BASE64:
		return text ? NULL : "a string in base64";
	case RPC_TYPE_EVENT_MODE:
		return text && (!strcmp(text, "lossy") || !strcmp(text, "lossless")) ? NULL :
			"\"lossy\" or \"lossless\"";
	}
	return "of a known type";
}

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
	rule = take_value(item, param->type, arg);
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

static cJSON *type_schema(enum rpc_type type)
{
	cJSON *schema = cJSON_CreateObject(), *choices;
	bool number = type == RPC_TYPE_NUMBER || type == RPC_TYPE_INDEX || type == RPC_TYPE_MS;

	cJSON_AddStringToObject(schema, "type", number ? "integer" : "string");
	switch (type) {
	case RPC_TYPE_NUMBER:
		cJSON_AddNumberToObject(schema, "minimum", 1);
		break;
	case RPC_TYPE_INDEX:
		cJSON_AddNumberToObject(schema, "minimum", 0);
		break;
	case RPC_TYPE_MS:
		cJSON_AddNumberToObject(schema, "minimum", 0);
		cJSON_AddNumberToObject(schema, "maximum", MAX_TIMEOUT_MS);
		break;
	case RPC_TYPE_NAME:
		cJSON_AddNumberToObject(schema, "minLength", 1);
		cJSON_AddNumberToObject(schema, "maxLength", 64);
		break;
	case RPC_TYPE_DIGEST:
		cJSON_AddStringToObject(schema, "pattern", "^[0-9a-f]{64}$");
		break;
	case RPC_TYPE_BASE64:
		cJSON_AddStringToObject(schema, "contentEncoding", "base64");
		break;
	case RPC_TYPE_EVENT_MODE:
		choices = cJSON_AddArrayToObject(schema, "enum");
		cJSON_AddItemToArray(choices, cJSON_CreateString("lossy"));
		cJSON_AddItemToArray(choices, cJSON_CreateString("lossless"));
		break;
	}
	return schema;
}

static cJSON *method_document(const struct rpc_method *method)
{
	cJSON *document = cJSON_CreateObject(), *params, *result, *schema;

	cJSON_AddStringToObject(document, "name", method->name);
	cJSON_AddStringToObject(document, "summary", method->summary);
	cJSON_AddStringToObject(document, "paramStructure", "by-name");
	params = cJSON_AddArrayToObject(document, "params");
	for (size_t i = 0; i < RPC_MAX_PARAMS && method->params[i].name; i++) {
		cJSON *param = cJSON_CreateObject();

		cJSON_AddStringToObject(param, "name", method->params[i].name);
		cJSON_AddStringToObject(param, "description", method->params[i].meaning);
		cJSON_AddBoolToObject(param, "required", !method->params[i].optional);
		cJSON_AddItemToObject(param, "schema", type_schema(method->params[i].type));
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
