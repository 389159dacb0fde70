#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bench/run: what it takes from benches, what it says of those that fail, and the page that it makes.
# No measurement: the benches here are made up.

setup() {
	: "${SVMKIT_SRC:?the directory with the sources}" "${SVMKIT_BUILD:?the build directory}"
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bench docs
	cp "$SVMKIT_SRC"/bench/{run,rows.py,page.py,chart.py} bench
	echo '[ { "bench": "good", "row": "compile", "before": 20, "change": "hash" },
		{ "bench": "good", "row": "speed", "ratio": 2, "change": "batches" } ]' >bench/wins.json
	bench good 10 <<-'BENCH'
		rows.row("compile", "instructions", 5, 10, "dtc", bound=0.5)
		rows.row("speed", "events/s", 30, 10, "plain writer", bound=3, better="higher")
		for x in (1, 10, 1000):
		    rows.point("VMs & <many>", x, "VMs", "ms", x * 0.3, x * 2, "KVM")
	BENCH
}

# bench NAME SECONDS: its body from standard input
bench() {
	{
		printf '#!/usr/bin/env python3\n# bench: %s s: title of %s\nimport sys\n' "$2" "$1"
		printf 'from rows import Rows, cannot\nrows = Rows(True)\n'
		cat
		echo 'sys.exit(rows.status())'
	} >"bench/$1"
	chmod +x "bench/$1"
}

bench_run() {
	run python3 -B bench/run --build "$SVMKIT_BUILD" "$@"
	echo "$output"
}

@test "rows within their bounds are status 0, and the page has them, the curve and what was won" {
	bench_run --docs
	[ "$status" -eq 0 ]
	grep -q '^2 rows, 0 missed, 0 benches failed, 0 skipped' <<<"$output"
	grep -qF '| compile | instructions | 5 | 10: dtc | 0.50 | at most 0.5: holds |' docs/benchmarks.md
	grep -qF '| speed | events/s | 30 | 10: plain writer | 3.00 | at least 3: holds |' docs/benchmarks.md
	grep -qF '| hash | good: compile | instructions | 20 | 5 | 25 % |' docs/benchmarks.md
	grep -qF '| batches | good: speed | of the events/s of plain writer | 2 | 3 | 150 % |' docs/benchmarks.md
	grep -qF '](benchmarks-vms-many.svg)' docs/benchmarks.md
	python3 -c 'import sys, xml.dom.minidom as m
svg = m.parse(sys.argv[1])
texts = [t.firstChild.data for t in svg.getElementsByTagName("text")]
assert {"VMs & <many>", "VMs", "ms", "KVM", "svmkit", "1,000"} <= set(texts), texts
assert len(svg.getElementsByTagName("circle")) == 4' docs/benchmarks-vms-many.svg
	cmp docs/benchmarks.md build/bench/benchmarks.md
	python3 -c 'import json; r = json.load(open("build/bench/bench.json"))
assert r["benches"][0]["rows"][0]["ratio"] == 0.5 and len(r["benches"][0]["points"]) == 3
assert set(r["conditions"]) >= {"command", "commit", "processor"}'
}

@test "some benches alone do not replace the page in docs/" {
	bench_run --docs good
	[ "$status" -eq 0 ]
	[ -e build/bench/benchmarks.md ] && [ ! -e docs/benchmarks.md ]
}

@test "a page can be made again from bench.json, without measuring" {
	bench_run good
	cp build/bench/benchmarks.md first.md
	rm bench/good build/bench/benchmarks.md
	bench_run --from build/bench/bench.json
	[ "$status" -eq 0 ]
	cmp first.md build/bench/benchmarks.md
}

@test "a bound that is missed is named, either way round, and is status 1" {
	bench slow 10 <<<'rows.row("too much", "ms", 6, 10, "dtc", bound=0.5)'
	bench few 10 <<<'rows.row("too little", "events/s", 2, bound=3, better="higher")'
	bench_run slow few
	[ "$status" -eq 1 ]
	grep -q '^MISSED slow: too much$' <<<"$output"
	grep -q '^MISSED few: too little$' <<<"$output"
	grep -q '^2 rows, 2 missed, 0 benches failed' <<<"$output"
}

@test "a bench that fails, hangs, says nothing or something else is named, and the others run" {
	bench raises 10 <<<'raise ValueError("no dice")'
	bench hangs 1 <<<'import time; time.sleep(60)'
	bench mute 10 <<<'pass'
	bench chatty 10 <<<'print("hello")'
	bench twice 10 <<<'rows.row("a", "ms", 1); rows.row("a", "ms", 2)'
	bench_run chatty good hangs mute raises twice
	[ "$status" -eq 1 ]
	grep -q '^FAILED raises: status 1: ValueError: no dice' <<<"$output"
	grep -q '^FAILED hangs: stopped after its limit of 1 s' <<<"$output"
	grep -q '^FAILED mute: measured nothing' <<<"$output"
	grep -q '^FAILED chatty: printed what is neither a row nor a point: hello' <<<"$output"
	grep -q '^FAILED twice: has two rows with the name a' <<<"$output"
	grep -q '^4 rows, 0 missed, 5 benches failed' <<<"$output"
	grep -q 'FAILED\|Failed:' build/bench/benchmarks.md
}

@test "a bench that cannot run here says why and is no failure" {
	bench elsewhere 10 <<<'cannot("no such emulator")'
	bench_run elsewhere
	[ "$status" -eq 0 ]
	grep -q '^SKIPPED elsewhere: cannot run here: no such emulator' <<<"$output"
}

@test "a name that is none is refused with those that are" {
	bench_run good nonsense
	[ "$status" -eq 2 ]
	grep -q 'there is no bench nonsense; there are: good' <<<"$output"
}

@test "bench/README names every bench of the tree, and no other" {
	python3 -B "$SVMKIT_SRC/bench/run" --list | awk '{ print $1 }' | sort >have
	sed -n 's/^| `\([a-z-]*\)` |.*/\1/p' "$SVMKIT_SRC/bench/README" | sort >named
	diff have named
}

# slope EXPRESSION...: each must be true of bench/slope.py
slope() {
	for expression; do
		PYTHONPATH=$SVMKIT_SRC/bench python3 -B -c 'import random, sys
from slope import settled, theil_sen
def noisy(growth, rounds=12, seed=1, noise=45):
    r = random.Random(seed)
    return [7000 + growth * n + r.gauss(0, noise) for n in range(rounds)]
assert eval(sys.argv[1]), sys.argv[1]' "$expression" || return
	done
}

@test "the slope of a line is its own, and a few values that are anything do not change it" {
	slope 'theil_sen([5, 7, 9, 11]) == 2' 'theil_sen([3] * 12) == 0' 'theil_sen([9, 7, 5]) == -2' \
		'theil_sen([0, 2, 4, 9000, 8, 10, 12, -70, 16, 18]) == 2'
}

@test "what fills up during the warm-up is no slope afterwards" {
	slope 'settled(list(range(12))) == list(range(4, 12))' \
		'theil_sen(settled([0, 900, 1500, 1800] + [1900] * 8)) == 0'
}

@test "a leak is seen in noise that is larger than it, and noise alone is none" {
	slope 'all(theil_sen(settled(noisy(120, seed=s))) > 40 for s in range(100))' \
		'sum(theil_sen(settled(noisy(0, seed=s))) > 40 for s in range(1000)) == 0' \
		'all(theil_sen(settled(noisy(10, rounds=100, seed=s))) > 5 for s in range(20))'
}
