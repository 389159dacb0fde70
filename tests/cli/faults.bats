#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The fault matrix (tests/faults/faults.py): a fault is a test here, its cells are the phases.

fault() {
	[ -z "${SVMKIT_CFLAGS-}" ] || skip "a sanitizer has an allocator of its own"
	command -v strace >/dev/null || skip "no strace"
	timeout 300 python3 "$SVMKIT_SRC/tests/faults/faults.py" "$1" >"$BATS_TEST_TMPDIR/out" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/out"
		return 1
	}
}

@test "docs/faults.md is what the cells give" {
	python3 "$SVMKIT_SRC/tests/faults/faults.py" --table --check
}

@test "allocation fails" { fault "allocation fails"; }
@test "disk full" { fault "disk full"; }
@test "EINTR everywhere" { fault "EINTR everywhere"; }
@test "fork of a helper fails" { fault "fork of a helper fails"; }
@test "socket peer dies" { fault "socket peer dies"; }
@test "template replaced while mapped" { fault "template replaced while mapped"; }
@test "clock jumps" { fault "clock jumps"; }
@test "signal storm" { fault "signal storm"; }
