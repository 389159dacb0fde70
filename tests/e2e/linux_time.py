#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest time: a minute that a guest sleeps by its own clock is a minute by the lab's, within 1 %, also
while all processors of the lab are busy. Argument: a template that logs in on its console."""
import base64
import os
import re
import subprocess
import sys
import time
from e2e_lib import BUILD, Client, Tap

SECONDS = 60
LAB = os.path.join(BUILD, "svmlab")


def lab_uptime():
    """The lab's clock, and how long asking took: the answer is of some moment meanwhile."""
    begin = time.monotonic()
    text = subprocess.run([LAB, "run", "--time-limit", "60", "--", "cat", "/proc/uptime"], check=True,
                          capture_output=True, timeout=90).stdout
    return float(text.split()[0]), time.monotonic() - begin


class Shell:
    def __init__(self, client, image):
        self.client, self.seen = client, ""
        self.vm = client.create(client.load(image), mode=None)
        client.call("vm.start", vm=self.vm)
        self.until("login: ")
        self.type("root\n")
        self.until("# ")

    def type(self, text):
        self.client.call("console.write", vm=self.vm, data=text)

    def until(self, pattern, limit=200):
        deadline = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            params = self.client.note(deadline)["params"]
            self.seen += params.get("data") or base64.b64decode(params.get("base64", "")).decode("latin1")

    def sleep(self, seconds):
        """Guest seconds and lab seconds of one sleep, and how uncertain the latter are."""
        before, slack = lab_uptime()
        self.type(f"read a b </proc/uptime; sleep {seconds}; read c d </proc/uptime; echo slept $a $c.\n")
        found = self.until(r"slept ([0-9.]+) ([0-9.]+)\.\r")
        after, more = lab_uptime()
        self.until("# ")
        return float(found[2]) - float(found[1]), after - before, slack + more


def check(tap, shell, name):
    # What the way to the guest and back costs under the same load is no part of its sleep.
    _, way, more = shell.sleep(0)
    guest, lab, slack = shell.sleep(SECONDS)
    slack += way + more
    tap.ok(guest >= SECONDS, f"{name}: the guest has slept at least as long as it wanted", guest)
    tap.ok(guest - SECONDS / 100 <= lab <= guest + slack + SECONDS / 100,
           f"{name}: the lab's clock agrees", f"guest {guest:.2f} s, lab {lab:.2f} s, asking took {slack:.2f} s")
    print(f"# {name}: guest {guest:.2f} s, lab {lab:.2f} s, asking took {slack:.2f} s")


with Tap() as tap, Client(timeout=200) as client:
    with open(sys.argv[1], "rb") as file:
        guest_shell = Shell(client, file.read())
    check(tap, guest_shell, "quiet")
    with subprocess.Popen([LAB, "run", "--time-limit", "200", "--", "sh", "-c",
                           "for i in 1 2; do while :; do :; done & done; wait"],
                          stdout=subprocess.DEVNULL) as load:
        check(tap, guest_shell, "loaded")
        load.terminate()
    client.call("vm.stop", vm=guest_shell.vm)
    client.call("vm.destroy", vm=guest_shell.vm)
