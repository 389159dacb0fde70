#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# libsvmkit and the Python module: the README's examples as they stand there, and what a daemon that
# misbehaves gets. The daemon is svmrund on the engine without hardware, or a scripted stand-in.

setup() {
	: "${SVMKIT_BUILD:?the directory with the built programs}"
	: "${SVMKIT_SRC:?the directory with the sources}"
	export PATH=$SVMKIT_BUILD:$PATH LC_ALL=C PYTHONDONTWRITEBYTECODE=1
	export PYTHONPATH=$SVMKIT_SRC/python SVMRUND_SOCKET=/nonexistent/socket
	command -v python3 >/dev/null || skip "python3 is missing"
	cd "$BATS_TEST_TMPDIR"
}

# The first block of that language in the README.
readme_block() {
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$SVMKIT_SRC/README.md" | sed '/^```/d'
}

# Three events, then the end by policy; what the fake engine makes of registers is in fake_engine.h.
small_template() {
	cat >small.yaml <<-'SPEC'
	svmspec: 1
	name: small
	extends: real16
	memory: [ { at: 0, size: 64KiB, kind: ram } ]
	payload: none
	vcpus: { state: { rip: 0x1000, rbx: 3, rdi: 0 } }
	SPEC
	svmc compile -o small.svmt small.yaml
}

with_daemon() {
	timeout 100 python3 "$SVMKIT_SRC/tests/e2e/with_daemon.py" "$SVMKIT_BUILD/tests/unit/svmrund_fake" "$@"
}

# Run the probe against a stand-in: SCENARIO, then the probe's steps.
probe() {
	scenario=$1
	shift
	timeout 100 python3 "$SVMKIT_SRC/tests/cli/fake_daemon.py" "$scenario" \
		"$SVMKIT_BUILD/tests/unit/svmkit_probe" "$@"
}

@test "the README's C program runs a guest and prints its exits" {
	small_template
	readme_block c >first.c
	# shellcheck disable=SC2086
	${SVMKIT_CC:-cc} -Wall -Wextra -Werror ${SVMKIT_CFLAGS-} -I"$SVMKIT_SRC/include" -o first first.c \
		-L"$SVMKIT_BUILD/.libs" -lsvmkit -Wl,-rpath,"$SVMKIT_BUILD/.libs"
	run with_daemon ./first small.svmt
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^RDTSC at 0x' <<<"$output")" -eq 3 ]
	[ "${lines[-1]}" = "ended: stop" ]
	run with_daemon ./first missing.svmt
	[ "$status" -eq 1 ]
	[ "$output" = "missing.svmt: No such file or directory" ]
}

@test "the README's Python program prints the same" {
	small_template
	readme_block python >first.py
	run with_daemon python3 first.py small.svmt
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^RDTSC at 0x' <<<"$output")" -eq 3 ]
	[ "${lines[-1]}" = "ended: stop" ]
}

@test "the header compiles alone in C and C++" {
	for language in c c++; do
		echo '#include <svmkit/svmkit.h>' |
			${SVMKIT_CC:-cc} -x $language -Wall -Wextra -Werror -I"$SVMKIT_SRC/include" -fsyntax-only -
	done
}

@test "the library offers what its map lists and the header declares, and nothing else" {
	sed -n 's/^\t\(svmkit_[a-z_]*\);$/\1/p' "$SVMKIT_SRC/libsvmkit/libsvmkit.map" | sort >listed
	nm -D --defined-only "$SVMKIT_BUILD/.libs/libsvmkit.so" |
		sed -n 's/.* T \([^@]*\)@@SVMKIT_.*/\1/p' | sort >offered
	sed -n 's/^SVMKIT_API [^(]*[ *]\([a-z_]*\)(.*/\1/p' "$SVMKIT_SRC/include/svmkit/svmkit.h" | sort >declared
	[ "$(wc -l <listed)" -ge 20 ]
	diff listed offered
	diff listed declared
}

@test "events arrive as structs: exits, drops, console bytes that are no text, states, and unknown ones" {
	run probe '{"exits": [{"exit": "IOIO", "code": "0x7b", "rip": "0xffffffff81000000"}], "dropped": 7,
		"console": ["hi", {"base64": "AP8="}]}' load create attach subscribe start follow next=0
	echo "$output"
	[ "$status" -eq 0 ]
	diff <(sed 's|/.*/control.sock|PATH|' <<<"$output") <(cat <<-'END'
	load: ok
	create: ok
	attach: ok
	subscribe: ok
	start: ok
	vm1 console 68 69
	vm1 console 00 ff
	vm1 exit IOIO code=0x7b rip=0xffffffff81000000 seq=0 long64 user
	vm1 dropped 7
	vm1 state stopped by stop (VMMCALL, vCPU 0, status -1, rip 0x1010)
	next: timeout: PATH: no answer in time (waiting for events)
	END
	)
}

@test "a refusal has the daemon's words, a broken answer ends the connection, silence a time-out" {
	run probe '{"errors": {"vm.create": {"code": 3, "message": "too many VMs",
		"data": {"limit": "vms", "value": 64}}}}' create
	[ "$output" = "create: refused: vm.create: too many VMs (limit vms: 64)" ]
	run probe '{"raw": {"vm.create": "{nonsense}\n"}}' create create
	[[ "${lines[0]}" = "create: lost: "*": the daemon sent a line that is not JSON: \"{nonsense}\"" ]]
	[[ "${lines[1]}" = "create: lost: "* ]]
	run probe '{"silent": ["vm.start"]}' timeout=50 start
	[[ "$output" = "start: timeout: "*": no answer in time (vm.start)" ]]
	run probe '{"close_on": "vm.start"}' start start
	[[ "${lines[0]}" = "start: lost: "* && "${lines[1]}" = "start: lost: "* ]]
	run probe '{"answers": {"vm.create": {}, "template.load": {"template": "ab"}}}' create load
	[ "${lines[0]}" = "create: lost: vm.create: the answer has no VM number" ]
	[ "${lines[1]}" = "load: lost: template.load: the answer has no template id" ]
	run probe '{"answers": {"memory.read": {"data": "AAAAAAAA"}}}' read
	[ "$output" = "read: lost: memory.read: the answer is not 4 bytes" ]
	run probe '{"console": [{"base64": "=A=="}]}' attach start next=20000
	[ "${lines[2]}" = "next: lost: console.output: damaged base64 at 0" ]
}

@test "arguments that are no JSON, a file that is not there and no daemon are told apart" {
	run probe '{}' 'call=[1]' 'subscribe=nonsense' load-file=missing 'call={}'
	echo "$output"
	[ "${lines[0]}" = "call: argument: system.info: the parameters are not a JSON object" ]
	[ "${lines[1]}" = "subscribe: argument: events.subscribe: the filter is not a JSON object" ]
	[ "${lines[2]}" = "load-file: argument: missing: No such file or directory" ]
	[ "${lines[3]}" = "call: ok" ]
	[[ "${lines[4]}" = 'result {"version":'* ]]
	SVMRUND_SOCKET=/nonexistent run "$SVMKIT_BUILD/tests/unit/svmkit_probe" start
	[[ "$output" = "start: lost: /nonexistent: "* ]]
}

@test "the Python module tells a refusal, a closed connection and a time-out apart" {
	cat >errors.py <<-'PY'
	from svmkit import Client, RpcError
	client = Client(timeout=0.2)
	try:
	    client.call("vm.create", template="x")
	except RpcError as error:
	    print("refused", error.code, error.data)
	try:
	    client.call("vm.start", vm=1)
	except TimeoutError:
	    print("time-out")
	try:
	    client.call("vm.stop", vm=1)
	except EOFError:
	    print("closed")
	PY
	run timeout 100 python3 "$SVMKIT_SRC/tests/cli/fake_daemon.py" '{"silent": ["vm.start"],
		"close_on": "vm.stop", "errors": {"vm.create": {"code": 3, "message": "no",
		"data": {"limit": "vms"}}}}' python3 errors.py
	echo "$output"
	diff - <(printf '%s\n' "refused 3 {'limit': 'vms'}" time-out closed) <<<"$output"
}
