/* SPDX-License-Identifier: MIT */
/*
 * svmctl run: one guest from file to end. The guest's console is standard output and nothing else
 * is; how it ended, exits and statistics go to standard error or to a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backings.h"
#include "ctl.h"
#include "end.h"
#include "event_text.h"
#include "guest.h"
#include "stats.h"
#include "template.h"
#include "text.h"

static struct {
	struct ctl_list defines;
	struct backings backings;
	struct ctl_optional events;
	bool json, lossless, stats, quiet, keep;
	int64_t time_limit_ns;
	const char *name;
} o = { .time_limit_ns = INT64_MAX };

static const struct ctl_option options[] = {
	{ 'D', "define", CTL_LIST, "NAME=VALUE", &o.defines, "set a variable of the spec" },
	BACKING_OPTIONS(o.backings),
	{ 'e', "events", CTL_OPTIONAL_TEXT, "FILE", &o.events,
	  "print exits, one a line, on standard error\nor to FILE" },
	{ 'j', "json", CTL_FLAG, NULL, &o.json,
	  "exits as the daemon's JSON notifications\n(implies --events)" },
	{ 'l', "lossless", CTL_FLAG, NULL, &o.lossless,
	  "the guest waits rather than lose an event\n(implies --events)" },
	{ 'S', "stats", CTL_FLAG, NULL, &o.stats, "afterwards, a table of exits by reason" },
	{ 't', "time-limit", CTL_TIME, "TIME", &o.time_limit_ns,
	  "stop the guest after TIME (default: never)" },
	{ 'n', "name", CTL_TEXT, "NAME", &o.name, "the VM's name (default: the template's)" },
	{ 'k', "keep", CTL_FLAG, NULL, &o.keep, "leave the ended VM for `svmctl info`" },
	{ 'q', "quiet", CTL_FLAG, NULL, &o.quiet, "do not say how the guest ended" },
	{ 0 },
};

static const char help[] =
	"Run a guest from TEMPLATE (.svmt) or SPEC (compiled on the way). The guest's console goes to\n"
	"standard output unmodified; how the guest ended is told on standard error and by the exit\n"
	"status (`svmctl --help` has the table). Ctrl-C stops the guest. Afterwards the VM is destroyed\n"
	"and its template unloaded.\n";

struct run {
	FILE *events;		/* NULL: not wanted */
	bool colour;
	bool line_open;		/* the console's last byte was not a line feed */
};

static int take_console(void *context, const void *bytes, size_t length)
{
	struct run *run = context;

	if (!length)
		return 0;
	run->line_open = ((const char *)bytes)[length - 1] != '\n';
	return fwrite(bytes, 1, length, stdout) != length || ctl_flush() != CTL_OK;
}

static int print_dropped(struct run *run, const cJSON *params)
{
	return fprintf(run->events, "%svm%.0f/%.0f: %.0f events dropped%s\n",
		       text_colour(run->colour, TEXT_YELLOW), json_number(params, "vm", 0),
		       json_number(params, "vcpu", 0), json_number(params, "count", 0),
		       text_colour_end(run->colour)) < 0;
}

static int take_event(void *context, const struct rpc_note *note)
{
	struct run *run = context;

	if (!run->events)
		return 0;
	if (o.json)
		fprintf(run->events, "%s\n", note->line);
	else if (!strcmp(note->method, "exit"))
		event_print(run->events, run->colour, note->params);
	else if (!strcmp(note->method, "events.dropped"))
		print_dropped(run, note->params);
	if (!ferror(run->events))
		return 0;
	ctl_say("%s: %s", o.events.text ? o.events.text : "standard error", strerror(errno));
	return -1;
}

static int open_events(struct run *run)
{
	if (!o.events.given && !o.json && !o.lossless)
		return CTL_OK;
	if (!o.events.text) {
		run->events = stderr;
		run->colour = !o.json && text_wants_colour(stderr);
		return CTL_OK;
	}
	run->events = fopen(o.events.text, "we");
	if (run->events)
		return CTL_OK;
	ctl_say("%s: %s", o.events.text, strerror(errno));
	return CTL_ERROR;
}

static int close_events(struct run *run, int status)
{
	bool failed = false;

	if (run->events && run->events != stderr)
		failed = fclose(run->events) != 0;
	run->events = NULL;
	if (!failed)
		return status;
	ctl_say("%s: %s", o.events.text, strerror(errno));
	return status == CTL_OK ? CTL_ERROR : status;
}

static void print_stats(struct guest *guest)
{
	cJSON *params = cJSON_CreateObject(), *answer;
	enum rpc_status status;

	cJSON_AddNumberToObject(params, "vm", (double)guest->vm);
	status = rpc_call(guest->rpc, "stats.get", params, &answer);
	if (status != RPC_OK) {
		ctl_fail(guest->rpc, status);
		return;
	}
	stats_print(stderr, answer, false);
	cJSON_Delete(answer);
}

static int say_end(const struct guest *guest, const struct run *run)
{
	char text[600];

	if (o.quiet)
		return end_status(guest->end);
	/* Only a terminal shows both streams in one place. */
	if (run->line_open && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	end_text(text, sizeof(text), guest->end);
	ctl_say("vm%ld: %s", guest->vm, text);
	return end_status(guest->end);
}

static int stop_early(struct guest *guest, const struct guest_sink *sink, enum guest_result why)
{
	int signal = rpc_signal(guest->rpc);

	switch (why) {
	case GUEST_TIME_LIMIT:
		ctl_say("vm%ld: the time limit passed: stopping the guest", guest->vm);
		break;
	case GUEST_INTERRUPTED:
		ctl_say("vm%ld: interrupted: stopping the guest", guest->vm);
		break;
	case GUEST_FAILED:
		ctl_say("%s", rpc_text(guest->rpc));
		return CTL_ERROR;
	default:
		break;
	}
	if (guest_stop(guest, why == GUEST_SINK ? NULL : sink) == GUEST_FAILED)
		ctl_say("vm%ld: %s", guest->vm, rpc_text(guest->rpc));
	return why == GUEST_TIME_LIMIT ? CTL_TIME_LIMIT :
	       why == GUEST_INTERRUPTED ? 128 + signal : CTL_ERROR;
}

static int run_created(struct guest *guest, struct run *run)
{
	const struct guest_sink sink = { take_console, take_event, run };
	enum rpc_status status = guest_start(guest);
	enum guest_result result;
	int exit_status;

	if (status != RPC_OK)
		return ctl_fail(guest->rpc, status);
	result = guest_run(guest, &sink, rpc_deadline(o.time_limit_ns));
	exit_status = result == GUEST_ENDED ? say_end(guest, run) : stop_early(guest, &sink, result);
	if (o.stats && result != GUEST_FAILED)
		print_stats(guest);
	return exit_status;
}

static int run_template(struct rpc *rpc, const struct template *template, struct run *run)
{
	bool events = run->events != NULL;
	enum rpc_status status;
	struct guest guest;
	int exit_status;
	cJSON *more;

	if (rpc_catch_signals(rpc)) {
		ctl_say("signals: %s", strerror(errno));
		return CTL_ERROR;
	}
	more = cJSON_CreateObject();
	if (o.name)
		cJSON_AddStringToObject(more, "name", o.name);
	backings_add(more, &o.backings, NULL);
	status = guest_create(&guest, rpc, template->image, template->bytes, more,
			      o.lossless ? GUEST_LOSSLESS : events ? GUEST_LOSSY : GUEST_NO_EVENTS);
	cJSON_Delete(more);
	exit_status = status == RPC_OK ? run_created(&guest, run) : ctl_fail(rpc, status);
	if (o.keep && guest.vm > 0) {
		ctl_say("vm%ld is kept: `svmctl info %ld`, `svmctl destroy %ld`", guest.vm, guest.vm,
			guest.vm);
		cJSON_Delete(guest.end);
		return exit_status;
	}
	status = guest_destroy(&guest);
	if (status != RPC_OK && exit_status == CTL_OK)
		exit_status = ctl_fail(rpc, status);
	return exit_status;
}

static int command_run(int count, char **operands)
{
	struct run run = { .events = NULL };
	struct template template;
	struct rpc *rpc = NULL;
	int status;

	(void)count;
	if (!backings_check(&o.backings))
		return CTL_USAGE;
	status = template_read(&template, operands[0], &o.defines, stderr);
	if (status == CTL_OK)
		status = open_events(&run);
	if (status == CTL_OK) {
		rpc = ctl_connect();
		status = rpc ? run_template(rpc, &template, &run) : CTL_ERROR;
	}
	status = close_events(&run, status);
	rpc_close(rpc);
	template_free(&template);
	return status;
}

const struct ctl_command ctl_run = {
	"run", "TEMPLATE|SPEC", 1, 1, "run a guest; its console is standard output", help, options,
	command_run,
};
