/* SPDX-License-Identifier: MIT */
/*
 * What every device of a VM has: a place in the VM's list, and callbacks for the VM's life. Ranges,
 * lines and timers are embedded in it as it needs them (bus.h, irq.h, device_thread.h). A device is
 * made while its VM is built and freed with it; callbacks have the bus's lock, but `free` has not.
 */
#ifndef SVMRUND_DEVICE_H
#define SVMRUND_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include "bus.h"
#include "device_thread.h"
#include "irq.h"
#include "list.h"
#include "vm_end.h"

struct vcpu;

struct device {
	struct list link;
	struct vm *vm;
	const char *name;		/* for people; static text */
	bool ticks;			/* it has periodic interrupts, */
	uint64_t missed_ticks;		/* of which so many were merged with another */
	void (*free)(struct device *device);
	/* NULL: nothing to do. Guest time stands still, no vCPU runs; it goes on after `resume`. */
	void (*pause)(struct device *device);
	void (*resume)(struct device *device);
};

/* The VM takes the device. */
void device_add(struct vm *vm, struct device *device);
void device_free_all(struct vm *vm);
void device_pause_all(struct vm *vm);
void device_resume_all(struct vm *vm);

/*
 * The run ends. Called by a vCPU's access, that vCPU leaves after its instruction; the others are
 * stopped. The first call of a run counts. `text` is copied.
 */
void device_end_run(struct device *device, enum vm_end_reason reason, uint32_t status,
		    const char *text);
/* vCPU thread: whether an access of its own ended the run; then vcpu->end is filled. */
bool device_ended_run(struct vcpu *vcpu);
/* Loop: whether the device thread ended the run; then vm->end is filled, once. */
bool device_ended_run_itself(struct vm *vm);

#endif
