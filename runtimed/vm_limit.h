/* SPDX-License-Identifier: MIT */
/* Limits of a run (struct vm_limits), watched by the tick. Loop thread only. */
#ifndef SVMRUND_VM_LIMIT_H
#define SVMRUND_VM_LIMIT_H

#include "vm.h"

void vm_limits_begin(struct vm *vm);	/* at start and at resume */
void vm_limits_pause(struct vm *vm);	/* the VM is paused, or has ended, from now on */
uint64_t vm_run_time_ms(const struct vm *vm);	/* in state running */
/* Ends a run that met a limit. True: more to watch. */
bool vm_limits_tick(struct vm *vm);

#endif
