#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2154
# The examples of specs/ with kernels, as they are, in the lab: a disk that is clean afterwards, and a person
# at the console. Needs a daemon with the module at SVMRUND_SOCKET, images in GUEST and disk
# images in the lab's /drives; run-lab-linux provides them.

bats_require_minimum_version 1.5.0

setup() {
	: "${SVMKIT_BUILD:?the build directory}" "${SVMKIT_SRC:?the source directory}"
	: "${SVMRUND_SOCKET:?a daemon with the module}" "${GUEST:?images of tools/guest-images}"
	svmctl=$SVMKIT_BUILD/svmctl
	specs=$SVMKIT_SRC/specs
	cd "$BATS_TEST_TMPDIR" || return
}

example() {	# NAME [OPTION...]
	local name=$1
	shift
	"$svmctl" test -D guest="$GUEST" "$@" "$specs/$name.yaml"
}

# interactive: a VM `login` that runs busybox's init, which starts a login; its number
interactive() {
	sed 's/panic=-1/panic=-1 init=\/sbin\/init/; /^expect:/d' "$specs/linux.yaml" >login.yaml
	"$SVMKIT_BUILD/svmc" compile -D guest="$GUEST" -o login.svmt login.yaml
	id=$("$svmctl" load login.svmt)
	vm=$("$svmctl" create --name login "$id")
	"$svmctl" events --json "$vm" >events &
	watcher=$!
	"$svmctl" start "$vm"
}

finish() {
	# The state is told to all at once; the watcher only has to write it.
	for _ in $(seq 100); do
		grep -q '"reason"' events && break
		sleep 0.1
	done
	kill "$watcher" || true
	wait "$watcher" || true
	"$svmctl" destroy "$vm"
	"$svmctl" unload "$id"
}

@test "a Multiboot image of 32 bits" {
	example multiboot
}

@test "Debian's kernel boots to an init that prints and powers off" {
	example linux
}

@test "Debian's kernel brings up two processors" {
	example linux-smp
}

@test "Debian's kernel has its root on a virtio disk, which is clean afterwards and kept what was written" {
	example linux-disk --drive root=/drives/root.img
	"$svmctl" run -D guest="$GUEST" -d root=/drives/root.img "$specs/linux-disk.yaml" >console
	grep -q '^guest: booted 2 times from this disk' console
	"$SVMKIT_BUILD/svmlab" run cat /drives/root.img >root.img
	e2fsck=$(PATH=$PATH:/usr/sbin:/sbin type -P e2fsck) || skip "no e2fsprogs"
	"$e2fsck" -fn root.img
	[ "$("${e2fsck%e2fsck}debugfs" -R 'cat /booted' root.img 2>/dev/null | wc -l)" -eq 2 ]
}

# a_person COMMAND REASON STATUS: works at the console and ends the guest with COMMAND
a_person() {
	command -v expect >/dev/null || skip "no expect"
	interactive
	status=0
	expect -f "$SVMKIT_SRC/tests/e2e/console_login.exp" "$svmctl" "$vm" "$1" >session || status=$?
	finish
	[ "$status" -eq "$3" ] || { tail -n 40 session; echo "status $status"; false; }
	grep -q "\"reason\": *\"$2\"" events || { tail -n 3 events; false; }
}

@test "a person logs in at the console, runs commands, and powers off" { a_person poweroff power-off 0; }

@test "a person logs in at the console, runs commands, and resets" { a_person "reboot -f" reset 15; }
