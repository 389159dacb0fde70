#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The lab with a real appliance under QEMU: boot, commands, their limits, and what is left when a
# lab is killed or taken down. One lab serves all tests of this file, in a directory of its own.

bats_require_minimum_version 1.5.0

setup_file() {
	export SVMLAB_BUILD=${SVMLAB_BUILD:-${SVMKIT_BUILD:-$PWD}}
	export SVMLAB=$SVMLAB_BUILD/svmlab
	[ -x "$SVMLAB" ] || SVMLAB=$BATS_TEST_DIRNAME/../../lab/svmlab
	command -v qemu-system-x86_64 >/dev/null || skip "qemu-system-x86_64 is not installed"
	XDG_RUNTIME_DIR=$(mktemp -d /tmp/svmlab-test.XXXXXX)
	export XDG_RUNTIME_DIR SVMLAB_NAME=e2e
	export STATE=$XDG_RUNTIME_DIR/svmlab/e2e
	timeout 900 "$SVMLAB" up --module none >&2
}

teardown_file() {
	[ -n "${XDG_RUNTIME_DIR:-}" ] || return 0
	timeout 60 "$SVMLAB" down >&2
	rm -rf "$XDG_RUNTIME_DIR"
}

lab() {
	timeout 120 "$SVMLAB" "$@"
}

# Waits, with a limit, until a command succeeds.
eventually() {
	local tries
	for tries in {1..200}; do
		"$@" && return
		sleep 0.1
	done
	echo "still not so: $*" >&2
	return 1
}

# A process that only waits to be reaped has no command line.
no_process() {
	[ ! -e "/proc/$1" ] || [ -z "$(tr -d '\0' <"/proc/$1/cmdline")" ]
}

# SIGKILL takes its time on a loaded machine; until then the killed still look alive.
is_down() {
	local status=0
	lab status >/dev/null 2>&1 || status=$?
	[ "$status" = 3 ]
}

in_appliance() {
	lab run ps | grep -q "$1"
}

not_in_appliance() {
	! lab run ps | grep -q "$1"
}

@test "a lab that is up stays as it is" {
	local before
	before=$(cat "$STATE/qemu.pid")
	run -0 lab up --module none
	[ "$output" = "svmlab: e2e is already up" ]
	[ "$(cat "$STATE/qemu.pid")" = "$before" ]
}

@test "a lab with other contents is not passed off as the wanted one" {
	run -1 lab up --module none --add "$BATS_TEST_FILENAME:/tests/lab.bats"
	[[ $output == *"is up, but with other files or options"*"svmlab up --fresh"* ]]
}

@test "status names the kernel and the control socket, which is private" {
	run -0 lab status
	[[ $output == *"e2e is up"*"kernel "*"processors 2"*"socket $STATE/control.sock"* ]]
	run -0 lab status --socket
	[ "$output" = "$STATE/control.sock" ]
	[ "$(stat -c %a "$STATE/control.sock")" = 600 ]
	[ "$(stat -c %a "$STATE")" = 700 ]
}

@test "run delivers the exit status of the command, 128 + n for a signal, 126 and 127" {
	run -7 lab run sh -c 'exit 7'
	run -143 lab run sh -c 'kill -TERM $$'
	run -127 lab run no-such-command
	[[ $output == *"no-such-command: No such file or directory"* ]]
	run -126 lab run /etc/passwd
	run -3 lab run -C /etc sh -c '[ "$PWD" = /etc ] && exit 3'
}

@test "run keeps stdout, stderr and arguments apart and exact" {
	run -0 --separate-stderr lab run \
		sh -c 'printf "<%s>" "$@"; echo no >&2' sh 'a b' '' $'c\nd' '$e'
	[ "$output" = $'<a b><><c\nd><$e>' ]
	[ "$stderr" = no ]
}

@test "run carries any bytes both ways" {
	local file=$BATS_TEST_TMPDIR/bytes
	head -c 4000000 /dev/urandom >"$file"
	lab run cat <"$file" | cmp - "$file"
	lab run cat </dev/null | cmp - /dev/null
	[ "$(lab run sha256sum <"$file")" = "$(sha256sum <"$file")" ]
}

@test "a command that leaves a process behind does not hold up run" {
	run -0 lab run --time-limit 20 sh -c 'sleep 100 & echo started'
	[ "$output" = started ]
}

@test "the time limit ends the command and everything it started" {
	run -124 lab run --time-limit 1 sh -c 'trap "" TERM; sleep 4711; sleep 4711'
	[[ $output == *"time limit of 1 s reached"* ]]
	eventually not_in_appliance 'sleep 4711'
}

@test "a client that vanishes takes its command with it and nobody else's" {
	# Directly, so that the process killed is the client and not a shell around it.
	"$SVMLAB" run sleep 4712 3>&- &
	local client=$! other
	"$SVMLAB" run sh -c 'read line; echo "got $line"' < <(sleep 3; echo it) \
		>"$BATS_TEST_TMPDIR/other" 3>&- &
	other=$!
	eventually in_appliance 'sleep 4712'
	kill -9 $client
	eventually not_in_appliance 'sleep 4712'
	wait $other
	[ "$(cat "$BATS_TEST_TMPDIR/other")" = "got it" ]
}

@test "a client that does not read blocks no other" {
	mkfifo "$BATS_TEST_TMPDIR/stuck"
	"$SVMLAB" run cat /dev/zero >"$BATS_TEST_TMPDIR/stuck" 3>&- &
	local stuck=$!
	exec 4<"$BATS_TEST_TMPDIR/stuck"
	run -0 lab run --time-limit 20 echo quick
	[ "$output" = quick ]
	exec 4<&-
	kill $stuck || true
	wait $stuck || true
}

@test "an interrupt reaches the command" {
	local client status=0
	# A script's background process ignores SIGINT unless it is told otherwise.
	env --default-signal=INT "$SVMLAB" run \
		sh -c 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done' \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	client=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -INT $client
	wait $client || status=$?
	[ $status = 9 ]
	grep -q caught "$BATS_TEST_TMPDIR/out"
}

@test "a shell without a terminal reads commands from its input" {
	run -4 lab shell <<<'echo "in $(hostname)"; exit 4'
	[ "$output" = "in svmlab" ]
}

@test "usage errors are 2 and say what is wrong" {
	run -2 lab frobnicate
	[[ $output == *"unknown command 'frobnicate'"* ]]
	run -2 lab run --no-such-option true
	run -2 lab run
	run -2 lab up --smp 0
	run -2 lab up --icount --smp 2
	run -2 lab up --add nonsense
	run -2 lab -n ../evil status
	run -2 lab run --time-limit never true
}

@test "a kernel panic ends the lab, and status and log say so" {
	run -125 lab run --time-limit 30 sh -c 'echo c >/proc/sysrq-trigger'
	run -3 lab status
	[[ $output == *"Kernel panic - not syncing: sysrq triggered crash"* ]]
	run -0 lab log
	[[ $output == *"Call Trace"* ]]
	run -125 lab run true
	[[ $output == *"svmlab up"* ]]
}

@test "up finds the leftovers of a killed lab, cleans them and boots" {
	local before
	lab up --module none
	kill -9 "$(cat "$STATE/muxd.pid")" "$(cat "$STATE/qemu.pid")"
	eventually is_down
	[ -e "$STATE/exec.sock" ]
	before=$SECONDS
	run -0 lab up --module none
	echo "# ready after $((SECONDS - before)) s (15 s is the aim on two idle cores)" >&3
	[[ $output == *"cleaning up after a lab that ended"*"e2e is up"* ]]
	run -0 lab run echo alive
	[ "$output" = alive ]
}

@test "the death of the supervisor alone ends QEMU" {
	local qemu
	qemu=$(cat "$STATE/qemu.pid")
	kill -9 "$(cat "$STATE/muxd.pid")"
	eventually no_process "$qemu"
}

@test "two starts at once make one lab" {
	local status=0
	"$SVMLAB" up --module none >"$BATS_TEST_TMPDIR/one" 3>&- &
	lab up --module none >"$BATS_TEST_TMPDIR/two"
	wait $! || status=$?
	[ $status = 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/{one,two} | grep -c 'is already up')" = 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/{one,two} | grep -c 'is up$')" = 1 ]
}

@test "the lifetime ends a forgotten lab, and an added file is in it" {
	local qemu
	lab up --fresh --module none --time-limit 8 --add "$BATS_TEST_FILENAME:/tests/lab.bats"
	qemu=$(cat "$STATE/qemu.pid")
	lab run cat /tests/lab.bats | cmp - "$BATS_TEST_FILENAME"
	eventually no_process "$qemu"
	run -3 lab status
	[[ $output == *"lifetime of 8 s is over"* ]]
}

@test "down leaves no process and no file" {
	local muxd qemu
	lab up --module none
	muxd=$(cat "$STATE/muxd.pid")
	qemu=$(cat "$STATE/qemu.pid")
	run -0 lab down
	no_process "$muxd"
	no_process "$qemu"
	[ -z "$(ls -A "$XDG_RUNTIME_DIR")" ]
	run -0 lab down
	[ "$output" = "svmlab: e2e is not up" ]
	run -3 lab status
}
