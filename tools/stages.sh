# SPDX-License-Identifier: MIT
# Sourced by ./check: runs its stages. Each has a time budget (also its limit), a log of its own and one
# line of result; TAP lines of the log count one by one. Lanes are functions of stages that run side by
# side. Relies on $top and $logs; leaves $logs/NAME.log, $logs/NAME.result and, at the end, check.xml.

started=$(date +%s)
rm -f "$logs"/*.result "$logs"/*.pid "$logs/check.xml"

# How often PATTERN is in the log, without the failures that are expected (TODO of TAP).
count() { grep -E "$1" "$2" | grep -vc '^not ok.*# TODO '; }

# stage NAME SECONDS COMMAND...: 0 seconds: no limit. False: something failed.
stage() {
	local name=$1 limit=$2 log=$logs/$1.log begin status=0 seconds good bad result=ok
	shift 2
	begin=$(date +%s)
	SVMLAB_NAME=$SVMLAB_PREFIX$name timeout --kill-after=20 "$limit" "$@" >"$log" 2>&1 </dev/null &
	echo $! >"$logs/$name.pid"
	wait $! || status=$?
	rm -f "$logs/$name.pid"
	seconds=$(($(date +%s) - begin))
	good=$(count '^(PASS: |ok [0-9]+)' "$log")
	bad=$(count '^(FAIL: |ERROR: |not ok [0-9]+|Bail out!)' "$log")
	if [ "$status" = 124 ] || [ "$status" = 137 ]; then
		echo "$name: stopped after its limit of $limit s"
		bad=$((bad + 1))
	elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ "$good" = 0 ] && [ "$bad" = 0 ]; then
		good=1
	fi
	grep -hE '^(SKIP: |ok .*# SKIP)' "$log"
	if [ "$bad" != 0 ]; then
		result=FAILED
		grep -hE -A12 '^(FAIL: |ERROR: |not ok |Bail out!)' "$log" | grep -v '# TODO ' | head -n 60
		[ -n "$(grep -lE '^(FAIL: |not ok )' "$log")" ] || tail -n 25 "$log"
		echo "(see ${log#"$top/"})"
	fi
	printf '%-14s %5d passed %4d failed %5d s of %4d  %s\n' "$name" "$good" "$bad" "$seconds" \
		"$limit" "$result" | tee "$logs/$name.result"
	[ "$bad" = 0 ]
}

# lanes FUNCTION...: each in a process of its own, side by side.
lanes() {
	local lane
	for lane in "$@"; do
		"$lane" &
	done
	wait
}

# Every stage's TAP as JUnit.
junit() {
	echo '<?xml version="1.0" encoding="UTF-8"?>'
	echo '<testsuites>'
	for log in "$logs"/*.log; do
		[ -e "${log%.log}.result" ] || continue
		awk -v "name=$(basename "$log" .log)" '
			function escape(s) {
				gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
				gsub(/"/, "\\&quot;", s); gsub(/[^[:print:]]/, "?", s)
				return s
			}
			/^(PASS|FAIL|SKIP|XFAIL|ERROR): / || /^(not )?ok [0-9]+/ {
				tests++
				todo = /# TODO /; skipped = /# SKIP/ || /^SKIP/ || todo
				failed = !skipped && (/^not ok/ || /^(FAIL|ERROR)/)
				failures += failed; skips += skipped
				body = body "<testcase classname=\"" name "\" name=\"" escape($0) "\">" \
					(failed ? "<failure/>" : skipped ? "<skipped/>" : "") "</testcase>\n"
			}
			END {
				printf "<testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">\n%s</testsuite>\n",
					name, tests, failures, skips, body
			}' "$log"
	done
	echo '</testsuites>'
}

# What failed of every stage, again, so that the last screen tells it: at most 10 lines of reason each.
failures() {
	local result name log
	for result in "$logs"/*.result; do
		awk '$4 == 0 { exit 1 }' "$result" || continue
		name=$(basename "$result" .result)
		log=$logs/$name.log
		# What a test of make check said is not in the stage's log.
		[ ! -s "$top/build/${name#tests-}/test-suite.log" ] || log=$top/build/${name#tests-}/test-suite.log
		echo "-- $name:"
		[ ! -e "$log" ] || awk '
			/# TODO / { left = 0; next }
			/^(FAIL: |ERROR: |not ok |Bail out!)/ { print; shown++; left = 10; next }
			/^(PASS: |SKIP: |ok )/ { left = 0 }
			{ if (left > 0) print; left--; last[NR % 10] = $0 }
			END { if (!shown) for (i = NR - 9; i <= NR; i++) if (i > 0) print last[i % 10] }' "$log" |
			cut -c 1-200 | head -n 30
	done
}

# The closing table and the line that counts; the status is 0 if nothing failed.
finish() {
	local passed failed
	for log in "$logs"/*.log; do
		"$SVMKIT_BUILD/svmlab" down --name "$SVMLAB_PREFIX$(basename "$log" .log)" >/dev/null 2>&1
	done
	junit >"$logs/check.xml"
	say "Summary: $(($(date +%s) - started)) s; logs and check.xml (JUnit) are in ${logs#"$top/"}"
	# shellcheck disable=SC2012
	ls -tr "$logs"/*.result 2>/dev/null | xargs -r cat
	passed=$(cat "$logs"/*.result /dev/null | awk '{ n += $2 } END { print n + 0 }')
	failed=$(cat "$logs"/*.result /dev/null | awk '{ n += $4 } END { print n + 0 }')
	failed=$((failed + ${1:-0}))
	[ "$failed" = 0 ] || { say "What failed"; failures; }
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
	exit
}

interrupted() {
	trap '' INT TERM
	# shellcheck disable=SC2046
	kill $(jobs -p) $(cat "$logs"/*.pid) 2>/dev/null
	echo interrupted
	finish 1
}
trap interrupted INT TERM
