#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write COUNT good specs to DIR, always the same ones for a SEED: svmc must take every one of them.

They need no assembler, so that thousands compile in seconds; the images that they name are in DIR, too.
Usage: spec_generator.py SEED COUNT DIR
"""
import base64
import os
import random
import sys

import generate_images
import generate_tables

PROFILES = ["long64", "prot32", "real16", "apm-reset", "apm-init"]
IMAGE_PROFILES = ["linux64", "multiboot", "pvh"]
GPRS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp"] + ["r%d" % n for n in range(8, 16)]
INTERCEPTS = ["RDTSC", "CR3_WRITE", "CR4_READ", "EXC_UD", "EXC_PF", "INVLPG", "PUSHF", "DR7_WRITE",
              "SWINT", "IRET"]
REMOVABLE = ["CPUID", "HLT", "RDPMC", "MWAIT", "VMMCALL"]
STOPPABLE = ["IOIO", "NPF", "HLT", "VMMCALL", "CPUID", "MSR", "RDTSC", "EXC_UD"]
TEXTS = ["", "a\nb", "$(x) $$(y) $", "tab\tquote\" back\\", "\u00e9\u2028\u20ac\U0001f600", "\x01\x1f"]


def number(r, bits):
    value = r.getrandbits(r.randint(1, bits))
    return r.choice([str(value), hex(value)])


def quoted(text):
    out = ""
    for c in text:
        out += c if " " <= c <= "~" and c not in '"\\' else "\\U%08x" % ord(c)
    return '"%s"' % out


def state(r, profile, fixed, indent):
    """Some registers; those in `fixed` are what tables of the spec rely on."""
    lines = ["%s: %s" % pair for pair in fixed.items() if pair[1]]
    for name in r.sample(GPRS, r.randint(0, 4)) + r.sample(["dr0", "dr1", "dr2", "dr3"], r.randint(0, 1)):
        lines.append("%s: %s" % (name, number(r, 64)))
    if r.random() < .3:
        lines.append("rflags: [%s]" % ", ".join("+" + f for f in r.sample(["IF", "DF", "AC", "CF"], 2)))
    if "cr4" not in fixed and r.random() < .2:
        lines.append("cr4: [%s]" % ", ".join(["PAE"] + r.sample(["PGE", "PSE", "OSFXSR", "TSD"], 2)))
    if r.random() < .2:
        lines.append("fs: { base: %s }" % number(r, 47))
    if r.random() < .2:
        lines.append("lstar: %s" % number(r, 64))
    if r.random() < .2:
        lines.append("g_pat: 0x0606060606060606")
    if r.random() < .2:
        lines.append("gdtr: { base: %s, limit: %s }" % (number(r, 32), number(r, 16)))
    if r.random() < .2:
        lines.append("tr.base: %s" % number(r, 32))
    if profile == "long64" and r.random() < .2:
        lines.append("cr3: 0x%x" % (r.randint(0, 200) << 12))
    if not profile.startswith("apm-") and profile not in IMAGE_PROFILES and r.random() < .3:
        lines.append("rip: 0x%x" % r.randint(0, 0x8000))
    if "cr0" not in fixed and r.random() < .1:
        lines.append("cr0: [PE, NW, NE]" if profile not in ("long64", "linux64") else "cr0: [+NW]")
    return "".join("%s%s\n" % (" " * indent, line) for line in lines)


def vcpus(r, profile, fixed):
    if not fixed and r.random() < .3:
        return ""
    if r.random() < .6:
        s = state(r, profile, fixed, 4)
        return "vcpus:\n  count: %d\n%s%s" % (r.randint(1, 255), r.choice(["", "", "  start: run\n"]),
                                              "  state:\n" + s if s else "")
    text, at = "vcpus:\n", 0
    for _ in range(r.randint(1, 4)):
        last = at + r.choice([0, 0, 1, 5])
        s = state(r, profile, fixed, 6)
        text += "  - at: %s\n%s%s" % (at if at == last else "%d-%d" % (at, last),
                                      r.choice(["", "", "    start: run\n"]), "    state:\n" + s if s else "")
        at = last + 1
    return text


def memory(r, profile, least):
    size = r.choice([kib for kib in (64, 512, 2048, 1 << 16, 1 << 20, 2 << 20) if kib >= least])
    regions = ["{ at: 0, size: %dKiB, kind: ram }" % size]
    if r.random() < .3:
        regions.insert(r.randint(0, 1), "{ at: 8GiB, size: 1MiB, kind: %s }" % r.choice(["ram", "rom"]))
    if profile.startswith("apm-") or r.random() < .3:
        regions.append("{ at: 0xffff0000, size: 64KiB, kind: rom }")
    # Tables want a first RAM region below 1 GiB.
    regions.sort(key=lambda text: "8GiB" in text)
    return "memory:\n" + "".join("  - %s\n" % region for region in regions)


def segments(r):
    text, at = "", 0x1000
    for _ in range(r.randint(0, 5)):
        size = r.choice([1, 3, 20, 200, 5000])
        data = r.choice([r.randbytes(size), bytes(size), b"\x90" * size])
        at += r.randint(0, 300)
        form = "hex: \"%s\"" % data.hex() if size < 30 else "base64: %s" % base64.b64encode(data).decode()
        text += "  - { at: 0x%x, %s }\n" % (at, form)
        at += size
    return "segments:\n" + text if text else ""


def control(r):
    lines = []
    if r.random() < .5:
        names = ["+" + n for n in r.sample(INTERCEPTS, r.randint(0, 4))]
        names += ["-" + n for n in r.sample(REMOVABLE, r.randint(0, 2))]
        lines.append("intercepts: [%s]" % ", ".join(names))
    for name, bits in (("tsc_offset", 64), ("pause_filter_count", 16), ("v_tpr", 4),
                       ("pause_filter_threshold", 16), ("interrupt_shadow", 1)):
        if r.random() < .2:
            lines.append("%s: %s" % (name, number(r, bits)))
    return "control: { %s }\n" % ", ".join(lines) if lines else ""


EXCEPTIONS = [(0, ""), (1, ""), (3, ""), (6, ""), (7, ""), (8, ", error: 0"), (12, ", error: 0x10"),
              (13, ", error: 0xfff8"), (14, ", error: 2"), (17, ", error: 0"), (16, ""), (19, "")]


def inject(r, profile):
    """One event for all vCPUs or the first; exceptions of real mode have no error code."""
    if r.random() < .6:
        return ""
    vector, error = r.choice(EXCEPTIONS if profile == "long64" else [e for e in EXCEPTIONS if not e[1]])
    event = r.choice(["exception, vector: %d%s" % (vector, error), "nmi",
                      "interrupt, vector: %d" % r.randint(32, 255)])
    return "inject: [ { %stype: %s } ]\n" % (r.choice(["", "vcpu: 0, "]), event)


NAMED = ["{ index: SYSCFG, read: 0x40000 }", "{ index: HWCR, read: 0, write: ignore }",
         "{ index: TSC, read: state, write: state }", "{ index: PAT, read: state, write: state }",
         "{ index: TSC_AUX, write: state, read: state }", "{ index: KERNEL_GS_BASE, pass: both }",
         "{ index: MTRR_PHYS_BASE0-MTRR_PHYS_MASK7, read: 0, write: ignore }",
         "{ index: STAR, pass: read, write: ignore }", "{ index: CSTAR, pass: write, read: 7 }",
         "{ index: SFMASK, pass: none, read: 1 }", "{ index: MC0_CTL-MC0_MISC, read: 0 }"]


def tables(r):
    text = ""
    if r.random() < .5:
        rows = ["{ leaf: %s, %s: %s }" % (leaf, r.choice(["eax", "ebx", "ecx", "edx"]), number(r, 32))
                for leaf in r.sample([0, 1, 4, 7, 0x40000000, 0x80000001], r.randint(0, 3))]
        if r.random() < .3:
            rows.append("{ leaf: 0xd, subleaf: %d, eax: 1, edx: 0 }" % r.randint(0, 3))
        text += "cpuid: { base: %s, set: [%s] }\n" % (r.choice(["host", "none"]), ", ".join(rows))
    if r.random() < .5:
        rows = ["{ index: 0x%x, read: %s, write: %s }" % (
            index, r.choice(["gp", number(r, 64)]), r.choice(["gp", "ignore", "store"]))
            for index in r.sample([0x11, 0x1b, 0x174, 0xc0000082, 0xc0010000], r.randint(1, 3))]
        rows.append("{ index: EFER, read: %s, write: state }" % r.choice(["state", "gp", "0x500"]))
        rows.append(r.choice(["{ index: 0x300-0x3ff, write: ignore }", "{ index: 0x12-0x19, read: 5 }"]))
        rows += r.sample(NAMED, r.randint(0, 6))
        r.shuffle(rows)
        text += "msrs: [%s]\n" % ", ".join(rows)
    return text


def virtio(r):
    rows = ["{ virtio: console }"] * r.randint(0, 2) + ["{ virtio: rng, irq: 9 }"] * r.randint(0, 1)
    rows += ["{ virtio: blk, drive: %s%s }" % (name, r.choice(["", ", read_only: true", ", at: 0xe%07x" % (i << 12)]))
             for i, name in enumerate(r.sample(["root", "1", "a.img", "b_c-d"], r.randint(0, 3)))]
    rows += ["{ virtio: net, link: %s%s }" % (name, r.choice(["", ", mac: 02:00:00:00:00:1F", ", irq: 23"]))
             for name in r.sample(["lan", "wan"], r.randint(0, 2))]
    return rows


def devices(r):
    rows = ["{ uart: %s }" % com for com in r.sample(["com1", "com2"], r.randint(0, 2))]
    rows += ["{ debug_exit: 0xf4 }"] * r.randint(0, 1)
    rows += ["{ debug_console: 0xe9 }"] * r.randint(0, 1)
    rows += ["{ fw_cfg: 0x510 }"] * r.randint(0, 1)
    if r.random() < 0.5:
        rows += ["{ uart: com3, at: 0x1000, irq: %d }" % r.randint(0, 23)] * r.randint(0, 1)
    else:
        rows += ["{ chipset: pc }"] + virtio(r)
        r.shuffle(rows)
    return "devices: [%s]\n" % ", ".join(rows)


def exits(r):
    text = ""
    for name in r.sample(STOPPABLE, r.randint(0, 4)):
        event = r.choice(["none", "count", "stream", "sample %d" % r.randint(1, 1000)])
        text += "  %s: { do: %s, event: %s }\n" % (name, r.choice(["stop", "user"]), event)
    if r.random() < .3:
        text += "  INVD: { do: inject, vector: %d }\n" % r.choice([6, 13])
        text += "  EXC_DB: { do: %s }\n" % r.choice(["skip, event: stream", "inject", "inject, vector: same", "user"])
        text += "  EXC_GP: { do: inject, vector: %s }\n" % r.choice(["same", "6"])
    if r.random() < .3 and " CPUID:" not in text:
        text += "  CPUID: { rules: [ { at: 0x40000000-0x400000ff, do: %s }, { at: 1, event: stream } ] }\n" % (
            r.choice(["user", "stop", "skip", "inject, vector: 6"]))
    if r.random() < .4 and " IOIO:" not in text:
        rows = ["{ at: %#x-%#x, do: table, value: %d }" % (at, at + r.randint(0, 15), r.randint(0, 999))
                for at in r.sample(range(0x100, 0x1000, 16), r.randint(1, 3))]
        rows += ["{ at: 0x80, access: read, do: skip, event: stream }", "{ at: 0x80, access: write, do: stop }"]
        text += "  IOIO: { rules: [ %s ] }\n" % ", ".join(r.sample(rows, len(rows)))
    if r.random() < .4 and " MSR:" not in text and " NPF:" not in text:
        text += "  MSR: { rules: [ { at: %#x, do: inject, vector: 13 } ] }\n" % r.randint(0, 0xffffffff)
        text += "  NPF: { rules: [ { at: 0xfee00000-0xfee00fff, access: read, do: table, value: 1 } ] }\n"
    return "exits:\n" + text if text else ""


def expect(r):
    lines = ["exit: %s" % r.choice(["HLT", "VMMCALL", "SHUTDOWN"])]
    if r.random() < .3:
        lines += ["end: %s" % r.choice(["stop", "power-off", "reset"]), "serial_has: [ \"a\\tb\", 12, x ]"]
    lines.append("regs: { %s }" % ", ".join("%s: %s" % (n, number(r, 64)) for n in r.sample(GPRS, 3)))
    lines.append("serial: %s" % quoted(r.choice(TEXTS)))
    if r.random() < .5:
        lines.append("strict: %s" % r.choice(["true", "false"]))
    lines.append("within: %s" % r.choice(["5s", "1500ms", "7us", "1ns", "86400s"]))
    return "expect:\n" + "".join("  %s\n" % line for line in lines) if r.random() < .5 else ""


def spec(r, index):
    profile, least, fixed, built = r.choice(PROFILES + IMAGE_PROFILES), 64, {}, ""
    contents = "payload: none\n"
    if profile in IMAGE_PROFILES or r.random() < .2:
        least = 1 << 16
        contents = "payload: %s\n" % generate_images.payload(r, profile)
    if profile not in IMAGE_PROFILES and r.random() < .4:
        least = max(least, 2048)
        built, fixed = generate_tables.tables(r, profile)
        fixed.setdefault("cr0", "")		# the mode stays
    return ("svmspec: 1\nname: generated %d\nextends: %s\nallow: [C02]\n" % (index, profile) + contents
            + r.choice(["vars: { x: $(y), y: 1 }\n", "vars: { x: shown, y: 1 }\n"])
            + memory(r, profile, least) + segments(r) + built + vcpus(r, profile, fixed) + control(r)
            + inject(r, profile) + tables(r) + devices(r) + exits(r) + expect(r))


def main():
    seed, count, directory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    r = random.Random(seed)
    generate_images.write(directory)
    for i in range(count):
        with open(os.path.join(directory, "%04d.yaml" % i), "w", encoding="utf-8") as f:
            f.write(spec(r, i))


main()
