/* SPDX-License-Identifier: MIT */
/*
 * The registers of a vCPU that does not run. The engine's image is what it holds; what the run page
 * still has for the next RUN (an exit that was finished, or vcpu.set) is newer and goes on top.
 */
#include "vcpu.h"
#include "vcpu_state.h"

#define GPR_RAX 0
#define GPR_RSP 4

int vcpu_state_read(const struct vcpu *vcpu, struct vcpu_state *state)
{
	const struct svmrt_run_page *run = vcpu->pages.run;
	struct svmrt_vcpu_image image = {
		.vmcb = (uintptr_t)&state->vmcb, .state = (uintptr_t)&state->page,
	};

	if (vcpu->vm->daemon->engine->image(vcpu->fd, &image))
		return -1;
	state->inputs = image.flags & SVMRT_IMAGE_INPUTS;
	for (unsigned int i = 0; i < 16; i++)
		state->gpr[i] = i == GPR_RAX ? vmcb_get_RAX(&state->vmcb) :
			i == GPR_RSP ? vmcb_get_RSP(&state->vmcb) : state->page.gpr[i];
	if (run->dirty & SVMRT_DIRTY_GPR) {
		for (unsigned int i = 0; i < 16; i++)
			state->gpr[i] = run->gpr[i];
		vmcb_set_RAX(&state->vmcb, run->gpr[GPR_RAX]);
		vmcb_set_RSP(&state->vmcb, run->gpr[GPR_RSP]);
	}
	if (run->dirty & SVMRT_DIRTY_RIP)
		vmcb_set_RIP(&state->vmcb, run->rip);
	return 0;
}

void vcpu_state_write(struct vcpu *vcpu, const uint64_t gpr[16], const uint64_t *rip)
{
	struct svmrt_run_page *run = vcpu->pages.run;

	for (unsigned int i = 0; i < 16; i++)
		run->gpr[i] = gpr[i];
	run->dirty |= SVMRT_DIRTY_GPR;
	if (!rip)
		return;
	run->rip = *rip;
	run->dirty |= SVMRT_DIRTY_RIP;
}

int vcpu_state_replace(struct vcpu *vcpu, struct vcpu_state *state, struct engine_error *error)
{
	struct svmrt_vcpu_set_image image = {
		.vmcb = (uintptr_t)&state->vmcb, .state = (uintptr_t)&state->page,
	};

	for (unsigned int i = 0; i < 16; i++)
		state->page.gpr[i] = i == GPR_RAX || i == GPR_RSP ? 0 : state->gpr[i];
	vmcb_set_RAX(&state->vmcb, state->gpr[GPR_RAX]);
	vmcb_set_RSP(&state->vmcb, state->gpr[GPR_RSP]);
	if (vcpu->vm->daemon->engine->set_image(vcpu->fd, &image, error))
		return -1;
	/* What the run page still had for the next RUN is in the image now. */
	vcpu->pages.run->dirty &= ~(SVMRT_DIRTY_GPR | SVMRT_DIRTY_RIP);
	return 0;
}
