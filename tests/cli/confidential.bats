#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Confidential templates: VMSA pages, launch digests, ID blocks, beside an implementation of its own
# in Python. The cases are functions of confidential.py; one test here runs one of them.
# UPDATE_GOLDEN=1 writes the pages anew; read the difference before committing it.

setup() {
	: "${SVMKIT_BUILD:?the directory with the built programs}"
	: "${SVMKIT_SRC:?the directory with the sources}"
	export SVMKIT_BUILD SVMKIT_SRC PYTHONDONTWRITEBYTECODE=1 LC_ALL=C NO_COLOR=1
	command -v python3 >/dev/null || skip "python3 is missing"
	cd "$BATS_TEST_TMPDIR"
}

launch_case() {
	timeout 300 python3 "$SVMKIT_SRC/tests/cli/confidential.py" "$1"
}

signing_case() {
	[ -x "$SVMKIT_BUILD/svmc-sign" ] || skip "built without libcrypto"
	launch_case "$1"
}

@test "every case of confidential.py is listed here" {
	for name in $(sed -n 's/^def \([a-z0-9]*_[a-z0-9]*_[a-z0-9_]*\)():$/\1/p' \
		"$SVMKIT_SRC/tests/cli/confidential.py"); do
		grep -q "_case $name\$" "$BATS_TEST_FILENAME" || { echo "$name"; false; }
	done
}

@test "the page of every profile is its golden, and has the fields of the facts" {
	launch_case golden_pages_of_every_profile
}

@test "profile list and show tell the dated profiles and the source of each value" {
	launch_case listed_profiles_are_these_and_cite_sources
}

@test "digests of 1 to 255 vCPUs of every profile and kind are those of an independent implementation" {
	launch_case digests_of_every_profile_and_count
}

@test "digests of generated firmware with and without a kernel are, too, from specs and templates" {
	launch_case digests_of_generated_firmware
}

@test "large firmware has the digest that small firmware's rules give it, whoever hashes" {
	launch_case large_firmware_has_the_same_digest
}

@test "--trace tells every page in the order of its launch" {
	launch_case trace_tells_every_page
}

@test "a confidential template comes back from its decompiled spec" {
	launch_case templates_come_back_from_their_specs
}

@test "a page from elsewhere names the profile that it fits" {
	launch_case pages_from_elsewhere_name_their_profile
}

@test "a page from elsewhere is compared field by field" {
	launch_case page_differences_are_told_by_field
}

@test "every mistake of a firmware image has a message with its offset" {
	launch_case bad_firmware_is_named_with_its_offset
}

@test "memory does not grow with the number of vCPUs" {
	launch_case memory_is_flat_in_vcpus
}

@test "0 and 65536 vCPUs are refused" {
	launch_case vcpu_counts_out_of_range_are_refused
}

@test "a plain guest has no launch digest" {
	launch_case plain_guests_have_no_digest
}

@test "ID blocks are filled, and signed so that P-384 in plain integers verifies them" {
	signing_case id_blocks_are_filled_and_signed
}

@test "keys that cannot sign, and blocks that are not there, are told" {
	signing_case id_block_troubles_are_told
}
