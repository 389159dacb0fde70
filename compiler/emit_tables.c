/* SPDX-License-Identifier: MIT */
/* Sections that are arrays of rows: vCPUs, CPUID, MSRs, exit rules, devices. */
#include <string.h>
#include "emit_parts.h"
#include "vmsa.h"

/* A confidential guest's registers are in its VMSA: the save area of its VMCB is not used. */
static const uint8_t *vmcb_page(struct comp *c, const struct vcpu_set *set)
{
	uint8_t *page;

	if (!c->spec.launch.head.kind)
		return vmcb_bytes(set->vmcb, 0);
	page = arena_alloc(&c->arena, VMCB_PAGE_BYTES);
	memcpy(page, vmcb_bytes(set->vmcb, 0), VMCB_SAVE_OFFSET);
	return page;
}

const void *emit_vmsas(struct comp *c, struct pool *pool, uint64_t *bytes)
{
	const uint32_t count = c->spec.vcpu_count;
	struct svmt_vmsa *rows = arena_alloc(&c->arena, count * sizeof(*rows));

	for (size_t i = 0; i < c->spec.set_count; i++) {
		const struct vcpu_set *set = &c->spec.sets[i];
		uint8_t *page = arena_alloc(&c->arena, VMSA_PAGE_BYTES);
		struct svmt_vmsa row = { .gpa = set->vmsa_gpa };

		launch_page(c, set, page);
		row.page = pool_add(pool, page);
		for (uint32_t j = set->first; j <= set->last; j++)
			rows[j] = row;
	}
	*bytes = count * sizeof(*rows);
	return rows;
}

const void *emit_launch(struct comp *c, uint64_t *bytes)
{
	const struct spec_launch *launch = &c->spec.launch;
	struct svmt_launch head = launch->head;
	uint8_t *out;

	head.row_count = (uint32_t)launch->row_count;
	*bytes = sizeof(head) + launch->row_count * sizeof(struct svmt_launch_row);
	out = arena_alloc(&c->arena, (size_t)*bytes);
	memcpy(out, &head, sizeof(head));
	for (size_t i = 0; i < launch->row_count; i++)
		memcpy(out + sizeof(head) + i * sizeof(struct svmt_launch_row),
		       &launch->rows[i].row, sizeof(struct svmt_launch_row));
	return out;
}

/* The pool keeps equal pages once, so vCPUs that begin alike cost a row each. */
const void *emit_vcpus(struct comp *c, struct pool *pool, uint64_t *bytes)
{
	const uint32_t count = c->spec.vcpu_count;
	struct svmt_vcpu *rows = arena_alloc(&c->arena, count * sizeof(*rows));

	for (size_t i = 0; i < c->spec.set_count; i++) {
		const struct vcpu_set *set = &c->spec.sets[i];
		struct svmt_vcpu row = { 0 };

		row.kind = c->spec.launch.head.kind ? SVMT_VCPU_CONFIDENTIAL : SVMT_VCPU_PLAIN;
		vmcb_set_VMCB_CLEAN(set->vmcb, c->spec.vmcb_clean);
		row.vmcb_page = pool_add(pool, vmcb_page(c, set));
		row.state_page = pool_add(pool, (const uint8_t *)set->state);

		for (uint32_t j = set->first; j <= set->last; j++) {
			row.start = set->has_start ? set->start : spec_default_start(&c->spec, j);
			rows[j] = row;
		}
	}
	*bytes = count * sizeof(*rows);
	return rows;
}

const void *emit_cpuid(struct comp *c, uint64_t *bytes)
{
	struct svmrt_cpuid_row *rows = arena_alloc(&c->arena, c->spec.cpuid_count * sizeof(*rows));

	for (size_t i = 0; i < c->spec.cpuid_count; i++)
		rows[i] = c->spec.cpuid[i].row;
	*bytes = c->spec.cpuid_count * sizeof(*rows);
	return rows;
}

const void *emit_msrs(struct comp *c, uint64_t *bytes)
{
	struct svmrt_msr_row *rows = arena_alloc(&c->arena, c->spec.msr_count * sizeof(*rows));
	size_t count = 0;

	/* What passes both ways never exits. */
	for (size_t i = 0; i < c->spec.msr_count; i++)
		if (c->spec.msrs[i].pass != (MSR_PASS_READ | MSR_PASS_WRITE))
			rows[count++] = c->spec.msrs[i].row;
	*bytes = count * sizeof(*rows);
	return rows;
}

/* By code; the rule for all of it before finer ones, which have an access. */
static bool comes_after(const struct svmrt_exit_rule *x, const struct svmrt_exit_rule *y)
{
	if (x->code != y->code)
		return x->code > y->code;
	if (!x->access != !y->access)
		return x->access != 0;
	return x->first != y->first ? x->first > y->first : x->access > y->access;
}

/* Insertion keeps the order: the table's rows ascend but for a few at its end. */
static void insert_rule(struct svmrt_exit_rule *rules, size_t count,
			const struct svmrt_exit_rule *rule)
{
	for (; count && comes_after(&rules[count - 1], rule); count--)
		rules[count] = rules[count - 1];
	rules[count] = *rule;
}

const void *emit_exits(struct comp *c, uint64_t *bytes)
{
	struct svmrt_exit_rule *rules;
	size_t count = 0;

	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		count += 1 + c->spec.exits[i].fine_count;
	rules = arena_alloc(&c->arena, count * sizeof(*rules));
	count = 0;
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		const struct spec_exit *exit = &c->spec.exits[i];

		if (!exit->there)
			continue;
		insert_rule(rules, count++, &exit->rule);
		for (size_t j = 0; j < exit->fine_count; j++)
			insert_rule(rules, count++, &exit->fine[j].rule);
	}
	*bytes = count * sizeof(*rules);
	return rules;
}

const void *emit_devices(struct comp *c, struct pool *pool, uint64_t *bytes)
{
	struct svmt_device *rows = arena_alloc(&c->arena, c->spec.device_count * sizeof(*rows));

	for (size_t i = 0; i < c->spec.device_count; i++) {
		const struct spec_device *d = &c->spec.devices[i];
		uint8_t *page;

		rows[i] = d->device;
		if (!d->name)
			continue;
		page = arena_alloc(&c->arena, SVMT_PAGE_BYTES);
		memcpy(page, d->name, strlen(d->name));
		rows[i].name_page = pool_add(pool, page);
	}
	*bytes = c->spec.device_count * sizeof(*rows);
	return rows;
}
