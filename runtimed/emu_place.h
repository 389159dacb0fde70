/* SPDX-License-Identifier: MIT */
/* Where a vCPU's emulated instruction has its operands; emu.data points to it. */
#ifndef SVMRUND_EMU_PLACE_H
#define SVMRUND_EMU_PLACE_H

#include "emu.h"
#include "vcpu.h"

/* Pages of iterations before, by what they are for; the guest is out meanwhile. */
struct known_page {
	uint64_t linear, gpa;
	bool valid;
};

struct place {
	struct vcpu *vcpu;
	struct svmrt_run_page *run;
	struct known_page known[2];	/* to read, to write */
	bool hinted;			/* EXITINFO2 is where the only operand is */
	bool apic_written;
};

extern const struct emu_ops emu_place_ops;

#endif
