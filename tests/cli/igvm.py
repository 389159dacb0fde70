#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IGVM files beside a reader, writer and measurement of their own (igvm_defs 0.4.0), in Python's
struct, zlib and hashlib. Every case is a function named in igvm.bats."""
import hashlib
import os
import struct
import subprocess
import sys
import zlib
from confidential import (GOLDEN, MILAN, PAGE, SECTIONS, SVMC, firmware, page_of, spec, svmc,
                          template_pages, write)

NATIVE, SNP, ES = 0, 2, 5


# ---- Writing

def header(kind, contents):
    return struct.pack("<II", kind, len(contents)) + contents.ljust((len(contents) + 7) // 8 * 8,
                                                                      b"\0")


def platform(kind=SNP, mask=1):
    return header(0x001, struct.pack("<IBBHQ", mask, 0, kind, 1, 0))


def policy(value=0x30000, mask=1):
    return header(0x101, struct.pack("<QII", value, mask, 0))


class File:
    """Variable headers and the pages that they point at; build() gives the bytes."""

    def __init__(self, version=1):
        self.version, self.headers, self.pages = version, [], []

    def add(self, *headers):
        self.headers += headers
        return self

    def data(self, page):
        """A place for `page`: the index that build() turns into a file offset."""
        self.pages.append(page)
        return len(self.pages)

    def page(self, gpa, page=None, flags=0, kind=0, mask=1):
        self.headers.append((0x302, "<QIIIHH", gpa, mask, page and self.data(page), flags, kind, 0))
        return self

    def context(self, page, index=0, gpa=0xFFFFFFFFF000, mask=1):
        self.headers.append((0x304, "<QIIHH", gpa, mask, self.data(page), index, 0))
        return self

    def memory(self, gpa, size, mask=1):
        return self.add(header(0x305, struct.pack("<QIIII", gpa, mask, size, 0, 0)))

    def build(self, **change):
        fixed = 24 if self.version == 1 else 32
        size = sum(len(h) if isinstance(h, bytes) else (struct.calcsize(h[1]) + 15) // 8 * 8
                   for h in self.headers)
        at = (fixed + size + PAGE - 1) // PAGE * PAGE
        body = b""
        for h in self.headers:
            if isinstance(h, tuple):
                kind, form, *fields = h
                number = fields[2]
                fields[2] = at + (number - 1) * PAGE if number else 0
                h = header(kind, struct.pack(form, *fields))
            body += h
        total = at + PAGE * len(self.pages)
        values = {"magic": 0x4D564749, "version": self.version, "offset": fixed, "size": len(body),
                  "total": total}
        values.update({k: v for k, v in change.items() if k in values})
        head = struct.pack("<IIIIII", values["magic"], values["version"], values["offset"],
                           values["size"], values["total"], 0)
        tail = struct.pack("<II", change.get("arch", 0), PAGE) if self.version == 2 else b""
        checksum = change.get("checksum", zlib.crc32(head + tail + body))
        head = head[:20] + struct.pack("<I", checksum)
        return (head + tail + body).ljust(at, b"\0") + b"".join(
            p.ljust(PAGE, b"\0") for p in self.pages)


# ---- Reading

def parse(data):
    magic, version, offset, size, total, checksum = struct.unpack_from("<IIIIII", data)
    assert magic == 0x4D564749 and version in (1, 2) and total == len(data)
    fixed = 24 if version == 1 else 32
    assert offset == fixed and size % 8 == 0 and offset + size < total
    assert zlib.crc32(data[:20] + bytes(4) + data[24:offset + size]) == checksum
    out, at = [], offset
    while at < offset + size:
        kind, length = struct.unpack_from("<II", data, at)
        assert at % 8 == 0
        padding = data[at + 8 + length:at + 8 + (length + 7) // 8 * 8]
        assert not any(padding)
        out.append((kind, data[at + 8:at + 8 + length]))
        at += 8 + (length + 7) // 8 * 8
    assert at == offset + size
    order = [0 if k <= 0x100 else 1 if k <= 0x200 else 2 for k, _ in out]
    assert order == sorted(order)
    return version, out


def pages_of(data):
    """(gpa, flags, data type, contents) of every PAGE_DATA in the order of the file."""
    out = []
    for kind, body in parse(data)[1]:
        if kind == 0x302:
            gpa, mask, offset, flags, data_type, zero = struct.unpack("<QIIIHH", body)
            assert mask == 1 and zero == 0
            out.append((gpa, flags, data_type, data[offset:offset + PAGE] if offset
                        else bytes(PAGE)))
    return out


def contexts_of(data):
    out = []
    for kind, body in parse(data)[1]:
        if kind == 0x304:
            gpa, mask, offset, index, zero = struct.unpack("<QIIHH", body)
            assert index == len(out) and offset % PAGE == 0 and offset
            out.append((gpa, data[offset:offset + PAGE]))
    return out


def measure(data):
    """As the igvm crate does: in the order of the file, zero pages are NORMAL ones of zeroes."""
    digest = bytes(48)

    def step(kind, gpa, contents):
        nonlocal digest
        digest = hashlib.sha384(digest + contents + struct.pack("<HBBBBBBQ", 0x70, kind, 0, 0, 0,
                                                                0, 0, gpa)).digest()
    areas = {}
    for kind, body in parse(data)[1]:
        if kind == 0x302:
            gpa, _, offset, flags, data_type, _ = struct.unpack("<QIIIHH", body)
            if flags & 4:
                continue
            page = (data[offset:offset + PAGE] if offset else b"").ljust(PAGE, b"\0")
            if flags & 2 or data_type:
                step(4 if flags & 2 else {1: 5, 2: 6, 3: 6}[data_type], gpa, bytes(48))
            else:
                step(1, gpa, hashlib.sha384(page).digest())
        elif kind == 0x301:
            size, index, _ = struct.unpack("<QII", body)
            areas[index] = size
        elif kind == 0x303:
            gpa, _, index = struct.unpack("<QII", body)
            for at in range(0, areas[index], PAGE):
                step(4, gpa + at, bytes(48))
        elif kind == 0x304:
            gpa, _, offset, _, _ = struct.unpack("<QIIHH", body)
            step(2, gpa, hashlib.sha384(data[offset:offset + PAGE]).digest())
    return digest.hex()


def read(path):
    with open(path, "rb") as f:
        return f.read()


# ---- Cases

def exports_hold_pages_in_launch_order():
    """What a file has is what the template has; what its loader measures is our digest."""
    # Sections of gce that IGVM has words for: unmeasured memory, secrets, CPUID.
    sections = tuple(s for s in SECTIONS if s[2] in (1, 2, 3))
    image = firmware(sections=sections, zero_pages=(1,))
    write("fw.fd", image)
    for count in (1, 3, 255):
        spec("t.yaml", "sev-snp", "gce", "2026-05-01", vcpus=str(count))
        svmc("compile", "-o", "t.svmt", "t.yaml")
        svmc("export", "--format", "igvm", "--allow-loss", "-o", "t.igvm", "t.svmt")
        data = read("t.igvm")
        version, headers = parse(data)
        assert version == 1
        assert headers[0] == (0x001, struct.pack("<IBBHQ", 1, 0, SNP, 1, 0))
        assert headers[1] == (0x101, struct.pack("<QII", 0x30000, 1, 0))
        regions = [struct.unpack("<QIIII", b) for k, b in headers if k == 0x305]
        assert regions == [(0, 1, 16 << 20, 0, 0), (2**32 - len(image), 1, len(image), 0, 0)]
        want = [(2**32 - len(image) + i, 0, 0, image[i:i + PAGE])
                for i in range(0, len(image), PAGE)]
        for gpa, size, kind in sections:
            flags, data_type = {1: (2, 0), 2: (0, 1), 3: (0, 2)}[kind]
            want += [(at, flags, data_type, bytes(PAGE)) for at in range(gpa, gpa + size, PAGE)]
        assert pages_of(data) == want
        assert [page for _, page in contexts_of(data)] == template_pages("t.svmt")
        assert all(gpa == 0xFFFFFFFFF000 for gpa, _ in contexts_of(data))
        assert [k for k, _ in headers][-count:] == [0x304] * count, "vCPUs come last"
        assert measure(data) == svmc("measure", "t.svmt").strip()
        assert measure(data) == svmc("measure", "t.igvm").strip()
        # Equal pages once, zeroes not at all.
        distinct = {p for _, _, _, p in want if any(p)} | set(template_pages("t.svmt"))
        assert len(data) - len(distinct) * PAGE <= (24 + 32 * (len(headers) + 4) + PAGE)


def what_comes_back_is_the_same():
    """import(export(t)): the same memory, pages and digest; exported again the same bytes."""
    write("fw.fd", firmware(zero_pages=(0,)))
    for kind in ("sev-snp", "sev-es"):
        for profile in ("svsm-2026-05-01", "krun-2026-05-01", "apm-reset"):
            spec("t.yaml", kind, "raw", None, profile, vcpus="5")
            svmc("export", "--format", "igvm", "--allow-loss", "-o", "t.igvm", "t.yaml")
            svmc("import", "-o", "back.svmt", "t.igvm")
            svmc("export", "--format", "igvm", "-o", "again.igvm", "back.svmt")
            assert read("t.igvm") == read("again.igvm"), (kind, profile)
            svmc("compile", "-o", "t.svmt", "t.yaml")
            assert template_pages("t.svmt") == template_pages("back.svmt")
            assert svmc("measure", "back.svmt") == svmc("measure", "t.igvm")
            svmc("decompile", "-o", "back.yaml", "back.svmt")
            svmc("compile", "-o", "back2.svmt", "back.yaml")
            assert read("back.svmt") == read("back2.svmt"), (kind, profile)


def exports_are_their_goldens():
    for name in ("confidential-raw", "everything", "real16"):
        source = os.path.join(GOLDEN, "good", name + ".yaml")
        svmc("export", "--format", "igvm", "--allow-loss", "-o", "a.igvm", source)
        svmc("compile", "-o", "t.svmt", source)
        svmc("export", "--format", "igvm", "--allow-loss", "-o", "b.igvm", "t.svmt")
        assert read("a.igvm") == read("b.igvm")
        path = os.path.join(GOLDEN, "igvm", name + ".igvm")
        if os.environ.get("UPDATE_GOLDEN"):
            write(path, read("a.igvm"))
        assert read(path) == read("a.igvm"), name
        parse(read(path))


def a_lossless_export_needs_no_leave():
    """A guest that an IGVM file holds whole comes back byte for byte."""
    with open("t.yaml", "w") as f:
        f.write("svmspec: 1\nname: t\nextends: apm-reset\npayload: none\n"
                "memory: [ { at: 0, size: 64KiB }, { at: 0x100000, size: 8KiB } ]\n"
                "segments: [ { at: 0x1234, hex: '01 02' }, { at: 0x3000, hex: 'f4' } ]\n"
                "confidential: { kind: sev-snp, vmm: raw }\n")
    svmc("compile", "-o", "t.svmt", "t.yaml")
    done = subprocess.run([SVMC, "export", "--format", "igvm", "t.yaml"], capture_output=True,
                          text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    svmc("import", "t.igvm")
    assert svmc("diff", "t.yaml", "t.svmt") == ""
    assert measure(read("t.igvm")) == svmc("measure", "t.yaml").strip()


def native_guests_are_exported_and_come_back():
    with open("t.yaml", "w") as f:
        f.write("svmspec: 1\nname: t\nextends: apm-reset\npayload: none\n"
                "memory: [ { at: 0, size: 64KiB } ]\n"
                "segments: [ { at: 0x3000, hex: 'f4' }, { at: 0x1ffe, hex: '01 02 03' } ]\n"
                "vcpus: { count: 2, state: { rip: 0x3000, rbx: 7, rsp: 0x8000, r15: 9,\n"
                "  gs: { base: 0x1000 }, cs: { selector: 0, base: 0, attrib: 0x49b } } }\n")
    svmc("export", "--format", "igvm", "-o", "t.igvm", "t.yaml")
    version, headers = parse(read("t.igvm"))
    assert version == 2 and headers[0][1][5] == NATIVE
    assert not any(k == 0x101 for k, _ in headers)
    assert [p[0] for p in pages_of(read("t.igvm"))] == [0x1000, 0x2000, 0x3000]
    _, page = contexts_of(read("t.igvm"))[1]
    rbx, rsp = struct.unpack_from("<QQ", page, 0x18)
    r15, rip = struct.unpack_from("<QQ", page, 0x78)
    assert (rbx, rsp, r15, rip) == (7, 0x8000, 9, 0x3000)
    selector, attributes, base, limit = struct.unpack_from("<HHII", page, 0xA8)
    assert (selector, attributes, base, limit) == (0, 0x409B, 0, 0xFFFF)
    assert struct.unpack_from("<HHII", page, 0xB4) == (0, 0x93, 0, 0xFFFF)
    gs_base, cr0, _, _, efer = struct.unpack_from("<QQQQQ", page, 0xC0)
    assert (gs_base, cr0, efer) == (0x1000, 0x60000010, 0x1000)
    assert not any(page[0xE8:])
    svmc("import", "-o", "t.svmt", "t.igvm")
    assert svmc("diff", "t.yaml", "t.svmt") == ""


def losses_are_listed_by_name():
    with open("t.yaml", "w") as f:
        f.write("svmspec: 1\nname: t\nextends: long64\nmemory: [ { at: 0, size: 2MiB } ]\n"
                "payload: none\nvcpus: { state: { dr0: 5, ldtr: { limit: 9 } } }\n"
                "control: { intercepts: [+RDTSC], tsc_offset: 5 }\ndevices: [ { uart: com1 } ]\n"
                "cpuid: { set: [ { leaf: 1, ecx: 5 } ] }\nmsrs: [ { index: 0x10a, read: 1 } ]\n"
                "exits: { VMMCALL: { do: stop } }\nexpect: { exit: VMMCALL }\n")
    done = subprocess.run([SVMC, "export", "--format", "igvm", "t.yaml"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and not os.path.exists("t.igvm")
    lines = done.stderr.splitlines()
    assert lines[0].endswith("have no home in an IGVM file; --allow-loss writes it without them:")
    assert all(line.startswith("lost: ") for line in lines[1:])
    for what in ("vcpu 0: intercept RDTSC", "vcpu 0: TSC_OFFSET", "vcpu 0: ldtr.limit",
                 "vcpu 0: dr0", "vcpu 0: tr.selector", "device: uart com1", "cpuid: 0x1 ecx",
                 "msr: 0x10a", "exit: VMMCALL", "expect: exit", "template: profile"):
        assert any(line.startswith("lost: " + what) for line in lines), (what, lines)
    svmc("export", "--format", "igvm", "--allow-loss", "t.yaml")
    assert os.path.exists("t.igvm")
    # A page of type ZERO is told, since its loader measures something else.
    write("fw.fd", firmware())
    spec("z.yaml", "sev-snp", "qemu", "2026-05-01")
    done = subprocess.run([SVMC, "export", "--format", "igvm", "z.yaml"], capture_output=True,
                          text=True, timeout=60)
    assert "lost: launch: row 1: zero, 0x9000 bytes at 0x800000 -> " in done.stderr, done.stderr
    assert "lost: launch: vmm: qemu -> raw" in done.stderr


def good():
    vmsa = page_of("qemu-2024-07-14", "sev-snp", True)
    return File().add(platform(), policy()).memory(0, 0x10000).page(0x1000, b"one").page(
        0x2000).page(0x3000, b"x", 2).page(0x4000, kind=1).page(0x5000, kind=3).context(vmsa)


def files_of_others_are_imported():
    file = good()
    file.headers.insert(3, header(0x80000123, b"123"))
    file.headers[4:4] = [header(0x301, struct.pack("<QII", 5000, 3, 0)),
                         header(0x303, struct.pack("<QII", 0x8000, 1, 3)),
                         header(0x307, struct.pack("<II", 3, 0))]
    block = struct.pack("<IB3x48s16s16sIIII", 1, 0, bytes(48), b"f" * 16, b"i" * 16, 1, 7, 1, 0)
    file.headers.insert(8, header(0x30B, block.ljust(696, b"\0")))
    write("o.igvm", file.build())
    message = svmc("import", "o.igvm", status=1)
    assert message.splitlines()[0] == (
        "o.igvm: error: 3 things of the file have no home in a template; --allow-loss writes it "
        "without them:"), message
    assert "header of the unknown type 0x80000123" in message
    assert "header VP_COUNT" in message and "id block: its signature" in message
    assert not os.path.exists("o.svmt")
    svmc("import", "--allow-loss", "o.igvm")
    assert svmc("measure", "o.svmt").strip() == measure(file.build())
    assert svmc("measure", "o.igvm").strip() == measure(file.build())
    dump = svmc("dump", "o.svmt")
    assert "id block: guest svn 7, family " + (b"f" * 16).hex() in dump
    assert "measured: 0x8000-0x9fff unmeasured" in dump
    svmc("decompile", "-o", "o.yaml", "o.svmt")
    svmc("compile", "-o", "again.svmt", "o.yaml")
    assert read("again.svmt") == read("o.svmt")


def one_platform_of_several_is_chosen():
    native = bytearray(PAGE)
    struct.pack_into("<Q", native, 0x80, 0x1000)
    struct.pack_into("<Q", native, 0x88, 2)
    struct.pack_into("<HHII", native, 0xA8, 8, 0xC09B, 0, 0xFFFFFFFF)
    struct.pack_into("<HHII", native, 0xB4, 16, 0xC093, 0, 0xFFFFFFFF)
    struct.pack_into("<Q", native, 0xC8, 0x11)
    vmsa = page_of("qemu-2024-07-14", "sev-snp", True)
    file = File(2).add(platform(SNP, 1), platform(NATIVE, 2), policy()).memory(0, 0x10000, 3).page(
        0x1000, b"one", mask=1).page(0x1000, b"two", mask=2).context(vmsa).context(
            bytes(native), mask=2)
    write("m.igvm", file.build())
    assert "choose one with --platform" in svmc("import", "m.igvm", status=1)
    svmc("import", "--platform", "sev-snp", "m.igvm")
    assert template_pages("m.svmt") == [vmsa]
    message = svmc("import", "--platform", "native", "m.igvm", status=1)
    assert "EFER 0x0 is without SVME" in message, message
    svmc("import", "--platform", "native", "--allow-loss", "m.igvm")
    dump = svmc("dump", "m.svmt")
    assert "cs.attrib              0xc9b" in dump and "fs.attrib              0xc93" in dump
    assert "the file has no platform sev-es" in svmc("import", "--platform", "sev-es", "m.igvm",
                                                     status=1)


def bad_files_are_named_with_their_offset():
    vmsa = page_of("qemu-2024-07-14", "sev-snp", True)
    size = len(good().build())

    def with_header(*headers):
        file = good()
        file.headers[3:3] = headers
        return file.build()

    def page_data(gpa=0x9000, offset=0, flags=0, kind=0):
        return header(0x302, struct.pack("<QIIIHH", gpa, 1, offset, flags, kind, 0))

    def vcpus(numbers):
        file = File().add(platform(), policy())
        for number in numbers:
            file.context(vmsa, number)
        return file.build()

    # Fixed header 24, platform 24, policy 24, memory 32: what is put in begins at 0x68.
    at = 24 + 24 + 24 + 32
    reserved = bytearray(vmsa)
    cases = [
        (good().build(magic=1), 0, 'does not begin with "IGVM"'),
        (b"IGV", 0, 'does not begin with "IGVM"'),
        (good().build(version=3), 4, "IGVM version 3"),
        (good().build(offset=28), 8, "begin at 0x1c"),
        (good().build(offset=16), 8, "begin at 0x10"),
        (good().build(offset=0xFFFFFFF8), 8, "begin at 0xfffffff8"),
        (good().build(size=size), 12, "file data behind them"),
        (good().build(size=0xFFFFFFF8), 12, "file data behind them"),
        (good().build(total=size - 1), 16, "but the file has"),
        (good().build() + b"x", 16, "but the file has"),
        (good().build()[:-1], 16, "but the file has"),
        (good().build(checksum=5), 20, "checksum mismatch"),
        (File(2).add(platform(ES)).context(vmsa).build(arch=1), 24, "architecture 1"),
        (with_header(struct.pack("<II", 0x302, 0x1000)), at + 4, "are left"),
        (with_header(header(0x302, b"12345678")), at + 4, "the rule is 0x18"),
        (with_header(header(0x399, b"")), at, "unknown type 0x399"),
        (with_header(header(0x250, b"")), at, "unknown type 0x250"),
        (with_header(policy()), at, "GUEST_POLICY comes too late"),
        (with_header(platform(NATIVE, 2)), at, "SUPPORTED_PLATFORM comes too late"),
        (with_header(page_data(gpa=0x9001)), at + 8, "no page below 2^52"),
        (with_header(page_data(gpa=1 << 52)), at + 8, "no page below 2^52"),
        (with_header(page_data(flags=8)), at + 24, "unknown flags 0x8"),
        (with_header(page_data(flags=1)), at + 24, "a page of 2 MiB"),
        (with_header(page_data(kind=4)), at + 28, "unknown data type 4"),
        (with_header(page_data(offset=0x7FFFFFFF)), at + 20, "behind the end"),
        (with_header(header(0x304, struct.pack("<QIIHH", 0, 1, size - 100, 1, 0))), at + 20,
         "behind the end"),
        (with_header(header(0x301, struct.pack("<QII", 1 << 60, 0, 4096))), at + 20,
         "behind the end"),
        (with_header(header(0x301, struct.pack("<QII", 1 << 60, 0, 0)),
                     header(0x303, struct.pack("<QII", 0x9000, 1, 0))), at + 24, "1 to a GiB"),
        (with_header(header(0x303, struct.pack("<QII", 0x9000, 1, 9))), at + 20,
         "no parameter area 9"),
        (with_header(page_data(gpa=0x1000)), None, "is measured twice"),
        (vcpus(()), 0, "has no vCPU"),
        (File().add(platform(), policy()).page(0, b"x").build(), 0, "has no vCPU"),
        (vcpus((0, 2)), None, "where number 1 is next"),
        (vcpus((65535,)), None, "a vCPU with the number 65535, where number 0 is next"),
        (vcpus(range(256)), None, "a vCPU with the number 255, where number 255 is next"),
        (File().add(policy()).context(vmsa).build(), 0, "no platform that svmc knows"),
        (File().add(platform(SNP, 3), policy()).context(vmsa).build(), 32, "is not one bit"),
        (File().add(platform()).context(vmsa).build(), 0, "no GUEST_POLICY"),
        (File().add(platform(), policy(0x10000)).context(vmsa).build(), 56, "lacks bit 17"),
        (File(2).add(platform(NATIVE)).memory(0, PAGE).context(vmsa).build(), None,
         "the rest of its page is zero"),
        (File().add(platform(), policy()).memory(0, PAGE).context(bytes(PAGE)).build(), None,
         "without SVME"),
        (File().add(platform(), policy()).context(vmsa).build(), 0, "the file has no memory"),
    ]
    for data, offset, text in cases:
        write("bad.igvm", data)
        message = svmc("import", "bad.igvm", status=1)
        assert text in message, (text, message)
        assert "bad.igvm: error: " in message, message
        if offset is not None:
            assert "offset 0x%x: " % offset in message, (hex(offset), message)
        assert svmc("measure", "bad.igvm", status=1)
        assert not os.path.exists("bad.svmt")
    # Runs of pages are few in what people launch; svmc compares them with each other.
    many = File().add(platform(), policy()).memory(0, 0x10000000)
    for i in range(4097):
        many.page(0x1000 * i, flags=2 * (i % 2))
    write("many.igvm", many.context(vmsa).build())
    assert "more than 4096 runs of pages" in svmc("import", "many.igvm", status=1)
    many = File(2).add(platform(NATIVE)).memory(0, 0x10000000)
    for i in range(4097):
        many.page(0x2000 * i, b"x")
    write("many.igvm", many.context(bytes(PAGE)).build())
    assert "contents in 4097 places" in svmc("import", "many.igvm", status=1)
    # A page behind a vCPU is launched in front of it.
    write("late.igvm", good().page(0x6000, b"late").page(0x7000, b"later").build())
    message = svmc("import", "late.igvm", status=1)
    assert "lost: 2 pages, the first at 0x6000: they come behind a vCPU" in message, message
    assert "cannot measure: 2 pages" in svmc("measure", "late.igvm", status=1)
    # Bytes of no field are lost, and would change the digest: import tells, measure refuses.
    reserved[0xFFF] = 1
    write("r.igvm", File().add(platform(), policy()).memory(0, PAGE).context(
        bytes(reserved)).build())
    message = svmc("import", "r.igvm", status=1)
    assert "vcpu 0: offset 0xfff of its VMSA: 0x01, but no field is there (bytes like this: 1) " \
        "(the launch digest changes)" in message, message
    assert "cannot measure" in svmc("measure", "r.igvm", status=1)


def main():
    import tempfile
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        globals()[sys.argv[1]]()


if __name__ == "__main__":
    main()
