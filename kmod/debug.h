/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A debugger on a vCPU: single step, breakpoints in DR0-3, INT3. After every exit the VMCB holds the
 * guest's own TF, DR6 and DR7 again, so no other file needs to know.
 */
#ifndef SVMRT_DEBUG_H
#define SVMRT_DEBUG_H

#include "svmrt_priv.h"

extern bool svmrt_on_tcg;	/* QEMU's emulation, some of whose SVM needs care */
void svmrt_debug_init(struct svmrt_vcpu *vcpu);
int svmrt_debug_set(struct svmrt_vcpu *vcpu, struct svmrt_vcpu_debug *arg);

/* Around a VMRUN of a vCPU with SVMRT_HOOK_DEBUG; IRQs off. `after` handles the exit. */
void svmrt_debug_before(struct svmrt_vcpu *vcpu);
enum svmrt_leave svmrt_debug_after(struct svmrt_vcpu *vcpu);

/* The module stepped over an instruction: the step is done. */
void svmrt_debug_skipped(struct svmrt_vcpu *vcpu);

/* User space went on behind an exit: the instruction is done, with what follows from TF. */
void svmrt_debug_user_finished(struct svmrt_vcpu *vcpu);

/* Control words 0 to 3: what the template wants, and what the module needs now. */
void svmrt_intercepts_update(struct svmrt_vcpu *vcpu);

#endif
