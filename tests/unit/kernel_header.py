#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the tables with the kernel's own headers, where those have the field.

Usage: kernel_header.py FACTS-DIR HEADERS-DIR WORK-DIR CC...
HEADERS-DIR holds arch/x86/include/asm/svm.h. The two structs of that header are compiled in user
space with a few stand-ins for other headers; offsets, sizes, intercept numbers and exit codes that
the compiler computes are compared with the facts. Exit status 1 and one line for each difference.
"""
import csv
import os
import re
import subprocess
import sys

STUBS = {
    "asm/hyperv-tlfs.h": "struct hv_vmcb_enlightenments { unsigned char bytes[32]; };\n",
    "asm/hyperv.h": "struct hv_vmcb_enlightenments { unsigned char bytes[32]; };\n",
    "hyperv/hvhdk.h": "struct hv_vmcb_enlightenments { unsigned char bytes[32]; };\n",
    "uapi/asm/kvm.h": "",
    "asm/page_types.h": "",
    "linux/types.h": "",
}
HEAD = """
#include <stddef.h>
#include <stdio.h>
typedef unsigned char u8, __u8; typedef unsigned short u16, __u16; typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64; typedef _Bool bool;
#define BUILD_BUG_ON(x)
#define ASSERT_STRUCT_OFFSET(type, field, offset)
#define GENMASK(h, l) ((~0UL >> (63 - (h))) & (~0UL << (l)))
#define GENMASK_ULL(h, l) GENMASK(h, l)
#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define PAGE_SIZE 4096UL
#define __aligned(n) __attribute__((aligned(n)))
#define __packed __attribute__((packed))
#define static_assert(...) _Static_assert(__VA_ARGS__, "")
#include <asm/svm.h>
int main(void) {
"""


def members(text, struct):
    """Names of the members of a struct of the header (those of anonymous unions included)."""
    found = re.search(r"struct[^{;]*\b%s\s*\{(.*?)\n\}" % struct, text, re.S)
    return set(re.findall(r"\b(\w+)(?:\[[^\]]*\])*;", found.group(1))) if found else set()


def pick(linux_name, names):
    """The member that linux_name means: the first word of it that the struct has."""
    for word in re.findall(r"\w+(?:\.\w+)?(?:\[\d+\])?(?!\w)", linux_name):
        if re.match(r"\w+", word).group(0) in names:
            return word
    return None


def rows(facts, name):
    with open(os.path.join(facts, name + ".csv"), newline="") as f:
        return list(csv.DictReader(f))


def main():
    facts, headers, work, cc = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    include = os.path.join(headers, "arch/x86/include")
    with open(os.path.join(include, "asm/svm.h")) as f:
        text = f.read()
    with open(os.path.join(include, "uapi/asm/svm.h")) as f:
        uapi = f.read()
    body, want = [], {}

    def compare(what, expression, value):
        want[what] = value
        body.append('printf("%%s %%lld\\n", "%s", (long long)(%s));' % (what, expression))

    control = members(text, "vmcb_control_area")
    for r in rows(facts, "vmcb_control"):
        # A name in parentheses is not in released kernels; reserved words are the kernel's choice.
        if r["linux_name"].startswith(("(", "-")) or r["name"].startswith(("RESERVED", "HOST")):
            continue
        member = pick(re.sub(r"\[\d+(:\d+)?\]|\.\d+", "", r["linux_name"])
                      if not r["linux_name"].startswith("intercepts") else r["linux_name"], control)
        if member:
            compare("control." + r["name"], "offsetof(struct vmcb_control_area, %s)" % member,
                    int(r["offset"], 16))
    save = members(text, "vmcb_save_area")
    for r in rows(facts, "vmcb_save"):
        if r["linux_name"].startswith(("(", "-", "reserved")):
            continue
        member = pick(r["linux_name"], save)
        if member:
            compare("save." + r["name"], "offsetof(struct vmcb_save_area, %s)" % member,
                    int(r["offset_in_save"], 16))
            if "u32 in" not in r["linux_name"]:
                compare("size." + r["name"], "sizeof(((struct vmcb_save_area *)0)->%s)" % member,
                        int(r["size"]))
    for r in rows(facts, "intercepts"):
        name = re.match(r"(\w+)", r["linux_name"])
        if name and re.search(r"\b%s\b" % name.group(1), text):
            compare("intercept." + r["name"], r["linux_name"], int(r["linux_index"]))
    for name, value in re.findall(r"#define\s+SVM_EXIT_(\w+)\s+(0x[0-9a-f]+|-1)\b", uapi):
        ours = [r for r in rows(facts, "exitcodes") if r.get("linux_name") == "SVM_EXIT_" + name]
        for r in ours:
            compare("exit." + r["name"], "SVM_EXIT_" + name,
                    int(r["code"], 16) - (1 << 64 if int(r["code"], 16) >> 63 else 0))
    for path, content in STUBS.items():
        os.makedirs(os.path.join(work, "stub", os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(work, "stub", path), "w") as f:
            f.write(content)
    source, program = os.path.join(work, "t.c"), os.path.join(work, "t")
    with open(source, "w") as f:
        f.write(HEAD + "\n".join(body) + "\nreturn 0;\n}\n")
    subprocess.run(cc + ["-w", "-D__KERNEL__", "-I", os.path.join(work, "stub"), "-I", include,
                         "-o", program, source], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    bad = 0
    for line in output.splitlines():
        what, value = line.rsplit(" ", 1)
        if int(value) != want[what]:
            print("%s: the facts say 0x%x, the kernel 0x%x" % (what, want[what], int(value)))
            bad += 1
    kinds = {}
    for what in want:
        kinds[what.split(".")[0]] = kinds.get(what.split(".")[0], 0) + 1
    print("compared: " + ", ".join("%d %s" % (n, k) for k, n in sorted(kinds.items())))
    # So that a header that is not understood any more does not pass as agreement.
    enough = {"control": 40, "save": 60, "size": 60, "intercept": 80, "exit": 80}
    for kind, least in enough.items():
        if kinds.get(kind, 0) < least:
            print("only %d of kind %s: the header was not understood" % (kinds.get(kind, 0), kind))
            bad += 1
    sys.exit(1 if bad else 0)


main()
