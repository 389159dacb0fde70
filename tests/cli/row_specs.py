#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A spec for every row of the tables that a spec can set, and what its decompilation must name.

`row_specs.py make PAGE INCLUDE CHECKS DIR` writes DIR/NAME--N.yaml: three values of every field that the
page svmspec(5) lists under FIELDS (a test holds it against the tables), every intercept added and
removed. CHECKS is the output of svmc check --list: save states are allowed. `row_specs.py judge DIR
AGAIN` looks at the decompiled specs AGAIN/NAME--N.yaml: every row must have one, with the row's name and
without bytes; prints what is missing.
"""
import os
import random
import re
import sys

VALUES = 3


def fields(page):
    with open(page, encoding="utf-8") as f:
        text = f.read().replace("\\-", "-")
    found = []
    for heading, area in (("Of the state of vcpus", "state"), ("Of control", "control")):
        part = text.split('.SS "%s"' % heading)[1].split("\n.S")[0]
        for name, words in re.findall(r"^\.B (\S+)\n(.*?)(?=^\.TP|\Z)", part, re.M | re.S):
            place = re.search(r"^At 0x\w+, (\d+) bytes?(?:.*bits (\d+):(\d+)|.*bit (\d+))?", words, re.M)
            bits = 8 * int(place[1])
            if place[2]:
                bits = int(place[2]) - int(place[3]) + 1
            elif place[4]:
                bits = 1
            found.append((area, name, bits))
    return found


def value(r, name, bits):
    if name == "g_pat":
        return r.choice([0x0007040600070406, 0x0606060606060606, 0x0001040506070001])
    if name == "v_tpr":
        return r.randint(1, 15)
    if name in ("np_enable", "v_intr_masking"):	# every profile sets them
        return 0
    if name == "s_cet":
        return r.randint(1, 3)
    if name == "eventinj":	# NMIs that `inject` has no words for
        return r.choice([0x80000205, 0x80000206, 0x80000280])
    return r.getrandbits(bits) | 1 << r.randint(0, bits - 1)


def make(page, include, checks, directory):
    r = random.Random(20261127)
    with open(checks, encoding="utf-8") as f:
        allowed = [line.split()[0] for line in f if " save state " in line]
    head = "svmspec: 1\nname: row\nextends: %s\nmemory: [ { at: 0, size: 64KiB } ]\npayload: none\nallow: [%s]\n"
    rows = []
    for area, name, bits in fields(page):
        for i in range(VALUES):
            setting = "%s: 0x%x" % (name, value(r, name, bits))
            rows.append((name, i, "real16" if i % 2 else "prot32",
                         "vcpus: { state: { %s } }\n" % setting if area == "state" else "control: { %s }\n" % setting))
    with open(os.path.join(include, "intercepts.def"), encoding="utf-8") as f:
        for name, force in re.findall(r"^SVM_INTERCEPT\(\d+, \d+, (\w+), \w+, SVM_FORCE_(\w+),", f.read(), re.M):
            # What the profiles have cannot be added.
            if force != "ALWAYS":
                rows.append(("intercept_" + name, 0, "real16", "control: { intercepts: [+%s] }\n" % name))
            if name not in ("VMRUN", "SMI", "INIT"):	# errors: C13, intercept-forced
                rows.append(("intercept_" + name, 1, "real16",
                             "control: { intercepts: [-%s] }\n" % name))
    for name, i, profile, text in rows:
        with open(os.path.join(directory, "%s--%d.yaml" % (name, i)), "w", encoding="utf-8") as f:
            f.write(head % (profile, ", ".join(allowed)) + text)
    print("%d specs of %d rows" % (len(rows), len({name for name, *_ in rows})))


def judge(directory, again):
    seen, bad = {}, []
    for entry in sorted(os.listdir(directory)):
        name, _, _ = entry.partition("--")
        seen.setdefault(name, False)
        try:
            with open(os.path.join(again, entry), encoding="utf-8") as f:
                text = f.read()
        except FileNotFoundError:
            continue	# a check refused this value
        bare = name.replace("intercept_", "")
        segment, _, part = bare.partition(".")
        named = re.search(r"\b%s\b" % re.escape(bare), text) or (part and re.search(
            r"\b%s: \{[^}]*\b%s\b" % (segment, part), text))
        # An intercept that the profile has or has not anyway is not told.
        seen[name] = seen[name] or bool(named)
        if re.search(r"\b(hex|base64):", text):
            bad.append(entry + ": raw bytes")
    bad += [name + ": never compiled and named" for name, there in seen.items() if not there]
    print("\n".join(bad))
    sys.exit(1 if bad else 0)


if len(sys.argv) == 6 and sys.argv[1] == "make":
    make(*sys.argv[2:])
elif len(sys.argv) == 4 and sys.argv[1] == "judge":
    judge(*sys.argv[2:])
else:
    sys.exit("usage: row_specs.py make PAGE INCLUDE CHECKS DIR | judge DIR AGAIN")
