/* SPDX-License-Identifier: MIT */
/* The machine form of svmc dump: one JSON object, 64-bit values as hex strings. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dump.h"
#include "svmt_device.h"
#include "wide.h"

static void add_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	cJSON_AddStringToObject(object, name, text);
}

static cJSON *add_row(cJSON *list)
{
	cJSON *row = cJSON_CreateObject();

	cJSON_AddItemToArray(list, row);
	return row;
}

static void show_field(void *argument, const struct vmcb_field_info *field, uint64_t value)
{
	add_hex(argument, field->name, value);
}

static void show_wide(void *argument, const struct vmcb_field_info *field, const char *value)
{
	cJSON_AddStringToObject(argument, field->name, value);
}

static void show_intercept(void *argument, const struct svm_intercept_info *row)
{
	cJSON_AddItemToArray(argument, cJSON_CreateString(row->name));
}

static void add_state(cJSON *vcpu, const struct svmrt_vcpu_state *state)
{
	cJSON *regs = cJSON_AddObjectToObject(vcpu, "regs");
	char name[8], text[40];

	for (unsigned int i = 0; i < 16; i++)
		if (state->gpr[i])
			add_hex(regs, svmrt_gpr_name[i], state->gpr[i]);
	for (unsigned int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "dr%u", i);
		if (state->dr[i])
			add_hex(regs, name, state->dr[i]);
	}
	add_hex(regs, "xcr0", state->xcr0);
	for (size_t i = 0; fxsave_register(i); i++) {
		const struct fxsave_register *reg = fxsave_register(i);

		wide_text(state->fxsave + reg->offset, reg->bytes, text);
		if (strcmp(text, "0x0"))
			cJSON_AddStringToObject(regs, reg->name, text);
	}
}

static void add_vcpus(cJSON *root, const struct svmt_view *view)
{
	cJSON *list = cJSON_AddArrayToObject(root, "vcpus"), *fields;
	struct svmk_vmcb vmcb;

	for (uint32_t i = 0; i < view->vcpu_count; i++) {
		cJSON *vcpu = add_row(list);

		cJSON_AddNumberToObject(vcpu, "vcpu", i);
		cJSON_AddStringToObject(vcpu, "kind", view->vcpus[i].kind == SVMT_VCPU_PLAIN ?
					"plain" : "confidential");
		cJSON_AddStringToObject(vcpu, "start", view->vcpus[i].start == SVMT_START_RUN ?
					"run" : "wait-sipi");
		dump_vmcb(view, i, &vmcb);
		dump_intercepts(&vmcb, show_intercept, cJSON_AddArrayToObject(vcpu, "intercepts"));
		fields = cJSON_AddObjectToObject(vcpu, "vmcb");
		dump_fields(&vmcb, show_field, fields);
		dump_wide_fields(&vmcb, show_wide, fields);
		if (!view->vmsas) {
			add_state(vcpu, dump_state(view, i));
			continue;
		}
		dump_vmsa_json(cJSON_AddObjectToObject(vcpu, "vmsa"), dump_vmsa(view, i));
		add_hex(vcpu, "vmsa_gpa", view->vmsas[i].gpa);
	}
}

static void add_memory(cJSON *root, const struct svmt_view *view)
{
	cJSON *regions = cJSON_AddArrayToObject(root, "memory");
	cJSON *runs = cJSON_AddArrayToObject(root, "contents");

	for (uint32_t i = 0; i < view->region_count; i++) {
		cJSON *row = add_row(regions);

		add_hex(row, "gpa", view->regions[i].gpa);
		add_hex(row, "bytes", view->regions[i].bytes);
		cJSON_AddStringToObject(row, "kind", dump_region_kind(view->regions[i].kind));
	}
	for (uint32_t i = 0; i < view->run_count; i++) {
		cJSON *row = add_row(runs);

		add_hex(row, "gpa", view->runs[i].gpa);
		cJSON_AddNumberToObject(row, "pages", view->runs[i].pages);
		cJSON_AddNumberToObject(row, "pool_page", view->runs[i].blob_page);
	}
}

static void add_cpuid(cJSON *root, const struct svmt_view *view)
{
	static const char *const keep[] = { "keep_eax", "keep_ebx", "keep_ecx", "keep_edx" };
	static const char *const set[] = { "eax", "ebx", "ecx", "edx" };
	cJSON *list = cJSON_AddArrayToObject(root, "cpuid");

	for (uint32_t i = 0; i < view->cpuid_count; i++) {
		cJSON *row = add_row(list);

		add_hex(row, "leaf", view->cpuid[i].leaf);
		if (view->cpuid[i].flags & SVMRT_CPUID_SUBLEAF)
			add_hex(row, "subleaf", view->cpuid[i].subleaf);
		cJSON_AddNumberToObject(row, "live", view->cpuid[i].live);
		for (unsigned int reg = 0; reg < 4; reg++) {
			add_hex(row, keep[reg], view->cpuid[i].keep[reg]);
			add_hex(row, set[reg], view->cpuid[i].set[reg]);
		}
	}
}

static void add_msrs(cJSON *root, const struct svmt_view *view)
{
	cJSON *list = cJSON_AddArrayToObject(root, "msrs");

	for (uint32_t i = 0; i < view->msr_count; i++) {
		const struct svmrt_msr_row *r = &view->msrs[i];
		cJSON *row = add_row(list);

		add_hex(row, "first", r->first);
		add_hex(row, "last", r->last);
		if (r->first == r->last && *dump_msr_name(r->first))
			cJSON_AddStringToObject(row, "name", dump_msr_name(r->first));
		cJSON_AddStringToObject(row, "read", dump_msr_access(r->read));
		cJSON_AddStringToObject(row, "write", dump_msr_access(r->write));
		add_hex(row, "value", r->value);
	}
}

static void add_exits(cJSON *root, const struct svmt_view *view)
{
	cJSON *list = cJSON_AddArrayToObject(root, "exits");

	for (uint32_t i = 0; i < view->exit_count; i++) {
		const struct svmrt_exit_rule *r = &view->exits[i];
		const struct svm_exit_info *info = svm_exit_by_code(r->code);
		cJSON *row = add_row(list);

		cJSON_AddStringToObject(row, "exit", info ? info->name : "?");
		add_hex(row, "code", r->code);
		if (r->access) {
			add_hex(row, "first", r->first);
			add_hex(row, "last", r->last);
		}
		if (*dump_rule_access(r))
			cJSON_AddStringToObject(row, "access", dump_rule_access(r));
		if (dump_rule_value(r))
			add_hex(row, "value", r->value);
		cJSON_AddStringToObject(row, "do", svmrt_action_name(r->action));
		cJSON_AddStringToObject(row, "event", svmrt_event_class_name(r->event));
		if (r->action == SVMRT_DO_INJECT && r->vector == SVMRT_VECTOR_SAME)
			cJSON_AddStringToObject(row, "vector", "same");
		else if (r->action == SVMRT_DO_INJECT)
			cJSON_AddNumberToObject(row, "vector", r->vector);
		if (r->event == SVMRT_EVENT_SAMPLE)
			cJSON_AddNumberToObject(row, "sample", r->sample);
	}
}

static void add_devices(cJSON *root, const struct svmt_view *view)
{
	cJSON *list = cJSON_AddArrayToObject(root, "devices");

	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];
		cJSON *row = add_row(list);
		char mac[18];

		cJSON_AddStringToObject(row, "type", svmt_device_key(d->type));
		if (svmt_device_word(d->type))
			cJSON_AddStringToObject(row, "kind", svmt_device_word(d->type));
		cJSON_AddNumberToObject(row, "index", d->index);
		if (d->type != SVMT_DEV_CHIPSET_PC)
			add_hex(row, "at", d->at);
		if (d->irq != SVMT_NO_IRQ)
			cJSON_AddNumberToObject(row, "irq", d->irq);
		if (svmt_has_name(d->type))
			cJSON_AddStringToObject(row, "name", svmt_device_name(view, d));
		if (d->type == SVMT_DEV_VIRTIO_BLK)
			cJSON_AddBoolToObject(row, "read_only", d->flags & SVMT_DEV_F_READ_ONLY);
		if (svmt_device_mac(d, mac))
			cJSON_AddStringToObject(row, "mac", mac);
	}
}

/* JSON text of the template as a value; as a string should it not parse. */
static void add_json(cJSON *root, const char *name, const char *text, uint64_t bytes)
{
	cJSON *value = text ? cJSON_ParseWithLength(text, (size_t)bytes) : NULL;

	if (value)
		cJSON_AddItemToObject(root, name, value);
	else
		cJSON_AddNullToObject(root, name);
}

int dump_json(FILE *out, const struct svmt_view *view)
{
	cJSON *root = cJSON_CreateObject();
	char identity[65], *text;
	int result;

	svmt_identity(view->header, identity);
	cJSON_AddNumberToObject(root, "version", view->header->version);
	cJSON_AddNumberToObject(root, "bytes", (double)view->image_bytes);
	cJSON_AddStringToObject(root, "identity", identity);
	add_json(root, "meta", view->meta, view->meta_bytes);
	add_hex(root, "svm_edx", view->features->svm_edx);
	cJSON_AddNumberToObject(root, "pool_pages", view->blob_pages);
	add_memory(root, view);
	dump_launch_json(root, view);
	add_vcpus(root, view);
	add_cpuid(root, view);
	add_msrs(root, view);
	add_exits(root, view);
	add_devices(root, view);
	add_json(root, "expect", view->expect, view->expect_bytes);
	text = cJSON_PrintUnformatted(root);
	result = text && fprintf(out, "%s\n", text) > 0 ? 0 : -1;
	cJSON_Delete(root);
	free(text);
	return result;
}
