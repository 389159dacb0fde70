/* SPDX-License-Identifier: MIT */
/*
 * From a line to calls: strict check, parse, one request or a batch, dispatch through the table. A
 * batch is answered in one line when its last request has its answer (vm.wait may take long).
 */
#include <stdlib.h>
#include <string.h>
#include "json_check.h"
#include "limits.h"
#include "log.h"
#include "rpc.h"
#include "rpc_answer.h"

static void invalid(struct rpc_request *request, const char *text)
{
	rpc_fail(request, RPC_INVALID_REQUEST, "%s", text);
}

/* What is wrong with the members of a request object, or NULL. */
static const char *request_fault(const cJSON *message, const struct json_slice *id)
{
	static const char *const known[] = { "jsonrpc", "method", "params", "id" };
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(message, "jsonrpc"), *item;
	unsigned int seen[4] = { 0 };

	cJSON_ArrayForEach(item, message) {
		size_t i = 0;

		while (i < 4 && strcmp(item->string, known[i]))
			i++;
		if (i == 4)
			return "a request has the members jsonrpc, method, params and id only";
		if (seen[i]++)
			return "a member of the request is given twice";
	}
	if (!cJSON_IsString(version) || strcmp(version->valuestring, "2.0"))
		return "the member jsonrpc must be \"2.0\"";
	if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(message, "method")))
		return "the member method must be a string";
	if (seen[3] && !id->text)
		return "the member name id must be written without escapes";
	return NULL;
}

/* The id as it came, if it is a string, a number or null. */
static bool take_id(struct rpc_request *request, struct json_slice object, struct json_slice *id)
{
	if (!json_slice_member(object, "id", id)) {
		*id = (struct json_slice){ NULL, 0 };
		return true;
	}
	if (id->text[0] == '{' || id->text[0] == '[' || id->text[0] == 't' || id->text[0] == 'f') {
		request->id = need_copy("null", 4);
		return false;
	}
	request->id = need_copy(id->text, id->length);
	return true;
}

/* False: the request is answered. */
static bool is_allowed(struct rpc_request *request)
{
	return rpc_need_role(request, request->method->role, request->method->name);
}

static void dispatch(struct rpc_request *request)
{
	const cJSON *method = cJSON_GetObjectItemCaseSensitive(request->message, "method");
	const cJSON *params = cJSON_GetObjectItemCaseSensitive(request->message, "params");

	request->method = rpc_method_find(method->valuestring);
	if (!request->method) {
		rpc_fail(request, RPC_NO_METHOD, "no method %.64s; rpc.discover lists them",
			 method->valuestring);
		return;
	}
	if (is_allowed(request) && rpc_args_take(request, params))
		request->method->call(request);
}

static void one_request(struct client *client, struct json_slice text, struct rpc_batch *batch)
{
	struct rpc_request *request = need_memory(sizeof(*request));
	struct json_slice id = { NULL, 0 };
	const char *fault;

	request->client = client;
	request->batch = batch;
	request->begin_ns = uv_hrtime();
	if (batch)
		rpc_batch_hold(batch);
	list_append(&client->requests, &request->link);
	client->request_count++;
	request->message = cJSON_ParseWithLength(text.text, text.length);
	if (!cJSON_IsObject(request->message)) {
		request->id = need_copy("null", 4);
		invalid(request, request->message ? "a request is a JSON object" :
			"the request cannot be held in memory");
		return;
	}
	if (!take_id(request, text, &id)) {
		invalid(request, "the member id must be a string, a number or null");
		return;
	}
	fault = request_fault(request->message, &id);
	if (fault) {
		if (!request->id)
			request->id = need_copy("null", 4);
		invalid(request, fault);
	} else if (client->request_count > client->daemon->config->limits.pending) {
		rpc_fail_limit(request, "pending", client->daemon->config->limits.pending,
			       "%u requests of this client wait for their answers already",
			       client->request_count - 1);
	} else {
		dispatch(request);
	}
}

static void one_batch(struct client *client, struct json_slice text)
{
	const uint64_t most = client->daemon->config->limits.batch;
	struct json_slice element;
	struct rpc_batch *batch;
	unsigned int count = 0;
	size_t at = 0;

	while (count <= most && json_slice_element(text, &at, &element))
		count++;
	if (!count) {
		rpc_answer_error(client, RPC_INVALID_REQUEST, "the batch is empty", NULL, 0);
		return;
	}
	if (count > most) {
		rpc_refuse_line(client, "batch", most,
				"the batch has more requests than allowed; none was done");
		return;
	}
	batch = rpc_batch_new(client);
	at = 0;
	while (json_slice_element(text, &at, &element))
		one_request(client, element, batch);
	rpc_batch_release(batch);
}

void rpc_line(struct client *client, const char *line, size_t length)
{
	struct json_slice text = { line, length };
	struct json_check_error error;

	switch (json_check(line, length, LIMIT_NESTING, &error)) {
	case JSON_CHECK_SYNTAX:
		rpc_parse_error(client, error.offset, error.text);
		return;
	case JSON_CHECK_DEPTH:
		rpc_refuse_line(client, "nesting", LIMIT_NESTING,
				"the message nests arrays and objects too deeply");
		return;
	case JSON_CHECK_OK:
		break;
	}
	while (strchr(" \t\r", text.text[0])) {
		text.text++;
		text.length--;
	}
	if (text.text[0] == '[')
		one_batch(client, text);
	else
		one_request(client, text, NULL);
}

void rpc_forget_client(struct client *client)
{
	list_each(link, &client->requests) {
		struct rpc_request *request = list_object(link, struct rpc_request, link);

		if (request->cancel)
			request->cancel(request);
		rpc_request_free(request);
	}
}
