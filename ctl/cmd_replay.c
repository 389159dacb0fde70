/* SPDX-License-Identifier: MIT */
/*
 * svmctl replay: the events of a recording as `svmctl events` printed them, or would have. To give
 * them to other clients of the socket, run svmrund --engine replay:FILE.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ctl.h"
#include "event_text.h"
#include "recording.h"
#include "tables.h"
#include "text.h"

static struct {
	bool json;
	uint64_t vm, count;
} o;

static const struct ctl_option options[] = {
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "JSON notifications as from the daemon, one a line" },
	{ 'v', "vm", CTL_NUMBER, "N", &o.vm, "only the recording's Nth VM" },
	{ 'c', "count", CTL_NUMBER, "N", &o.count, "end after N exits" },
	{ 0 },
};

static const char help[] =
	"Print the exits of a recording (svmrund --record), one a line, VMs and vCPUs in the pieces in\n"
	"which they were recorded. A recording whose end is missing is printed up to there.\n";

static void add_hex(cJSON *params, const char *name, uint64_t value)
{
	char text[20];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	cJSON_AddStringToObject(params, name, text);
}

/* The members of the daemon's exit notification, but for the subscription that there was none of. */
static cJSON *exit_params(const struct svmlog_chunk *chunk, const struct svmrt_event *event)
{
	cJSON *params = cJSON_CreateObject();
	const char *mode = svmrt_mode_name(SVMRT_EVENT_MODE(event->flags));
	const char *action = svmrt_action_name(SVMRT_EVENT_ACTION(event->flags));
	char code[24];

	cJSON_AddNumberToObject(params, "vm", chunk->vm);
	cJSON_AddNumberToObject(params, "vcpu", chunk->vcpu);
	cJSON_AddNumberToObject(params, "seq", (double)event->seq);
	cJSON_AddStringToObject(params, "exit", recording_exit_name(event->code, code));
	add_hex(params, "code", event->code);
	add_hex(params, "info1", event->exitinfo1);
	add_hex(params, "info2", event->exitinfo2);
	add_hex(params, "intinfo", event->exitintinfo);
	add_hex(params, "rip", event->rip);
	add_hex(params, "rax", event->rax);
	add_hex(params, "tsc", event->tsc);
	cJSON_AddNumberToObject(params, "cpl", SVMRT_EVENT_CPL(event->flags));
	cJSON_AddStringToObject(params, "mode", mode ? mode : "unknown");
	cJSON_AddBoolToObject(params, "shadow", !!(event->flags & SVMRT_EVENT_SHADOW));
	cJSON_AddStringToObject(params, "action", action ? action : "unknown");
	return params;
}

static bool print_event(const struct svmlog_chunk *chunk, const struct svmrt_event *event,
			bool colour)
{
	cJSON *params = exit_params(chunk, event), *note;
	bool printed = true;

	if (!o.json) {
		event_print(stdout, colour, params);
		cJSON_Delete(params);
		return !ferror(stdout);
	}
	note = cJSON_CreateObject();
	cJSON_AddStringToObject(note, "jsonrpc", "2.0");
	cJSON_AddStringToObject(note, "method", "exit");
	cJSON_AddItemToObject(note, "params", params);
	printed = ctl_print_json(note) == CTL_OK;
	cJSON_Delete(note);
	return printed;
}

static int print_log(const struct svmlog *log, const char *path)
{
	bool colour = text_wants_colour(stdout);
	struct svmlog_item item;
	uint64_t at = 0, printed = 0;
	int more;

	while ((more = svmlog_next(log, &at, &item)) == 1) {
		for (uint64_t i = 0; item.events && i < item.chunk->value; i++) {
			if (o.vm && item.chunk->vm != o.vm)
				break;
			if (o.count && printed == o.count)
				return ctl_flush();
			if (!print_event(item.chunk, &item.events[i], colour))
				return ctl_flush();
			printed++;
		}
	}
	if (more < 0) {
		ctl_say("%s: a part of the recording is damaged", path);
		return CTL_ERROR;
	}
	if (!log->index)
		ctl_say("%s: its end is missing; this is what there is", path);
	return ctl_flush();
}

static int command_replay(int count, char **operands)
{
	struct recording recording;
	int exit_status = recording_open(&recording, operands[0]);

	(void)count;
	if (exit_status != CTL_OK)
		return exit_status;
	exit_status = print_log(&recording.log, operands[0]);
	recording_close(&recording);
	return exit_status;
}

const struct ctl_command ctl_replay = {
	"replay", "FILE", 1, 1, "print the exits of a recording", help, options, command_replay,
};
