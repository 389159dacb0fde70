/* SPDX-License-Identifier: MIT */
/*
 * Finishes IOIO exits (APM volume 2, 15.10.2): EXITINFO1 describes the access, EXITINFO2 is the rIP
 * of the next instruction. String instructions are not emulated and end the run with a clear text.
 */
#include <stdio.h>
#include <string.h>
#include "bus.h"
#include "io.h"
#include "vcpu.h"

#define IOIO_IN		(1u << 0)
#define IOIO_STR	(1u << 2)
#define IOIO_REP	(1u << 3)
#define IOIO_BYTES(info) ((unsigned int)((info) >> 4) & 7)	/* SZ8, SZ16, SZ32: 1, 2, 4 */
#define IOIO_PORT(info)	((uint16_t)((info) >> 16))

/* AL and AX leave the rest of RAX alone; EAX clears its upper half. */
static uint64_t merge_rax(uint64_t rax, uint32_t value, unsigned int bytes)
{
	switch (bytes) {
	case 1: return (rax & ~0xffULL) | (value & 0xff);
	case 2: return (rax & ~0xffffULL) | (value & 0xffff);
	default: return value;
	}
}

bool io_handle_exit(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	uint64_t info = run->exitinfo1;
	unsigned int bytes = IOIO_BYTES(info);
	uint16_t port = IOIO_PORT(info);

	if (info & IOIO_STR || (bytes != 1 && bytes != 2 && bytes != 4)) {
		vcpu->end.reason = VM_END_ERROR;
		snprintf(vcpu->end.text, sizeof(vcpu->end.text),
			 "%s%s on port 0x%x at RIP 0x%llx: svmrund does not emulate string I/O; "
			 "use IN and OUT, or skip or stop for this exit in the spec",
			 info & IOIO_REP ? "REP " : "", info & IOIO_IN ? "INS" : "OUTS", port,
			 (unsigned long long)run->rip);
		return false;
	}
	if (info & IOIO_IN)
		run->gpr[0] = merge_rax(run->gpr[0],
					(uint32_t)bus_read(vcpu->vm, BUS_PORT, port, bytes), bytes);
	else
		bus_write(vcpu->vm, BUS_PORT, port, bytes, run->gpr[0]);
	run->rip = run->exitinfo2;
	run->dirty |= SVMRT_DIRTY_RIP | (info & IOIO_IN ? SVMRT_DIRTY_GPR : 0);
	return true;
}
