# SPDX-License-Identifier: MIT
"""Page tables, descriptors and gates for spec_generator.py, good in the mode that they are for.

The tables lie between 512 KiB and 1.7 MiB, where no generated segment is, nor ACPI tables.
"""
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
KINDS = ["code16", "code32", "code64", "data16", "data", "ldt", "tss", "tss16"]


class Format:
    """What page tables of a mode can say, and the registers that choose it."""

    def __init__(self, r, profile):
        self.is_long = profile == "long64"
        self.state = {}
        if self.is_long:
            five = r.random() < .4
            self.pages, self.end = [4 * KIB, 2 * MIB, GIB], 1 << (56 if five else 47)
            if five:
                self.state["cr4"] = "[+LA57]"
            if r.random() < .5:
                self.state["efer"] = "[+NXE]"
        elif r.random() < .5:
            self.pages, self.end = [4 * KIB, 2 * MIB], 4 * GIB
            self.state["cr4"] = "[+PAE]"
        else:
            self.pages, self.end = [4 * KIB, 4 * MIB], 4 * GIB
            self.state["cr4"] = r.choice(["[+PSE]", "[]", "0"])

    def has_nx(self):
        return "efer" in self.state


def page_map(r, form, at):
    """One map that begins in the slot of a gigabyte at `at`, and its size."""
    page = r.choice(form.pages)
    size = page * r.choice([1, 2, 3, 511, 512, 513] if page < GIB else [1, 2])
    size = min(size, GIB if page < GIB else size)
    size -= size % page
    unit = page if r.random() < .5 else 4 * KIB
    if unit != page:
        at += r.randint(0, 100) * unit
        size = min(size, 64 * MIB)
    size = max(size - size % unit, unit)
    limit = min(form.end, 1 << 40)
    to = r.choice([at, r.randint(0, (limit - size) // unit) * unit])
    if to + size > limit:
        to = 0
    access = "r" + "".join(c for c in "wxug" if r.random() < .5)
    if not form.has_nx() and "x" not in access:
        access += "x"
    text = "{ at: %#x" % at
    if to != at:
        text += ", to: %#x" % to
    text += ", size: %#x" % size
    if unit == page:
        text += ", page: %#x" % page
    if access != "rwx" or r.random() < .2:
        text += ", access: %s" % access
    return text + " }", size


def page_tables(r, form):
    rows, used = [], set()
    for _ in range(r.randint(1, 4)):
        slot = r.choice([0, 1, 2, r.randrange(form.end // GIB)]) % (form.end // GIB)
        if {slot, slot + 1} & used or slot + 2 > form.end // GIB:
            continue
        used |= {slot, slot + 1}
        at = slot * GIB
        if form.is_long and r.random() < .3:
            at += (1 << 64) - form.end		# the upper half
        rows.append(page_map(r, form, at)[0])
    if not rows:
        rows = ["{ at: 0, size: 1MiB }"]
    r.shuffle(rows)
    return "page_tables:\n  at: %#x\n  map: [ %s ]\n" % (r.randint(0x100, 0x120) << 12, ", ".join(rows))


def gdt(r, is_long):
    rows, at = [], 8
    for _ in range(r.randint(1, 8)):
        at += 8 * r.choice([0, 0, 1, 5])
        kind = r.choice(KINDS)
        wide = is_long and kind in ("ldt", "tss", "tss16")
        if is_long and kind == "tss16":		# long mode has no such type
            kind = "tss"
        words = ["selector: %#x" % at]
        if r.random() < .7:
            words.append("kind: %s" % kind)
            if r.random() < .4:
                words.append("dpl: %d" % r.randint(0, 3))
            if r.random() < .3 and kind not in ("code32", "code64", "data"):
                words.append("limit: %#x" % r.getrandbits(16))
        else:
            wide = False
            words.append("attrib: %#x" % (r.choice([0x09b, 0x29b, 0x493, 0xc92, 0xaf3]) | r.getrandbits(2) << 5))
            words.append("limit: %#x" % (r.getrandbits(20) << 12 | 0xfff if "attrib: 0xc" in words[-1] or
                                         "attrib: 0xa" in words[-1] else r.getrandbits(20)))
        if r.random() < .5:
            words.append("base: %#x" % r.getrandbits(64 if wide else 32))
        rows.append("{ %s }" % ", ".join(words))
        at += 16 if wide else 8
    return "gdt:\n  at: %#x\n  entries: [ %s ]\n" % (0x80000 + 8 * r.randint(0, 500), ", ".join(rows))


def idt(r, mode):
    rows, first = [], 0
    for _ in range(r.randint(1, 5)):
        first += r.choice([0, 0, 1, 13])
        last = min(first + r.choice([0, 0, 1, 2, 30]), 255)
        step = r.choice([0, 1, 16, 0x1000 if mode != "real" else 8])
        bits = {"real": 15, "long": 64, "protected": 31}[mode]
        to = r.getrandbits(bits) % ((1 << bits) - 256 * step)
        words = ["vector: %d" % first if first == last else "vector: %d-%d" % (first, last), "to: %#x" % to]
        if step and first != last:
            words.append("step: %d" % step)
        if r.random() < .3:
            words.append("selector: %#x" % r.getrandbits(16))
        if mode != "real":
            kinds = ["interrupt", "trap"] + (["interrupt16", "trap16", "task"] if mode == "protected" else [])
            if r.random() < .5:
                words.append("kind: %s" % r.choice(kinds))
            if r.random() < .3:
                words.append("dpl: %d" % r.randint(0, 3))
            if mode == "long" and r.random() < .3:
                words.append("ist: %d" % r.randint(1, 7))
        rows.append("{ %s }" % ", ".join(words))
        first = last + 1
        if first > 255:
            break
    return "idt:\n  at: %#x\n  gates: [ %s ]\n" % (0xa0000 + 4 * r.randint(0, 1000), ", ".join(rows))


def tables(r, profile):
    """The keys' text, and the registers that it depends on."""
    text, state = "", {}
    if r.random() < .6:
        form = Format(r, profile)
        state.update(form.state)
        text += page_tables(r, form)
    if r.random() < .6:
        text += gdt(r, profile == "long64")
    if r.random() < .6:
        mode = {"long64": "long", "prot32": "protected"}.get(profile, "real")
        text += idt(r, mode)
    return text, state
