#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's unmodified kernel as a guest, to its power-off: linux_guest.py [--load | --exact] [VCPUS [GUEST]].
GUEST is the directory that tools/guest-images filled. The kernel must be content with its clocks and dmesg
without a warning; with --load also while every processor of the lab has something else to do. With --exact
(a lab that counts instructions) nothing may have kept the guest from running, either. Writes the
ports and MSRs that were ignored, with their reasons, to linux-ignored.txt in the build directory."""
import os
import re
import subprocess
import sys
from e2e_lib import BUILD, SRC, Client, Tap, compile_spec

arguments = [word for word in sys.argv[1:] if word not in ("--load", "--exact")]
LOAD, EXACT = "--load" in sys.argv, "--exact" in sys.argv
VCPUS = int(arguments[0]) if arguments else 1
GUEST = os.path.abspath(arguments[1] if len(arguments) > 1 else os.path.join(BUILD, "guest"))
LIMIT = 560

# Warnings of dmesg that are true of this machine, and why.
TRUE_WARNINGS = {
    r"amd_pstate: the _CPC object is not present in SBIOS": "no firmware here controls the frequency of "
    "processors; kernel 6.12 says so to every AMD processor, real or not, whose firmware has no _CPC",
}

# And those that are true of a guest that is kept from running: other programs of this machine do that to the lab.
STARVED_WARNINGS = {
    r"hrtimer: interrupt took \d+ ns": "the kernel was interrupted in its timers' interrupt for that long",
    r"clocksource: Long readout interval, skipping watchdog check": "the kernel's look at its clocks came more "
    "than a second late; it says what both counted meanwhile, which must agree",
}

# Where `chipset: pc` and com1 answer (lib/svmt_device.c).
ANSWERED = [range(first, first + count) for first, count in (
    (0x20, 2), (0xa0, 2), (0x4d0, 2), (0x40, 4), (0x60, 2), (0x64, 1), (0x70, 2), (0x80, 1), (0x92, 1),
    (0x600, 4), (0x604, 2), (0x608, 4), (0xcf8, 8), (0x3f8, 8))]


def reasons():
    table = {}
    with open(os.path.join(SRC, "tests/e2e/linux_ports.txt"), encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                kind, number, reason = line.split(maxsplit=2)
                table[kind, int(number, 16)] = reason.strip()
    return table


def listed_msrs(image):
    """MSRs that the template answers, or that need no exit."""
    dump = subprocess.run([os.path.join(BUILD, "svmc"), "dump", "-"], input=image, capture_output=True,
                          check=True, timeout=60).stdout.decode()
    return {int(n, 16) for n in re.findall(r"^msr (0x[0-9a-f]+) ", dump, re.M)}


def ignored(stats, msrs):
    """(kind, number) -> how often, of what nobody answered."""
    found = {}
    for vcpu in stats["vcpus"]:
        for port, count in vcpu["ports"].items():
            if port != "others" and not any(int(port, 16) in ports for ports in ANSWERED):
                found["port", int(port, 16)] = found.get(("port", int(port, 16)), 0) + count
        for msr, count in vcpu["msrs"].items():
            number = None if msr == "others" else int(msr, 16)
            if number is not None and number not in msrs and not 0x800 <= number < 0x900 and \
               number not in (0x1b, 0x6e0):
                found["msr", number] = found.get(("msr", number), 0) + count
    return found


def write_ignored(found, table):
    with open(os.path.join(BUILD, "linux-ignored.txt"), "w", encoding="utf-8") as file:
        for (kind, number), count in sorted(found.items()):
            file.write(f"{kind} {number:#x} {count} times: {table.get((kind, number), 'NO REASON')}\n")


def load():
    """Something to do for all processors of the lab, until the test ends."""
    return subprocess.Popen([os.path.join(BUILD, "svmlab"), "run", "--time-limit", str(LIMIT), "--", "sh", "-c",
                             "for i in 1 2; do while :; do :; done & done; wait"], stdout=subprocess.DEVNULL)


def boot(tap, client):
    image = compile_spec("specs/linux-smp.yaml", guest=GUEST, vcpus=VCPUS)
    vm = client.create(client.load(image), mode="lossy")
    client.call("vm.start", vm=vm)
    run = client.follow(vm, limit=LIMIT)
    console = run.console.decode("utf-8", "replace").replace("\r", "")
    lines = [line[7:] for line in console.splitlines() if line.startswith("guest: ")]

    def has(pattern, name):
        return tap.ok(any(re.search(pattern, line) for line in lines), name, console[-4000:])

    tap.equal(run.end["reason"], "power-off", "the guest switches its power off")
    has(rf"^Linux .* on {VCPUS} processors$", f"it has found {VCPUS} processors")
    has(r"^timer interrupts: ", "its timer's interrupts have come")
    has(r"^serial interrupts: ", "its serial port's interrupts have come")
    has(r"^clocksource tsc$", "its clock is the TSC")
    tap.ok("kvm-clock: Using msrs 4b564d01 and 4b564d00" in console, "which it was told the frequency of")
    warnings = [line for line in console.splitlines() if re.match(r"<[0-4]>", line)]
    has(rf"^{len(warnings)} warnings in dmesg$", "it has told its warnings")
    known = {**TRUE_WARNINGS, **({} if EXACT else STARVED_WARNINGS)}
    tap.equal([line for line in warnings if not any(re.search(text, line) for text in known)], [],
              "dmesg has no warning that is not in this test with a reason")
    late = [re.search(r"cs_nsec: (\d+) wd_nsec: (\d+)", line) for line in warnings if "Long readout" in line]
    tap.ok(all(abs(int(both[1]) - int(both[2])) < 1000000 for both in late), "its clocks agree", warnings)
    tap.ok("Call Trace" not in console, "nor is there a fault after that, on the way to power-off", console[-4000:])
    if VCPUS > 1:
        rescheduled = [line for line in lines if line.lstrip().startswith("RES:")]
        tap.ok(rescheduled and all(int(n) for n in rescheduled[0].split()[1:1 + VCPUS]),
               "its processors interrupt each other", rescheduled)
    table = reasons()
    found = ignored(client.call("stats.get", vm=vm), listed_msrs(image))
    write_ignored(found, table)
    tap.equal([f"{kind} {number:#x}" for kind, number in found if (kind, number) not in table], [],
              "every port and MSR that was ignored has a reason in linux_ports.txt")
    client.call("vm.destroy", vm=vm)


with Tap() as connection_tap, Client() as connection:
    busy = load() if LOAD else None
    boot(connection_tap, connection)
    if busy:
        busy.terminate()
        busy.wait()
