#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pause and resume, registers, memory, filters and limits on the real module. The guest counts in
memory and tells every step by an OUT: whatever happens to it, counter and events must agree, so no
instruction is lost or done twice."""
import base64
import struct
from e2e_lib import Client, RpcError, Tap, compile_spec

SPEC = """
svmspec: 1
name: counter
extends: long64
memory:
  - { at: 0, size: 2MiB, kind: ram }
  - { at: 0x80000000, size: 4KiB, kind: rom }
payload:
  asm: |
    start:  mov     $0x100000, %edi
            mov     $0x80, %edx
    next:   incl    (%rdi)
            out     %al, %dx
            rdtsc
            mov     $0x80, %edx
            cmpl    $0, 0x1000(%rdi)
            je      next
            jmp     done
            .org    0x100
    done:   vmmcall
exits:
  IOIO:    { do: user, event: stream }
  RDTSC:   { do: skip, event: stream }
  VMMCALL: { do: stop, event: stream }
control:
  intercepts: [+RDTSC]
"""
COUNTER, FLAG, ROM, DONE = 0x100000, 0x101000, 0x80000000, 0x1100


def refusal(client, method, **params):
    try:
        return client.call(method, **params)
    except RpcError as error:
        return error.code, error.message


def read(client, vm, gpa, count):
    return base64.b64decode(client.call("memory.read", vm=vm, gpa=gpa, bytes=count)["data"])


def counter(client, vm):
    return struct.unpack("<I", read(client, vm, COUNTER, 4))[0]


def pauses(tap, client, template):
    vm = client.create(template, mode=None)
    watcher = Client()
    watcher.call("events.subscribe", vm=vm, mode="lossless", fields=["rip"],
                 ports=[{"first": 0x80, "last": 0x80}])
    client.call("vm.start", vm=vm)
    seen, still, rips = [], True, set()
    for _ in range(20):
        note = watcher.note()
        while note["method"] != "exit":
            note = watcher.note()
        seen.append(note["params"]["seq"])
        client.call("vm.pause", vm=vm)
        before, regs = counter(client, vm), client.call("vcpu.get", vm=vm, vcpu=0)["regs"]
        rips.add(int(regs["rip"], 16))
        client.call("vcpu.set", vm=vm, vcpu=0, regs={"rbx": before, "rip": regs["rip"]})
        still &= client.call("vm.info", vm=vm)["state"] == "paused"
        still &= counter(client, vm) == before
        still &= client.call("vcpu.get", vm=vm, vcpu=0)["regs"] == {**regs, "rbx": hex(before)}
        client.call("vm.resume", vm=vm)
    tap.ok(still, "a paused guest stands still")
    tap.ok(all(0x1000 <= rip < DONE for rip in rips), "it stands at its own instructions", rips)
    client.call("memory.write", vm=vm, gpa=FLAG, data=base64.b64encode(b"\1").decode())
    end = client.call("vm.wait", vm=vm)["end"]
    tap.equal((end["reason"], end["rip"]), ("stop", hex(DONE)), "it runs on to its own end")
    steps = counter(client, vm)
    while True:
        note = watcher.note()
        if note["method"] == "exit":
            seen.append(note["params"]["seq"])
        elif note["params"]["state"] == "stopped":
            break
    # Seen are the OUTs only: they come in turn with the RDTSCs, which the filter leaves out.
    tap.equal(seen, list(range(0, 2 * steps, 2)), "every step has one event, and none is missing")
    watcher.close()
    client.call("vm.destroy", vm=vm)


def registers_and_memory(tap, client, template):
    vm = client.create(template, mode=None)
    client.call("vcpu.set", vm=vm, vcpu=0, regs={"rip": DONE, "rax": "0xfedcba9876543210",
                                                 "rsp": 0x7000, "r15": 15})
    data = bytes(n % 251 for n in range(0x20000))
    client.call("memory.write", vm=vm, gpa=COUNTER - 0x1234,
                data=base64.b64encode(data).decode())
    end = client.call("vm.start", vm=vm) and client.call("vm.wait", vm=vm)["end"]
    tap.equal(end["rip"], hex(DONE), "a vCPU starts at the RIP that was set")
    regs = client.call("vcpu.get", vm=vm, vcpu=0)["regs"]
    tap.equal([regs[name] for name in ("rax", "rsp", "r15")],
              ["0xfedcba9876543210", "0x7000", "0xf"], "and with the registers that were set")
    tap.equal(read(client, vm, COUNTER - 0x1234, len(data)), data, "memory is what was written")
    zero = base64.b64encode(bytes(8)).decode()
    for name, method, params, text in [
            ("a hole", "memory.read", {"gpa": 0x1ffffc, "bytes": 8}, "0x200000: no memory there"),
            ("ROM", "memory.write", {"gpa": ROM, "data": zero}, "read-only memory")]:
        code, message = refusal(client, method, vm=vm, **params)
        tap.ok(code == -32602 and text in message, f"{method} says that it met {name}", message)
    tap.equal(read(client, vm, ROM, 8), bytes(8), "ROM can be read")
    client.call("vm.destroy", vm=vm)


def limits(tap, client, template):
    for name, value in (("exits", 100), ("run_time_ms", 100)):
        vm = client.create(template, mode=None, limits={name: value})
        client.call("vm.start", vm=vm)
        end = client.call("vm.wait", vm=vm)["end"]
        tap.equal((end["reason"], end.get("limit")), ("limit", name), f"{name} ends the run")
        client.call("vm.destroy", vm=vm)


with Tap() as tap, Client() as connection:
    identity = connection.load(compile_spec(SPEC))
    pauses(tap, connection, identity)
    registers_and_memory(tap, connection, identity)
    limits(tap, connection, identity)
    connection.call("template.unload", template=identity)
