/* SPDX-License-Identifier: MIT */
/*
 * svmctl top: rates of every VM, live, and of one VM by reason, port, MSR and page. Reads like any
 * observer; the guests do not notice.
 */
#include <string.h>
#include <unistd.h>
#include "ctl.h"
#include "text.h"
#include "top_screen.h"

static struct {
	int64_t interval_ns;
} o = { .interval_ns = 1000000000 };

static const struct ctl_option options[] = {
	{ 'i', "interval", CTL_TIME, "TIME", &o.interval_ns, "time between readings (default 1s)" },
	{ 0 },
};

static const char help[] =
	"Show the VMs with their exits, entries and events a second, and with Enter, or for VM (a number\n"
	"or a name), one VM's exits by reason, port, MSR and page. Keys: arrows or j k choose, Enter\n"
	"opens, Esc goes back, s sorts, f filters by name, t switches between rates and totals, Space\n"
	"reads now, q quits.\n";

static enum rpc_status read_vms(struct rpc *rpc, struct top_view *view, const cJSON *vms)
{
	const cJSON *vm;

	cJSON_ArrayForEach(vm, vms) {
		long number = (long)json_number(vm, "vm", 0);
		cJSON *answer;
		enum rpc_status status = rpc_call(rpc, "stats.get", ctl_vm_params(number), &answer);
		bool taken = true;

		/* Destroyed since it was listed. */
		if (status == RPC_REFUSED)
			continue;
		if (status != RPC_OK)
			return status;
		taken = top_view_vm(view, number, json_text(vm, "name", "?"),
				    json_text(vm, "state", "?"), answer);
		cJSON_Delete(answer);
		if (!taken)
			return rpc_broken(rpc, "out of memory");
	}
	return RPC_OK;
}

static enum rpc_status read_all(struct rpc *rpc, struct top_view *view, double seconds)
{
	cJSON *list;
	enum rpc_status status = rpc_call(rpc, "vm.list", NULL, &list);

	if (status != RPC_OK)
		return status;
	top_view_begin(view, seconds);
	status = read_vms(rpc, view, json_member(list, "vms"));
	top_view_end(view);
	cJSON_Delete(list);
	return status;
}

static enum rpc_status live(struct rpc *rpc, struct top_view *view)
{
	int64_t read_at = rpc_now(), now;
	enum rpc_status status = read_all(rpc, view, 0);

	while (status == RPC_OK) {
		enum top_answer answer = TOP_GO_ON;
		int64_t left = o.interval_ns - (rpc_now() - read_at);
		int key;

		top_screen_draw(view);
		key = top_screen_key(left > 0 ? (int)((left + 999999) / 1000000) : 0);
		if (key >= 0)
			answer = top_view_key(view, key, top_screen_page());
		if (answer == TOP_QUIT)
			return RPC_OK;
		now = rpc_now();
		if (answer == TOP_READ_NOW || now - read_at >= o.interval_ns) {
			status = read_all(rpc, view, (double)(now - read_at) / 1e9);
			read_at = now;
		}
		if (rpc_signal(rpc))
			return RPC_INTERRUPTED;
	}
	return status;
}

static int command_top(int count, char **operands)
{
	struct top_view view = { .vms = NULL };
	int exit_status = CTL_OK;
	enum rpc_status status;
	struct rpc *rpc;

	if (o.interval_ns < 100000000 || o.interval_ns > 3600000000000) {
		ctl_say("--interval: between 100ms and 1h");
		return CTL_USAGE;
	}
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)) {
		ctl_say("top needs a terminal; `svmctl stat --interval` prints lines");
		return CTL_ERROR;
	}
	rpc = ctl_connect();
	if (!rpc)
		return CTL_ERROR;
	if (count) {
		view.detail = ctl_find_vm(rpc, operands[0], &exit_status);
		if (view.detail < 0) {
			rpc_close(rpc);
			return exit_status;
		}
	}
	if (top_screen_open()) {
		ctl_say("the terminal's kind (TERM) is not known");
		rpc_close(rpc);
		return CTL_ERROR;
	}
	status = live(rpc, &view);
	top_screen_close();
	if (status != RPC_OK)
		exit_status = ctl_fail(rpc, status);
	top_view_free(&view);
	rpc_close(rpc);
	return exit_status;
}

const struct ctl_command ctl_top = {
	"top", "[VM]", 0, 1, "show VMs and their exits live", help, options, command_top,
};
