#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# Kernel images in the lab: what a bzImage, a PVH and a Multiboot image find when they begin, and how
# far Debian's own kernel comes. Needs a daemon with the module at SVMRUND_SOCKET; run-all provides it.

bats_require_minimum_version 1.5.0

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	: "${SVMRUND_SOCKET:?a daemon with the module}"
	svmctl=$SVMKIT_BUILD/svmctl
	cd "$BATS_TEST_TMPDIR" || return
	"$SVMKIT_SRC/tests/images/make-images"
}

# spec PROFILE PAYLOAD SERIAL: test.yaml
spec() {
	printf '%s\n' 'svmspec: 1' "name: $1" "extends: $1" \
		'memory: [ { at: 0, size: 640KiB }, { at: 1MiB, size: 31MiB } ]' \
		"payload: { $2, cmdline: \"console=ttyS0 quiet\" }" 'devices: [ { uart: com1 } ]' \
		'exits: { VMMCALL: { do: stop, event: stream } }' \
		"expect: { exit: VMMCALL, regs: { rax: 0 }, serial: \"console=ttyS0 quiet\\n$3\", within: 20s }" \
		>test.yaml
}

@test "a bzImage finds the zero page, the memory map, its command line and its initrd" {
	spec linux64 'linux: bzImage, initrd: initrd' 'initrd here\n'
	"$svmctl" test test.yaml
}

@test "a bzImage finds an initrd at the address that the spec gives" {
	spec linux64 'linux: bzImage, initrd: { file: initrd, at: 0x50_0000 }' 'initrd here\n'
	"$svmctl" test test.yaml
}

@test "a PVH image finds the start information, its command line and its module" {
	spec pvh 'pvh: pvh.elf, modules: [ { file: module, cmdline: "a module" } ]' \
		'a module\nmodule here\n'
	"$svmctl" test test.yaml
}

@test "a Multiboot image finds the information, its command line and its module" {
	spec multiboot 'multiboot: multiboot.elf, modules: [ { file: module, cmdline: "a module" } ]' \
		'a module\nmodule here\n'
	"$svmctl" test test.yaml
}

@test "the Multiboot example finds the ACPI tables and switches its power off as they say" {
	"$SVMKIT_SRC/tools/guest-images" --only multiboot.elf guest
	"$svmctl" test -D guest="$PWD/guest" "$SVMKIT_SRC/specs/multiboot.yaml"
}

@test "Debian's kernel unpacks itself and tells of our memory map and command line" {
	kernel=$(find /boot -maxdepth 1 -name 'vmlinuz-*-amd64' | sort | tail -n 1)
	if [ -z "$kernel" ]; then
		package=$(apt-cache depends --important linux-image-amd64 |
			sed -n 's/^ *Depends: *\(linux-image-[^ ]*\).*/\1/p')
		apt-get download "$package"
		dpkg-deb -x linux-image-*.deb unpacked
		kernel=$(echo unpacked/boot/vmlinuz-*)
	fi
	printf '%s\n' 'svmspec: 1' 'name: debian' 'extends: linux64' \
		'memory: [ { at: 0, size: 640KiB }, { at: 1MiB, size: 127MiB } ]' \
		"payload: { linux: \"$kernel\", cmdline: \"earlyprintk=ttyS0 nokaslr one=two\" }" \
		'cpuid: { base: host }' 'devices: [ { uart: com1 } ]' \
		'vcpus: { state: { efer: [+NXE, +SCE] } }' \
		'msrs: [ { index: EFER, read: 0xd01, write: ignore } ]' >debian.yaml
	# There are no platform devices, so it ends before its boot does.
	timeout 120 "$svmctl" run -q -t 100s debian.yaml >serial 2>messages || true
	cat messages serial
	grep -q 'Linux version [0-9].*Debian' serial
	grep -q 'Command line: earlyprintk=ttyS0 nokaslr one=two' serial
	grep -q 'BIOS-e820: \[mem 0x0000000000000000-0x000000000009ffff\] usable' serial
	grep -q 'BIOS-e820: \[mem 0x0000000000100000-0x0000000007ffffff\] usable' serial
}
