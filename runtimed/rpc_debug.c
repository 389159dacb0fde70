/* SPDX-License-Identifier: MIT */
/* vcpu.debug, and memory.translate: what a debugger needs beside registers and memory. */
#include <errno.h>
#include "guest_walk.h"
#include "rpc_handlers.h"
#include "vcpu.h"
#include "vcpu_debug.h"
#include "vcpu_state.h"

enum { ARG_VM, ARG_VCPU, ARG_STEP, ARG_BREAK, ARG_HARDWARE };

/* Only a vCPU that is not in RUN takes a debugger. False: the request is answered. */
static bool stands_still(struct rpc_request *request, const struct vm *vm, const char *what)
{
	if (vm->state == VM_DEFINED || vm->state == VM_PAUSED)
		return true;
	rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: no %s; it is possible before vm.start and "
		 "while the VM is paused", (unsigned long long)vm->number, vm_state_name(vm), what);
	return false;
}

void rpc_vcpu_debug(struct rpc_request *request)
{
	struct svmrt_vcpu_debug debug = {
		.flags = (request->args[ARG_STEP].given ? SVMRT_DEBUG_STEP : 0) |
			(request->args[ARG_BREAK].given ? SVMRT_DEBUG_BREAK : 0),
	};
	const char *fault = vcpu_debug_hardware(&debug, request->args[ARG_HARDWARE].json);
	struct vcpu *vcpu = rpc_vcpu_of(request);
	struct engine_error error;
	cJSON *result;

	if (!vcpu || !stands_still(request, vcpu->vm, "vcpu.debug"))
		return;
	if (fault) {
		rpc_fail_param(request, "hardware", "vcpu.debug: %s", fault);
		return;
	}
	if (vcpu->vm->daemon->engine->debug(vcpu->fd, &debug, &error)) {
		rpc_fail_engine(request, &error);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vcpu->vm->number);
	cJSON_AddNumberToObject(result, "vcpu", vcpu->index);
	rpc_reply(request, result);
}

void rpc_memory_translate(struct rpc_request *request)
{
	uint64_t linear = request->args[2].number;
	struct vcpu *vcpu = rpc_vcpu_of(request);
	struct vcpu_state state;
	struct guest_paging paging;
	struct guest_page page;
	struct guest_gap gap;
	cJSON *result;

	if (!vcpu)
		return;
	if (vm_is_running(vcpu->vm) && !stands_still(request, vcpu->vm, "memory.translate"))
		return;
	if (vcpu_state_read(vcpu, &state)) {
		struct engine_error error;

		engine_fail(&error, errno, "SVMRT_VCPU_IMAGE", "");
		rpc_fail_engine(request, &error);
		return;
	}
	paging = (struct guest_paging){ .cr0 = vmcb_get_CR0(&state.vmcb), .cr3 = vmcb_get_CR3(&state.vmcb),
					.cr4 = vmcb_get_CR4(&state.vmcb),
					.efer = vmcb_get_EFER(&state.vmcb) };
	if (!guest_walk(vcpu->vm, &paging, linear, &page, &gap)) {
		rpc_fail_param(request, "linear", "memory.translate: linear address 0x%llx: the entry of "
			       "level %u at 0x%llx %s", (unsigned long long)linear, gap.level,
			       (unsigned long long)gap.entry_gpa,
			       gap.reserved ? "has reserved bits set" : "is not present");
		return;
	}
	result = cJSON_CreateObject();
	rpc_add_hex(result, "gpa", page.gpa);
	cJSON_AddNumberToObject(result, "page_bytes", (double)page.page_bytes);
	cJSON_AddBoolToObject(result, "writable", page.writable);
	cJSON_AddBoolToObject(result, "user", page.user);
	cJSON_AddBoolToObject(result, "executable", page.executable);
	rpc_reply(request, result);
}
