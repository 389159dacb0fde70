#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmctl top and console in a real terminal (tmux), against the stand-in daemon. A test waits for what
# must appear on the screen; its limit only stops one that never will.

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	command -v tmux >/dev/null || skip "tmux is missing"
	export LC_ALL=C.UTF-8
	cd "$BATS_TEST_TMPDIR" || return
	server=svmkit-$$-$BATS_TEST_NUMBER
}

teardown() {
	tmux -L "$server" kill-server 2>/dev/null || true
}

# terminal COLUMNS ROWS SCENARIO ARGUMENTS...: svmctl in a terminal of that size; its end is shown.
terminal() {
	printf '%s' "$3" >scenario
	local size=(-x "$1" -y "$2")
	shift 3
	printf '#!/bin/sh\n"%s" "$(cat scenario)" "%s" %s\necho "status $?"\nexec cat\n' \
		"$SVMKIT_SRC/tests/cli/fake_daemon.py" "$SVMKIT_BUILD/svmctl" "$*" >program
	chmod +x program
	tmux -L "$server" -f /dev/null new-session -d "${size[@]}" ./program
}

keys() {
	tmux -L "$server" send-keys "$@"
}

screen() {
	tmux -L "$server" capture-pane -p
}

# Wait until the screen matches an extended regular expression.
appears() {
	for _ in $(seq 600); do
		screen >last
		grep -qE "$1" last && return
		sleep 0.05
	done
	cat last
	return 1
}

# What the guest was sent so far, in od's letters.
typed() {
	sed -n 's/^console.write.*"base64": "\(.*\)".*/\1/p' log |
		while read -r word; do base64 -d <<<"$word"; done | od -An -c | tr -d ' \n'
}

many='{"grow":100,"answers":{"vm.list":{"vms":[
	{"vm":1,"name":"alpha","state":"running"},{"vm":2,"name":"beta","state":"paused"},
	{"vm":3,"name":"gamma","state":"failed"}]}}}'

@test "top lists VMs with rates at 80x24, sorts, filters, opens one and goes back" {
	terminal 80 24 "$many" top --interval 100ms
	appears '^svmctl top - 3 VMs, 1 running, [1-9][0-9.kM]* exits/s'
	appears '^ +VM NAME +STATE +VCPUS +EXITS/s +ENTRIES/s +EVENTS/s +DROPPED'
	appears '^ +1 alpha +running +1 '
	appears 's sort \(exits\)'
	keys s
	appears 's sort \(name\)'
	keys f bet
	appears '^filter: bet_'
	[ -z "$(screen | grep alpha)" ]
	keys Enter
	appears '^filter: bet$'
	keys Enter
	appears '^vm2 beta: paused'
	appears '^EXIT +PER SECOND +% +SINCE CREATION'
	appears '^  port 0x3f8 +[1-9]'
	keys t
	appears '^EXIT +COUNT '
	keys Escape
	appears '^ +2 beta '
	[ "$(screen | wc -L)" -le 80 ]
	keys q
	appears '^status 0$'
}

@test "top survives every size that a terminal may take" {
	terminal 80 24 "$many" top --interval 100ms
	appears alpha
	for size in '20 5' '1 1' '200 3' '300 80' '80 2'; do
		tmux -L "$server" resize-window -x "${size% *}" -y "${size#* }"
		sleep 0.2
	done
	tmux -L "$server" resize-window -x 120 -y 30
	appears '^ +3 gamma +failed'
	appears 'q quit'
	keys Down Enter
	tmux -L "$server" resize-window -x 40 -y 8
	appears '^vm2 beta: paused'
	keys q
	appears '^status 0$'
}

@test "top ends with the daemon, and the terminal is as before" {
	terminal 80 24 '{"close_on":"stats.get"}' top
	appears 'svmctl: .*the daemon closed the connection'
	appears '^status 1$'
	keys 'echo visible'
	appears '^echo visible'
}

@test "console: keys reach the guest as typed, Ctrl-] leaves, and the terminal is as before" {
	terminal 80 24 '{"log":"log","console":["login: "],"end":null,"play_on_attach":true,
		"answers":{"vm.info":{"vm":1,"name":"fake","state":"running","vcpus":[]}}}' console fake
	appears 'connected to vm1; Ctrl-\] leaves'
	appears '^login:'
	keys a Enter C-c
	for _ in $(seq 600); do
		typed >now
		[ "$(cat now)" != 'a\r003' ] || break
		sleep 0.05
	done
	[ "$(cat now)" = 'a\r003' ]
	keys 'C-]'
	appears '^status 0$'
	keys 'echo visible'
	appears '^echo visible'
}

@test "a long transfer says how far it is, on a terminal only, and leaves no trace" {
	terminal 80 24 '{"slow":["memory.read"]}' mem 1 0 0x800000 -o bytes
	appears '^reading memory: [0-9]+ of 8 MiB, [0-9]+ %'
	appears '^status 0$'
	[ -z "$(screen | grep reading)" ]
	[ "$(stat -c %s bytes)" -eq 8388608 ]
	"$SVMKIT_SRC/tests/cli/fake_daemon.py" '{"slow":["memory.read"]}' "$SVMKIT_BUILD/svmctl" \
		mem 1 0 0x400000 -o bytes 2>said
	[ ! -s said ]
}
