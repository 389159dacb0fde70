#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the README shows is true: its spec compiles, its mistake gets that message, its map has no
# room that is not there.

setup() {
	export PATH=$SVMKIT_BUILD:$PATH LC_ALL=C
	cd "$BATS_TEST_TMPDIR"
	sed -n '/^```yaml$/,/^```$/p' "$SVMKIT_SRC/README.md" | sed '/^```/d' >first.yaml
}

@test "the first spec compiles and holds what it says" {
	svmc compile first.yaml
	svmc dump first.svmt | grep -q '"name":"first"'
}

@test "the mistake of the README gets the README's message" {
	sed -i 's/^memory:/memori:/' first.yaml
	run svmc check first.yaml
	[ "$status" -eq 1 ]
	grep -A2 '^    first.yaml:4:1:' "$SVMKIT_SRC/README.md" | sed 's/^    //' >said
	[ -s said ]
	head -n 3 <<<"$output" | diff said -
}

@test "every room of the map is there, and every manual page" {
	grep -oE '^\| `[a-z]+/' "$SVMKIT_SRC/README.md" | tr -d '|` ' >rooms
	[ "$(wc -l <rooms)" -ge 10 ]
	while read -r room; do
		[ -d "$SVMKIT_SRC/$room" ] || { echo "no $room"; false; }
	done <rooms
	for page in "$SVMKIT_SRC"/man/*; do
		name=${page##*/}
		grep -q "${name%.*}(${name##*.})" "$SVMKIT_SRC/README.md" || { echo "no $name"; false; }
	done
}
