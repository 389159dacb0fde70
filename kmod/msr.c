// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers behind MSR rows with STATE, XSETBV, and what CPUID says of the vCPU itself. Out of the way
 * of hot exits: a guest sets these while it boots. Interrupts are off.
 */
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include "policy.h"
#include "svmrt_priv.h"
#include "sysreg.h"

#define CPUID_OSXSAVE BIT(27)
#define XSTATE_LEAF 0xd
#define XSAVE_LEGACY_BYTES 576		/* x87, SSE and the header */

/* EFER bits that VMRUN takes here, and whose effects are the guest's own. */
static u64 efer_allowed(void)
{
	return SVMRT_EFER_SCE | SVMRT_EFER_LME |
	       (boot_cpu_has(X86_FEATURE_NX) ? SVMRT_EFER_NXE : 0) |
	       (boot_cpu_has(X86_FEATURE_FXSR_OPT) ? SVMRT_EFER_FFXSR : 0);
}

static bool write_efer(struct svmrt_vcpu *vcpu, u64 value)
{
	u64 efer = vmcb_get_EFER(vcpu->vmcb), old = efer;

	if (!svmrt_efer_write(&efer, value, efer_allowed(), vmcb_get_CR0(vcpu->vmcb) & X86_CR0_PG))
		return false;
	vmcb_set_EFER(vcpu->vmcb, efer);
	if ((old ^ efer) & SVMRT_EFER_NXE)
		vcpu->asid.cpu = NULL;	/* a new ASID: no translation of before */
	return true;
}

static bool write_pat(struct svmrt_vcpu *vcpu, u64 value)
{
	if (!svmrt_pat_good(value))
		return false;
	vmcb_set_G_PAT(vcpu->vmcb, value);
	vcpu->asid.cpu = NULL;
	return true;
}

static bool write_tsc_aux(struct svmrt_vcpu *vcpu, u64 value)
{
	if (value >> 32 || !boot_cpu_has(X86_FEATURE_RDTSCP))
		return false;
	vcpu->tsc_aux = value;
	wrmsrl(MSR_TSC_AUX, value);	/* as state.c does at the start of the next slice */
	return true;
}

bool svmrt_msr_state_write(struct svmrt_vcpu *vcpu, u32 msr, u64 value)
{
	switch (msr) {
	case MSR_EFER:
		return write_efer(vcpu, value);
	case MSR_IA32_CR_PAT:
		return write_pat(vcpu, value);
	case MSR_TSC_AUX:
		return write_tsc_aux(vcpu, value);
	case SVMRT_MSR_WALL_CLOCK:
	case SVMRT_MSR_SYSTEM_TIME:
		return svmrt_pvclock_write(vcpu, msr, value);
	default:
		vmcb_set_TSC_OFFSET(vcpu->vmcb, value - rdtsc());
		svmrt_pvclock_stale(vcpu);
		return true;
	}
}

u64 svmrt_msr_state_read(const struct svmrt_vcpu *vcpu, u32 msr)
{
	switch (msr) {
	case MSR_EFER:
		return vmcb_get_EFER(vcpu->vmcb) & ~SVMRT_EFER_SVME;
	case MSR_IA32_CR_PAT:
		return vmcb_get_G_PAT(vcpu->vmcb);
	case MSR_TSC_AUX:
		return vcpu->tsc_aux;
	case SVMRT_MSR_WALL_CLOCK:
	case SVMRT_MSR_SYSTEM_TIME:
		return svmrt_pvclock_read(vcpu, msr);
	default:
		return rdtsc() + vmcb_get_TSC_OFFSET(vcpu->vmcb);
	}
}

bool svmrt_xsetbv(struct svmrt_vcpu *vcpu)
{
	u64 value = (u32)vmcb_get_RAX(vcpu->vmcb) | vcpu->gpr[2] << 32;

	if ((u32)vcpu->gpr[1] || vmcb_get_CPL(vcpu->vmcb) ||
	    !svmrt_xcr0_good(value, svmrt_guest_xcr0))
		return false;
	svmrt_state_set_xcr0(vcpu, value);
	return true;
}

/* Bytes of an XSAVE area with the components of XCR0 (APM volume 2, 11.5.3). */
static u32 xsave_bytes(u64 xcr0)
{
	u32 bytes = XSAVE_LEGACY_BYTES, size, offset, unused;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		cpuid_count(XSTATE_LEAF, i, &size, &offset, &unused, &unused);
		bytes = max(bytes, offset + size);
	}
	return bytes;
}

void svmrt_cpuid_live(const struct svmrt_vcpu *vcpu, const struct svmrt_cpuid_row *row, u32 value[4])
{
	if (row->live & SVMRT_CPUID_LIVE_EBX_ID)
		value[1] = (value[1] & 0x00ffffff) | vcpu->index << 24;
	if (row->live & SVMRT_CPUID_LIVE_EDX_ID)
		value[3] = vcpu->index;
	if (row->live & SVMRT_CPUID_LIVE_OSXSAVE)
		value[2] = (value[2] & ~CPUID_OSXSAVE) |
			   (vmcb_get_CR4(vcpu->vmcb) & X86_CR4_OSXSAVE ? CPUID_OSXSAVE : 0);
	if (row->live & SVMRT_CPUID_LIVE_XSAVE)
		value[1] = xsave_bytes(vcpu->xcr0);
}
