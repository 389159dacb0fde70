# SPDX-License-Identifier: MIT
# A PVH image: looks at the start information, prints the command line, and each module with its
# own, to COM1, and ends with VMMCALL. EAX is 0 if all is well, else the number of the first check
# that failed. See make-images.
	.section .note.Xen, "a", @note
	.long	4, 4, 18			# XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	begin
	.text
	.globl	_start
_start:	ud2					# the ELF entry point is not PVH's
begin:	mov	$stack, %esp
	mov	$1, %ebp			# the number of the check
	cmpl	$0x336ec578, (%ebx)
	jne	bad
	inc	%ebp
	cmpl	$1, 4(%ebx)			# version
	jne	bad
	inc	%ebp
	cmpl	$1, 12(%ebx)			# nr_modules
	jne	bad
	inc	%ebp
	cmpl	$2, 48(%ebx)			# memmap_entries
	jne	bad
	mov	40(%ebx), %edi
	inc	%ebp
	cmpl	$0xa0000, 8(%edi)
	jne	bad
	cmpl	$1, 16(%edi)
	jne	bad
	cmpl	$0x100000, 24(%edi)
	jne	bad
	inc	%ebp
	mov	%cr0, %eax			# PE, and the ET that always is
	cmp	$0x11, %eax
	jne	bad
	mov	24(%ebx), %esi			# cmdline_paddr
	call	puts
	mov	16(%ebx), %edi			# modlist_paddr
	mov	16(%edi), %esi			# its cmdline_paddr
	call	puts
	mov	(%edi), %esi
	mov	8(%edi), %ecx
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
