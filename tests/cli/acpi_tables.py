#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The ACPI tables in a template's memory, checked by the rules of ACPI 6.3 and written as SIGNATURE.dat
for iasl.

usage: acpi_tables.py TEMPLATE DIRECTORY [RSDP]

RSDP is an address, "linux" or "pvh": where the boot protocol of that payload says that it is. Without
it the tables are searched as a guest does. Prints what the FADT and the MADT say, one fact a line.
"""
import os
import struct
import sys

from svmt_file import Template

RBX, RSI = 3, 6


def find(template, where):
    registers = struct.unpack("<16Q", template.vcpus()[0][3][:128])
    if where == "linux":
        return struct.unpack("<Q", template.read(registers[RSI] + 0x70, 8))[0]
    if where == "pvh":
        return struct.unpack("<Q", template.read(registers[RBX] + 32, 8))[0]
    if where:
        return int(where, 0)
    for gpa in range(0xe0000, 0x100000, 16):
        if template.read(gpa, 8) == b"RSD PTR ":
            return gpa
    sys.exit("no RSDP between 0xe0000 and 0xfffff")


def table(template, gpa, signature):
    head = template.read(gpa, 36)
    length = struct.unpack_from("<I", head, 4)[0]
    data = template.read(gpa, length)
    assert head[:4] == signature, (hex(gpa), head[:4], signature)
    assert not sum(data) & 0xff, f"{signature}: checksum"
    assert any(r <= gpa and gpa + length <= r + n for r, n, _ in template.regions), f"{signature} is not in memory"
    return data


def show_fadt(data, template):
    facs = struct.unpack_from("<I", data, 36)[0]
    assert facs % 64 == 0 and template.read(facs, 8) == b"FACS" + struct.pack("<I", 64)
    dsdt32, dsdt = struct.unpack_from("<I", data, 40)[0], struct.unpack_from("<Q", data, 140)[0]
    assert dsdt32 == dsdt
    print("sci", struct.unpack_from("<H", data, 46)[0])
    print("pm1 event %#x control %#x timer %#x" % struct.unpack_from("<I4xI8xI", data, 56))
    print("boot flags %#x flags %#x" % struct.unpack_from("<HxI", data, 109))
    print("reset space %d bits %d port %#x value %#x" % struct.unpack_from("<BBxxQB", data, 116))
    # The extended addresses say what the old fields say.
    for old, new, width in ((56, 148, 32), (64, 172, 16), (76, 208, 32)):
        space, bits, _, _, at = struct.unpack_from("<BBBBQ", data, new)
        assert (space, bits, at) == (1, width, struct.unpack_from("<I", data, old)[0])
    return dsdt


def show_madt(data):
    print("lapic %#x flags %#x" % struct.unpack_from("<II", data, 36))
    at = 44
    while at < len(data):
        kind, length = data[at:at + 2]
        row = data[at:at + length]
        assert len(row) == length > 2
        if kind == 0:
            print("processor %d apic %d flags %d" % struct.unpack_from("<BBI", row, 2))
        elif kind == 1:
            print("ioapic %d at %#x from %d" % struct.unpack_from("<BxII", row, 2))
        elif kind == 2:
            print("override bus %d irq %d gsi %d flags %#x" % struct.unpack_from("<BBIH", row, 2))
        elif kind == 4:
            print("nmi of %#x flags %d lint %d" % struct.unpack_from("<BHB", row, 2))
        else:
            sys.exit(f"a row of type {kind} in the MADT")
        at += length


def main():
    template = Template(sys.argv[1])
    rsdp_at = find(template, sys.argv[3] if len(sys.argv) > 3 else None)
    rsdp = template.read(rsdp_at, 36)
    assert rsdp[:8] == b"RSD PTR " and rsdp[15] == 2 and struct.unpack_from("<I", rsdp, 20)[0] == 36
    assert not sum(rsdp[:20]) & 0xff and not sum(rsdp) & 0xff, "RSDP: checksums"
    print("rsdp %#x" % rsdp_at)
    xsdt = table(template, struct.unpack_from("<Q", rsdp, 24)[0], b"XSDT")
    fadt_at, madt_at = struct.unpack_from("<QQ", xsdt, 36)
    assert len(xsdt) == 52
    fadt, madt = table(template, fadt_at, b"FACP"), table(template, madt_at, b"APIC")
    dsdt = table(template, show_fadt(fadt, template), b"DSDT")
    show_madt(madt)
    for data in (xsdt, fadt, madt, dsdt):
        with open(os.path.join(sys.argv[2], data[:4].decode().lower() + ".dat"), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
