#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2094,SC2154
# svmctl from the outside: what it prints, where, and its exit status, against a stand-in for the
# daemon (fake_daemon.py) that also plays the daemons that should not exist.

bats_require_minimum_version 1.5.0

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	svmctl=$SVMKIT_BUILD/svmctl
	cd "$BATS_TEST_TMPDIR" || return
	printf '%s\n' 'svmspec: 1' 'name: plain' 'extends: long64' \
		'memory: [ { at: 0, size: 2MiB, kind: ram } ]' \
		'payload: { asm: "vmmcall" }' >plain.yaml
	cp plain.yaml expecting.yaml
	printf '%s\n' 'exits: { IOIO: { do: user, event: stream } }' 'expect:' '  exit: VMMCALL' '  regs: { rax: 0x42 }' '  serial: "hello\n"' \
		'  events: [ { exit: IOIO, info1: 0x03f80010, mask: 0xffff007f } ]' \
		'  within: 5s' >>expecting.yaml
	out='{"exit":"IOIO","code":"0x7b","info1":"0x3f80010","info2":"0x1004","rax":"0x68"}'
	good='"console":["hello\n"],"exits":['$out'],"regs":{"rax":"0x42"}'
}

# fake SCENARIO-MEMBERS ARGUMENTS...: svmctl against the stand-in.
fake() {
	local scenario=$1
	shift
	"$SVMKIT_SRC/tests/cli/fake_daemon.py" "{$scenario}" "$svmctl" "$@"
}

json_lines() {
	python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]'
}

# --- help, man page, usage ------------------------------------------------------------------------

@test "the man page has the commands of --help and no others" {
	"$svmctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort >help.txt
	sed -n 's/^\.Ss svmctl \([a-z]*\).*/\1/p' "$SVMKIT_SRC/man/svmctl.1" | sort >man.txt
	[ -s help.txt ]
	diff help.txt man.txt
}

@test "the man page has each command's operands and options, and no others" {
	for command in $("$svmctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		"$svmctl" "$command" --help >text
		sed -n '1s/^Usage: svmctl \([a-z]*\) \[OPTIONS\]/\1/p' text >help.txt
		sed -n '/^Options:/,/^$/s/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' text | sort >>help.txt
		sed -n "/^\.Ss svmctl $command\b/,/^\.S[sh] /{s/^\.Ss svmctl \($command.*\)/\1/p;
			s/^\.It Fl . , Fl Fl \([a-z-]*\).*/\1/p}" "$SVMKIT_SRC/man/svmctl.1" >raw
		{ grep "^$command\b" raw; grep -v "^$command\b" raw | sort; } >man.txt || true
		diff help.txt man.txt
	done
}

@test "--drive and --link say what a spec's names are, by absolute path, and only where they are wanted" {
	printf '%s\n' 'svmspec: 1' 'name: disk' 'extends: long64' 'memory: [ { at: 0, size: 2MiB } ]' \
		'payload: { asm: "vmmcall" }' 'exits: { VMMCALL: { do: stop } }' 'expect: { exit: VMMCALL }' \
		'devices: [ { chipset: pc }, { virtio: blk, drive: root }, { virtio: net, link: lan } ]' >disk.yaml
	fake '"log":"log",'"$good" test --drive root=a.img --drive=other=/x --link lan=tap0 disk.yaml expecting.yaml || true
	grep '^vm.create' log >calls
	grep -qF '"drives": [{"name": "root", "path": "'"$PWD"'/a.img"}], "links": [{"name": "lan", "tap": "tap0"}]' calls
	[ "$(grep -c drives calls)" -eq 1 ] && [ "$(wc -l <calls)" -eq 2 ]
	fake '"log":"log",'"$good" run -d root=/b.img -d other=/x disk.yaml || true
	grep -qF '"drives": [{"name": "root", "path": "/b.img"}, {"name": "other", "path": "/x"}]' log
	for wrong in root =x root= a/b=x 'a b=x'; do
		run --separate-stderr "$svmctl" run --drive "$wrong" disk.yaml
		[ "$status" -eq 2 ]
		[[ $stderr == *"--drive $wrong: the rule is NAME=FILE"* ]]
	done
}

@test "the man page has the exit statuses of --help and no others" {
	"$svmctl" --help | sed -n '/^Exit status:/,$s/^  \([0-9][0-9]*\) .*/\1/p' >help.txt
	sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It \([0-9]*\)/\1/p' "$SVMKIT_SRC/man/svmctl.1" >man.txt
	[ "$(wc -l <help.txt)" -gt 5 ]
	diff help.txt man.txt
}

@test "a wrong command line is status 2, with nothing on standard output" {
	for arguments in '' frobnicate run 'run a b' 'run --frobnicate x' 'list x' 'run -t soon x' \
		'run -t' 'rpc m []' 'events --count many' '--frobnicate'; do
		# shellcheck disable=SC2086
		run --separate-stderr -2 "$svmctl" $arguments
		[ -z "$output" ]
		[[ $stderr == "svmctl: "* ]]
	done
}

@test "--version names the version" {
	run -0 "$svmctl" --version
	[[ $output == "svmctl (svmkit) "[0-9]* ]]
}

# --- run ------------------------------------------------------------------------------------------

@test "run: standard output is the console's bytes and nothing else" {
	fake '"console":["hello\n","gr\u00fc\u001b[1m",{"base64":"AAH/"}]' run --events --stats \
		plain.yaml >actual 2>messages
	printf 'hello\ngr\303\274\033[1m\000\001\377' | cmp - actual
	[ -s messages ]
}

@test "run: says on standard error how the guest ended, unless quiet" {
	run --separate-stderr -0 fake '' run plain.yaml
	[ -z "$output" ]
	[[ $stderr == "svmctl: vm1: the guest ended by exit policy \`stop\`: vCPU 0, exit VMMCALL at rip=0x1010" ]]
	run --separate-stderr -0 fake '' run --quiet plain.yaml
	[ -z "$output$stderr" ]
}

@test "run: the exit status says how the guest ended" {
	local row
	for row in '0 "reason":"stop"' '0 "reason":"debug-exit","status":0' \
		'10 "reason":"shutdown"' '11 "reason":"invalid"' '12 "reason":"broken"' \
		'0 "reason":"power-off"' '15 "reason":"reset"' '12 "reason":"error"' '13 "reason":"debug-exit","status":1' \
		'14 "reason":"requested"' '1 "reason":"bored"'; do
		run "-${row%% *}" fake '"end":{'"${row#* }"'}' run plain.yaml
	done
}

@test "run --events prints one line for each exit on standard error" {
	run --separate-stderr -0 fake "\"exits\":[$out,{}],\"dropped\":3" run -q --events plain.yaml
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 3 ]
	[[ ${stderr_lines[0]} == "vm1/0 #0     IOIO  "*" out 0x3f8 8 bit <- 0x68 "*" rip=0x1000 "*"info1=0x3f80010 "*"info2=0x1004 "* ]]
	[[ ${stderr_lines[1]} == "vm1/0 #1     VMMCALL "* ]]
	[ "${stderr_lines[2]}" = "vm1/0: 3 events dropped" ]
}

@test "run --events=FILE writes there, --json writes the daemon's notifications" {
	fake "$good" run -q --events=lines plain.yaml >console 2>messages
	grep -q '^vm1/0 #0 ' lines
	[ ! -s messages ]
	fake "$good" run -q --json --events=json plain.yaml >console 2>messages
	json_lines <json
	grep -c '"method": "exit"' json | grep -qx 1
	grep -c '"method": "vm.state"' json | grep -qx 1
	[ "$(cat console)" = hello ]
}

@test "run --stats counts exits by reason, and the host's apart" {
	run --separate-stderr -0 fake '' run -q --stats plain.yaml
	[ -z "$output" ]
	[[ $stderr == *"guest   IOIO              14"*"host    intr               3"*"missed  i8254              7"*"total   entries           20"* ]]
}

@test "run makes the calls in the order that misses nothing, and cleans up" {
	run -0 fake '"log":"log"' run --lossless --name=x plain.yaml
	id=$(printf 'ab%.0s' {1..32})
	diff log - <<-CALLS
	template.load {"data": "..."}
	vm.create {"template": "$id", "name": "x"}
	console.attach {"vm": 1}
	events.subscribe {"vm": 1, "mode": "lossless"}
	vm.start {"vm": 1}
	vm.destroy {"vm": 1}
	template.unload {"template": "$id"}
	CALLS
}

@test "run --keep leaves the VM and its template" {
	run --separate-stderr -0 fake '"log":"log"' run --keep plain.yaml
	[[ $stderr == *"vm1 is kept"* ]]
	[ "$(tail -n 1 log)" = 'vm.start {"vm": 1}' ]
}

@test "run: a template that someone else still uses is not an error" {
	run -0 fake '"errors":{"template.unload":{"code":2,"message":"in use"}}' run plain.yaml
}

@test "run --time-limit stops the guest with status 124" {
	run --separate-stderr -124 fake '"end":null,"log":"log"' run --time-limit=50ms plain.yaml
	[[ $stderr == *"the time limit passed"* ]]
	grep -q '^vm.stop ' log
	grep -q '^vm.destroy ' log
}

@test "run: SIGINT and SIGTERM stop the guest, with status 130 and 143" {
	local row
	# The console's first line says that the guest runs; then the signal comes.
	printf '%s\n' 'mkfifo "$1.fifo"' '"$2" run plain.yaml >"$1.fifo" 2>"$1.err" &' \
		'read -r line <"$1.fifo"' 'kill "-$1" $!' 'wait $!' >script
	for row in INT:130 TERM:143; do
		rm -f log
		run "-${row#*:}" timeout 20 "$SVMKIT_SRC/tests/cli/fake_daemon.py" \
			'{"console":["up\n"],"end":null,"log":"log"}' sh script "${row%:*}" "$svmctl"
		grep -q "interrupted: stopping the guest" "${row%:*}.err"
		grep -q '^vm.stop ' log
		grep -q '^vm.destroy ' log
	done
}

@test "run: a console that cannot be written ends the run" {
	sh_line="'$SVMKIT_SRC/tests/cli/fake_daemon.py' '{\"console\":[\"x\"],\"end\":null,\"log\":\"log\"}' '$svmctl' run plain.yaml >/dev/full"
	run --separate-stderr -1 timeout 20 sh -c "$sh_line"
	[[ $stderr == *"standard output: No space left on device"* ]]
	grep -q '^vm.stop ' log
	grep -q '^vm.destroy ' log
}

@test "run: what is wrong with a spec or template is said before the daemon is asked" {
	echo 'svmspec: [' >bad.yaml
	run --separate-stderr -3 "$svmctl" -s /nonexistent run bad.yaml
	[[ $stderr == *bad.yaml:* ]]
	printf 'SVMT and then nothing' >bad.svmt
	run --separate-stderr -3 "$svmctl" -s /nonexistent run bad.svmt
	[[ $stderr == "svmctl: bad.svmt: "* ]]
	run --separate-stderr -1 "$svmctl" -s /nonexistent run missing.svmt
	[[ $stderr == *missing.svmt*"No such file"* ]]
	run --separate-stderr -1 "$svmctl" -s /nonexistent run plain.yaml
	[[ $stderr == "svmctl: /nonexistent: cannot connect: No such file or directory (is svmrund running?)" ]]
}

@test "run: a template that the daemon rejects is status 3, with the offset" {
	run --separate-stderr -3 fake '"errors":{"template.load":{"code":4,"message":"section 9 overlaps","data":{"offset":4096}}}' run plain.yaml
	[ "$stderr" = "svmctl: template.load: section 9 overlaps (offset 4096)" ]
}

@test "run: the daemon's errors name the call, and what they name" {
	run --separate-stderr -1 fake '"errors":{"vm.create":{"code":3,"message":"too many VMs","data":{"limit":"vms","value":64}}}' run plain.yaml
	[ "$stderr" = "svmctl: vm.create: too many VMs (limit vms: 64)" ]
	run --separate-stderr -1 fake '"errors":{"vm.create":{"code":-32602,"message":"bad","data":{"param":"name"}}}' run plain.yaml
	[ "$stderr" = "svmctl: vm.create: bad (parameter name)" ]
}

# --- daemons that should not exist ----------------------------------------------------------------

@test "garbage instead of an answer is named and is status 1" {
	local row text
	for row in 'hello\n|a line that is not JSON: \"hello\"' \
		'{\"id\":1\n|a line that is not JSON' \
		'{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\u0000\"}\n|a line that is not JSON' \
		'[]\n|a message that is not JSON-RPC' \
		'{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{}}\n|a message that is not JSON-RPC' \
		'{\"jsonrpc\":\"2.0\",\"method\":\"exit\"}\n|a message that is not JSON-RPC' \
		'{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}\n|a call that was never made (id 99)' \
		'{\"jsonrpc\":\"2.0\",\"id\":1}\n|neither result nor error' \
		'{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}\n|no code and message' \
		'\u001b[2J\n|\u001b[2J'; do
		run --separate-stderr -1 fake "\"raw\":{\"system.info\":\"${row%%|*}\"}" info
		text=${row#*|}
		[[ $stderr == *"${text//\\\"/\"}"* ]] || { echo "$stderr"; false; }
		[[ $stderr != *$'\033'* ]]
	done
}

@test "nesting without end is refused, not followed" {
	nested=$(printf '[%.0s' {1..5000})
	run --separate-stderr -1 fake "\"raw\":{\"system.info\":\"$nested\\n\"}" info
	[[ $stderr == *"a line that is not JSON"* ]]
}

@test "control characters in a daemon's error do not reach the terminal" {
	run --separate-stderr -1 fake '"errors":{"system.info":{"code":1,"message":"a\u001b[2Jb\u009bc"}}' info
	[ "$stderr" = 'svmctl: system.info: a\u001b[2Jb\u00c2\u009bc' ]
}

@test "a daemon that does not answer is given up after --timeout" {
	run --separate-stderr -1 fake '"silent":["system.info"]' --timeout 50ms info
	[[ $stderr == *"no answer in time (system.info)"* ]]
}

@test "a daemon that hangs up is named, in a call and in the middle of a run" {
	run --separate-stderr -1 fake '"close_on":"vm.create"' run plain.yaml
	[[ $stderr == *"the daemon closed the connection (vm.create)" ]]
	run --separate-stderr -1 fake '"close_on":"template.list"' list
	[[ $stderr == *"the daemon closed the connection (template.list); if it cannot start, "* ]]
	run --separate-stderr -1 fake '"console":["hel"],"eof":true' run plain.yaml
	[ "$output" = hel ]
	[[ $stderr == *"the daemon closed the connection (waiting for events)"* ]]
}

@test "an end without a reason, and a damaged console, are not taken for a success" {
	run --separate-stderr -1 fake '"console":[{"base64":"A"}]' run plain.yaml
	[[ $stderr == *"base64 text is damaged"* ]]
	run --separate-stderr -1 fake '"end":{}' run plain.yaml
	[[ $stderr == *"ended for a reason that svmctl does not know"* ]]
}

# --- test -----------------------------------------------------------------------------------------

@test "test: a guest that does what its spec expects passes" {
	run -0 fake "$good" test expecting.yaml
	[ "$output" = $'TAP version 13\n1..1\nok 1 - expecting.yaml' ]
}

@test "test: every difference is shown as expected against actual" {
	run -1 fake "\"console\":[\"hell\\u001b\\n\"],\"exits\":[{}],\"regs\":{\"rax\":\"0x43\"},\"end\":{\"reason\":\"shutdown\",\"vcpu\":0,\"exit\":\"SHUTDOWN\",\"rip\":\"0x0\"}" test expecting.yaml
	diff - <(echo "$output") <<-'EXPECTED'
	TAP version 13
	1..1
	not ok 1 - expecting.yaml
	  ---
	  message: "the guest shut down (triple fault): vCPU 0, exit SHUTDOWN at rip=0x0"
	  mismatches:
	  - what: "exit"
	    expected: "VMMCALL"
	    actual: "SHUTDOWN (reason shutdown, vCPU 0, rip 0x0)"
	  - what: "regs.rax"
	    expected: "0x42"
	    actual: "0x43"
	  - what: "serial, first difference at byte 4"
	    expected: "hello\n"
	    actual: "hell\u001b\n"
	  - what: "events[0]"
	    expected: "IOIO info1=0x3f80010 mask=0xffff007f"
	    actual: "does not match, nor does any later event"
	  last_exits:
	  - "vm1/0 #0     VMMCALL                                       rip=0x1000     info1=0x0          info2=0x0        rax=0x0          long64 cpl0 user"
	  console_tail: "hell\u001b\n"
	  ...
	EXPECTED
}

@test "test: a directory runs sorted; specs without expect: are skipped; bad ones fail" {
	mkdir specs
	cp plain.yaml specs/c.yaml
	cp expecting.yaml specs/a.yaml
	echo 'svmspec: 1' >specs/b.yaml
	echo 'no spec' >specs/README
	run -1 fake "$good" test specs
	[ "${lines[1]}" = "1..3" ]
	[ "${lines[2]}" = "ok 1 - specs/a.yaml" ]
	[ "${lines[3]}" = "not ok 2 - specs/b.yaml" ]
	[[ $output == *'message: "it was rejected"'* ]]
	[ "${lines[-1]}" = "ok 3 - specs/c.yaml # SKIP has no expect:" ]
}

@test "test: an empty or missing directory is an error, not a pass" {
	mkdir empty
	run --separate-stderr -1 fake "$good" test empty
	[[ $stderr == *"no *.yaml and no *.svmt there"* ]]
	run --separate-stderr -1 fake "$good" test missing
}

@test "test: a guest that does not end in time fails, is removed, and the next one runs" {
	run -1 fake '"console":["x"],"end":null,"log":"log"' test --time-limit=50ms expecting.yaml expecting.yaml
	[ "$(grep -c '^not ok' <<<"$output")" -eq 2 ]
	[[ $output == *"still running when the time limit passed"* ]]
	[ "$(grep -c '^vm.stop' log)" -eq 2 ]
	[ "$(grep -c '^vm.destroy' log)" -eq 2 ]
}

@test "test: events are compared from a lossless subscription" {
	run -0 fake "$good,\"log\":\"log\"" test expecting.yaml
	grep -q '^events.subscribe {"vm": 1, "mode": "lossless"}' log
	run -1 fake "$good,\"dropped\":1" test expecting.yaml
	[[ $output == *"1 events were dropped"* ]]
}

@test "test: a call that the daemon refuses fails that test only" {
	run -1 fake "$good,\"errors\":{\"vm.start\":{\"code\":5,\"message\":\"no SVM\"}}" test expecting.yaml plain.yaml
	[[ $output == *'message: "vm.start: no SVM"'* ]]
	[ "${lines[-1]}" = "ok 2 - plain.yaml # SKIP has no expect:" ]
}

@test "test: several at a time give the results of one at a time, in the same order" {
	mkdir many
	for i in 1 2 3 4 5 6 7; do cp expecting.yaml many/$i.yaml; done
	cp plain.yaml many/4.yaml
	run -0 fake "$good" test many
	serial=$output
	for jobs in 2 3 64 1000; do
		run -0 fake "$good" test -j $jobs many
		[ "$output" = "$serial" ]
	done
	sed -i 's/hello/bye/' many/6.yaml
	run -1 fake "$good" test -j 3 many
	[ "$(grep -c '^ok ' <<<"$output")" -eq 6 ]
	grep -A3 '^not ok 6 - many/6.yaml' <<<"$output" | grep -q 'message: "the guest ended'
	run -2 fake "$good" test -j 0 many
	run -1 fake '"close_on":"vm.create"' test -j 3 many
	grep -q '^Bail out! ' <<<"$output"
}

@test "test: --junit has every test, why it failed or was skipped, and is XML whatever the guest printed" {
	mkdir many
	cp expecting.yaml many/a.yaml
	cp plain.yaml many/b.yaml
	sed 's/hello/<\&>/' expecting.yaml >many/c.yaml
	run -1 fake '"console":["<&>\u001b\u0007"],"exits":['$out'],"regs":{"rax":"0x42"}' \
		test --junit out.xml many
	python3 - out.xml <<-'PY'
	import sys, xml.etree.ElementTree
	suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
	assert suite.attrib["tests"] == "3" and suite.attrib["failures"] == "2", suite.attrib
	a, b, c = suite
	assert [case.attrib["name"] for case in suite] == ["many/a.yaml", "many/b.yaml", "many/c.yaml"]
	assert "hello" in a.find("failure").text and "mismatches" in c.find("failure").text
	assert b.find("skipped").attrib["message"] == "has no expect:"
	assert all(float(case.attrib["time"]) >= 0 for case in suite)
	PY
	run --separate-stderr -1 fake "$good" test --junit missing/out.xml expecting.yaml
	[[ $stderr == "svmctl: missing/out.xml: "* ]]
	[ -z "$output" ]
}

@test "test: --deviations: a listed failure is a TODO, a listed pass a failure, a bad list an error" {
	cp expecting.yaml differs.yaml
	sed -i 's/0x42/0x43/' differs.yaml
	printf '%s\n' '# of the stand-in' '' 'differs: rax is another' >list
	run -0 fake "$good" test --deviations list expecting.yaml differs.yaml
	[ "${lines[2]}" = "ok 1 - expecting.yaml" ]
	[ "${lines[3]}" = "not ok 2 - differs.yaml # TODO rax is another" ]
	[ "${#lines[@]}" -eq 4 ]
	echo 'expecting: long gone' >>list
	run -1 fake "$good" test -x list -J out.xml expecting.yaml differs.yaml
	[[ $output == *'not ok 1 - expecting.yaml'*'passes, but list:4 lists it as a deviation (long gone)'* ]]
	grep -q 'failures="1"' out.xml
	grep -q 'skipped message="rax is another"' out.xml
	for bad in 'expecting' 'expecting:' ': why' 'a/expecting: why' 'differs: once more'; do
		{ echo 'differs: once'; echo "$bad"; } >bad
		run --separate-stderr -1 fake "$good" test --deviations bad expecting.yaml
		[[ $stderr == "svmctl: bad:2: "* ]]
		[ -z "$output" ]
	done
	run --separate-stderr -1 fake "$good" test --deviations none expecting.yaml
	[[ $stderr == "svmctl: none: No such file"* ]]
	run --separate-stderr -1 fake "$good" test --deviations . expecting.yaml
	[[ $stderr == "svmctl: .: Is a directory"* ]]
}

@test "test: a lost connection ends the run with Bail out!" {
	run --separate-stderr -1 fake '"eof":true' test expecting.yaml expecting.yaml
	[[ ${lines[-1]} == "Bail out! "*"the daemon closed the connection"* ]]
	run --separate-stderr -1 "$svmctl" -s /nonexistent test expecting.yaml
	[[ ${lines[-1]} == "Bail out! no daemon" ]]
}

# --- looking and single steps ---------------------------------------------------------------------

@test "list and info print tables for people and JSON for programs" {
	run -0 fake '' list
	[ "${lines[1]}" = "abababababab  fake      1        2048    1" ]
	[ "${lines[3]}" = " 1  fake  running  abababababab" ]
	fake '' list --json | json_lines
	run -0 fake '' info
	[[ $output == *"ASIDs                    16"* ]]
	run -0 fake '"answers":{"system.info":{"version":"0.1.0","engine":"svmrt","pid":1,"svmrt":null,"svmrt_error":"/dev/svmrt: No such file"}}' info
	[[ $output == *"module           /dev/svmrt: No such file"* ]]
	run -0 fake '' info fake
	[[ $output == *"guest   IOIO              14  0"* ]]
	fake '' info --json 1 | json_lines
}

@test "output that is not a terminal has no escape sequences" {
	TERM=xterm run -0 fake "$good" run --events --stats plain.yaml
	[[ $output != *$'\033'* ]]
}

@test "events prints a VM's exits until it has ended, or as many as were asked for" {
	run --separate-stderr -0 fake "\"play_on_subscribe\":true,\"exits\":[$out,{}]" events 1
	[ "$stderr" = "svmctl: watching vm1" ]
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[2]} == "vm1: the guest ended by exit policy"* ]]
	run --separate-stderr -0 fake "\"play_on_subscribe\":true,\"exits\":[$out,{}]" events --count 1
	[ "${#lines[@]}" -eq 1 ]
	fake "\"play_on_subscribe\":true,\"exits\":[$out,{}]" events --json fake | json_lines
	run -124 fake '"play_on_subscribe":true,"end":null' events --time-limit 50ms 1
}

@test "a VM goes by number or name; an unknown name is an error" {
	run -0 fake '"log":"log"' stop fake
	grep -q '^vm.stop {"vm": 1}' log
	run --separate-stderr -1 fake '' stop nobody
	[[ $stderr == *"no VM has the number or name 'nobody'"* ]]
}

@test "load, create, start, wait, destroy and unload are one call each" {
	run -0 fake '' load plain.yaml
	[ "$output" = "$(printf 'ab%.0s' {1..32})" ]
	run -0 fake '' create "$output"
	[ "$output" = 1 ]
	run -0 fake '"log":"log"' start 1
	run -0 fake '"log":"log"' wait 1
	run -0 fake '"log":"log"' destroy 1
	run -0 fake '"log":"log"' unload abc
	[ "$(cut -d' ' -f1 log | tr '\n' ' ')" = "vm.start vm.wait vm.destroy template.unload " ]
	run -10 fake '"answers":{"vm.wait":{"vm":1,"state":"stopped","end":{"reason":"shutdown"}}}' wait 1
	run -124 fake '"answers":{"vm.wait":{"vm":1,"state":"running","end":null}}' wait -t 1s 1
}

@test "pause and resume are one call each" {
	run -0 fake '"log":"log"' pause fake
	run -0 fake '"log":"log"' resume 1
	run -0 fake '"log":"log"' resume --jump 1
	[ "$(grep -v vm.list log)" = $'vm.pause {"vm": 1}\nvm.resume {"vm": 1}\nvm.resume {"vm": 1, "jump": true}' ]
}

@test "nmi goes to every vCPU or to one" {
	run -0 fake '"log":"log"' nmi fake
	run -0 fake '"log":"log"' nmi --vcpu 2 1
	[ "$(grep -v vm.list log)" = $'vm.nmi {"vm": 1}\nvm.nmi {"vm": 1, "vcpu": 2}' ]
}

@test "regs shows registers with the names of their bits, sets those that are assigned, and has JSON" {
	regs='"regs":{"rax":"0x42","rip":"0x1000","rflags":"0x10246"},"vmcb":{"cr0":"0x80000011","cs_selector":"0x8"}'
	run -0 fake "$regs" regs fake
	[[ ${lines[0]} == "rax    0000000000000042  rbx    "* ]]
	grep -qx 'rflags 0000000000010246  PF ZF IF RF' <<<"$output"
	grep -qx 'cr0    0000000080000011  PE ET PG' <<<"$output"
	grep -qE '^cs +0x8 ' <<<"$output"
	run -0 fake "$regs,\"log\":\"log\"" regs --vcpu 3 1 RAX=17 rip=0xffffffffffffffff
	grep -qx 'vcpu.set {"vm": 1, "vcpu": 3, "regs": {"rax": "0x11", "rip": "0xffffffffffffffff"}}' log
	grep -qx 'vcpu.get {"vm": 1, "vcpu": 3}' log
	fake "$regs" regs --json 1 | json_lines
	run -0 fake "$regs" regs --all 1
	grep -qE '^cs_selector +0x8$' <<<"$output"
	for bad in rax rax= =1 rax=x rax=0x10000000000000000; do
		run --separate-stderr -2 fake '' regs 1 "$bad"
		[ "$stderr" = "svmctl: '$bad' is not NAME=VALUE with a decimal or 0x number" ]
	done
	run --separate-stderr -1 fake '"errors":{"vcpu.get":{"code":2,"message":"VM 1 is running"}}' regs 1
	[ "$stderr" = "svmctl: vcpu.get: VM 1 is running" ]
}

@test "mem dumps, saves and writes guest memory in pieces of at most 1 MiB" {
	run -0 fake '' mem 1 0x1008 24
	[ "${lines[0]}" = '000000001008  08 09 0a 0b 0c 0d 0e 0f  10 11 12 13 14 15 16 17  |................|' ]
	[ "${lines[1]}" = '000000001018  18 19 1a 1b 1c 1d 1e 1f                           |........|' ]
	run -0 fake '"memory":65' mem 1 0 100
	[ "$output" = "$(printf '%s\n' \
		'000000000000  41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41  |AAAAAAAAAAAAAAAA|' '*' \
		'000000000060  41 41 41 41                                       |AAAA|')" ]
	run -0 fake '"log":"log"' mem fake 0x100000 2097153 --output bytes
	[ "$(stat -c %s bytes)" -eq 2097153 ]
	[ "$(grep -c '^memory.read' log)" -eq 3 ]
	rm log
	run -0 fake '"log":"log"' mem 1 4096 --input bytes
	[ "$(sed -n 's/^memory.write.*"gpa": "\([^"]*\)".*/\1/p' log | tr '\n' ' ')" = "0x1000 0x101000 0x201000 " ]
	rm log
	printf abcdef | fake '"log":"log"' mem 1 4096 3 --input -
	[ "$(cat log)" = 'memory.write {"vm": 1, "gpa": "0x1000", "data": "..."}' ]
	run --separate-stderr -2 fake '' mem 1 nonsense
	run --separate-stderr -2 fake '' mem 1 0 --input a --output b
	run --separate-stderr -1 fake '' mem 1 0 --input missing
	[ "$stderr" = "svmctl: missing: No such file or directory" ]
	run --separate-stderr -1 fake '"answers":{"memory.read":{"data":"AA=="}}' mem 1 0
	[ "$stderr" = "svmctl: memory.read: the answer is not 256 bytes" ]
}

@test "stat counts by reason, most frequent first, with ports below IOIO; at intervals what has come since" {
	run -0 fake '' stat fake
	diff - <(sed 's/  */ /g; s/ $//' <<<"$output") <<-'END'
	EXIT COUNT %
	IOIO 14 93.3
	 port 0x3f8 13 86.7
	 port 0x80 1 6.7
	VMMCALL 1 6.7
	all exits 15 100.0
	host intr 3
	host npf 2
	missed ticks i8254 7
	missed ticks lapic 4
	entries 20
	events 15
	slices 4
	flushes 2
	END
	run -0 fake '' stat --rows 1 fake
	grep -qE '^  \(others\) +1 ' <<<"$output"
	# Three readings: the base and two intervals of 100 each.
	running='"answers":{"vm.info":{"vm":1,"name":"fake","state":"running","vcpus":[{"vcpu":0,
		"exits":{"IOIO":14},"ports":{"0x3f8":13},"host":{},"entries":20}]}},"grow":100'
	run -0 fake "$running" stat --interval 10ms --count 2 1
	[ "$(grep -cE '^IOIO +100 +100.0 +[0-9]+$' <<<"$output")" -eq 2 ]
	[ "$(grep -cE '^  port 0x3f8 +100 ' <<<"$output")" -eq 2 ]
	[ -z "$(grep entries <<<"$output")" ]
	fake '' stat --json 1 | json_lines
	run -0 fake '' stat --interval 10ms 1
}

@test "console sends input that is no terminal, prints bytes as they are, and ends with the guest" {
	not_ended='"answers":{"vm.info":{"vm":1,"name":"fake","state":"running","vcpus":[]}}'
	printf 'ls\n' >keys
	run --separate-stderr -0 "$SVMKIT_SRC/tests/cli/fake_daemon.py" \
		"{$not_ended,\"play_on_write\":true,\"console\":[\"a\\u001b[1mb\\n\",{\"base64\":\"AP8=\"}],\"log\":\"log\"}" \
		"$svmctl" console fake <keys
	[ "$stderr" = "svmctl: vm1: the guest ended by exit policy \`stop\`: vCPU 0, exit VMMCALL at rip=0x1010" ]
	grep -qx 'console.write {"vm": 1, "base64": "bHMK"}' log
	[ "$(head -n 1 <<<"$output")" = $'a\033[1mb' ]
	# A VM that has ended shows what is left and its end.
	run --separate-stderr -0 fake '' console 1 </dev/null
	[[ $stderr == "svmctl: vm1: the guest ended"* ]]
	run --separate-stderr -2 fake '' console --escape XY 1
	run --separate-stderr -1 fake '"errors":{"console.attach":{"code":1,"message":"no VM 9"}}' console 9
	[ "$stderr" = "svmctl: console.attach: no VM 9" ]
}

@test "top without a terminal says what to use instead" {
	run --separate-stderr -1 fake '' top
	[ "$stderr" = "svmctl: top needs a terminal; \`svmctl stat --interval\` prints lines" ]
	run --separate-stderr -2 fake '' top --interval 1ms
}

@test "rpc prints a result as one line of JSON" {
	run -0 fake '' rpc some.method '{"a":[1,2]}'
	[ "$output" = '{"echo":{"a":[1,2]}}' ]
	run --separate-stderr -1 fake '"errors":{"x":{"code":-32601,"message":"no such method"}}' rpc x
	[ -z "$output" ]
}

# --- which daemon ---------------------------------------------------------------------------------

@test "without a device the lab is used, and that is said once" {
	if [ -e /dev/svmrt ] || [ -e /run/svmrund/control.sock ]; then
		skip "this machine has a daemon of its own"
	fi
	mkdir bin
	cp "$svmctl" bin/
	# A lab that is down until `up`; its socket is the stand-in's.
	printf '%s\n' '#!/bin/sh' 'echo "$*" >>calls' \
		'case $1 in up) touch up; echo chatter;; status) [ -e up ] && echo "$LAB_SOCKET";; esac' \
		>bin/svmlab
	chmod +x bin/svmlab
	run --separate-stderr -0 "$SVMKIT_SRC/tests/cli/fake_daemon.py" '{"console":["hi\n"]}' \
		sh -c 'LAB_SOCKET=$SVMRUND_SOCKET; export LAB_SOCKET; unset SVMRUND_SOCKET; bin/svmctl run -q plain.yaml'
	[ "$output" = hi ]
	[ "$stderr" = $'svmctl: no /dev/svmrt on this machine: using the lab (QEMU emulates SVM)\nchatter' ]
	[ "$(tr '\n' , <calls)" = "status --socket,up,status --socket," ]
	rm -f up
	printf '%s\n' '#!/bin/sh' 'exit 125' >bin/svmlab
	run --separate-stderr -1 env -u SVMRUND_SOCKET bin/svmctl info
	[[ $stderr == *"the lab did not come up: \`svmlab up\` ended with status 125"* ]]
}
