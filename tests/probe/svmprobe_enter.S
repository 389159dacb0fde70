/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * u32 svmprobe_vmrun(u64 vmcb_pa, u32 svme): VMRUN once; the vector of the exception that it
 * raised, or ~0. FS, GS, TR and LDTR stay the host's, since the guest does not touch what VMRUN
 * leaves alone: it is a page of VMMCALL, and everything else that it could do exits.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

.text

SYM_FUNC_START(svmprobe_vmrun)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	mov	%rdi, %rax
	test	%esi, %esi
	jz	.Lbare
	/* As in the world switch: GIF=0, then IF=1, so that an interrupt ends the guest at once. */
	clgi
	sti
	nop				/* VMRUN is not in the shadow of STI */
1:	vmrun	%rax
	cli
	stgi
	mov	$~0, %eax
.Lout:
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

	/* Without SVME, CLGI would raise #UD before VMRUN could. */
.Lbare:
2:	vmrun	%rax
	mov	$~0, %eax
	jmp	.Lout

	/* The fixup has the vector in EAX. Exceptions are delivered while GIF is 0. */
.Lfault:
	cli
	stgi
.Lbare_fault:
	jmp	.Lout
	_ASM_EXTABLE_FAULT(1b, .Lfault)
	_ASM_EXTABLE_FAULT(2b, .Lbare_fault)
SYM_FUNC_END(svmprobe_vmrun)
