# SPDX-License-Identifier: MIT
# How the exerciser starts (Multiboot 1), how it notes interrupts, and what its second processor runs.
	.set MAGIC, 0x1badb002
	.set FLAGS, 2

	.section .text
	.code32
	.balign 4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.globl _start
_start:
	cli
	mov	$stack, %esp
	lgdt	gdt_register
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	jmp	exercise

# 256 entries of 8 bytes; vectors that push an error code are not expected, and end the guest as they come.
	.balign 8
	.globl entries
entries:
	.set vector, 0
	.rept 256
	push	$vector
	jmp	common
	.balign 16
	.set vector, vector + 1
	.endr

common:
	pusha
	cld
	push	32(%esp)
	call	note_interrupt
	pop	%eax
	popa
	add	$4, %esp
	iret

# Copied to 8000h; counts itself at 8100h.
	.globl second, second_end
	.code16
second:
	xor	%ax, %ax
	mov	%ax, %ds
	lock incw 0x8100
1:	cli
	hlt
	jmp	1b
second_end:

	.section .rodata
	.balign 8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_register:
	.word	. - gdt - 1
	.long	gdt

	.bss
	.balign 16
	.skip	16384
stack:
	.section .note.GNU-stack, "", @progbits
