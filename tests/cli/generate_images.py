# SPDX-License-Identifier: MIT
"""Images for spec_generator.py, as small as their formats allow, and payloads that use them."""
import os
import struct

CODE = b"\xf4\xeb\xfd"
BASE = 0x1000000


def elf(bits, note=b""):
    """A static executable with one segment at BASE, and at will a note."""
    size, per = (64, 56) if bits == 64 else (52, 32)
    count = 2 if note else 1
    start = size + count * per
    code = start + len(note)
    word = "Q" if bits == 64 else "I"
    head = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9) + struct.pack(
        "<HHI3%sIHHHHHH" % word, 2, 62 if bits == 64 else 3, 1, BASE, size, 0, 0, size, per, count, 0, 0, 0)

    def segment(kind, offset, at, length, memory):
        if bits == 64:
            return struct.pack("<IIQQQQQQ", kind, 5, offset, at, at, length, memory, 4)
        return struct.pack("<IIIIIIII", kind, offset, at, at, length, memory, 5, 4)

    table = segment(1, code, BASE, len(CODE), 0x2000)
    if note:
        table += segment(4, start, 0, len(note), len(note))
    return head + table + note + CODE


def pvh():
    return elf(32, struct.pack("<III4sI", 4, 4, 18, b"Xen\0", BASE))


def multiboot():
    """With the addresses in the header, so that it needs no other format."""
    magic, flags = 0x1BADB002, 0x10003
    return struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, BASE, BASE, 0, 0, BASE + 32) + CODE


def bzimage():
    """A setup header of protocol 2.15; the 64-bit entry is 0x200 bytes into the kernel."""
    image = bytearray(0x400)
    kernel = bytes(0x200) + CODE + bytes(13)
    struct.pack_into("<BHI", image, 0x1f1, 1, 0, len(kernel) // 16)
    struct.pack_into("<HBB4sH", image, 0x1fe, 0xaa55, 0xeb, 0x268 - 0x202, b"HdrS", 0x20f)
    image[0x211] = 1
    struct.pack_into("<I", image, 0x214, 0x100000)
    struct.pack_into("<IIBBHI", image, 0x22c, 0x7fffffff, 0x200000, 1, 21, 1, 2047)
    struct.pack_into("<QI", image, 0x258, BASE, 0x8000)
    return bytes(image) + kernel


FILES = {"code.bin": CODE * 100, "image64.elf": elf(64), "image32.elf": elf(32), "pvh.elf": pvh(),
         "multiboot.img": multiboot(), "bzImage": bzimage(), "module": b"module\n" * 700}


def write(directory):
    for name, data in FILES.items():
        with open(os.path.join(directory, name), "wb") as f:
            f.write(data)


def modules(r):
    rows = ["{ file: module, cmdline: \"%s\" }" % r.choice(["", "a b", "$(x)"]) for _ in range(r.randint(0, 3))]
    rows += ["{ file: module, at: %#x }" % r.choice([0x2000000, 0x2800000])] * r.randint(0, 1)
    return ", modules: [%s]" % ", ".join(rows) if rows else ""


def payload(r, profile):
    """What the profile's machine begins with; needs 64 MiB of RAM."""
    cmdline = r.choice(["", ", cmdline: \"console=ttyS0 a=$(x)\"", ", cmdline: quiet"])
    if profile == "linux64":
        initrd = r.choice(["", ", initrd: module", ", initrd: { file: module, at: 0x2000000 }"])
        return "{ linux: bzImage%s%s }" % (cmdline, initrd)
    if profile == "multiboot":
        return "{ multiboot: multiboot.img%s%s }" % (cmdline, modules(r))
    if profile == "pvh":
        return "{ pvh: pvh.elf%s%s }" % (cmdline, modules(r))
    if profile in ("long64", "prot32") and r.random() < .5:
        return "{ elf: image%s.elf }" % profile[-2:]
    return "{ bin: code.bin, at: %#x }" % r.choice([0x40000, 0x48001])
