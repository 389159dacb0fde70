/* SPDX-License-Identifier: MIT */
/* The text form of svmc dump. vCPUs that share their pages are shown once. */
#include <inttypes.h>
#include <string.h>
#include "dump.h"
#include "flags.h"
#include "svmt_device.h"
#include "wide.h"

struct printer {
	FILE *out;
	unsigned int column;
};

static void show_field(void *argument, const struct vmcb_field_info *field, uint64_t value)
{
	const struct printer *p = argument;
	char bits[128];

	fprintf(p->out, "    %-22s 0x%" PRIx64, field->name, value);
	if (*field->meaning)
		fprintf(p->out, "  %s", field->meaning);
	flags_text(field->save ? field->name : "", value, bits, sizeof(bits));
	if (*bits)
		fprintf(p->out, "  %s", bits);
	fprintf(p->out, "\n");
}

static void show_wide(void *argument, const struct vmcb_field_info *field, const char *value)
{
	fprintf(argument, "    %-22s %s  %s\n", field->name, value, field->meaning);
}

static void show_intercept(void *argument, const struct svm_intercept_info *row)
{
	struct printer *p = argument;
	unsigned int width = (unsigned int)strlen(row->name) + 1;

	if (p->column + width > 96) {
		fprintf(p->out, "\n     ");
		p->column = 5;
	}
	fprintf(p->out, " %s", row->name);
	p->column += width;
}

static void show_state(FILE *out, const struct svmrt_vcpu_state *state)
{
	char text[40];

	for (unsigned int i = 0; i < 16; i++)
		if (state->gpr[i])
			fprintf(out, "    %-22s 0x%" PRIx64 "\n", svmrt_gpr_name[i],
				(uint64_t)state->gpr[i]);
	for (unsigned int i = 0; i < 4; i++)
		if (state->dr[i])
			fprintf(out, "    dr%-20u 0x%" PRIx64 "\n", i, (uint64_t)state->dr[i]);
	fprintf(out, "    %-22s 0x%" PRIx64 "\n", "xcr0", (uint64_t)state->xcr0);
	for (size_t i = 0; fxsave_register(i); i++) {
		const struct fxsave_register *reg = fxsave_register(i);

		wide_text(state->fxsave + reg->offset, reg->bytes, text);
		if (strcmp(text, "0x0"))
			fprintf(out, "    %-22s %s\n", reg->name, text);
	}
}

static void show_vcpus(FILE *out, const struct svmt_view *view)
{
	struct printer p = { .out = out };
	struct svmk_vmcb vmcb;

	for (uint32_t first = 0, last; first < view->vcpu_count; first = last + 1) {
		for (last = first; last + 1 < view->vcpu_count; last++)
			if (!svmt_same_vcpu(view, first, last + 1))
				break;
		fprintf(out, first == last ? "vcpu %" PRIu32 ":" : "vcpu %" PRIu32 "-%" PRIu32 ":",
			first, last);
		fprintf(out, " %s, starts %s\n",
			view->vcpus[first].kind == SVMT_VCPU_PLAIN ? "plain" : "confidential",
			view->vcpus[first].start == SVMT_START_RUN ? "running"
								   : "waiting for SIPI");
		fprintf(out, "  intercepts:\n     ");
		p.column = 5;
		dump_vmcb(view, first, &vmcb);
		dump_intercepts(&vmcb, show_intercept, &p);
		fprintf(out, "\n  vmcb fields that are not zero:\n");
		dump_fields(&vmcb, show_field, &p);
		dump_wide_fields(&vmcb, show_wide, out);
		if (view->vmsas) {
			fprintf(out,
				"  vmsa, measured at 0x%" PRIx64 ", fields that are not zero:\n",
				(uint64_t)view->vmsas[first].gpa);
			dump_vmsa_text(out, dump_vmsa(view, first));
			continue;
		}
		fprintf(out, "  registers beside the vmcb that are not zero:\n");
		show_state(out, dump_state(view, first));
	}
}

static void show_memory(FILE *out, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->region_count; i++)
		fprintf(out, "memory: 0x%" PRIx64 "-0x%" PRIx64 " %s\n",
			(uint64_t)view->regions[i].gpa,
			(uint64_t)(view->regions[i].gpa + view->regions[i].bytes - 1),
			dump_region_kind(view->regions[i].kind));
	for (uint32_t i = 0; i < view->run_count; i++)
		fprintf(out,
			"contents: 0x%" PRIx64 " %" PRIu32 " pages from pool page %" PRIu32 "\n",
			(uint64_t)view->runs[i].gpa, view->runs[i].pages, view->runs[i].blob_page);
}

/* "0x1b" or "APIC_BASE" */
static void show_msr(FILE *out, uint32_t msr)
{
	if (*dump_msr_name(msr))
		fprintf(out, "%s", dump_msr_name(msr));
	else
		fprintf(out, "0x%" PRIx32, msr);
}

static void show_msrpm(FILE *out, const struct svmt_view *view)
{
	static const uint32_t bases[] = { 0, 0xc0000000, 0xc0010000 };
	static const char *const passes[] = { NULL, " (read)", " (write)", "" };

	fprintf(out, "msrs without an exit:");
	for (uint32_t range = 0; range < 3; range++)
		for (uint32_t i = 0; i < 0x2000; i++) {
			const unsigned int pass = dump_msr_pass(view, bases[range] + i);

			if (!pass)
				continue;
			fputc(' ', out);
			show_msr(out, bases[range] + i);
			fprintf(out, "%s", passes[pass]);
		}
	fprintf(out, "\n");
}

static void show_tables(FILE *out, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->cpuid_count; i++) {
		const struct svmrt_cpuid_row *r = &view->cpuid[i];

		fprintf(out, "cpuid 0x%" PRIx32, r->leaf);
		if (r->flags & SVMRT_CPUID_SUBLEAF)
			fprintf(out, ".%" PRIu32, r->subleaf);
		for (unsigned int reg = 0; reg < 4; reg++)
			fprintf(out, " %s=(host & 0x%" PRIx32 ") | 0x%" PRIx32 "%s",
				((const char *[]){ "eax", "ebx", "ecx", "edx" })[reg], r->keep[reg],
				r->set[reg], dump_cpuid_live(r->live, reg));
		fprintf(out, "\n");
	}
	for (uint32_t i = 0; i < view->msr_count; i++) {
		const struct svmrt_msr_row *r = &view->msrs[i];

		fprintf(out, "msr 0x%" PRIx32, r->first);
		if (r->first != r->last)
			fprintf(out, "-0x%" PRIx32, r->last);
		else if (*dump_msr_name(r->first))
			fprintf(out, " %s", dump_msr_name(r->first));
		fprintf(out, " read %s", dump_msr_access(r->read));
		if (r->read == SVMRT_MSR_VALUE)
			fprintf(out, " 0x%" PRIx64, (uint64_t)r->value);
		fprintf(out, " write %s\n", dump_msr_access(r->write));
	}
}

static void show_exits(FILE *out, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->exit_count; i++) {
		const struct svmrt_exit_rule *r = &view->exits[i];
		const struct svm_exit_info *info = svm_exit_by_code(r->code);
		char range[48];

		fprintf(out, "exit 0x%-4" PRIx64 " %-18s ", (uint64_t)r->code,
			info ? info->name : "?");
		if (r->access) {
			dump_rule_range(r, range);
			fprintf(out, "%s%s%s ", range, *dump_rule_access(r) ? " " : "",
				dump_rule_access(r));
		}
		fprintf(out, "do %s", svmrt_action_name(r->action));
		if (dump_rule_value(r))
			fprintf(out, " 0x%" PRIx64, (uint64_t)r->value);
		if (r->action == SVMRT_DO_INJECT && r->vector == SVMRT_VECTOR_SAME)
			fprintf(out, " same");
		else if (r->action == SVMRT_DO_INJECT)
			fprintf(out, " %u", r->vector);
		fprintf(out, ", event %s", svmrt_event_class_name(r->event));
		if (r->event == SVMRT_EVENT_SAMPLE)
			fprintf(out, " %" PRIu32, r->sample);
		fprintf(out, "\n");
	}
}

static void show_devices(FILE *out, const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *d = &view->devices[i];
		char title[64], mac[18];

		svmt_device_title(view, d, title);
		fprintf(out, "device %s", title);
		if (d->type != SVMT_DEV_CHIPSET_PC)
			fprintf(out, " at 0x%" PRIx64, (uint64_t)d->at);
		if (d->irq != SVMT_NO_IRQ)
			fprintf(out, " irq %" PRIu32, d->irq);
		fprintf(out, "%s%s%s\n", d->flags & SVMT_DEV_F_READ_ONLY ? " read-only" : "",
			svmt_device_mac(d, mac) ? " mac " : "", mac);
	}
}

void dump_text(FILE *out, const struct svmt_view *view)
{
	char identity[65];

	svmt_identity(view->header, identity);
	fprintf(out, "template: format version %" PRIu32 ", %" PRIu64 " bytes\nidentity: %s\n",
		view->header->version, view->image_bytes, identity);
	if (view->header->flags & SVMT_F_ILLEGAL_STATE)
		fprintf(out, "the spec allows a save state that VMRUN refuses\n");
	fprintf(out, "meta: %.*s\n", (int)view->meta_bytes, view->meta);
	fprintf(out, "needs: CPUID 8000_000A EDX 0x%" PRIx32 "\n", view->features->svm_edx);
	fprintf(out, "pool: %" PRIu32 " pages\n", view->blob_pages);
	show_memory(out, view);
	dump_launch_text(out, view);
	show_vcpus(out, view);
	show_msrpm(out, view);
	show_tables(out, view);
	show_exits(out, view);
	show_devices(out, view);
	if (view->expect)
		fprintf(out, "expect: %.*s\n", (int)view->expect_bytes, view->expect);
}
