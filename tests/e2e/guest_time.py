#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pause and resume by a guest's own clocks: TSC, local APIC timer and ACPI timer see nothing of a pause,
see all of it when the resume says jump, and agree with each other; ticks of LAPIC, PIT and RTC that
passed in a jump are one each and counted. The guest is held against the lab's clock, in whose terms the
pause is known: no bound is a guess."""
import base64
import os
import struct
import subprocess
import time
from e2e_lib import BUILD, Client, Tap, compile_spec

# Each reading: TSC, count, ACPI timer, count. The LAPIC timer counts every 16 ns and down.
CLOCKS = """
svmspec: 1
name: clocks
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $0x1b, %ecx
            rdmsr
            or      $0xc00, %eax
            wrmsr
            mov     $0x80f, %ecx
            mov     $0x1ff, %eax
            xor     %edx, %edx
            wrmsr
            mov     $0x832, %ecx
            mov     $0x10040, %eax
            wrmsr
            mov     $0x83e, %ecx
            mov     $3, %eax
            wrmsr
            mov     $0x838, %ecx
            mov     $0xffffffff, %eax
            wrmsr
            mov     $0x100000, %edi
            xor     %ebx, %ebx
    again:  rdtsc
            mov     %eax, (%rdi)
            mov     %edx, 4(%rdi)
            mov     $0x839, %ecx
            rdmsr
            mov     %eax, 8(%rdi)
            mov     $0x608, %edx
            in      %dx, %eax
            mov     %eax, 12(%rdi)
            mov     $0x839, %ecx
            rdmsr
            mov     %eax, 16(%rdi)
            inc     %ebx
            mov     %ebx, 20(%rdi)
            add     $24, %edi
    wait:   pause
            cmp     %ebx, 0x101000
            jbe     wait
            jmp     again
devices: [ { chipset: pc } ]
"""
# LAPIC 1 kHz, PIT 100 Hz, RTC 1024 Hz, of which the guest takes nothing.
TICKS = """
svmspec: 1
name: ticks
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $0x1b, %ecx
            rdmsr
            or      $0xc00, %eax
            wrmsr
            mov     $0x80f, %ecx
            mov     $0x1ff, %eax
            xor     %edx, %edx
            wrmsr
            mov     $0x832, %ecx
            mov     $0x20040, %eax
            wrmsr
            mov     $0x83e, %ecx
            mov     $0xb, %eax
            wrmsr
            mov     $0x838, %ecx
            mov     $1000000, %eax
            wrmsr
            mov     $0x34, %al
            out     %al, $0x43
            mov     $0x9c, %al
            out     %al, $0x40
            mov     $0x2e, %al
            out     %al, $0x40
            mov     $0x0b, %al
            out     %al, $0x70
            mov     $0x42, %al
            out     %al, $0x71
            incl    0x100000
    wait:   hlt
            jmp     wait
exits: { HLT: { do: wait, event: count } }
devices: [ { chipset: pc } ]
"""
READINGS, ASKED = 0x100000, 0x101000
PM_HZ, PM_MASK = 3579545, 0xffffff
LAB = os.path.join(BUILD, "svmlab")
STEP = 0.01                             # of /proc/uptime


def lab(script):
    """Times that a script in the lab prints, in seconds of its uptime."""
    text = subprocess.run([LAB, "run", "--time-limit", "60", "--", "sh", "-c", script], check=True,
                          capture_output=True, timeout=90).stdout
    return [float(word) for word in text.split()]


def now():
    return lab("cut -d' ' -f1 /proc/uptime")[0]


def pause(client, vm, seconds, **how):
    """Lab seconds that the VM was paused for, at least."""
    client.call("vm.pause", vm=vm)
    begin, end = lab(f"cut -d' ' -f1 /proc/uptime; sleep {seconds}; cut -d' ' -f1 /proc/uptime")
    client.call("vm.resume", vm=vm, **how)
    return end - begin - STEP


class Clocks:
    """A guest that reads its clocks when it is asked to."""

    def __init__(self, client):
        self.client, self.asked = client, 0
        self.vm = client.create(client.load(compile_spec(CLOCKS)), mode=None)
        client.call("vm.start", vm=self.vm)

    def memory(self, gpa, count):
        return base64.b64decode(self.client.call("memory.read", vm=self.vm, gpa=gpa, bytes=count)["data"])

    def read(self):
        at = READINGS + 24 * self.asked
        self.client.call("memory.write", vm=self.vm, gpa=ASKED,
                         data=base64.b64encode(struct.pack("<I", self.asked + 1)).decode())
        self.asked += 1
        while True:
            tsc, before, pm, after, number = struct.unpack("<QIIII", self.memory(at, 24))
            if number == self.asked:
                return tsc, (0xffffffff - before) * 16e-9, (0xffffffff - after) * 16e-9, pm
            time.sleep(0.01)            # until it answers, or the test's limit ends it


def between(low, value, high, slack):
    return low - slack <= value <= high + slack


def check_clocks(tap, guest, name, **how):
    first = guest.read()
    time.sleep(0.2)                     # something to know the TSC's frequency by
    begin, last = now(), guest.read()
    paused = pause(guest.client, guest.vm, 3, **how)
    then, end = guest.read(), now()
    low, high = then[1] - last[2], then[2] - last[1]
    facts = f"guest {low:.4f} s, lab {end - begin:.2f} s, of these paused {paused:.2f} s"
    if how:
        tap.ok(high >= paused, f"{name}: the APIC timer has gone on", facts)
    else:
        tap.ok(0 <= low <= end - begin + STEP - paused, f"{name}: the APIC timer stood still", facts)
    counted = ((then[3] - last[3]) & PM_MASK) / PM_HZ
    wrap = (PM_MASK + 1) / PM_HZ
    tap.ok(any(between(low, counted + n * wrap, high, 2e-6) for n in range(int(high / wrap) + 2)),
           f"{name}: the ACPI timer agrees", f"{counted:.6f} s, {low:.6f} to {high:.6f} s")
    rates = [(last[0] - first[0]) / (last[2] - first[1]), (last[0] - first[0]) / (last[1] - first[2])]
    counted = then[0] - last[0]
    tap.ok(between(low * rates[0], counted, high * rates[1], counted / 100),
           f"{name}: the TSC agrees", f"{counted} at {rates[0]:.0f} to {rates[1]:.0f} Hz")
    print(f"# {name}: {facts}")


def missed(client, vm):
    answer = client.call("stats.get", vm=vm)
    return {**answer["vcpus"][0]["missed_ticks"], **answer["missed_ticks"]}


def check_ticks(tap, client):
    hertz = {"lapic": 1000, "i8254": 100, "mc146818": 1024}
    vm = client.create(client.load(compile_spec(TICKS)), mode=None)
    tap.equal(missed(client, vm), {"lapic": 0, "i8254": 0, "mc146818": 0}, "nothing is missed before the start")
    begin = now()
    client.call("vm.start", vm=vm)
    while client.call("memory.read", vm=vm, gpa=READINGS, bytes=1)["data"] != "AQ==":
        time.sleep(0.01)
    paused = pause(client, vm, 2)
    client.call("vm.pause", vm=vm)
    ran = now() - begin + STEP - paused
    before = missed(client, vm)
    for name, rate in hertz.items():
        tap.ok(before[name] <= ran * rate + 1, f"a pause makes {name} miss nothing",
               f"{before[name]} in {ran:.2f} s")
    client.call("vm.resume", vm=vm)
    paused = pause(client, vm, 2, jump=True)
    for name, rate in hertz.items():
        while missed(client, vm)[name] - before[name] < paused * rate - 2:
            time.sleep(0.01)            # its timer expires now, or the test's limit ends it
        tap.ok(True, f"{name} missed {paused:.2f} s at {rate} Hz in a jump")
    client.call("vm.stop", vm=vm)
    after = missed(client, vm)
    print(f"# missed: {before} before a jump over {paused:.2f} s, {after} after it")
    shown = subprocess.run([os.path.join(BUILD, "svmctl"), "stat", str(vm)], check=True, timeout=30,
                           capture_output=True, text=True).stdout
    rows = {line.split()[2]: line.split()[3] for line in shown.splitlines() if line.startswith("missed ticks")}
    tap.equal(rows, {name: str(count) for name, count in after.items()}, "svmctl stat shows them")
    client.call("vm.destroy", vm=vm)


with Tap() as tap, Client() as connection:
    clocks = Clocks(connection)
    check_clocks(tap, clocks, "a pause")
    check_clocks(tap, clocks, "a jump", jump=True)
    check_clocks(tap, clocks, "a pause after a jump")
    connection.call("vm.stop", vm=clocks.vm)
    connection.call("vm.destroy", vm=clocks.vm)
    check_ticks(tap, connection)
