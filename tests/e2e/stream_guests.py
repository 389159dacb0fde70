#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The promises of event streams with guests that exit as fast as they can, and a guest that reads its
console: order, exact counts of what was dropped, lossless stalls, filters, MSR numbers."""
import time
from e2e_lib import Client, Tap, compile_spec

FAST = """
svmspec: 1
name: fast
extends: long64
vars: { rounds: 1 }
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    next:   rdtsc
            cpuid
            dec     %r15
            jnz     next
            vmmcall
vcpus: { state: { rip: 0x1000, rsp: 0x8000, r15: $(rounds) } }
exits:
  RDTSC:   { do: skip, event: stream }
  CPUID:   { do: skip, event: stream }
  VMMCALL: { do: stop, event: stream }
control:
  intercepts: [+RDTSC]
"""
MSRS = """
svmspec: 1
name: msrs
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
            mov     $0x10a, %ecx
            rdmsr
            mov     $0xc0010015, %ecx
            rdmsr
            mov     $0x10a, %ecx
            wrmsr
            vmmcall
vcpus: { state: { rip: 0x1000, rsp: 0x8000 } }
msrs:
  - { index: 0x10a, read: 0, write: ignore }
  - { index: 0xc0010015, read: 0, write: ignore }
exits:
  MSR:     { do: table, event: stream }
  VMMCALL: { do: stop, event: stream }
"""
ECHO = """
svmspec: 1
name: echo
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    next:   mov     $0x3fd, %edx
            in      %dx, %al
            test    $1, %al
            jz      next
            mov     $0x3f8, %edx
            in      %dx, %al
            cmp     $4, %al
            je      done
            out     %al, %dx
            jmp     next
    done:   vmmcall
vcpus: { state: { rip: 0x1000, rsp: 0x8000 } }
devices: [ { uart: com1, at: 0x3f8, irq: 4 } ]
exits:
  IOIO:    { do: user, event: count }
  VMMCALL: { do: stop, event: stream }
"""


def to_the_end(client):
    notes = []
    while True:
        note = client.note()
        notes.append(note)
        if note["method"] == "vm.state" and note["params"]["state"] in ("stopped", "failed"):
            return notes


def account(notes):
    """(events, drops, in order and complete)"""
    told = drops = following = 0
    good = True
    for note in notes:
        if note["method"] == "events.dropped":
            drops += note["params"]["count"]
            following += note["params"]["count"]
        elif note["method"] == "exit":
            good = good and note["params"]["seq"] == following
            following += 1
            told += 1
    return told, drops, good


def full_speed(tap, client, rounds=40000):
    template = client.load(compile_spec(FAST, rounds=rounds))
    vm = client.create(template, mode=None)
    with Client() as lossless, Client() as lossy, Client() as some:
        lossless.call("events.subscribe", vm=vm, mode="lossless", fields=["exit"])
        lossy.call("events.subscribe", vm=vm)
        some.call("events.subscribe", vm=vm, exits=["CPUID"], sample=100, fields=["exit"])
        client.call("vm.start", vm=vm)
        before, now = -1, 0
        while before != now:    # the readers stand still, and so must the vCPU in the end
            before, now = now, client.call("stats.get", vm=vm)["vcpus"][0]["events"]
            time.sleep(0.3)
        told, drops, good = account(to_the_end(lossless))
        tap.equal((told, drops, good), (2 * rounds + 1, 0, True),
                  "lossless: every event in order, none missing")
        tap.ok(before < 2 * rounds + 1, "a reader that stands still holds the vCPU", before)
        told, drops, good = account(to_the_end(lossy))
        tap.equal((told + drops, good), (2 * rounds + 1, True),
                  "lossy: what was told and what was reported missing add up, in order")
        seen = [n["params"]["seq"] for n in to_the_end(some)[:-1] if n["method"] == "exit"]
        tap.equal(seen, list(range(1, 2 * rounds, 200)), "filter and sample: the right ones")
    with Client() as late:
        late.call("events.subscribe", vm=vm, from_seq=2 * rounds - 1000, fields=["exit"])
        seen = [late.note()["params"]["seq"] for _ in range(1001)]
        tap.equal(seen, list(range(2 * rounds - 1000, 2 * rounds + 1)),
                  "after the end the ring still tells its last events")
    client.call("vm.destroy", vm=vm)
    client.call("template.unload", template=template)


def msr_numbers(tap, client):
    template = client.load(compile_spec(MSRS))
    vm = client.create(template, mode=None)
    with Client() as every, Client() as one:
        every.call("events.subscribe", vm=vm, mode="lossless", exits=["MSR"])
        one.call("events.subscribe", vm=vm, mode="lossless",
                 msrs=[{"first": "0xc0010015", "last": "0xc0010015"}])
        client.call("vm.start", vm=vm)
        seen = [(n["params"]["info2"], n["params"]["info1"]) for n in to_the_end(every)[:-1]]
        tap.equal(seen, [("0x10a", "0x0"), ("0xc0010015", "0x0"), ("0x10a", "0x1")],
                  "an MSR exit's event has the number of the MSR")
        seen = [n["params"]["info2"] for n in to_the_end(one)[:-1]]
        tap.equal(seen, ["0xc0010015"], "and can be filtered by it")
    client.call("vm.destroy", vm=vm)
    client.call("template.unload", template=template)


def console_input(tap, client):
    template = client.load(compile_spec(ECHO))
    vm = client.create(template, mode=None)
    with Client() as watcher:
        watcher.call("console.attach", vm=vm)
        client.call("console.write", vm=vm, data="before the start, ")
        client.call("vm.start", vm=vm)
        client.call("console.write", vm=vm, data="and while it runs")
        client.call("console.write", vm=vm, base64="BA==")
        text = "".join(n["params"]["data"] for n in to_the_end(watcher)
                       if n["method"] == "console.output")
        tap.equal(text, "before the start, and while it runs", "a guest reads what was typed")
    client.call("vm.destroy", vm=vm)
    client.call("template.unload", template=template)


with Tap() as tap, Client() as connection:
    full_speed(tap, connection)
    msr_numbers(tap, connection)
    console_input(tap, connection)
