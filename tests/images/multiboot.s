# SPDX-License-Identifier: MIT
# A Multiboot 1 image: looks at the information structure, prints the command line, and the module
# with its own, to COM1, and ends with VMMCALL. EAX is 0 if all is well, else the number of the
# first check that failed. See make-images.
	.text
	.balign	4
	.long	0x1badb002, 0x3, -(0x1badb002 + 0x3)
	.globl	_start
_start:	mov	$stack, %esp
	mov	$1, %ebp
	cmp	$0x2badb002, %eax
	jne	bad
	inc	%ebp
	cmpl	$0x24d, (%ebx)			# memory, command line, modules, map, loader
	jne	bad
	inc	%ebp
	cmpl	$640, 4(%ebx)			# mem_lower
	jne	bad
	inc	%ebp
	cmpl	$1, 20(%ebx)			# mods_count
	jne	bad
	mov	16(%ebx), %esi
	call	puts
	mov	24(%ebx), %edi
	mov	8(%edi), %esi
	call	puts
	mov	(%edi), %esi
	mov	4(%edi), %ecx
	sub	%esi, %ecx
1:	mov	(%esi), %al
	call	putc
	inc	%esi
	loop	1b
	xor	%eax, %eax
	vmmcall
bad:	mov	%ebp, %eax
	vmmcall
puts:	mov	(%esi), %al
	test	%al, %al
	jz	2f
	call	putc
	inc	%esi
	jmp	puts
2:	mov	$'\n', %al
putc:	mov	$0x3f8, %dx
	out	%al, %dx
	ret
	.bss
	.skip	64
stack:
