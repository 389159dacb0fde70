// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control area by allow-list (E1). A template is hostile: a bit that is not listed here never
 * reaches the hardware, whatever it will mean on some later processor.
 */
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <stdio.h>
#include <string.h>
#endif
#include <svmkit/vmcb_layout.h>	/* for its assertions, in the kernel as in user space */
#include "control.h"
#include "event.h"

#define EDX_PAUSE_FILTER	(1u << 10)
#define EDX_PAUSE_THRESHOLD	(1u << 12)
#define EDX_TLBICTL		(1u << 24)
#define EBX_INVLPGB		(1u << 3)
#define EBX_RDPRU		(1u << 4)
#define EBX_MCOMMIT		(1u << 8)

/* Word 4: VMRUN .. RDPRU; the EFER and CR write traps above it are for SEV-ES guests only. */
#define WORD4_ALLOWED 0x7fffu

static __u32 word5_allowed(const struct svmrt_host_features *f)
{
	__u32 allowed = 0;

	if (f->ext_ebx & EBX_INVLPGB)
		allowed |= 3;
	if (f->invpcid)
		allowed |= 1u << 2;
	if (f->ext_ebx & EBX_MCOMMIT)
		allowed |= 1u << 3;
	if (f->svm_edx & EDX_TLBICTL)
		allowed |= 1u << 4;
	return allowed;
}

/* Bits of the 8-byte control word at `offset` that a template may set. */
static __u64 allowed_word(unsigned int offset, const struct svmrt_host_features *f)
{
	switch (offset) {
	case 0x000: return ~0ULL;			/* CR and DR intercepts */
	case 0x008: return ~0ULL;			/* exceptions, misc 1 */
	case 0x010: return WORD4_ALLOWED | (__u64)word5_allowed(f) << 32;
	case 0x038: return (f->svm_edx & EDX_PAUSE_THRESHOLD ? 0xffffULL << 32 : 0) |
			   (f->svm_edx & EDX_PAUSE_FILTER ? 0xffffULL << 48 : 0);
	case 0x050: return ~0ULL;			/* TSC_OFFSET */
	case 0x060: return 0xffULL | 1ULL << 24;	/* V_TPR; V_INTR_MASKING is set anyway */
	case 0x068: return 1;				/* INTERRUPT_SHADOW */
	case 0x090: return 1;				/* NP_ENABLE is set anyway */
	case 0x0a8: return ~0ULL;			/* EVENTINJ: see check_event() */
	default: return 0;
	}
}

static _Bool within(unsigned int at, unsigned int first, unsigned int last)
{
	return at >= first && at <= last;
}

static void refuse(char *error, unsigned long error_bytes, unsigned int offset, unsigned int bit)
{
	const char *name = "a reserved word";
	unsigned int at = offset * 8 + bit;

#define VMCB_CONTROL(off, bytes, hi, lo, NAME, word, access, clean, feature, meaning, rule) \
	if (within(at, (off) * 8 + (lo), (off) * 8 + (hi))) \
		name = #NAME;
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL
#define SVM_INTERCEPT(w, b, NAME, exitcode, force, feature, safety, meaning) \
	if (at == (w) * 32 + (b)) \
		name = "intercept " #NAME;
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
#define VMCB_SAVE(off, bytes, NAME, member, spec_name, loaded_by, clean, feature, meaning, rule) \
	if (within(at, (0x400 + (off)) * 8, (0x400 + (off) + (bytes)) * 8 - 1)) \
		name = spec_name;
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE
	snprintf(error, error_bytes, "VMCB %#x bit %u (%s) must be zero in a template on this processor",
		 at / 64 * 8, at % 64, name);
}

static int check_control(const struct svmk_vmcb *in, const struct svmrt_host_features *f,
			 char *error, unsigned long error_bytes)
{
	unsigned int offset;

	for (offset = 0; offset < VMCB_SAVE_OFFSET; offset += 8) {
		__u64 bad = vmcb_get_field(in, offset, 8, 63, 0) & ~allowed_word(offset, f);

		if (bad) {
			refuse(error, error_bytes, offset, (unsigned int)__builtin_ctzll(bad));
			return -EINVAL;
		}
	}
	return 0;
}

/* An event that the vCPU gets at its first entry (vcpu.c makes it the pending one). */
static int check_event(const struct svmk_vmcb *in, char *error, unsigned long error_bytes)
{
	if (svmrt_event_is_legal(vmcb_get_EVENTINJ(in)))
		return 0;
	snprintf(error, error_bytes, "VMCB 0xa8: EVENTINJ %#llx: must be 0, or an interrupt, an NMI or a defined exception",
		 (unsigned long long)vmcb_get_EVENTINJ(in));
	return -EINVAL;
}

/* Copy what VMRUN and VMLOAD load with the features that we turn on; the rest must be zero. */
static int copy_save(struct svmk_vmcb *out, const struct svmk_vmcb *in, char *error,
		     unsigned long error_bytes)
{
	struct svmk_vmcb *rest = out;	/* scratch: what is left without the fields we take */
	unsigned int offset;

	memcpy(rest->opaque_page + VMCB_SAVE_OFFSET, in->opaque_page + VMCB_SAVE_OFFSET,
	       VMCB_PAGE_BYTES - VMCB_SAVE_OFFSET);
#define VMCB_SAVE(off, bytes, NAME, member, spec_name, loaded_by, clean, feature, meaning, rule) \
	if ((loaded_by == VMCB_BY_VMRUN || loaded_by == VMCB_BY_VMLOAD || \
	     loaded_by == VMCB_BY_VMRUN_NP) && (off) != 0x2e0 /* SPEC_CTRL: the host's value */) \
		memset(rest->opaque_page + 0x400 + (off), 0, bytes);
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE
	for (offset = VMCB_SAVE_OFFSET; offset < VMCB_PAGE_BYTES; offset += 8) {
		__u64 bad = vmcb_get_field(rest, offset, 8, 63, 0);

		if (bad) {
			refuse(error, error_bytes, offset, (unsigned int)__builtin_ctzll(bad));
			return -EINVAL;
		}
	}
	memcpy(out->opaque_page + VMCB_SAVE_OFFSET, in->opaque_page + VMCB_SAVE_OFFSET,
	       VMCB_PAGE_BYTES - VMCB_SAVE_OFFSET);
	return 0;
}

/* Intercepts that the host's safety needs (facts: host_safety), whatever the template says. */
static void force_intercepts(struct svmk_vmcb *out, const struct svmrt_host_features *f)
{
	__u32 words[6];
	unsigned int i;

	for (i = 0; i < 6; i++)
		words[i] = vmcb_get_intercepts(out, i);
#define SVM_INTERCEPT(w, b, NAME, exitcode, force, feature, safety, meaning) \
	if (force == SVM_FORCE_ALWAYS) \
		words[w] |= 1u << (b);
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	if (f->ext_ebx & EBX_INVLPGB)
		words[5] |= 3;
	/* Cheap ways to wedge or watch the host: host performance counters, RSM, MONITOR, MWAIT. */
	words[3] |= 1u << 15 | 1u << 19;
	words[4] |= 1u << 10 | 1u << 11;
	if (f->ext_ebx & EBX_RDPRU)
		words[4] |= 1u << 14;
	for (i = 0; i < 6; i++)
		vmcb_set_intercepts(out, i, words[i]);
}

int svmrt_control_build(struct svmk_vmcb *out, const struct svmk_vmcb *in,
			const struct svmrt_host_features *features,
			const struct svmrt_control_addresses *addresses, char *error,
			unsigned long error_bytes)
{
	int err = check_control(in, features, error, error_bytes);

	if (!err)
		err = check_event(in, error, error_bytes);
	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	err = copy_save(out, in, error, error_bytes);
	if (err)
		return err;
	memcpy(out->opaque_page, in->opaque_page, VMCB_SAVE_OFFSET);
	force_intercepts(out, features);
	vmcb_set_V_INTR_MASKING(out, 1);	/* B2 */
	vmcb_set_NP_ENABLE(out, 1);		/* B11 */
	vmcb_set_IOPM_BASE_PA(out, addresses->iopm);
	vmcb_set_MSRPM_BASE_PA(out, addresses->msrpm);
	vmcb_set_N_CR3(out, addresses->n_cr3);
	vmcb_set_GUEST_ASID(out, features->first_asid);
	vmcb_set_TLB_CONTROL(out, 1);
	vmcb_set_VMCB_CLEAN(out, 0);
	return 0;
}

int svmrt_control_import(struct svmk_vmcb *vmcb, const struct svmk_vmcb *in,
			 struct svmk_vmcb *scratch, char *error, unsigned long error_bytes)
{
	int err = copy_save(scratch, in, error, error_bytes);

	if (err)
		return err;
	memcpy(vmcb->opaque_page + VMCB_SAVE_OFFSET, in->opaque_page + VMCB_SAVE_OFFSET,
	       VMCB_PAGE_BYTES - VMCB_SAVE_OFFSET);
	vmcb_set_TSC_OFFSET(vmcb, vmcb_get_TSC_OFFSET(in));
	vmcb_set_V_TPR(vmcb, vmcb_get_V_TPR(in));
	vmcb_set_INTERRUPT_SHADOW(vmcb, vmcb_get_INTERRUPT_SHADOW(in));
	vmcb_set_V_IRQ(vmcb, 0);
	vmcb_set_VMCB_CLEAN(vmcb, 0);
	return 0;
}

void svmrt_control_scrub(struct svmk_vmcb *vmcb)
{
	vmcb_set_IOPM_BASE_PA(vmcb, 0);
	vmcb_set_MSRPM_BASE_PA(vmcb, 0);
	vmcb_set_N_CR3(vmcb, 0);
	vmcb_set_GUEST_ASID(vmcb, 0);
	vmcb_set_TLB_CONTROL(vmcb, 0);
	vmcb_set_VMCB_CLEAN(vmcb, 0);
	/* The module's own way of delivering interrupts; a template may not have these bits. */
	vmcb_set_V_IRQ(vmcb, 0);
	vmcb_set_V_INTR_PRIO(vmcb, 0);
	vmcb_set_V_IGN_TPR(vmcb, 0);
	vmcb_set_V_INTR_VECTOR(vmcb, 0);
}
