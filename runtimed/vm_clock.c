/* SPDX-License-Identifier: MIT */
/* Guest time from CLOCK_MONOTONIC, which the module's local APICs count by, too. */
#include <time.h>
#include "log.h"
#include "vm.h"
#include "vm_clock.h"

static uint64_t host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t vm_clock_ns(const struct vm *vm)
{
	const struct vm_clock *clock = &vm->clock;

	return clock->running ? host_ns() - clock->zero_ns : clock->stopped_ns;
}

uint64_t vm_clock_host_ns(const struct vm *vm, uint64_t guest_ns)
{
	return vm->clock.zero_ns + guest_ns;
}

/*
 * The module's part of guest time; the moment when it stopped or went on, by the host's clock. A VM that
 * was never paused, and an engine that runs no guests, have none to stop.
 */
static uint64_t tell_module(struct vm *vm, enum svmrt_time_op op)
{
	const struct engine *engine = vm->daemon->engine;
	struct engine_error error;
	uint64_t ns = host_ns();

	if (!engine->time || (op != SVMRT_TIME_STOP && !vm->clock.frozen))
		return ns;
	if (engine->time(vm->fd, op, &ns, &error))
		log_line(LOG_WARNING, "VM %llu: its TSC and APIC timers do not follow its other clocks: %s",
			 (unsigned long long)vm->number, error.text);
	else
		vm->clock.frozen = op == SVMRT_TIME_STOP;
	return ns;
}

void vm_clock_start(struct vm *vm, bool jump)
{
	uint64_t now_ns = tell_module(vm, jump ? SVMRT_TIME_JUMP : SVMRT_TIME_GO);

	if (!jump)
		vm->clock.zero_ns = now_ns - vm->clock.stopped_ns;
	vm->clock.running = true;
}

void vm_clock_stop(struct vm *vm)
{
	vm->clock.stopped_ns = tell_module(vm, SVMRT_TIME_STOP) - vm->clock.zero_ns;
	vm->clock.running = false;
}
