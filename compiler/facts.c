/* SPDX-License-Identifier: MIT */
/* Areas of a template that are tables: memory map, CPUID, MSRs, exits, devices, expectations. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "dump.h"
#include "facts.h"
#include "svmt_device.h"

void facts_add(struct facts *facts, const char *name, const char *meaning, const char *format, ...)
{
	char *value;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&value, format, args);
	va_end(args);
	if (length < 0)
		longjmp(facts->arena->out_of_memory, 1);
	facts->rows = arena_grow(facts->arena, facts->rows, facts->count, &facts->capacity,
				 sizeof(*facts->rows));
	facts->rows[facts->count++] = (struct fact){
		.name = arena_copy(facts->arena, name, strlen(name)),
		.value = arena_copy(facts->arena, value, (size_t)length),
		.meaning = meaning,
	};
	free(value);
}

/* Every leaf of a JSON value under its path: regs.rax, events[0].exit. cJSON limits the depth. */
static void add_json(struct facts *facts, const char *path, const cJSON *value)
{
	const cJSON *child;
	char *text;
	int index = 0;

	cJSON_ArrayForEach(child, value) {
		if (cJSON_IsArray(value))
			add_json(facts, arena_printf(facts->arena, "%s[%d]", path, index++), child);
		else
			add_json(facts, arena_printf(facts->arena, "%s%s%s", path,
						     *path ? "." : "", child->string), child);
	}
	if (value->child)
		return;
	text = cJSON_PrintUnformatted(value);
	if (!text)
		longjmp(facts->arena->out_of_memory, 1);
	facts_add(facts, path, "", "%s", text);
	free(text);
}

static void add_json_text(struct facts *facts, const char *text, uint64_t bytes)
{
	cJSON *value = text ? cJSON_ParseWithLength(text, (size_t)bytes) : NULL;

	if (value)
		add_json(facts, "", value);
	else if (text)
		facts_add(facts, "text", "", "%.*s", (int)bytes, text);
	cJSON_Delete(value);
}

void facts_template(struct facts *facts, const struct svmt_view *view)
{
	add_json_text(facts, view->meta, view->meta_bytes);
	facts_add(facts, "needs", "CPUID 8000_000A EDX of the host", "0x%" PRIx32,
		  view->features->svm_edx);
	facts_add(facts, "illegal state", "the spec allowed a save state that VMRUN refuses", "%s",
		  view->header->flags & SVMT_F_ILLEGAL_STATE ? "allowed" : "none");
	facts_add(facts, "vcpus", "", "%" PRIu32, view->vcpu_count);
}

void facts_memory(struct facts *facts, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->region_count; i++) {
		const struct svmt_region *r = &view->regions[i];

		facts_add(facts, arena_printf(facts->arena, "0x%" PRIx64, (uint64_t)r->gpa), "",
			  "0x%" PRIx64 " bytes of %s", (uint64_t)r->bytes,
			  dump_region_kind(r->kind));
	}
}

void facts_cpuid(struct facts *facts, const struct svmt_view *view)
{
	static const char *const regs[] = { "eax", "ebx", "ecx", "edx" };

	for (uint32_t i = 0; i < view->cpuid_count; i++) {
		const struct svmrt_cpuid_row *r = &view->cpuid[i];
		const char *leaf = arena_printf(facts->arena, "0x%" PRIx32, r->leaf);

		if (r->flags & SVMRT_CPUID_SUBLEAF)
			leaf = arena_printf(facts->arena, "%s.%" PRIu32, leaf, r->subleaf);
		for (unsigned int reg = 0; reg < 4; reg++) {
			const char *name = arena_printf(facts->arena, "%s %s", leaf, regs[reg]);
			const char *live = dump_cpuid_live(r->live, reg);

			if (r->keep[reg])
				facts_add(facts, name, "", "(host & 0x%" PRIx32 ") | 0x%" PRIx32
					  "%s", r->keep[reg], r->set[reg], live);
			else
				facts_add(facts, name, "", "0x%" PRIx32 "%s", r->set[reg], live);
		}
	}
}

static void add_permissions(struct facts *facts, const struct svmt_view *view)
{
	static const uint32_t bases[] = { 0, 0xc0000000, 0xc0010000 };
	static const char *const texts[] = { "none", "write exits", "read exits" };

	for (uint32_t range = 0; range < 3; range++)
		for (uint32_t i = 0; i < 0x2000; i++) {
			unsigned int bits = view->msrpm[range * 0x800 + i / 4] >> 2 * (i % 4) & 3;

			/* Bit 0 is for reads, bit 1 for writes; both set is the rule. */
			if (bits != 3)
				facts_add(facts, arena_printf(facts->arena, "0x%" PRIx32 " exits",
							      bases[range] + i),
					  "MSR permission map", "%s",
					  texts[bits == 2 ? 1 : bits == 1 ? 2 : 0]);
		}
}

void facts_msrs(struct facts *facts, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->msr_count; i++) {
		const struct svmrt_msr_row *r = &view->msrs[i];
		const char *name = arena_printf(facts->arena, "0x%" PRIx32, r->first);

		if (r->last != r->first)
			name = arena_printf(facts->arena, "%s-0x%" PRIx32, name, r->last);
		else if (*dump_msr_name(r->first))
			name = arena_printf(facts->arena, "%s %s", name, dump_msr_name(r->first));
		if (r->read == SVMRT_MSR_VALUE)
			facts_add(facts, name, "", "read 0x%" PRIx64 ", write %s",
				  (uint64_t)r->value, dump_msr_access(r->write));
		else
			facts_add(facts, name, "", "read %s, write %s", dump_msr_access(r->read),
				  dump_msr_access(r->write));
	}
	add_permissions(facts, view);
}

void facts_exits(struct facts *facts, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->exit_count; i++) {
		const struct svmrt_exit_rule *r = &view->exits[i];
		const struct svm_exit_info *info = svm_exit_by_code(r->code);
		const char *name = info ? info->name : arena_printf(facts->arena, "0x%" PRIx64,
								    (uint64_t)r->code);
		const char *action = svmrt_action_name(r->action);
		const char *event = svmrt_event_class_name(r->event);
		char range[48];

		if (r->action == SVMRT_DO_INJECT && r->vector == SVMRT_VECTOR_SAME)
			action = "inject same";
		else if (r->action == SVMRT_DO_INJECT)
			action = arena_printf(facts->arena, "inject %u", r->vector);
		else if (dump_rule_value(r))
			action = arena_printf(facts->arena, "table 0x%" PRIx64, (uint64_t)r->value);
		if (r->event == SVMRT_EVENT_SAMPLE)
			event = arena_printf(facts->arena, "sample %" PRIu32, r->sample);
		if (r->access) {
			dump_rule_range(r, range);
			name = arena_printf(facts->arena, "%s %s%s%s", name, range,
					    *dump_rule_access(r) ? " " : "", dump_rule_access(r));
		}
		facts_add(facts, name, "", "do %s, event %s", action, event);
	}
}

void facts_devices(struct facts *facts, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];
		const char *name, *irq = "none";
		char title[64], mac[18];

		svmt_device_title(view, d, title);
		name = arena_printf(facts->arena, "%s", title);
		/* Several may have one title; their place among the devices tells them apart. */
		if (d->type != SVMT_DEV_UART && d->type != SVMT_DEV_CHIPSET_PC &&
		    !svmt_has_name(d->type))
			name = arena_printf(facts->arena, "device %" PRIu32 ", %s", i, title);
		if (d->irq != SVMT_NO_IRQ)
			irq = arena_printf(facts->arena, "%" PRIu32, d->irq);
		facts_add(facts, name, "", "at 0x%" PRIx64 ", irq %s%s%s%s", (uint64_t)d->at, irq,
			  d->flags & SVMT_DEV_F_READ_ONLY ? ", read-only" : "",
			  svmt_device_mac(d, mac) ? ", mac " : "", mac);
	}
}

void facts_expect(struct facts *facts, const struct svmt_view *view)
{
	add_json_text(facts, view->expect, view->expect_bytes);
}
