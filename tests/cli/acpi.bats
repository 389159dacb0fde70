#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# ACPI tables that svmc writes for a chipset: by the specification's rules, through ACPICA's
# disassembler and compiler to the same bytes, loaded by its interpreter, and told to the payload.

bats_require_minimum_version 1.5.0

setup() {
	svmc=$SVMKIT_BUILD/svmc
	tables=$SVMKIT_SRC/tests/cli/acpi_tables.py
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR" || return
	mkdir out
}

# spec MEMORY COUNT [LINE...]: spec.yaml with every kind of device
spec() {
	local memory=$1 count=$2
	shift 2
	printf '%s\n' 'svmspec: 1' 'name: t' "memory: [ $memory ]" "vcpus: { count: $count }" \
		'devices:' '  - { chipset: pc }' '  - { uart: com1 }' '  - { uart: com2, irq: 17 }' \
		'  - { debug_exit: 0xf4 }' '  - { debug_console: 0xe9 }' '  - { fw_cfg: 0x510 }' \
		'  - { virtio: console }' '  - { virtio: blk, drive: root }' \
		'  - { virtio: rng, at: 0x8_0000_0000, irq: 9 }' \
		'  - { virtio: net, link: lan, irq: 23 }' '  - { virtio: blk, drive: data, irq: 23 }' \
		"$@" >spec.yaml
	"$svmc" compile -o t.svmt spec.yaml
}

# Disassemble and compile every table again; iasl has no message, and the bytes are the same but for
# those that name the compiler.
again() {
	command -v iasl >/dev/null || skip "no acpica-tools"
	local name
	for name in facp apic xsdt dsdt; do
		cp "out/$name.dat" "$name.dat"
		iasl -d "$name.dat" >log 2>&1
		[ -z "$(grep -iE 'error|warning|remark|invalid|unknown' log)" ] || { cat log; false; }
		iasl -oa -tc -p "$name-again" "$name.dsl" >log 2>&1 || { cat log; false; }
		grep -q 'Compilation successful. 0 Errors, 0 Warnings, 0 Remarks' log || { cat log; false; }
		cmp -l "$name.dat" "$name-again.aml" >differ || true
		# Checksum at 10; the compiler's name and version at 29 to 36.
		[ -z "$(awk '$1 != 10 && ($1 < 29 || $1 > 36)' differ)" ] || { cat differ; false; }
		[ "$(stat -c %s "$name.dat")" -eq "$(stat -c %s "$name-again.aml")" ]
	done
}

@test "ACPI tables keep the specification's rules and say what the chipset is" {
	spec '{ at: 0, size: 16MiB }' 3 'extends: long64' 'payload: none'
	python3 "$tables" t.svmt out >facts
	diff -u - facts <<-'END'
	rsdp 0xe0000
	sci 9
	pm1 event 0x600 control 0x604 timer 0x608
	boot flags 0x5 flags 0x1435
	reset space 1 bits 8 port 0xcf9 value 0x6
	lapic 0xfee00000 flags 0x1
	processor 0 apic 0 flags 1
	processor 1 apic 1 flags 1
	processor 2 apic 2 flags 1
	ioapic 3 at 0xfec00000 from 0
	override bus 0 irq 0 gsi 2 flags 0x0
	override bus 0 irq 9 gsi 9 flags 0xd
	nmi of 0xff flags 0 lint 1
	END
}

@test "ACPICA disassembles the tables without a message and compiles them to the same bytes" {
	spec '{ at: 0, size: 16MiB }' 3 'extends: long64' 'payload: none'
	python3 "$tables" t.svmt out
	again
	for words in 'Name (_HID, "LNRO0005")' 'Name (_HID, EisaId ("PNP0501")' 'Name (\_S5, Package' \
		'Name (_HID, "QEMU0002")' 'Name (_HID, EisaId ("PNP0B00")' '0x00000008000000000' \
		'Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive' \
		'Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive'; do
		[ "$words" != 0x00000008000000000 ] || words=0x0000000800000000
		grep -qF "$words" dsdt.dsl || { echo "no $words"; false; }
	done
	# The SCI's line and the one of two devices are shared.
	[ "$(grep -c 'Level, ActiveHigh, Shared' dsdt.dsl)" -eq 3 ]
}

@test "ACPICA disassembles the tables of 255 vCPUs, whose packages have long lengths" {
	spec '{ at: 0, size: 16MiB }' 255 'extends: long64' 'payload: none'
	python3 "$tables" t.svmt out >facts
	[ "$(grep -c '^processor' facts)" -eq 255 ]
	again
	[ "$(grep -c 'ACPI0007' dsdt.dsl)" -eq 255 ]
}

@test "ACPICA's interpreter loads the DSDT and evaluates what it has" {
	command -v acpiexec >/dev/null || skip "no acpica-tools"
	spec '{ at: 0, size: 16MiB }' 3 'extends: long64' 'payload: none'
	python3 "$tables" t.svmt out
	for path in '\_S5' '\_SB.VR02._CRS' '\_SB.VR04._CRS' '\_SB.COM2._UID' '\_SB.FWCF._STA'; do
		acpiexec -b "evaluate $path" out/dsdt.dat >log 2>&1
		[ -z "$(grep -iE 'error|exception|AE_[A-Z]+' log | grep -v ' AE_OK')" ] ||
			{ cat log; false; }
		grep -qF "Evaluation of $path returned" log || { cat log; false; }
	done
	grep -qF '[Integer] = 000000000000000B' log
}

@test "Linux, PVH and Multiboot images are told of the tables and of memory as firmware would" {
	"$SVMKIT_SRC/tests/images/make-images"
	ram='{ at: 0, size: 640KiB }, { at: 1MiB, size: 31MiB }'
	spec "$ram" 2 'extends: linux64' 'payload: { linux: bzImage }'
	python3 "$tables" t.svmt out linux >facts
	[ "$(head -n 1 facts)" = "rsdp 0x1fff000" ]
	again
	spec "$ram" 2 'extends: pvh' 'payload: { pvh: pvh.elf }'
	python3 "$tables" t.svmt out pvh
	spec '{ at: 0, size: 32MiB }' 2 'extends: multiboot' 'payload: { multiboot: multiboot.elf }'
	python3 "$tables" t.svmt out >facts
	[ "$(head -n 1 facts)" = "rsdp 0xe0000" ]
	"$svmc" dump --json t.svmt >dump.json
	python3 - "$SVMKIT_SRC/tests/cli" <<-'END'
	import struct, sys
	sys.path.append(sys.argv[1])
	from svmt_file import Template
	t = Template("t.svmt")
	info = struct.unpack_from("<16Q", t.vcpus()[0][3])[3]
	flags, lower, upper = struct.unpack("<III", t.read(info, 12))
	length, at = struct.unpack("<II", t.read(info + 44, 8))
	rows = [struct.unpack("<IQQI", t.read(at + i, 24))[1:] for i in range(0, length, 24)]
	assert rows == [(0, 0xa0000, 1), (0xa0000, 0x60000, 2), (0x100000, 0x1f00000, 1)], rows
	assert (lower, upper) == (640, 31 * 1024)
	assert [v[1] for v in t.vcpus()] == [0, 1], "vCPU 1 waits for SIPI"
	END
}

@test "the memory map of Linux has a row for tables that are in RAM" {
	"$SVMKIT_SRC/tests/images/make-images"
	spec '{ at: 0, size: 640KiB }, { at: 1MiB, size: 31MiB }, { at: 4GiB, size: 1MiB }' 1 \
		'extends: linux64' 'payload: { linux: bzImage }'
	python3 - "$SVMKIT_SRC/tests/cli" <<-'END'
	import struct, sys
	sys.path.append(sys.argv[1])
	from svmt_file import Template
	t = Template("t.svmt")
	page = struct.unpack_from("<16Q", t.vcpus()[0][3])[6]
	rsdp = struct.unpack("<Q", t.read(page + 0x70, 8))[0]
	rows = [struct.unpack("<QQI", t.read(page + 0x2d0 + 20 * i, 20)) for i in range(t.read(page + 0x1e8, 1)[0])]
	low, ram, acpi, high = rows
	assert low == (0, 0xa0000, 1) and high == (1 << 32, 1 << 20, 1)
	assert acpi == (rsdp, 4096, 3) and ram == (1 << 20, rsdp - (1 << 20), 1)
	assert rsdp + 4096 == 32 << 20, rows
	END
}

@test "a decompiled spec writes the tables again, and says so when they are others" {
	spec '{ at: 0, size: 16MiB }' 2 'extends: long64' 'payload: none'
	"$svmc" decompile -o again.yaml t.svmt
	grep -q '{ chipset: pc }' again.yaml
	[ -z "$(grep base64 again.yaml)" ]
	"$svmc" compile -o again.svmt again.yaml
	cmp t.svmt again.svmt
	sed 's/chipset: pc/chipset: pc, acpi: false/' again.yaml >without.yaml
	"$svmc" compile without.yaml
	printf '%s\n' 'segments: [ { at: 0xe0000, hex: "52 53 44" } ]' >>without.yaml
	"$svmc" compile -o without.svmt without.yaml
	"$svmc" decompile -o without.again.yaml without.svmt
	grep -q '{ chipset: pc, acpi: false }' without.again.yaml
	"$svmc" compile -o again.svmt without.again.yaml
	cmp without.svmt again.svmt
}

@test "the examples with kernels compile, here with the images of the tests" {
	"$SVMKIT_SRC/tests/images/make-images"
	mkdir guest
	cp bzImage guest/vmlinuz
	cp initrd guest/initramfs
	cp multiboot.elf guest/
	count=0
	for yaml in $(grep -l '^vars: { guest: ' "$SVMKIT_SRC"/specs/*.yaml); do
		run "$svmc" check "$yaml"
		[ "$status" -eq 3 ] || [ -d "$SVMKIT_SRC/build/guest" ]
		run "$svmc" compile -D guest="$PWD/guest" -o t.svmt "$yaml"
		[ "$status" -eq 0 ] && [ -z "$output" ] || { echo "$yaml: $output"; false; }
		"$svmc" dump t.svmt | grep -q '^device chipset pc'
		count=$((count + 1))
	done
	[ "$count" -ge 4 ]
	"$svmc" compile -D guest="$PWD/guest" -D vcpus=4 -o t.svmt "$SVMKIT_SRC/specs/linux-smp.yaml"
	[ "$("$svmc" dump --json t.svmt | python3 -c 'import json, sys
print([v["start"] for v in json.load(sys.stdin)["vcpus"]])')" = "['run', 'wait-sipi', 'wait-sipi', 'wait-sipi']" ]
}
