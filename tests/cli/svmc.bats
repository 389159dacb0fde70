#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc from outside: goldens, diagnostics whole, exit statuses, files replaced only on success.
# UPDATE_GOLDEN=1 writes the goldens anew; read the difference before committing it.

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

@test "every bad spec gets its whole message and status 1, 3 for a file that is not there, 0 for warnings" {
	cd "$golden/bad"
	for yaml in *.yaml; do
		rule=${yaml%.yaml}
		[ "$rule" = "${rule%.fixed}" ] || continue
		status=0
		"$svmc" check "$yaml" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
		[ -z "$UPDATE_GOLDEN" ] || cp "$BATS_TEST_TMPDIR/err" "$rule.stderr"
		diff -u "$rule.stderr" "$BATS_TEST_TMPDIR/err"
		[ ! -s "$BATS_TEST_TMPDIR/out" ]
		expected=1
		grep -q ': error: ' "$rule.stderr" || expected=0
		case $rule in *-missing-file) expected=3 ;; esac
		echo "$rule: status $status"
		[ "$status" -eq "$expected" ]
	done
}

@test "every bad spec that follows its remedy compiles without a message" {
	cd "$golden/bad"
	for yaml in *.fixed.yaml; do
		echo "$yaml"
		[ -e "${yaml%.fixed.yaml}.yaml" ]
		run "$svmc" check "$yaml"
		echo "$output"
		[ "$status" -eq 0 ]
		[ -z "$output" ]
	done
}

@test "every bad spec has a fixed one beside it, but for those that no small change mends" {
	cd "$golden/bad"
	for yaml in *.yaml; do
		rule=${yaml%.yaml}
		case $rule in
		*.fixed|billion-laughs|depth|empty|map-as-key|not-a-map) continue ;;
		esac
		[ -e "$rule.fixed.yaml" ] || { echo "no $rule.fixed.yaml"; false; }
	done
}

@test "every named check has a bad spec that shows its message" {
	for name in $("$svmc" check --list | cut -d' ' -f1); do
		echo "$name"
		grep -q "\[$name," "$golden"/bad/*.stderr
	done
}

@test "-W turns warnings off, on again and into errors; the last option that names one decides" {
	w15=$golden/bad/W15.yaml
	run "$svmc" check "$w15"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == *": warning: "*"[W15, APM 15.5.1]" ]]
	for options in "-W no-W15" "-W error=W15 -W no-W15" "-W error -W no-W15"; do
		run "$svmc" check $options "$w15"
		echo "$options: $output"
		[ "$status" -eq 0 ]
		[ -z "$output" ]
	done
	for options in "-W error=W15" "-W error" "-W no-W15 -W W15 -W error"; do
		run "$svmc" check $options "$w15"
		echo "$options: $output"
		[ "$status" -eq 1 ]
		[[ "${lines[0]}" == *": error: "* ]]
	done
	"$svmc" compile -W no-W15 -o t.svmt "$w15"
	[ -s t.svmt ]
}

@test "-W knows the names of warnings only, and says what to do about others" {
	run "$svmc" check -W no-W5 x.yaml
	[ "$status" -eq 2 ]
	[ "$output" = 'svmc: -W no-W5: no warning `W5`; did you mean `W05`?' ]
	run "$svmc" check -W no-C02 x.yaml
	[ "$status" -eq 2 ]
	[[ "$output" == *'a spec that wants this state says `allow: [C02]`' ]]
	run "$svmc" check -W no-memory-overlap x.yaml
	[ "$status" -eq 2 ]
	[[ "$output" == *'memory-overlap is always an error' ]]
}

@test "allow turns a save state that VMRUN refuses into a note and marks the template" {
	sed 's/^payload/allow: [C02]\npayload/' "$golden/bad/C02.yaml" >spec.yaml
	run "$svmc" compile -o t.svmt spec.yaml
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == *": note: "*"[C02, APM 15.5.1; allowed]" ]]
	[ "$(od -An -tu4 -j56 -N4 t.svmt | tr -d ' ')" = 1 ]
	"$svmc" dump t.svmt | grep -qi 'illegal'
	sed 's/C02/C01/' spec.yaml >other.yaml
	run "$svmc" compile -o t.svmt other.yaml
	[ "$status" -eq 1 ]
	spec plain.yaml 'allow: [C02]' 'payload: none'
	"$svmc" compile -o t.svmt plain.yaml
	[ "$(od -An -tu4 -j56 -N4 t.svmt | tr -d ' ')" = 0 ]
}

@test "good specs compile to the bytes that their golden dump shows" {
	for dump in "$golden"/good/*.dump; do
		name=$(basename "$dump" .dump)
		yaml=$golden/good/$name.yaml
		[ -e "$yaml" ] || yaml=$SVMKIT_SRC/specs/$name.yaml
		"$svmc" compile -o t.svmt "$yaml"
		"$svmc" dump t.svmt >t.dump
		[ -z "$UPDATE_GOLDEN" ] || cp t.dump "$dump"
		diff -u "$dump" t.dump
	done
}

@test "every example has a golden, but for those with images that make guest-images builds" {
	for yaml in "$SVMKIT_SRC"/specs/*.yaml; do
		grep -q '^vars: { guest: ' "$yaml" && continue
		[ -e "$golden/good/$(basename "$yaml" .yaml).dump" ]
	done
}

@test "the same spec gives the same bytes from another directory, locale, time zone and day" {
	"$svmc" compile -o a.svmt "$golden/good/everything.yaml"
	mkdir elsewhere
	cp "$golden/good/everything.yaml" "$golden/good/payload.bin" elsewhere/
	touch -d 2001-01-01 elsewhere/*
	(cd elsewhere && LC_ALL=C.UTF-8 TZ=Asia/Tokyo TMPDIR=$PWD "$svmc" compile everything.yaml)
	cmp a.svmt elsewhere/everything.svmt
	"$svmc" compile -o b.svmt "$SVMKIT_SRC/specs/tour.yaml"
	cp "$SVMKIT_SRC/specs/tour.yaml" elsewhere/
	(cd elsewhere && TMPDIR=$PWD "$svmc" compile tour.yaml)
	cmp b.svmt elsewhere/tour.svmt
	[ "$(ls elsewhere)" = "$(printf 'everything.svmt\neverything.yaml\npayload.bin\ntour.svmt\ntour.yaml')" ]
}

@test "the default output is the spec's name with .svmt in the current directory" {
	"$svmc" compile "$SVMKIT_SRC/specs/hello.yaml"
	[ -s hello.svmt ]
}

@test "an output file is neither written nor replaced when the spec has errors" {
	spec spec.yaml 'payload: nothing'
	echo precious >out.svmt
	run "$svmc" compile -o out.svmt spec.yaml
	[ "$status" -eq 1 ]
	[ "$(cat out.svmt)" = precious ]
	run "$svmc" compile spec.yaml
	[ "$status" -eq 1 ]
	[ "$(ls)" = "$(printf 'out.svmt\nspec.yaml')" ]
}

@test "an output in a directory that is not there is an I/O error, status 3" {
	spec spec.yaml 'payload: none'
	run "$svmc" compile -o nowhere/out.svmt spec.yaml
	[ "$status" -eq 3 ]
	[[ "$output" == *"nowhere/out.svmt: error: cannot write it: No such file or directory"* ]]
}

@test "output through a link replaces the file and keeps the link, the mode and standard output" {
	spec spec.yaml 'payload: none'
	: >real.svmt
	chmod 640 real.svmt
	ln -s real.svmt link.svmt
	"$svmc" compile -o link.svmt spec.yaml
	[ -L link.svmt ]
	[ "$(stat -c %a real.svmt)" = 640 ]
	"$svmc" compile -o - spec.yaml >stdout.svmt
	cmp real.svmt stdout.svmt
	"$svmc" compile -o /dev/null spec.yaml
	[ -c /dev/null ]
}

@test "a spec from standard input needs an output name" {
	spec spec.yaml 'payload: none'
	run "$svmc" compile - <spec.yaml
	[ "$status" -eq 2 ]
	"$svmc" compile -o out.svmt - <spec.yaml
	[ -s out.svmt ]
}

@test "-D changes a variable of the spec, and only one that is there" {
	spec spec.yaml 'vars: { entry: 0x1000 }' 'payload: none' 'vcpus: { state: { rip: $(entry) } }'
	"$svmc" compile -D entry=0x2000 -o t.svmt spec.yaml
	"$svmc" dump t.svmt | grep -q 'rip  *0x2000'
	run "$svmc" compile -D entyr=0x2000 -o t.svmt spec.yaml
	[ "$status" -eq 1 ]
	[ "$output" = 'spec.yaml: error: -D entyr=0x2000: the spec has no variable `entyr`; did you mean `entry`?' ]
}

@test "wrong usage is status 2 and names the help" {
	for args in "" "frobnicate" "compile" "compile --frob a" "dump a b" "dump" "profile show" \
		"compile --diagnostics=xml a"; do
		run "$svmc" $args
		echo "$args: $status $output"
		[ "$status" -eq 2 ]
	done
}

@test "--help and --version go to standard output with status 0" {
	for args in --help --version "compile --help" "check --help" "dump --help" "profile --help"; do
		"$svmc" $args >out 2>err
		[ -s out ]
		[ ! -s err ]
	done
}

@test "help that cannot be written is status 3" {
	[ -e /dev/full ] || skip "no /dev/full"
	run sh -c "'$svmc' compile --help >/dev/full"
	[ "$status" -eq 3 ]
}

@test "a spec that is not there is status 3" {
	run "$svmc" compile absent.yaml
	[ "$status" -eq 3 ]
	[ "$output" = "absent.yaml: error: cannot read it: No such file or directory" ]
}

@test "--diagnostics=json gives one object a line" {
	command -v python3 || skip "no python3"
	cd "$golden/bad"
	run "$svmc" check --diagnostics=json memory-overlap.yaml
	[ "$status" -eq 1 ]
	python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.argv[1].splitlines()]
assert [r["severity"] for r in rows] == ["error", "note"], rows
assert (rows[0]["file"], rows[0]["line"], rows[0]["column"]) == ("memory-overlap.yaml", 7, 5)
' "$output"
}

@test "a missing assembler is told with the package to install" {
	spec spec.yaml 'payload: { asm: nop }'
	mkdir empty
	PATH=$PWD/empty run "$svmc" compile spec.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *'`asm` needs the program `as` of binutils'*'apt-get install binutils'* ]]
}

@test "no temporary file is left behind, also after errors of the assembler" {
	mkdir tmp
	spec spec.yaml 'payload: { asm: bogus }'
	TMPDIR=$PWD/tmp run "$svmc" compile spec.yaml
	[ "$status" -eq 1 ]
	[ -z "$(ls tmp)" ]
}

@test "asm may include files that lie beside the spec" {
	mkdir dir
	(cd dir && spec spec.yaml 'payload: { asm: ".incbin \"blob\"" }' && echo data >blob)
	"$svmc" compile dir/spec.yaml
	grep -q data spec.svmt
}

@test "a truncated template is refused with the place" {
	"$svmc" compile -o t.svmt "$SVMKIT_SRC/specs/hello.yaml"
	head -c 5000 t.svmt >short.svmt
	run "$svmc" dump short.svmt
	[ "$status" -eq 1 ]
	[ "$output" = "short.svmt: error: offset 0x1388: truncated: the header says $(stat -c %s t.svmt) bytes, but the file ends here; copy or compile it again" ]
	head -c 100 t.svmt >short.svmt
	run "$svmc" dump short.svmt
	[ "$output" = "short.svmt: error: offset 0x64: truncated: a template has a header of 128 bytes, but the file ends here" ]
}

@test "a bit-flipped template is refused with the place" {
	"$svmc" compile -o t.svmt "$SVMKIT_SRC/specs/hello.yaml"
	printf '\377' | dd of=t.svmt bs=1 seek=6000 conv=notrunc status=none
	run "$svmc" dump t.svmt
	[ "$status" -eq 1 ]
	[ "$output" = "t.svmt: error: offset 0x30: checksum mismatch: the file is damaged; copy or compile it again" ]
}

@test "a template newer than the reader is refused and says what to install" {
	"$svmc" compile -o t.svmt "$SVMKIT_SRC/specs/hello.yaml"
	printf '\002' | dd of=t.svmt bs=1 seek=4 conv=notrunc status=none
	run "$svmc" dump t.svmt
	[ "$status" -eq 1 ]
	[ "$output" = "t.svmt: error: offset 0x4: format version 2, but this program reads version 1; install a newer svmkit or compile the spec again" ]
}

@test "a file that is no template at all is refused" {
	run "$svmc" dump "$SVMKIT_SRC/specs/hello.yaml"
	[ "$status" -eq 1 ]
	[[ "$output" == *"offset 0x0: not a template"* ]]
}

@test "dump --json is JSON with the same identity as the text" {
	command -v python3 || skip "no python3"
	"$svmc" compile -o t.svmt "$golden/good/everything.yaml"
	"$svmc" dump --json t.svmt >t.json
	identity=$("$svmc" dump t.svmt | sed -n 's/^identity: //p')
	python3 -c '
import json, sys, hashlib
d = json.load(open("t.json"))
data = open("t.svmt", "rb").read()
assert d["identity"] == sys.argv[1] == hashlib.sha256(data[128:]).hexdigest()
assert d["meta"] == {"name": "everything", "svmspec": 1, "profile": "prot32"}
assert len(d["vcpus"]) == 3 and d["vcpus"][2]["vmcb"]["rip"] == "0xffff0ffe"
assert d["vcpus"][0]["regs"]["r15"] == "0xf"
assert d["expect"]["within_ns"] == 1500000000
' "$identity"
}

@test "255 vCPUs in 255 items that are alike cost the pages of one" {
	spec spec.yaml 'payload: none' 'vcpus:'
	for i in $(seq 0 254); do echo "  - { at: $i, state: { rax: 7 } }"; done >>spec.yaml
	timeout 5 "$svmc" compile -o t.svmt spec.yaml
	"$svmc" dump t.svmt >dump
	grep -q '^vcpu 0-254: plain' dump
	grep -q '^pool: 6 pages' dump
	[ "$(stat -c %s t.svmt)" -lt 100000 ]
}

# bounded COMMAND...: little memory and time. A sanitizer's shadow memory does not fit below the limit.
bounded() {
	local limit=200000
	(ulimit -v $limit; exec "$svmc" --version) >/dev/null 2>&1 || limit=unlimited
	run sh -c 'ulimit -v "$1"; shift; exec timeout 5 "$@"' bounded $limit "$@"
}

@test "a billion laughs are refused quickly and in little memory" {
	bounded "$svmc" check "$golden/bad/billion-laughs.yaml"
	[ "$status" -eq 1 ]
}

@test "files that multiply are refused quickly and in little memory" {
	for i in $(seq 9); do
		echo "include: [ f$((i + 1)).yaml, f$((i + 1)).yaml, f$((i + 1)).yaml ]" >"f$i.yaml"
	done
	echo 'vars: { a: b }' >f10.yaml
	spec spec.yaml 'payload: none' 'include: f1.yaml'
	bounded "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *"more than 64 files"* ]]
}

@test "files with many values are refused quickly and in little memory" {
	{ echo 'vars: { x: &x [ a'; printf ', a%.0s' $(seq 1000); echo '] }'; echo -n 'devices: ['
	printf '*x, %.0s' $(seq 150); echo ']'; } >big.yaml
	for i in 1 2 3 4; do cp big.yaml "big$i.yaml"; done
	spec spec.yaml 'payload: none' 'include: [ big1.yaml, big2.yaml, big3.yaml, big4.yaml ]'
	bounded "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "$output" == *"the files together have more than 500000 values"* ]]
}

@test "files may name each other 16 deep and not deeper" {
	spec d1.yaml 'payload: none' 'include: d2.yaml'
	for i in $(seq 2 15); do echo "include: d$((i + 1)).yaml" >"d$i.yaml"; done
	echo 'vars: { a: b }' >d16.yaml
	"$svmc" check d1.yaml
	echo 'include: d17.yaml' >d16.yaml
	echo 'vars: { a: b }' >d17.yaml
	run "$svmc" check d1.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == d16.yaml:1:10:*"deeper than 16"* ]]
}

@test "a file may change the action of an included rule, and another language version is refused" {
	echo 'exits: { VMMCALL: { do: inject, vector: 13 } }' >base.yaml
	spec spec.yaml 'payload: none' 'include: base.yaml' 'exits: { VMMCALL: { do: stop } }'
	"$svmc" compile -o t.svmt spec.yaml
	"$svmc" dump t.svmt | grep -q '^exit 0x81 .* do stop,'
	spec spec.yaml 'payload: none' 'include: base.yaml' 'exits: { VMMCALL: { do: stop, vector: 6 } }'
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == spec.yaml:*'`vector` is for `do: inject`'* ]]
	echo 'svmspec: 2' >base.yaml
	run "$svmc" check spec.yaml
	[ "${lines[0]}" = 'base.yaml:1:10: error: svmspec is `2`; this svmc reads version 1' ]
}

@test "a named pipe as an included file is refused, not waited for" {
	mkfifo pipe.yaml
	spec spec.yaml 'payload: none' 'include: pipe.yaml'
	run timeout 5 "$svmc" check spec.yaml
	[ "$status" -eq 3 ]
	[[ "${lines[0]}" == *"cannot read pipe.yaml: not a regular file" ]]
}

@test "profile list and show name every profile and its source" {
	run "$svmc" profile list
	[ "$status" -eq 0 ]
	for name in long64 prot32 real16 apm-reset; do
		[[ "$output" == *"$name"* ]]
		"$svmc" profile show "$name" | grep -q '^source: APM volume 2'
	done
	run "$svmc" profile show nosuch
	[ "$status" -eq 1 ]
}

@test "svmspec(5) names every intercept, exit code, register and key" {
	page=$SVMKIT_SRC/man/svmspec.5
	# Names come from the messages and the dump, so that a new row is missed here first.
	"$svmc" compile -o t.svmt "$golden/good/real16.yaml"
	for name in $("$svmc" dump t.svmt | sed -n 's/^exit 0x[0-9a-f]* *\([A-Z0-9_]*\) .*/\1/p'); do
		grep -qw -- "$name" "$page" || { echo "missing: $name"; false; }
	done
	for name in $("$svmc" dump t.svmt | sed -n '/intercepts:/,/vmcb fields/p' | grep -o '\b[A-Z][A-Z0-9_]*'); do
		grep -qw -- "$name" "$page" || { echo "missing: $name"; false; }
	done
	for name in svmspec name extends include vars memory vcpus control payload page_tables gdt idt cpuid msrs devices exits inject allow expect; do
		grep -q "^\.BR\? $name\b" "$page" || { echo "missing: $name"; false; }
	done
}

@test "svmspec(5) names every check" {
	for name in $("$svmc" check --list | cut -d' ' -f1); do
		case $name in C0[1-9]|C1[0-2]) continue ;; esac	# "C01 to C12"
		tr -d '\\' <"$SVMKIT_SRC/man/svmspec.5" | grep -qw -- "$name" ||
			{ echo "missing: $name"; false; }
	done
}

@test "of a very long line only the neighbourhood of the error is shown" {
	{ printf 'svmspec: 1\nvars: {'; for i in $(seq 600); do printf 'k%d: 1, ' "$i"; done; echo '}'; } >spec.yaml
	run "$svmc" check spec.yaml
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == *"more than 512 keys"* ]]
	[ "${#lines[1]}" -lt 200 ]
	shown=${lines[1]}
	caret=${lines[2]%%^*}
	[ "${shown:${#caret}:4}" = k513 ]
}

@test "lists that grow without bound are refused by number" {
	{ spec spec.yaml 'payload: none' 'devices:'; for i in $(seq 65); do echo "  - { debug_exit: $((i * 8)) }"; done; } >more
	cat more >>spec.yaml
	run "$svmc" check spec.yaml
	[[ "${lines[0]}" == *'`devices` has 65 devices; at most 64' ]]
}
