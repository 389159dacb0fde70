/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that svmrt.ko builds on (Debian 12's 6.1 and 6.12) is here,
 * so that no other file asks for LINUX_VERSION_CODE.
 */
#ifndef SVMRT_COMPAT_H
#define SVMRT_COMPAT_H

#include <linux/version.h>

/*
 * Return prediction after an exit (B9). From 6.19 on the macros refer to write_ibpb, which is for KVM
 * only; the module is not built there until it has its own.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#error "svmrt.ko knows kernels from 6.1 to 6.18"
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define SVMRT_UNTRAIN_RET UNTRAIN_RET_VM
#else
#define SVMRT_UNTRAIN_RET UNTRAIN_RET
#endif

#ifdef __ASSEMBLY__
/* Named so since the TSA fixes of 2025; before them there is nothing to clear for a guest. */
#ifndef VM_CLEAR_CPU_BUFFERS
#define VM_CLEAR_CPU_BUFFERS
#endif
#else
#include <linux/mm.h>
#include <linux/syscore_ops.h>

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
#endif /* __ASSEMBLY__ */

#endif
