/* SPDX-License-Identifier: MIT */
/*
 * svmctl stat: exits of a VM by reason and, below that, by port, MSR and page; once, or every
 * interval with what has come since.
 */
#include <string.h>
#include "counters.h"
#include "ctl.h"
#include "text.h"

static struct {
	bool json;
	int64_t interval_ns;
	uint64_t count;
	uint64_t rows;
} o = { .rows = 10 };

static const struct ctl_option options[] = {
	{ 'i', "interval", CTL_TIME, "TIME", &o.interval_ns,
	  "print what has come since, every TIME, until the VM ends" },
	{ 'c', "count", CTL_NUMBER, "N", &o.count, "end after N intervals" },
	{ 'r', "rows", CTL_NUMBER, "N", &o.rows,
	  "ports, MSRs and pages of each reason that are shown\n(default 10; 0: all)" },
	{ 'j', "json", CTL_FLAG, NULL, &o.json, "the daemon's answers as JSON, one a line" },
	{ 0 },
};

static const char help[] =
	"Show how often VM (a number or a name) has exited, by reason, the most frequent first; below\n"
	"IOIO by port, below MSR by MSR, below NPF by page. What the host caused is apart from that, and so are\n"
	"periods of timers that were missed: each is part of the next interrupt of its timer.\n";

static void cell_count(char *text, size_t size, const struct counter *row, double seconds)
{
	if (seconds > 0)
		snprintf(text, size, "%.0f", row->delta / seconds);
	else
		snprintf(text, size, "-");
}

static void add_row(struct table *table, const char *name, const struct counter *row, double total,
		    double seconds)
{
	char count[32], rate[32], share[16] = "";

	snprintf(count, sizeof(count), "%.0f", row->delta);
	cell_count(rate, sizeof(rate), row, seconds);
	if (total > 0)
		snprintf(share, sizeof(share), "%.1f", 100 * row->delta / total);
	if (seconds > 0)
		table_row(table, name, count, share, rate);
	else
		table_row(table, name, count, share);
}

/* Ports below IOIO and so on, and how many were left out. */
static void add_finer(struct table *table, const struct counters *counters, const char *parent,
		      double total, double seconds)
{
	char name[64];
	struct counter rest = { .delta = 0 };
	uint64_t shown = 0;

	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *row = &counters->rows[i];
		const char *of = counter_parent(row->kind);

		if (!of || strcmp(of, parent) || row->delta == 0)
			continue;
		if (o.rows && shown >= o.rows) {
			rest.delta += row->delta;
			continue;
		}
		snprintf(name, sizeof(name), "  %s %s", counter_kind_name(row->kind), row->name);
		add_row(table, name, row, total, seconds);
		shown++;
	}
	if (rest.delta > 0)
		add_row(table, "  (others)", &rest, total, seconds);
}

static void print_counters(struct counters *counters, double seconds)
{
	double total = counters_sum(counters, COUNTER_EXIT, true);
	struct table table;

	counters_sort(counters);
	table_begin(&table, seconds > 0 ? "EXIT|>COUNT|>%|>PER SECOND" : "EXIT|>COUNT|>%");
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *row = &counters->rows[i];

		if (row->kind != COUNTER_EXIT || row->delta == 0)
			continue;
		add_row(&table, row->name, row, total, seconds);
		add_finer(&table, counters, row->name, total, seconds);
	}
	add_row(&table, "all exits", &(struct counter){ .delta = total }, total, seconds);
	for (size_t i = 0; i < counters->count; i++) {
		const struct counter *row = &counters->rows[i];
		char name[64];

		if (row->kind < COUNTER_HOST || row->delta == 0)
			continue;
		if (row->kind == COUNTER_TOTAL)
			snprintf(name, sizeof(name), "%s", row->name);
		else
			snprintf(name, sizeof(name), "%s %s", counter_kind_name(row->kind), row->name);
		add_row(&table, name, row, 0, seconds);
	}
	table_end(&table, stdout);
}

struct watch {
	struct rpc *rpc;
	long vm;
	struct counters before;
	int64_t read_at;
	bool ended;
};

/* One reading, printed; the first of a series only sets the base. */
static int show(struct watch *watch, bool print)
{
	cJSON *answer;
	enum rpc_status status = rpc_call(watch->rpc, "vm.info", ctl_vm_params(watch->vm), &answer);
	int64_t now = rpc_now();
	struct counters counters;
	const char *state;

	if (status != RPC_OK)
		return ctl_fail(watch->rpc, status);
	state = json_text(answer, "state", "");
	watch->ended = !strcmp(state, "stopped") || !strcmp(state, "failed");
	counters_read(&counters, answer);
	counters_since(&counters, o.interval_ns ? &watch->before : NULL);
	if (print && o.json) {
		ctl_print_json(answer);
	} else if (print) {
		print_counters(&counters, o.interval_ns ? (double)(now - watch->read_at) / 1e9 : 0);
		if (o.interval_ns)
			putchar('\n');
	}
	cJSON_Delete(answer);
	counters_free(&watch->before);
	watch->before = counters;
	watch->read_at = now;
	return ctl_flush();
}

/* Wait one interval; notifications do not come on this connection. */
static int pause_for(struct watch *watch, int64_t until)
{
	struct rpc_note *note = NULL;
	enum rpc_status status;

	do {
		rpc_note_free(note);
		status = rpc_next(watch->rpc, until, &note);
	} while (status == RPC_OK);
	return status == RPC_TIMEOUT ? CTL_OK : ctl_fail(watch->rpc, status);
}

static int repeat(struct watch *watch)
{
	int exit_status = show(watch, false);
	int64_t next = watch->read_at;

	for (uint64_t n = 0; exit_status == CTL_OK && !watch->ended && (!o.count || n < o.count); n++) {
		next += o.interval_ns;
		if (next < rpc_now())
			next = rpc_now();	/* a slow daemon: no burst of readings afterwards */
		exit_status = pause_for(watch, next);
		if (exit_status == CTL_OK)
			exit_status = show(watch, true);
	}
	return exit_status;
}

static int command_stat(int count, char **operands)
{
	struct watch watch = { .rpc = ctl_connect(), .vm = -1 };
	int exit_status = CTL_ERROR;

	(void)count;
	if (!watch.rpc)
		return CTL_ERROR;
	rpc_catch_signals(watch.rpc);
	watch.vm = ctl_find_vm(watch.rpc, operands[0], &exit_status);
	if (watch.vm >= 0)
		exit_status = o.interval_ns ? repeat(&watch) : show(&watch, true);
	counters_free(&watch.before);
	rpc_close(watch.rpc);
	return exit_status;
}

const struct ctl_command ctl_stat = {
	"stat", "VM", 1, 1, "count exits by reason, port, MSR and page", help, options, command_stat,
};
