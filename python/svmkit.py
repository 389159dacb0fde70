# SPDX-License-Identifier: MIT
"""A client of svmrund's control socket, svmrund-rpc(7), in the standard library of Python 3 only.

    from svmkit import Client

    with Client() as client:
        run = client.run(client.load_file("hello.svmt"), mode="lossless")
        print(run.end["reason"], run.console, [exit["exit"] for exit in run.exits])

Numbers that the socket carries as hex strings are int here. A method of the daemon that has no
function of its own goes through call(): client.call("vm.pause", vm=1). It shares no code with
svmctl and libsvmkit, so tests that use it see the socket as any other program does.
"""
import base64
import json
import os
import socket
import struct
import time

DEFAULT_SOCKET = "/run/svmrund/control.sock"
HEX_MEMBERS = ("code", "info1", "info2", "intinfo", "rip", "rax", "tsc")


class RpcError(Exception):
    """The daemon answered with an error."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error['message']} (code {error['code']})")
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data", {})


def decode_exit(params):
    """An exit notification's params with its hex strings as numbers; a view may leave some out."""
    return dict(params, **{name: int(params[name], 16) for name in HEX_MEMBERS if name in params})


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
    """One connection. Notifications that come before an answer are kept for note().

    `path`: the socket; None: $SVMRUND_SOCKET, else the system's. `timeout`: longest wait for one
    answer or notification, in seconds. TimeoutError, EOFError (the daemon has gone), RpcError (the
    daemon said no) and OSError are what a call may raise.
    """

    def __init__(self, path=None, timeout=30):
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX)
        # Not settimeout() yet: with that, a daemon whose backlog is full refuses at once.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                               struct.pack("@ll", int(timeout), int(timeout % 1 * 1000000)))
        try:
            self.socket.connect(path or os.environ.get("SVMRUND_SOCKET") or DEFAULT_SOCKET)
        except BlockingIOError:
            raise TimeoutError("the daemon does not take the connection") from None
        self.socket.settimeout(timeout)
        self.pending = b""
        self.notes = []
        self.answers = {}
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
        """The next message of any kind. `deadline`: on the clock of time.monotonic()."""
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

    def request(self, method, **params):
        """Sends a call without waiting; answer() takes what this returns."""
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.send_raw(json.dumps(request).encode() + b"\n")
        return self.last_id

    def answer(self, ident):
        """The whole message that answers a request; answers to others are kept for theirs. An error
        without an id is taken for this one's: the daemon could not tell what it answers.
        """
        while ident not in self.answers:
            message = self.message()
            if "method" in message:
                self.notes.append(message)
            else:
                self.answers[ident if message["id"] is None else message["id"]] = message
        return self.answers.pop(ident)

    def call(self, method, **params):
        """The result of any method; svmrund-rpc(7) lists them."""
        message = self.answer(self.request(method, **params))
        if "error" in message:
            raise RpcError(method, message["error"])
        return message["result"]

    def note(self, deadline=None):
        """The next notification, in order of arrival."""
        if self.notes:
            return self.notes.pop(0)
        while True:
            message = self.message(deadline)
            if "method" in message:
                return message
            self.answers[message["id"]] = message

    def load(self, image):
        """Load a template's bytes; its identity."""
        data = base64.b64encode(image).decode()
        return self.call("template.load", data=data)["template"]

    def load_file(self, path):
        with open(path, "rb") as file:
            return self.load(file.read())

    def read_memory(self, vm, gpa, size):
        """Guest physical memory, at most 1 MiB."""
        answer = self.call("memory.read", vm=vm, gpa=hex(gpa), bytes=size)
        return base64.b64decode(answer["data"], validate=True)

    def write_memory(self, vm, gpa, data):
        self.call("memory.write", vm=vm, gpa=hex(gpa), data=base64.b64encode(data).decode())

    def registers(self, vm, vcpu=0):
        """The general registers and what else vcpu.get tells, as int by name."""
        answer = self.call("vcpu.get", vm=vm, vcpu=vcpu)
        return {name: int(value, 16) for name, value in answer["regs"].items()}

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
        """Create, start, follow to the end, destroy."""
        vm = self.create(template, mode)
        self.call("vm.start", vm=vm)
        run = self.follow(vm, limit)
        run.info = self.call("vm.info", vm=vm)
        self.call("vm.destroy", vm=vm)
        return run
