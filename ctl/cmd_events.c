/* SPDX-License-Identifier: MIT */
/*
 * svmctl events: watches VMs that someone else runs. It changes nothing; leaving it does not stop
 * them.
 */
#include <errno.h>
#include <string.h>
#include "ctl.h"
#include "end.h"
#include "event_text.h"
#include "text.h"

static struct {
	bool json, lossless;
	uint64_t count;
	int64_t time_limit_ns;
} o = { .time_limit_ns = INT64_MAX };

static const struct ctl_option options[] = {
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "the daemon's JSON notifications, one a line" },
	{ 'l', "lossless", CTL_FLAG, NULL, &o.lossless, "the VM waits rather than lose an event" },
	{ 'c', "count", CTL_NUMBER, "N", &o.count, "end after N exits" },
	{ 't', "time-limit", CTL_TIME, "TIME", &o.time_limit_ns, "end after TIME with status 124" },
	{ 0 },
};

static const char help[] =
	"Print the exits of VM (a number or a name), or of every VM that exists, one a line, until they\n"
	"have ended. What the exit policy does not stream is not seen here. A line on standard error\n"
	"says when watching has begun.\n";

struct watch {
	struct rpc *rpc;
	double vms[256];	/* those that have not ended */
	size_t count;
	uint64_t seen;
};

static enum rpc_status subscribe(struct watch *watch, double vm)
{
	cJSON *params = cJSON_CreateObject();

	if (watch->count == sizeof(watch->vms) / sizeof(watch->vms[0])) {
		cJSON_Delete(params);
		return rpc_broken(watch->rpc, "more than %zu VMs: name one", watch->count);
	}
	cJSON_AddNumberToObject(params, "vm", vm);
	cJSON_AddStringToObject(params, "mode", o.lossless ? "lossless" : "lossy");
	watch->vms[watch->count++] = vm;
	return rpc_call(watch->rpc, "events.subscribe", params, NULL);
}

static enum rpc_status subscribe_all(struct watch *watch)
{
	cJSON *answer;
	const cJSON *vm;
	enum rpc_status status = rpc_call(watch->rpc, "vm.list", NULL, &answer);

	if (status != RPC_OK)
		return status;
	cJSON_ArrayForEach(vm, json_member(answer, "vms")) {
		const char *state = json_text(vm, "state", "");

		if (strcmp(state, "stopped") && strcmp(state, "failed") && status == RPC_OK)
			status = subscribe(watch, json_number(vm, "vm", 0));
	}
	cJSON_Delete(answer);
	return status;
}

static void forget(struct watch *watch, double vm)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->vms[i] == vm)
			watch->vms[i--] = watch->vms[--watch->count];
	}
}

static void print_state(const cJSON *params, bool ended)
{
	char text[600];

	if (ended)
		end_text(text, sizeof(text), json_member(params, "end"));
	else
		text_escape(text, sizeof(text), json_text(params, "state", "?"),
			    strlen(json_text(params, "state", "?")), 40);
	printf("vm%.0f: %s\n", json_number(params, "vm", 0), text);
}

static void take_note(struct watch *watch, const struct rpc_note *note, bool colour)
{
	const char *state = json_text(note->params, "state", "");
	bool is_state = !strcmp(note->method, "vm.state");
	bool ended = is_state && (!strcmp(state, "stopped") || !strcmp(state, "failed"));

	watch->seen += !strcmp(note->method, "exit");
	if (o.json)
		puts(note->line);
	else if (!strcmp(note->method, "exit"))
		event_print(stdout, colour, note->params);
	else if (!strcmp(note->method, "events.dropped"))
		printf("vm%.0f/%.0f: %.0f events dropped\n", json_number(note->params, "vm", 0),
		       json_number(note->params, "vcpu", 0), json_number(note->params, "count", 0));
	else if (is_state)
		print_state(note->params, ended);
	if (ended)
		forget(watch, json_number(note->params, "vm", 0));
}

static int watch_all(struct watch *watch)
{
	int64_t deadline = rpc_deadline(o.time_limit_ns);
	bool colour = text_wants_colour(stdout);

	while (watch->count && (!o.count || watch->seen < o.count)) {
		struct rpc_note *note;
		enum rpc_status status = rpc_next(watch->rpc, deadline, &note);

		if (status == RPC_TIMEOUT)
			return CTL_TIME_LIMIT;
		if (status != RPC_OK)
			return ctl_fail(watch->rpc, status);
		take_note(watch, note, colour);
		rpc_note_free(note);
		if (ctl_flush() != CTL_OK)
			return CTL_ERROR;
	}
	return CTL_OK;
}

static void say_what_is_watched(const struct watch *watch)
{
	if (watch->count == 1)
		ctl_say("watching vm%.0f", watch->vms[0]);
	else
		ctl_say("watching %zu VMs", watch->count);
}

static int command_events(int count, char **operands)
{
	struct watch watch = { .rpc = ctl_connect() };
	enum rpc_status status = RPC_OK;
	int exit_status = CTL_OK;
	long vm = 0;

	if (!watch.rpc)
		return CTL_ERROR;
	if (count)
		vm = ctl_find_vm(watch.rpc, operands[0], &exit_status);
	if (vm >= 0) {
		status = count ? subscribe(&watch, (double)vm) : subscribe_all(&watch);
		if (status == RPC_OK && rpc_catch_signals(watch.rpc))
			status = rpc_broken(watch.rpc, "signals: %s", strerror(errno));
		if (status == RPC_OK)
			say_what_is_watched(&watch);
		exit_status = status == RPC_OK ? watch_all(&watch) : ctl_fail(watch.rpc, status);
	}
	rpc_close(watch.rpc);
	return exit_status;
}

const struct ctl_command ctl_events = {
	"events", "[VM]", 0, 1, "print the exits of VMs as they happen", help, options,
	command_events,
};
