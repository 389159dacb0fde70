/* SPDX-License-Identifier: MIT */
/*
 * NPF exits (APM volume 2, 15.25.6): EXITINFO1 is the page-fault error code, EXITINFO2 the guest
 * physical address. What the emulator does not know ends the run with the instruction's text.
 */
#include <stdio.h>
#include <string.h>
#include "emu_guest.h"
#include "mmio.h"

#define NPF_FETCH	(1ULL << 4)
#define NPF_TABLE_WALK	(1ULL << 33)	/* the fault was on the guest's page tables */
#define EV_VALID	(1ULL << 31)

static bool refuse(struct vcpu *vcpu, const char *what, const char *insn)
{
	const struct svmrt_run_page *run = vcpu->pages.run;

	vcpu->end.reason = VM_END_ERROR;
	snprintf(vcpu->end.text, sizeof(vcpu->end.text),
		 "%s%s%s at RIP 0x%llx, GPA 0x%llx: add memory there or change the guest", what,
		 insn[0] ? ": " : "", insn, (unsigned long long)run->rip,
		 (unsigned long long)run->exitinfo2);
	return false;
}

static bool refuse_undecoded(struct vcpu *vcpu)
{
	const struct svmrt_run_page *run = vcpu->pages.run;
	char bytes[3 * 15 + 1] = "";

	if (!run->insn_bytes)
		return refuse(vcpu, "access to an address without memory by an instruction that "
			      "could not be fetched", "");
	for (unsigned int i = 0; i < run->insn_bytes && i < 15; i++)
		snprintf(bytes + 3 * i, 4, "%02x ", run->insn[i]);
	return refuse(vcpu, "access to an address without memory by an instruction that cannot be "
		      "decoded, bytes", bytes);
}

bool mmio_handle_exit(struct vcpu *vcpu)
{
	const struct svmrt_run_page *run = vcpu->pages.run;
	struct emu emu;
	char text[96];

	if (run->exitinfo1 & NPF_FETCH)
		return refuse(vcpu, "instruction fetch from an address without memory", "");
	if (run->exitinfo1 & NPF_TABLE_WALK)
		return refuse(vcpu, "guest page tables at an address without memory", "");
	/* The access is the delivery's (a stack, IDT or GDT), not the instruction's. */
	if (run->exitintinfo & EV_VALID)
		return refuse(vcpu, "delivery of an interrupt or exception by way of an address without "
			      "memory", "");
	if (!emu_guest_decode(&emu, vcpu))
		return refuse_undecoded(vcpu);
	if (emu_guest_execute(&emu, vcpu, true))
		return true;
	emu_text(&emu, text, sizeof(text));
	return refuse(vcpu, emu.why ? emu.why : "access to an address without memory by an instruction "
		      "that svmrund does not emulate", text);
}
