#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Truth from outside for svmc's rules: what VMRUN answers to VMCBs that break them.

`cases.py make SVMC SEED DIR` writes DIR/list and DIR/pages for probe_run, and DIR/verdicts with what
svmc says of the same states; `cases.py compare BACKEND DIR ANSWERS` prints TAP; `cases.py specs SVMC DIR`
writes the save rows as specs that allow them. Every C and G row of
facts/consistency_checks.csv is broken alone, or stands in IMPOSSIBLE with the reason; then come random
pairs of rows, and random values of registers.

The page of a case is that of a good spec (svmc compile --emit vmcb) with fields patched at the
offsets of the tables, never at svmc's own.
"""
import csv
import json
import os
import random
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDE = os.path.join(HERE, "..", "..", "include", "svmkit")
FILL_IOPM, FILL_MSRPM, FILL_NCR3, FILL_CODE, FILL_CR3, NO_SVME, MISALIGNED, HSAVE_LOW = (1 << n for n in range(8))
PAIRS, VALUES = 150, 250

IMPOSSIBLE = {
    "C09": "every processor with SVM has long mode",
    "C23": "Linux has paging on when it executes VMRUN",
    "C26": "the emulated processors have nested paging",
    "C31": "U_CET is in no plain VMCB, but in a VMSA (SEV-ES)",
    "C35": "Linux is in 64-bit mode",
    "C36": "no SNP host: there is neither a VMSA nor an RMP",
    "C37": "no SNP host",
    "C38": "SEV_FEATURES is in a VMSA, which a plain VMCB does not have",
    "C39": "SEV_FEATURES is in a VMSA, which a plain VMCB does not have",
    "G03": "no SNP host",
}

# Rows that an emulation lets pass, by its source (QEMU 7.2: helper_vmrun) and by these tests, which
# notice when one of them is refused. For what neither checks (C18, C19, C21, C22, C28, C32 to C34) the
# manual's word is all there is.
UNCHECKED = {
    "qemu": {
        "C18": "EVENTINJ is not compared with the mode",
        "C19": "reserved bits of EVENTINJ are ignored",
        "C21": "the ASID is compared with zero only",
        "C22": "there is no virtual NMI",
        "C24": "N_CR3 is not looked at before the first walk",
        "C25": "G_PAT is not looked at",
        "C27": "PDPEs are read by the first walk, not by VMRUN",
        "C28": "there is no CET",
        "C32": "there is no SEV", "C33": "there is no SEV", "C34": "there is no SEV",
    },
    "bochs": {
        "C04": "CR3 is not looked at in long mode",
        "C11": "CR0.PG without PE goes on",
        "C18": "EVENTINJ is not compared with the mode",
        "C19": "reserved bits of EVENTINJ are ignored",
        "C21": "the ASID is compared with zero only",
        "C22": "there is no virtual NMI",
        "C28": "there is no CET",
        "C32": "there is no SEV", "C33": "there is no SEV", "C34": "there is no SEV",
        "G02": "VM_HSAVE_PA takes low bits",
    },
}


def too_strict(backend, said):
    """Bochs 2.7 refuses CS with L and D in every mode; 15.5.1 has the rule for long mode alone."""
    attrib = int(said["changes"].get("cs.attrib", "0"), 16)
    return backend == "bochs" and attrib & 0x600 == 0x600


# Rows whose state VMRUN refuses here though svmc does not, and why.
OTHER_REASON = {"C29": "CR4.CET is reserved on it", "C30": "CR4.CET is reserved on it",
                "C27": "the PDPEs are what memory holds when VMRUN looks, which no spec says"}

PE, WP, NW, PG, PAE, LME = 1 << 0, 1 << 16, 1 << 29, 1 << 31, 1 << 5, 1 << 8
# Bits that both svmc and the emulated processors know, so that only the rules decide.
CR4_BITS = [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
CR4_RESERVED = [13, 15, 19, 32, 45, 63]
EFER_BITS = [0, 8, 11, 12]
EFER_RESERVED = [1, 9, 16, 19, 40, 63]


def fields():
    """NAME -> offset in the page, bytes, lowest bit, number of bits."""
    found = {}
    with open(os.path.join(INCLUDE, "vmcb_control.def"), encoding="utf-8") as f:
        for m in re.finditer(r"^VMCB_CONTROL\((\w+), (\d+), (\d+), (\d+), (\w+),", f.read(), re.M):
            found[m[5].lower()] = (int(m[1], 16), int(m[2]), int(m[4]), int(m[3]) - int(m[4]) + 1)
    with open(os.path.join(INCLUDE, "vmcb_save.def"), encoding="utf-8") as f:
        for m in re.finditer(r'^VMCB_SAVE\((\w+), (\d+), \w+, [\w.]+, "([\w.]+)"', f.read(), re.M):
            found[m[3]] = (0x400 + int(m[1], 16), int(m[2]), 0, int(m[2]) * 8)
    with open(os.path.join(INCLUDE, "intercepts.def"), encoding="utf-8") as f:
        for m in re.finditer(r"^SVM_INTERCEPT\((\d+), (\d+), (\w+),", f.read(), re.M):
            found["+" + m[3]] = (4 * int(m[1]), 4, int(m[2]), 1)
    return found


FIELDS = fields()


def patch(page, name, value):
    offset, size, low, width = FIELDS[name]
    mask = ((1 << width) - 1) << low
    word = int.from_bytes(page[offset:offset + size], "little")
    page[offset:offset + size] = (word & ~mask | value << low & mask).to_bytes(size, "little")


class Case:
    """A profile's state with some fields changed; `rows` are the rules that the changes break."""

    def __init__(self, rows, base, changes, clear=0, flags=0, taken_by=""):
        self.rows, self.base, self.changes, self.clear, self.flags = set(rows), base, changes, clear, flags
        # An emulation that checks the row otherwise, but takes this value; and the rows that it is so for.
        self.taken_by = {taken_by: set(rows)} if taken_by else {}

    def fill(self):
        return (FILL_IOPM | FILL_MSRPM | FILL_NCR3) & ~self.clear | self.flags


def event(kind, vector, more=0):
    return {"eventinj": 1 << 31 | kind << 8 | vector | more}


LONG, REAL, PROT = "long64", "real16", "prot32"
CR0_LONG = 0x80010033
BASE_REGISTERS = {
    LONG: {"cr0": CR0_LONG, "cr4": PAE, "efer": 0x1500}, REAL: {"cr0": 0x10, "cr4": 0, "efer": 0x1000},
    PROT: {"cr0": 0x33, "cr4": 0, "efer": 0x1000},
}
SINGLES = [
    Case(["C01"], REAL, {"efer": 0}), Case(["C01"], LONG, {"efer": 0x500}),
    Case(["C02"], REAL, {"cr0": 0x10 | NW}), Case(["C02"], LONG, {"cr0": CR0_LONG | NW}),
    Case(["C03"], REAL, {"cr0": 0x10 | 1 << 32}), Case(["C03"], LONG, {"cr0": CR0_LONG | 1 << 63}),
    Case(["C04"], LONG, {"cr3": 1 << 52}), Case(["C04"], LONG, {"cr3": 1 << 63}),
    Case(["C05"], REAL, {"cr4": 1 << 32}), Case(["C05"], PROT, {"cr4": 1 << 15}), Case(["C05"], LONG, {"cr4": 0x20 | 1 << 63}),
    Case(["C06"], REAL, {"dr6": 0xffff0ff0 | 1 << 32}), Case(["C06"], LONG, {"dr6": 0xffff0ff0 | 1 << 63}),
    Case(["C07"], REAL, {"dr7": 0x400 | 1 << 32}), Case(["C07"], LONG, {"dr7": 0x400 | 1 << 63}),
    Case(["C08"], REAL, {"efer": 0x1000 | 1 << 16}), Case(["C08"], LONG, {"efer": 0x1500 | 1 << 63}),
    Case(["C10"], LONG, {"cr4": 0}), Case(["C11"], LONG, {"cr0": CR0_LONG & ~PE}),
    Case(["C12"], LONG, {"cs.attrib": 0xe9b}),
    Case(["C13"], REAL, {"+VMRUN": 0}),
    Case(["C14"], REAL, {"msrpm_base_pa": 1 << 51}, clear=FILL_MSRPM),
    Case(["C15"], REAL, {"iopm_base_pa": 1 << 51}, clear=FILL_IOPM),
    Case(["C16"], REAL, event(1, 13)), Case(["C16"], REAL, event(5, 13)), Case(["C16"], LONG, event(6, 13)),
    Case(["C16"], REAL, event(7, 13)),
    Case(["C17"], REAL, event(3, 2)), Case(["C17"], LONG, event(3, 31), taken_by="bochs"), Case(["C17"], REAL, event(3, 200)),
    Case(["C18"], LONG, event(3, 5)),
    Case(["C19"], LONG, event(3, 6, 1 << 12)), Case(["C19"], LONG, event(3, 6, 1 << 30)),
    Case(["C20"], REAL, {"guest_asid": 0}), Case(["C21"], REAL, {"guest_asid": 0xffffffff}),
    Case(["C22"], REAL, {"v_nmi_enable": 1, "+NMI": 0}),
    Case(["C24"], REAL, {"n_cr3": 1 << 52}, clear=FILL_NCR3), Case(["C24"], REAL, {"n_cr3": 1 << 63}, clear=FILL_NCR3),
    Case(["C25"], REAL, {"g_pat": 2}), Case(["C25"], LONG, {"g_pat": 0x0807040600070406}),
    Case(["C27"], PROT, {"cr0": 0x80000033, "cr4": 0x20, "np_enable": 0}, flags=FILL_CODE | FILL_CR3),
    Case(["C28"], LONG, {"s_cet": 1 << 6}),
    Case(["C29"], LONG, {"cr4": 0x20 | 1 << 23, "cr0": CR0_LONG & ~WP}),
    Case(["C30"], PROT, {"cr4": 1 << 23, "cr0": 0x33 | WP, "rflags": 2 | 1 << 17}),
    Case(["C32"], REAL, {"sev_enable": 1, "np_enable": 0}, flags=FILL_CODE),
    Case(["C33"], REAL, {"sev_enable": 1}),
    Case(["C34"], REAL, {"sev_enable": 1, "guest_asid": 15}),
    Case(["G01"], REAL, {}, flags=MISALIGNED), Case(["G02"], REAL, {}, flags=HSAVE_LOW),
    Case(["G04"], REAL, {}, flags=NO_SVME),
]


def check_coverage():
    """Every row is broken, or cannot be: so a new row of the facts fails here."""
    with open(os.path.join(INCLUDE, "facts", "consistency_checks.csv"), newline="", encoding="utf-8") as f:
        rows = {row["id"] for row in csv.DictReader(f) if row["id"][0] in "CG"}
    broken = {row for case in SINGLES for row in case.rows}
    assert broken | set(IMPOSSIBLE) == rows, sorted(rows ^ (broken | set(IMPOSSIBLE)))
    assert not broken & set(IMPOSSIBLE)


def pairs(r):
    """Two rows of one profile broken at once, in different fields and flags."""
    chosen = []
    while len(chosen) < PAIRS:
        a, b = r.sample([c for c in SINGLES if c.rows.isdisjoint(("G01", "G02", "G04"))], 2)
        if a.base == b.base and not set(a.changes) & set(b.changes) and a.rows != b.rows:
            # Without NP_ENABLE or in another mode the other row may not be broken any more.
            if not {"C27", "C32", "C30", "C29"} & (a.rows | b.rows) and not {"C10", "C11", "C12"} & (a.rows | b.rows):
                both = Case(a.rows | b.rows, a.base, {**a.changes, **b.changes}, a.clear | b.clear, a.flags | b.flags)
                both.taken_by = {**a.taken_by, **b.taken_by}
                chosen.append(both)
    return chosen


def kills_qemu(case):
    """#VMEXIT of QEMU 7.2 loads the host's CR0.PG while EFER.LME and CR4.PAE are still the guest's: with
    the first and without the second it leaves paging off, which ends the host."""
    cr0, cr4, efer = (case.changes.get(n, BASE_REGISTERS[case.base][n]) for n in ("cr0", "cr4", "efer"))
    return efer & LME and not cr0 & PG and not cr4 & PAE


def values(r):
    """Random registers: svmc alone says which rows they break."""
    def bits(numbers, most):
        return sum(1 << n for n in r.sample(numbers, r.randint(0, min(most, len(numbers)))))

    chosen = []
    for _ in range(VALUES):
        changes = {}
        if r.random() < .5:
            changes["cr0"] = bits([0, 1, 2, 4, 5, 16, 18, 29, 30, 31], 8) | (bits([32, 50, 63], 1) if r.random() < .2 else 0)
        if r.random() < .5:
            changes["cr4"] = bits(CR4_BITS + [5, 5], 8) if r.random() < .8 else bits(CR4_BITS + CR4_RESERVED, 6)
        if r.random() < .5:
            changes["efer"] = 0x1000 | bits(EFER_BITS, 4) | (bits(EFER_RESERVED, 1) if r.random() < .3 else 0)
        if r.random() < .2:
            changes["efer"] = bits(EFER_BITS, 3)
        if r.random() < .2:
            changes["dr6"] = r.choice([0xffff0ff0, 0xffff0ff0 | 1 << r.randint(32, 63)])
        if r.random() < .2:
            changes["dr7"] = r.choice([0x400, 0x400 | 1 << r.randint(32, 63)])
        if r.random() < .2:
            changes["cs.attrib"] = r.choice([0xa9b, 0xc9b, 0xe9b, 0x9b])
        case = Case([], r.choice([REAL, PROT, LONG]), changes)
        if kills_qemu(case):
            changes["cr4"] = changes.get("cr4", 0) | PAE
        chosen.append(case)
    return chosen


def spec_text(case):
    """The case in the language; what has no key there is asked for by its name, and refused."""
    text = "svmspec: 1\nname: probe\nextends: %s\nmemory: [ { at: 0, size: 2MiB } ]\npayload: none\n" % case.base
    state = {n: v for n, v in case.changes.items() if FIELDS[n][0] >= 0x400}
    control = {n: v for n, v in case.changes.items() if n not in state}
    if state:
        text += "vcpus: { state: { %s } }\n" % ", ".join("%s: 0x%x" % pair for pair in state.items())
    if control:
        words = ["-" + n[1:] for n in control if n[0] == "+"]
        rows = ["intercepts: [%s]" % ", ".join(words)] if words else []
        rows += ["%s: 0x%x" % (n, v) for n, v in control.items() if n[0] != "+"]
        text += "control: { %s }\n" % ", ".join(rows)
    return text


def verdict(svmc, case, path):
    """What svmc says: whether it refuses, and the rows that it names."""
    with open(path, "w", encoding="utf-8") as f:
        f.write(spec_text(case))
    run = subprocess.run([svmc, "check", "--diagnostics=json", path], capture_output=True, text=True, check=False)
    errors = [row["message"] for row in map(json.loads, run.stderr.splitlines()) if row["severity"] == "error"]
    assert run.returncode == (1 if errors else 0), run.stderr
    return {"refused": bool(errors), "named": sorted(set(re.findall(r"\[(C\d\d),", " ".join(errors))))}


def base_page(svmc, base, directory):
    path, out = os.path.join(directory, "base.yaml"), os.path.join(directory, "base.vmcb")
    with open(path, "w", encoding="utf-8") as f:
        f.write(spec_text(Case([], base, {})))
    subprocess.run([svmc, "compile", "--emit", "vmcb", "-o", out, path], check=True)
    with open(out, "rb") as f:
        page = bytearray(f.read())
    patch(page, "guest_asid", 1)
    return page


def make(svmc, seed, directory):
    check_coverage()
    r = random.Random(seed)
    cases = [("good-" + base, Case([], base, {})) for base in (REAL, PROT, LONG)]
    cases += [("%s-%d" % ("-".join(sorted(c.rows)), i), c) for i, c in enumerate(SINGLES)]
    cases += [("pair-%s-%d" % ("-".join(sorted(c.rows)), i), c) for i, c in enumerate(pairs(r))]
    cases += [("values-%d" % i, c) for i, c in enumerate(values(r))]
    bases = {base: base_page(svmc, base, directory) for base in (REAL, PROT, LONG)}
    verdicts = {}
    with open(os.path.join(directory, "list"), "w", encoding="utf-8") as names, \
            open(os.path.join(directory, "pages"), "wb") as pages:
        for name, case in cases:
            page = bytearray(bases[case.base])
            for field, value in case.changes.items():
                patch(page, field, value)
            names.write("%s %x\n" % (name, case.fill()))
            pages.write(page)
            verdicts[name] = dict(verdict(svmc, case, os.path.join(directory, "case.yaml")), rows=sorted(case.rows),
                                  base=case.base, changes={n: hex(v) for n, v in case.changes.items()},
                                  taken_by={n: sorted(rows) for n, rows in case.taken_by.items()})
    with open(os.path.join(directory, "verdicts"), "w", encoding="utf-8") as f:
        json.dump(verdicts, f)
    print("%d cases" % len(cases))


def specs(svmc, directory):
    """The save rows for svmrt.ko, which passes them on when the spec allows them: they end with INVALID."""
    listed = subprocess.run([svmc, "check", "--list"], check=True, capture_output=True, text=True).stdout
    allowable = {line.split()[0] for line in listed.splitlines() if " save state " in line}
    count = 0
    for i, case in enumerate(SINGLES):
        if not case.rows <= allowable or min(case.rows) in UNCHECKED["qemu"]:
            continue
        row = min(case.rows)
        with open(os.path.join(directory, "allow-%s-%d.yaml" % (row, i)), "w", encoding="utf-8") as f:
            f.write(spec_text(case) + "allow: [%s]\nexpect: { exit: INVALID, within: 30s }\n" % row)
        count += 1
    assert count >= 18, count


def judge(name, said, answer, backend):
    """None, or why svmc's verdict and VMRUN's answer do not fit each other."""
    rows = set(said["rows"])
    unchecked = set(UNCHECKED[backend]) | set(said["taken_by"].get(backend, []))
    if rows & {"G01", "G02", "G04"}:
        want = "trap 6" if "G04" in rows else "trap 13"
        if rows <= unchecked:
            return None if answer.startswith("exit ") else "VMRUN's answer is " + answer
        return None if answer == want else "VMRUN's answer is %s; the row says %s" % (answer, want)
    invalid = answer == "invalid"
    if not invalid and not answer.startswith("exit "):
        return "VMRUN's answer is " + answer
    if name == "good-" + REAL and answer != "exit 0x81 0x1000":
        return "the good guest should have exited with VMMCALL (0x81) at 0x1000, not with " + answer
    if invalid and too_strict(backend, said):
        return None
    if invalid and not said["refused"] and not rows & set(OTHER_REASON):
        return "VMRUN refuses it, svmc does not"
    broken = rows | set(said["named"])
    if invalid != bool(broken - unchecked):
        return "VMRUN %s it; broken: %s; not checked by this emulation: %s" % (
            "refuses" if invalid else "takes", sorted(broken), sorted(unchecked))
    return None


def compare(backend, directory, answers):
    unchecked = UNCHECKED[backend]
    with open(os.path.join(directory, "verdicts"), encoding="utf-8") as f:
        verdicts = json.load(f)
    answered = {}
    with open(answers, encoding="utf-8") as f:
        for line in f:
            name, _, answer = line.strip().partition(" ")
            if name in verdicts:
                answered[name] = answer
    for row, why in sorted(IMPOSSIBLE.items()):
        print("# %s cannot be broken here: %s" % (row, why))
    for row, why in sorted(unchecked.items()):
        print("# %s is not checked by %s: %s" % (row, backend, why))
    groups = {"good": "good states run", "single": "every row broken alone", "pair": "random pairs of rows",
              "values": "random values of registers"}
    count = {}
    bad = {}
    for name, said in verdicts.items():
        group = name.split("-")[0] if name.split("-")[0] in groups else "single"
        why = judge(name, said, answered.get(name, "none"), backend)
        count[group] = count.get(group, 0) + 1
        if why:
            bad.setdefault(group, []).append("%s (%s %s): %s" % (name, said["base"], said["changes"], why))
    print("1..%d" % len(groups))
    for i, (group, about) in enumerate(groups.items(), 1):
        print("%s %d - %s: svmc and VMRUN agree in %d cases" % ("not ok" if group in bad else "ok", i, about, count[group]))
        for line in bad.get(group, [])[:20]:
            print("# " + line)
    sys.exit(1 if bad else 0)


def main(arguments):
    if len(arguments) == 5 and arguments[1] == "make":
        make(arguments[2], int(arguments[3]), arguments[4])
    elif len(arguments) == 4 and arguments[1] == "specs":
        specs(*arguments[2:])
    elif len(arguments) == 5 and arguments[1] == "compare":
        compare(*arguments[2:])
    else:
        sys.exit("usage: cases.py make SVMC SEED DIR | compare BACKEND DIR ANSWERS | specs SVMC DIR")


if __name__ == "__main__":
    main(sys.argv)
