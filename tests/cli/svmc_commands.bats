#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc's commands that look into specs and templates: explain, diff, decompile, golden, init.

setup() {
	svmc=$SVMKIT_BUILD/svmc
	golden=$SVMKIT_SRC/tests/golden
	export LC_ALL=C
	unset NO_COLOR
	cd "$BATS_TEST_TMPDIR"
}

spec() {
	local file=$1
	shift
	printf 'svmspec: 1\nname: t\nextends: long64\nmemory: [ { at: 0, size: 2MiB } ]\n' >"$file"
	printf '%s\n' "$@" >>"$file"
}

@test "every command's --help goes to standard output, and wrong usage is status 2" {
	for command in $("$svmc" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		"$svmc" "$command" --help >out 2>err
		[ -s out ]
		[ ! -s err ]
		run "$svmc" "$command" --frobnicate
		echo "$command: $status $output"
		[ "$status" -eq 2 ]
		grep -q "^\.SS $command" "$SVMKIT_SRC/man/svmc.1"
	done
}

@test "explain shows every meaning of a name" {
	run "$svmc" explain cpuid
	[ "$status" -eq 0 ]
	[[ "$output" == "CPUID: intercept"*"CPUID: exit code 0x72"* ]]
	[[ "$output" == *"place      VMCB offset 0x00c, bit 18 (word 3)"* ]]
	run "$svmc" explain 0x400 VMEXIT_NPF
	[ "$(grep -c '^NPF: exit code 0x400$' <<<"$output")" -eq 2 ]
	run "$svmc" explain es
	[ "$(grep -c '^es\..*: VMCB field' <<<"$output")" -eq 4 ]
}

@test "explain tells place, clean bit, feature, force and the key that sets it" {
	run "$svmc" explain V_TPR
	[[ "$output" == *"VMCB offset 0x060, 4 bytes, bits 7:0"*"3 (TPR)"*"control: { v_tpr: VALUE }"* ]]
	run "$svmc" explain rip
	[[ "$output" == *"vcpus: { state: { rip: VALUE } }"* ]]
	run "$svmc" explain VMRUN
	[[ "$output" == *"forced     yes"* ]]
	run "$svmc" explain N_CR3
	[[ "$output" == *"no key: svmrt.ko decides it"* ]]
}

@test "explain knows every field, intercept, exit code, rule and check" {
	{
		sed -n 's/^VMCB_CONTROL(\([^,]*,\)\{4\} \([A-Z0-9_]*\),.*/\2/p' \
			"$SVMKIT_SRC/include/svmkit/vmcb_control.def"
		sed -n 's/^VMCB_SAVE([^"]*"\([^"]*\)".*/\1/p' "$SVMKIT_SRC/include/svmkit/vmcb_save.def"
		sed -n 's/^SVM_INTERCEPT([0-9]*, [0-9]*, \([A-Z0-9_]*\),.*/\1/p' \
			"$SVMKIT_SRC/include/svmkit/intercepts.def"
		sed -n 's/^SVM_EXIT([^,]*, \([A-Z0-9_]*\),.*/\1/p' "$SVMKIT_SRC/include/svmkit/exitcodes.def"
		sed -n 's/^SVM_RULE(\([A-Z0-9]*\),.*/\1/p' "$SVMKIT_SRC/include/svmkit/consistency.def"
		"$svmc" check --list | cut -d' ' -f1
	} >names
	rows=$(cat "$SVMKIT_SRC"/include/svmkit/*.def | grep -c '^[A-Z_]*(')
	[ "$(wc -l <names)" -eq $((rows + $("$svmc" check --list | wc -l))) ]
	xargs "$svmc" explain <names >out
}

@test "explain offers the nearest name for an unknown one, with status 1" {
	run "$svmc" explain CPUDI
	[ "$status" -eq 1 ]
	[ "$output" = 'svmc explain: no field, intercept, exit code or check `CPUDI`; did you mean `CPUID`?' ]
	run "$svmc" explain frobnicate_the_thing
	[ "$status" -eq 1 ]
	[[ "$output" == *"svmspec(5) lists the names" ]]
}
