#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stand-in for svmrund in tests of svmctl: it plays one scenario and runs no guest.

usage: fake_daemon.py SCENARIO COMMAND [ARG...]

SCENARIO is a JSON object. COMMAND runs with SVMRUND_SOCKET set to the stand-in's socket, and its exit
status is ours, so a test needs no background job and no waiting. Members of SCENARIO, all optional:

  console   list of texts, or of {"base64": TEXT}, sent when the VM starts
  exits     list of members of exit notifications; what is left out has a default
  dropped   count of an events.dropped notification
  end       END object, or null: the guest runs until vm.stop
  regs, vmcb   answer of vcpu.get
  memory    the value of every byte of guest memory (default: the low byte of its address)
  answers   {METHOD: result} instead of the usual result
  errors    {METHOD: error object}
  raw       {METHOD: text} sent instead of the answer, exactly as it is
  slow      list of methods whose answer takes a while
  silent    list of methods that get no answer
  close_on  method at which the connection is closed
  play_on_subscribe   true: the guest runs already when someone subscribes
  play_on_attach      true: the guest has printed already when someone attaches
  play_on_write       true: the guest answers to the first console input
  eof       true: close the connection after the exits, before the guest ends
  grow      number that every IOIO counter has grown by at each reading after the first
  log       file that gets one line "METHOD PARAMS" per request
"""
import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

TEMPLATE = "ab" * 32
STOPPED = {"reason": "stop", "vcpu": 0, "exit": "VMMCALL", "code": "0x81", "rip": "0x1010", "text": ""}
EXIT = {
    "subscription": 1, "vm": 1, "vcpu": 0, "exit": "VMMCALL", "code": "0x81", "info1": "0x0",
    "info2": "0x0", "intinfo": "0x0", "rip": "0x1000", "rax": "0x0", "tsc": "0x1", "cpl": 0,
    "mode": "long64", "shadow": False, "action": "user",
}
VCPUS = [{
    "vcpu": 0, "exits": {"IOIO": 14, "VMMCALL": 1}, "ports": {"0x3f8": 13, "0x80": 1},
    "msrs": {}, "gpas": {}, "host": {"intr": 3, "nmi": 0, "npf": 2},
    "entries": 20, "slices": 4, "flushes": 2, "events": 15, "dropped": 0, "xcr0_restored": 0,
    "missed_ticks": {"lapic": 4},
}]
MISSED = {"i8254": 7, "mc146818": 0}
SVMRT = {
    "abi": 1, "caps": ["npt", "nrips"], "svm_revision": 1, "asids": 16, "svm_features": "0x9",
    "cpus_online": 2, "cpus_claimed": 1, "vms": 1, "vcpus": 1, "memory_objects": 1, "pages": 7,
    "max_pages_per_user": 1000, "unusable": "",
}


class Gone(Exception):
    """The connection is to be closed."""


class Session:
    """One client."""

    def __init__(self, scenario, connection):
        self.scenario = scenario
        self.connection = connection
        self.subscribed = False
        self.ended = False
        self.readings = 0

    def send(self, message):
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def notify(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def result(self, method, params):
        """The usual answer; follows the RPC contract."""
        vm = {"vm": 1}
        plain = {
            "template.load": {"template": TEMPLATE, "name": "fake", "vcpus": 1,
                              "memory_bytes": 2097152},
            "template.list": {"templates": [{"template": TEMPLATE, "name": "fake", "vcpus": 1,
                                             "memory_bytes": 2097152, "vms": 1}]},
            "vm.create": vm, "vm.start": {"vm": 1, "state": "running"},
            "vm.stop": {"vm": 1, "state": "stopped"}, "vm.destroy": vm,
            "vm.pause": {"vm": 1, "state": "paused"}, "vm.resume": {"vm": 1, "state": "running"},
            "console.write": vm, "memory.read": {"data": self.memory(params)}, "memory.write": vm,
            "vm.list": {"vms": [{"vm": 1, "name": "fake", "state": "running",
                                 "template": TEMPLATE}]},
            "vm.info": {"vm": 1, "name": "fake", "state": "stopped", "template": TEMPLATE,
                        "vcpus": VCPUS, "missed_ticks": MISSED, "end": STOPPED},
            "vm.wait": {"vm": 1, "state": "stopped", "end": STOPPED},
            "stats.get": {"vcpus": VCPUS, "missed_ticks": MISSED},
            "vcpu.get": {"regs": self.scenario.get("regs", {}),
                         "vmcb": self.scenario.get("vmcb", {})},
            "events.subscribe": {"subscription": 1}, "console.attach": vm,
            "template.unload": {}, "events.unsubscribe": {},
            "system.info": {"version": "0.1.0", "engine": "svmrt", "pid": 42, "svmrt": SVMRT},
        }
        answer = self.scenario.get("answers", {}).get(method, plain.get(method, {"echo": params}))
        if "grow" in self.scenario and method in ("stats.get", "vm.info"):
            answer = json.loads(json.dumps(answer))
            for vcpu in answer["vcpus"]:
                vcpu["exits"]["IOIO"] += self.scenario["grow"] * self.readings
                vcpu["ports"]["0x3f8"] += self.scenario["grow"] * self.readings
            self.readings += 1
        return answer

    def memory(self, params):
        """Bytes that count up from the low byte of their address, or `memory` of the scenario."""
        first, size = int(params.get("gpa", "0"), 16), params.get("bytes", 0)
        fixed = self.scenario.get("memory")
        raw = bytes((first + n) & 255 if fixed is None else fixed for n in range(size))
        return base64.b64encode(raw).decode()

    def play(self):
        """What a guest does between its start and its end."""
        for piece in self.scenario.get("console", []):
            data = piece if isinstance(piece, dict) else {"data": piece}
            self.notify("console.output", dict(vm=1, **data))
        if self.subscribed:
            for seq, members in enumerate(self.scenario.get("exits", [])):
                self.notify("exit", dict(EXIT, seq=seq, **members))
            if self.scenario.get("dropped"):
                self.notify("events.dropped", {"subscription": 1, "vm": 1, "vcpu": 0,
                                               "count": self.scenario["dropped"]})
        if self.scenario.get("eof"):
            raise Gone
        end = self.scenario.get("end", STOPPED)
        if end is not None:
            self.end(end)

    def end(self, end):
        if not self.ended:
            failed = end.get("reason") in ("invalid", "broken", "error")
            self.notify("vm.state", {"vm": 1, "state": "failed" if failed else "stopped",
                                     "end": end})
        self.ended = True

    def answer(self, request):
        method, params = request["method"], request["params"]
        if "log" in self.scenario:
            shown = dict(params, data="...") if "data" in params else params
            with open(self.scenario["log"], "a", encoding="utf-8") as log:
                log.write(f"{method} {json.dumps(shown)}\n")
        if method == self.scenario.get("close_on"):
            raise Gone
        if method in self.scenario.get("silent", []):
            return
        if method in self.scenario.get("raw", {}):
            self.connection.sendall(self.scenario["raw"][method].encode("latin-1"))
            return
        if method in self.scenario.get("slow", []):
            time.sleep(0.2)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if method in self.scenario.get("errors", {}):
            self.send(dict(reply, error=self.scenario["errors"][method]))
            return
        self.send(dict(reply, result=self.result(method, params)))
        if method == "events.subscribe":
            self.subscribed = True
            if self.scenario.get("play_on_subscribe"):
                self.play()
        elif method == "console.attach" and self.scenario.get("play_on_attach"):
            self.play()
        elif method == "console.write" and self.scenario.get("play_on_write"):
            self.play()
        elif method == "vm.start":
            self.ended = False
            self.play()
        elif method == "vm.stop":
            self.end(dict(STOPPED, reason="requested", exit=None))

    def serve(self):
        try:
            for line in self.connection.makefile("rb"):
                self.answer(json.loads(line))
        except (Gone, OSError):
            pass
        self.connection.close()


def accept(listener, scenario):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=Session(scenario, connection).serve, daemon=True).start()


def main():
    scenario = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "control.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        threading.Thread(target=accept, args=(listener, scenario), daemon=True).start()
        status = subprocess.run(sys.argv[2:], env=dict(os.environ, SVMRUND_SOCKET=path),
                                timeout=60, check=False).returncode
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
