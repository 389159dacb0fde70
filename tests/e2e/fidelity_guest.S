/* SPDX-License-Identifier: MIT */
/*
 * The guest of the register-fidelity test: 64-bit code at FG_CODE. In each round it loads every
 * register from FG_WANT, causes an exit, stores every register to FG_GOT and compares, for one kind
 * of exit after the other. What a register may hold is in FG_WANT; nothing here is position independent.
 */
#include "fidelity_guest.h"

	.section .rodata, "a"
	.globl	fidelity_guest, fidelity_guest_end, fidelity_guest_ud, fidelity_guest_de, fidelity_guest_nmi
	.balign	16
fidelity_guest:
	.code64
#define AT(base, offset) ((base) + (offset))

	.macro	move_gprs to_memory, base
	.set	gpr, 0
	.irp	name, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	.if	\to_memory
	mov	%\name, AT(\base, FG_GPR) + gpr
	.else
	.ifnc	\name, rsp
	mov	AT(\base, FG_GPR) + gpr, %\name
	.endif
	.endif
	.set	gpr, gpr + 8
	.endr
	.endm

	/* Every register from FG_WANT; flags are free. */
	.macro	load_all
	fxrstor64 AT(FG_WANT, FG_FX)
	cmpl	$0, FG_AVX
	je	1f
	.set	n, 0
	.irp	name, ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15
	vmovdqu	AT(FG_WANT, FG_YMM) + n, %\name
	.set	n, n + 32
	.endr
1:	move_gprs 0, FG_WANT
	.endm

	.macro	store_all
	move_gprs 1, FG_GOT
	fxsave64 AT(FG_GOT, FG_FX)
	cmpl	$0, FG_AVX
	je	1f
	.set	n, 0
	.irp	name, ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15
	vmovdqu	%\name, AT(FG_GOT, FG_YMM) + n
	.set	n, n + 32
	.endr
1:
	.endm

	/* RBX: which exit, for the message. */
	.macro	compare which, from, to
	mov	$AT(FG_WANT, \from), %esi
	mov	$AT(FG_GOT, \from), %edi
	mov	$(\to - \from) / 8, %ecx
	mov	$\which, %al
	repe cmpsq
	jne	failed
	.endm

	.macro	kind which, insn:vararg
	load_all
	\insn
	store_all
	compare	\which, 0, FG_SLOW
	.endm

	/* What FXSAVE writes by itself (the mask of MXCSR) is taken as it is, once. */
	load_all
	store_all
	mov	$AT(FG_GOT, FG_FX), %esi
	mov	$AT(FG_WANT, FG_FX), %edi
	mov	$64, %ecx
	rep movsq
	cmpl	$0, FG_PKU
	je	round
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	AT(FG_WANT, FG_PKRU), %eax
	wrpkru

round:
	kind	1, vmmcall			/* stepped over in the kernel */
	kind	2, out %al, $FG_PORT_STEP	/* to user space and back */
	kind	3, out %al, $FG_PORT_INJECT	/* user space injects #DE */
	kind	4, ud2				/* the kernel injects #UD */
	kind	5, hlt				/* stepped over in the kernel */
	kind	6, movb $0x5a, (%rdi)		/* the kernel populates the page */
	kind	7, wrmsr			/* dropped by the kernel's table */

	load_all				/* a host interrupt, at least one */
	out	%al, $FG_PORT_SPIN
1:	pause
	cmpl	$0, FG_SPIN
	jne	1b
	store_all
	compare	9, 0, FG_SLOW
	kind	10, out %al, $FG_PORT_NMI	/* and the exit at the IRET of its handler */
	load_all				/* both are steps: what user space does, and what follows */
	out	%al, $FG_PORT_TRAP
	nop
	store_all
	compare	11, 0, FG_SLOW
	kind	12, mov %rax, %cr3		/* stepped over in the kernel */
	kind	13, mov %rax, %dr7		/* the same */

	/*
	 * XSETBV: stepped over; an emulator that does not intercept it executes it, and the module takes
	 * the value at the next exit. x87 alone, then all again: AVX registers survive both.
	 */
	cmpl	$0, FG_XSAVE
	je	no_xsetbv
	load_all
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$1, %eax
	xsetbv
	vmmcall
	mov	AT(FG_WANT, FG_XCR0), %eax
	xsetbv
	vmmcall
	mov	AT(FG_WANT, FG_GPR) + 0, %rax
	mov	AT(FG_WANT, FG_GPR) + 8, %rcx
	mov	AT(FG_WANT, FG_GPR) + 16, %rdx
	store_all
	compare	14, 0, FG_SLOW
no_xsetbv:

	/* CPUID: the table answers with the low halves of what the four registers hold anyway. */
	load_all
	cpuid
	store_all
	.irp	gpr, 0, 8, 16, 24
	mov	AT(FG_WANT, FG_GPR) + \gpr, %eax
	cmp	%rax, AT(FG_GOT, FG_GPR) + \gpr
	jne	cpuid_failed
	mov	AT(FG_WANT, FG_GPR) + \gpr, %rax
	mov	%rax, AT(FG_GPR + FG_GOT, \gpr)
	.endr
	compare	8, 0, FG_SLOW

	/* The next fresh page. */
	addq	$4096, AT(FG_WANT, FG_GPR) + 7 * 8

	/* Debug registers, CR2, XCR0 and what VMLOAD and VMSAVE carry. */
	.set	n, 0
	.irp	name, dr0, dr1, dr2, dr3, dr6, dr7
	mov	%\name, %rax
	mov	%rax, AT(FG_GOT, FG_DR) + n
	.set	n, n + 8
	.endr
	mov	%cr2, %rax
	cmpl	$0, FG_NO_CR2
	je	1f
	mov	AT(FG_WANT, FG_CR2), %rax
1:	mov	%rax, AT(FG_GOT, FG_CR2)
	mov	AT(FG_WANT, FG_XCR0), %rax
	cmpl	$0, FG_XSAVE
	je	1f
	xor	%ecx, %ecx
	xgetbv
	shl	$32, %rdx
	or	%rdx, %rax
1:	mov	%rax, AT(FG_GOT, FG_XCR0)
	mov	AT(FG_WANT, FG_PKRU), %rax
	cmpl	$0, FG_PKU
	je	1f
	xor	%ecx, %ecx
	rdpkru
1:	mov	%rax, AT(FG_GOT, FG_PKRU)
	.set	n, 0
	.irp	msr, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0x174, 0x175, 0x176
	mov	$\msr, %ecx
	rdmsr
	mov	%eax, AT(FG_GOT, FG_MSRS) + n
	mov	%edx, AT(FG_GOT, FG_MSRS) + n + 4
	.set	n, n + 8
	.endr
	compare	0, FG_SLOW, FG_END

	decq	FG_ROUNDS
	jnz	round
	out	%al, $FG_PORT_DONE
	jmp	.
cpuid_failed:
	mov	$8, %al
failed:
	out	%al, $FG_PORT_FAILED
	jmp	.

	.balign	16
fidelity_guest_ud:				/* #UD: steps over the UD2 */
	addq	$2, (%rsp)
	iretq
	.balign	16
fidelity_guest_de:				/* the injected one: a trap for this purpose */
	iretq
	.balign	16
fidelity_guest_nmi:
	incl	FG_NMIS
	iretq
fidelity_guest_end:

/*
 * The other side: long fidelity_ioctl(struct fidelity_host *h, int fd, unsigned long request), an
 * ioctl with every register that a system call preserves filled from h, and stored there afterwards.
 */
	.text
	.globl	fidelity_ioctl
	.type	fidelity_ioctl, @function
fidelity_ioctl:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	%rdi, %rax
	mov	%esi, %edi
	mov	%rdx, %rsi
	fxsave64 FH_OWN(%rax)
	fxrstor64 FH_WANT(%rax)
	cmpl	$0, FH_AVX(%rax)
	je	1f
	.set	n, 0
	.irp	name, ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15
	vmovdqu	FH_WANT_YMM + n(%rax), %\name
	.set	n, n + 32
	.endr
1:	.set	n, 0
	.irp	name, rbx, rbp, r8, r9, r10, r12, r13, r14, r15
	mov	FH_WANT_GPR + n(%rax), %\name
	.set	n, n + 8
	.endr
	mov	$16, %eax			/* __NR_ioctl */
	xor	%edx, %edx
	syscall
	mov	(%rsp), %rcx
	.set	n, 0
	.irp	name, rbx, rbp, r8, r9, r10, r12, r13, r14, r15
	mov	%\name, FH_GOT_GPR + n(%rcx)
	.set	n, n + 8
	.endr
	fxsave64 FH_GOT(%rcx)
	cmpl	$0, FH_AVX(%rcx)
	je	1f
	.set	n, 0
	.irp	name, ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15
	vmovdqu	%\name, FH_GOT_YMM + n(%rcx)
	.set	n, n + 32
	.endr
	vzeroupper
1:	fxrstor64 FH_OWN(%rcx)
	pop	%rdi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	fidelity_ioctl, . - fidelity_ioctl
	.section .note.GNU-stack, "", @progbits
