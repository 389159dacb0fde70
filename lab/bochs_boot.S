/* SPDX-License-Identifier: MIT */
/*
 * The boot sector of the lab's disk for Bochs, whose BIOS loads it at 0x7c00: it reads the rest of
 * the loader, asks the BIOS for the memory map, and goes to 32-bit protected mode, where
 * bochs_load.c takes over. Nothing of the BIOS is used after that.
 */
#include "bochs_load.h"

	.code16
	.section .text.boot, "ax"
	.globl	_start
_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp

	/*
	 * A reset is the end of a panic: QEMU ends then, and Bochs is told to. The BIOS looks at
	 * this register first, and goes where the words at 40:67 say. Linux leaves the first 64 KiB
	 * of memory alone, and both of these, too, while it has one processor only.
	 */
	mov	$0x0f, %al
	out	%al, $0x70
	mov	$0x0a, %al
	out	%al, $0x71
	movw	$after_reset, 0x467
	movw	$0, 0x469

	mov	$packet, %si
	mov	$0x42, %ah		/* extended read; DL is still the BIOS's drive number */
	int	$0x13
	jc	.Lfailed

	/* INT 15h E820: entries of 24 bytes, which is how a PVH kernel wants them, too. */
	mov	$MAP_ENTRIES, %di
	xor	%ebx, %ebx
	xor	%ebp, %ebp
1:	movl	$0, 20(%di)
	mov	$0xe820, %eax
	mov	$0x534d4150, %edx	/* "SMAP" */
	mov	$20, %ecx
	int	$0x15
	jc	2f
	add	$24, %di
	inc	%ebp
	test	%ebx, %ebx
	jz	2f
	cmp	$MAP_MAX, %ebp
	jb	1b
2:	mov	%ebp, MAP_COUNT

	in	$0x92, %al		/* A20 */
	or	$2, %al
	out	%al, $0x92
	cli				/* a BIOS service may have set IF */
	lgdtl	gdt_pointer
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $protected

.Lfailed:
	hlt
	jmp	.Lfailed

after_reset:
	mov	$shutdown, %si
	mov	$0x8900, %dx		/* Bochs' own port, which takes a word */
1:	lodsb	%cs:(%si), %al
	out	%al, %dx
	jmp	1b
shutdown:
	.ascii	"Shutdown"

	.code32
protected:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x7c00, %esp
	call	load
	/* EAX: the kernel's PVH entry, or 0. It wants its start info in EBX, and paging off. */
	test	%eax, %eax
	jz	3f
	mov	$START_INFO, %ebx
	jmp	*%eax
3:	hlt
	jmp	3b

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* code: 4 GiB from 0, 32-bit */
	.quad	0x00cf92000000ffff	/* data */
gdt_pointer:
	.word	23
	.long	gdt
packet:
	.byte	16, 0
	.word	LOADER_BYTES / 512 - 1
	.word	0x7e00, 0
	.quad	1

	.org	510
	.word	0xaa55
	.section .note.GNU-stack, "", @progbits
