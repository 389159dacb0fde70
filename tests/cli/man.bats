#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every man page, for both formatters: groff through man(1), and mandoc.

setup() {
	: "${SVMKIT_SRC:?the directory with the sources}"
}

@test "man --warnings says nothing about any page" {
	command -v groff >/dev/null || skip "groff is missing"
	for page in "$SVMKIT_SRC"/man/*.[1-8]; do
		said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
		echo "${page##*/}: $said"
		[ -z "$said" ]
	done
}

@test "mandoc lint finds no error and no warning in any page" {
	command -v mandoc >/dev/null || skip "mandoc is missing"
	for page in "$SVMKIT_SRC"/man/*.[1-8]; do
		said=$(mandoc -T lint -W warning "$page" 2>&1) || true
		echo "$said"
		[ -z "$said" ]
	done
}

@test "both linters see a fault" {
	command -v mandoc >/dev/null || skip "mandoc is missing"
	printf '.TH X 1 2026-11-27 svmkit x\n.SH NAME\nx \\- y\n.nosuchmacro\n.SH\n.TP\n' >"$BATS_TEST_TMPDIR/x.1"
	[ -n "$(mandoc -T lint -W warning "$BATS_TEST_TMPDIR/x.1" 2>&1)" ]
	command -v groff >/dev/null || skip "groff is missing"
	[ -n "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$BATS_TEST_TMPDIR/x.1" 2>&1 >/dev/null)" ]
}
