/* SPDX-License-Identifier: MIT */
/* Why a run ended: filled by a vCPU thread or a device, told to clients as END. */
#ifndef SVMRUND_VM_END_H
#define SVMRUND_VM_END_H

#include <stdbool.h>
#include <stdint.h>

enum vm_end_reason {
	VM_END_NONE,		/* left RUN because it was asked to */
	VM_END_STOP, VM_END_SHUTDOWN, VM_END_INVALID, VM_END_BROKEN, VM_END_ERROR,
	VM_END_REQUESTED, VM_END_DEBUG_EXIT, VM_END_LIMIT, VM_END_POWER_OFF, VM_END_RESET,
};

struct vm_end {
	enum vm_end_reason reason;
	unsigned int vcpu;
	bool has_exit;		/* code and rip mean something */
	uint64_t code, rip;
	uint32_t status;	/* VM_END_DEBUG_EXIT: what the guest wrote */
	const char *limit;	/* VM_END_LIMIT: its name, static text */
	char text[320];
};

#endif
