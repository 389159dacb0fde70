/* SPDX-License-Identifier: MIT */
/*
 * A debugger on a vCPU: what vcpu.debug asks for, and what stopped it. A stop of one vCPU pauses the
 * whole VM, so that everything that holds for a paused VM holds here, too.
 */
#ifndef SVMRUND_VCPU_DEBUG_H
#define SVMRUND_VCPU_DEBUG_H

#include <cjson/cJSON.h>
#include "vcpu.h"

#define VCPU_DEBUG_SLOTS 4

/* Fills SVMRT_DEBUG_HW, dr and dr7 from [{"at":A,"kind":K,"bytes":N}]; NULL, or what is wrong. */
const char *vcpu_debug_hardware(struct svmrt_vcpu_debug *debug, const cJSON *array);
/* {"vcpu":N,"step":B,"break":B,"hardware":[slots]} of the vCPU that stopped the VM, or null. */
cJSON *vcpu_debug_json(const struct vm *vm);
/* A vCPU of the VM has stopped in its debugger since it was resumed. */
bool vcpu_debug_is_hit(const struct vm *vm);
/* Forgets what stopped them: before they run on. */
void vcpu_debug_forget(struct vm *vm);

#endif
