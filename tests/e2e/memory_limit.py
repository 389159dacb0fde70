#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that wants more memory than its user may have: svmrund says which page and why, the VM ends,
and another VM goes on. Sets a parameter of svmrt.ko in the lab that SVMLAB_NAME names, and puts it back."""
import os
import subprocess
from e2e_lib import BUILD, Client, Tap, compile_spec

LIMIT = "/sys/module/svmrt/parameters/max_pages_per_user"
GREEDY = """
svmspec: 1
name: greedy
extends: long64
memory: [ { at: 0, size: 64MiB } ]
payload:
  asm: |
    start:  mov     $0x200000, %rdi
    next:   mov     %rdi, (%rdi)
            add     $4096, %rdi
            cmp     $0x3e00000, %rdi
            jb      next
            vmmcall
exits: { VMMCALL: { do: stop } }
"""
MODEST = """
svmspec: 1
name: modest
extends: long64
memory: [ { at: 0, size: 2MiB } ]
payload:
  asm: |
    ask:    in      $0x80, %al          # answered by a rule, which counts
            cmpb    $1, 0x100000        # somebody writes it there
            jne     ask
            movb    $2, 0x100001
            vmmcall
exits:
  IOIO: { rules: [ { at: 0x80, access: read, do: table, value: 1 } ] }
  VMMCALL: { do: stop }
"""


def in_lab(command):
    done = subprocess.run([os.path.join(BUILD, "svmlab"), "run", "--time-limit", "30", "--", "sh", "-c", command],
                          capture_output=True, timeout=60, check=True)
    return done.stdout.decode().strip()


def rule_count(client, vm):
    """Exits that met the only finer rule of the modest guest."""
    rule, = client.call("stats.get", vm=vm)["vcpus"][0]["rules"]
    assert (rule["exit"], rule["first"], rule["last"], rule["access"]) == ("IOIO", "0x80", "0x80", "read"), rule
    return rule["count"]


with Tap() as tap:
    client = Client()
    old = in_lab(f"cat {LIMIT}")
    templates = [client.load(compile_spec(spec)) for spec in (GREEDY, MODEST)]
    greedy = client.create(templates[0], name="greedy")
    modest = client.create(templates[1], name="modest")
    client.call("vm.start", vm=modest)
    while rule_count(client, modest) < 100:
        pass
    held = int(client.call("system.info")["svmrt"]["pages"])
    in_lab(f"echo {held + 3000} >{LIMIT}")
    try:
        client.call("vm.start", vm=greedy)
        end = client.call("vm.wait", vm=greedy)["end"]
        tap.equal(end["reason"], "broken", "a guest that wants more than there is ends")
        text = end["text"]
        tap.ok("no page for guest physical 0x" in text and "max_pages_per_user" in text and "EDQUOT" in text,
               "svmrund says which page, which limit and the error", text)
        before = rule_count(client, modest)
        client.call("memory.write", vm=modest, gpa="0x100000", data="AQ==")
        end = client.call("vm.wait", vm=modest)["end"]
        tap.equal((end["reason"], end["exit"]), ("stop", "VMMCALL"), "another VM goes on meanwhile")
        tap.ok(rule_count(client, modest) >= before, "and stats.get counts the exits of its finer rule")
    finally:
        in_lab(f"echo {old} >{LIMIT}")
    client.call("vm.destroy", vm=greedy)
    again = client.create(templates[0], name="greedy")
    client.call("vm.start", vm=again)
    end = client.call("vm.wait", vm=again)["end"]
    tap.equal((end["reason"], end["exit"]), ("stop", "VMMCALL"), "with the old limit, the same guest has it all")
    client.call("vm.destroy", vm=again)
    client.call("vm.destroy", vm=modest)
    for template in templates:
        client.call("template.unload", template=template)
