#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every row of the tables through the compiler and back: fields of control and state, intercepts.

@test "every field and intercept is compiled, decompiled by its name, and compiled to the same bytes" {
	command -v python3 || skip "no python3"
	svmc=$SVMKIT_BUILD/svmc
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR"
	mkdir rows first again second
	"$svmc" check --list >checks
	python3 "$SVMKIT_SRC/tests/cli/row_specs.py" make "$SVMKIT_SRC/man/svmspec.5" \
		"$SVMKIT_SRC/include/svmkit" checks rows
	# A value may break a check; no row may have such values only.
	status=0
	"$svmc" compile -j 2 -o first rows/*.yaml 2>messages || status=$?
	[ "$status" -le 1 ]
	for template in first/*.svmt; do
		name=$(basename "$template" .svmt)
		"$svmc" decompile -o "again/$name.yaml" "$template"
	done
	python3 "$SVMKIT_SRC/tests/cli/row_specs.py" judge rows again
	"$svmc" compile -j 2 -o second again/*.yaml 2>messages || { cat messages; false; }
	diff -r first second
}
