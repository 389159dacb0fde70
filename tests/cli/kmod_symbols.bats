#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the module links to, and where differences between kernels live.

@test "svmrt.ko links to nothing but symbols that stay available to GPL modules" {
	[ -e "$SVMKIT_BUILD/kmod/svmrt.ko" ] || skip "svmrt.ko is not built here (no kernel headers)"
	"$SVMKIT_SRC/tests/kmod-symbols" "$SVMKIT_BUILD/kmod/svmrt.ko"
}

@test "a symbol that is for KVM only would be found" {
	echo 'extern int write_ibpb(void); int f(void); int f(void) { return write_ibpb(); }' >"$BATS_TEST_TMPDIR/t.c"
	$SVMKIT_CC -c -o "$BATS_TEST_TMPDIR/t.o" "$BATS_TEST_TMPDIR/t.c"
	run "$SVMKIT_SRC/tests/kmod-symbols" "$BATS_TEST_TMPDIR/t.o"
	[ "$status" -eq 1 ]
	[[ $output == "write_ibpb is not in "* ]]
}

@test "only compat.h asks for the kernel's version" {
	run grep -lE 'LINUX_VERSION_CODE|KERNEL_VERSION|SVMRT_HAVE_' "$SVMKIT_SRC"/kmod/*.[chS]
	[ "$output" = "$SVMKIT_SRC/kmod/compat.h" ]
}

@test "every duty of a safe world switch is in kmod/README" {
	for duty in A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 B1 B2 B3 B4 B5 B6 B7 B8 B9 B10 B11 B12 B13 B14 B15 B16 \
		B17 C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12 D1 D2 D3 D4 D5 D6 E1 E2 E3 E4; do
		grep -qw "$duty" "$SVMKIT_SRC/kmod/README" || { echo "$duty is missing"; return 1; }
	done
}
