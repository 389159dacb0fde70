/* SPDX-License-Identifier: MIT */
/*
 * The method table: name, handler, summary and parameters. It drives dispatch, the check of params,
 * rpc.discover and schemas/openrpc.json; a new method is one row here and its handler.
 */
#include <string.h>
#include "rpc_handlers.h"

#define VM_PARAM { "vm", RPC_TYPE_NUMBER, false, "number of the VM, from vm.create" }

const struct rpc_method rpc_methods[] = {
	{ "rpc.discover", rpc_discover, ROLE_OBSERVER,
	  "This list, as an OpenRPC document", { { 0 } } },
	{ "system.info", rpc_system_info, ROLE_OBSERVER,
	  "Version of the daemon; state of the engine and the host",
	  { { 0 } } },
	{ "system.shutdown", rpc_system_shutdown, ROLE_OPERATOR,
	  "Stop all VMs, tell the clients, end the daemon",
	  { { 0 } } },
	{ "template.load", rpc_template_load, ROLE_OPERATOR,
	  "Check a template and keep it for vm.create; exactly one of data, path and descriptor",
	  { { "data", RPC_TYPE_BASE64, true, "the whole .svmt file in base64" },
	    { "path", RPC_TYPE_PATH, true,
	      "the file, below a directory that svmrund.conf names; relative: below any of them" },
	    { "descriptor", RPC_TYPE_TRUE, true,
	      "the oldest descriptor that was sent with SCM_RIGHTS and not used yet" } } },
	{ "template.list", rpc_template_list, ROLE_OBSERVER,
	  "All loaded templates", { { 0 } } },
	{ "template.unload", rpc_template_unload, ROLE_OPERATOR,
	  "Forget a template that no VM uses",
	  { { "template", RPC_TYPE_DIGEST, false, "identity of the template" } } },
	{ "vm.create", rpc_vm_create, ROLE_OPERATOR,
	  "Make a VM from a loaded template",
	  { { "template", RPC_TYPE_DIGEST, false, "identity of the template" },
	    { "name", RPC_TYPE_NAME, true, "name of the VM; else the template's" },
	    { "limits", RPC_TYPE_LIMITS, true,
	      "end the run after that run time or that many exits; refuse a template that has more "
	      "vCPUs or memory" },
	    { "cpus", RPC_TYPE_CPUS, true, "CPUs of the host that its vCPUs may run on" },
	    { "nice", RPC_TYPE_NICE, true, "nice value of its vCPU threads" } } },
	{ "vm.start", rpc_vm_start, ROLE_OPERATOR,
	  "Run the vCPUs of a defined VM", { VM_PARAM } },
	{ "vm.pause", rpc_vm_pause, ROLE_OPERATOR,
	  "Halt a running VM; answered when every vCPU has left RUN",
	  { VM_PARAM } },
	{ "vm.resume", rpc_vm_resume, ROLE_OPERATOR,
	  "Let a paused VM run on", { VM_PARAM } },
	{ "vm.stop", rpc_vm_stop, ROLE_OPERATOR,
	  "End the run; answered when every vCPU has left it",
	  { VM_PARAM } },
	{ "vm.destroy", rpc_vm_destroy, ROLE_OPERATOR,
	  "Free a VM that does not run", { VM_PARAM } },
	{ "vm.list", rpc_vm_list, ROLE_OBSERVER,
	  "All VMs", { { 0 } } },
	{ "vm.info", rpc_vm_info, ROLE_OBSERVER,
	  "State, counters and end of a VM", { VM_PARAM } },
	{ "vm.wait", rpc_vm_wait, ROLE_OBSERVER,
	  "Answered when the VM has stopped or failed",
	  { VM_PARAM,
	    { "timeout_ms", RPC_TYPE_MS, true, "give up after that many milliseconds" } } },
	{ "vcpu.get", rpc_vcpu_get, ROLE_OBSERVER,
	  "Registers and VMCB fields of a vCPU that does not run",
	  { VM_PARAM, { "vcpu", RPC_TYPE_INDEX, false, "number of the vCPU in its VM" } } },
	{ "vcpu.set", rpc_vcpu_set, ROLE_OPERATOR,
	  "Set general registers and RIP of a vCPU before vm.start or while its VM is paused",
	  { VM_PARAM, { "vcpu", RPC_TYPE_INDEX, false, "number of the vCPU in its VM" },
	    { "regs", RPC_TYPE_REGS, false, "values by name: rax ... r15, rip" } } },
	{ "memory.read", rpc_memory_read, ROLE_OBSERVER,
	  "Bytes of guest physical memory, in base64",
	  { VM_PARAM, { "gpa", RPC_TYPE_U64, false, "guest physical address" },
	    { "bytes", RPC_TYPE_LENGTH, false, "how many" } } },
	{ "memory.write", rpc_memory_write, ROLE_OPERATOR,
	  "Write guest physical memory",
	  { VM_PARAM, { "gpa", RPC_TYPE_U64, false, "guest physical address" },
	    { "data", RPC_TYPE_BASE64, false, "the bytes in base64, at most 1 MiB" } } },
	{ "events.subscribe", rpc_events_subscribe, ROLE_OBSERVER,
	  "Get the VM's exits as notifications",
	  { VM_PARAM,
	    { "mode", RPC_TYPE_EVENT_MODE, true,
	      "lossy (default): drops are counted; lossless: the vCPUs wait for the reader" },
	    { "vcpu", RPC_TYPE_INDEX, true, "only of this vCPU" },
	    { "exits", RPC_TYPE_NAMES, true, "only exits of these names" },
	    { "ports", RPC_TYPE_RANGES, true, "of IOIO, only these ports; implies IOIO in exits" },
	    { "gpas", RPC_TYPE_RANGES, true,
	      "of NPF, only these guest physical addresses; implies NPF in exits" },
	    { "rips", RPC_TYPE_RANGES, true, "only with a RIP in one of these ranges" },
	    { "sample", RPC_TYPE_NUMBER, true, "of what is left, only one of so many" },
	    { "fields", RPC_TYPE_NAMES, true,
	      "only these members in a notification, beside subscription, vm, vcpu, seq" } } },
	{ "events.unsubscribe", rpc_events_unsubscribe, ROLE_OBSERVER,
	  "End a subscription of this client",
	  { { "subscription", RPC_TYPE_NUMBER, false, "number from events.subscribe" } } },
	{ "console.attach", rpc_console_attach, ROLE_OBSERVER,
	  "Get the VM's serial output as notifications, from its bounded history on",
	  { VM_PARAM } },
	{ "stats.get", rpc_stats_get, ROLE_OBSERVER,
	  "Counters of every vCPU of a VM", { VM_PARAM } },
};
const size_t rpc_method_count = sizeof(rpc_methods) / sizeof(rpc_methods[0]);

const struct rpc_method *rpc_method_find(const char *name)
{
	for (size_t i = 0; i < rpc_method_count; i++)
		if (!strcmp(rpc_methods[i].name, name))
			return &rpc_methods[i];
	return NULL;
}
