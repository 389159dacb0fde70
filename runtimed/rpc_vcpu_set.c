/* SPDX-License-Identifier: MIT */
/*
 * vcpu.set: what the module takes from the run page at the next RUN, which is the general registers
 * and RIP. A request sets all registers that it names, or none.
 */
#include <errno.h>
#include <string.h>
#include "rpc_handlers.h"
#include "tables.h"
#include "vcpu.h"
#include "vcpu_state.h"

static int find_gpr(const char *name)
{
	for (int i = 0; i < 16; i++)
		if (!strcmp(svmrt_gpr_name[i], name))
			return i;
	return -1;
}

/* Puts the new values over the old ones. False: the request is answered. */
static bool take_registers(struct rpc_request *request, uint64_t gpr[16], uint64_t *rip)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, request->args[2].json) {
		int number = find_gpr(member->string);
		uint64_t *to = number >= 0 ? &gpr[number] : rip;

		if (number < 0 && strcmp(member->string, "rip")) {
			rpc_fail_param(request, "regs", "vcpu.set: %.64s cannot be set: the "
				       "general registers (rax ... r15) and rip can; write other "
				       "state in the spec", member->string);
			return false;
		}
		rpc_u64(member, to);
	}
	return true;
}

/* Before its first RUN and while it is parked, a vCPU will still take what is set. */
static bool can_be_set(struct rpc_request *request, const struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;

	if (vm->state == VM_DEFINED || vm->state == VM_PAUSED)
		return true;
	rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: no vcpu.set; registers can be set "
		 "before vm.start and while the VM is paused", (unsigned long long)vm->number,
		 vm_state_name(vm));
	return false;
}

void rpc_vcpu_set(struct rpc_request *request)
{
	struct vcpu *vcpu = rpc_vcpu_of(request);
	struct vcpu_state state;
	uint64_t rip;
	cJSON *result;

	if (!vcpu || !can_be_set(request, vcpu))
		return;
	if (vcpu_state_read(vcpu, &state)) {
		struct engine_error error;

		engine_fail(&error, errno, "SVMRT_VCPU_IMAGE", "");
		rpc_fail_engine(request, &error);
		return;
	}
	rip = vmcb_get_RIP(&state.vmcb);
	if (!take_registers(request, state.gpr, &rip))
		return;
	vcpu_state_write(vcpu, state.gpr,
			 cJSON_HasObjectItem(request->args[2].json, "rip") ? &rip : NULL);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vcpu->vm->number);
	cJSON_AddNumberToObject(result, "vcpu", vcpu->index);
	rpc_reply(request, result);
}
