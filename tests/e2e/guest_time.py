#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pause and resume by a guest's own clocks: TSC, local APIC timer and ACPI timer see nothing of a pause,
see all of it when the resume says jump, and agree with each other; ticks of LAPIC, PIT and RTC that
passed in a jump are one each and counted. The clock that a guest asks for by an MSR says the same as the
others, and is written only where it may be. The guest is held against the lab's clock, in whose terms the
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
            mov     $0x4b564d01, %ecx
            mov     $0x102001, %eax
            wrmsr
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
# WRMSR of each row (number, value) at 0x120000; what came of it, 1 or 2 (#GP), from 0x130000 on.
MSRS = """
svmspec: 1
name: msrs
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $0x110000, %edi
            lea     fault(%rip), %rax
            mov     %ax, 208(%rdi)
            movl    $0x8e000008, 210(%rdi)
            shr     $16, %rax
            mov     %ax, 214(%rdi)
            lidt    table(%rip)
            mov     $0x120000, %esi
            mov     $0x130000, %ebx
    next:   mov     (%rsi), %ecx
            test    %ecx, %ecx
            jz      done
            mov     4(%rsi), %eax
            mov     8(%rsi), %edx
            movb    $1, (%rbx)
            wrmsr
            add     $12, %rsi
            inc     %rbx
            jmp     next
    done:   mov     $0x4b564d01, %ecx
            rdmsr
            mov     %eax, 0x131000
            vmmcall
    fault:  movb    $2, (%rbx)
            addq    $2, 8(%rsp)
            add     $8, %rsp
            iretq
    table:  .word   0xfff
            .quad   0x110000
devices: [ { chipset: pc } ]
exits: { VMMCALL: { do: stop } }
"""
SYSTEM, WALL = 0x4b564d01, 0x4b564d00
GOOD, FAULT = 1, 2
WRITES = [
    (SYSTEM, 0x140001, GOOD), (SYSTEM, 0x140ff1, FAULT), (SYSTEM, 0x140003, FAULT),
    (SYSTEM, 1 << 40 | 1, FAULT), (SYSTEM, 1 << 63 | 1, FAULT), (SYSTEM, 0x3f000001, GOOD),
    (WALL, 0x150000, GOOD), (WALL, 0x150001, FAULT), (WALL, 0x150ff8, FAULT), (WALL, 1 << 63, FAULT),
    (WALL, 0x3f000000, GOOD), (SYSTEM, 0x142000, GOOD), (SYSTEM, 0x141fe1, GOOD),
]
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

    def clock(self):
        """Of the guest's clock: the TSC at which it was 0, factor and shift."""
        _, tsc, _, factor, shift = struct.unpack("<I4xQQIb", self.memory(0x102000, 29))
        return tsc, factor, shift


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
    origin, factor, shift = guest.clock()
    nanoseconds = [((tsc - origin << shift if shift >= 0 else tsc - origin >> -shift) * factor) >> 32
                   for tsc in (last[0], then[0])]
    told = (nanoseconds[1] - nanoseconds[0]) / 1e9
    tap.ok(between(low, told, high, told / 100), f"{name}: the clock by the TSC agrees",
           f"{told:.6f} s, {low:.6f} to {high:.6f} s")
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


def check_msrs(tap, client):
    """Where a guest may ask for its clock, and what it finds there."""
    vm = client.create(client.load(compile_spec(MSRS)), mode=None)
    rows = b"".join(struct.pack("<IQ", msr, value) for msr, value, _ in WRITES)
    client.call("memory.write", vm=vm, gpa=0x120000, data=base64.b64encode(rows).decode())
    before = lab("date +%s")[0]
    client.call("vm.start", vm=vm)
    tap.equal(client.call("vm.wait", vm=vm)["end"]["exit"], "VMMCALL", "the guest survives its MSRs")

    def memory(gpa, count):
        return base64.b64decode(client.call("memory.read", vm=vm, gpa=gpa, bytes=count)["data"])

    results = memory(0x130000, len(WRITES))
    for (msr, value, want), found in zip(WRITES, results):
        tap.equal(found, want, f"WRMSR {msr:#x} of {value:#x} is {'#GP' if want == FAULT else 'taken'}")
    tap.equal(struct.unpack("<I", memory(0x131000, 4))[0], 0x141fe1, "RDMSR gives the last that was taken")
    first, last = memory(0x140000, 32), memory(0x141fe0, 32)
    version, tsc, ns, factor, shift, flags = struct.unpack("<I4xQQIbB2x", first)
    tap.ok(version == 2 and ns == 0 and factor >> 31 and flags == 1, "the clock is there",
           (version, tsc, ns, factor, shift, flags))
    tap.equal(first, last, "and the same at the next place that it names")
    version, seconds, nanoseconds = struct.unpack("<III", memory(0x150000, 12))
    tap.ok(version == 2 and before - 2 <= seconds <= lab("date +%s")[0] and nanoseconds < 10**9,
           "and the time of day when guest time was 0", (version, seconds, nanoseconds, before))
    client.call("vm.destroy", vm=vm)


with Tap() as tap, Client() as connection:
    check_msrs(tap, connection)
    clocks = Clocks(connection)
    check_clocks(tap, clocks, "a pause")
    check_clocks(tap, clocks, "a jump", jump=True)
    check_clocks(tap, clocks, "a pause after a jump")
    connection.call("vm.stop", vm=clocks.vm)
    connection.call("vm.destroy", vm=clocks.vm)
    check_ticks(tap, connection)
