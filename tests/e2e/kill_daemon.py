#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of svmrund while two guests loop, in the lab: the module must free everything that the
dead process held, serve a second svmrund at once, unload, load again, and serve a third.

Works on the lab that SVMLAB_NAME names, through the svmlab of the build; leaves a running svmrund.
"""
import os
import subprocess
from e2e_lib import BUILD, Client, Tap, compile_spec

LOOP = """
svmspec: 1
name: loop
extends: long64
memory: [ { at: 0, size: 2MiB, kind: ram } ]
payload:
  asm: |
    start:  mov     $0x510, %edx
    next:   out     %al, %dx
            jmp     next
exits:
  IOIO: { do: user, event: stream }
"""
COUNTS = ("vms", "vcpus", "memory_objects", "pages", "cpus_claimed")

# Conditions are polled until they hold, at most 10 s; the lab's own limit is above that.
LIMIT = """
limit=500
until_true() {
	until "$@"; do
		limit=$((limit - 1))
		[ $limit -gt 0 ] || { echo "waited in vain for: $*"; exit 1; }
		usleep 20000
	done
}
unused() { grep -q '^svmrt [0-9]* 0 ' /proc/modules; }
answers() { svmctl --timeout 5 rpc system.info >/dev/null 2>&1; }
"""
KILL = LIMIT + """
kill -9 "$(pidof svmrund)" && until_true unused
"""
START = LIMIT + """
setsid svmrund --socket /run/svmrund/control.sock </dev/null >/dev/console 2>&1 &
until_true answers
"""
RELOAD = LIMIT + """
kill "$(pidof svmrund)" && until_true unused && rmmod svmrt && [ ! -e /dev/svmrt ] &&
	insmod /lib/modules/svmrt.ko && [ -e /dev/svmrt ]
"""
REPORTS = "dmesg | grep -E 'BUG|WARNING|Oops|Call Trace|general protection|soft lockup|hung task'"


def in_lab(script):
    """Run a shell script in the appliance: its exit status and what it said."""
    done = subprocess.run([os.path.join(BUILD, "svmlab"), "run", "--time-limit", "30", "--", "sh",
                           "-c", script], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def counts():
    with Client() as client:
        return {name: client.call("system.info")["svmrt"][name] for name in COUNTS}


def hello_runs():
    with Client() as client:
        template = client.load(compile_spec("specs/hello.yaml"))
        run = client.run(template)
        client.call("template.unload", template=template)
        return (run.end["reason"], run.end["exit"], bool(run.console))


def start_looping(client):
    """A VM that has told some exits already, so it is certainly in its loop."""
    template = client.load(compile_spec(LOOP))
    vm = client.create(template, mode="lossy")
    client.call("vm.start", vm=vm)
    seen = 0
    while seen < 20:
        note = client.note()
        seen += note["method"] == "exit" and note["params"]["vm"] == vm
    return vm


def hangs_up(client):
    """Whether the connection ends once what was on its way has come."""
    try:
        while True:
            client.message()
    except (EOFError, ConnectionError):
        return True
    except TimeoutError:
        return False


with Tap() as tap:
    nothing = dict.fromkeys(COUNTS, 0)
    tap.equal(counts(), nothing, "before, the module holds nothing")
    client = Client()
    for _ in range(2):
        start_looping(client)
    during = counts()
    tap.equal((during["vms"], during["vcpus"]), (2, 2), "two guests run")
    tap.ok(during["pages"] > 0 and during["cpus_claimed"] > 0, "and hold pages and processors", during)

    status, text = in_lab(KILL)
    tap.ok(status == 0, "after kill -9 of svmrund nothing uses the module", text)
    tap.ok(hangs_up(client), "and its client is told by the end of the connection")
    client.close()

    status, text = in_lab(START)
    tap.ok(status == 0, "a second svmrund starts at once", text)
    tap.equal(counts(), nothing, "everything that the first one held is free")
    tap.equal(hello_runs(), ("stop", "VMMCALL", True), "a guest runs on it")

    status, text = in_lab(RELOAD)
    tap.ok(status == 0, "the module unloads and loads again", text)
    status, text = in_lab(START)
    tap.ok(status == 0, "a third svmrund starts on it", text)
    tap.equal(hello_runs(), ("stop", "VMMCALL", True), "a guest runs on that, too")
    tap.equal(counts(), nothing, "and leaves nothing behind")
    status, text = in_lab(REPORTS)
    tap.ok(status == 1, "the kernel has nothing to report", text)
