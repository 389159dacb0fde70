// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state that neither VMRUN nor VMLOAD switches, moved once per slice: x87/SSE/AVX and XCR0,
 * XSS, PKRU (B5), DR0-3 and DR6 (B6), DEBUGCTL (B7), TSC_AUX (B10). svmrt_state_load and
 * svmrt_state_save are mirror images; interrupts are off, kernel_fpu_begin() is in force.
 */
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <asm/svm.h>
#include <asm/fpu/xcr.h>
#include "debug.h"
#include "host.h"
#include "svmrt_priv.h"
#include "sysreg.h"

#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28
#define XSTATE_BV_OFFSET 512

static bool have_xsave(void)
{
	return svmrt_guest_xcr0 != 0;
}

static bool have_pkru(void)
{
	return boot_cpu_has(X86_FEATURE_OSPKE);
}

static void load_xstate(struct svmrt_vcpu *vcpu)
{
	if (!have_xsave()) {
		asm volatile("fxrstorq (%0)" : : "r" (vcpu->xstate) : "memory");
		return;
	}
	/* With the host's XCR0, so that components which the guest switched off survive too. */
	asm volatile("xrstor64 (%0)" : : "r" (vcpu->xstate), "a" ((u32)svmrt_guest_xcr0),
		     "d" ((u32)(svmrt_guest_xcr0 >> 32)) : "memory");
	vcpu->xcr0_loaded = vcpu->xcr0_live ? vcpu->xcr0 : svmrt_host_xcr0;
	if (vcpu->xcr0_loaded != svmrt_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0_loaded);
}

static void save_xstate(struct svmrt_vcpu *vcpu)
{
	if (!have_xsave()) {
		asm volatile("fxsaveq (%0)" : : "r" (vcpu->xstate) : "memory");
		return;
	}
	if (vcpu->xcr0_loaded != svmrt_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, svmrt_host_xcr0);
	asm volatile("xsave64 (%0)" : : "r" (vcpu->xstate), "a" ((u32)svmrt_guest_xcr0),
		     "d" ((u32)(svmrt_guest_xcr0 >> 32)) : "memory");
}

/* In a slice. XSETBV needs CR4.OSXSAVE, so the guest's XCR0 is in force. */
void svmrt_state_set_xcr0(struct svmrt_vcpu *vcpu, u64 xcr0)
{
	vcpu->xcr0 = xcr0;
	if (!vcpu->xcr0_live || vcpu->xcr0_loaded == xcr0)
		return;
	vcpu->xcr0_loaded = xcr0;
	xsetbv(XCR_XFEATURE_ENABLED_MASK, xcr0);
}

/* The intercept was ignored (emulators): a value that the guest may have is its own from now on. */
void svmrt_state_restore_xcr0(struct svmrt_vcpu *vcpu)
{
	u64 value = xgetbv(XCR_XFEATURE_ENABLED_MASK);

	if (svmrt_xcr0_good(value, svmrt_guest_xcr0))
		vcpu->xcr0 = vcpu->xcr0_loaded = value;
	else
		xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0_loaded);
	vcpu->stats.xcr0_restored++;
}

/*
 * B5. Without CR4.OSXSAVE nothing shows a guest its XCR0 (XGETBV, XSAVE and VEX are #UD), so the host's
 * stays loaded until the first MOV to CR4, which the module intercepts whatever the template says.
 */
bool svmrt_state_wants_xcr0(struct svmrt_vcpu *vcpu)
{
	if (vcpu->xcr0_live || vcpu->intercepts[0] & SVMRT_CR4_WRITE)
		return false;
	vcpu->xcr0_live = true;
	svmrt_intercepts_update(vcpu);
	return true;
}

/*
 * B6. DR0-3 are switched only for guests that use them: until the first access, which the module
 * intercepts whatever the template says, the host's stay loaded and the guest cannot see them. DR6
 * and DR7 are VMRUN's; what #VMEXIT leaves there is put right at the end of the slice.
 */
static void load_debug(struct svmrt_vcpu *vcpu, struct svmrt_host_state *host)
{
	bool debugger = vcpu->debug.flags & SVMRT_DEBUG_HW;
	const u64 *own = debugger ? vcpu->debug.dr : vcpu->dr;

	vcpu->dr_switched = vcpu->dr_live || debugger;
	vcpu->dr_loaded = vcpu->dr_live && !debugger;
	if (!vcpu->dr_switched)
		return;
	/* Host breakpoints are off before guest addresses are in DR0-3, and until they have gone. */
	set_debugreg(0UL, 7);
	get_debugreg(host->dr[0], 0);
	get_debugreg(host->dr[1], 1);
	get_debugreg(host->dr[2], 2);
	get_debugreg(host->dr[3], 3);
	set_debugreg((unsigned long)own[0], 0);
	set_debugreg((unsigned long)own[1], 1);
	set_debugreg((unsigned long)own[2], 2);
	set_debugreg((unsigned long)own[3], 3);
}

static void save_live_debug(struct svmrt_vcpu *vcpu, const struct svmrt_host_state *host)
{
	unsigned long dr[4];

	set_debugreg(0UL, 7);
	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
	if (vcpu->dr_loaded) {
		vcpu->dr_loaded = false;
		vcpu->dr[0] = dr[0];
		vcpu->dr[1] = dr[1];
		vcpu->dr[2] = dr[2];
		vcpu->dr[3] = dr[3];
	}
	set_debugreg(host->dr[0], 0);
	set_debugreg(host->dr[1], 1);
	set_debugreg(host->dr[2], 2);
	set_debugreg(host->dr[3], 3);
}

static void save_debug(struct svmrt_vcpu *vcpu, const struct svmrt_host_state *host)
{
	unsigned long dr7 = this_cpu_read(cpu_dr7);

	if (vcpu->dr_switched)
		save_live_debug(vcpu, host);
	if (vcpu->inputs_valid || vmcb_get_DR6(vcpu->vmcb) != DR6_RESERVED)
		set_debugreg(DR6_RESERVED, 6);
	if (vcpu->dr_switched || dr7)
		set_debugreg(dr7, 7);
}

bool svmrt_state_wants_debug(struct svmrt_vcpu *vcpu, u64 code)
{
	if (vcpu->dr_live || vcpu->intercepts[1] >> (code - 0x20) & 1)
		return false;
	vcpu->dr_live = true;
	svmrt_intercepts_update(vcpu);
	return true;
}

void svmrt_state_load(struct svmrt_vcpu *vcpu, struct svmrt_host_state *host)
{
	struct svmrt_host_cpu *cpu = this_cpu_ptr(&svmrt_host_cpu);

	load_debug(vcpu, host);
	rdmsrl(MSR_IA32_DEBUGCTLMSR, host->debugctl);
	if (host->debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);
	if (cpu->tsc_aux != vcpu->tsc_aux)
		wrmsrl(MSR_TSC_AUX, vcpu->tsc_aux);
	/* B5: a guest with XSAVE can run XSAVES and see any supervisor state that XSS enables (CET's). */
	if (cpu->xss)
		wrmsrl(MSR_IA32_XSS, 0);
	if (have_pkru()) {
		host->pkru = rdpkru();
		if (host->pkru != vcpu->pkru)
			wrpkru(vcpu->pkru);
	}
	load_xstate(vcpu);
}

void svmrt_state_save(struct svmrt_vcpu *vcpu, const struct svmrt_host_state *host)
{
	struct svmrt_host_cpu *cpu = this_cpu_ptr(&svmrt_host_cpu);

	save_xstate(vcpu);
	if (have_pkru()) {
		vcpu->pkru = rdpkru();
		if (host->pkru != vcpu->pkru)
			wrpkru(host->pkru);
	}
	if (cpu->xss)
		wrmsrl(MSR_IA32_XSS, cpu->xss);
	if (cpu->tsc_aux != vcpu->tsc_aux)
		wrmsrl(MSR_TSC_AUX, cpu->tsc_aux);
	if (host->debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, host->debugctl);
	save_debug(vcpu, host);
}

/* MXCSR bits that this processor allows; XRSTOR faults on others. */
static u32 mxcsr_mask(void)
{
	u8 area[512] __aligned(16) = { 0 };
	u32 mask;

	asm volatile("fxsaveq %0" : "=m" (area));
	memcpy(&mask, area + MXCSR_MASK_OFFSET, sizeof(mask));
	return mask ? mask : 0xffbf;
}

void svmrt_state_init_lazy(struct svmrt_vcpu *vcpu)
{
	vcpu->xcr0_live = !have_xsave() || vcpu->xcr0 == svmrt_host_xcr0 ||
			  vmcb_get_CR4(vcpu->vmcb) & X86_CR4_OSXSAVE;
	vcpu->dr_live = vcpu->dr[0] || vcpu->dr[1] || vcpu->dr[2] || vcpu->dr[3] ||
			vmcb_get_DR7(vcpu->vmcb) & 0xff;
	svmrt_intercepts_update(vcpu);
}

static int check_state(const struct svmrt_vcpu_state *state, char *error)
{
	u64 xcr0_allowed = have_xsave() ? svmrt_guest_xcr0 : 1;
	u32 mxcsr;

	memcpy(&mxcsr, state->fxsave + MXCSR_OFFSET, sizeof(mxcsr));
	if (mxcsr & ~mxcsr_mask()) {
		snprintf(error, SVMRT_ERROR_BYTES, "MXCSR %#x has bits that this processor lacks", mxcsr);
		return -EINVAL;
	}
	if (!svmrt_xcr0_good(state->xcr0, xcr0_allowed)) {
		snprintf(error, SVMRT_ERROR_BYTES, "XCR0 %#llx: bit 0 must be set, AVX needs SSE, AVX-512 is whole and needs AVX, and only %#llx exist here",
			 state->xcr0, xcr0_allowed);
		return -EINVAL;
	}
	if (state->gpr[0] || state->gpr[4]) {
		snprintf(error, SVMRT_ERROR_BYTES, "RAX and RSP belong to the VMCB: zero here");
		return -EINVAL;
	}
	return 0;
}

static void take_state(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu_state *state)
{
	u32 i;

	memcpy(vcpu->xstate, state->fxsave, 512);
	/* The bytes behind the registers (464..511) belong to software: nothing of the user's there. */
	memset(vcpu->xstate + 464, 0, 48);
	if (have_xsave())
		*(u64 *)(vcpu->xstate + XSTATE_BV_OFFSET) |= 3;	/* x87 and SSE are given */
	vcpu->xcr0 = state->xcr0;
	for (i = 0; i < 16; i++)
		vcpu->gpr[i] = state->gpr[i];
	for (i = 0; i < 4; i++)
		vcpu->dr[i] = state->dr[i];
}

int svmrt_state_init(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu_state *state, char *error)
{
	int err = check_state(state, error);

	if (err)
		return err;
	vcpu->xstate_alloc = kvzalloc(svmrt_xsave_bytes + 64, SVMRT_GFP);
	if (!vcpu->xstate_alloc)
		return -ENOMEM;
	vcpu->xstate = PTR_ALIGN(vcpu->xstate_alloc, 64);
	take_state(vcpu, state);
	svmrt_state_init_lazy(vcpu);
	return 0;
}

int svmrt_state_import(struct svmrt_vcpu *vcpu, const struct svmrt_vcpu_state *state, char *error)
{
	int err = check_state(state, error);

	if (!err)
		take_state(vcpu, state);
	return err;
}

void svmrt_state_free(struct svmrt_vcpu *vcpu)
{
	kvfree(vcpu->xstate_alloc);
}

void svmrt_state_export(const struct svmrt_vcpu *vcpu, struct svmrt_vcpu_state *state)
{
	u32 i;

	memset(state, 0, sizeof(*state));
	for (i = 0; i < 16; i++)
		state->gpr[i] = vcpu->gpr[i];
	state->gpr[0] = state->gpr[4] = 0;
	for (i = 0; i < 4; i++)
		state->dr[i] = vcpu->dr[i];
	state->xcr0 = vcpu->xcr0;
	memcpy(state->fxsave, vcpu->xstate, 512);
}
