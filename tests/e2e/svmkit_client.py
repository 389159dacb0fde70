# SPDX-License-Identifier: MIT
"""A client of svmrund's control socket for programs, in the standard library of Python 3 only.

    from svmkit_client import Client
    client = Client("/run/svmrund/control.sock")
    template = client.load(open("hello.svmt", "rb").read())
    run = client.run(template, mode="lossless")
    print(run.end["reason"], run.console, [e["exit"] for e in run.exits])

It shares no code with svmctl, so that tests which use it see the socket as any other program does.
Also here: what the end-to-end tests share (the environment, compiling, TAP).
"""
import base64
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import time

HEX_MEMBERS = ("code", "info1", "info2", "intinfo", "rip", "rax", "tsc")


class RpcError(Exception):
    """The daemon answered with an error."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error['message']} (code {error['code']})")
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data", {})


def decode_exit(params):
    """An exit notification's params with its hex strings as numbers."""
    return dict(params, **{name: int(params[name], 16) for name in HEX_MEMBERS})


class Run:
    """What one VM did between its start and its end."""

    def __init__(self):
        self.exits = []
        self.console = b""
        self.dropped = 0
        self.end = None

    def take(self, note):
        """Add one notification; true when it was the last one of the run."""
        method, params = note["method"], note["params"]
        if method == "exit":
            self.exits.append(decode_exit(params))
        elif method == "events.dropped":
            self.dropped += params["count"]
        elif method == "console.output":
            self.console += (params["data"].encode() if "data" in params
                             else base64.b64decode(params["base64"], validate=True))
        elif method == "vm.state" and params["state"] in ("stopped", "failed"):
            self.end = params["end"]
        return self.end is not None


class Client:
    """One connection. Notifications that come before an answer are kept for note()."""

    def __init__(self, path=None, timeout=30):
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path or os.environ["SVMRUND_SOCKET"])
        self.pending = b""
        self.notes = []
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def message(self, deadline=None):
        """The next message of any kind."""
        while b"\n" not in self.pending:
            left = self.timeout if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no message in time")
            self.socket.settimeout(left)
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the daemon closed the connection")
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return json.loads(line)

    def call(self, method, **params):
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.send_raw(json.dumps(request).encode() + b"\n")
        while True:
            message = self.message()
            if "method" in message:
                self.notes.append(message)
            elif message["id"] != self.last_id:
                raise ValueError(f"answer to another call: {message}")
            elif "error" in message:
                raise RpcError(method, message["error"])
            else:
                return message["result"]

    def note(self, deadline=None):
        """The next notification, in order of arrival."""
        if self.notes:
            return self.notes.pop(0)
        message = self.message(deadline)
        if "method" not in message:
            raise ValueError(f"an answer that nobody waits for: {message}")
        return message

    def load(self, image):
        data = base64.b64encode(image).decode()
        return self.call("template.load", data=data)["template"]

    def create(self, template, mode="lossless", **more):
        """A VM whose console and exits come to this client."""
        vm = self.call("vm.create", template=template, **more)["vm"]
        self.call("console.attach", vm=vm)
        if mode:
            self.call("events.subscribe", vm=vm, mode=mode)
        return vm

    def follow(self, vm, limit=30):
        """Collect a VM's notifications until it has ended."""
        run, deadline = Run(), time.monotonic() + limit
        while True:
            note = self.note(deadline)
            if note["params"].get("vm") == vm and run.take(note):
                return run

    def run(self, template, mode="lossless", limit=30):
        vm = self.create(template, mode)
        self.call("vm.start", vm=vm)
        run = self.follow(vm, limit)
        run.info = self.call("vm.info", vm=vm)
        self.call("vm.destroy", vm=vm)
        return run


# --- what the end-to-end tests share --------------------------------------------------------------

BUILD = os.environ.get("SVMKIT_BUILD", ".")
SRC = os.environ.get("SVMKIT_SRC", ".")


def compile_spec(spec, **defines):
    """The template of a spec: a path in the source tree that ends in .yaml, or the text of one."""
    options = [word for name, value in defines.items() for word in ("-D", f"{name}={value}")]
    is_path = spec.endswith(".yaml")
    done = subprocess.run([os.path.join(BUILD, "svmc"), "compile", "-o", "-", *options,
                           os.path.join(SRC, spec) if is_path else "-"],
                          input=None if is_path else spec.encode(), capture_output=True,
                          timeout=60, check=False)
    if done.returncode:
        raise ValueError(done.stderr.decode())
    return done.stdout


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def seal(image):
    """A changed template with digest and checksum made right: only the change itself is wrong then."""
    image = bytearray(image)
    image[16:48] = hashlib.sha256(image[128:]).digest()
    image[48:52] = bytes(4)
    image[48:52] = struct.pack("<I", crc32c(image))
    return bytes(image)


def patch_vmcb(image, offset, form, change):
    """A template whose first VMCB has change(old value) at `offset`; `form` as in struct."""
    count, = struct.unpack_from("<I", image, 52)
    rows = [struct.unpack_from("<IIQQQ", image, 128 + 32 * n) for n in range(count)]
    starts = {kind: start for kind, _, start, _, _ in rows}
    page, = struct.unpack_from("<I", image, starts[5] + 8)
    where = starts[4] + 4096 * page + offset
    image = bytearray(image)
    struct.pack_into(form, image, where, change(*struct.unpack_from(form, image, where)))
    return seal(image)


class Tap:
    """TAP on standard output. Leaving the with-block prints the plan; an exception bails out."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, passed, name, *details):
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}", flush=True)
        for detail in details if not passed else ():
            for line in str(detail).splitlines():
                print(f"# {line}")
        return passed

    def equal(self, actual, expected, name):
        return self.ok(actual == expected, name, f"expected: {expected!r}", f"actual:   {actual!r}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, SystemExit):
            print(f"Bail out! {kind.__name__}: {value}".splitlines()[0], flush=True)
            return False
        if kind is None:
            print(f"1..{self.count}", flush=True)
            sys.exit(1 if self.failed else 0)
        return False
