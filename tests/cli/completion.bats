#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2030,SC2031
# Completion in both shells offers what --help lists, and VMs of a daemon that is there.

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	export PATH=$SVMKIT_BUILD:$PATH SVMRUND_SOCKET=/nonexistent/socket
	cd "$BATS_TEST_TMPDIR" || return
	touch one.yaml two.yaml
	# Prints what completing the last of its arguments offers, one a line.
	cat >in-bash <<-'SH'
	. "$SVMKIT_SRC/packaging/completion/svmkit.bash"
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_svmkit
	printf '%s\n' "${COMPREPLY[@]}"
	SH
	cat >in-zsh <<-'SH'
	_describe() { print -l -- ${(P)2%%:*} }
	_files() { print -l -- *(N) }
	words=("$@") CURRENT=$#
	source "$SVMKIT_SRC/packaging/completion/_svmkit"
	SH
}

shells() {
	printf '%s\n' bash
	! command -v zsh >/dev/null || printf '%s\n' zsh
}

offers() {	# SHELL WORDS...
	local shell=$1
	shift
	"$shell" "./in-$shell" "$@"
}

@test "commands and options of every program are those of its help" {
	for shell in $(shells); do
		for program in svmc svmctl svmlab; do
			offers "$shell" $program '' | sort >offered
			"$program" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | sort >listed
			[ "$(wc -l <listed)" -ge 7 ]
			diff listed offered
		done
		for option in --json --lossless --time-limit --socket --help; do
			offers "$shell" svmctl events --  | grep -qx -- "$option"
		done
		offers "$shell" svmc compile -- | grep -qx -- --output
		[ -z "$(offers "$shell" svmctl stop -- | grep -x -- --lossless)" ]
	done
	[ "$(offers bash svmctl sta | sort | tr '\n' ' ')" = "start stat " ]
}

@test "specs complete as files, VMs by number and name, and no daemon is started for it" {
	for shell in $(shells); do
		offers "$shell" svmctl run '' | grep -qx two.yaml
		[ -z "$(offers "$shell" svmctl stop '')" ]
		"$SVMKIT_SRC/tests/cli/fake_daemon.py" '{}' "$shell" "./in-$shell" svmctl stop '' >vms
		grep -qx 1 vms
	done
	"$SVMKIT_SRC/tests/cli/fake_daemon.py" '{}' bash ./in-bash svmctl stop f >vms
	grep -qx fake vms
}
