/* SPDX-License-Identifier: MIT */
/* vcpu.get and stats.get: registers, VMCB fields and counters, all by the names of the tables. */
#include <config.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "json_b64.h"
#include "json_out.h"
#include "rpc_handlers.h"
#include "tables.h"
#include "vcpu.h"
#include "vcpu_state.h"

static void add_count(cJSON *json, const char *name, uint64_t value)
{
	if (value >> 53)
		rpc_add_hex(json, name, value);
	else
		cJSON_AddNumberToObject(json, name, (double)value);
}

static cJSON *exits_json(const struct svmrt_stats *stats)
{
	cJSON *json = cJSON_CreateObject();

	for (unsigned int slot = 0; slot < SVMRT_SLOTS; slot++) {
		const struct svm_exit_info *row;
		char name[24];

		if (!stats->exits[slot])
			continue;
		row = svm_exit_by_code(svm_slot_code(slot));
		snprintf(name, sizeof(name), "0x%llx", (unsigned long long)svm_slot_code(slot));
		add_count(json, row ? row->name : name, stats->exits[slot]);
	}
	return json;
}

static cJSON *rule_json(const struct svmrt_exit_rule *rule, uint64_t count)
{
	cJSON *json = cJSON_CreateObject();
	const struct svm_exit_info *row = svm_exit_by_code(rule->code);

	cJSON_AddStringToObject(json, "exit", row ? row->name : "?");
	rpc_add_hex(json, "first", rule->first);
	rpc_add_hex(json, "last", rule->last);
	cJSON_AddStringToObject(json, "access", rule->access == SVMRT_ON_READ ? "read" :
				rule->access == SVMRT_ON_WRITE ? "write" : "both");
	add_count(json, "count", count);
	return json;
}

/* Exits by finer rule of the template, in its order; nothing if it has none. */
static void add_rules(cJSON *json, const struct vcpu *vcpu)
{
	const struct engine *engine = vcpu->vm->daemon->engine;
	const struct svmt_view *view;
	uint32_t fine = 0;
	uint64_t *counts;
	cJSON *rules;

	if (!engine->rule_counts || !vcpu->vm->template)
		return;
	view = &vcpu->vm->template->view;
	for (uint32_t i = 0; i < view->exit_count; i++)
		fine += view->exits[i].access != 0;
	counts = fine ? calloc(fine, sizeof(*counts)) : NULL;
	if (counts && !engine->rule_counts(vcpu->fd, counts, fine)) {
		rules = cJSON_AddArrayToObject(json, "rules");
		for (uint32_t i = 0, at = 0; i < view->exit_count; i++)
			if (view->exits[i].access)
				cJSON_AddItemToArray(rules, rule_json(&view->exits[i], counts[at++]));
	}
	free(counts);
}

/* Members by hex key; `others` for what the module had no row for. */
static void add_details(cJSON *json, const struct vcpu *vcpu)
{
	static const char *const names[SVMRT_DETAIL_KINDS] = {
		[SVMRT_DETAIL_PORT] = "ports", [SVMRT_DETAIL_MSR] = "msrs", [SVMRT_DETAIL_GPA] = "gpas",
	};
	const struct engine *engine = vcpu->vm->daemon->engine;
	struct svmrt_detail_row rows[SVMRT_DETAIL_ROWS];
	cJSON *groups[SVMRT_DETAIL_KINDS];
	struct svmrt_details details;

	if (!engine->details || engine->details(vcpu->fd, &details, rows))
		return;
	for (unsigned int kind = 0; kind < SVMRT_DETAIL_KINDS; kind++)
		groups[kind] = cJSON_AddObjectToObject(json, names[kind]);
	for (unsigned int i = 0; i < SVMRT_DETAIL_ROWS; i++) {
		char key[20];

		if (!rows[i].count || rows[i].kind >= SVMRT_DETAIL_KINDS)
			continue;
		snprintf(key, sizeof(key), "0x%llx", (unsigned long long)rows[i].key);
		add_count(groups[rows[i].kind], key, rows[i].count);
	}
	for (unsigned int kind = 0; kind < SVMRT_DETAIL_KINDS; kind++) {
		if (details.others[kind])
			add_count(groups[kind], "others", details.others[kind]);
	}
}

static cJSON *stats_json(const struct vcpu *vcpu)
{
	cJSON *json = cJSON_CreateObject(), *host;
	struct svmrt_stats stats;

	cJSON_AddNumberToObject(json, "vcpu", vcpu->index);
	if (vcpu->vm->daemon->engine->stats(vcpu->fd, &stats)) {
		cJSON_AddStringToObject(json, "error", strerror(errno));
		return json;
	}
	cJSON_AddItemToObject(json, "exits", exits_json(&stats));
	add_rules(json, vcpu);
	add_details(json, vcpu);
	host = cJSON_AddObjectToObject(json, "host");
	add_count(host, "intr", stats.host_intr);
	add_count(host, "nmi", stats.host_nmi);
	add_count(host, "smi", stats.host_smi);
	add_count(host, "init", stats.host_init);
	add_count(host, "mce", stats.host_mce);
	add_count(host, "npf", stats.host_npf);
	add_count(json, "entries", stats.entries);
	add_count(json, "slices", stats.slices);
	add_count(json, "flushes", stats.flushes);
	add_count(json, "events", stats.events);
	add_count(json, "dropped", stats.events_dropped);
	add_count(json, "xcr0_restored", stats.xcr0_restored);
	add_count(cJSON_AddObjectToObject(json, "missed_ticks"), "lapic", stats.timer_missed);
	return json;
}

cJSON *rpc_vcpu_stats(const struct vm *vm)
{
	cJSON *array = cJSON_CreateArray();

	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		cJSON_AddItemToArray(array, stats_json(vm->vcpus[i]));
	return array;
}

/* Of the devices that have periodic interrupts; those of the local APICs are the vCPUs'. */
cJSON *rpc_missed_ticks(struct vm *vm)
{
	cJSON *json = cJSON_CreateObject();

	bus_lock_on_loop(vm);
	list_each(link, &vm->devices) {
		const struct device *device = list_object(link, struct device, link);

		if (device->ticks)
			add_count(json, device->name, device->missed_ticks);
	}
	bus_unlock(vm);
	return json;
}

void rpc_stats_get(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	cJSON *result;

	if (!vm)
		return;
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	cJSON_AddItemToObject(result, "vcpus", rpc_vcpu_stats(vm));
	cJSON_AddItemToObject(result, "missed_ticks", rpc_missed_ticks(vm));
	rpc_reply(request, result);
}

/* A field wider than 64 bits as one little-endian number. */
static void add_wide(cJSON *json, const struct vmcb_field_info *field, const struct svmk_vmcb *vmcb)
{
	const uint8_t *bytes = vmcb_bytes(vmcb, field->offset);
	size_t length = field->bytes;
	char *text;
	size_t at;

	while (length > 1 && !bytes[length - 1])
		length--;
	text = malloc(2 * length + 3);
	if (!text)
		return;
	at = (size_t)sprintf(text, "0x%x", bytes[length - 1]);
	while (--length)
		at += (size_t)sprintf(text + at, "%02x", bytes[length - 1]);
	cJSON_AddStringToObject(json, field->name, text);
	free(text);
}

static cJSON *vmcb_json(const struct svmk_vmcb *vmcb)
{
	cJSON *json = cJSON_CreateObject();

	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *field = &vmcb_fields[i];

		if (field->bytes > 8)
			add_wide(json, field, vmcb);
		else
			rpc_add_hex(json, field->name,
				    vmcb_get_field(vmcb, field->offset, field->bytes, field->hi,
						   field->lo));
	}
	return json;
}

static cJSON *regs_json(const struct vcpu_state *state)
{
	static const char *const dr_name[] = { "dr0", "dr1", "dr2", "dr3" };
	cJSON *json = cJSON_CreateObject();

	for (unsigned int i = 0; i < 16; i++)
		rpc_add_hex(json, svmrt_gpr_name[i], state->gpr[i]);
	rpc_add_hex(json, "rip", vmcb_get_RIP(&state->vmcb));
	rpc_add_hex(json, "rflags", vmcb_get_RFLAGS(&state->vmcb));
	for (unsigned int i = 0; i < 4; i++)
		rpc_add_hex(json, dr_name[i], state->page.dr[i]);
	rpc_add_hex(json, "xcr0", state->page.xcr0);
	return json;
}

/* x87, SSE and MXCSR as FXSAVE64 lays them out, in base64. */
static void add_fxsave(cJSON *json, const struct vcpu_state *state)
{
	char text[JSON_B64_CHARS(sizeof(state->page.fxsave)) + 1];

	text[json_b64_encode(text, state->page.fxsave, sizeof(state->page.fxsave))] = '\0';
	cJSON_AddStringToObject(json, "fxsave", text);
}

struct vcpu *rpc_vcpu_of(struct rpc_request *request)
{
	uint64_t index = request->args[1].number;
	const struct vm *vm = rpc_vm_of(request);

	if (!vm)
		return NULL;
	if (index < vm->vcpu_count)
		return vm->vcpus[index];
	rpc_fail(request, RPC_NO_OBJECT, "VM %llu has no vCPU %llu; it has %u",
		 (unsigned long long)vm->number, (unsigned long long)index, vm->vcpu_count);
	return NULL;
}

void rpc_vcpu_get(struct rpc_request *request)
{
	struct vcpu *vcpu = rpc_vcpu_of(request);
	struct vcpu_state state;
	cJSON *result;

	if (!vcpu)
		return;
	if (vm_is_running(vcpu->vm) && vcpu->vm->state != VM_PAUSED) {
		rpc_fail(request, RPC_WRONG_STATE, "VM %llu is running: its registers can be read "
			 "before vm.start, while it is paused and after the end",
			 (unsigned long long)vcpu->vm->number);
		return;
	}
	if (vcpu_state_read(vcpu, &state)) {
		struct engine_error error;

		engine_fail(&error, errno, "SVMRT_VCPU_IMAGE", "");
		rpc_fail_engine(request, &error);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vcpu->vm->number);
	cJSON_AddNumberToObject(result, "vcpu", vcpu->index);
	cJSON_AddBoolToObject(result, "inputs", state.inputs);
	cJSON_AddItemToObject(result, "regs", regs_json(&state));
	cJSON_AddItemToObject(result, "vmcb", vmcb_json(&state.vmcb));
	add_fxsave(result, &state);
	rpc_reply(request, result);
}
