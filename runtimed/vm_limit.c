/* SPDX-License-Identifier: MIT */
/*
 * The limits of a run, looked at with every tick of the loop: a run may go on for one tick after it
 * met one. Time counts while the VM runs, not while it is paused.
 */
#include <stdio.h>
#include "vcpu.h"
#include "vm_limit.h"

uint64_t vm_run_time_ms(const struct vm *vm)
{
	if (!vm_is_running(vm) || vm->state == VM_PAUSED)
		return vm->ran_ms;
	return vm->ran_ms + daemon_now_ms(vm->daemon) - vm->resumed_ms;
}

static uint64_t exits(const struct vm *vm)
{
	struct svmrt_stats stats;
	uint64_t count = 0;

	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		if (vm->daemon->engine->stats(vm->vcpus[i]->fd, &stats))
			continue;
		for (unsigned int slot = 0; slot < SVMRT_SLOTS; slot++)
			count += stats.exits[slot];
	}
	return count;
}

static void end_run(struct vm *vm, const char *limit, uint64_t value, const char *what)
{
	vm->end.reason = VM_END_LIMIT;
	vm->end.limit = limit;
	snprintf(vm->end.text, sizeof(vm->end.text), "limit %s of vm.create: %llu %s", limit,
		 (unsigned long long)value, what);
	vm_request_stop(vm);
}

void vm_limits_begin(struct vm *vm)
{
	vm->resumed_ms = daemon_now_ms(vm->daemon);
	if (vm->limits.run_time_ms || vm->limits.exits)
		daemon_need_tick(vm->daemon);
}

void vm_limits_pause(struct vm *vm)
{
	vm->ran_ms += daemon_now_ms(vm->daemon) - vm->resumed_ms;
}

bool vm_limits_tick(struct vm *vm)
{
	const struct vm_limits *limits = &vm->limits;

	if (vm->state != VM_RUNNING || (!limits->run_time_ms && !limits->exits))
		return false;
	if (limits->run_time_ms && vm_run_time_ms(vm) >= limits->run_time_ms)
		end_run(vm, "run_time_ms", limits->run_time_ms, "milliseconds of run time");
	else if (limits->exits && exits(vm) >= limits->exits)
		end_run(vm, "exits", limits->exits, "exits of its vCPUs");
	return true;
}
