/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that svmrt.ko builds on (Debian 12's 6.1 and 6.12) is here,
 * so that no other file asks for LINUX_VERSION_CODE.
 */
#ifndef SVMRT_COMPAT_H
#define SVMRT_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

#endif
