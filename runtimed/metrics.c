/* SPDX-License-Identifier: MIT */
/*
 * The counters and their text (OpenMetrics 1.0). Every family is told in one place: its type, its
 * help, its samples. Labels that hold names of users' making are escaped.
 */
#include <config.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client.h"
#include "daemon.h"
#include "json_out.h"
#include "log.h"
#include "metrics.h"
#include "rpc.h"
#include "tables.h"
#include "template.h"
#include "vcpu.h"
#include "vm.h"
#include "vm_limit.h"

/* Upper bounds of the buckets of latencies. */
static const struct {
	uint64_t ns;
	const char *text;
} bounds[METRICS_BUCKETS - 1] = {
	{ 10000, "0.00001" }, { 100000, "0.0001" }, { 500000, "0.0005" }, { 1000000, "0.001" },
	{ 5000000, "0.005" }, { 20000000, "0.02" }, { 100000000, "0.1" }, { 1000000000, "1.0" },
};

void metrics_init(struct metrics *metrics)
{
	metrics->methods = need_memory(rpc_method_count * sizeof(metrics->methods[0]));
}

void metrics_free(struct metrics *metrics)
{
	free(metrics->methods);
}

void metrics_answer(struct metrics *metrics, size_t method, uint64_t ns, bool error)
{
	struct metrics_method *of = &metrics->methods[method];
	unsigned int bucket = 0;

	while (bucket < METRICS_BUCKETS - 1 && ns > bounds[bucket].ns)
		bucket++;
	of->answers++;
	of->errors += error;
	of->ns += ns;
	of->buckets[bucket]++;
}

static void put(struct json_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct json_out *out, const char *format, ...)
{
	char text[512];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length > 0)
		json_out_bytes(out, text, (size_t)length < sizeof(text) ? (size_t)length :
			       sizeof(text) - 1);
}

static void family(struct json_out *out, const char *name, const char *type, const char *help)
{
	put(out, "# TYPE svmrund_%s %s\n# HELP svmrund_%s %s\n", name, type, name, help);
}

static void single(struct json_out *out, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	family(out, name, type, help);
	put(out, "svmrund_%s%s %" PRIu64 "\n", name, type[0] == 'c' ? "_total" : "", value);
}

/* A name as a label's value: backslash, quote and line feed are escaped. */
static const char *label(char text[160], const char *name)
{
	size_t at = 0;

	for (; *name && at < 157; name++) {
		if (*name == '\\' || *name == '"' || *name == '\n')
			text[at++] = '\\';
		text[at++] = *name == '\n' ? 'n' : *name;
	}
	text[at] = '\0';
	return text;
}

static uint64_t resident_bytes(void)
{
	unsigned long long total, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_clients(struct daemon *daemon, struct json_out *out)
{
	const struct metrics *metrics = &daemon->metrics;
	uint64_t queued = 0;

	list_each(link, &daemon->clients)
		queued += client_queue_bytes(list_object(link, struct client, link));
	single(out, "clients", "gauge", "Connected clients.", daemon->client_count);
	single(out, "clients_accepted", "counter", "Connections that were accepted.",
	       metrics->clients_accepted);
	single(out, "clients_refused", "counter",
	       "Connections that were refused: too many, or without a role.",
	       metrics->clients_refused);
	single(out, "clients_dropped", "counter",
	       "Clients that were disconnected for what they did not do.", metrics->clients_dropped);
	single(out, "client_queue_bytes", "gauge", "Output that clients have not taken yet.", queued);
	single(out, "client_input_bytes", "gauge", "Buffers for unfinished lines of clients.",
	       daemon->input_bytes);
	single(out, "sends", "counter", "Calls of send(2) to clients.", metrics->sends);
	single(out, "sent_bytes", "counter", "Bytes that clients took.", metrics->sent_bytes);
}

static void write_latencies(const struct metrics *metrics, struct json_out *out)
{
	family(out, "rpc_errors", "counter", "Requests that were answered with an error.");
	for (size_t i = 0; i < rpc_method_count; i++)
		put(out, "svmrund_rpc_errors_total{method=\"%s\"} %" PRIu64 "\n",
		    rpc_methods[i].name, metrics->methods[i].errors);
	put(out, "# TYPE svmrund_rpc_latency_seconds histogram\n"
	    "# UNIT svmrund_rpc_latency_seconds seconds\n"
	    "# HELP svmrund_rpc_latency_seconds From a request to its answer.\n");
	for (size_t i = 0; i < rpc_method_count; i++) {
		const struct metrics_method *of = &metrics->methods[i];
		const char *name = rpc_methods[i].name;
		uint64_t below = 0;

		for (unsigned int n = 0; n < METRICS_BUCKETS; n++) {
			below += of->buckets[n];
			put(out, "svmrund_rpc_latency_seconds_bucket{method=\"%s\",le=\"%s\"} %" PRIu64
			    "\n", name, n < METRICS_BUCKETS - 1 ? bounds[n].text : "+Inf", below);
		}
		put(out, "svmrund_rpc_latency_seconds_count{method=\"%s\"} %" PRIu64 "\n", name,
		    of->answers);
		put(out, "svmrund_rpc_latency_seconds_sum{method=\"%s\"} %" PRIu64 ".%09" PRIu64 "\n",
		    name, of->ns / 1000000000, of->ns % 1000000000);
	}
}

static void write_states(const struct daemon *daemon, struct json_out *out)
{
	static const char *const states[] = { "defined", "running", "paused", "stopped", "failed" };

	family(out, "vms", "gauge", "Virtual machines by state.");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		unsigned int count = 0;

		list_each(link, &daemon->vms)
			count += !strcmp(vm_state_name(list_object(link, struct vm, link)), states[i]);
		put(out, "svmrund_vms{state=\"%s\"} %u\n", states[i], count);
	}
}

static void write_run_time(const struct daemon *daemon, struct json_out *out)
{
	char name[160];

	put(out, "# TYPE svmrund_vm_run_seconds counter\n# UNIT svmrund_vm_run_seconds seconds\n"
	    "# HELP svmrund_vm_run_seconds Time in state running.\n");
	list_each(link, &daemon->vms) {
		const struct vm *vm = list_object(link, struct vm, link);
		uint64_t ms = vm_run_time_ms(vm);

		put(out, "svmrund_vm_run_seconds_total{vm=\"%" PRIu64 "\",name=\"%s\"} %" PRIu64
		    ".%03" PRIu64 "\n", vm->number, label(name, vm->name), ms / 1000, ms % 1000);
	}
}

static void write_memory(const struct daemon *daemon, struct json_out *out)
{
	char name[160];

	single(out, "resident_memory_bytes", "gauge", "Memory of the daemon.", resident_bytes());
	single(out, "templates", "gauge", "Loaded templates.", daemon->template_count);
	single(out, "template_memory_bytes", "gauge", "Images of loaded templates.",
	       daemon->template_bytes);
	family(out, "vm_memory_bytes", "gauge", "Guest memory, whether it was touched or not.");
	list_each(link, &daemon->vms) {
		const struct vm *vm = list_object(link, struct vm, link);

		if (vm->template)
			put(out, "svmrund_vm_memory_bytes{vm=\"%" PRIu64 "\",name=\"%s\"} %" PRIu64
			    "\n", vm->number, label(name, vm->name), vm->template->memory_bytes);
	}
}

/* One sample of a vCPU's counters; the family's lines stand in front of all of them. */
typedef void sample_fn(struct json_out *out, const struct vcpu *vcpu, const char *name,
		       const struct svmrt_stats *stats);

static void each_vcpu(struct daemon *daemon, struct json_out *out, sample_fn *sample)
{
	list_each(link, &daemon->vms) {
		const struct vm *vm = list_object(link, struct vm, link);
		char name[160];

		label(name, vm->name);
		for (unsigned int i = 0; i < vm->vcpu_count; i++) {
			struct svmrt_stats stats;

			if (!daemon->engine->stats(vm->vcpus[i]->fd, &stats))
				sample(out, vm->vcpus[i], name, &stats);
		}
	}
}

static void sample_exits(struct json_out *out, const struct vcpu *vcpu, const char *name,
			 const struct svmrt_stats *stats)
{
	for (unsigned int slot = 0; slot < SVMRT_SLOTS; slot++) {
		const struct svm_exit_info *row;

		if (!stats->exits[slot])
			continue;
		row = svm_exit_by_code(svm_slot_code(slot));
		put(out, "svmrund_vm_exits_total{vm=\"%" PRIu64 "\",name=\"%s\",vcpu=\"%u\",exit=\"%s\","
		    "code=\"0x%" PRIx64 "\"} %" PRIu64 "\n", vcpu->vm->number, name, vcpu->index,
		    row ? row->name : "unknown", svm_slot_code(slot), (uint64_t)stats->exits[slot]);
	}
}

#define SAMPLE(function, metric, value) \
	static void function(struct json_out *out, const struct vcpu *vcpu, const char *name, \
			     const struct svmrt_stats *stats) \
	{ \
		put(out, "svmrund_" metric "_total{vm=\"%" PRIu64 "\",name=\"%s\",vcpu=\"%u\"} %" PRIu64 \
		    "\n", vcpu->vm->number, name, vcpu->index, (uint64_t)(value)); \
	}

SAMPLE(sample_entries, "vm_entries", stats->entries)
SAMPLE(sample_events, "vm_events", stats->events)
SAMPLE(sample_drops, "vm_ring_dropped", stats->events_dropped)

static void write_vcpus(struct daemon *daemon, struct json_out *out)
{
	family(out, "vm_exits", "counter", "Exits that the guest caused, by code.");
	each_vcpu(daemon, out, sample_exits);
	family(out, "vm_entries", "counter", "VMRUN instructions.");
	each_vcpu(daemon, out, sample_entries);
	family(out, "vm_events", "counter", "Events that the policy streams, told or dropped.");
	each_vcpu(daemon, out, sample_events);
	family(out, "vm_ring_dropped", "counter", "Events that found a ring full.");
	each_vcpu(daemon, out, sample_drops);
}

void metrics_write(struct daemon *daemon, struct json_out *out)
{
	family(out, "build", "info", "Version and engine.");
	put(out, "svmrund_build_info{version=\"" PACKAGE_VERSION "\",engine=\"%s\"} 1\n",
	    daemon->engine->name);
	write_clients(daemon, out);
	write_latencies(&daemon->metrics, out);
	single(out, "events", "counter", "Event records taken from the rings.",
	       daemon->metrics.events);
	single(out, "subscription_drops", "counter",
	       "Events that subscriptions missed and were told about.",
	       daemon->metrics.subscription_drops);
	write_states(daemon, out);
	write_run_time(daemon, out);
	write_memory(daemon, out);
	write_vcpus(daemon, out);
	put(out, "# EOF\n");
}
