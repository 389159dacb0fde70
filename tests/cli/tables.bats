#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The X-macro tables are generated from the facts and committed: they must match.

@test "include/svmkit/*.def are what tools/gen-tables.py makes of the facts" {
	run python3 "$SVMKIT_SRC/tools/gen-tables.py" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	for def in vmcb_control vmcb_save intercepts exitcodes consistency vmsa snp_profiles snp_launch igvm; do
		diff -u "$SVMKIT_SRC/include/svmkit/$def.def" "$BATS_TEST_TMPDIR/$def.def"
	done
}

@test "every row of the facts is a row of the tables" {
	for def in vmcb_control:VMCB_CONTROL vmcb_save:VMCB_SAVE intercepts:SVM_INTERCEPT exitcodes:SVM_EXIT \
		consistency:SVM_RULE snp_profiles:SNP_PROFILE_VALUE 'snp_launch:SNP_[A-Z]*' igvm:IGVM_HEADER \
		vmsa:VMSA_FIELD; do
		rows=$(grep -c "^${def#*:}(" "$SVMKIT_SRC/include/svmkit/${def%:*}.def")
		csv=${def%:*}
		[ "$csv" != consistency ] || csv=consistency_checks
		facts=$(($(wc -l <"$SVMKIT_SRC/include/svmkit/facts/$csv.csv") - 1))
		# A segment is one fact and four fields.
		[ "$csv" != vmsa ] || facts=$((facts + 3 * $(grep -c '"selector,attrib,limit,base"' \
			"$SVMKIT_SRC/include/svmkit/facts/vmsa.csv")))
		echo "$def: $rows rows, $facts facts"
		[ "$rows" -eq "$facts" ]
	done
}

@test "a field of the VMSA that the VMCB has, too, is at the same offset in both facts" {
	python3 - "$SVMKIT_SRC/include/svmkit/facts" <<-'END'
	import csv, sys
	def rows(name):
	    return list(csv.DictReader(open("%s/%s.csv" % (sys.argv[1], name))))
	save = {r["name"]: int(r["offset_in_save"], 16) for r in rows("vmcb_save")}
	shared = 0
	for r in rows("vmsa"):
	    names = [r["name"]]
	    if r["meaning"] == "selector,attrib,limit,base":
	        names = [r["name"] + ".selector"]
	    for name in names:
	        if name in save and not name.startswith("RESERVED"):
	            assert save[name] == int(r["offset"], 16), name
	            shared += 1
	assert shared > 60, shared
	END
}

@test "svmrt.h compiles alone" {
	command -v "${SVMKIT_CC%% *}"
	echo '#include <svmkit/svmrt.h>' >"$BATS_TEST_TMPDIR/t.c"
	$SVMKIT_CC -std=c11 -pedantic -Wall -Wextra -Werror -I"$SVMKIT_SRC/include" -c \
		-o "$BATS_TEST_TMPDIR/t.o" "$BATS_TEST_TMPDIR/t.c"
}
