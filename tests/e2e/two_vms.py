#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two VMs at once, each watched by a client of its own: both run at the same time, both complete, and
neither client sees anything of the other VM."""
import threading
from e2e_lib import Client, Tap, compile_spec

ROUNDS = 2000
SPEC = """
svmspec: 1
name: twin
extends: long64
vars: { letter: 0, rounds: 0 }
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $$(rounds), %ecx
            mov     $0x3f8, %edx
            mov     $$(letter), %eax
    next:   out     %al, %dx
            loop    next
            vmmcall
devices: [ { uart: com1, at: 0x3f8, irq: 4 } ]
exits:
  IOIO:    { do: user, event: stream }
  VMMCALL: { do: stop, event: stream }
"""


class Twin:
    """A VM that prints one letter many times, and the client that watches it."""

    def __init__(self, letter):
        self.letter = letter
        self.client = Client()
        image = compile_spec(SPEC, letter=ord(letter), rounds=ROUNDS)
        self.template = self.client.load(image)
        self.vm = self.client.create(self.template, name=f"twin-{letter}")
        self.run = None

    def start(self):
        self.client.call("vm.start", vm=self.vm)
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        self.run = self.client.follow(self.vm)

    def check(self, tap):
        name, run = f"VM {self.letter}", self.run
        if not tap.ok(run is not None, f"{name} completes"):
            return
        tap.equal((run.end["reason"], run.end["exit"]), ("stop", "VMMCALL"), f"{name} ends as it should")
        tap.ok(run.console == self.letter.encode() * ROUNDS, f"{name} printed its letter, each time",
               f"{len(run.console)} bytes, {run.console[:40]!r}...")
        tap.equal(len(run.exits), ROUNDS + 1, f"{name} has all its events")
        tap.ok(all(e["vm"] == self.vm for e in run.exits), f"{name}'s client sees no other VM")
        tap.ok(all(e["rax"] == ord(self.letter) for e in run.exits[:-1]), f"{name}'s registers are its own")
        tap.equal([e["seq"] for e in run.exits], list(range(ROUNDS + 1)), f"{name}'s events have no gap")

    def clean_up(self):
        self.client.call("vm.destroy", vm=self.vm)
        self.client.call("template.unload", template=self.template)
        self.client.close()


with Tap() as tap:
    twins = [Twin("A"), Twin("B")]
    tap.ok(twins[0].vm != twins[1].vm, "two VMs have two numbers")
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.thread.join(60)
    for twin in twins:
        twin.check(tap)
    if all(twin.run for twin in twins):
        spans = [(twin.run.exits[0]["tsc"], twin.run.exits[-1]["tsc"]) for twin in twins]
        tap.ok(spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1],
               "they ran at the same time, by the time stamps of their exits", spans)
    for twin in twins:
        twin.clean_up()
