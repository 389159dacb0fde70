/* SPDX-License-Identifier: MIT */
/* vm.nmi: what the button of that name on a server's front panel does. */
#include <errno.h>
#include "rpc_handlers.h"
#include "vcpu.h"

void rpc_vm_nmi(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	struct vcpu *only = NULL;
	const struct engine *engine;
	cJSON *result;

	if (!vm)
		return;
	engine = vm->daemon->engine;
	if (request->args[1].given) {
		only = rpc_vcpu_of(request);
		if (!only)
			return;
	}
	if (vm->state != VM_RUNNING && vm->state != VM_PAUSED) {
		rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: an NMI is for a VM that runs or is paused",
			 (unsigned long long)vm->number, vm_state_name(vm));
		return;
	}
	if (!engine->nmi) {
		rpc_fail(request, RPC_WRONG_STATE, "engine %s runs no guest that could take an NMI",
			 engine->name);
		return;
	}
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		if ((!only || vm->vcpus[i] == only) && engine->nmi(vm->vcpus[i]->fd)) {
			struct engine_error error;

			engine_fail(&error, errno, "SVMRT_VCPU_NMI", "");
			rpc_fail_engine(request, &error);
			return;
		}
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	rpc_reply(request, result);
}
