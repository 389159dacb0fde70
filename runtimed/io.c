/* SPDX-License-Identifier: MIT */
/*
 * Finishes IOIO exits (APM volume 2, 15.10.2): EXITINFO1 describes the access, EXITINFO2 is the rIP
 * of the next instruction. INS and OUTS go through the emulator, since their other end is memory.
 */
#include <stdio.h>
#include <string.h>
#include "bus.h"
#include "emu_guest.h"
#include "io.h"

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

static bool refuse(struct vcpu *vcpu, const char *why)
{
	const struct svmrt_run_page *run = vcpu->pages.run;

	vcpu->end.reason = VM_END_ERROR;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text), "%s%s on port 0x%x at RIP 0x%llx: %s",
		 run->exitinfo1 & IOIO_REP ? "REP " : "", run->exitinfo1 & IOIO_IN ? "INS" : "OUTS",
		 IOIO_PORT(run->exitinfo1), (unsigned long long)run->rip, why);
	return false;
}

static bool handle_string(struct vcpu *vcpu)
{
	struct emu emu;

	if (!emu_guest_decode(&emu, vcpu) ||
	    emu.insn.meta.category != ZYDIS_CATEGORY_IOSTRINGOP)
		return refuse(vcpu, "the bytes there are not that instruction");
	if (emu_guest_execute(&emu, vcpu, false))
		return true;
	return refuse(vcpu, emu.why ? emu.why : "not emulated");
}

bool io_handle_exit(struct vcpu *vcpu)
{
	struct svmrt_run_page *run = vcpu->pages.run;
	uint64_t info = run->exitinfo1;
	unsigned int bytes = IOIO_BYTES(info);
	uint16_t port = IOIO_PORT(info);

	if (info & IOIO_STR)
		return handle_string(vcpu);
	if (info & IOIO_IN)
		run->gpr[0] = merge_rax(run->gpr[0],
					(uint32_t)bus_read(vcpu->vm, BUS_PORT, port, bytes), bytes);
	else
		bus_write(vcpu->vm, BUS_PORT, port, bytes, run->gpr[0]);
	run->rip = run->exitinfo2;
	run->dirty |= SVMRT_DIRTY_RIP | (info & IOIO_IN ? SVMRT_DIRTY_GPR : 0);
	return true;
}
