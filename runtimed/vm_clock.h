/* SPDX-License-Identifier: MIT */
/*
 * Guest time: nanoseconds that the VM has run. It stands still until the VM starts, while it is paused
 * and after its end, together with the TSCs and APIC timers in the module: both stop and go on at one
 * moment, which the module tells. Every clock that the daemon shows to a guest is derived from it. With
 * the bus's lock.
 */
#ifndef SVMRUND_VM_CLOCK_H
#define SVMRUND_VM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

struct vm_clock {
	bool running, frozen;	/* frozen: the module's part stands still */
	uint64_t stopped_ns;	/* while it does not run: what it shows */
	uint64_t zero_ns;	/* while it runs: host time (CLOCK_MONOTONIC) when it would show 0 */
};

uint64_t vm_clock_ns(const struct vm *vm);
/* The host's time at that guest time, if it goes on running. */
uint64_t vm_clock_host_ns(const struct vm *vm, uint64_t guest_ns);
/* `jump`: it goes on as if it had never stopped. */
void vm_clock_start(struct vm *vm, bool jump);
void vm_clock_stop(struct vm *vm);

#endif
