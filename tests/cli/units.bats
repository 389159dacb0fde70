#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What `make install` puts at the system's places: systemd's own checkers read it.

setup_file() {
	: "${SVMKIT_BUILD:?the directory with the built programs}"
	make -s -C "$SVMKIT_BUILD" install-data DESTDIR="$BATS_FILE_TMPDIR/root" prefix=/usr sysconfdir=/etc \
		>/dev/null 2>&1
}

setup() {
	root=$BATS_FILE_TMPDIR/root
	units=$root/usr/lib/systemd/system
}

need() {
	command -v "$1" >/dev/null || skip "$1 is missing"
}

@test "systemd-analyze security rates the daemon and its machines 2.0 or better" {
	need systemd-analyze
	for unit in svmrund.service svmrund-vm@.service; do
		systemd-analyze security --offline=true --threshold=20 "$units/$unit" >"$BATS_TEST_TMPDIR/rating"
		tail -n 1 "$BATS_TEST_TMPDIR/rating"
	done
}

@test "the units name no program that is not installed, and systemd-analyze verify finds no fault" {
	need systemd-analyze
	prefix=$(sed -n 's/^prefix = //p' "$SVMKIT_BUILD/Makefile")
	for program in "$prefix/sbin/svmrund" "$prefix/bin/svmctl" /bin/udevadm /usr/bin/setfacl /bin/kill; do
		install -D "$(type -P true)" "$root/$program"
	done
	for unit in basic.target sockets.target sysinit.target shutdown.target multi-user.target umount.target; do
		printf '[Unit]\nDescription=%s\n' "$unit" >"$units/$unit"
	done
	printf '[Service]\nType=oneshot\nExecStart=/bin/kill\n' >"$units/modprobe@.service"
	run systemd-analyze verify --man=no --root="$root" svmrund.service svmrund.socket svmrund-vm@one.service
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$(grep -E 'svmrund|svmkit' <<<"$output")" ]
}

@test "every value in the units is one that systemd knows" {
	need systemd-analyze
	# verify is quiet about nothing: a wrong key in a copy must be found.
	sed 's/^WatchdogSec=.*/WatchdogSex=30/' "$units/svmrund.service" >"$BATS_TEST_TMPDIR/wrong.service"
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/wrong.service"
	[[ "$output" == *WatchdogSex* ]]
}

@test "sysusers makes the user and both groups that the socket, the rule and the configuration name" {
	need systemd-sysusers
	mkdir -p "$root/etc"
	systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/svmkit.conf"
	grep -q '^svmrund:.*:/var/lib/svmkit:/usr/sbin/nologin$' "$root/etc/passwd"
	for group in svmrund svmkit svmkit-observers; do
		grep -q "^$group:" "$root/etc/group"
	done
	grep -qx 'SocketGroup=svmkit' "$units/svmrund.socket"
	grep -q 'g:svmkit-observers:rw' "$units/svmrund.socket"
	grep -q 'GROUP="svmrund"' "$root/usr/lib/udev/rules.d/60-svmkit.rules"
	grep -qx 'operator_group = svmkit' "$root/etc/svmkit/svmrund.conf"
	grep -qx 'observer_group = svmkit-observers' "$root/etc/svmkit/svmrund.conf"
}

@test "svmrund takes the installed configuration" {
	# Numbers for names and a directory that exists: this machine need not have what a package makes.
	sed "s/= svmkit\$/= 1/; s/= svmkit-observers/= 2/; s|= /var/lib.*|= $BATS_TEST_TMPDIR|" \
		"$root/etc/svmkit/svmrund.conf" >"$BATS_TEST_TMPDIR/svmrund.conf"
	"$SVMKIT_BUILD/svmrund" --check-config --config "$BATS_TEST_TMPDIR/svmrund.conf"
}

@test "tmpfiles, udev rule and note for modprobe are read without a complaint" {
	mkdir -p "$root/etc"
	if command -v systemd-tmpfiles >/dev/null && command -v systemd-sysusers >/dev/null; then
		systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/svmkit.conf"
		run systemd-tmpfiles --root="$root" --create "$root/usr/lib/tmpfiles.d/svmkit.conf"
		echo "$output"
		[ "$status" = 0 ] || [ "$(id -u)" != 0 ]
		[ -d "$root/run/svmrund" ] || [ "$(id -u)" != 0 ]
	fi
	need modprobe
	run modprobe -C "$root/usr/lib/modprobe.d" -c
	[ "$status" = 0 ]
	[ -z "$(grep -i 'ignoring bad line' <<<"$output")" ]
	# The two settings that the note offers are real ones once their # is gone.
	sed 's/^#\(blacklist\|options\)/\1/' "$root/usr/lib/modprobe.d/svmkit.conf" >"$BATS_TEST_TMPDIR/x.conf"
	run modprobe -C "$BATS_TEST_TMPDIR" -c
	[[ "$output" == *"blacklist kvm_amd"*"options svmrt tlb=always max_pages_per_user="* ]]
	for parameter in tlb max_pages_per_user; do
		grep -rqE "module_param(_cb)?\($parameter," "$SVMKIT_SRC/kmod"
		grep -q "It Cm $parameter" "$SVMKIT_SRC/man/svmrt.4"
	done
}

@test "AppArmor's parser takes the profile" {
	need apparmor_parser
	[ -d /etc/apparmor.d/abstractions ] || skip "AppArmor's abstractions are missing"
	# The features of no particular kernel, so that it works where AppArmor is not on.
	apparmor_parser -QK --kernel-features /etc/apparmor.d/abi/3.0 --Werror \
		"$root/etc/apparmor.d/svmrund"
}
