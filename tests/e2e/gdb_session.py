#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""svmctl gdb with real GDB on real guests: two vCPUs that count, call a function and store."""
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from e2e_lib import BUILD, Client, Tap, compile_spec

SVMCTL = os.path.join(BUILD, "svmctl")
# The function is at 0x1100 and stores at 0x9000 plus 8 times the vCPU's number, which is in rsi.
SPEC = """
svmspec: 1
name: debug
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    again:
      inc   %rbx
      call  store
      cmp   $2000000000, %rbx
      jne   again
      vmmcall
      .org  0x100
    store:
      mov   %rbx, 0x9000(,%rsi,8)
      ret
vcpus:
  - { at: 0, state: { rip: 0x1000, rsp: 0x8000, rbx: 0, rsi: 0 } }
  - { at: 1, state: { rip: 0x1000, rsp: 0x7000, rbx: 0, rsi: 1 } }
exits:
  VMMCALL: { do: stop, event: count }
"""


def gdb(vm, *commands):
    """What GDB prints, one debugging session of the VM."""
    lines = ["set confirm off", "set pagination off", "set width 0",
             f"target remote | {SVMCTL} gdb -p {vm}", *commands]
    words = [word for line in lines for word in ("-ex", line)]
    done = subprocess.run(["gdb", "-q", "-nx", "-batch", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def in_order(text, *patterns):
    """The first pattern that does not follow the ones before it, or None."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern).search(text, at)
        if not found:
            return pattern
        at = found.end()
    return None


def breakpoints(tap, client, template):
    vm = client.create(template, mode=None)
    said = gdb(vm, "info threads", "print/x $rip", "break *0x1100", "continue", "print $rbx",
               "x/2i $rip", "stepi", "print/x $rip", "delete", "thread 1", "hbreak *0x1108",
               "continue", "print/x $rip", "delete", "watch *(long *)0x9008", "continue",
               "delete", "awatch *(long *)0x9008", "continue", "delete", "set var $rbx = 1999999990", "print $rbx", "detach")
    missing = in_order(
        said, r"Thread 1 \(vCPU 0\) 0x0000000000001000", r"Thread 2 \(vCPU 1\)", r"= 0x1000\n",
        r"hit Breakpoint 1, 0x0000000000001100", r"= 1\n", r"=> 0x1100:\s+mov +%rbx,0x9000\(,%rsi,8\)",
        r"0x1108:\s+ret", r"= 0x1108\n", r"hit Breakpoint 2, 0x0000000000001108", r"= 0x1108\n",
        r"Thread 2 hit Hardware watchpoint 3", r"Old value = \d+\n", r"New value = \d+\n",
        r"hit Hardware access \(read/write\) watchpoint 4", r"= 1999999990\n", r"detached")
    tap.ok(not missing, "breakpoints, watchpoints and steps of two vCPUs stop where GDB wants them",
           missing, said)
    end = client.call("vm.wait", vm=vm)
    tap.ok(end["state"] == "stopped" and end["end"]["exit"] == "VMMCALL",
           "after a detach the guest runs on to its end, without our breakpoints", end)
    client.call("vm.destroy", vm=vm)


def memory(tap, client, template):
    vm = client.create(template, mode=None)
    said = gdb(vm, "break *0x1100", "x/2xb 0x1100", "set {long}0x9100 = 0x1122334455667788",
               "x/xg 0x9100", "print *(char *)0xffff800000000000", "set var $eflags = 0x246",
               "print/x $eflags", "print/x $cs", "print/x $cr0 & 0x80000001", "continue",
               "x/2xb 0x1100", "kill")
    missing = in_order(
        said, r"0x1100:\s+0x48\s+0x89\n", r"0x9100:\s+0x1122334455667788",
        r"= 0x246\n", r"= 0x8\n",
        r"= 0x80000001\n", r"hit Breakpoint 1", r"0x1100:\s+0x48\s+0x89\n")
    if "Cannot access memory at address 0xffff800000000000" not in said:
        missing = "the error of an address that is not mapped"
    tap.ok(not missing, "memory goes through page tables, and breakpoints do not show in it",
           missing, said)
    tap.equal(client.call("vm.wait", vm=vm)["end"]["reason"], "requested", "kill stops the VM")
    client.call("vm.destroy", vm=vm)


def floating_point(tap, client, template):
    """x87 and SSE registers as GDB shows and sets them, and as the guest has them afterwards."""
    vm = client.create(template, mode=None)
    said = gdb(vm, "print/x $fctrl", "print/x $ftag", "print/x $mxcsr",
               "set var $xmm3.v2_int64[1] = 0x1122334455667788", "set var $xmm15.v4_float[0] = 1.5",
               "set var $st0 = 2.5", "set var $ftag = 0xfffc", "set var $mxcsr = 0x1f00", "break *0x1100", "continue",
               "print/x $xmm3.v2_int64[1]", "print $xmm15.v4_float[0]", "print $st0", "print/x $ftag",
               "print/x $mxcsr", "set var $mxcsr = 0xffffffff", "print/x $mxcsr", "kill")
    missing = in_order(said, r"= 0x37f\n", r"= 0xffff\n", r"= 0x1f80\n", r"hit Breakpoint 1",
                       r"= 0x1122334455667788\n", r"= 1\.5\n", r"= 2\.5\n", r"= 0xfffc\n", r"= 0x1f00\n",
                       r"= 0x1f00\n")
    if 'Could not write register "mxcsr"' not in said:
        missing = "the error of a reserved bit"
    tap.ok(not missing, "x87 and SSE registers are read, set and kept; a reserved bit of MXCSR is refused",
           missing, said)
    client.call("vm.destroy", vm=vm)


def packet(payload):
    return b"$%s#%02x" % (payload, sum(payload) & 255)


class Remote:
    """The protocol itself, for what GDB sends only when a person presses a key."""

    def __init__(self, vm):
        self.where = tempfile.TemporaryDirectory(prefix="svmctl-gdb-")
        path = os.path.join(self.where.name, "gdb")
        self.process = subprocess.Popen([SVMCTL, "gdb", "--listen", path, str(vm)],
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not os.path.exists(path):
            assert self.process.poll() is None and time.monotonic() < deadline
            select.select([], [], [], 0.02)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(60)
        self.data = b""
        assert self.ask(b"QStartNoAckMode") == b"OK"

    def answer(self):
        while not (found := re.search(rb"\$([^#]*)#..", self.data)):
            part = self.socket.recv(65536)
            assert part, "svmctl gdb is gone"
            self.data += part
        self.data = self.data[found.end():]
        return found.group(1)

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, payload):
        self.send(packet(payload))
        return self.answer()


def interrupts(tap, client, template):
    vm = client.create(template, mode=None)
    remote = Remote(vm)
    remote.ask(b"P1=%s" % (b"00" * 8))
    remote.send(packet(b"vCont;c"))
    while client.call("vm.info", vm=vm)["state"] != "running":
        pass
    remote.send(b"\x03")
    stop = remote.answer()
    tap.ok(stop.startswith(b"T02"), "the interrupt byte stops a running guest", stop)
    before = [remote.ask(b"Hg%d" % n) + remote.ask(b"p1") for n in (1, 2)]
    stopped = remote.ask(b"vCont;s:2")
    after = [remote.ask(b"Hg%d" % n) + remote.ask(b"p1") for n in (1, 2)]
    tap.ok(b"thread:2" in stopped and after[0] == before[0],
           "one vCPU steps while the other stays where it is", stopped, before, after)
    tap.equal([remote.ask(p) for p in (b"m1", b"Z9,1,1", b"Z0,1", b"P999=00", b"G", b"vCont;q",
                                       b"Hg7", b"", b"qXfer:features:read:x:0,10",
                                       b"pffffffffffffffffff")],
              [b"E16", b"", b"E16", b"E16", b"OK", b"E16", b"E16", b"", b"E02", b"E16"],
              "what makes no sense is refused and harms nobody")
    remote.send(packet(b"vCont;c"))
    remote.socket.close()
    remote.process.wait(60)
    tap.equal(client.call("vm.info", vm=vm)["state"], "paused",
              "a debugger that vanishes leaves the VM paused and free of it")
    client.call("vm.stop", vm=vm)
    client.call("vm.destroy", vm=vm)


with Tap() as tap, Client() as connection:
    identity = connection.load(compile_spec(SPEC))
    tap.ok(shutil.which("gdb"), "GDB is installed (tools/setup.sh names the package)")
    breakpoints(tap, connection, identity)
    memory(tap, connection, identity)
    floating_point(tap, connection, identity)
    interrupts(tap, connection, identity)
    connection.call("template.unload", template=identity)
