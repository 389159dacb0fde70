#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An implementation of SEV-ES and SEV-SNP launches of its own: firmware images, VMSA pages, digests.

It follows facts/snp_launch.csv and the SEV-SNP firmware ABI with hashlib and struct, and shares no
code or table with svmc: the tests compare the two. Every case is a function named in
confidential.bats; run one with: confidential.py CASE (SVMKIT_BUILD and SVMKIT_SRC set).
"""
import hashlib
import os
import struct
import subprocess
import sys
import uuid

SVMC = os.path.join(os.environ.get("SVMKIT_BUILD", "build"), "svmc")
GOLDEN = os.path.join(os.environ.get("SVMKIT_SRC", "."), "tests", "golden")
PAGE = 4096
SECTIONS = ((0x800000, 0x9000, 1), (0x80A000, 0x3000, 1), (0x80D000, 0x1000, 2),
            (0x80E000, 0x1000, 3), (0x80F000, 0x1000, 0x10), (0x811000, 0x1000, 4),
            (0x812000, 0x4000, 1))
RESET = 0x80B004


# ---- Firmware

def entry(guid, data):
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def firmware(size=4 * PAGE, sections=SECTIONS, reset=RESET, hashes=(0x80FC00, 0x400), seed=0,
             back=0x400, version=1, signature=b"ASEV", count=None, length=None, extra=b"",
             table_bytes=None, zero_pages=()):
    """An OVMF image as far as a launch looks at it; the rest is noise that `seed` gives."""
    body = bytearray()
    while len(body) < size:
        body += hashlib.sha512(struct.pack("<QQ", seed, len(body))).digest()
    del body[size:]
    for page in zero_pages:
        body[page * PAGE:(page + 1) * PAGE] = bytes(PAGE)
    if sections is not None:
        meta = signature + struct.pack(
            "<III", 16 + 12 * len(sections) if length is None else length, version,
            len(sections) if count is None else count)
        meta += b"".join(struct.pack("<III", *s) for s in sections)
        at = size - back if back <= size else 0
        body[at:at + len(meta)] = meta
        del body[size:]
    table = extra
    if hashes:
        table += entry("7255371f-3a3b-4b04-927b-1da6efa8d454", struct.pack("<II", *hashes))
    if reset is not None:
        table += entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", struct.pack("<I", reset))
    if sections is not None:
        table += entry("dc886566-984a-4798-a75e-5585a7bf67cc", struct.pack("<I", back))
    table += entry("4c2eb361-7d9b-4cc3-8081-127c90d3d294", bytes(8))  # one that svmc passes over
    total = len(table) + 18 if table_bytes is None else table_bytes
    table += struct.pack("<H", total) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    body[size - 32 - len(table):size - 32] = table
    return bytes(body)


# ---- VMSA pages, facts of the VMMs

SEGMENTS = {"es": 0x00, "cs": 0x10, "ss": 0x20, "ds": 0x30, "fs": 0x40, "gs": 0x50,
            "gdtr": 0x60, "ldtr": 0x70, "idtr": 0x80, "tr": 0x90}
WORDS = {"efer": 0xD0, "cr4": 0x148, "cr3": 0x150, "cr0": 0x158, "dr7": 0x160, "dr6": 0x168,
         "rflags": 0x170, "rip": 0x178, "rsp": 0x1D8, "rax": 0x1F8, "g_pat": 0x268, "rcx": 0x308,
         "rdx": 0x310, "rbx": 0x318, "rbp": 0x328, "rsi": 0x330, "rdi": 0x338,
         "sev_features": 0x3B0, "xcr0": 0x3E8}


def vmsa(segments, words, mxcsr=0, fcw=0, ftw=0):
    page = bytearray(PAGE)
    for name, (selector, attrib, limit, base) in segments.items():
        struct.pack_into("<HHIQ", page, SEGMENTS[name], selector, attrib, limit, base)
    for name, value in words.items():
        struct.pack_into("<Q", page, WORDS[name], value)
    struct.pack_into("<I", page, 0x408, mxcsr)
    struct.pack_into("<H", page, 0x40C, ftw)
    struct.pack_into("<H", page, 0x410, fcw)
    return bytes(page)


def reset_page(eip, cs, ss, tr, rdx, features, pat=0x0007040600070406, cr0=0x10, mxcsr=0, fcw=0,
               more=None):
    data = (0, 0x93, 0xFFFF, 0)
    segments = {"es": data, "ds": data, "fs": data, "gs": data,
                "cs": (0xF000, cs, 0xFFFF, eip & 0xFFFF0000), "ss": (0, ss, 0xFFFF, 0),
                "gdtr": (0, 0, 0xFFFF, 0), "idtr": (0, 0, 0xFFFF, 0),
                "ldtr": (0, 0x82, 0xFFFF, 0), "tr": (0, tr, 0xFFFF, 0)}
    words = {"efer": 0x1000, "cr4": 0x40, "cr0": cr0, "dr7": 0x400, "dr6": 0xFFFF0FF0,
             "rflags": 2, "rip": eip & 0xFFFF, "g_pat": pat, "rdx": rdx,
             "sev_features": features, "xcr0": 1}
    return vmsa(segments, dict(words, **(more or {})), mxcsr, fcw)


def svsm_page(features):
    flat = (16, 0xC93, 0xFFFFFFFF, 0)
    segments = {"es": flat, "ss": flat, "ds": flat, "fs": flat, "cs": (8, 0xC9B, 0xFFFFFFFF, 0),
                "gs": (0, 0x93, 0xFFFF, 0), "gdtr": (0, 0, 0xFFFF, 0),
                "idtr": (0, 0, 0xFFFF, 0), "ldtr": (0, 0x82, 0xFFFF, 0),
                "tr": (0, 0x8B, 0xFFFF, 0)}
    words = {"efer": 0x1000, "cr4": 0x40, "cr0": 0x11, "dr7": 0x400, "dr6": 0xFFFF0FF0,
             "rflags": 2, "rip": 0xFFFFFFF0, "g_pat": 0x0007040600070406,
             "sev_features": features, "xcr0": 1}
    return vmsa(segments, words, mxcsr=0x1F80)


def apm_reset_page(features):
    """APM volume 2 table 14-1 with EFER.SVME, as svmc's profile apm-reset has it."""
    data = (0, 0x93, 0xFFFF, 0)
    segments = {"es": data, "ss": data, "ds": data, "fs": data, "gs": data,
                "cs": (0xF000, 0x9B, 0xFFFF, 0xFFFF0000), "gdtr": (0, 0, 0xFFFF, 0),
                "idtr": (0, 0, 0xFFFF, 0), "ldtr": (0, 0x82, 0xFFFF, 0),
                "tr": (0, 0x83, 0xFFFF, 0)}
    words = {"efer": 0x1000, "cr0": 0x60000010, "dr7": 0x400, "dr6": 0xFFFF0FF0, "rflags": 2,
             "rip": 0xFFF0, "g_pat": 0x0007040600070406, "sev_features": features, "xcr0": 1}
    return vmsa(segments, words, mxcsr=0x1F80, fcw=0x40, ftw=0xFF)


MILAN = 0xA00F11


def page_of(profile, kind, is_first, reset=RESET):
    """The page that a vCPU of the profile begins with."""
    snp = kind == "sev-snp"
    eip = 0xFFFFFFF0 if is_first else reset
    features = 0x21 if profile == "qemu-2023-10-29" else 1
    features = features if snp else 0
    if profile.startswith("qemu"):
        new = profile >= "qemu-2024-07-14"
        return reset_page(eip, 0x9B, 0x93, 0x8B, MILAN, features,
                          mxcsr=0x1F80 if new else 0, fcw=0x37F if new else 0)
    if profile.startswith("ec2"):
        return reset_page(eip, 0x9A if is_first else 0x9B, 0x92, 0x83,
                          0x600 if profile >= "ec2-2026-04-28" else 0, features)
    if profile.startswith("gce"):
        return reset_page(eip, 0x9B, 0x93, 0x8B, 0x600, features, pat=0x70106)
    if profile.startswith("krun"):
        more = {"rsi": 0x7000, "rbp": 0x8FF0, "rsp": 0x8FF0} if is_first else {}
        return reset_page(eip, 0x9A, 0x92, 0x83, 0, features, more=more)
    if profile.startswith("svsm"):
        page = bytearray(svsm_page(features))
        struct.pack_into("<Q", page, WORDS["rip"], eip)
        return bytes(page)
    return apm_reset_page(features)


# Profile, vmm, as_of (or extends). The last two of a VMM's dates bracket a change.
PROFILES = [
    ("qemu-2021-02-14", "qemu", "2023-10-28"), ("qemu-2023-10-29", "qemu", "2023-10-29"),
    ("qemu-2024-03-10", "qemu", "2024-07-13"), ("qemu-2024-07-14", "qemu", "2026-05-01"),
    ("ec2-2023-06-12", "ec2", "2026-04-27"), ("ec2-2026-04-28", "ec2", "2026-04-28"),
    ("gce-2026-05-01", "gce", "2026-05-31"), ("svsm-2026-05-01", "raw", None),
    ("krun-2026-05-01", "raw", None), ("apm-reset", "raw", None),
]


# ---- Digests

def hashes_table(kernel, initrd=b"", cmdline=""):
    def row(guid, digest):
        return uuid.UUID(guid).bytes_le + struct.pack("<H", 50) + digest
    body = row("97d02dd8-bd20-4c94-aa78-e7714d36ab2a",
               hashlib.sha256(cmdline.encode() + b"\0").digest())
    body += row("44baf731-3a2f-4bd7-9af1-41e29169781d", hashlib.sha256(initrd).digest())
    body += row("4de79437-abd2-427f-b835-d5b172d2045b", hashlib.sha256(kernel).digest())
    head = uuid.UUID("9438d606-4f22-4cc9-b479-a793d411fd21").bytes_le + struct.pack("<H", 168)
    return (head + body).ljust(176, b"\0")


class Snp:
    def __init__(self):
        self.digest = bytes(48)

    def step(self, kind, gpa, contents=bytes(48)):
        info = self.digest + contents + struct.pack("<HBBBBBBQ", 0x70, kind, 0, 0, 0, 0, 0, gpa)
        assert len(info) == 0x70
        self.digest = hashlib.sha384(info).digest()

    def normal(self, gpa, data):
        for i in range(0, len(data), PAGE):
            self.step(1, gpa + i, hashlib.sha384(data[i:i + PAGE]).digest())


def snp_digests(vmm, image, sections, pages, count, table=None, hashes_gpa=0x80FC00):
    """Digest for 1, 2, ... `count` vCPUs; `pages` are those of the first and of the others."""
    ld = Snp()
    ld.normal(2**32 - len(image), image)
    ordered = list(sections)
    if vmm == "ec2":
        ordered = [s for s in ordered if s[2] != 3] + [s for s in ordered if s[2] == 3]
    for gpa, size, kind in ordered:
        if kind == 0x10 and table:
            offset = hashes_gpa % PAGE
            ld.normal(gpa, (bytes(offset) + table).ljust(PAGE, b"\0"))
            continue
        page_type = {1: 4 if vmm == "gce" else 3, 2: 5, 3: 6, 4: 3, 0x10: 3}[kind]
        for at in range(gpa, gpa + size, PAGE):
            ld.step(page_type, at)
    out = []
    for vcpu in range(count):
        ld.step(2, 0xFFFFFFFFF000, hashlib.sha384(pages[min(vcpu, 1)]).digest())
        out.append(ld.digest.hex())
    return out


def es_digests(image, pages, count, table=None):
    running = hashlib.sha256(image + (table or b""))
    out = []
    for vcpu in range(count):
        running.update(pages[min(vcpu, 1)])
        out.append(running.hexdigest())
    return out


# ---- Running svmc

def spec(path, kind, vmm, as_of, extends=None, image="fw.fd", more=(), vcpus="$(count)"):
    lines = ["svmspec: 1", "name: t", "vars: { count: 1 }",
             "memory: [ { at: 0, size: 16MiB } ]", "payload: none",
             "vcpus: { count: %s }" % vcpus]
    if extends:
        lines.append("extends: " + extends)
    lines += ["confidential:", "  kind: " + kind, "  vmm: " + vmm]
    if as_of:
        lines.append("  as_of: " + as_of)
    if vmm == "qemu":
        lines.append("  vcpu_signature: milan")
    if image:
        lines.append("  firmware: " + image)
    lines += ["  " + m for m in more]
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def svmc(*args, status=0):
    done = subprocess.run([SVMC, *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (args, done.returncode, done.stdout[-300:], done.stderr)
    return done.stdout if status == 0 else done.stderr


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def template_pages(path):
    """VMSA page of every vCPU, read out of a template without svmc."""
    with open(path, "rb") as f:
        data = f.read()
    sections = {}
    for i in range(struct.unpack_from("<I", data, 52)[0]):
        kind, _, offset, length, _ = struct.unpack_from("<IIQQQ", data, 128 + 32 * i)
        sections[kind] = (offset, length)
    offset, length = sections[12]
    blob = sections[4][0]
    pages = []
    for at in range(offset, offset + length, 16):
        number = struct.unpack_from("<I", data, at)[0]
        pages.append(data[blob + PAGE * number:blob + PAGE * (number + 1)])
    return pages


def sparse(page):
    """Lines `offset: 16 bytes` of what is not zero: how the goldens keep a page."""
    rows = []
    for at in range(0, PAGE, 16):
        if any(page[at:at + 16]):
            rows.append("%03x: %s\n" % (at, page[at:at + 16].hex(" ")))
    return "".join(rows)


def unsparse(text):
    page = bytearray(PAGE)
    for line in text.splitlines():
        at, row = line.split(": ")
        page[int(at, 16):int(at, 16) + 16] = bytes.fromhex(row)
    return bytes(page)


# ---- Cases

def golden_pages_of_every_profile():
    """The committed pages are what svmc makes, and each of their fields is what the facts say."""
    write("fw.fd", firmware())
    names = set()
    for profile, vmm, as_of in PROFILES:
        for kind in ("sev-es", "sev-snp"):
            spec("t.yaml", kind, vmm, as_of, None if as_of else profile)
            svmc("compile", "-o", "t.svmt", "-D", "count=2", "t.yaml")
            for is_first, page in zip((True, False), template_pages("t.svmt")):
                name = "%s.%s.%s.vmsa" % (profile, kind, "first" if is_first else "others")
                path = os.path.join(GOLDEN, "vmsa", name)
                names.add(name)
                if os.environ.get("UPDATE_GOLDEN"):
                    with open(path, "w") as f:
                        f.write(sparse(page))
                with open(path) as f:
                    kept = unsparse(f.read())
                assert kept == page, name
                expected = page_of(profile, kind, is_first)
                for field, at in SEGMENTS.items():
                    assert struct.unpack_from("<HHIQ", kept, at) == \
                        struct.unpack_from("<HHIQ", expected, at), (name, field)
                for field, at in WORDS.items():
                    assert struct.unpack_from("<Q", kept, at) == \
                        struct.unpack_from("<Q", expected, at), (name, field)
                assert kept == expected, name
    assert names == set(os.listdir(os.path.join(GOLDEN, "vmsa"))), "goldens of no profile"


def listed_profiles_are_these_and_cite_sources():
    listed = [line.split()[0] for line in svmc("profile", "list").splitlines()]
    dated = [name for name in listed if name[-3:-2] == "-" and name[-10:-6].isdigit()]
    assert dated == [p for p, _, _ in PROFILES if p != "apm-reset"], dated
    for name in dated:
        shown = svmc("profile", "show", name)
        assert "as of: " + name[-10:] in shown
        registers = shown.split("registers of the VMSA", 1)[1].splitlines()[1:]
        assert len(registers) > 15
        for line in registers:
            assert "  # " in line and line.split("  # ")[1], line


def digests_of_every_profile_and_count():
    """1 to 255 vCPUs: the running digest of one trace, and a run of its own at the boundaries."""
    counts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 254, 255]
    image = firmware(zero_pages=(1,))
    write("fw.fd", image)
    for profile, vmm, as_of in PROFILES:
        for kind in ("sev-es", "sev-snp"):
            # A plain register profile knows no other vCPUs: all begin alike.
            pages = [page_of(profile, kind, first) for first in (True, False)]
            if kind == "sev-snp":
                expected = snp_digests(vmm, image, SECTIONS, pages, 255)
            else:
                expected = es_digests(image, pages, 255)
            spec("t.yaml", kind, vmm, as_of, None if as_of else profile)
            for count in counts:
                got = svmc("measure", "-D", "count=%d" % count, "t.yaml").strip()
                assert got == expected[count - 1], (profile, kind, count)
            trace = svmc("measure", "--trace", "-D", "count=255", "t.yaml").splitlines()[:-1]
            running = [line.split()[-1] for line in trace if line.split()[1] == "vmsa"]
            assert running == expected, (profile, kind)


def digests_of_generated_firmware():
    """Sizes, section tables, kernels: measured from the spec and from its template alike."""
    write("kernel", b"kernel" * 999)
    write("initrd", b"initrd" * 777)
    tables = [SECTIONS, SECTIONS[::-1], SECTIONS[:4], (), SECTIONS[2:5]]
    for seed in range(24):
        size = PAGE * (2 + seed % 5 * 3)
        sections = tables[seed % len(tables)]
        reset = RESET + 16 * seed
        image = firmware(size, sections, reset, seed=seed, zero_pages=(0,) if seed % 3 else ())
        write("fw.fd", image)
        has_hashes = any(s[2] == 0x10 for s in sections)
        for kind in ("sev-es", "sev-snp"):
            vmm = ("qemu", "ec2", "gce")[seed % 3]
            as_of, profile = {"qemu": ("2026-05-01", "qemu-2024-07-14"),
                              "ec2": ("2026-05-01", "ec2-2026-04-28"),
                              "gce": ("2026-05-01", "gce-2026-05-01")}[vmm]
            pages = [page_of(profile, kind, first, reset) for first in (True, False)]
            more, table = (), None
            if seed % 4 and (kind == "sev-es" or has_hashes):
                more, table = ("kernel: kernel",), hashes_table(b"kernel" * 999)
            if seed % 4 == 2 and table:
                more += ("initrd: initrd", "cmdline: console=ttyS0 quiet")
                table = hashes_table(b"kernel" * 999, b"initrd" * 777, "console=ttyS0 quiet")
            if seed % 4 == 3 and table:
                more = ("kernel: { sha256: %s }" % hashlib.sha256(b"kernel" * 999).hexdigest(),)
            count = 1 + seed % 7
            if kind == "sev-snp":
                expected = snp_digests(vmm, image, sections, pages, count, table)[-1]
            else:
                expected = es_digests(image, pages, count, table)[-1]
            spec("t.yaml", kind, vmm, as_of, more=more)
            got = svmc("measure", "-D", "count=%d" % count, "t.yaml").strip()
            assert got == expected, (seed, kind, vmm, more)
            svmc("compile", "-o", "t.svmt", "-D", "count=%d" % count, "t.yaml")
            assert svmc("measure", "t.svmt").strip() == expected, (seed, kind)
            assert svmc("measure", "--json", "t.svmt") == (
                '{"kind":"%s","vcpus":%d,"digest":"%s"}\n' % (kind, count, expected))


def large_firmware_has_the_same_digest():
    """Below and above the size from which libcrypto hashes for libmd; --trace looks in between."""
    for pages in (240, 300, 892):
        image = firmware(pages * PAGE, seed=pages)
        write("fw.fd", image)
        for kind in ("sev-es", "sev-snp"):
            both = [page_of("ec2-2026-04-28", kind, first) for first in (True, False)]
            expected = es_digests(image, both, 3)[-1] if kind == "sev-es" else \
                snp_digests("ec2", image, SECTIONS, both, 3)[-1]
            spec("t.yaml", kind, "ec2", "2026-05-01", vcpus="3")
            svmc("compile", "-o", "t.svmt", "t.yaml")
            for path in ("t.yaml", "t.svmt"):
                assert svmc("measure", path).strip() == expected, (pages, kind, path)
                lines = svmc("measure", "--trace", path).splitlines()
                assert lines[-1] == expected == lines[-2].split()[-1]
            if kind == "sev-es":
                assert lines[0].split()[-1] == hashlib.sha256(image[:PAGE]).hexdigest()
        damaged = bytearray(open("t.svmt", "rb").read())
        damaged[-5000] ^= 1
        write("t.svmt", damaged)
        assert "checksum mismatch" in svmc("measure", "t.svmt", status=1)


def trace_tells_every_page():
    image = firmware()
    write("fw.fd", image)
    spec("t.yaml", "sev-snp", "ec2", "2026-05-01")
    lines = [line.split() for line in svmc("measure", "--trace", "t.yaml").splitlines()]
    assert lines[-1] == [lines[-2][3]]
    steps = [(int(gpa, 16), kind) for gpa, kind, _, _ in lines[:-1]]
    want = [(2**32 - len(image) + i, "normal") for i in range(0, len(image), PAGE)]
    names = {1: "zero", 2: "secrets", 4: "zero", 0x10: "zero"}
    for gpa, size, kind in SECTIONS:
        if kind != 3:
            want += [(at, names[kind]) for at in range(gpa, gpa + size, PAGE)]
    want += [(0x80E000, "cpuid"), (0xFFFFFFFFF000, "vmsa")]
    assert steps == want, steps
    contents = {(int(gpa, 16), kind): c for gpa, kind, c, _ in lines[:-1]}
    assert contents[(2**32 - PAGE, "normal")] == hashlib.sha384(image[-PAGE:]).hexdigest()
    assert contents[(0x800000, "zero")] == "0" * 96


def templates_come_back_from_their_specs():
    """compile(decompile(t)) == t, for every profile and kind, with what only a VMSA has."""
    write("fw.fd", firmware(zero_pages=(0,)))
    write("kernel", b"k")
    state = ("state: { virtual_tom: 0x200000, vmpl: 1, rcx: 5, dr0: 0x1234, xss: 0x800, "
             "fpreg_xmm: '00 01 ff', spec_ctrl: 1, gs: { base: 7 }, pkru: 3 }")
    id_block = "id_block: { guest_svn: 7, family_id: %s, image_id: %s }" % ("ab" * 16, "0c" * 16)
    for profile, vmm, as_of in PROFILES:
        for kind in ("sev-es", "sev-snp"):
            for vcpus in ("{ count: 1 }", "{ count: 3, %s }" % state,
                          "[ { at: 0, %s }, { at: 1-2 }, { at: 3, %s } ]" % (state, state),
                          "{ count: 2, state: { rip: 0xfff0, cs: { base: 0xffff0000 } } }"):
                more = ["kernel: kernel"]
                if kind == "sev-snp":
                    more += [id_block, "policy: 0x70000", "features: [SNPActive, SecureTSC]"]
                spec("t.yaml", kind, vmm, as_of, None if as_of else profile, more=more)
                with open("t.yaml") as f:
                    text = f.read().replace("{ count: $(count) }", vcpus)
                write("t.yaml", text.encode())
                svmc("compile", "-o", "t.svmt", "t.yaml")
                svmc("decompile", "-o", "again.yaml", "t.svmt")
                svmc("compile", "-o", "again.svmt", "again.yaml")
                with open("t.svmt", "rb") as a, open("again.svmt", "rb") as b:
                    assert a.read() == b.read(), (profile, kind, vcpus)
                assert svmc("diff", "t.svmt", "again.yaml") == ""
                assert svmc("measure", "again.yaml") == svmc("measure", "t.svmt")


def pages_from_elsewhere_name_their_profile():
    write("fw.fd", firmware())
    for profile, vmm, as_of in PROFILES:
        for kind in ("sev-es", "sev-snp"):
            spec("t.yaml", kind, "gce", "2026-05-01")
            for is_first in (True, False):
                write("page.bin", page_of(profile, kind, is_first))
                out = subprocess.run([SVMC, "diff", "page.bin", "t.yaml"], capture_output=True,
                                     text=True, timeout=60)
                line = out.stdout.splitlines()[-1]
                # Two profiles that differ by the features of SEV-SNP are one for SEV-ES.
                if kind == "sev-es" and profile in ("qemu-2023-10-29", "qemu-2024-03-10"):
                    assert line.startswith("nearest profile: qemu-2021-02-14, "), line
                elif profile == "qemu-2024-03-10":
                    assert line.startswith("nearest profile: qemu-2021-02-14, "), line
                else:
                    assert line.startswith("nearest profile: %s, " % profile), (profile, line)
                assert "differ" not in line, line
                assert out.returncode == (0 if profile.startswith("gce") and is_first else 1), out


def page_differences_are_told_by_field():
    write("fw.fd", firmware())
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01")
    page = bytearray(page_of("qemu-2024-07-14", "sev-snp", False))
    struct.pack_into("<Q", page, 0x158, 0x60000010)
    page[0xFFE] = 7
    write("page.bin", page)
    out = svmc("diff", "-D", "count=3", "page.bin", "t.yaml", status=1)
    done = subprocess.run([SVMC, "diff", "-D", "count=3", "page.bin", "t.yaml"],
                          capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert lines[0] == "vcpu 1: cr0: 0x60000010 [ET NW CD] -> 0x10 [ET]", lines
    assert lines[1].startswith("vcpu 1: reserved_fc0: "), lines
    assert lines[2] == ("nearest profile: qemu-2024-07-14, vCPUs other than the first "
                        "(2 fields differ)"), lines
    done = subprocess.run([SVMC, "diff", "-D", "count=3", "--vcpu", "0", "page.bin", "t.yaml"],
                          capture_output=True, text=True, timeout=60)
    assert "vcpu 0: rip: 0xb004 -> 0xfff0" in done.stdout, done.stdout
    assert out == ""


def bad_firmware_is_named_with_its_offset():
    size = 4 * PAGE
    end = size - 0x400
    rows = end + 16

    def sections(*more):
        return SECTIONS[:2] + more

    footer = size - 50
    cases = [
        (firmware(signature=b"ASEW"), end, 'do not begin with "ASEV"'),
        (firmware(version=2), end + 8, "version 2"),
        (firmware(back=size + 4), None, "outside the image"),
        (firmware(back=8), None, "outside the image"),
        (firmware(length=0x401), end + 4, "but the image ends"),
        (firmware(length=4), end + 4, "bytes long"),
        (firmware(count=65), end + 12, "65 metadata sections"),
        (firmware(count=8), end + 12, "8 metadata sections"),
        (firmware(sections=sections((0x900000, 0x1000, 7))), rows + 24 + 8, "unknown type 0x7"),
        (firmware(sections=sections((0xFFFFF000, 0x2000, 1))), rows + 24, "wraps around 2^32"),
        (firmware(sections=sections((0xFFFFB000, 0x2000, 1))), rows + 24,
         "into the firmware itself"),
        (firmware(sections=sections((0x900001, 0x1000, 1))), rows + 24, "not whole pages"),
        (firmware(sections=sections((0x900000, 0, 1))), rows + 24, "not whole pages"),
        (firmware(sections=sections((0x80C000, 0x1000, 1))), rows + 24, "overlaps"),
        (firmware(sections=sections((0x900000, 0x2000, 2))), rows + 28, "it is one page"),
        (firmware(sections=sections((0x900000, 0x1000, 3), (0x901000, 0x1000, 3))), rows + 36,
         "a second section CPUID"),
        (firmware(table_bytes=17), footer, "at least 18"),
        (firmware(table_bytes=0xFFFF), footer, "inside the image"),
        (firmware(table_bytes=18 + 26 + 22 + 22 + 26 + 5), None, "belong to no entry"),
        (firmware(extra=entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", b"\1\0\0\0")), None,
         "a second entry of SEV_ES_RESET_BLOCK"),
        (firmware(reset=None, extra=entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", b"\1\0")),
         None, "needs 4"),
        (firmware()[:-1], size - 1, "whole pages of 4096"),
        (b"", 0, "whole pages of 4096"),
        (firmware(sections=None), None, "no SEV metadata"),
        (bytes(PAGE), None, "no SEV metadata"),
        (firmware(hashes=(0x80FF80, 0x400)), None, "is not inside the section KERNEL_HASHES"),
        (firmware(hashes=(0x80FC00, 0x80)), None, "the table needs 176"),
        (firmware(hashes=(0xFFFFFFF0, 0x400)), None, "below 4 GiB"),
        (firmware(hashes=None), None, "no SEV_HASH_TABLE_RV"),
        (firmware(sections=SECTIONS[:4]), None, "no metadata section KERNEL_HASHES"),
        (firmware(reset=None), None, "no SEV_ES_RESET_BLOCK"),
    ]
    write("kernel", b"k")
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01", more=("kernel: kernel",), vcpus="2")
    for image, offset, text in cases:
        write("fw.fd", image)
        message = svmc("measure", "t.yaml", status=1)
        first = message.splitlines()[0]
        assert text in first, (text, message)
        assert "t.yaml:" in first and ": error: fw.fd" in first or "kernel" in message, message
        if offset is not None:
            assert "offset 0x%x:" % offset in first, (hex(offset), first)
        elif "offset" in first:
            assert int(first.split("offset ")[1].split(":")[0], 16) <= max(len(image), size)


def memory_is_flat_in_vcpus():
    """The peak of one vCPU and of 255, in KiB; pages of vCPUs that begin alike are kept once."""
    write("fw.fd", firmware(64 * PAGE))
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01")
    peaks = []
    for count in (1, 255):
        pid = os.posix_spawn(SVMC, [SVMC, "measure", "-D", "count=%d" % count, "t.yaml"],
                             os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null",
                                                        os.O_WRONLY, 0)])
        _, status, usage = os.wait4(pid, 0)
        assert status == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 255 * 4 // 2, peaks


def vcpu_counts_out_of_range_are_refused():
    write("fw.fd", firmware())
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01")
    for count in ("0", "256", "65536", "18446744073709551615"):
        message = svmc("measure", "-D", "count=" + count, "t.yaml", status=1)
        assert "the rule is 1 to 255 vCPUs" in message, message


def plain_guests_have_no_digest():
    write("t.yaml", b"svmspec: 1\nname: t\nextends: real16\nmemory: [ { at: 0, size: 64KiB } ]\n"
                    b"payload: none\n")
    svmc("compile", "-o", "t.svmt", "t.yaml")
    for path in ("t.yaml", "t.svmt"):
        message = svmc("measure", path, status=1)
        assert message == path + ": error: the guest is not confidential, so nothing measures its " \
            "launch; `confidential` of the spec makes it so\n", message


# ---- ID block: P-384 with nothing but Python's integers

P = 2**384 - 2**128 - 2**96 + 2**32 - 1
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
G = (0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
     0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F)


def point_add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def point_mul(k, point):
    out = None
    while k:
        if k & 1:
            out = point_add(out, point)
        point = point_add(point, point)
        k >>= 1
    return out


def verify(public, signature, data):
    r, s = (int.from_bytes(signature[i:i + 72], "little") for i in (0, 72))
    assert 0 < r < N and 0 < s < N and not any(signature[144:])
    e = int.from_bytes(hashlib.sha384(data).digest(), "big")
    w = pow(s, -1, N)
    point = point_add(point_mul(e * w % N, G), point_mul(r * w % N, public))
    return point is not None and point[0] % N == r


def public_of(key):
    curve, x, y = struct.unpack_from("<I72s72s", key)
    assert curve == 2 and not any(key[148:])
    return int.from_bytes(x, "little"), int.from_bytes(y, "little")


def private_of(path):
    """The scalar of an EC key in SEC 1 form: a DER sequence of 1 and 48 bytes."""
    import base64
    with open(path) as f:
        body = "".join(f.read().split("-----")[2].split())
    der = base64.b64decode(body)
    at = der.index(b"\x02\x01\x01\x04\x30") + 5
    return int.from_bytes(der[at:at + 48], "big")


def id_blocks_are_filled_and_signed():
    keys = os.path.join(GOLDEN, "keys")
    id_key, author_key = (os.path.join(keys, name) for name in ("id.pem", "author.pem"))
    write("fw.fd", firmware())
    family, image = bytes(range(16)), bytes(range(16, 32))
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01", more=(
        "policy: 0xb0000",
        "id_block: { guest_svn: 9, family_id: %s, image_id: %s }" % (family.hex(), image.hex())))
    digest = svmc("measure", "--id-block", "b", "--id-key", id_key, "--id-auth", "a",
                  "--author-key", author_key, "t.yaml").strip()
    with open("a", "rb") as a, open("b", "rb") as b:
        auth, block = a.read(), b.read()
    assert block == bytes.fromhex(digest) + family + image + struct.pack("<IIQ", 1, 9, 0xB0000)
    assert len(auth) == PAGE and struct.unpack_from("<II", auth) == (1, 1)
    signature, key = auth[0x40:0x240], auth[0x240:0x644]
    key_signature, author = auth[0x680:0x880], auth[0x880:0xC84]
    assert not any(auth[8:0x40] + auth[0x644:0x680] + auth[0xC84:])
    assert public_of(key) == point_mul(private_of(id_key), G)
    assert public_of(author) == point_mul(private_of(author_key), G)
    assert verify(public_of(key), signature, block)
    assert verify(public_of(author), key_signature, key)
    assert not verify(public_of(key), signature, block[:-1] + b"\1")
    svmc("measure", "--id-key", id_key, "--id-auth", "a", "t.yaml")
    with open("a", "rb") as a:
        auth = a.read()
    assert struct.unpack_from("<II", auth) == (1, 0) and not any(auth[0x680:])
    assert verify(public_of(auth[0x240:0x644]), auth[0x40:0x240], block)


def id_block_troubles_are_told():
    keys = os.path.join(GOLDEN, "keys")
    id_key = os.path.join(keys, "id.pem")
    write("fw.fd", firmware())
    write("nokey", b"nothing\n")
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01")
    assert "there is no `id_block`" in svmc("measure", "--id-block", "b", "t.yaml", status=1)
    spec("t.yaml", "sev-snp", "qemu", "2026-05-01", more=("id_block: {}",))
    args = ("measure", "--id-auth", "a", "--id-key")
    assert "no private key in PEM" in svmc(*args, "nokey", "t.yaml", status=1)
    assert "not a key of the curve P-384" in svmc(*args, os.path.join(keys, "p256.pem"),
                                                  "t.yaml", status=1)
    assert "No such file" in svmc(*args, "absent", "t.yaml", status=3)
    assert "go together" in svmc("measure", "--id-key", id_key, "t.yaml", status=2)
    assert not os.path.exists("a")


def main():
    import tempfile
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        globals()[sys.argv[1]]()


if __name__ == "__main__":
    main()
