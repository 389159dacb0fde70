/* SPDX-License-Identifier: MIT */
/* vCPUs of an IGVM file: VMSA pages as they are, or the short context of the native platform. */
#include <inttypes.h>
#include <string.h>
#include "igvm_reader.h"
#include "spec_read.h"
#include "vmsa.h"

#define EFER_SVME (1ULL << 12)

static void fill_vmsa(struct igvm_reader *r, uint32_t vcpu)
{
	struct spec *spec = &r->c->spec;
	unsigned int bad, count;
	uint8_t value;

	memcpy(spec->vmsa, r->contexts[vcpu], VMSA_PAGE_BYTES);
	bad = vmsa_find_reserved(spec->vmsa);
	value = bad < VMSA_PAGE_BYTES ? spec->vmsa[bad] : 0;
	count = vmsa_clear_reserved(spec->vmsa);
	if (count)
		igvm_lose(r, true, "vcpu %" PRIu32 ": offset 0x%03x of its VMSA: 0x%02x, but no "
			  "field is there (bytes like this: %u)", vcpu, bad, value, count);
	vmsa_to_vmcb(spec->vmsa, spec->vmcb);
	*spec->vmsa_gpa = r->context_gpa[vcpu];
}

static bool fill_native(struct igvm_reader *r, uint32_t vcpu)
{
	const uint8_t *page = r->contexts[vcpu];
	struct svmrt_vcpu_state *state = r->c->spec.state;
	struct svmk_vmcb *vmcb = r->c->spec.vmcb;
	struct igvm_native_context n;

	memcpy(&n, page, sizeof(n));
	for (size_t i = sizeof(n); i < IGVM_PAGE; i++)
		if (page[i])
			return igvm_fail(r, (uint64_t)(page - r->igvm->data) + i,
				    "a native vCPU context "
				    "has 0x%zx bytes, and the rest of its page is zero",
				    sizeof(n));
	memcpy(state->gpr, &n.rax, sizeof(state->gpr));
	/* RAX and RSP live in the VMCB. */
	state->gpr[0] = state->gpr[4] = 0;
	vmcb_set_RAX(vmcb, n.rax);
	vmcb_set_RSP(vmcb, n.rsp);
	vmcb_set_RIP(vmcb, n.rip);
	vmcb_set_RFLAGS(vmcb, n.rflags);
	vmcb_set_IDTR_BASE(vmcb, n.idtr_base);
	vmcb_set_IDTR_LIMIT(vmcb, n.idtr_limit);
	vmcb_set_GDTR_BASE(vmcb, n.gdtr_base);
	vmcb_set_GDTR_LIMIT(vmcb, n.gdtr_limit);
	vmcb_set_CS_SELECTOR(vmcb, n.code_selector);
	vmcb_set_CS_ATTRIB(vmcb, igvm_packed(n.code_attributes));
	vmcb_set_CS_BASE(vmcb, n.code_base);
	vmcb_set_CS_LIMIT(vmcb, n.code_limit);
#define DATA(NAME) do { \
		vmcb_set_##NAME##_SELECTOR(vmcb, n.data_selector); \
		vmcb_set_##NAME##_ATTRIB(vmcb, igvm_packed(n.data_attributes)); \
		vmcb_set_##NAME##_BASE(vmcb, n.data_base); \
		vmcb_set_##NAME##_LIMIT(vmcb, n.data_limit); \
	} while (0)
	DATA(DS);
	DATA(ES);
	DATA(SS);
	DATA(FS);
	DATA(GS);
#undef DATA
	vmcb_set_GS_BASE(vmcb, n.gs_base);
	vmcb_set_CR0(vmcb, n.cr0);
	vmcb_set_CR3(vmcb, n.cr3);
	vmcb_set_CR4(vmcb, n.cr4);
	if (!(n.efer & EFER_SVME))
		igvm_lose(r, false,
			  "vcpu %" PRIu32 ": EFER 0x%" PRIx64 " is without SVME, which VMRUN "
			  "wants; it is set",
			  vcpu, n.efer);
	vmcb_set_EFER(vmcb, n.efer | EFER_SVME);
	return true;
}

bool igvm_add_vcpus(struct igvm_reader *r)
{
	struct spec *spec = &r->c->spec;
	const struct vcpu_set base = spec->sets[0];

	spec->set_count = 0;
	for (uint32_t first = 0, last; first < r->context_count; first = last + 1) {
		for (last = first; last + 1 < r->context_count; last++)
			if (memcmp(r->contexts[first], r->contexts[last + 1], IGVM_PAGE) ||
			    r->context_gpa[first] != r->context_gpa[last + 1])
				break;
		spec_add_set(r->c, first, last, &base);
		if (igvm_is_confidential(r))
			fill_vmsa(r, first);
		else if (!fill_native(r, first))
			return false;
	}
	spec->vcpu_count = r->context_count;
	spec_select_set(r->c, 0);
	return true;
}
