/* SPDX-License-Identifier: MIT */
/* The emulator on a vCPU that has left RUN: registers from its run page and back into it. */
#ifndef SVMRUND_EMU_GUEST_H
#define SVMRUND_EMU_GUEST_H

#include "emu.h"
#include "vcpu.h"

/* False: the bytes in the run page are no instruction. */
bool emu_guest_decode(struct emu *emu, struct vcpu *vcpu);
/*
 * The instruction, or some iterations of it, or an exception: what the next RUN is to take is in the
 * run page. False: not emulated. `known_gpa`: EXITINFO2 is where the access failed.
 */
bool emu_guest_execute(struct emu *emu, struct vcpu *vcpu, bool known_gpa);

#endif
