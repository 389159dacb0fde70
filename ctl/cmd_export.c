/* SPDX-License-Identifier: MIT */
/*
 * svmctl export: a recording of svmrund --record as a table (CSV) or as trace events (JSON) that
 * Perfetto and chrome://tracing open. Reads the file itself; no daemon is needed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl.h"
#include "json_out.h"
#include "recording.h"
#include "tables.h"

#define FLUSH_BYTES (1u << 18)

static struct {
	const char *format, *output;
	uint64_t mhz, vm;
} o = { .format = "csv" };

static const struct ctl_option options[] = {
	{ 'f', "format", CTL_TEXT, "FORMAT", &o.format,
	  "csv (default), or trace: the JSON that Perfetto opens" },
	{ 'o', "output", CTL_TEXT, "FILE", &o.output, "write there (default: standard output)" },
	{ 'v', "vm", CTL_NUMBER, "N", &o.vm, "only the recording's Nth VM" },
	{ 't', "tsc-mhz", CTL_NUMBER, "MHZ", &o.mhz,
	  "rate of the host's TSC, for times of a trace (default 1000: a tick is 1 ns)" },
	{ 0 },
};

static const char help[] =
	"Write the events of a recording (svmrund --record) as CSV, one line an event, or as a trace: each\n"
	"VM is a process, each vCPU a thread, each event an instant with its registers. A recording whose\n"
	"end is missing is written up to there. A file that exists is replaced when all is well.\n";

struct export {
	struct json_out out;
	FILE *to;
	bool trace, any;
	uint64_t first_tsc;
};

static const char *or_unknown(const char *name)
{
	return name ? name : "unknown";
}

static void put(struct export *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct export *e, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_out_text(&e->out, text);
}

/* False: it cannot be written. */
static bool flush(struct export *e, size_t least)
{
	if (e->out.length < least)
		return true;
	if (e->out.failed || fwrite(e->out.data, 1, e->out.length, e->to) != e->out.length)
		return false;
	e->out.length = 0;
	return true;
}

static void put_csv(struct export *e, const struct svmlog_chunk *chunk,
		    const struct svmrt_event *event)
{
	char code[24];

	put(e, "%" PRIu32 ",%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%s,0x%" PRIx64 ",0x%" PRIx64, chunk->vm,
	    chunk->vcpu, (uint64_t)event->seq, (uint64_t)event->tsc, recording_exit_name(event->code, code),
	    (uint64_t)event->exitinfo1, (uint64_t)event->exitinfo2);
	put(e, ",0x%" PRIx64 ",0x%" PRIx64 ",0x%" PRIx64 ",%u,%s,%u,%s\n", (uint64_t)event->exitintinfo,
	    (uint64_t)event->rip, (uint64_t)event->rax, SVMRT_EVENT_CPL(event->flags),
	    or_unknown(svmrt_mode_name(SVMRT_EVENT_MODE(event->flags))),
	    !!(event->flags & SVMRT_EVENT_SHADOW),
	    or_unknown(svmrt_action_name(SVMRT_EVENT_ACTION(event->flags))));
}

/* Microseconds since the first event, with three digits behind the point. */
static void put_trace(struct export *e, const struct svmlog_chunk *chunk,
		      const struct svmrt_event *event)
{
	uint64_t ticks = event->tsc > e->first_tsc ? event->tsc - e->first_tsc : 0;
	uint64_t mhz = o.mhz ? o.mhz : 1000;
	char code[24];

	put(e, "%s{\"ph\":\"i\",\"s\":\"t\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32 ",\"ts\":%" PRIu64
	    ".%03" PRIu64 ",\"name\":\"%s\"", e->any ? ",\n" : "", chunk->vm, chunk->vcpu + 1,
	    ticks / mhz, ticks % mhz * 1000 / mhz, recording_exit_name(event->code, code));
	put(e, ",\"args\":{\"seq\":%" PRIu64 ",\"rip\":\"0x%" PRIx64 "\",\"rax\":\"0x%" PRIx64
	    "\",\"info1\":\"0x%" PRIx64 "\",\"info2\":\"0x%" PRIx64 "\",\"action\":\"%s\"}}",
	    (uint64_t)event->seq, (uint64_t)event->rip, (uint64_t)event->rax,
	    (uint64_t)event->exitinfo1, (uint64_t)event->exitinfo2,
	    or_unknown(svmrt_action_name(SVMRT_EVENT_ACTION(event->flags))));
	e->any = true;
}

/* Names of the VM's process and of its vCPUs' threads. */
static void put_names(struct export *e, const struct svmlog_chunk *chunk, const struct svmlog_vm *vm)
{
	put(e, "%s{\"ph\":\"M\",\"pid\":%" PRIu32 ",\"name\":\"process_name\",\"args\":{\"name\":",
	    e->any ? ",\n" : "", chunk->vm);
	json_out_string(&e->out, vm->name, strlen(vm->name));
	put(e, "}}");
	for (uint32_t vcpu = 0; vcpu < vm->vcpus && vcpu < 256; vcpu++)
		put(e, ",\n{\"ph\":\"M\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32 ",\"name\":\"thread_name\","
		    "\"args\":{\"name\":\"vCPU %" PRIu32 "\"}}", chunk->vm, vcpu + 1, vcpu);
	e->any = true;
}

/* The earliest time stamp is time 0: chunks of several vCPUs are not in the order of time. */
static uint64_t first_tsc(const struct svmlog *log)
{
	struct svmlog_item item;
	uint64_t at = 0, first = UINT64_MAX;

	while (svmlog_next(log, &at, &item) == 1)
		if (item.events && item.events[0].tsc < first)
			first = item.events[0].tsc;
	return first;
}

static bool is_wanted(const struct svmlog_chunk *chunk)
{
	return !o.vm || chunk->vm == o.vm;
}

/* NULL, or what went wrong. */
static const char *write_all(struct export *e, const struct svmlog *log)
{
	struct svmlog_item item;
	uint64_t at = 0;
	int more;

	e->first_tsc = e->trace ? first_tsc(log) : 0;
	put(e, "%s", e->trace ? "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" :
	    "vm,vcpu,seq,tsc,exit,info1,info2,intinfo,rip,rax,cpl,mode,shadow,action\n");
	while ((more = svmlog_next(log, &at, &item)) == 1) {
		if (!is_wanted(item.chunk))
			continue;
		if (item.vm && e->trace)
			put_names(e, item.chunk, item.vm);
		for (uint64_t i = 0; item.events && i < item.chunk->value; i++) {
			if (e->trace)
				put_trace(e, item.chunk, &item.events[i]);
			else
				put_csv(e, item.chunk, &item.events[i]);
			if (!flush(e, FLUSH_BYTES))
				return strerror(errno);
		}
	}
	if (e->trace)
		put(e, "\n]}\n");
	if (!flush(e, 0))
		return strerror(errno);
	return more < 0 ? "a part of the recording is damaged" : NULL;
}

static int export_log(struct export *e, const char *path, const struct svmlog *log)
{
	char temporary[4096];
	const char *fault;

	snprintf(temporary, sizeof(temporary), "%s.part", o.output ? o.output : "");
	e->to = o.output ? fopen(temporary, "we") : stdout;
	if (!e->to) {
		ctl_say("%s: %s", temporary, strerror(errno));
		return CTL_ERROR;
	}
	fault = write_all(e, log);
	if (!fault && fflush(e->to))
		fault = strerror(errno);
	if (o.output && fclose(e->to) && !fault)
		fault = strerror(errno);
	if (o.output && !fault && rename(temporary, o.output))
		fault = strerror(errno);
	if (!fault && !log->index)
		ctl_say("%s: its end is missing; this is what there is", path);
	if (!fault)
		return CTL_OK;
	if (o.output)
		unlink(temporary);
	ctl_say("%s: %s", path, fault);
	return CTL_ERROR;
}

static int command_export(int count, char **operands)
{
	struct export e = { .trace = !strcmp(o.format, "trace") };
	struct recording recording;
	int exit_status;

	(void)count;
	if (!e.trace && strcmp(o.format, "csv")) {
		ctl_say("--format: '%s' is neither csv nor trace", o.format);
		return CTL_USAGE;
	}
	exit_status = recording_open(&recording, operands[0]);
	if (exit_status != CTL_OK)
		return exit_status;
	exit_status = export_log(&e, operands[0], &recording.log);
	json_out_free(&e.out);
	recording_close(&recording);
	return exit_status;
}

const struct ctl_command ctl_export = {
	"export", "FILE", 1, 1, "a recording as CSV or as a trace for Perfetto", help, options,
	command_export,
};
