/* SPDX-License-Identifier: MIT */
/*
 * Events of libsvmkit: subscriptions, and notifications as structs. The daemon is trusted no more
 * than any peer: a notification without its members is SVMKIT_LOST, never a guess.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_b64.h"
#include "json_get.h"
#include "svmkit_priv.h"

enum svmkit_status svmkit_console_attach(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "console.attach", svmkit_vm_params(vm), NULL);
}

enum svmkit_status svmkit_subscribe(struct svmkit *svmkit, unsigned int vm, bool lossless,
				    const char *filter, unsigned int *subscription)
{
	cJSON *params = cJSON_ParseWithOpts(filter ? filter : "{}", NULL, 1), *answer;
	enum svmkit_status status;

	*subscription = 0;
	if (!cJSON_IsObject(params)) {
		cJSON_Delete(params);
		return svmkit_say(svmkit, SVMKIT_ARGUMENT,
				  "events.subscribe: the filter is not a JSON object");
	}
	cJSON_AddNumberToObject(params, "vm", vm);
	cJSON_AddStringToObject(params, "mode", lossless ? "lossless" : "lossy");
	status = svmkit_rpc(svmkit, "events.subscribe", params, &answer);
	if (status != SVMKIT_OK)
		return status;
	*subscription = (unsigned int)json_number(answer, "subscription", 0);
	cJSON_Delete(answer);
	return SVMKIT_OK;
}

enum svmkit_status svmkit_unsubscribe(struct svmkit *svmkit, unsigned int subscription)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddNumberToObject(params, "subscription", subscription);
	return svmkit_rpc(svmkit, "events.unsubscribe", params, NULL);
}

static void read_exit(const cJSON *params, struct svmkit_exit *exit)
{
	const struct { const char *name; uint64_t *to; } words[] = {
		{ "code", &exit->code }, { "info1", &exit->info1 }, { "info2", &exit->info2 },
		{ "intinfo", &exit->intinfo }, { "rip", &exit->rip }, { "rax", &exit->rax },
		{ "tsc", &exit->tsc },
	};

	*exit = (struct svmkit_exit){
		.subscription = (unsigned int)json_number(params, "subscription", 0),
		.vcpu = (unsigned int)json_number(params, "vcpu", 0),
		.cpl = (unsigned int)json_number(params, "cpl", 0),
		.shadow = cJSON_IsTrue(json_member(params, "shadow")),
		.seq = (uint64_t)json_number(params, "seq", 0),
	};
	snprintf(exit->name, sizeof(exit->name), "%s", json_text(params, "exit", ""));
	snprintf(exit->mode, sizeof(exit->mode), "%s", json_text(params, "mode", ""));
	snprintf(exit->action, sizeof(exit->action), "%s", json_text(params, "action", ""));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		json_hex(params, words[i].name, words[i].to);
}

static enum svmkit_status read_console(struct svmkit *svmkit, const cJSON *params,
				       struct svmkit_event *event)
{
	const char *data = json_text(params, "data", NULL), *base64;
	ssize_t bytes;
	size_t bad;

	if (data) {
		event->console.data = (const unsigned char *)data;
		event->console.bytes = strlen(data);
		return SVMKIT_OK;
	}
	base64 = json_text(params, "base64", NULL);
	if (!base64)
		return svmkit_say(svmkit, SVMKIT_LOST, "console.output has neither data nor base64");
	svmkit->bytes = malloc(strlen(base64) / 4 * 3 + 3);
	if (!svmkit->bytes)
		return svmkit_say(svmkit, SVMKIT_MEMORY, "console.output: out of memory");
	bytes = json_b64_decode(svmkit->bytes, base64, strlen(base64), &bad);
	if (bytes < 0)
		return svmkit_say(svmkit, SVMKIT_LOST, "console.output: damaged base64 at %zu", bad);
	event->console.data = svmkit->bytes;
	event->console.bytes = (size_t)bytes;
	return SVMKIT_OK;
}

static enum svmkit_status decode(struct svmkit *svmkit, struct svmkit_event *event)
{
	const char *method = svmkit->note->method;
	const cJSON *params = svmkit->note->params, *end = json_member(params, "end");

	event->vm = (unsigned int)json_number(params, "vm", 0);
	event->json = svmkit->note->line;
	if (!strcmp(method, "exit")) {
		event->kind = SVMKIT_EVENT_EXIT;
		read_exit(params, &event->exit);
	} else if (!strcmp(method, "events.dropped")) {
		event->kind = SVMKIT_EVENT_DROPPED;
		event->dropped = (uint64_t)json_number(params, "count", 0);
	} else if (!strcmp(method, "console.output")) {
		event->kind = SVMKIT_EVENT_CONSOLE;
		return read_console(svmkit, params, event);
	} else if (!strcmp(method, "vm.state")) {
		event->kind = SVMKIT_EVENT_STATE;
		snprintf(event->state, sizeof(event->state), "%s", json_text(params, "state", ""));
		event->ended = cJSON_IsObject(end);
		if (event->ended)
			svmkit_read_end(end, &event->end);
	}
	return SVMKIT_OK;
}

enum svmkit_status svmkit_next(struct svmkit *svmkit, int64_t timeout_ms,
			       struct svmkit_event *event)
{
	enum svmkit_status status;

	memset(event, 0, sizeof(*event));
	event->kind = SVMKIT_EVENT_OTHER;
	rpc_note_free(svmkit->note);
	svmkit->note = NULL;
	free(svmkit->bytes);
	svmkit->bytes = NULL;
	status = svmkit_from_rpc(svmkit, rpc_next(svmkit->rpc, svmkit_deadline(timeout_ms),
						  &svmkit->note));
	return status == SVMKIT_OK ? decode(svmkit, event) : status;
}
