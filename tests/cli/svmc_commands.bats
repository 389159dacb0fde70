#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc's commands that look into specs and templates: explain, diff, decompile, golden, init.

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

@test "every command's --help goes to standard output, and wrong usage is status 2" {
	for command in $("$svmc" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		"$svmc" "$command" --help >out 2>err
		[ -s out ]
		[ ! -s err ]
		run "$svmc" "$command" --frobnicate
		echo "$command: $status $output"
		[ "$status" -eq 2 ]
		grep -q "^\.SS $command" "$SVMKIT_SRC/man/svmc.1"
	done
}

@test "explain shows every meaning of a name" {
	run "$svmc" explain cpuid
	[ "$status" -eq 0 ]
	[[ "$output" == "CPUID: intercept"*"CPUID: exit code 0x72"* ]]
	[[ "$output" == *"place      VMCB offset 0x00c, bit 18 (word 3)"* ]]
	run "$svmc" explain 0x400 VMEXIT_NPF
	[ "$(grep -c '^NPF: exit code 0x400$' <<<"$output")" -eq 2 ]
	run "$svmc" explain es
	[ "$(grep -c '^es\..*: VMCB field' <<<"$output")" -eq 4 ]
}

@test "explain tells place, clean bit, feature, force and the key that sets it" {
	run "$svmc" explain V_TPR
	[[ "$output" == *"VMCB offset 0x060, 4 bytes, bits 7:0"*"3 (TPR)"*"control: { v_tpr: VALUE }"* ]]
	run "$svmc" explain rip
	[[ "$output" == *"vcpus: { state: { rip: VALUE } }"* ]]
	run "$svmc" explain VMRUN
	[[ "$output" == *"forced     yes"* ]]
	run "$svmc" explain N_CR3
	[[ "$output" == *"no key: the hypervisor decides it"* ]]
}

@test "explain knows every field, intercept, exit code, MSR, rule and check" {
	{
		sed -n 's/^VMCB_CONTROL(\([^,]*,\)\{4\} \([A-Z0-9_]*\),.*/\2/p' \
			"$SVMKIT_SRC/include/svmkit/vmcb_control.def"
		sed -n 's/^VMCB_SAVE([^"]*"\([^"]*\)".*/\1/p' "$SVMKIT_SRC/include/svmkit/vmcb_save.def"
		sed -n 's/^SVM_INTERCEPT([0-9]*, [0-9]*, \([A-Z0-9_]*\),.*/\1/p' \
			"$SVMKIT_SRC/include/svmkit/intercepts.def"
		sed -n 's/^SVM_EXIT([^,]*, \([A-Z0-9_]*\),.*/\1/p' "$SVMKIT_SRC/include/svmkit/exitcodes.def"
		sed -n 's/^VMSA_FIELD([^"]*"\([^"]*\)".*/\1/p' "$SVMKIT_SRC/include/svmkit/vmsa.def"
		sed -n 's/^SVM_RULE(\([A-Z0-9]*\),.*/\1/p' "$SVMKIT_SRC/include/svmkit/consistency.def"
		sed -n 's/^SVM_MSR([^,]*, \([A-Z0-9_]*\),.*/\1/p' "$SVMKIT_SRC/include/svmkit/msrs.def"
		"$svmc" check --list | cut -d' ' -f1
	} >names
	# Profiles, launch constants and file headers are no names of a spec.
	rows=$(cd "$SVMKIT_SRC/include/svmkit" && cat consistency.def exitcodes.def intercepts.def msrs.def \
		vmcb_control.def vmcb_save.def vmsa.def | grep -c '^[A-Z_]*(')
	[ "$(wc -l <names)" -eq $((rows + $("$svmc" check --list | wc -l))) ]
	xargs "$svmc" explain <names >out
}

@test "explain offers the nearest name for an unknown one, with status 1" {
	run "$svmc" explain CPUDI
	[ "$status" -eq 1 ]
	[ "$output" = 'svmc explain: no field, intercept, exit code or check `CPUDI`; did you mean `CPUID`?' ]
	run "$svmc" explain frobnicate_the_thing
	[ "$status" -eq 1 ]
	[[ "$output" == *"svmspec(5) lists the names" ]]
}

@test "diff of equal templates says nothing, with status 0" {
	"$svmc" compile -o a.svmt "$golden/good/everything.yaml"
	run "$svmc" diff a.svmt "$golden/good/everything.yaml"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run "$svmc" diff --json a.svmt a.svmt
	[ "$output" = '{"a":"a.svmt","b":"a.svmt","same":true,"differences":[]}' ]
}

@test "diff names what changed, and nothing else" {
	spec a.yaml 'payload: none'
	while IFS='|' read -r change line; do
		spec b.yaml 'payload: none' "$change"
		run "$svmc" diff a.yaml b.yaml
		echo "$change: $status $output"
		[ "$status" -eq 1 ]
		[ "$output" = "$line" ]
	done <<-'END'
	vcpus: { state: { rip: 0x2000 } }|vcpu 0: rip: 0x1000 -> 0x2000
	vcpus: { state: { rflags: [+IF] } }|vcpu 0: rflags: 0x2 -> 0x202 [IF]
	vcpus: { state: { r9: 7 } }|vcpu 0: r9: 0x0 -> 0x7
	vcpus: { count: 2 }|template: vcpus: 1 -> 2
	control: { intercepts: [+RDTSC] }|vcpu 0: intercept RDTSC: clear -> set  (RDTSC)
	control: { v_tpr: 2 }|vcpu 0: V_TPR: 0x0 -> 0x2  (virtual TPR (3:0 used))
	exits: { HLT: { do: stop } }|exit: HLT: do wait, event count -> do stop, event count
	exits: { HLT: { event: sample 3 } }|exit: HLT: do wait, event count -> do wait, event sample 3
	exits: { IOIO: { rules: [ { at: 0x60-0x64, access: read, do: table, value: 9 } ] } }|exit: IOIO 0x60-0x64 read: absent -> do table 0x9, event count
	devices: [ { debug_exit: 0xf4 } ]|device: device 0, debug_exit: absent -> at 0xf4, irq none
	msrs: [ { index: 0x10a, read: 5 } ]|msr: 0x10a: absent -> read 0x5, write gp
	expect: { exit: HLT }|expect: exit: absent -> "HLT"
	END
}

@test "diff tells memory contents by range, with vCPUs of equal state once" {
	printf 'abcdefgh' >one
	printf 'abXdefgY' >two
	printf 'abcdefgh' >three
	spec a.yaml 'payload: { bin: one, at: 0x1ffc }' 'vcpus: { count: 3 }'
	spec b.yaml 'payload: { bin: two, at: 0x1ffc }' 'vcpus: { count: 3, state: { rbx: 1 } }'
	run "$svmc" diff a.yaml b.yaml
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = 'contents: 0x1ffe-0x2003: 636465666768 -> 586465666759' ]
	[ "${lines[1]}" = 'vcpu 0-2: rbx: 0x0 -> 0x1' ]
	[ "${#lines[@]}" -eq 2 ]
	spec c.yaml 'payload: { bin: three, at: 0x9000 }' 'vcpus: { count: 3 }'
	run "$svmc" diff a.yaml c.yaml
	[ "${lines[0]}" = 'contents: 0x1ffc-0x2003: 6162636465666768 -> 0000000000000000' ]
	[ "${lines[1]}" = 'contents: 0x9000-0x9007: 0000000000000000 -> 6162636465666768' ]
}

@test "diff has status 2 for a spec with errors, a damaged template and a file that is not there" {
	spec a.yaml 'payload: none'
	spec bad.yaml 'payload: nothing'
	"$svmc" compile -o t.svmt a.yaml
	head -c 5000 t.svmt >short.svmt
	for file in bad.yaml short.svmt absent.svmt -; do
		run "$svmc" diff a.yaml "$file"
		[ "$status" -eq 2 ]
		run "$svmc" diff "$file" a.yaml
		[ "$status" -eq 2 ]
	done
}

# Compile, decompile, compile: the second template is the first, byte for byte.
round_trip() {
	"$svmc" compile -o first.svmt "$1" 2>messages || { cat messages; return 1; }
	"$svmc" decompile -o again.yaml first.svmt
	"$svmc" compile -o second.svmt again.yaml 2>messages || { cat messages; return 1; }
	cmp first.svmt second.svmt
}

@test "decompiling every example and good spec and compiling it again gives the same bytes" {
	for yaml in "$SVMKIT_SRC"/specs/*.yaml "$golden"/good/*.yaml "$SVMKIT_SRC"/tests/e2e/specs/*.yaml; do
		grep -q '^vars: { guest: ' "$yaml" && continue	# wants the images of make guest-images
		# A good spec has its golden dump; other files there are included by one.
		case $yaml in */good/*) [ -e "${yaml%.yaml}.dump" ] || continue ;; esac
		echo "$yaml"
		round_trip "$yaml"
	done
}

@test "decompiling three hundred generated specs and compiling them again gives the same bytes" {
	command -v python3 || skip "no python3"
	"$SVMKIT_SRC/tests/round-trips" 300 20261127
}

@test "decompile prints only what differs from the profile, with names" {
	spec a.yaml 'payload: none'
	"$svmc" compile a.yaml
	[ "$("$svmc" decompile a.svmt)" = "$(printf '%s\n' 'svmspec: 1' 'name: "t"' 'extends: long64' \
		'memory:' '  - { at: 0, size: 2MiB, kind: ram }' 'payload: none' 'vcpus:' '  count: 1')" ]
	spec b.yaml 'payload: none' 'vcpus: { state: { rflags: [+IF], cs.selector: 0x20 } }' \
		'control: { intercepts: [+RDTSC] }' 'segments: [ { at: 0x1000, hex: "f4 00 eb" } ]'
	"$svmc" compile b.yaml
	run "$svmc" decompile b.svmt
	[[ "$output" == *'  - { at: 0x1000, hex: "f4 00 eb" }'*'    cs: { selector: 0x20 }'* ]]
	[[ "$output" == *'    rflags: [IF]'*'  intercepts: [ +RDTSC ]'* ]]
}

@test "decompile tells tables of the guest in words, not in bytes" {
	cat >a.yaml <<-'END'
		svmspec: 1
		name: "t"
		extends: long64
		memory:
		  - { at: 0, size: 64MiB, kind: ram }
		payload: none
		page_tables:
		  at: 0x100000
		  map:
		    - { at: 0, size: 2MiB, page: 4KiB }
		    - { at: 2MiB, size: 62MiB }
		    - { at: 1GiB, size: 3GiB, access: rwu }
		    - { at: 256GiB, to: 20KiB, size: 12KiB, access: r }
		    - { at: 0xffff800000000000, to: 0, size: 4MiB, access: rxg }
		gdt:
		  at: 0x3fff000
		  entries:
		    - { selector: 0x8, kind: code64 }
		    - { selector: 0x10, kind: data, limit: 0x7ffffff }
		    - { selector: 0x18, kind: tss, base: 0xffff800000001000 }
		    - { selector: 0x30, kind: code32, dpl: 3 }
		    - { selector: 0x38, attrib: 0x8b, base: 0x4000, limit: 0x67 }
		idt:
		  at: 0x3ffe000
		  gates:
		    - { vector: 0-31, to: 0x2000, step: 0x10 }
		    - { vector: 128, to: 0x3000, kind: trap, dpl: 3, ist: 2 }
		    - { vector: 200-210, to: 0xffffffff80000000, selector: 0x30 }
		vcpus:
		  count: 2
		  state:
		    gdtr: { limit: 0xfff }
		    tr: { base: 0xffff800000001000 }
		    efer: [LME, LMA, NXE, SVME]
		    cr3: 0x100018
	END
	"$svmc" compile a.yaml
	"$svmc" decompile a.svmt >again.yaml
	diff a.yaml again.yaml
	# The same in the other formats, of which a generated spec has any.
	for mode in "prot32 cr0:_[+PG] 0 4MiB" "prot32 cr0:_[+PG],_cr4:_[PAE] 0x80000000 2MiB" \
		"long64 cr4:_[+LA57] 0xff00000000000000 1GiB"; do
		read -r profile state linear page <<<"$mode"
		spec b.yaml 'payload: none' "page_tables: { map: [ { at: $linear, to: 0, size: 1GiB, page: $page } ] }" \
			"vcpus: { state: { ${state//_/ } } }" 'gdt: { at: 0x5000, entries: [ { selector: 8, kind: code32 } ] }'
		sed -i "s/^extends:.*/extends: $profile/; s/at: $linear, to: 0, size: 1GiB/&, access: rwxu/" b.yaml
		round_trip b.yaml
		[ -z "$(grep segments again.yaml)" ]
		[ -n "$(grep page_tables again.yaml)" ]
	done
}

@test "decompile leaves alone what only looks like tables" {
	# Accessed, with a bit for software, and a table that points to itself.
	for entry in "27 10 01" "07 18 01" "07 00 01"; do
		spec a.yaml 'payload: none' "vcpus: { state: { cr3: 0x10000 } }" \
			"segments: [ { at: 0x10000, hex: \"$entry\" }, { at: 0x11000, hex: \"83\" } ]"
		round_trip a.yaml
		[ -z "$(grep page_tables again.yaml)" ]
	done
	# An interrupt table of real mode may be anything, but not what the guest runs.
	sed 's/^extends:.*/extends: real16/' a.yaml >b.yaml
	sed -i '/^segments/d; s/^vcpus.*/vcpus: { state: { cs: { base: 0, selector: 0 }, rip: 0x10 } }/' b.yaml
	echo 'segments: [ { at: 0, hex: "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 f4" } ]' >>b.yaml
	round_trip b.yaml
	[ -z "$(grep idt again.yaml)" ]
	sed -i 's/rip: 0x10/rip: 0x2000/' b.yaml
	round_trip b.yaml
	[ -n "$(grep idt again.yaml)" ]
}

@test "decompile refuses a template that no spec gives, and shows what differs" {
	command -v python3 || skip "no python3"
	spec a.yaml 'payload: none' 'vcpus: { state: { rbx: 0x5566778811223344 } }'
	"$svmc" compile a.yaml
	# The register page's reserved words have no name; a sealed file is as good as a compiled one.
	python3 - <<-'END'
	import hashlib, struct
	t = bytearray(open("a.svmt", "rb").read())
	at = t.index(struct.pack("<Q", 0x5566778811223344)) - 24
	t[at + 168] = 1
	t[16:48] = hashlib.sha256(t[128:]).digest()
	t[48:52] = bytes(4)
	crc = 0xffffffff
	for b in t:
	    crc ^= b
	    for _ in range(8):
	        crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
	t[48:52] = struct.pack("<I", crc ^ 0xffffffff)
	open("odd.svmt", "wb").write(t)
	END
	run "$svmc" decompile odd.svmt
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == "odd.svmt: error: no spec gives this template; the nearest one differs"* ]]
	[[ "${lines[1]}" == *" -> "* ]]
	echo precious >out.yaml
	run "$svmc" decompile -o out.yaml odd.svmt
	[ "$(cat out.yaml)" = precious ]
}

@test "segments put bytes at addresses, from the spec or a file" {
	printf 'file' >contents
	spec a.yaml 'payload: none' 'segments:' '  - { at: 0x2000, file: contents }' \
		'  - { at: 0x1ffe, hex: "68 69" }' '  - { at: 0x2004, base64: "IGFu ZA==" }'
	"$svmc" compile a.yaml
	printf 'hifile and' >whole
	spec b.yaml 'payload: { bin: whole, at: 0x1ffe }'
	run "$svmc" diff a.svmt b.yaml
	[ "$status" -eq 0 ]
}

@test "golden check says how to make a golden that is missing, and update makes it" {
	mkdir specs
	spec specs/one.yaml 'payload: none'
	spec specs/two.yaml 'payload: none'
	run "$svmc" golden check specs
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = 1..2 ]
	[ "${lines[1]}" = 'not ok 1 - one' ]
	[ "${lines[2]}" = '# no golden specs/one.svmt; if the spec is as it should be, make it: svmc golden update specs' ]
	run "$svmc" golden update specs
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf 'specs/one.svmt written\nspecs/two.svmt written')" ]
	run "$svmc" golden check specs
	[ "$status" -eq 0 ]
	[ "$output" = "$(printf '1..2\nok 1 - one\nok 2 - two')" ]
	run "$svmc" golden update specs
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "golden check tells a difference by field, as TAP and as JUnit" {
	mkdir specs
	spec specs/one.yaml 'payload: none'
	spec specs/two.yaml 'payload: none'
	"$svmc" golden update specs
	spec specs/two.yaml 'payload: none' 'vcpus: { state: { rip: 0x2000 } }'
	run "$svmc" golden check --junit junit.xml specs
	[ "$status" -eq 1 ]
	[ "${lines[1]}" = 'ok 1 - one' ]
	[ "${lines[2]}" = 'not ok 2 - two' ]
	[ "${lines[4]}" = '# vcpu 0: rip: 0x1000 -> 0x2000' ]
	grep -q '<testsuite name="svmc golden specs" tests="2" failures="1" skipped="0">' junit.xml
	grep -q 'vcpu 0: rip: 0x1000 -&#62; 0x2000' junit.xml
	if command -v python3; then
		python3 -c 'import xml.etree.ElementTree as e; assert len(e.parse("junit.xml").findall(".//failure")) == 1'
	fi
}

@test "golden update writes nothing when one spec has errors, and check shows them" {
	mkdir specs
	spec specs/one.yaml 'payload: none'
	spec specs/two.yaml 'payload: nothing'
	run "$svmc" golden update specs
	[ "$status" -eq 1 ]
	[ "$(ls specs)" = "$(printf 'one.yaml\ntwo.yaml')" ]
	run "$svmc" golden check specs
	[ "$status" -eq 1 ]
	[[ "$output" == *'# specs/two.yaml:5:10: error: `payload` is `nothing`'* ]]
	head -c 100 /dev/zero >specs/one.svmt
	run "$svmc" golden check specs
	[[ "$output" == *'not ok 1 - one'*'# specs/one.svmt: offset 0x'* ]]
}

@test "golden wants specs in a directory that is there" {
	mkdir empty
	run "$svmc" golden check empty
	[ "$status" -eq 1 ]
	[[ "$output" == *"no spec NAME.yaml in empty"* ]]
	run "$svmc" golden check absent
	[ "$status" -eq 3 ]
	for args in "check" "frob empty" "update --junit x empty"; do
		run "$svmc" golden $args
		[ "$status" -eq 2 ]
	done
}

@test "init writes a spec that compiles without a message, and no file twice" {
	"$svmc" init
	run "$svmc" check guest.yaml
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	echo precious >mine.yaml
	run "$svmc" init mine
	[ "$status" -eq 1 ]
	[ "$(cat mine.yaml)" = precious ]
	for name in 1st ../up "" a/b "$(printf 'a%.0s' $(seq 64))"; do
		run "$svmc" init "$name"
		[ "$status" -eq 1 ]
		[[ "$output" == *"is no name for a spec"* ]]
	done
	"$svmc" init other
	"$svmc" compile -D port=0x2f8 other.yaml
	grep -q '^name: other$' other.yaml
}

@test "decompile says when the contents are too long for a spec" {
	head -c 14000000 /dev/zero | tr '\0' x >big
	spec a.yaml 'payload: { bin: big, at: 0x1000 }'
	sed -i 's/size: 2MiB/size: 16MiB/' a.yaml
	"$svmc" compile a.yaml
	run "$svmc" decompile a.svmt
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == 'a.svmt: error: its memory contents make a spec of 1'?' MiB, but a spec has at most 16 MiB; '* ]]
}
