#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the field reference of svmspec(5) from the tables, as `svmc explain` tells them.

The part between the two markers of man/svmspec.5 is replaced; a test runs this again and compares.
Usage: gen-fields.py SVMC PAGE-IN PAGE-OUT
"""
import os
import re
import subprocess
import sys

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "include", "svmkit")
BEGIN = '.\\" Begin of what tools/gen-fields.py makes of the tables.\n'
END = '.\\" End of what tools/gen-fields.py makes of the tables.\n'


def names():
    with open(os.path.join(INCLUDE, "vmcb_control.def"), encoding="utf-8") as f:
        control = re.findall(r"^VMCB_CONTROL\((?:\w+, ){4}(\w+),", f.read(), re.M)
    with open(os.path.join(INCLUDE, "vmcb_save.def"), encoding="utf-8") as f:
        save = re.findall(r'^VMCB_SAVE\([^"]*"([^"]+)"', f.read(), re.M)
    return control, save


def explain(svmc, wanted):
    """NAME and area -> what explain says, as a dictionary of its labels."""
    text = subprocess.run([svmc, "explain"] + wanted, check=True, capture_output=True, text=True).stdout
    found = {}
    for block in re.split(r"\n+(?=\S)", text):
        head = re.match(r"(\S+): VMCB field, (\S+)", block)
        if head:
            found[head[1], head[2]] = dict(re.findall(r"^  (\w[\w ]*?)  +(.*)$", block, re.M))
    return found


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return ("\\&" + text) if text[:1] in ".'" else text


def entry(name, facts):
    lines = [".TP", ".B " + roff(name)]
    if facts.get("meaning"):
        lines.append(roff(facts["meaning"]) + ".")
    lines.append(roff("%s; %s." % (re.sub(r"^VMCB offset", "At", facts["place"]), facts["access"])))
    if facts.get("feature") and facts["feature"] != "base":
        lines.append(roff("Feature: %s." % facts["feature"]))
    if facts.get("rule"):
        lines.append(roff("Rule: %s." % facts["rule"]))
    return lines


def reference(svmc):
    control, save = names()
    facts = explain(svmc, sorted(set(control + save)))
    out = [".SH FIELDS", "Fields of the VMCB that a spec may set, from the tables of AMD\\(aqs manual, "
           "volume 2, appendix B.", ".BR \"svmc explain\" \" \\fINAME\\fR\"", "tells the same of every name.",
           ".SS \"Of the state of vcpus\""]
    for name in save:
        rows = facts[name, "state"]
        if "no key" not in rows["spec"]:
            out += entry(name, rows)
    out.append(".SS \"Of control\"")
    for name in control:
        rows = facts[name, "control"]
        if "no key" not in rows["spec"] and "intercepts" not in rows["spec"]:
            out += entry(name.lower(), rows)
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: gen-fields.py SVMC PAGE-IN PAGE-OUT")
    with open(sys.argv[2], encoding="utf-8") as f:
        page = f.read()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    page = before + BEGIN + reference(sys.argv[1]) + END + after
    with open(sys.argv[3], "w", encoding="utf-8") as f:
        f.write(page)


main()
