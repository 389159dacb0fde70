# SPDX-License-Identifier: MIT
"""Sections and initial guest memory of a template (svmt(5))."""
import struct


class Template:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        count = struct.unpack_from("<I", self.data, 52)[0]
        self.sections = {}
        for i in range(count):
            kind, _, offset, length = struct.unpack_from("<IIQQ", self.data, 128 + 32 * i)
            self.sections[kind] = self.data[offset:offset + length]
        memory = self.sections[3]
        regions, runs = struct.unpack_from("<II", memory)
        self.regions = [struct.unpack_from("<QQI", memory, 16 + 24 * i) for i in range(regions)]
        self.runs = [struct.unpack_from("<QII", memory, 16 + 24 * regions + 16 * i) for i in range(runs)]

    def pool(self, page):
        return bytes(4096) if page == 0xffffffff else self.sections[4][page * 4096:(page + 1) * 4096]

    def page(self, gpa):
        for run, first, pages in self.runs:
            if run <= gpa < run + pages * 4096:
                return self.pool(first + (gpa - run) // 4096)
        return bytes(4096)

    def read(self, gpa, count):
        out = b""
        while len(out) < count:
            at = gpa + len(out)
            out += self.page(at & ~4095)[at % 4096:][:count - len(out)]
        return out

    def vcpus(self):
        """(kind, start, VMCB page, register page) of each vCPU; pages are bytes."""
        return [(kind, start, self.pool(vmcb), self.pool(state))
                for kind, start, vmcb, state in struct.iter_unpack("<IIII", self.sections[5])]
