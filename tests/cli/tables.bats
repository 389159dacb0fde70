#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The X-macro tables are generated from the facts and committed: they must match.

@test "include/svmkit/*.def are what tools/gen-tables.py makes of the facts" {
	run python3 "$SVMKIT_SRC/tools/gen-tables.py" "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	for def in vmcb_control vmcb_save intercepts exitcodes consistency vmsa snp_profiles snp_launch igvm msrs; do
		diff -u "$SVMKIT_SRC/include/svmkit/$def.def" "$BATS_TEST_TMPDIR/$def.def"
	done
}

@test "every row of the facts is a row of the tables" {
	for def in vmcb_control:VMCB_CONTROL vmcb_save:VMCB_SAVE intercepts:SVM_INTERCEPT exitcodes:SVM_EXIT \
		consistency:SVM_RULE snp_profiles:SNP_PROFILE_VALUE 'snp_launch:SNP_[A-Z]*' igvm:IGVM_HEADER \
		vmsa:VMSA_FIELD msrs:SVM_MSR; do
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

# Linux has other names: each line is one of ours and one of theirs.
@test "MSRs have the numbers that the kernel's own header gives them" {
	header=$KDIR/arch/x86/include/asm/msr-index.h
	[ -e "$header" ] || header=$(sed -n 's/^include *//p' "$KDIR/Makefile" 2>/dev/null |
		sed 's,/Makefile$,/arch/x86/include/asm/msr-index.h,' | head -n 1)
	[ -e "$header" ] || skip "no kernel headers"
	while read -r ours theirs; do
		number=$(sed -n "s/^#define[[:space:]]*$theirs[[:space:]]*\(0x[0-9a-fA-F]*\).*/\1/p" "$header")
		echo "$ours $theirs $number"
		grep -qi "^SVM_MSR($(printf '0x%08x' "$number"), $ours,$" "$SVMKIT_SRC/include/svmkit/msrs.def"
	done <<-END
		TSC MSR_IA32_TSC
		APIC_BASE MSR_IA32_APICBASE
		SYSENTER_EIP MSR_IA32_SYSENTER_EIP
		DEBUG_CTL MSR_IA32_DEBUGCTLMSR
		LAST_INT_TO_IP MSR_IA32_LASTINTTOIP
		MTRR_FIX_4K_F8000 MSR_MTRRfix4K_F8000
		MTRR_DEF_TYPE MSR_MTRRdefType
		PAT MSR_IA32_CR_PAT
		MC0_MISC MSR_IA32_MC0_MISC
		XSS MSR_IA32_XSS
		EFER MSR_EFER
		STAR MSR_STAR
		SFMASK MSR_SYSCALL_MASK
		KERNEL_GS_BASE MSR_KERNEL_GS_BASE
		TSC_AUX MSR_TSC_AUX
		TSC_RATIO MSR_AMD64_TSC_RATIO
		PERF_EVT_SEL3 MSR_K7_EVNTSEL3
		HWCR MSR_K7_HWCR
		TOP_MEM2 MSR_K8_TOP_MEM2
		VM_CR MSR_VM_CR
		VM_HSAVE_PA MSR_VM_HSAVE_PA
		VIRT_SPEC_CTRL MSR_AMD64_VIRT_SPEC_CTRL
		GHCB MSR_AMD64_SEV_ES_GHCB
		OSVW_STATUS MSR_AMD64_OSVW_STATUS
		IBS_CTL MSR_AMD64_IBSCTL
	END
}

@test "docs/conformance.md is what the specs cover, and every row has a spec or a reason" {
	run python3 "$SVMKIT_SRC/tools/conformance-table.py" --check
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the table of states in svmrund-rpc(7) is the one that svmrund goes by" {
	python3 - "$SVMKIT_SRC" <<-'END'
	import re, sys
	source = open(sys.argv[1] + "/runtimed/vm_moves.c").read()
	page = open(sys.argv[1] + "/man/svmrund-rpc.7").read()
	moves = ["start", "pause", "resume", "stop", "destroy"]
	refused = {}
	for state, row in re.findall(r"\n\t\[VM_([A-Z]+)\] = \{(.*?)\n\t\},", source, re.S):
	    refused[state.lower()] = {move.lower() for move in re.findall(r"\[VM_MOVE_([A-Z]+)\]", row)}
	# Inner states are told as running: of them the page says that vm.stop is left.
	inner = {state: refused.pop(state) for state in ("pausing", "stopping", "draining")}
	assert all("stop" not in row for row in inner.values()), inner
	for state in ("stopping", "draining"):
	    assert inner[state] == set(moves) - {"stop"}, inner
	rows = page.split(".It Sy state Ta", 1)[1].split(".El", 1)[0].strip().split("\n")
	assert rows[0].split(" Ta ") == ["vm." + move for move in moves], rows[0]
	told = {}
	for row in rows[1:]:
	    state, *leads = row.removeprefix(".It ").split(" Ta ")
	    assert len(leads) == len(moves), row
	    told[state] = {move for move, to in zip(moves, leads) if to == "-"}
	assert told == refused, (told, refused)
	END
}

@test "svmrund, svmctl and the pages know the same reasons of an end" {
	python3 - "$SVMKIT_SRC" <<-'END'
	import re, sys
	def text(name):
	    return open(sys.argv[1] + "/" + name).read()
	daemon = set(re.findall(r'\[VM_END_[A-Z_]+\] = "([a-z-]+)"', text("runtimed/vm.c"))) - {"none"}
	client = set(re.findall(r'^\t\{ "([a-z-]+)", CTL_', text("ctl/end.c"), re.M))
	section = text("man/svmrund-rpc.7").split("\n.Sh END\n", 1)[1].split("\n.Sh ", 1)[0]
	page = set(re.findall(r"^\.Ql ([a-z-]+)", section, re.M))
	assert len(daemon) > 8 and daemon == client, daemon ^ client
	assert daemon <= page, daemon - page
	END
}
