#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# tools/stages.sh, with which ./check runs its stages: what is counted, what is told of a failure and where.

setup() {
	: "${SVMKIT_SRC:?the directory with the sources}"
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p logs build/gcc
}

# The commands of standard input as a ./check; its output is in $output, its status in $status.
check() {
	{
		echo "top=$BATS_TEST_TMPDIR logs=$BATS_TEST_TMPDIR/logs SVMKIT_BUILD=/nonexistent SVMLAB_PREFIX=test-"
		echo "say() { printf '\n== %s\n' \"\$*\"; }"
		echo ". $SVMKIT_SRC/tools/stages.sh"
		cat
		echo finish
	} >check
	run bash check
}

@test "TAP lines are counted; an expected failure is none" {
	check <<-'END'
		tap() { printf 'ok 1 - a\nok 2 - b # SKIP no c\nnot ok 3 - d # TODO known\n'; }
		export -f tap
		stage good 10 bash -c tap
	END
	[ "$status" -eq 0 ]
	grep -q '^good  *2 passed  *0 failed .* ok$' <<<"$output"
	grep -q '^ok 2 - b # SKIP no c$' <<<"$output"
	[ "${lines[-1]}" = "2 passed, 0 failed" ]
	[ -z "$(grep 'What failed' <<<"$output")" ]
}

@test "the last screen has every failure with its reason, and the status says so" {
	check <<-'END'
		tap() { printf 'ok 1 - a\nnot ok 2 - b\n# because of c\nok 3 - d\n'; }
		export -f tap
		stage bad 10 bash -c tap
		stage silent 10 sh -c 'echo it broke; exit 7'
		printf 'FAIL: x\n=======\nnot ok 1 y\n# the reason of y\n' >"$top/build/gcc/test-suite.log"
		stage tests-gcc 10 sh -c 'echo FAIL: x; exit 2'
	END
	[ "$status" -eq 1 ]
	sed '1,/What failed/d' <<<"$output" >told
	diff told - <<-'END'
		-- bad:
		not ok 2 - b
		# because of c
		-- silent:
		it broke
		-- tests-gcc:
		FAIL: x
		=======
		not ok 1 y
		# the reason of y
		2 passed, 3 failed
	END
}

@test "a stage that hangs is stopped after its limit, and counts" {
	check <<-'END'
		stage hung 1 sleep 1000
	END
	[ "$status" -eq 1 ]
	grep -q '^hung: stopped after its limit of 1 s$' <<<"$output"
	[ "${lines[-1]}" = "0 passed, 1 failed" ]
}

@test "lanes run side by side, and JUnit has all of them" {
	check <<-'END'
		one() { mkfifo pipe && stage one 60 sh -c 'cat pipe; echo "ok 1 - <a> & b"'; }
		two() { until [ -p pipe ]; do sleep 0.01; done; stage two 60 sh -c 'echo go >pipe; echo not ok 1 - c'; }
		lanes one two
	END
	[ "${lines[-1]}" = "1 passed, 1 failed" ]
	python3 - <<-'END'
		import xml.etree.ElementTree as tree
		suites = {s.get('name'): s for s in tree.parse('logs/check.xml').getroot()}
		assert suites['one'].get('failures') == '0' and suites['two'].get('failures') == '1'
		assert suites['one'][0].get('name') == 'ok 1 - <a> & b'
	END
}

@test "an interrupted check stops its stages, counts as failed, and can run again" {
	check <<-'END'
		lane() { stage long 600 sh -c 'echo $$ >pid; exec sleep 1000'; }
		(until [ -s pid ]; do sleep 0.01; done; kill -TERM $$) &
		lanes lane
	END
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "0 passed, 1 failed" ]
	for _ in $(seq 500); do
		kill -0 "$(cat pid)" 2>/dev/null || break
		sleep 0.01
	done
	[ -z "$(kill -0 "$(cat pid)" 2>&1 >/dev/null || true)" ] && false
	check <<<"stage again 10 true"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "1 passed, 0 failed" ]
}
