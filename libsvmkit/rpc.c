/* SPDX-License-Identifier: MIT */
/*
 * The JSON-RPC client: requests, answers and the queue of notifications. Bytes come and go through
 * wire.c; this file knows messages only. After RPC_LOST a connection is good for nothing but closing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "escape.h"
#include "json_check.h"
#include "json_get.h"
#include "rpc.h"
#include "wire.h"

/* A daemon that floods us while it owes an answer must not eat the machine's memory. */
#define QUEUE_LIMIT_BYTES (256u << 20)

struct rpc {
	struct wire wire;
	struct rpc_note *head, **tail;
	size_t queued_bytes;
	double last_id;
	int64_t timeout_ns;
	int code;
	bool heard;		/* the daemon has said something */
	char *path;
	char text[1024];
};

int64_t rpc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t rpc_deadline(int64_t ns)
{
	int64_t now = rpc_now();

	return ns > INT64_MAX - now ? RPC_NO_DEADLINE : now + ns;
}

const char *rpc_text(const struct rpc *rpc)
{
	return rpc->text;
}

int rpc_error_code(const struct rpc *rpc)
{
	return rpc->code;
}

int rpc_signal(const struct rpc *rpc)
{
	return rpc->wire.first_signal;
}

enum rpc_status rpc_broken(struct rpc *rpc, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(rpc->text, sizeof(rpc->text), "%s: ", rpc->path);
	if (n < 0 || (size_t)n >= sizeof(rpc->text))
		n = 0;
	va_start(args, format);
	vsnprintf(rpc->text + n, sizeof(rpc->text) - (size_t)n, format, args);
	va_end(args);
	rpc->wire.lost = true;
	return RPC_LOST;
}

struct rpc *rpc_connect(const char *path, int64_t timeout_ns, enum rpc_status *status)
{
	struct rpc *rpc = calloc(1, sizeof(*rpc));

	if (!rpc)
		return NULL;
	rpc->path = strdup(path);
	rpc->tail = &rpc->head;
	rpc->timeout_ns = timeout_ns;
	*status = RPC_OK;
	if (!rpc->path || wire_open(&rpc->wire, path))
		*status = rpc_broken(rpc, "cannot connect: %s%s", strerror(errno),
				     errno == ECONNREFUSED || errno == ENOENT ?
				     " (is svmrund running?)" : errno == EACCES ?
				     " (`ls -l` and `getfacl` tell who may; Debian's package: groups "
				     "svmkit and svmkit-observers)" : "");
	return rpc;
}

void rpc_note_free(struct rpc_note *note)
{
	if (!note)
		return;
	cJSON_Delete(note->message);
	free(note);
}

void rpc_drop_notes(struct rpc *rpc)
{
	struct rpc_note *note;

	while ((note = rpc->head)) {
		rpc->head = note->next;
		rpc_note_free(note);
	}
	rpc->tail = &rpc->head;
	rpc->queued_bytes = 0;
}

void rpc_close(struct rpc *rpc)
{
	if (!rpc)
		return;
	rpc_drop_notes(rpc);
	wire_close(&rpc->wire);
	free(rpc->path);
	free(rpc);
}

void rpc_on_send(struct rpc *rpc, void (*on_send)(void *context, uint64_t done, uint64_t total),
		 void *context)
{
	rpc->wire.on_send = on_send;
	rpc->wire.send_context = context;
}

int64_t rpc_set_timeout(struct rpc *rpc, int64_t timeout_ns)
{
	int64_t old = rpc->timeout_ns;

	rpc->timeout_ns = timeout_ns;
	return old;
}

int rpc_fd(const struct rpc *rpc)
{
	return rpc->wire.fd;
}

int rpc_catch_signals(struct rpc *rpc)
{
	return wire_catch_signals(&rpc->wire);
}

static enum rpc_status wire_failure(struct rpc *rpc, enum wire_status status, const char *doing)
{
	/* What a socket of systemd does whose service cannot start. */
	const char *remedy = rpc->heard ? "" :
		"; if it cannot start, `systemctl status svmrund` says why";

	switch (status) {
	case WIRE_TIMEOUT:
		snprintf(rpc->text, sizeof(rpc->text), "%s: no answer in time (%s)", rpc->path,
			 doing);
		return RPC_TIMEOUT;
	case WIRE_INTERRUPTED:
		snprintf(rpc->text, sizeof(rpc->text), "interrupted");
		return RPC_INTERRUPTED;
	case WIRE_CLOSED:
		return rpc_broken(rpc, "the daemon closed the connection (%s)%s", doing, remedy);
	case WIRE_TOO_LONG:
		return rpc_broken(rpc, "the daemon sent a line of more than %u MiB: not JSON-RPC",
				  WIRE_LINE_BYTES >> 20);
	default:
		return rpc_broken(rpc, "%s (%s)%s", strerror(errno), doing, remedy);
	}
}

/* What a line turned out to be. */
enum message_kind { NOTE, ANSWER };

static enum rpc_status not_json_rpc(struct rpc *rpc, const char *why, const char *line, size_t bytes)
{
	char shown[200];

	text_escape(shown, sizeof(shown), line, bytes, 60);
	return rpc_broken(rpc, "the daemon sent %s: \"%s\"", why, shown);
}

static enum rpc_status parse_line(struct rpc *rpc, const char *line, size_t bytes, cJSON **message,
				  enum message_kind *kind)
{
	const cJSON *method, *params, *id;
	struct json_check_error bad;
	cJSON *json = NULL;

	if (json_check(line, bytes, JSON_CHECK_MAX_DEPTH, &bad) == JSON_CHECK_OK)
		json = cJSON_ParseWithLength(line, bytes);
	if (!json)
		return not_json_rpc(rpc, "a line that is not JSON", line, bytes);
	method = json_member(json, "method");
	params = json_member(json, "params");
	id = json_member(json, "id");
	if (cJSON_IsString(method) && !id && cJSON_IsObject(params)) {
		*kind = NOTE;
	} else if (cJSON_IsObject(json) && !method && (cJSON_IsNumber(id) || cJSON_IsNull(id))) {
		*kind = ANSWER;
	} else {
		cJSON_Delete(json);
		return not_json_rpc(rpc, "a message that is not JSON-RPC", line, bytes);
	}
	*message = json;
	return RPC_OK;
}

static enum rpc_status make_note(struct rpc *rpc, cJSON *message, const char *line, size_t bytes,
				 struct rpc_note **out)
{
	struct rpc_note *note = malloc(sizeof(*note) + bytes + 1);

	if (!note) {
		cJSON_Delete(message);
		return rpc_broken(rpc, "out of memory");
	}
	note->next = NULL;
	note->message = message;
	note->method = json_member(message, "method")->valuestring;
	note->params = json_member(message, "params");
	note->line_bytes = bytes;
	memcpy(note->line, line, bytes + 1);
	*out = note;
	return RPC_OK;
}

/* Read one message. A notification goes to *note, an answer to *answer. */
static enum rpc_status read_message(struct rpc *rpc, int64_t deadline, bool in_call,
				    const char *doing, struct rpc_note **note, cJSON **answer)
{
	enum message_kind kind = NOTE;
	enum wire_status wired;
	enum rpc_status status;
	cJSON *message = NULL;
	size_t bytes;
	char *line;

	*note = NULL;
	*answer = NULL;
	wired = wire_line(&rpc->wire, deadline, in_call, &line, &bytes);
	if (wired != WIRE_OK)
		return wire_failure(rpc, wired, doing);
	rpc->heard = true;
	status = parse_line(rpc, line, bytes, &message, &kind);
	if (status != RPC_OK)
		return status;
	if (kind == NOTE)
		return make_note(rpc, message, line, bytes, note);
	*answer = message;
	return RPC_OK;
}

static enum rpc_status enqueue(struct rpc *rpc, struct rpc_note *note)
{
	*rpc->tail = note;
	rpc->tail = &note->next;
	rpc->queued_bytes += note->line_bytes;
	if (rpc->queued_bytes > QUEUE_LIMIT_BYTES)
		return rpc_broken(rpc, "more than %u MiB of notifications before the answer",
				  QUEUE_LIMIT_BYTES >> 20);
	return RPC_OK;
}

/* `data` of an error names the place: {"param": NAME}, {"offset": N} or {"limit": NAME, "value": N}. */
static void append_place(char *text, size_t size, const cJSON *data)
{
	const cJSON *param = json_member(data, "param");
	const cJSON *offset = json_member(data, "offset");
	const cJSON *limit = json_member(data, "limit");
	const cJSON *value = json_member(data, "value");
	size_t n = strlen(text);

	if (cJSON_IsString(param))
		snprintf(text + n, size - n, " (parameter %s)", param->valuestring);
	else if (cJSON_IsNumber(offset))
		snprintf(text + n, size - n, " (offset %.0f)", offset->valuedouble);
	else if (cJSON_IsString(limit) && cJSON_IsNumber(value))
		snprintf(text + n, size - n, " (limit %s: %.0f)", limit->valuestring,
			 value->valuedouble);
}

static enum rpc_status refused(struct rpc *rpc, const char *method, const cJSON *error)
{
	const cJSON *code = json_member(error, "code");
	const cJSON *message = json_member(error, "message");
	char raw[800];

	if (!cJSON_IsNumber(code) || !cJSON_IsString(message))
		return rpc_broken(rpc, "%s: the daemon's error has no code and message", method);
	snprintf(raw, sizeof(raw), "%s: %.600s", method, message->valuestring);
	append_place(raw, sizeof(raw), json_member(error, "data"));
	text_escape(rpc->text, sizeof(rpc->text), raw, strlen(raw), sizeof(raw));
	rpc->code = code->valueint;
	return RPC_REFUSED;
}

/* RPC_OK: it was ours, and *result is set if it is wanted. RPC_TIMEOUT never comes from here. */
static enum rpc_status take_answer(struct rpc *rpc, const char *method, cJSON *answer, bool *ours,
				   cJSON **result)
{
	const cJSON *id = json_member(answer, "id");
	const cJSON *error = json_member(answer, "error");

	*ours = false;
	if (cJSON_IsNumber(id) && id->valuedouble < rpc->last_id)
		return RPC_OK;	/* to a call that timed out */
	if (cJSON_IsNumber(id) && id->valuedouble > rpc->last_id)
		return rpc_broken(rpc, "the daemon answered a call that was never made (id %.0f)",
				  id->valuedouble);
	*ours = true;
	if (error)
		return refused(rpc, method, error);
	if (!cJSON_IsNumber(id) || !json_member(answer, "result"))
		return rpc_broken(rpc, "%s: the answer has neither result nor error", method);
	if (result)
		*result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	return RPC_OK;
}

static char *encode_request(struct rpc *rpc, const char *method, cJSON *params)
{
	cJSON *request = cJSON_CreateObject();
	char *line;

	if (!params)
		params = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "jsonrpc", "2.0");
	cJSON_AddNumberToObject(request, "id", ++rpc->last_id);
	cJSON_AddStringToObject(request, "method", method);
	cJSON_AddItemToObject(request, "params", params);
	line = cJSON_PrintUnformatted(request);
	cJSON_Delete(request);
	return line;
}

enum rpc_status rpc_call(struct rpc *rpc, const char *method, cJSON *params, cJSON **result)
{
	int64_t deadline = rpc_deadline(rpc->timeout_ns);
	char *request = encode_request(rpc, method, params);
	enum rpc_status status = RPC_OK;
	enum wire_status wired;
	bool ours = false;

	if (result)
		*result = NULL;
	if (!request)
		return rpc_broken(rpc, "out of memory");
	wired = wire_send_line(&rpc->wire, request, strlen(request), deadline);
	cJSON_free(request);
	if (wired != WIRE_OK)
		return wire_failure(rpc, wired, method);
	while (status == RPC_OK && !ours) {
		struct rpc_note *note;
		cJSON *answer;

		status = read_message(rpc, deadline, true, method, &note, &answer);
		if (note)
			status = enqueue(rpc, note);
		else if (answer)
			status = take_answer(rpc, method, answer, &ours, result);
		cJSON_Delete(answer);
	}
	return status;
}

enum rpc_status rpc_next(struct rpc *rpc, int64_t deadline, struct rpc_note **note)
{
	enum rpc_status status;
	cJSON *answer;

	*note = rpc->head;
	if (*note) {
		rpc->head = (*note)->next;
		if (!rpc->head)
			rpc->tail = &rpc->head;
		rpc->queued_bytes -= (*note)->line_bytes;
		return RPC_OK;
	}
	do {
		status = read_message(rpc, deadline, false, "waiting for events", note, &answer);
		if (answer) {
			bool ours;

			status = take_answer(rpc, "late answer", answer, &ours, NULL);
			if (status == RPC_OK && ours)
				status = rpc_broken(rpc, "the daemon answered one call twice");
		}
		cJSON_Delete(answer);
	} while (status == RPC_OK && !*note);
	return status;
}
