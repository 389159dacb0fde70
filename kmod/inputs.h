/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a VMCB that #VMEXIT writes (APM volume 2, 15.6), as SVMRT_INPUT(offset, words) rows of
 * 8-byte words. After SHUTDOWN or VMEXIT_INVALID, these come from the copy made before that VMRUN.
 */
SVMRT_INPUT(0x058, 3)		/* ASID, TLB_CONTROL; V_TPR .. V_INTR_VECTOR; interrupt shadow */
SVMRT_INPUT(0x0a8, 1)		/* EVENTINJ */
SVMRT_INPUT(0x400, 8)		/* ES CS SS DS */
SVMRT_INPUT(0x460, 2)		/* GDTR */
SVMRT_INPUT(0x480, 2)		/* IDTR */
SVMRT_INPUT(0x4c8, 2)		/* CPL; EFER */
SVMRT_INPUT(0x548, 7)		/* CR4 CR3 CR0 DR7 DR6 RFLAGS RIP */
SVMRT_INPUT(0x5d8, 5)		/* RSP S_CET SSP ISST_ADDR RAX */
SVMRT_INPUT(0x640, 1)		/* CR2 */
SVMRT_INPUT(0x668, 1)		/* G_PAT */
