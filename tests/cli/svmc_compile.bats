#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc compile with several specs, its other forms of output, the rules for make, and every byte of a
# template as dump shows it.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	golden=$SVMKIT_SRC/tests/golden
	export LC_ALL=C
	unset NO_COLOR
	cd "$BATS_TEST_TMPDIR"
}

spec() {
	local file=$1
	shift
	printf 'svmspec: 1\nname: t\nextends: long64\nmemory: [ { at: 0, size: 2MiB } ]\n' >"$file"
	printf '%s\n' "$@" >>"$file"
}

@test "several specs compile in one run, each to its own file, in the directory of -o" {
	spec a.yaml 'payload: none'
	spec b.yaml 'payload: none' 'vcpus: { count: 2 }'
	"$svmc" compile a.yaml b.yaml
	"$svmc" compile -o one.svmt b.yaml
	cmp one.svmt b.svmt
	mkdir out
	"$svmc" compile -o out a.yaml b.yaml
	cmp a.svmt out/a.svmt
	cmp b.svmt out/b.svmt
}

@test "outputs, messages and their order do not depend on -j" {
	python3 "$SVMKIT_SRC/tests/cli/spec_generator.py" 11 60 .
	for n in 0007 0020 0041; do sed -i 's/^payload:.*/payload: nothing/' $n.yaml; done
	rm 0050.yaml
	mkdir j1 j2 j7
	names=$(seq -f %04.0f.yaml 0 59)
	for j in 1 2 7; do
		status=0
		"$svmc" compile -j $j -o j$j $names 2>messages.$j || status=$?
		[ "$status" -eq 3 ]
	done
	[ "$(ls j1 | wc -l)" -eq 56 ]
	diff -r j1 j2
	diff -r j1 j7
	cmp messages.1 messages.2
	cmp messages.1 messages.7
	[ "$(grep -c ': error: ' messages.1)" -eq 4 ]
	grep ': error: ' messages.1 | cut -d: -f1 >order
	sort -c order
}

@test "a spec with errors leaves its output alone and the others' are written" {
	spec a.yaml 'payload: none'
	spec b.yaml 'payload: nothing'
	spec c.yaml 'payload: none'
	echo precious >b.svmt
	run "$svmc" compile -j 2 -M all.d a.yaml b.yaml c.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "b.yaml:5:10: error: "* ]]
	[ "$(cat b.svmt)" = precious ]
	[ -s a.svmt ] && [ -s c.svmt ]
	[ ! -e all.d ]
}

@test "specs that would be written to one file are refused before anything is written" {
	mkdir x y
	spec x/a.yaml 'payload: none'
	spec y/a.yaml 'payload: none'
	spec b.yaml 'payload: none'
	run "$svmc" compile b.yaml x/a.yaml y/a.yaml
	[ "$status" -eq 2 ]
	[[ "${lines[0]}" == *"x/a.yaml and y/a.yaml would both be written to a.svmt"* ]]
	run "$svmc" compile -o file b.yaml x/a.yaml
	[ "$status" -eq 2 ]
	[[ "${lines[0]}" == *"-o file is no directory"* ]]
	[ -z "$(ls ./*.svmt 2>/dev/null)" ]
}

@test "wrong values of -j, --emit and -M are status 2" {
	spec a.yaml 'payload: none'
	for args in "-j x" "-j -1" "-j 100000" "--emit elf" "-M d -o -" "-o . -"; do
		run "$svmc" compile $args a.yaml
		echo "$args: $status $output"
		[ "$status" -eq 2 ]
	done
	"$svmc" compile -j 0 a.yaml
}

@test "--emit vmcb writes the VMCB pages of all vCPUs, --emit json what dump --json shows" {
	spec a.yaml 'payload: none' 'vcpus:' '  - { at: 0, state: { rip: 0x1234 } }' \
		'  - { at: 1-2, state: { rip: 0x5678 } }'
	"$svmc" compile a.yaml
	"$svmc" compile --emit vmcb a.yaml
	[ "$(stat -c %s a.vmcb)" -eq $((3 * 4096)) ]
	# RIP is at 0x578 of the page (APM volume 2, table B-2).
	for page in 0 1 2; do od -An -tx8 -j $((page * 4096 + 0x578)) -N8 a.vmcb; done >rips
	[ "$(tr -d ' ' <rips | tr '\n' ' ')" = "0000000000001234 0000000000005678 0000000000005678 " ]
	"$svmc" compile --emit json a.yaml
	"$svmc" dump --json a.svmt | cmp - a.json
	"$svmc" compile --emit json -o - a.yaml | cmp - a.json
}

@test "-M names spec, includes, profiles, payloads and what the assembler includes" {
	mkdir -p 'dir/sub dir' out
	spec 'dir/base#1.yaml' 'payload: none'
	printf 'vars: { x: 1 }\n' >dir/more.yaml
	printf 'blob' >'dir/sub dir/b$ob'
	printf 'nop\n' >dir/code.s
	cat >dir/top.yaml <<-'END'
	svmspec: 1
	extends: ./base#1.yaml
	include: more.yaml
	payload: { asm: ".include \"code.s\"" }
	segments: [ { at: 0x8000, file: "sub dir/b$ob" } ]
	END
	"$svmc" compile -M out/top.d -o out/top.svmt dir/top.yaml
	cat out/top.d
	cat >expected <<-'END'
	out/top.svmt: dir/top.yaml \
	  dir/more.yaml \
	  dir/./base\#1.yaml \
	  dir/sub\ dir/b$$ob \
	  dir/code.s
	END
	sed 's/^ /  /' out/top.d | head -5 | diff expected -
	[ "$(grep -c ':$' out/top.d)" -eq 4 ]
}

@test "make compiles again when one of the files of -M changes, and when one is gone" {
	command -v make || skip "no make"
	unset MAKEFLAGS MFLAGS MAKELEVEL	# of the make that runs this test
	spec a.yaml 'payload: none' 'include: more.yaml'
	printf 'vars: { x: 1 }\n' >more.yaml
	printf 'a.svmt: a.yaml; "%s" compile -M a.d a.yaml && echo made\n-include a.d\n' "$svmc" >Makefile
	[ "$(make -s)" = made ]
	touch -d '1 minute ago' more.yaml a.yaml
	[ -z "$(make -s | grep made)" ]
	touch -d '1 minute' more.yaml
	[ "$(make -s)" = made ]
	rm more.yaml
	run make -s
	[[ "$output" == *"cannot read more.yaml"* ]]
}

@test "--diagnostics=json makes one object of an output that cannot be written, too" {
	spec a.yaml 'payload: none'
	run "$svmc" compile --diagnostics=json -o nowhere/a.svmt a.yaml
	[ "$status" -eq 3 ]
	[ "$output" = '{"severity":"error","file":"nowhere/a.svmt","message":"cannot write it: No such file or directory"}' ]
}

@test "dump --bytes shows every byte: the file can be made again from it" {
	command -v python3 || skip "no python3"
	for yaml in "$golden/good/everything.yaml" "$golden/good/vcpus.yaml" "$SVMKIT_SRC/specs/hello.yaml" \
		"$golden/good/confidential.yaml"; do
		"$svmc" compile -o t.svmt "$yaml"
		"$svmc" dump --bytes t.svmt >bytes
		python3 - <<-'END'
		import re
		data = bytearray()
		for line in open("bytes"):
		    if line.startswith("#"):
		        continue
		    assert int(line[:8], 16) == len(data), line
		    run = re.match(r"(\d+) \* (..)", line[10:])
		    data += bytes([int(run[2], 16)]) * int(run[1]) if run else bytes.fromhex(line[10:57])
		assert data == open("t.svmt", "rb").read()
		END
	done
}

@test "dump --bytes names header, VMCB words, intercepts and memory" {
	spec a.yaml 'payload: none' 'vcpus: { state: { rip: 0x1234 } }' \
		'segments: [ { at: 0x3000, hex: "68 65 6c 6c 6f" } ]'
	"$svmc" compile a.yaml
	"$svmc" dump --bytes a.svmt >bytes
	grep -q '^00000000  53 56 4d 54  *header.magic' bytes
	grep -q '  34 12 00 00 00 00 00 00  *rip = 0x1234$' bytes
	grep -q '  intercepts 4: VMRUN VMMCALL' bytes
	grep -q '68 65 6c 6c 6f .*|hello\.*| page [0-9]*: memory at 0x3000$' bytes
	"$svmc" compile -o b.svmt "$golden/good/confidential.yaml"
	"$svmc" dump --bytes b.svmt >bytes
	grep -q '^# page [0-9]*: VMSA of vcpu 0$' bytes
	grep -q '  11 0f a0 00 00 00 00 00  *rdx = 0xa00f11$' bytes
	grep -q '  03 00 00 00  *measured\[1\].type = 0x3$' bytes
	run "$svmc" dump --bytes --json a.svmt
	[ "$status" -eq 2 ]
}
