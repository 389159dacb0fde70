#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Manual pages held against the programs: the field reference of svmspec(5) is what the tables say, and
# a reader that knows nothing but svmt(5) understands what the writer writes.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	golden=$SVMKIT_SRC/tests/golden
	export LC_ALL=C
	command -v python3 || skip "no python3"
	cd "$BATS_TEST_TMPDIR"
}

@test "the field reference of svmspec(5) is what tools/gen-fields.py makes of the tables" {
	python3 "$SVMKIT_SRC/tools/gen-fields.py" "$svmc" "$SVMKIT_SRC/man/svmspec.5" page
	diff -u "$SVMKIT_SRC/man/svmspec.5" page
}

@test "a reader that is made of svmt(5) alone finds in templates what dump --json shows" {
	for yaml in "$golden/good/everything.yaml" "$golden/good/vcpus.yaml" "$SVMKIT_SRC/specs/tour.yaml" \
		"$golden/good/confidential.yaml"; do
		echo "$yaml"
		"$svmc" compile -o t.svmt "$yaml" 2>messages
		"$svmc" dump --json t.svmt >t.json
		python3 "$SVMKIT_SRC/tests/cli/svmt_page.py" "$SVMKIT_SRC/man/svmt.5" t.svmt t.json
	done
}

@test "svmt(5) names every section of svmkit/svmt.h with its number" {
	sed -n 's/^\tSVMT_\([A-Z0-9]*\) = \([0-9]*\),.*/\1 (\2)/p' "$SVMKIT_SRC/include/svmkit/svmt.h" |
		sed '/^RAM\|^ROM/d' >names
	[ "$(wc -l <names)" -ge 13 ]
	while read -r name; do
		grep -qxF ".B $name" "$SVMKIT_SRC/man/svmt.5" || { echo "missing: $name"; false; }
	done <names
}
