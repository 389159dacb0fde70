# SPDX-License-Identifier: MIT
# A 32-bit Multiboot image: checks what the loader hands over, writes to the first UART, and powers off as
# the chipset's ACPI tables say. Built by tools/guest-images.
	.set MAGIC, 0x1badb002
	.set FLAGS, 3				# pages, memory
	.set UART, 0x3f8
	.set PM1_CONTROL, 0x604
	.set POWER_OFF, 1 << 13 | 5 << 10	# SLP_EN, SLP_TYP of \_S5

	.section .text
	.balign 4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.globl _start
_start:
	mov	$stack, %esp
	mov	%eax, %ebp
	mov	$hello, %esi
	call	print
	cmp	$0x2badb002, %ebp
	jne	wrong
	testl	$1, (%ebx)			# mem_lower and mem_upper
	jz	wrong
	mov	$memory, %esi
	call	print
	mov	8(%ebx), %eax			# KiB from 1 MiB on
	shr	$10, %eax
	inc	%eax
	call	print_decimal
	mov	$mib, %esi
	call	print
	testl	$4, (%ebx)
	jz	wrong
	mov	$words, %esi
	call	print
	mov	16(%ebx), %esi
	call	print
	mov	$newline, %esi
	call	print
	call	find_rsdp
	jc	wrong
	mov	$acpi, %esi
	call	print
off:
	mov	$PM1_CONTROL, %edx
	mov	$POWER_OFF, %eax
	out	%ax, %dx
1:	hlt
	jmp	1b

wrong:
	mov	$bad, %esi
	call	print
	jmp	off

# The RSDP between E0000h and FFFFFh; carry: there is none.
find_rsdp:
	mov	$0xe0000, %edi
1:	cmpl	$0x20445352, (%edi)		# "RSD "
	jne	2f
	cmpl	$0x20525450, 4(%edi)		# "PTR "
	je	3f
2:	add	$16, %edi
	cmp	$0x100000, %edi
	jb	1b
	stc
	ret
3:	clc
	ret

# Text at ESI, through the UART's transmitter.
print:
	lodsb
	test	%al, %al
	jz	2f
	mov	%al, %ah
	mov	$UART + 5, %edx
1:	in	%dx, %al
	test	$0x20, %al			# transmitter holding register empty
	jz	1b
	mov	$UART, %edx
	mov	%ah, %al
	out	%al, %dx
	jmp	print
2:	ret

print_decimal:
	mov	$digits_end, %edi
	mov	$10, %ecx
1:	xor	%edx, %edx
	div	%ecx
	add	$'0', %dl
	dec	%edi
	mov	%dl, (%edi)
	test	%eax, %eax
	jnz	1b
	mov	%edi, %esi
	jmp	print

	.section .data
hello:	.asciz "multiboot: hello\n"
memory:	.asciz "multiboot: memory up to "
mib:	.asciz " MiB\n"
words:	.asciz "multiboot: command line: "
newline: .asciz "\n"
acpi:	.asciz "multiboot: ACPI is there; off\n"
bad:	.asciz "multiboot: WRONG\n"
	.skip	12
digits_end:
	.byte	0
	.section .bss
	.balign 16
	.skip	4096
stack:
