#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The X-macro tables are generated from the facts and committed: they must match.

@test "include/svmkit/*.def are what tools/gen-tables.py makes of the facts" {
	run python3 "$SVMKIT_SRC/tools/gen-tables.py" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	for def in vmcb_control vmcb_save intercepts exitcodes consistency; do
		diff -u "$SVMKIT_SRC/include/svmkit/$def.def" "$BATS_TEST_TMPDIR/$def.def"
	done
}

@test "every row of the facts is a row of the tables" {
	for def in vmcb_control:VMCB_CONTROL vmcb_save:VMCB_SAVE intercepts:SVM_INTERCEPT exitcodes:SVM_EXIT \
		consistency:SVM_RULE; do
		rows=$(grep -c "^${def#*:}(" "$SVMKIT_SRC/include/svmkit/${def%:*}.def")
		csv=${def%:*}
		[ "$csv" != consistency ] || csv=consistency_checks
		facts=$(($(wc -l <"$SVMKIT_SRC/include/svmkit/facts/$csv.csv") - 1))
		echo "$def: $rows rows, $facts facts"
		[ "$rows" -eq "$facts" ]
	done
}

@test "svmrt.h compiles alone" {
	command -v "${SVMKIT_CC%% *}"
	echo '#include <svmkit/svmrt.h>' >"$BATS_TEST_TMPDIR/t.c"
	$SVMKIT_CC -std=c11 -pedantic -Wall -Wextra -Werror -I"$SVMKIT_SRC/include" -c \
		-o "$BATS_TEST_TMPDIR/t.o" "$BATS_TEST_TMPDIR/t.c"
}
