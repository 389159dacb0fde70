# SPDX-License-Identifier: MIT
# Sourced by ./quickstart and ./check: installs missing Debian packages by name, says what it does,
# and builds in build/. Doing it again does nothing. Relies on $top, the root of the source tree.

RUN_PACKAGES="gcc make autoconf automake libtool pkg-config binutils libyaml-dev libuv1-dev
	libcjson-dev libssl-dev libmd-dev libncurses-dev libzydis-dev libsystemd-dev linux-headers-amd64 qemu-system-x86
	busybox-static kmod cpio xz-utils util-linux"
TEST_PACKAGES="linux-headers-6.12-amd64 libcmocka-dev bats g++ clang sparse python3 python3-jsonschema python3-yaml strace mandoc man-db tmux zsh gdb
	bochs bochs-term bochsbios vgabios kexec-tools acpica-tools expect"
# What building the lab's debug kernel takes, for ./check --full.
DEBUG_KERNEL_PACKAGES="flex bison bc libelf-dev"

# What building the Debian packages takes, and trying them in systems of their own.
PACKAGING_PACKAGES="acl apparmor debhelper dh-apparmor dh-dkms dh-python dpkg-dev lintian mmdebstrap systemd"

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root once, to install packages; run: apt-get install $missing"
	fi
}

# Install those of the named packages that dpkg does not have.
install_packages() {
	missing=
	for p in "$@"; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' ||
			missing="$missing $p"
	done
	if [ -z "$missing" ]; then
		echo "packages: all there"
		return
	fi
	echo "packages: installing$missing"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >"$logs/apt.log" 2>&1 ||
		die "apt-get update failed, see $logs/apt.log"
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
		$missing >>"$logs/apt.log" 2>&1 || die "apt-get install failed, see $logs/apt.log"
}

# The lab boots the kernel that the module was built for; its package must be in the lab's cache
# or on offer. If the archive has moved on, take its newer headers.
match_kernel() {
	kver=$("$top/tools/kernel-headers")
	case $kver in */linux-headers-*) kver=${kver##*/linux-headers-} ;; *) return ;; esac
	cache=${SVMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/svmkit}
	ls "$cache"/kernel/*"$kver"* >/dev/null 2>&1 && return
	apt-cache show "linux-image-$kver" >/dev/null 2>&1 && return
	echo "packages: linux-image-$kver is not on offer here: refreshing the package lists"
	as_root apt-get -q update >>"$logs/apt.log" 2>&1 || die "apt-get update failed, see $logs/apt.log"
	apt-cache show "linux-image-$kver" >/dev/null 2>&1 && return
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y linux-headers-amd64 \
		>>"$logs/apt.log" 2>&1 || die "apt-get install linux-headers-amd64 failed"
}

# configure_in DIR ARGS...: configure the tree in DIR unless that was done with the same ARGS.
configure_in() {
	dir=$1
	shift
	[ -x "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ] ||
		(cd "$top" && autoreconf -fi) >"$logs/autoreconf.log" 2>&1 ||
		die "autoreconf failed, see $logs/autoreconf.log"
	mkdir -p "$dir"
	if [ ! -f "$dir/Makefile" ] || [ "$(cat "$dir/configured-with" 2>/dev/null)" != "$*" ]; then
		(cd "$dir" && "$top/configure" -q "$@") || return 1
		echo "$*" >"$dir/configured-with"
	fi
}
