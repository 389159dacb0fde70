#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc graph: a picture of every template, well-formed, the same every time, with what matters in words.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR"
}

spec() {
	local file=$1
	shift
	printf 'svmspec: 1\nname: "<t> & t"\nextends: long64\nmemory: [ { at: 0, size: 2MiB } ]\n' >"$file"
	printf '%s\n' "$@" >>"$file"
}

# Texts of the picture, one a line; fails when it is not well-formed XML.
texts() {
	python3 -c '
import sys, xml.etree.ElementTree as e
for t in e.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}text"):
    print(t.text)' "$1"
}

@test "every example and good spec becomes a well-formed picture" {
	command -v python3 || skip "no python3"
	for yaml in "$SVMKIT_SRC"/specs/*.yaml "$SVMKIT_SRC"/tests/golden/good/*.yaml; do
		# Other files there are included by one.
		grep -q '^vars: { guest: ' "$yaml" && continue	# wants the images of make guest-images
		case $yaml in */good/confidential*) ;; */good/*) [ -e "${yaml%.yaml}.dump" ] || continue ;; esac
		echo "$yaml"
		"$svmc" graph -o t.svg "$yaml" 2>messages
		texts t.svg >words
		grep -q '^Exit policy$' words
	done
}

@test "the picture shows memory, contents, vCPUs by mode, and the policy of exits that can happen" {
	command -v python3 || skip "no python3"
	spec a.yaml 'payload: none' 'segments: [ { at: 0x1000, hex: f4 }, { at: 0x9000, hex: "01" } ]' \
		'vcpus: [ { at: 0 }, { at: 1-2, state: { rip: 0x9000, r9: 0x77 } } ]' \
		'exits: { VMMCALL: { do: stop, event: sample 4294967295 }, HLT: { do: user }, IOIO: { rules: [ { at: 0x60-0x64, access: read, do: stop } ] } }' \
		'devices: [ { uart: com2 } ]'
	"$svmc" compile -o a.svmt a.yaml
	"$svmc" graph a.svmt >a.svg
	"$svmc" graph a.yaml | cmp - a.svg
	texts a.svg >words
	while read -r line; do
		echo "$line"
		grep -qxF "$line" words
	done <<-'END'
	<t> & t
	ram, 2 MiB
	0x1000, 1 page
	code of the first instruction
	page tables (cr3), descriptors (gdtr)
	vcpu 0: 64-bit mode
	vcpus 1 to 2: 64-bit mode
	r9  0x77
	sample 4294967295
	uart com2
	port 0x2f8, irq 3
	END
	grep -q "^IOIO\[0x60-0x64 read\] " words
	! grep -q AVIC words
}

@test "ten thousand regions and 255 different vCPUs make a picture of bounded size" {
	command -v python3 || skip "no python3"
	{
		printf 'svmspec: 1\nname: t\nextends: real16\npayload: none\nmemory:\n'
		seq -f '  - { at: %.0fMiB, size: 4KiB }' 0 9999
		printf 'vcpus:\n'
		for i in $(seq 0 254); do echo "  - { at: $i, state: { rax: $i } }"; done
	} >a.yaml
	sed -i 's/at: 0MiB, size: 4KiB/at: 0, size: 64KiB/' a.yaml
	"$svmc" graph -o a.svg a.yaml
	[ "$(stat -c %s a.svg)" -lt 100000 ]
	texts a.svg >words
	grep -qx 'and 9968 regions below' words
	grep -qx 'and vcpus 12 to 254' words
}

@test "a spec with errors, a damaged template and a place that cannot be written are told by status" {
	spec bad.yaml 'payload: nothing'
	echo precious >out.svg
	run "$svmc" graph -o out.svg bad.yaml
	[ "$status" -eq 1 ]
	[ "$(cat out.svg)" = precious ]
	spec a.yaml 'payload: none'
	run "$svmc" graph -o nowhere/a.svg a.yaml
	[ "$status" -eq 3 ]
	run "$svmc" graph absent.yaml
	[ "$status" -eq 3 ]
	run "$svmc" graph a.yaml bad.yaml
	[ "$status" -eq 2 ]
}
