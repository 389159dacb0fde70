/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch: int svmrt_enter(u64 *gpr, u64 guest_vmcb_pa, u64 host_save_pa).
 * Called with interrupts off; the caller has loaded what VMRUN does not switch (state.c) and has
 * done VMSAVE to host_save_pa in this slice. Between CLGI and STGI there is no branch, no lock and
 * no memory access but the stack's (A9, B13).
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include "compat.h"

#define GPR(n) ((n) * 8)(%rax)

.section .noinstr.text, "ax"

SYM_FUNC_START(svmrt_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi			/* for the way back: where the guest's registers go, */
	push	%rdx			/* the host's VMSAVE page, */
	push	%rsi			/* and, popped last before VMLOAD, the guest's VMCB */

	/* B4: all GPRs but RAX and RSP, which are in the VMCB. */
	mov	%rdi, %rax
	mov	GPR(1), %rcx
	mov	GPR(2), %rdx
	mov	GPR(3), %rbx
	mov	GPR(5), %rbp
	mov	GPR(6), %rsi
	mov	GPR(7), %rdi
	mov	GPR(8), %r8
	mov	GPR(9), %r9
	mov	GPR(10), %r10
	mov	GPR(11), %r11
	mov	GPR(12), %r12
	mov	GPR(13), %r13
	mov	GPR(14), %r14
	mov	GPR(15), %r15
	pop	%rax
	/* B9: on processors with TSA or the like, no host data is left in buffers. Flags only. */
	SVMRT_CLEAR_CPU_BUFFERS

	/*
	 * B1, B2: GIF=0 first, then IF=1, so that host interrupts stay pending until VMRUN and make
	 * it exit at once. VMLOAD between STI and VMRUN keeps the STI shadow out of the guest.
	 */
1:	clgi
	sti
2:	vmload	%rax
3:	vmrun	%rax
4:	vmsave	%rax
	/* B3: the host's FS, GS, TR, LDTR and syscall MSRs, before anything can use per-CPU data. */
	pop	%rax
5:	vmload	%rax
	cli
6:	stgi

	pop	%rax
	mov	%rcx, GPR(1)
	mov	%rdx, GPR(2)
	mov	%rbx, GPR(3)
	mov	%rbp, GPR(5)
	mov	%rsi, GPR(6)
	mov	%rdi, GPR(7)
	mov	%r8,  GPR(8)
	mov	%r9,  GPR(9)
	mov	%r10, GPR(10)
	mov	%r11, GPR(11)
	mov	%r12, GPR(12)
	mov	%r13, GPR(13)
	mov	%r14, GPR(14)
	mov	%r15, GPR(15)

	/* B4: no guest value stays in a register that the host could speculate with. */
	xor	%eax, %eax
.Lout:
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	/* B9: before the first RET, no guest-trained return prediction (Retbleed, SRSO). */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
	mov	%eax, %ebx
	SVMRT_UNTRAIN_RET
	mov	%ebx, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

	/*
	 * B14: SVME vanished (reboot or crash path) before CLGI. Two words are on the stack. With
	 * GIF=0 neither IPI nor NMI can take SVME away, so the later labels are belt and braces.
	 */
.Lfault:
	pop	%rax
.Lfault_one_word:
	pop	%rax
	cli
	mov	$1, %eax
	jmp	.Lout
	_ASM_EXTABLE(1b, .Lfault)
	_ASM_EXTABLE(2b, .Lfault)
	_ASM_EXTABLE(3b, .Lfault)
	_ASM_EXTABLE(4b, .Lfault)
	_ASM_EXTABLE(5b, .Lfault_one_word)
	_ASM_EXTABLE(6b, .Lfault_one_word)
SYM_FUNC_END(svmrt_enter)

/* What VERW looks at: any selector that may be written to. */
.section .rodata, "a"
.balign 2
SYM_DATA_LOCAL(svmrt_verw_selector, .word __KERNEL_DS)
