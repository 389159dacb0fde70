/* SPDX-License-Identifier: MIT */
/*
 * vcpu.set. General registers and RIP go through the run page, which the module takes at the next RUN;
 * anything else needs the whole state to be written, which the module checks as it does for a new vCPU.
 * A request sets all that it names, or nothing.
 */
#include <errno.h>
#include <string.h>
#include "json_b64.h"
#include "rpc_handlers.h"
#include "tables.h"
#include "vcpu.h"
#include "vcpu_state.h"

enum { ARG_VM, ARG_VCPU, ARG_REGS, ARG_VMCB, ARG_FXSAVE };

struct change {
	struct vcpu_state state;	/* with the new values over the old ones */
	bool whole;			/* more than the run page has */
	bool has_rip;
};

static int find_gpr(const char *name)
{
	for (int i = 0; i < 16; i++)
		if (!strcmp(svmrt_gpr_name[i], name))
			return i;
	return -1;
}

/* False: there is no such register. */
static bool take_register(struct change *change, const char *name, uint64_t value)
{
	static const char *const dr_names[] = { "dr0", "dr1", "dr2", "dr3" };
	int gpr = find_gpr(name);

	if (gpr >= 0) {
		change->state.gpr[gpr] = value;
		return true;
	}
	if (!strcmp(name, "rip")) {
		vmcb_set_RIP(&change->state.vmcb, value);
		change->has_rip = true;
		return true;
	}
	change->whole = true;
	if (!strcmp(name, "rflags")) {
		vmcb_set_RFLAGS(&change->state.vmcb, value);
		return true;
	}
	if (!strcmp(name, "xcr0")) {
		change->state.page.xcr0 = value;
		return true;
	}
	for (unsigned int i = 0; i < 4; i++) {
		if (strcmp(dr_names[i], name))
			continue;
		change->state.page.dr[i] = value;
		return true;
	}
	return false;
}

static bool take_registers(struct rpc_request *request, struct change *change)
{
	const cJSON *member;
	uint64_t value;

	cJSON_ArrayForEach(member, request->args[ARG_REGS].json) {
		rpc_u64(member, &value);
		if (take_register(change, member->string, value))
			continue;
		rpc_fail_param(request, "regs", "vcpu.set: there is no register %.64s; there are "
			       "rax ... r15, rip, rflags, dr0 ... dr3 and xcr0, and fields of the save "
			       "area as vmcb", member->string);
		return false;
	}
	return true;
}

static bool take_fields(struct rpc_request *request, struct change *change)
{
	const cJSON *member;
	uint64_t value;

	cJSON_ArrayForEach(member, request->args[ARG_VMCB].json) {
		const struct vmcb_field_info *field = vmcb_field_find(member->string, true);
		unsigned int bits = field ? field->hi - field->lo + 1u : 0;

		rpc_u64(member, &value);
		if (field && field->bytes <= 8 && (bits >= 64 || !(value >> bits))) {
			vmcb_set_field(&change->state.vmcb, field->offset, field->bytes, field->hi,
				       field->lo, VMCB_NEVER_CACHED, value);
			change->whole = true;
			continue;
		}
		if (!field || field->bytes > 8)
			rpc_fail_param(request, "vmcb", "vcpu.set: the save area has no field %.64s of "
				       "at most 64 bits; names are those of vcpu.get", member->string);
		else
			rpc_fail_param(request, "vmcb", "vcpu.set: %.64s has %u bits; the value has "
				       "more", member->string, bits);
		return false;
	}
	return true;
}

/* The whole area or nothing: there are no names for its parts here. */
static bool take_fxsave(struct rpc_request *request, struct change *change)
{
	const size_t want = sizeof(change->state.page.fxsave);
	uint8_t bytes[JSON_B64_CHARS(sizeof(change->state.page.fxsave)) / 4 * 3];
	const char *text = request->args[ARG_FXSAVE].text;
	size_t bad = 0;

	if (!request->args[ARG_FXSAVE].given)
		return true;
	if (strlen(text) != JSON_B64_CHARS(want) ||
	    json_b64_decode(bytes, text, strlen(text), &bad) != (ssize_t)want) {
		rpc_fail_param(request, "fxsave", "vcpu.set: fxsave is not %zu bytes in base64", want);
		return false;
	}
	memcpy(change->state.page.fxsave, bytes, want);
	change->whole = true;
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

/* False: the request is answered. */
static bool write_state(struct rpc_request *request, struct vcpu *vcpu, struct change *change)
{
	const uint64_t rip = vmcb_get_RIP(&change->state.vmcb);
	struct engine_error error;

	if (!change->whole) {
		vcpu_state_write(vcpu, change->state.gpr, change->has_rip ? &rip : NULL);
		return true;
	}
	if (!vcpu_state_replace(vcpu, &change->state, &error))
		return true;
	if (error.number == EINVAL)
		rpc_fail_param(request, request->args[ARG_VMCB].given ? "vmcb" :
			       request->args[ARG_REGS].given ? "regs" : "fxsave", "vcpu.set: %s",
			       error.text);
	else
		rpc_fail_engine(request, &error);
	return false;
}

void rpc_vcpu_set(struct rpc_request *request)
{
	struct vcpu *vcpu = rpc_vcpu_of(request);
	struct change change = { 0 };
	cJSON *result;

	if (!vcpu || !can_be_set(request, vcpu))
		return;
	if (!request->args[ARG_REGS].given && !request->args[ARG_VMCB].given &&
	    !request->args[ARG_FXSAVE].given) {
		rpc_fail_param(request, "regs", "vcpu.set: regs, vmcb or fxsave must be given");
		return;
	}
	if (vcpu_state_read(vcpu, &change.state)) {
		struct engine_error error;

		engine_fail(&error, errno, "SVMRT_VCPU_IMAGE", "");
		rpc_fail_engine(request, &error);
		return;
	}
	if (!take_registers(request, &change) || !take_fields(request, &change) ||
	    !take_fxsave(request, &change) || !write_state(request, vcpu, &change))
		return;
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vcpu->vm->number);
	cJSON_AddNumberToObject(result, "vcpu", vcpu->index);
	rpc_reply(request, result);
}
