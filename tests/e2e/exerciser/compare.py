#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py EXPLAINED BARE SVMKIT: the exerciser's two logs differ as EXPLAINED says, and in nothing else.

Prints TAP: both logs are whole, every difference is explained, every explanation is needed.
"""

import collections
import difflib
import re
import sys

LINE = re.compile(r"(.+: .+?) (=|<-) ([0-9a-f]+)$")
AT_LEAST = 500  # lines: fewer were not the exerciser's


def read_log(path):
    lines = open(path).read().replace("\r", "").splitlines()
    return lines, all(LINE.match(line) for line in lines)


def read_explained(path):
    rows = collections.Counter()
    for line in open(path):
        if line.startswith("#"):
            continue
        where, bare, svmkit, times, why = (part.strip() for part in line.split("|"))
        if not why or (where, bare, svmkit) in rows:
            sys.exit(f"{path}: {line.strip()}: no reason, or twice")
        rows[where, bare, svmkit] = int(times)
    return rows


def differences(bare, svmkit):
    """As rows: what stands in one log alone is `absent` in the other."""
    names = [[" ".join(LINE.match(line).group(1, 2)) for line in log] for log in (bare, svmkit)]
    found = collections.Counter()
    for kind, a, a_end, b, b_end in difflib.SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if kind == "equal":
            pairs = zip(bare[a:a_end], svmkit[b:b_end])
        else:
            pairs = [(line, None) for line in bare[a:a_end]] + [(None, line) for line in svmkit[b:b_end]]
        for one, other in pairs:
            if one != other:
                values = [LINE.match(line).group(3) if line else "absent" for line in (one, other)]
                found[(LINE.match(one or other).group(1), *values)] += 1
    return found


def main():
    explained = read_explained(sys.argv[1])
    number, failed = 0, False

    def tell(holds, name, notes=()):
        nonlocal number, failed
        number += 1
        failed |= not holds
        print(f"{'ok' if holds else 'not ok'} {number} - {name}")
        for note in notes:
            print("#", note)

    logs = []
    for name, path in (("bare", sys.argv[2]), ("svmkit", sys.argv[3])):
        lines, well_formed = read_log(path)
        whole = well_formed and len(lines) >= AT_LEAST and lines[-1] == "end: reached = 1"
        tell(whole, f"{name}: the exerciser comes to its end, in {len(lines)} lines", [] if whole else lines[-3:])
        logs.append(lines)
    if not failed:
        found = differences(*logs)
        new = [f"{where}: bare {bare}, svmkit {svmkit}, {count} times" for (where, bare, svmkit), count
               in found.items() if count > explained[where, bare, svmkit]]
        gone = [f"{where}: bare {bare}, svmkit {svmkit}, {count} times" for (where, bare, svmkit), count
                in explained.items() if count > found[where, bare, svmkit]]
        tell(not new, f"every difference of {sum(found.values())} is explained", new)
        tell(not gone, "every explanation is of a difference", gone)
    print(f"1..{number}")
    return failed


sys.exit(main())
