#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The tables against the kernel's own header. Headers of any installed version will do.

@test "offsets, widths, intercept numbers and exit codes agree with the kernel's header" {
	command -v python3 >/dev/null || skip "no python3"
	tested=0
	for header in "${KDIR:+$KDIR/arch/x86/include/asm/svm.h}" \
		/usr/src/linux-headers-*-common/arch/x86/include/asm/svm.h; do
		[ -n "$header" ] && [ -e "$header" ] || continue
		python3 "$SVMKIT_SRC/tests/unit/kernel_header.py" "$SVMKIT_SRC/include/svmkit/facts" \
			"${header%/arch/x86/include/asm/svm.h}" "$BATS_TEST_TMPDIR" ${SVMKIT_CC:-cc}
		tested=$((tested + 1))
	done
	[ "$tested" -gt 0 ] || skip "no kernel headers with arch/x86/include/asm/svm.h (linux-headers-amd64)"
}
