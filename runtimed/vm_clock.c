/* SPDX-License-Identifier: MIT */
/* Guest time from CLOCK_MONOTONIC, which the module's local APICs count by, too. */
#include <time.h>
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

void vm_clock_start(struct vm *vm)
{
	vm->clock.zero_ns = host_ns() - vm->clock.stopped_ns;
	vm->clock.running = true;
}

void vm_clock_stop(struct vm *vm)
{
	vm->clock.stopped_ns = vm_clock_ns(vm);
	vm->clock.running = false;
}
