/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON-RPC answers and errors into the client's output. Ids go out as the bytes they were.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_out.h"
#include "log.h"
#include "rpc_answer.h"

struct rpc_batch {
	struct client *client;
	unsigned int holders;
	struct json_out answers;
};

struct rpc_batch *rpc_batch_new(struct client *client)
{
	struct rpc_batch *batch = need_memory(sizeof(*batch));

	batch->client = client;
	batch->holders = 1;
	return batch;
}

void rpc_batch_hold(struct rpc_batch *batch)
{
	batch->holders++;
}

void rpc_batch_release(struct rpc_batch *batch)
{
	if (--batch->holders)
		return;
	if (batch->answers.length && !batch->client->closing) {
		struct json_out *out = client_output(batch->client);

		JSON_OUT_LITERAL(out, "[");
		json_out_bytes(out, batch->answers.data, batch->answers.length);
		JSON_OUT_LITERAL(out, "]\n");
		client_queued(batch->client);
	}
	json_out_free(&batch->answers);
	free(batch);
}

void rpc_request_free(struct rpc_request *request)
{
	list_remove(&request->link);
	request->client->request_count--;
	if (request->batch)
		rpc_batch_release(request->batch);
	cJSON_Delete(request->message);
	free(request->id);
	free(request);
}

/* Appends {"jsonrpc":"2.0","id":ID,"MEMBER":VALUE}; `value` is taken. */
static void write_answer(struct json_out *out, const char *id, const char *member, cJSON *value)
{
	char *text = cJSON_PrintUnformatted(value);

	JSON_OUT_LITERAL(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	json_out_text(out, id);
	JSON_OUT_LITERAL(out, ",\"");
	json_out_text(out, member);
	JSON_OUT_LITERAL(out, "\":");
	if (text)
		json_out_text(out, text);
	else
		out->failed = true;
	JSON_OUT_LITERAL(out, "}");
	cJSON_free(text);
	cJSON_Delete(value);
}

static void answer(struct rpc_request *request, const char *member, cJSON *value)
{
	if (request->method)
		metrics_answer(&rpc_daemon(request)->metrics,
			       (size_t)(request->method - rpc_methods),
			       uv_hrtime() - request->begin_ns, member[0] == 'e');
	if (!request->id) {
		cJSON_Delete(value);
	} else if (request->batch) {
		struct json_out *out = &request->batch->answers;

		if (out->length)
			JSON_OUT_LITERAL(out, ",");
		write_answer(out, request->id, member, value);
	} else {
		write_answer(client_output(request->client), request->id, member, value);
		JSON_OUT_LITERAL(client_output(request->client), "\n");
		client_queued(request->client);
	}
	rpc_request_free(request);
}

void rpc_reply(struct rpc_request *request, cJSON *result)
{
	answer(request, "result", result);
}

static cJSON *make_error(enum rpc_code code, const char *text, cJSON *data)
{
	cJSON *error = cJSON_CreateObject();

	cJSON_AddNumberToObject(error, "code", code);
	cJSON_AddStringToObject(error, "message", text);
	if (data)
		cJSON_AddItemToObject(error, "data", data);
	return error;
}

static cJSON *limit_data(const char *limit, uint64_t value)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "limit", limit);
	cJSON_AddNumberToObject(data, "value", (double)value);
	return data;
}

/*
 * Texts may quote bytes of the peer or a name cut by snprintf; cJSON prints bytes as they are, so
 * what is not ASCII is replaced to keep every line valid UTF-8.
 */
static void keep_ascii(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

static void fail_with(struct rpc_request *request, enum rpc_code code, cJSON *data,
		      const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void fail_with(struct rpc_request *request, enum rpc_code code, cJSON *data,
		      const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	keep_ascii(text);
	answer(request, "error", make_error(code, text, data));
}

void rpc_fail(struct rpc_request *request, enum rpc_code code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_with(request, code, NULL, format, args);
	va_end(args);
}

void rpc_fail_param(struct rpc_request *request, const char *param, const char *format, ...)
{
	cJSON *data = cJSON_CreateObject();
	va_list args;

	cJSON_AddStringToObject(data, "param", param);
	va_start(args, format);
	fail_with(request, RPC_BAD_PARAMS, data, format, args);
	va_end(args);
}

void rpc_fail_template(struct rpc_request *request, uint64_t offset, const char *text)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddNumberToObject(data, "offset", (double)offset);
	answer(request, "error", make_error(RPC_BAD_TEMPLATE, text, data));
}

void rpc_fail_limit(struct rpc_request *request, const char *limit, uint64_t value,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_with(request, RPC_LIMIT, limit_data(limit, value), format, args);
	va_end(args);
}

bool rpc_need_role(struct rpc_request *request, enum role role, const char *what)
{
	const struct client *client = request->client;
	cJSON *data;
	char text[256];

	if (client->role >= role)
		return true;
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "role", role_name(client->role));
	cJSON_AddStringToObject(data, "needs", role_name(role));
	snprintf(text, sizeof(text), "%s needs the role %s, and user %u is %s; an administrator can "
		 "change that in svmrund.conf", what, role_name(role),
		 (unsigned int)client->peer.uid, role_name(client->role));
	answer(request, "error", make_error(RPC_NOT_ALLOWED, text, data));
	return false;
}

void rpc_fail_engine(struct rpc_request *request, const struct engine_error *error)
{
	const char *remedy = "";

	if (error->number == ENOENT || error->number == ENXIO || error->number == ENODEV)
		remedy = "; load svmrt.ko on a machine with AMD SVM, or use the lab (svmlab up)";
	else if (error->number == EACCES || error->number == EPERM)
		remedy = "; run svmrund as a user that may open it";
	rpc_fail(request, RPC_HOST_REFUSED, "%s%s", error->text, remedy);
}

void rpc_add_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[20];

	*json_put_hex(text, value) = '\0';
	cJSON_AddStringToObject(object, name, text);
}

void rpc_answer_error(struct client *client, enum rpc_code code, const char *text,
		      const char *limit, uint64_t value)
{
	struct json_out *out = client_output(client);

	write_answer(out, "null", "error",
		     make_error(code, text, limit ? limit_data(limit, value) : NULL));
	JSON_OUT_LITERAL(out, "\n");
	client_queued(client);
}

void rpc_refuse_line(struct client *client, const char *limit, uint64_t value, const char *text)
{
	rpc_answer_error(client, RPC_LIMIT, text, limit, value);
}

void rpc_parse_error(struct client *client, size_t offset, const char *rule)
{
	struct json_out *out = client_output(client);
	cJSON *data = cJSON_CreateObject();
	char text[160];

	snprintf(text, sizeof(text), "not JSON: %s at byte %zu of the line", rule, offset);
	cJSON_AddNumberToObject(data, "offset", (double)offset);
	write_answer(out, "null", "error", make_error(RPC_PARSE_ERROR, text, data));
	JSON_OUT_LITERAL(out, "\n");
	client_queued(client);
}

void rpc_notify(struct client *client, const char *method, cJSON *params)
{
	struct json_out *out = client_output(client);
	char *text = cJSON_PrintUnformatted(params);

	JSON_OUT_LITERAL(out, "{\"jsonrpc\":\"2.0\",\"method\":\"");
	json_out_text(out, method);
	JSON_OUT_LITERAL(out, "\",\"params\":");
	if (text)
		json_out_text(out, text);
	else
		out->failed = true;
	JSON_OUT_LITERAL(out, "}\n");
	cJSON_free(text);
	cJSON_Delete(params);
	client_queued(client);
}
