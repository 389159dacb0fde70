#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The lab's supervisor, agent and client without an emulator: the agent runs on this machine as the
# supervisor's child, so the whole path of the bytes is tested in seconds. A shell that writes
# prepared frames plays the hostile guest.

bats_require_minimum_version 1.5.0

setup() {
	build=${SVMLAB_BUILD:-${SVMKIT_BUILD:-$PWD}}
	state=$(mktemp -d /tmp/svmlab-test.XXXXXX)
	clients=$BATS_TEST_DIRNAME/lab_clients.py
}

teardown() {
	if [ -e "$state/muxd.pid" ]; then
		kill "$(cat "$state/muxd.pid")"
		eventually [ ! -e "$state/muxd.pid" ]
	fi
	[ -z "${daemon:-}" ] || kill "$daemon" || true
	rm -rf "$state"
}

eventually() {
	local tries
	for tries in {1..100}; do
		"$@" && return
		sleep 0.05
	done
	echo "still not so: $*" >&2
	return 1
}

start() {
	timeout 20 "$build/svmlab-muxd" --directory="$state" --plain -- \
		"$build/svmlab-agent" --fd 3 --control "$state/daemon.sock"
}

# Starts a lab whose guest is the shell command $1; its descriptor 3 is the port.
start_guest() {
	timeout 20 "$build/svmlab-muxd" --directory="$state" --boot-time=2 --plain -- \
		/bin/sh -c "$1"
}

execute() {
	timeout 30 "$build/svmlab-exec" "$@"
}

python_or_skip() {
	command -v python3 >/dev/null || skip "python3 is not installed"
}

# An echoing daemon behind the agent's control path.
start_daemon() {
	python_or_skip
	python3 "$clients" echo "$state/daemon.sock" 3>&- &
	daemon=$!
	eventually [ -S "$state/daemon.sock" ]
}

hello='\001\000\000\000\010\000\000\000SVML\001\000\000\000'

@test "commands keep their bytes, their streams and their status" {
	local file=$BATS_TEST_TMPDIR/bytes
	start
	head -c 9000000 /dev/urandom >"$file"
	execute "$state/exec.sock" cat <"$file" | cmp - "$file"
	execute "$state/exec.sock" sh -c 'cat >&2' <"$file" 2>&1 >/dev/null | cmp - "$file"
	run -5 execute "$state/exec.sock" sh -c 'exit 5'
	run -137 execute "$state/exec.sock" sh -c 'kill -KILL $$'
	run -0 execute "$state/exec.sock" true <"$file"
}

@test "output that is not read yet is not lost when the command ends" {
	start
	[ "$(execute "$state/exec.sock" seq 1 400000 | (sleep 1; tail -n 1))" = 400000 ]
}

@test "a Bochs whose own screen nobody looks at goes on drawing on it" {
	python_or_skip
	mkfifo "$state/port"
	run -7 timeout 20 "$build/svmlab-bochs" "$state/boxes" python3 -c '
import os, sys, tty
ours, screen = os.openpty()
tty.setcbreak(screen)
print("Bochs connected to screen \"%s\"" % os.ttyname(screen), flush=True)
drawn = 0
while drawn < 1000000:
    drawn += os.write(ours, b"." * 1000)
sys.exit(7)' 3<>"$state/port" 5>/dev/null
}

@test "a command line that is too long is a usage error" {
	start
	run -2 execute "$state/exec.sock" echo "$(head -c 70000 /dev/zero | tr '\0' x)"
	[[ $output == *"a command has at most"* ]]
}

@test "many control clients at once get their own answers" {
	start_daemon
	start
	timeout 60 python3 "$clients" many "$state/control.sock" 40
}

@test "a control client may end its sending side and still get the answer" {
	start_daemon
	start
	timeout 20 python3 "$clients" half-close "$state/control.sock"
}

@test "a control client that does not read blocks no other" {
	start_daemon
	start
	timeout 40 python3 "$clients" slow "$state/control.sock"
}

@test "the 129th client is refused and the others stay" {
	start_daemon
	start
	timeout 40 python3 "$clients" crowd "$state/control.sock" 128
	grep -q 'client refused: all 128 channels are in use' "$state/lab.log"
}

@test "without a daemon in the guest a control client gets the end of the stream" {
	python_or_skip
	start
	timeout 20 python3 "$clients" expect-eof "$state/control.sock"
}

@test "frames against the protocol end the lab, which says which rule was broken" {
	local -A guests=(
		['\377\000\000\000\000\000\000\000']='frame of unknown type 255'
		['\003\000\000\000\001\000\000\000x']='DATA before HELLO'
		['\001\000\000\000\010\000\000\000SVMX\001\000\000\000']='HELLO with magic'
		["$hello"'\003\000\000\000\001\000\000\000x']='DATA on channel 0, which is not open'
		["$hello"'\003\000\000\000\377\377\377\377']='DATA of 4294967295 bytes'
		["$hello"'\003\000\377\377\001\000\000\000']='DATA on channel 65535'
		["$hello$hello"]='a second HELLO'
	)
	local bytes
	for bytes in "${!guests[@]}"; do
		rm -f "$state/lab.log"
		start_guest "printf '$bytes' >&3; exec sleep 60" || true
		eventually [ ! -e "$state/muxd.pid" ]
		cat "$state/lab.log"
		grep -qF "the appliance broke the protocol: ${guests[$bytes]}" "$state/lab.log"
		[ ! -e "$state/control.sock" ]
	done
}

@test "a guest that never gets ready is given up after the boot time" {
	run -125 start_guest 'exec sleep 60'
	grep -q 'was not ready within 2 s' "$state/lab.log"
	[ ! -e "$state/qemu.pid" ]
}

@test "a guest that cannot be started or ends early is an error with its reason" {
	run -125 timeout 20 "$build/svmlab-muxd" --directory="$state" --plain -- /no/such/emulator
	grep -q '/no/such/emulator: No such file or directory' "$state/lab.log"
	run -125 start_guest 'exit 7'
	grep -q 'exited with status 7' "$state/lab.log"
}

@test "when the guest dies, clients get their end and the sockets go" {
	local client status=0
	start
	execute "$state/exec.sock" sh -c 'echo begun; exec sleep 60' >"$state/out" 3>&- &
	client=$!
	eventually grep -q begun "$state/out"
	kill -KILL "$(cat "$state/qemu.pid")"
	wait $client || status=$?
	[ $status = 125 ]
	eventually [ ! -e "$state/muxd.pid" ]
	[ ! -e "$state/exec.sock" ]
	[ ! -e "$state/control.sock" ]
	grep -q 'was killed by signal 9' "$state/lab.log"
}

@test "when nobody waits for the start any more, the start is given up" {
	"$build/svmlab-muxd" --directory="$state" --boot-time=60 --plain -- /bin/sleep 60 3>&- &
	local waiting=$!
	eventually [ -s "$state/qemu.pid" ]
	kill $waiting
	eventually [ ! -e "$state/muxd.pid" ]
	grep -q 'whoever was starting the lab is gone' "$state/lab.log"
}

all_written() {
	tail -c 10 "$state/console.log" | grep -qa end
}

@test "the console's log is cut, so that a guest cannot fill the disk" {
	start_guest "printf '$hello' >&3
		head -c 40000000 /dev/zero >&5
		echo end >&5
		exec sleep 60"
	eventually [ -e "$state/console.log.old" ]
	eventually all_written
	[ "$(du -sb "$state" | cut -f1)" -lt 34000000 ]
}

@test "a backend that is unknown or cannot do what is asked for is a usage error" {
	run -2 "$build/svmlab" up --backend vmware
	[[ $output == *"--backend vmware: qemu or bochs"* ]]
	run -2 "$build/svmlab" up --backend bochs --smp 2
	[[ $output == *"Bochs has one processor only"* ]]
	run -2 "$build/svmlab" up --backend bochs --icount
	run -2 "$build/svmlab" up --backend bochs --memory 4096
	run -2 "$build/svmlab" up --backend=bochs --kernel /tmp
	run -2 env SVMLAB_BACKEND=none "$build/svmlab" up
}

@test "without Bochs the packages that have it are named" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	ln -s /usr/bin/* "$bin"
	rm -f "$bin"/bochs*
	PATH=$bin XDG_RUNTIME_DIR=$state run -125 "$build/svmlab" up --module none --backend bochs
	[[ $output == *"Bochs is not installed, or not all of it"*"apt-get install bochs"* ]]
}

# A Bochs that finds its two lines among its arguments, says something and waits.
fake_bochs='
for argument; do
	case $argument in
	com1:*) console=${argument##*dev=} ;;
	com2:*) line=${argument##*dev=} ;;
	ata0-slave:*) disk=${argument##*path=\"}; disk=${disk%\"} ;;
	esac
done
[ "$(stat -c %s "$disk")" = 516096 ] || exit 9
printf "from the console" >"$console"
printf "%b" "$BYTES" >"$line"
exec sleep 60'

start_bochs() {
	BYTES=$1 timeout 20 "$build/svmlab-muxd" --directory="$state" --boot-time=2 --plain -- \
		"$build/svmlab-bochs" "$state/mailboxes" /bin/sh -c "$fake_bochs" sh
}

@test "the console of Bochs is kept, and one that says nothing else is given up with its process" {
	run -125 start_bochs ''
	grep -q 'was not ready within 2 s' "$state/lab.log"
	grep -q 'from the console' "$state/console.log"
	[ ! -e "$state/qemu.pid" ]
}

@test "a serial line that breaks the rules ends Bochs, and the log says which" {
	run -125 start_bochs 'SVMLINK1\002'
	grep -q 'serial line: a mailbox is said to be emptied that was empty' "$state/lab.log"
	rm -f "$state/lab.log"
	run -125 start_bochs 'SVMLINK1\001\000\000'
	grep -q 'serial line: a mailbox is said to hold no bytes' "$state/lab.log"
}

@test "a mailbox of Bochs reaches the supervisor" {
	# HELLO in the guest's mailbox, which begins at 64 KiB, then FULL with its 16 bytes.
	fake_bochs=${fake_bochs/printf \"from/'printf "\001\000\000\000\010\000\000\000SVML\001\000\000\000" |
		dd of="$disk" bs=65536 seek=1 conv=notrunc 2>/dev/null
		printf "from'}
	start_bochs 'SVMLINK1\001\020\000'
	[ -S "$state/exec.sock" ]
}
