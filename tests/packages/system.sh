# SPDX-License-Identifier: MIT
# Sourced by the tests of this directory: Debian systems to install into, made by mmdebstrap from the
# machine's own package sources and cached by what went into them. Everything here wants root.
# shellcheck shell=bash

DEBIAN_CACHE=${SVMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/svmkit}/debian

die() {
	echo "Bail out! $*"
	exit 1
}

[ "$(id -u)" = 0 ] || exec sudo --preserve-env=HOME,PATH,SVMLAB_CACHE,SVMLAB_NAME,SVMKIT_BUILD,SVMKIT_SRC \
	"$(readlink -f "$0")" "$@"

# TAP: "check TEXT COMMAND..." is one test; what the command says is shown when it fails.
tests=0
failed=0
check() {
	local text=$1 said
	shift
	tests=$((tests + 1))
	if said=$("$@" 2>&1 </dev/null); then
		echo "ok $tests - $text"
	else
		echo "not ok $tests - $text"
		printf '%s\n' "$said" | tail -n 30 | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}

end_of_tests() {
	echo "1..$tests"
	[ "$failed" = 0 ]
}

# This machine's lines of Debian's archive; others' archives have no place in a test.
debian_sources() {
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sed -n 's/^Debian \(.*\)/deb \1/p' | sort -u
}

# Which versions the archive offers of what a system is made of: its key.
versions_of() {
	apt-cache policy "$@" | sed -n 's/^  Candidate: //p'
}

# debian_system NAME PACKAGES [HOOK]: prints the directory of a minimal system with these packages
# (with commas) and what the hook, a command with the directory as $1, did to it.
debian_system() {
	local name=$1 packages=$2 hook=${3:-true} sources key directory
	sources=$(debian_sources)
	[ -n "$sources" ] || die "apt knows no archive of Debian's: apt-get update"
	# shellcheck disable=SC2086
	key=$( (echo "1 $name $packages $hook"; echo "$sources"; versions_of base-files ${packages//,/ }) |
		sha256sum | cut -c1-16)
	directory=$DEBIAN_CACHE/$name-$key
	mkdir -p "$DEBIAN_CACHE"
	exec 8>"$DEBIAN_CACHE/lock"
	flock -w 1800 8 || die "$DEBIAN_CACHE is busy"
	if [ ! -d "$directory" ]; then
		echo "# making the system $name in $directory" >&2
		rm -rf "$DEBIAN_CACHE/$name-"*
		echo "$sources" | timeout 1700 mmdebstrap --quiet --variant=minbase --format=directory \
			--skip=cleanup/apt/lists --include="$packages" --customize-hook="$hook" \
			"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$directory.new" - >&2 ||
			die "mmdebstrap failed"
		mv "$directory.new" "$directory"
	fi
	exec 8>&-
	echo "$directory"
}

# layer DIRECTORY ON: mounts a throw-away copy of a system there. Call in a mount namespace of one's
# own (unshare --mount): the mounts are gone with it.
layer() {
	local device
	mkdir -p "$2"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root" || return
	mount -t proc proc "$2/root/proc"
	mount -t tmpfs tmpfs "$2/root/dev"
	for device in null zero full random urandom tty; do
		touch "$2/root/dev/$device"
		mount --bind "/dev/$device" "$2/root/dev/$device"
	done
	mkdir "$2/root/dev/pts" "$2/root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/root/dev/pts"
	ln -s pts/ptmx "$2/root/dev/ptmx"
	ln -s /proc/self/fd "$2/root/dev/fd"
	mount -t tmpfs -o mode=1777 tmpfs "$2/root/dev/shm"
}

# within ROOT COMMAND...: runs it there with a clean environment.
within() {
	local root=$1
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
		TERM=dumb chroot "$root" "$@"
}
