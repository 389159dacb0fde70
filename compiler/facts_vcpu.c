/* SPDX-License-Identifier: MIT */
/* One vCPU as named values: VMCB fields, intercepts, and the registers beside the VMCB. */
#include <inttypes.h>
#include <string.h>
#include "dump.h"
#include "facts.h"
#include "flags.h"

/* Bytes as hexadecimal digits without the zeroes at the end; "0" if all are zero. */
static const char *hex_bytes(struct arena *arena, const uint8_t *bytes, size_t count)
{
	char *text;

	while (count && !bytes[count - 1])
		count--;
	if (!count)
		return "0";
	text = arena_alloc(arena, 2 * count + 1);
	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

static void add_field(struct facts *facts, const struct svmk_vmcb *vmcb,
		      const struct vmcb_field_info *f)
{
	char bits[128];
	uint64_t value;

	if (f->bytes > 8) {
		facts_add(facts, f->name, f->meaning, "%s",
			  hex_bytes(facts->arena, vmcb_bytes(vmcb, f->offset), f->bytes));
		return;
	}
	value = vmcb_get_field(vmcb, f->offset, f->bytes, f->hi, f->lo);
	flags_text(f->save ? f->name : "", value, bits, sizeof(bits));
	if (*bits)
		facts_add(facts, f->name, f->meaning, "0x%" PRIx64 " [%s]", value, bits);
	else
		facts_add(facts, f->name, f->meaning, "0x%" PRIx64, value);
}

static void add_fxsave(struct facts *facts, const uint8_t *fxsave)
{
	uint16_t fcw, fsw;
	uint32_t mxcsr;

	memcpy(&fcw, fxsave, sizeof(fcw));
	memcpy(&fsw, fxsave + 2, sizeof(fsw));
	memcpy(&mxcsr, fxsave + 24, sizeof(mxcsr));
	facts_add(facts, "fcw", "x87 control word", "0x%x", fcw);
	facts_add(facts, "fsw", "x87 status word", "0x%x", fsw);
	facts_add(facts, "ftw", "x87 tag word, abridged", "0x%x", fxsave[4]);
	facts_add(facts, "mxcsr", "", "0x%" PRIx32, mxcsr);
	for (size_t at = 32; at < 512; at += 16)
		facts_add(facts, arena_printf(facts->arena, "fxsave 0x%zx", at),
			  "FXSAVE64 area", "%s", hex_bytes(facts->arena, fxsave + at, 16));
}

static void add_state(struct facts *facts, const struct svmrt_vcpu_state *state)
{
	for (unsigned int i = 0; i < 16; i++) {
		/* RAX and RSP are fields of the VMCB. */
		const char *area = i == 0 || i == 4 ? " beside the VMCB" : "";

		facts_add(facts, arena_printf(facts->arena, "%s%s", svmrt_gpr_name[i], area), "",
			  "0x%" PRIx64, (uint64_t)state->gpr[i]);
	}
	for (unsigned int i = 0; i < 4; i++)
		facts_add(facts, arena_printf(facts->arena, "dr%u", i), "", "0x%" PRIx64,
			  (uint64_t)state->dr[i]);
	facts_add(facts, "xcr0", "", "0x%" PRIx64, (uint64_t)state->xcr0);
	add_fxsave(facts, state->fxsave);
}

void facts_vcpu(struct facts *facts, const struct svmt_view *view, uint32_t vcpu)
{
	const struct svmt_vcpu *row = &view->vcpus[vcpu];
	struct svmk_vmcb vmcb;

	facts_add(facts, "kind", "", "%s",
		  row->kind == SVMT_VCPU_PLAIN ? "plain" : "confidential");
	facts_add(facts, "start", "", "%s",
		  row->start == SVMT_START_RUN ? "run" : "wait for SIPI");
	dump_vmcb(view, vcpu, &vmcb);
	for (size_t i = 0; i < svm_intercept_count; i++) {
		const struct svm_intercept_info *info = &svm_intercepts[i];
		bool set = vmcb_get_intercepts(&vmcb, info->word) & 1u << info->bit;

		facts_add(facts, arena_printf(facts->arena, "intercept %s", info->name),
			  info->meaning, "%s", set ? "set" : "clear");
	}
	/* The intercept words are those bits. */
	for (size_t i = 0; i < vmcb_field_count; i++)
		if (vmcb_fields[i].save ? !view->vmsas : vmcb_fields[i].offset >= 6 * 4)
			add_field(facts, &vmcb, &vmcb_fields[i]);
	if (!view->vmsas) {
		add_state(facts, dump_state(view, vcpu));
		return;
	}
	facts_vmsa(facts, dump_vmsa(view, vcpu));
	facts_add(facts, "vmsa_gpa", "where the page is measured", "0x%" PRIx64,
		  (uint64_t)view->vmsas[vcpu].gpa);
}
