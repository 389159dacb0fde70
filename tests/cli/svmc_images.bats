#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# Kernel images as payloads, made here by binutils; then the same images damaged.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR" || return
	printf '.globl _start\n.text\n_start: mov $1, %%eax\n hlt\n.data\n .long 0x11223344\n.bss\n .skip 0x3000\n' >code.s
	printf '%s\n' 'SECTIONS {' '. = VIRTUAL;' '.text : AT(PHYSICAL) { *(.mb) *(.text) }' \
		'. = ALIGN(0x1000);' '.data : { *(.data) }' '.bss : { *(.bss) }' \
		'/DISCARD/ : { *(.note*) } }' >image.ld
	printf '.section .mb,"a"\n.long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)\n' >mb.s
	printf '.text\n.globl _start\n.set BASE, 0x100000\nhead: .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\n.long BASE, BASE, BASE + end - head, BASE + 0x5000, BASE + _start - head\n_start: hlt\n .skip 32, 0x90\nend:\n' >addresses.s
}

# elf BITS VIRTUAL PHYSICAL SOURCES...: image.elf
elf() {
	local bits=$1 emulation=elf_x86_64 virtual=$2 physical=$3
	shift 3
	[ "$bits" = 64 ] || emulation=elf_i386
	cat "$@" | as "--$bits" --defsym "FLAGS=${flags:-0}" -o image.o -
	sed "s/VIRTUAL/$virtual/; s/PHYSICAL/$physical/" image.ld >used.ld
	ld -m "$emulation" --no-warn-rwx-segments --build-id=none -static -e _start -T used.ld \
		-o image.elf image.o
}

spec() {	# PROFILE PAYLOAD [LINE...]
	local profile=$1 payload=$2
	shift 2
	printf '%s\n' 'svmspec: 1' 'name: t' "extends: $profile" \
		'memory: [ { at: 0, size: 640KiB }, { at: 1MiB, size: 4MiB } ]' \
		"payload: { $payload }" "$@" >spec.yaml
}

dump() {
	"$svmc" compile -o t.svmt spec.yaml
	"$svmc" dump t.svmt >dump
}

# word GPA: a 32-bit word of the guest's memory at the start, from runs and pool of the template
word() {
	python3 - "$1" <<'EOF'
import struct, sys
data = open("t.svmt", "rb").read()
sections = {}
for i in range(struct.unpack_from("<I", data, 52)[0]):
    kind, _, offset, length = struct.unpack_from("<IIQQ", data, 128 + 32 * i)
    sections[kind] = (offset, length)
memory, blob = sections[3][0], sections[4][0]
regions, runs = struct.unpack_from("<II", data, memory)
gpa, value = int(sys.argv[1], 0), 0
for i in range(runs):
    start, page, pages = struct.unpack_from("<QII", data, memory + 16 + 24 * regions + 16 * i)
    if start <= gpa < start + pages * 4096:
        value = struct.unpack_from("<I", data, blob + page * 4096 + gpa - start)[0]
print(hex(value))
EOF
}

@test "a 64-bit ELF image goes to its physical addresses and begins at its entry point" {
	elf 64 0x100000 0x100000 code.s
	spec long64 'elf: image.elf'
	dump
	grep -q ' rip  *0x100000$' dump
	[ "$(word 0x100000)" = 0x1b8 ]
	[ "$(word 0x101000)" = 0x11223344 ]
}

@test "a 32-bit ELF image does the same" {
	elf 32 0x100000 0x100000 code.s
	spec prot32 'elf: image.elf'
	dump
	grep -q ' rip  *0x100000$' dump
	[ "$(word 0x101000)" = 0x11223344 ]
}

@test "the entry point of an image linked high is taken to its physical address" {
	elf 64 0xffffffff80100000 0x200000 code.s
	spec long64 'elf: image.elf'
	dump
	grep -q ' rip  *0x200000$' dump
	[ "$(word 0x200000)" = 0x1b8 ]
}

@test "rip of the spec wins over the entry point, for each vCPU by itself" {
	elf 64 0x100000 0x100000 code.s
	spec long64 'elf: image.elf' 'vcpus: [ { at: 0 }, { at: 1, state: { rip: 0x100005 } } ]'
	dump
	[ "$(grep -c ' rip  *0x100000$' dump)" = 1 ]
	[ "$(grep -c ' rip  *0x100005$' dump)" = 1 ]
}

@test "zeroes behind a segment cost nothing and must fit the memory" {
	elf 64 0x100000 0x100000 code.s
	spec long64 'elf: image.elf'
	dump
	pages=$(sed -n 's/^pool: \([0-9]*\) pages/\1/p' dump)
	[ "$pages" -le 9 ]
	sed -i 's/4MiB/8KiB/; s/640KiB/64KiB/' spec.yaml
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *"segment "*" of image.elf"*"[payload-outside"* ]]
}

@test "an image is not placed over the profile's tables" {
	elf 64 0x9e000 0x9e000 code.s
	spec long64 'elf: image.elf'
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *"[payload-overlap"* ]]
}

@test "position-independent, dynamic, foreign and unlinked images are refused by their rule" {
	elf 64 0x100000 0x100000 code.s
	spec long64 'elf: image.elf'
	cp image.elf good.elf
	ld -m elf_x86_64 -pie --no-dynamic-linker -e _start -o image.elf image.o
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:17: error: image.elf, offset 0x10: position-independent; link it with -static -no-pie' ]
	cp image.o image.elf
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:17: error: image.elf, offset 0x10: type 1; the rule is 2, an executable' ]
	cp good.elf image.elf
	printf '\267' | dd of=image.elf bs=1 seek=18 conv=notrunc status=none
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:17: error: image.elf, offset 0x12: machine 183; the rule is 3 (i386) or 62 (x86-64)' ]
	echo hello >image.elf
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:17: error: image.elf, offset 0x0: not an ELF image; for other files there is `bin`' ]
	head -c 40 good.elf >image.elf
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:17: error: image.elf, offset 0x28: the file ends inside the ELF header' ]
	: >image.elf
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
}

@test "numbers of an ELF image that wrap around are refused with their offset" {
	elf 64 0x100000 0x100000 code.s
	spec long64 'elf: image.elf'
	cp image.elf good.elf
	# patch OFFSET MESSAGE: eight bytes 0xff there
	patch() {
		cp good.elf image.elf
		printf '\377\377\377\377\377\377\377\377' |
			dd of=image.elf bs=1 seek="$1" conv=notrunc status=none
		run "$svmc" check spec.yaml
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "${lines[0]}" == "spec.yaml:5:17: error: image.elf, offset $2"* ]]
	}
	patch 32 '0x20: '			# e_phoff
	patch $((64 + 8)) '0x40: '		# p_offset
	patch $((64 + 24)) '0x40: '		# p_paddr
	patch $((64 + 32)) '0x40: '		# p_filesz
	patch $((64 + 40)) '0x40: '		# p_memsz
}

@test "a Multiboot image with an ELF header gets EAX, EBX and the information structure" {
	flags=3 elf 32 0x100000 0x100000 mb.s code.s
	spec multiboot 'multiboot: image.elf, cmdline: "console=com1 debug"'
	dump
	grep -q ' rax  *0x2badb002$' dump
	grep -q ' rip  *0x10000c$' dump
	info=$(sed -n 's/^ *rbx  *\(0x[0-9a-f]*\)$/\1/p' dump)
	[ -n "$info" ]
	[ "$(word "$info")" = 0x245 ]			# memory, command line, map, loader's name
	[ "$(word $((info + 4)))" = 0x280 ]		# 640 KiB below
	[ "$(word $((info + 8)))" = 0x1000 ]		# 4 MiB from 1 MiB on
	[ "$(word $((info + 44)))" = 0x30 ]		# two rows of the map
	map=$(word $((info + 48)))
	[ "$(word "$map")" = 0x14 ]
	[ "$(word $((map + 12)))" = 0xa0000 ]
	[ "$(word $((map + 20)))" = 0x1 ]
	[ "$(word $((map + 28)))" = 0x100000 ]
	cmdline=$(word $((info + 16)))
	# Unaligned words are fine: "cons"
	[ "$(word "$cmdline")" = 0x736e6f63 ]
}

@test "a Multiboot image with addresses in its header needs no ELF header" {
	as --32 -o flat.o addresses.s
	ld -m elf_i386 -e _start -Ttext 0 --oformat binary -o flat.bin flat.o
	spec multiboot 'multiboot: flat.bin'
	dump
	grep -q ' rip  *0x100020$' dump
	[ "$(word 0x100000)" = 0x1badb002 ]
	sed -i 's/size: 4MiB/size: 16KiB/' spec.yaml
	run "$svmc" check spec.yaml
	[[ "$output" == *"segment 0 of flat.bin (0x5000 bytes at 0x100000)"*"[payload-outside"* ]]
}

@test "Multiboot images that cannot be served are refused by their rule" {
	flags=4 elf 32 0x100000 0x100000 mb.s code.s
	spec multiboot 'multiboot: image.elf'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"the image insists on a video mode (flags 0x4), which svmc does not provide; clear 0x4" ]]
	flags=8 elf 32 0x100000 0x100000 mb.s code.s
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"the image insists on features (flags 0x8)"* ]]
	elf 32 0x100000 0x100000 code.s
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"image.elf, offset 0x0: no Multiboot header (0x1badb002, on 4 bytes) in the first 8192 bytes" ]]
	flags=3 elf 32 0x100000 0x100000 mb.s code.s
	printf '\001' | dd of=image.elf bs=1 seek=$((0x1004)) conv=notrunc status=none
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"image.elf, offset 0x1008: the checksum of the Multiboot header is wrong"* ]]
}

@test "a Multiboot image wants the profile multiboot, and the keys that suit it" {
	flags=3 elf 32 0x100000 0x100000 mb.s code.s
	spec prot32 'multiboot: image.elf'
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == *"the spec extends prot32; extend multiboot"* ]]
	spec multiboot 'multiboot: image.elf, at: 1MiB'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'`at` is for asm and bin; an image says itself where it goes' ]]
	spec multiboot 'elf: image.elf, cmdline: x'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'`cmdline` is for multiboot, linux and pvh'* ]]
}

@test "truncated and damaged images end in a template or in a message, never in a crash" {
	command -v python3 || skip "no python3"
	flags=3 elf 32 0x100000 0x100000 mb.s code.s
	cp image.elf elf32
	elf 64 0x100000 0x100000 code.s
	cp image.elf elf64
	as --32 -o flat.o addresses.s
	ld -m elf_i386 -e _start -Ttext 0 --oformat binary -o flat flat.o
	python3 "$SVMKIT_SRC/tests/cli/hostile_images.py" "$svmc" elf:long64:elf64 elf:prot32:elf32 \
		multiboot:multiboot:elf32 multiboot:multiboot:flat
}

# linux [KEYS]: spec.yaml with the test kernel and 32 MiB
linux() {
	"$SVMKIT_SRC/tests/images/make-images"
	spec linux64 "linux: bzImage${1:+, $1}"
	sed -i 's/size: 4MiB/size: 31MiB/' spec.yaml
}

# patch FILE OFFSET BYTES...: FILE with printf's bytes there
patch() {
	printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

@test "the zero page has what the kernel's own header says, where it says so" {
	printf '#include <asm/bootparam.h>\n' | "${SVMKIT_CC:-cc}" -E -x c - >/dev/null 2>&1 ||
		skip "no asm/bootparam.h (linux-libc-dev)"
	linux 'initrd: initrd, cmdline: "quiet"'
	dump
	page=$(sed -n 's/^ *rsi  *\(0x[0-9a-f]*\)$/\1/p' dump)
	cat >offsets.c <<'END'
#include <asm/bootparam.h>
#include <stddef.h>
#include <stdio.h>
#define SHOW(f) printf("%s=%zu\n", #f, offsetof(struct boot_params, f))
int main(void)
{
	printf("hdr_ramdisk_image=%zu\n", offsetof(struct boot_params, hdr.ramdisk_image));
	printf("hdr_cmd_line_ptr=%zu\n", offsetof(struct boot_params, hdr.cmd_line_ptr));
	printf("hdr_header=%zu\n", offsetof(struct boot_params, hdr.header));
	printf("hdr_code32_start=%zu\n", offsetof(struct boot_params, hdr.code32_start));
	printf("e820_size=%zu\n", sizeof(struct boot_e820_entry));
	SHOW(e820_entries);
	SHOW(e820_table);
	return sizeof(struct boot_params) != 4096;
}
END
	"${SVMKIT_CC:-cc}" -o offsets offsets.c
	eval "$(./offsets)"
	[ "$(word $((page + hdr_header)))" = 0x53726448 ]
	[ "$(word $((page + hdr_code32_start)))" = 0x1000000 ]
	[ $(($(word $((page + e820_entries))) & 0xff)) = 2 ]
	[ "$(word $((page + e820_table + 8)))" = 0xa0000 ]
	[ "$(word $((page + e820_table + e820_size)))" = 0x100000 ]
	[ "$(word $((page + e820_table + e820_size + 8)))" = 0x1f00000 ]
	[ "$(word "$(word $((page + hdr_cmd_line_ptr)))")" = 0x65697571 ]	# "quie"
	[ "$(word "$(word $((page + hdr_ramdisk_image)))")" = 0x74696e69 ]	# "init"
}

@test "a kernel goes where it prefers to be, or to the next place when that is taken or missing" {
	linux
	dump
	grep -q ' rip  *0x1000200$' dump
	echo 'segments: [ { at: 0x100_1000, hex: "01" } ]' >>spec.yaml
	dump
	grep -q ' rip  *0x200200$' dump
	sed -i '/segments/d; s/size: 31MiB/size: 7MiB/' spec.yaml
	dump
	grep -q ' rip  *0x200200$' dump
	patch bzImage 0x234 '\000'		# relocatable_kernel
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == *"segment 0 of bzImage (0x8000 bytes at 0x1000000) is not inside one region"* ]]
}

@test "an initrd that has no room, lies on the kernel or is too high is told of" {
	linux 'initrd: initrd'
	head -c 40MiB /dev/zero >initrd
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'the initrd initrd (0x2800000 bytes) finds no room in RAM below 0x80000000 beside bzImage'* ]]
	echo x >initrd
	linux 'initrd: { file: initrd, at: 0x100_7000 }'
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == *"the initrd initrd"*"segment 0 of bzImage"*"overlap"* ]]
	linux 'initrd: { file: initrd, at: 0x8000_0000 }'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"ends above 0x80000000, the highest place that bzImage takes; move it" ]]
	linux 'initrd: absent'
	run "$svmc" check spec.yaml
	[ "$status" -eq 3 ]
}

@test "a bzImage that breaks a rule of the boot protocol is refused with the field's offset" {
	linux 'cmdline: "quiet"'
	cp bzImage good
	# broken OFFSET BYTES MESSAGE
	broken() {
		cp good bzImage
		patch bzImage "$1" "$2"
		run "$svmc" check spec.yaml
		echo "$output"
		[ "$status" -eq 1 ]
		[[ "${lines[0]}" == "spec.yaml:5:19: error: bzImage, offset $3"* ]]
	}
	broken 0x1fe '\000' '0x1fe: boot_flag 0xaa00; the rule is 0xaa55'
	broken 0x202 'X' '0x202: no setup header'
	broken 0x206 '\013' '0x206: boot protocol 2.11; the 64-bit entry needs 2.12 or later'
	broken 0x201 '\001' '0x201: the setup header ends at 0x203'
	broken 0x201 '\377' '0x201: the setup header ends at 0x301'
	broken 0x211 '\000' '0x211: loadflags 0x0 without bit 0'
	broken 0x236 '\000' '0x236: xloadflags 0x0 without bit 0'
	broken 0x1f1 '\200' '0x1f1: 0x10200 bytes of setup code do not fit'
	broken 0x1f4 '\377\377\377\377' '0x1f4: a kernel of 0xffffffff0 bytes'
	broken 0x1f4 '\000\000\000\000' '0x1f4: a kernel of 0x0 bytes'
	broken 0x260 '\001\000\000\000' '0x260: init_size 0x1 is less'
	broken 0x230 '\003' '0x230: kernel_alignment 0x200003; the rule is a power of two'
	broken 0x258 '\377\377\377\377\377\377\377\377' '0x258: pref_address 0xffffffffffffffff'
	head -c 600 good >bzImage
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:19: error: bzImage, offset 0x258: the file ends inside the setup header; a bzImage has at least 0x264 bytes' ]
	cp good bzImage
	patch bzImage 0x238 '\004\000'
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'spec.yaml:5:37: error: `cmdline` has 5 bytes, but bzImage takes at most 4 (cmdline_size); shorten it' ]
}

@test "a memory map of more than 128 regions goes on behind the zero page" {
	linux
	{ echo 'memory: [ { at: 1MiB, size: 31MiB }, { at: 0, size: 640KiB }'
	for i in $(seq 200); do printf ', { at: 0x%x, size: 4KiB, kind: rom }\n' $((0x10000000 + i * 0x2000)); done
	echo ']'; } >memory
	sed -i '/^memory/d' spec.yaml
	cat memory >>spec.yaml
	dump
	page=$(sed -n 's/^ *rsi  *\(0x[0-9a-f]*\)$/\1/p' dump)
	[ $(($(word $((page + 0x1e8))) & 0xff)) = 128 ]
	rest=$(word $((page + 0x250)))
	[ "$(word $((rest + 8)))" = 0x1 ]			# SETUP_E820_EXT
	[ $(($(word $((rest + 12))))) = $(((202 - 128) * 20)) ]
	[ "$(word $((rest + 16)))" = 0x100fe000 ]		# the 129th row
}

@test "a PVH image begins at its note's address and finds the start information in RBX" {
	"$SVMKIT_SRC/tests/images/make-images"
	spec pvh 'pvh: pvh.elf, cmdline: "quiet", modules: [ { file: module } ]'
	dump
	grep -q ' rip  *0x100002$' dump
	info=$(sed -n 's/^ *rbx  *\(0x[0-9a-f]*\)$/\1/p' dump)
	[ "$(word "$info")" = 0x336ec578 ]
	[ "$(word $((info + 4)))" = 0x1 ]
	[ "$(word "$(word $((info + 24)))")" = 0x65697571 ]
	[ "$(word "$(word "$(word $((info + 16)))")")" = 0x75646f6d ]
	spec pvh 'pvh: multiboot.elf'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"multiboot.elf, offset 0x0: no PVH entry point (note Xen, type 18)"* ]]
}

@test "images want their profile, and keys go with their kinds" {
	linux
	sed -i 's/extends: linux64/extends: long64/' spec.yaml
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *"a Linux kernel begins in the state of the profile linux64, but the spec extends long64"* ]]
	spec pvh 'pvh: pvh.elf, initrd: initrd'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'`initrd` is for linux; multiboot and pvh have `modules`' ]]
	spec linux64 'linux: bzImage, modules: [ { file: module } ]'
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'`modules` is for multiboot and pvh; linux has `initrd`'* ]]
}

@test "truncated and damaged bzImage and PVH images end in a template or in a message" {
	command -v python3 || skip "no python3"
	"$SVMKIT_SRC/tests/images/make-images"
	python3 "$SVMKIT_SRC/tests/cli/hostile_images.py" "$svmc" linux:linux64:bzImage pvh:pvh:pvh.elf
}
