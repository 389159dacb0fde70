#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Read a template by what svmt(5) says, and compare with what svmc dump --json shows of it.

Offsets, widths, section numbers and row sizes are taken from the page, so that a change of the format
without one of the page fails. Usage: svmt_page.py PAGE TEMPLATE JSON
"""
import hashlib
import json
import re
import sys


def crc32c(data):
    crc = 0xffffffff
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    for byte in data:
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def table(page, heading):
    """Rows (offset, bytes, words) of the table under a heading, and the size that the heading gives."""
    size = int(re.search(r"^\.SS %s \((\d+) bytes\)" % heading, page, re.M)[1])
    text = page.split(".SS %s (" % heading)[1].split(".TE")[0]
    rows = [(int(o), int(b), words) for o, b, words in re.findall(r"^(\d+)\t(\d+)\tT\{\n(.*?)\nT\}", text, re.M | re.S)]
    at = 0
    for offset, count, _ in rows:
        assert offset == at, "the rows leave no gap and do not overlap"
        at += count
    assert at == size
    return rows, size


def sections_of(page):
    """Number -> (name, words) of every section that the page describes."""
    text = page.split(".SS Sections")[1].split(".SH ERRORS")[0]
    return {int(number): (name, words) for name, number, words in
            re.findall(r"^\.B (\w+) \((\d+)\)\n(.*?)(?=^\.TP|\Z)", text, re.M | re.S)}


def row_bytes(words):
    return int(re.search(r"(\d+) bytes a (?:row|rule|device|vCPU)", words)[1])


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        page = f.read()
    with open(sys.argv[2], "rb") as f:
        data = f.read()
    with open(sys.argv[3], encoding="utf-8") as f:
        shown = json.load(f)

    def number(at, count):
        return int.from_bytes(data[at:at + count], "little")

    rows, header_bytes = table(page, "Header")
    header = {words: data[o:o + b] for o, b, words in rows}
    field = {words: int.from_bytes(value, "little") for words, value in header.items()}

    def find(start):
        return next(words for words in header if words.startswith(start))

    assert header[find("\\(dqSVMT")] == b"SVMT"
    assert field[find("format version")] == shown["version"] == 1
    assert field[find("length of the file")] == shown["bytes"] == len(data)
    assert header[find("SHA-256")].hex() == shown["identity"] == hashlib.sha256(data[header_bytes:]).hexdigest()
    crc_at = next(o for o, _, words in rows if words.startswith("CRC-32C"))
    assert field[find("CRC-32C")] == crc32c(data[:crc_at] + bytes(4) + data[crc_at + 4:])
    assert not field[find("zero")]

    known = sections_of(page)
    places, row_size = table(page, "Section table row")
    kind, _, begin, length = (next((o, b) for o, b, words in places if words.startswith(start))
                              for start in ("type", "flags", "offset", "length"))
    at, end, found = header_bytes, header_bytes + field[find("number of sections")] * row_size, {}
    for i in range(field[find("number of sections")]):
        name, words = known[number(at + i * row_size + kind[0], kind[1])]
        offset = number(at + i * row_size + begin[0], begin[1])
        count = number(at + i * row_size + length[0], length[1])
        assert offset == (end + 4095) // 4096 * 4096 and not any(data[end:offset])
        end = offset + count
        found[name] = (data[offset:end], words)
    assert not any(data[end:]) and len(data) == (end + 4095) // 4096 * 4096
    always = re.search(r"\.SS Sections\n(.*?) are always there", page, re.S)[1]
    assert set(re.findall(r"[A-Z]+", always)) <= set(found)

    assert json.loads(found["META"][0]) == shown["meta"]
    assert int.from_bytes(found["FEATURES"][0][:4], "little") == int(shown["svm_edx"], 16)
    counts = {"VCPU": "vcpus", "CPUID": "cpuid", "MSRS": "msrs", "EXITS": "exits", "DEVICES": "devices"}
    for name, key in counts.items():
        body, words = found.get(name, (b"", known[next(n for n in known if known[n][0] == name)][1]))
        assert len(body) == row_bytes(words) * len(shown[key]), name
    memory, words = found["MEMORY"]
    region, run = (int(n) for n in re.findall(r"of (\d+) bytes", words))
    assert len(memory) == 16 + region * len(shown["memory"]) + run * len(shown["contents"])
    for i, row in enumerate(shown["memory"]):
        assert int.from_bytes(memory[16 + i * region:][:8], "little") == int(row["gpa"], 16)
    pool = found["BLOB"][0]
    pages = [pool[i:i + 4096] for i in range(0, len(pool), 4096)]
    assert len(pages) == shown["pool_pages"] == len(set(pages)) and bytes(4096) not in pages
    assert len(found["MSRPM"][0]) == int(re.match(r"(\d+) bytes", found["MSRPM"][1])[1])
    actions = dict(re.findall(r"(\d) (\w+)", re.search(r"action \((.*?)\)", found["EXITS"][1], re.S)[1]))
    classes = dict(re.findall(r"(\d) (\w+)", re.search(r"event class \((.*?)\)", found["EXITS"][1], re.S)[1]))
    size = row_bytes(found["EXITS"][1])
    for i, row in enumerate(shown["exits"]):
        rule = found["EXITS"][0][i * size:(i + 1) * size]
        assert int.from_bytes(rule[:8], "little") == int(row["code"], 16)
        assert (actions[str(rule[8])], classes[str(rule[9])]) == (row["do"], row["event"])
    if "EXPECT" in found:
        assert json.loads(found["EXPECT"][0]) == shown["expect"]


main()
