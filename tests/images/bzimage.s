# SPDX-License-Identifier: MIT
# A bzImage as small as the 64-bit boot protocol allows: a setup header, and a kernel that looks at
# what its loader handed over, prints the memory map's size, the command line and the initrd to
# COM1, and ends with VMMCALL. RAX is 0 if all is well, else the number of the first check that
# failed. See make-images.
	.text
	.globl	_start
	.org	0x1f1
_start:	.byte	1				# setup_sects
	.word	0				# root_flags
	.long	(end - kernel + 15) / 16	# syssize
	.word	0, 0, 0				# ram_size, vid_mode, root_dev
	.word	0xaa55				# boot_flag
	.byte	0xeb, header_end - 0x202	# jump
	.ascii	"HdrS"
	.word	0x020f				# version
	.long	0				# realmode_swtch
	.word	0, 0				# start_sys_seg, kernel_version
	.byte	0, 1				# type_of_loader, loadflags: LOADED_HIGH
	.word	0				# setup_move_size
	.long	0x100000, 0, 0, 0		# code32_start, ramdisk_image, _size, bootsect_kludge
	.word	0				# heap_end_ptr
	.byte	0, 0				# ext_loader_ver, _type
	.long	0, 0x7fffffff			# cmd_line_ptr, initrd_addr_max
	.long	0x200000			# kernel_alignment
	.byte	1, 21				# relocatable_kernel, min_alignment
	.word	1				# xloadflags: XLF_KERNEL_64
	.long	2047, 0				# cmdline_size, hardware_subarch
	.quad	0				# hardware_subarch_data
	.long	0, 0				# payload_offset, _length
	.quad	0, BASE				# setup_data, pref_address
	.long	0x8000, 0			# init_size, handover_offset
header_end:
	.org	0x400
kernel:	.fill	0x200, 1, 0x0f			# startup_32: not for us
startup_64:
	lea	stack(%rip), %rsp
	mov	$1, %r15d			# the number of the check
	cmpl	$0x53726448, 0x202(%rsi)	# the header is in the zero page
	jne	bad
	inc	%r15d
	cmpb	$0xff, 0x210(%rsi)		# type_of_loader
	jne	bad
	inc	%r15d
	mov	%cs, %eax
	cmp	$0x10, %eax
	jne	bad
	mov	%ss, %eax
	cmp	$0x18, %eax
	jne	bad
	inc	%r15d
	mov	%eax, %ds			# the descriptors are there, too
	mov	%eax, %es
	mov	%eax, %ss
	pushq	$0x10
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	inc	%r15d
	pushf
	testl	$0x200, (%rsp)			# interrupts are off
	jnz	bad
	inc	%r15d
	cmpl	$BASE, 0x214(%rsi)		# code32_start: where we are
	jne	bad
	lea	kernel(%rip), %rax
	cmp	$BASE, %rax
	jne	bad
	inc	%r15d
	cmpb	$2, 0x1e8(%rsi)			# e820: low RAM, high RAM
	jne	bad
	inc	%r15d
	cmpq	$0, 0x2d0(%rsi)
	jne	bad
	cmpq	$0xa0000, 0x2d8(%rsi)
	jne	bad
	cmpl	$1, 0x2e0(%rsi)
	jne	bad
	cmpq	$0x100000, 0x2e4(%rsi)
	jne	bad
	inc	%r15d
	cmpl	$0, zeroes(%rip)		# what init_size has behind the file is zero
	jne	bad
	mov	0x228(%rsi), %ebx		# the command line
2:	mov	(%rbx), %al
	test	%al, %al
	jz	3f
	call	putc
	inc	%rbx
	jmp	2b
3:	mov	$'\n', %al
	call	putc
	mov	0x218(%rsi), %ebx		# the initrd
	mov	0x21c(%rsi), %ecx
4:	jrcxz	5f
	mov	(%rbx), %al
	call	putc
	inc	%rbx
	dec	%rcx
	jmp	4b
5:	xor	%eax, %eax
	vmmcall
bad:	mov	%r15, %rax
	vmmcall
putc:	mov	$0x3f8, %dx
	out	%al, %dx
	ret
	.balign	16
end:
	.set	zeroes, end + 0x1000
	.set	stack, end + 0x3000
