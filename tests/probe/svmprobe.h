/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * /dev/svmprobe: VMRUN on any VMCB page at all. The module exists for the tests of svmc's rules,
 * runs in the lab only and is never installed: whoever opens the device can crash the machine.
 */
#ifndef SVMPROBE_H
#define SVMPROBE_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct svmprobe_run {
	__u32 size;		/* of this struct */
	__u32 flags;		/* SVMPROBE_* */
	__u64 vmcb;		/* user address of 4096 bytes: for VMRUN, then from #VMEXIT */
	__u32 trap;		/* exception of VMRUN or of WRMSR itself, or SVMPROBE_NO_TRAP */
	__u32 reserved;
};
#define SVMPROBE_NO_TRAP 0xffffffffu

/* Fields that get addresses of the module's own pages; the others are taken as they are. */
#define SVMPROBE_FILL_IOPM	(1u << 0)	/* IOPM_BASE_PA and */
#define SVMPROBE_FILL_MSRPM	(1u << 1)	/* MSRPM_BASE_PA: all bits are set there */
#define SVMPROBE_FILL_NCR3	(1u << 2)	/* N_CR3: GPA 0x1000 is a page of VMMCALL */
#define SVMPROBE_FILL_CODE	(1u << 3)	/* CS.base: that page less 0x1000, for no paging */
#define SVMPROBE_FILL_CR3	(1u << 4)	/* CR3: that page; its words have reserved bits */
/* What is wrong outside the VMCB. */
#define SVMPROBE_NO_SVME	(1u << 5)	/* EFER.SVME is clear */
#define SVMPROBE_MISALIGNED	(1u << 6)	/* RAX is 8 bytes off its page */
#define SVMPROBE_HSAVE_LOW	(1u << 7)	/* VM_HSAVE_PA is written with bit 0 set */

#define SVMPROBE_RUN _IOWR(0xb8, 0, struct svmprobe_run)

#endif
