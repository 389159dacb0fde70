#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# svmc export and import: IGVM files beside a reader and writer of their own in Python. The cases are
# functions of igvm.py; one test here runs one of them. UPDATE_GOLDEN=1 writes the files anew.

setup() {
	: "${SVMKIT_BUILD:?the directory with the built programs}"
	: "${SVMKIT_SRC:?the directory with the sources}"
	export SVMKIT_BUILD SVMKIT_SRC PYTHONDONTWRITEBYTECODE=1 LC_ALL=C NO_COLOR=1
	command -v python3 >/dev/null || skip "python3 is missing"
	cd "$BATS_TEST_TMPDIR"
}

igvm_case() {
	timeout 300 python3 "$SVMKIT_SRC/tests/cli/igvm.py" "$1"
}

@test "every case of igvm.py is listed here" {
	for name in $(sed -n 's/^def \([a-z0-9]*_[a-z0-9]*_[a-z0-9_]*\)():$/\1/p' \
		"$SVMKIT_SRC/tests/cli/igvm.py"); do
		grep -q "_case $name\$" "$BATS_TEST_FILENAME" || { echo "$name"; false; }
	done
}

@test "an exported file holds every page in the order of the launch, and measures as the guest does" {
	igvm_case exports_hold_pages_in_launch_order
}

@test "what is imported from an exported file is the same guest, and exports to the same bytes" {
	igvm_case what_comes_back_is_the_same
}

@test "exported files are their goldens, from specs and templates alike" {
	igvm_case exports_are_their_goldens
}

@test "a guest that an IGVM file holds whole needs no --allow-loss" {
	igvm_case a_lossless_export_needs_no_leave
}

@test "a plain guest is exported for the native platform and comes back" {
	igvm_case native_guests_are_exported_and_come_back
}

@test "everything that is lost is listed by name" {
	igvm_case losses_are_listed_by_name
}

@test "files of other tools are imported" {
	igvm_case files_of_others_are_imported
}

@test "one platform of several is chosen" {
	igvm_case one_platform_of_several_is_chosen
}

@test "every mistake of an IGVM file has a message with its offset" {
	igvm_case bad_files_are_named_with_their_offset
}
