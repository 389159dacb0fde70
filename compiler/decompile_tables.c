/* SPDX-License-Identifier: MIT */
/* Tables of a decompiled template: CPUID, MSRs, devices, exits and what a run is expected to do. */
#include <inttypes.h>
#include <string.h>
#include "decompile.h"
#include "dump.h"
#include "platform.h"
#include "spec_tables.h"
#include "svmt_device.h"

static bool same_key(const struct svmrt_cpuid_row *a, const struct svmrt_cpuid_row *b)
{
	return a->leaf == b->leaf && a->flags == b->flags && a->subleaf == b->subleaf;
}

/* Row of `base: host`, or NULL. */
static const struct svmrt_cpuid_row *host_row(struct decompile *d, const struct svmrt_cpuid_row *like)
{
	size_t count;
	const struct svmrt_cpuid_row *rows = cpuid_base_rows(&d->c->arena, svmt_chipset(d->view) != NULL,
							     d->view->vcpu_count, &count);

	for (size_t i = 0; i < count; i++)
		if (same_key(&rows[i], like))
			return &rows[i];
	return NULL;
}

static bool from_host(const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->cpuid_count; i++)
		for (unsigned int reg = 0; reg < 4; reg++)
			if (view->cpuid[i].keep[reg])
				return true;
	return false;
}

static void print_cpuid_row(struct decompile *d, const struct svmrt_cpuid_row *row,
			    const struct svmrt_cpuid_row *base)
{
	static const struct svmrt_cpuid_row nothing;
	static const char *const names[] = { "eax", "ebx", "ecx", "edx" };

	if (!base)
		base = &nothing;
	fprintf(d->out, "    - { leaf: 0x%" PRIx32, row->leaf);
	if (row->flags & SVMRT_CPUID_SUBLEAF)
		fprintf(d->out, ", subleaf: 0x%" PRIx32, row->subleaf);
	for (unsigned int reg = 0; reg < 4; reg++)
		if (row->keep[reg] != base->keep[reg] || row->set[reg] != base->set[reg] ||
		    (row->live ^ base->live) & cpuid_live_of(reg))
			fprintf(d->out, ", %s: 0x%" PRIx32, names[reg], row->set[reg]);
	fprintf(d->out, " }\n");
}

void decompile_cpuid(struct decompile *d)
{
	const bool host = from_host(d->view);
	bool begun = false;

	if (!d->view->cpuid_count && !svmt_chipset(d->view))
		return;
	fprintf(d->out, "cpuid:\n  base: %s\n", host ? "host" : "none");
	for (uint32_t i = 0; i < d->view->cpuid_count; i++) {
		const struct svmrt_cpuid_row *row = &d->view->cpuid[i];
		const struct svmrt_cpuid_row *base = host ? host_row(d, row) : NULL;

		if (base && !memcmp(row, base, sizeof(*row)))
			continue;
		if (!begun)
			fprintf(d->out, "  set:\n");
		begun = true;
		print_cpuid_row(d, row, base);
	}
}

static void print_msr(struct decompile *d, uint32_t index)
{
	const struct svm_msr_info *msr = svm_msr_by_index(index);

	if (msr)
		fprintf(d->out, "%s", msr->name);
	else
		fprintf(d->out, "0x%" PRIx32, index);
}

/* Whether the row comes with the chipset. */
static bool is_of_platform(const struct decompile *d, const struct svmrt_msr_row *row)
{
	size_t count;
	const struct platform_msr *rows = platform_msrs(&count);

	for (size_t i = 0; i < count && svmt_chipset(d->view); i++)
		if (!memcmp(&rows[i].row, row, sizeof(*row)))
			return true;
	return false;
}

void decompile_msrs(struct decompile *d)
{
	static const char *const passes[] = { NULL, "read", "write" };
	bool begun = false;

	for (uint32_t i = 0; i < d->view->msr_count; i++) {
		const struct svmrt_msr_row *r = &d->view->msrs[i];
		const unsigned int pass = dump_msr_pass(d->view, r->first);

		if (is_of_platform(d, r))
			continue;
		fprintf(d->out, "%s  - { index: ", begun ? "" : "msrs:\n");
		begun = true;
		print_msr(d, r->first);
		if (r->first != r->last) {
			fputc('-', d->out);
			print_msr(d, r->last);
		}
		if (r->read == SVMRT_MSR_VALUE)
			fprintf(d->out, ", read: 0x%" PRIx64, (uint64_t)r->value);
		else if (pass != MSR_PASS_READ)
			fprintf(d->out, ", read: %s", dump_msr_access(r->read));
		if (pass != MSR_PASS_WRITE)
			fprintf(d->out, ", write: %s", dump_msr_access(r->write));
		if (pass == MSR_PASS_READ || pass == MSR_PASS_WRITE)
			fprintf(d->out, ", pass: %s", passes[pass]);
		fprintf(d->out, " }\n");
	}
}

static void print_virtio(struct decompile *d, const struct svmt_device *v)
{
	char mac[18];

	fprintf(d->out, "virtio: %s, at: 0x%" PRIx64 ", irq: %" PRIu32, svmt_device_word(v->type),
		(uint64_t)v->at, v->irq);
	if (v->type == SVMT_DEV_VIRTIO_BLK)
		fprintf(d->out, ", drive: \"%s\"%s", svmt_device_name(d->view, v),
			v->flags & SVMT_DEV_F_READ_ONLY ? ", read_only: true" : "");
	if (v->type == SVMT_DEV_VIRTIO_NET)
		fprintf(d->out, ", link: \"%s\"", svmt_device_name(d->view, v));
	if (svmt_device_mac(v, mac))
		fprintf(d->out, ", mac: \"%s\"", mac);
}

void decompile_devices(struct decompile *d)
{
	if (d->view->device_count)
		fprintf(d->out, "devices:\n");
	for (uint32_t i = 0; i < d->view->device_count; i++) {
		const struct svmt_device *v = &d->view->devices[i];

		fprintf(d->out, "  - { ");
		if (v->type == SVMT_DEV_UART)
			fprintf(d->out, "uart: com%" PRIu32 ", at: 0x%" PRIx64 ", irq: %" PRIu32,
				v->index + 1, (uint64_t)v->at, v->irq);
		else if (svmt_is_virtio(v->type))
			print_virtio(d, v);
		else if (v->type == SVMT_DEV_CHIPSET_PC)
			fprintf(d->out, "chipset: pc%s", d->c->spec.acpi ? "" : ", acpi: false");
		else
			fprintf(d->out, "%s: 0x%" PRIx64, svmt_device_key(v->type), (uint64_t)v->at);
		fprintf(d->out, " }\n");
	}
}

static void print_action(struct decompile *d, const struct svmrt_exit_rule *r)
{
	fprintf(d->out, "do: %s, event: ", svmrt_action_name(r->action));
	if (r->event == SVMRT_EVENT_SAMPLE)
		fprintf(d->out, "sample %" PRIu32, r->sample);
	else
		fprintf(d->out, "%s", svmrt_event_class_name(r->event));
	if (r->action == SVMRT_DO_INJECT && r->vector == SVMRT_VECTOR_SAME)
		fprintf(d->out, ", vector: same");
	else if (r->action == SVMRT_DO_INJECT)
		fprintf(d->out, ", vector: %u", r->vector);
}

static void print_fine(struct decompile *d, const struct svmrt_exit_rule *r)
{
	char range[48];

	dump_rule_range(r, range);
	fprintf(d->out, "{ at: %s, ", range);
	if (*dump_rule_access(r))
		fprintf(d->out, "access: %s, ", dump_rule_access(r));
	print_action(d, r);
	if (dump_rule_value(r))
		fprintf(d->out, ", value: 0x%" PRIx64, (uint64_t)r->value);
	fprintf(d->out, " }");
}

/* How many finer rules follow the one for a whole exit code. */
static uint32_t fine_behind(const struct svmt_view *view, uint32_t index)
{
	uint32_t end = index + 1;

	while (end < view->exit_count && view->exits[end].code == view->exits[index].code)
		end++;
	return end - index - 1;
}

static void print_rules(struct decompile *d, const char *name, const struct svmrt_exit_rule *r,
			uint32_t fine)
{
	fprintf(d->out, "  %s: { ", name);
	print_action(d, r);
	if (fine)
		fprintf(d->out, ", rules: [\n");
	for (uint32_t i = 1; i <= fine; i++) {
		fprintf(d->out, "    ");
		print_fine(d, &r[i]);
		fprintf(d->out, i < fine ? ",\n" : "\n  ]");
	}
	fprintf(d->out, " }\n");
}

void decompile_exits(struct decompile *d)
{
	bool begun = false;
	uint32_t fine;

	for (uint32_t i = 0; i < d->view->exit_count; i += 1 + fine) {
		const struct svmrt_exit_rule *r = &d->view->exits[i];
		const struct svm_exit_info *info = svm_exit_by_code(r->code);

		fine = fine_behind(d->view, i);
		if (!info || (!fine && !memcmp(r, &d->c->spec.exits[info - svm_exits].rule, sizeof(*r))))
			continue;
		if (!begun)
			fprintf(d->out, "exits:\n");
		begun = true;
		print_rules(d, info->name, r, fine);
	}
}

/* Hex strings are numbers of the language; only `serial` is a text. */
static void print_json(struct decompile *d, const cJSON *value)
{
	const cJSON *child;
	const bool map = cJSON_IsObject(value);

	/* Texts of the guest: `serial`, and the items of `serial_has`, which have no key. */
	if (cJSON_IsString(value) && (!value->string || !strcmp(value->string, "serial"))) {
		decompile_text(d->out, value->valuestring);
	} else if (cJSON_IsString(value)) {
		fprintf(d->out, "%s", value->valuestring);
	} else if (cJSON_IsBool(value)) {
		fprintf(d->out, "%s", cJSON_IsTrue(value) ? "true" : "false");
	} else if (cJSON_IsNumber(value)) {
		fprintf(d->out, "%.0f", value->valuedouble);
	} else {
		fprintf(d->out, map ? "{" : "[");
		cJSON_ArrayForEach(child, value) {
			fprintf(d->out, "%s", child == value->child ? " " : ", ");
			if (map)
				fprintf(d->out, "%s: ", child->string);
			print_json(d, child);
		}
		fprintf(d->out, map ? " }" : " ]");
	}
}

/* A time with the largest unit that leaves a whole number. */
static void print_time(struct decompile *d, const cJSON *value)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	uint64_t many = cJSON_IsNumber(value) ? (uint64_t)value->valuedouble : 0;
	unsigned int unit = 0;

	for (; unit < 3 && many && many % 1000 == 0; unit++)
		many /= 1000;
	fprintf(d->out, "  within: %" PRIu64 "%s\n", many, units[unit]);
}

void decompile_expect(struct decompile *d)
{
	const size_t bytes = (size_t)d->view->expect_bytes;
	cJSON *expect = bytes ? cJSON_ParseWithLength(d->view->expect, bytes) : NULL;
	const cJSON *child;

	if (!expect)
		return;
	fprintf(d->out, "expect:%s\n", expect->child ? "" : " {}");
	cJSON_ArrayForEach(child, expect) {
		if (!strcmp(child->string, "within_ns")) {
			print_time(d, child);
			continue;
		}
		fprintf(d->out, "  %s: ", child->string);
		print_json(d, child);
		fputc('\n', d->out);
	}
	cJSON_Delete(expect);
}
