#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damaged templates and badly behaved clients against a daemon that has the module: every one is
refused or left behind, and what others do goes on. The daemon's own tests do more of this without a
module; here a guest runs meanwhile."""
import os
import random
import struct
from e2e_lib import Client, RpcError, Tap, compile_spec, seal

SEED = int(os.environ.get("SVMKIT_SEED", "1"))
TEMPLATE_REJECTED = 4
ROUNDS = 3000
CHATTER = """
svmspec: 1
name: chatter
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $%d, %%ecx
            mov     $0x3f8, %%edx
            mov     $'.', %%eax
    next:   out     %%al, %%dx
            loop    next
            vmmcall
devices: [ { uart: com1, at: 0x3f8, irq: 4 } ]
exits:
  IOIO:    { do: user, event: stream }
  VMMCALL: { do: stop, event: stream }
""" % ROUNDS


def rejection(client, image):
    """The RpcError of loading an image, or None if it was taken."""
    try:
        client.call("template.unload", template=client.load(image))
        return None
    except RpcError as error:
        return error


def damaged_templates(tap, client, good):
    lengths = sorted({0, 1, 4, 127, 128, 129, len(good) // 2, len(good) - 4096, len(good) - 1})
    taken = [n for n in lengths
             if getattr(rejection(client, good[:n]), "code", None) != TEMPLATE_REJECTED]
    # No bytes at all may also be refused as a parameter.
    tap.ok(set(taken) <= {0}, "a template that ends early is rejected", taken)

    numbers = random.Random(SEED)
    positions = [byte * 8 + numbers.randrange(8) for byte in range(56)]
    positions += [numbers.randrange(len(good) * 8) for _ in range(100)]
    wrong = []
    for bit in positions:
        image = bytearray(good)
        image[bit // 8] ^= 1 << bit % 8
        error = rejection(client, bytes(image))
        if error is None or error.code != TEMPLATE_REJECTED or "offset" not in error.data:
            wrong.append((bit, error))
    tap.ok(not wrong, f"each of {len(positions)} flipped bits is rejected, with an offset (seed {SEED})",
           wrong[:5])

    newer = bytearray(good)
    newer[4:8] = struct.pack("<I", 2)
    error = rejection(client, seal(newer))
    tap.ok(error is not None and error.code == TEMPLATE_REJECTED and "version" in error.message,
           "a template newer than the reader is rejected by its version", error)
    tap.equal(rejection(client, seal(good)), None, "the undamaged template is taken")


def garbage_lines(tap):
    for line in (b"hello", b"{", b"\xff\xfe", b'{"jsonrpc":"2.0","id":1,"method":', b"[" * 2000):
        with Client() as client:
            client.send_raw(line + b"\n")
            answer = client.message()
            tap.ok(answer.get("id") is None and answer["error"]["code"] in (-32700, 3),
                   f"{line[:12]!r} is answered with a parse error", answer)
            tap.ok("version" in client.call("system.info"), "and the same client can go on")


def vanishing_client(tap, client):
    template = client.load(compile_spec(CHATTER))
    vm = client.create(template)
    ghost = Client()
    ghost.call("console.attach", vm=vm)
    ghost.call("events.subscribe", vm=vm, mode="lossless")
    client.call("vm.start", vm=vm)
    seen = 0
    while seen < 10:
        seen += ghost.note()["method"] == "exit"
    ghost.close()
    run = client.follow(vm)
    tap.equal((run.end["reason"], run.end["exit"]), ("stop", "VMMCALL"),
              "a VM completes although a lossless client vanished")
    tap.equal([e["seq"] for e in run.exits], list(range(ROUNDS + 1)),
              "the other lossless client misses nothing")
    tap.equal(len(run.console), ROUNDS, "nor does its console")
    client.call("vm.destroy", vm=vm)
    client.call("template.unload", template=template)


with Tap() as tap, Client() as client:
    before = client.call("system.info")
    damaged_templates(tap, client, compile_spec("specs/hello.yaml"))
    garbage_lines(tap)
    vanishing_client(tap, client)
    after = client.call("system.info")
    tap.equal(after["pid"], before["pid"], "the daemon is the one that it was")
    for name in ("vms", "vcpus", "memory_objects", "pages"):
        tap.equal(after["svmrt"][name], before["svmrt"][name], f"the module holds as many {name} as before")
