#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The exits of specs/tour.yaml, seen through the socket, against a list made by hand.

The list comes from the guest's code (addresses and lengths of its instructions, what is in RAX) and
from APM volume 2; it was not recorded. Sources: exit codes, appendix C; EXITINFO1 of IOIO, 15.10.2;
of MSR, 15.11; of NPF, 15.25.6; #DB as a trap reports the RIP behind the instruction, volume 1 and
8.2.2; after SHUTDOWN nothing but the exit code is defined, 15.14.3.
"""
from e2e_lib import Client, Tap, compile_spec

CODE = {"CPUID": 0x72, "MSR": 0x7c, "IOIO": 0x7b, "NPF": 0x400, "EXC_DB": 0x41, "HLT": 0x78,
        "VMMCALL": 0x81, "SHUTDOWN": 0x7f}

# IOIO: bit 0 IN, bit 2 string, bit 3 REP, 6:4 size, 31:16 port. Left out: 9:7 and 12:10, the address
# size and segment, which processors report and some emulators do not.
IN, OUT, BYTE, WORD, DWORD = 1, 0, 1 << 4, 1 << 5, 1 << 6
IOIO_MASK = 0xffff007d
# NPF: bit 0 present, 1 write, 2 user (nested walks are user accesses), 4 fetch, 32 final address, 33
# guest page table.
READ, WRITE = 1 << 32 | 1 << 2, 1 << 32 | 1 << 2 | 1 << 1
NPF_MASK = 1 << 33 | 1 << 32 | 0x17


def io(rip, length, port, bits, rax):
    """IN or OUT: EXITINFO2 is the RIP behind the instruction."""
    return ("IOIO", rip, port << 16 | bits, IOIO_MASK, rip + length, rax)


# Exit, RIP, EXITINFO1, its mask, EXITINFO2 or None (undefined), RAX before the instruction.
EXPECTED = [
    ("CPUID", 0x1010, 0, 0, None, 0x40000000),          # 0f a2
    ("MSR", 0x1030, 0, ~0, None, 0x40000000),           # rdmsr; CPUID's answer is still in EAX
    ("MSR", 0x1050, 1, ~0, None, 0x01000010),           # wrmsr
    ("MSR", 0x1060, 0, ~0, None, 0),                    # rdmsr
    io(0x1080, 1, 0x510, OUT | BYTE, 0x11223344),       # ee
    io(0x1090, 2, 0x510, OUT | WORD, 0x11223344),       # 66 ef
    io(0x10a0, 1, 0x510, OUT | DWORD, 0x11223344),      # ef
    io(0x10b0, 2, 0x80, OUT | BYTE, 0x11223344),        # e6 80
    io(0x10c0, 1, 0x510, IN | BYTE, 0),                 # ec
    io(0x10d0, 2, 0x510, IN | WORD, 0),                 # 66 ed
    io(0x10e0, 1, 0x510, IN | DWORD, 0xffff),           # ed; EAX is what the 16-bit IN gave
    io(0x10f0, 2, 0x80, IN | BYTE, 0xffffffff),         # e4 80; EAX is what port 0x510 gave
    ("NPF", 0x1100, READ, NPF_MASK, 0x300018, 0xffffffff),
    ("NPF", 0x1110, WRITE, NPF_MASK, 0x300020, 0xffffffff),
    ("EXC_DB", 0x1131, 0, 0, None, 0xffffffff),         # a trap: behind the second popf
    ("HLT", 0x1140, 0, 0, None, 0xffffffff),
    ("VMMCALL", 0x1150, 0, 0, None, 0x2a),
    ("SHUTDOWN", None, 0, 0, None, None),
]


def differences(actual, expected):
    """Names of what differs, with both values."""
    name, rip, info1, mask, info2, rax = expected
    pairs = [("exit", actual["exit"], name), ("code", actual["code"], CODE[name])]
    if name != "SHUTDOWN":
        pairs += [("rip", actual["rip"], rip), ("rax", actual["rax"], rax),
                  ("masked info1", actual["info1"] & mask, info1 & mask),
                  ("mode", actual["mode"], "long64"), ("cpl", actual["cpl"], 0)]
        if info2 is not None:
            pairs.append(("info2", actual["info2"], info2))
    return [f"{what}: expected {want!r}, actual {got!r}" for what, got, want in pairs if got != want]


with Tap() as tap, Client() as client:
    template = client.load(compile_spec("specs/tour.yaml"))
    run = client.run(template)

    for number, wanted in enumerate(EXPECTED):
        if number >= len(run.exits):
            tap.ok(False, f"exit {number} is {wanted[0]}", "there was no such exit")
            continue
        wrong = differences(run.exits[number], wanted)
        where = "" if wanted[1] is None else f" at {wanted[1]:#x}"
        tap.ok(not wrong, f"exit {number} is {wanted[0]}{where}", *wrong)
    tap.equal([e["exit"] for e in run.exits[len(EXPECTED):]], [], "there is no further exit")
    tap.equal([e["seq"] for e in run.exits], list(range(len(run.exits))),
              "sequence numbers have no gap")
    tap.equal(run.dropped, 0, "nothing was dropped")
    tap.ok(all(a["tsc"] < b["tsc"] for a, b in zip(run.exits, run.exits[1:])),
           "time stamps ascend", [hex(e["tsc"]) for e in run.exits])
    tap.equal((run.end["reason"], run.end["exit"]), ("shutdown", "SHUTDOWN"),
              "the run ends by the triple fault")

    counted = {}
    for wanted in EXPECTED:
        counted[wanted[0]] = counted.get(wanted[0], 0) + 1
    tap.equal(run.info["vcpus"][0]["exits"], counted,
              "counters agree with the list, and what the host caused is not in them")
    tap.ok(run.info["vcpus"][0]["host"]["npf"] > 0, "pages that the host populated are counted apart")
    client.call("template.unload", template=template)
