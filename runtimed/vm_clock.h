/* SPDX-License-Identifier: MIT */
/*
 * Guest time: nanoseconds that the VM has run. It stands still until the VM starts and while it is
 * paused. Every clock that the daemon shows to a guest is derived from it. With the bus's lock.
 */
#ifndef SVMRUND_VM_CLOCK_H
#define SVMRUND_VM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

struct vm_clock {
	bool running;
	uint64_t stopped_ns;	/* while it does not run: what it shows */
	uint64_t zero_ns;	/* while it runs: host time (CLOCK_MONOTONIC) when it would show 0 */
};

uint64_t vm_clock_ns(const struct vm *vm);
/* The host's time at that guest time, if it goes on running. */
uint64_t vm_clock_host_ns(const struct vm *vm, uint64_t guest_ns);
void vm_clock_start(struct vm *vm);
void vm_clock_stop(struct vm *vm);

#endif
