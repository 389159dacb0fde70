/* SPDX-License-Identifier: MIT */
/*
 * Registers of a vCPU that is not in RUN: for the loop while it has no thread or its thread is parked,
 * and for that thread itself.
 */
#ifndef SVMRUND_VCPU_STATE_H
#define SVMRUND_VCPU_STATE_H

#include <stdbool.h>
#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>

#include "engine.h"

struct vcpu;

struct vcpu_state {
	struct svmk_vmcb vmcb;
	struct svmrt_vcpu_state page;
	uint64_t gpr[16];	/* RAX and RSP included */
	bool inputs;		/* after SHUTDOWN or INVALID: as before that VMRUN */
};

/* 0, or -1 and errno. */
int vcpu_state_read(const struct vcpu *vcpu, struct vcpu_state *state);
/* For the next RUN: all general registers, and RIP unless it is NULL. */
void vcpu_state_write(struct vcpu *vcpu, const uint64_t gpr[16], const uint64_t *rip);

/* All of it at once, as far as the module takes it; a pending event is dropped. 0 or -1. */
int vcpu_state_replace(struct vcpu *vcpu, struct vcpu_state *state, struct engine_error *error);

#endif
