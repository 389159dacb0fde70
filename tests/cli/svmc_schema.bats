#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The JSON Schema of specs is what svmc makes of its tables, takes every good spec and refuses what a
# schema can refuse. UPDATE_GOLDEN=1 writes the schema anew.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	schema=$SVMKIT_SRC/schemas/svmspec.schema.json
	check=$SVMKIT_SRC/tests/cli/schema_check.py
	golden=$SVMKIT_SRC/tests/golden
	export LC_ALL=C
	cd "$BATS_TEST_TMPDIR"
}

# Run the validator, or skip the test where its packages are not installed.
validate() {
	local python
	# Debian's packages are for Debian's Python, which need not be the first one on PATH.
	for python in python3 /usr/bin/python3; do
		status=0
		"$python" "$check" "$@" >verdicts || status=$?
		[ "$status" -eq 77 ] || [ "$status" -eq 127 ] || break
	done
	[ "$status" -ne 127 ] || skip "no python3"
	[ "$status" -ne 77 ] || skip "no python3-jsonschema or no python3-yaml"
	[ "$status" -eq 0 ]
}

@test "schemas/svmspec.schema.json is what svmc schema prints" {
	"$svmc" schema >made
	[ -z "$UPDATE_GOLDEN" ] || cp made "$schema"
	diff -u "$schema" made
}

@test "the schema takes every example and every good spec" {
	specs=("$SVMKIT_SRC"/specs/*.yaml "$SVMKIT_SRC"/tests/e2e/specs/*.yaml)
	# A good spec has its golden dump; other files there are included by one.
	for dump in "$golden"/good/*.dump; do
		[ ! -e "${dump%.dump}.yaml" ] || specs+=("${dump%.dump}.yaml")
	done
	validate "$schema" "${specs[@]}"
	cat verdicts
	[ "$(grep -c '^good ' verdicts)" -eq "${#specs[@]}" ]
}

@test "the schema takes generated specs, and those that svmc decompiles" {
	mkdir generated
	python3 "$SVMKIT_SRC/tests/cli/spec_generator.py" 7 50 generated
	for yaml in generated/*.yaml; do
		"$svmc" compile -o t.svmt "$yaml" 2>messages
		"$svmc" decompile -o "${yaml%.yaml}.again.yaml" t.svmt
	done
	validate "$schema" generated/*.yaml
	grep -v '^good ' verdicts || true
	[ "$(grep -c '^good ' verdicts)" -eq 100 ]
}

@test "the schema refuses wrong keys, types, words and widths" {
	cd "$golden/bad"
	# Aliases that point at themselves or multiply are svmc's to refuse, not a schema's.
	bad=(*-words.yaml unknown-*.yaml wrong-type-*.yaml control-fields.yaml cpuid.yaml
		exit-inject-vector.yaml flag-list.yaml long-name.yaml missing-keys.yaml msrs.yaml
		no-extends.yaml not-a-map.yaml number-forms.yaml number-width.yaml
		payload-forms.yaml segments.yaml unsupported-key.yaml version.yaml)
	for i in "${!bad[@]}"; do
		case ${bad[i]} in *.fixed.yaml) unset "bad[i]" ;; *) bad[i]=$PWD/${bad[i]} ;; esac
	done
	cd "$BATS_TEST_TMPDIR"
	validate "$schema" "${bad[@]}"
	cat verdicts
	[ "$(grep -c '^bad ' verdicts)" -eq "${#bad[@]}" ]
}
