/* SPDX-License-Identifier: MIT */
/*
 * The order of RPC calls that one run needs. Subscribing comes before starting, so no exit and no
 * console byte is missed; cleaning up happens on every way out that still has a connection.
 */
#include <stdlib.h>
#include <string.h>
#include "guest.h"
#include "json_b64.h"
#include "progress.h"
#include "text.h"

/* Another client may unload an equal template between our load and our create. */
#define LOAD_TRIES 5

static cJSON *vm_params(const struct guest *guest)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddNumberToObject(params, "vm", (double)guest->vm);
	return params;
}

enum rpc_status guest_load(struct guest *guest, struct rpc *rpc, const void *image, size_t bytes)
{
	cJSON *params = cJSON_CreateObject(), *answer;
	char *data = malloc(JSON_B64_CHARS(bytes) + 1);
	struct progress progress;
	enum rpc_status status;
	const char *id;

	*guest = (struct guest){ .rpc = rpc };
	if (!data) {
		cJSON_Delete(params);
		return rpc_broken(rpc, "out of memory for the template");
	}
	data[json_b64_encode(data, image, bytes)] = 0;
	/* A reference: the text may be many megabytes and outlives the call. */
	cJSON_AddItemToObject(params, "data", cJSON_CreateStringReference(data));
	progress_begin(&progress, "sending the template");
	rpc_on_send(rpc, progress_sent, &progress);
	status = rpc_call(rpc, "template.load", params, &answer);
	rpc_on_send(rpc, NULL, NULL);
	progress_end(&progress);
	free(data);
	if (status != RPC_OK)
		return status;
	id = json_text(answer, "template", "");
	if (strlen(id) != 64)
		status = rpc_broken(guest->rpc, "template.load: the answer has no template id");
	else
		strcpy(guest->template, id);
	cJSON_Delete(answer);
	return status;
}

static enum rpc_status create(struct guest *guest, const cJSON *more)
{
	cJSON *params = cJSON_CreateObject(), *answer;
	enum rpc_status status;
	const cJSON *param;

	cJSON_AddStringToObject(params, "template", guest->template);
	cJSON_ArrayForEach(param, more)
		cJSON_AddItemToObject(params, param->string, cJSON_Duplicate(param, true));
	status = rpc_call(guest->rpc, "vm.create", params, &answer);
	if (status != RPC_OK)
		return status;
	guest->vm = (long)json_number(answer, "vm", 0);
	cJSON_Delete(answer);
	return guest->vm > 0 ? RPC_OK :
		rpc_broken(guest->rpc, "vm.create: the answer has no VM number");
}

static enum rpc_status attach(struct guest *guest, enum guest_events events)
{
	enum rpc_status status = rpc_call(guest->rpc, "console.attach", vm_params(guest), NULL);
	cJSON *params;

	if (status != RPC_OK || events == GUEST_NO_EVENTS)
		return status;
	params = vm_params(guest);
	cJSON_AddStringToObject(params, "mode", events == GUEST_LOSSLESS ? "lossless" : "lossy");
	return rpc_call(guest->rpc, "events.subscribe", params, NULL);
}

enum rpc_status guest_create(struct guest *guest, struct rpc *rpc, const void *image, size_t bytes,
			     const cJSON *more, enum guest_events events)
{
	enum rpc_status status = RPC_OK;

	for (int try = 0; try < LOAD_TRIES; try++) {
		status = guest_load(guest, rpc, image, bytes);
		if (status == RPC_OK)
			status = create(guest, more);
		if (status != RPC_REFUSED || rpc_error_code(rpc) != RPC_NO_OBJECT)
			break;
	}
	return status == RPC_OK ? attach(guest, events) : status;
}

enum rpc_status guest_start(struct guest *guest)
{
	enum rpc_status status = rpc_call(guest->rpc, "vm.start", vm_params(guest), NULL);

	guest->running = status == RPC_OK;
	return status;
}

static enum guest_result broken(struct guest *guest, const char *why)
{
	rpc_broken(guest->rpc, "%s", why);
	return GUEST_FAILED;
}

static enum guest_result take_console(struct guest *guest, const struct guest_sink *sink,
				      const cJSON *params)
{
	const char *data = json_text(params, "data", NULL), *base64;
	enum guest_result result = GUEST_ENDED;
	ssize_t bytes;
	uint8_t *raw;
	size_t bad;

	if (data)
		return sink->console(sink->context, data, strlen(data)) ? GUEST_SINK : GUEST_ENDED;
	base64 = json_text(params, "base64", NULL);
	if (!base64)
		return broken(guest, "console.output with neither data nor base64");
	raw = malloc(strlen(base64) / 4 * 3 + 3);
	if (!raw)
		return broken(guest, "out of memory");
	bytes = json_b64_decode(raw, base64, strlen(base64), &bad);
	if (bytes < 0)
		result = broken(guest, "console.output: the base64 text is damaged");
	else if (sink->console(sink->context, raw, (size_t)bytes))
		result = GUEST_SINK;
	free(raw);
	return result;
}

/* Deliver one notification; sets guest->end when it says that the guest has ended. */
static enum guest_result take_note(struct guest *guest, const struct guest_sink *sink,
				   const struct rpc_note *note)
{
	const char *state = json_text(note->params, "state", "");
	const cJSON *end;

	if (json_number(note->params, "vm", 0) != (double)guest->vm)
		return GUEST_ENDED;
	if (!strcmp(note->method, "console.output"))
		return take_console(guest, sink, note->params);
	if (!strcmp(note->method, "exit") || !strcmp(note->method, "events.dropped"))
		return sink->event(sink->context, note) ? GUEST_SINK : GUEST_ENDED;
	if (strcmp(note->method, "vm.state") || (strcmp(state, "stopped") && strcmp(state, "failed")))
		return GUEST_ENDED;
	end = json_member(note->params, "end");
	if (!cJSON_IsObject(end))
		return broken(guest, "vm.state says that the guest ended, but not how");
	if (sink->event(sink->context, note))
		return GUEST_SINK;
	cJSON_Delete(guest->end);
	guest->end = cJSON_Duplicate(end, 1);
	guest->running = false;
	return GUEST_ENDED;
}

enum guest_result guest_run(struct guest *guest, const struct guest_sink *sink, int64_t deadline)
{
	while (!guest->end) {
		enum guest_result result;
		struct rpc_note *note;

		switch (rpc_next(guest->rpc, deadline, &note)) {
		case RPC_OK:
			break;
		case RPC_TIMEOUT:
			return GUEST_TIME_LIMIT;
		case RPC_INTERRUPTED:
			return GUEST_INTERRUPTED;
		default:
			return GUEST_FAILED;
		}
		result = take_note(guest, sink, note);
		rpc_note_free(note);
		if (result != GUEST_ENDED)
			return result;
	}
	return GUEST_ENDED;
}

enum guest_result guest_stop(struct guest *guest, const struct guest_sink *sink)
{
	enum rpc_status status;

	if (!guest->running)
		return GUEST_ENDED;
	status = rpc_call(guest->rpc, "vm.stop", vm_params(guest), NULL);
	/* It may have ended by itself a moment ago; its vm.state is then in the queue already. */
	if (status != RPC_OK && !(status == RPC_REFUSED && rpc_error_code(guest->rpc) ==
				  RPC_WRONG_STATE))
		return GUEST_FAILED;
	guest->running = false;
	return sink ? guest_run(guest, sink, rpc_deadline(5000000000)) : GUEST_ENDED;
}

enum rpc_status guest_destroy(struct guest *guest)
{
	enum rpc_status status = RPC_OK;
	cJSON *params;

	if (guest->running && guest_stop(guest, NULL) != GUEST_ENDED)
		return RPC_LOST;
	if (guest->vm > 0)
		status = rpc_call(guest->rpc, "vm.destroy", vm_params(guest), NULL);
	rpc_drop_notes(guest->rpc);
	if (status == RPC_OK && guest->template[0]) {
		params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "template", guest->template);
		status = rpc_call(guest->rpc, "template.unload", params, NULL);
		/* In use by another VM, or unloaded by another client: not ours to complain about. */
		if (status == RPC_REFUSED && (rpc_error_code(guest->rpc) == RPC_WRONG_STATE ||
					      rpc_error_code(guest->rpc) == RPC_NO_OBJECT))
			status = RPC_OK;
	}
	cJSON_Delete(guest->end);
	*guest = (struct guest){ .rpc = guest->rpc };
	return status;
}
