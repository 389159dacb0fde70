/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that svmrt.ko builds on (Debian 12's 6.1 and 6.12) is here,
 * so that no other file asks for LINUX_VERSION_CODE.
 */
#ifndef SVMRT_COMPAT_H
#define SVMRT_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#error "svmrt.ko was built and tried on kernels from 6.1 to 6.18 only"
#endif

#ifdef __ASSEMBLY__
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>

/*
 * The kernel's own macros for the two steps below refer to symbols that from 6.19 on are KVM's only
 * (x86_verw_sel, write_ibpb). These take the same decisions, by the same alternatives, without them.
 */
/* VERW with a memory operand clears buffers on processors with TSA (B9). Flags only. */
.macro SVMRT_CLEAR_CPU_BUFFERS
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM	/* since the TSA fixes of 2025 */
	ALTERNATIVE "jmp .Lno_verw_\@", "", X86_FEATURE_CLEAR_CPU_BUF_VM
	verw svmrt_verw_selector(%rip)
.Lno_verw_\@:
#endif
.endm

/* Before 6.2 the IBPB on exit is that of every kernel entry. */
#ifndef X86_FEATURE_IBPB_ON_VMEXIT
#define X86_FEATURE_IBPB_ON_VMEXIT X86_FEATURE_ENTRY_IBPB
#endif

/* Return prediction after an exit (B9: Retbleed, SRSO). Needs a stack, clobbers RAX, RCX, RDX. */
.macro SVMRT_UNTRAIN_RET
	CALL_UNTRAIN_RET
	ALTERNATIVE_2 "jmp .Lno_ibpb_\@", "", X86_FEATURE_ENTRY_IBPB, "", X86_FEATURE_IBPB_ON_VMEXIT
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$1, %eax		/* IBPB */
	xor	%edx, %edx
	wrmsr
.Lno_ibpb_\@:
.endm
#else
#include <linux/mm.h>
#include <linux/syscore_ops.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

/* Has the kernel chosen an IBPB before user space runs again on a CPU that ran a guest (VMSCAPE)? */
static inline bool svmrt_ibpb_before_user(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	return boot_cpu_has(X86_FEATURE_IBPB_EXIT_TO_USER);
#else
	return false;
#endif
}

/* SRSO on Zen 5, where the kernel chose BP_CFG[BpSpecReduce]: set while guests run on this CPU. */
static inline void svmrt_bp_spec_reduce(bool on)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	u64 value, bit = BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT);

	if (boot_cpu_has(X86_FEATURE_SRSO_BP_SPEC_REDUCE) && !rdmsrl_safe(MSR_ZEN4_BP_CFG, &value))
		wrmsrl_safe(MSR_ZEN4_BP_CFG, on ? value | bit : value & ~bit);
#endif
}

/* SVMRT_SYSCORE(name, suspend, resume): a syscore object from int suspend(void), void resume(void). */
#ifdef SVMRT_HAVE_SYSCORE
#define SVMRT_SYSCORE(name, suspend_fn, resume_fn) \
	static int name##_suspend(void *unused) { return suspend_fn(); } \
	static void name##_resume(void *unused) { resume_fn(); } \
	static const struct syscore_ops name##_ops = { \
		.suspend = name##_suspend, .resume = name##_resume, \
	}; \
	static struct syscore name = { .ops = &name##_ops }
#else
#define SVMRT_SYSCORE(name, suspend_fn, resume_fn) \
	static struct syscore_ops name = { .suspend = suspend_fn, .resume = resume_fn }
#define register_syscore register_syscore_ops
#define unregister_syscore unregister_syscore_ops
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#include <linux/eventfd.h>
#include <linux/hrtimer.h>

static inline void svmrt_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

static inline void svmrt_hrtimer_setup(struct hrtimer *timer,
				       enum hrtimer_restart (*function)(struct hrtimer *),
				       clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#else
	hrtimer_setup(timer, function, clock, mode);
#endif
}
#endif /* __ASSEMBLY__ */

#endif
