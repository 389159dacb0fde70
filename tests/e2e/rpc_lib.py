# SPDX-License-Identifier: MIT
"""What the tests of svmrund's socket share: a writer of small templates that knows nothing of our C
code (so that both sides check each other), the Python module's client, and a daemon that is started
and awaited. Python 3 only, no further modules."""
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'python'))
import svmkit  # noqa: E402

PAGE = 4096
META, FEATURES, MEMORY, BLOB, VCPU, MSRPM, CPUID, MSRS, EXITS, DEVICES = range(1, 11)
USER, TABLE, SKIP, INJECT, WAIT, STOP = range(6)
NONE, COUNT, SAMPLE, STREAM = range(4)
IOIO, VMMCALL, HLT, NPF, RDTSC = 0x7b, 0x81, 0x78, 0x400, 0x6e
GPRS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split()


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        table.append(n)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def pad(data):
    return data + bytes(-len(data) % PAGE)


def real_mode_vmcb(rip, rsp=0x8000, rax=0):
    """A VMCB page for real mode with flat zero-based segments; intercepts HLT, CPUID, VMMCALL."""
    page = bytearray(PAGE)

    def put(offset, form, value):
        struct.pack_into('<' + form, page, offset, value)

    put(0x00c, 'I', 1 << 18 | 1 << 24 | 1 << 27 | 1 << 28)
    put(0x010, 'I', 1 << 0 | 1 << 1)
    attributes = [0x93, 0x9b, 0x93, 0x93, 0x93, 0x93, 0, 0x82, 0, 0x8b]
    for number, attribute in enumerate(attributes):     # ES CS SS DS FS GS GDTR LDTR IDTR TR
        put(0x400 + number * 16 + 2, 'H', attribute)
        put(0x400 + number * 16 + 4, 'I', 0xffff)
    put(0x4d0, 'Q', 1 << 12)                            # EFER.SVME
    put(0x558, 'Q', 0x10)                               # CR0.ET
    put(0x560, 'Q', 0x400)                              # DR7
    put(0x568, 'Q', 0xffff0ff0)                         # DR6
    put(0x570, 'Q', 2)                                  # RFLAGS
    put(0x578, 'Q', rip)
    put(0x5d8, 'Q', rsp)
    put(0x5f8, 'Q', rax)
    put(0x668, 'Q', 0x0007040600070406)                 # G_PAT
    return bytes(page)


def state_page(**registers):
    page = bytearray(PAGE)
    for name, value in registers.items():
        struct.pack_into('<Q', page, 8 * GPRS.index(name), value)
    struct.pack_into('<Q', page, 160, 1)                # XCR0: x87
    struct.pack_into('<H', page, 192, 0x37f)
    struct.pack_into('<I', page, 192 + 24, 0x1f80)
    return bytes(page)


DEFAULT_RULES = [(HLT, STOP, COUNT), (IOIO, USER, STREAM), (VMMCALL, STOP, STREAM),
                 (0x7f, STOP, STREAM), (NPF, USER, STREAM)]


def template(code=b'\x0f\x01\xd9', name='test', vcpus=1, rules=None, memory=0x10000, meta=None,
             version=1, features=0, extra=(), devices=((1, 0x3f8, 4), (2, 0xf4, 0xffffffff)),
             states=None, **registers):
    """A whole .svmt image: real mode, `code` at 0x1000, com1 and the debug exit port."""
    pool = [pad(code), real_mode_vmcb(0x1000)]
    rows = b''
    for number in range(vcpus):
        pool.append(state_page(**(states[number] if states else registers)))
        rows += struct.pack('<IIII', 1, 0, 1, len(pool) - 1)
    meta = json.dumps({'name': name, 'svmspec': 1}).encode() if meta is None else meta
    rules = sorted(DEFAULT_RULES if rules is None else rules)
    sections = [
        (META, 0, meta), (FEATURES, 0, struct.pack('<I60x', features)),
        (MEMORY, 0, struct.pack('<IIQ', 1, 1, 0) + struct.pack('<QQII', 0, memory, 1, 0) +
         struct.pack('<QII', 0x1000, 0, 1)),
        (BLOB, 0, b''.join(pool)), (VCPU, 0, rows), (MSRPM, 0, b'\xff' * 8192),
        (EXITS, 0, b''.join(struct.pack('<QBBHI32x', code_, action, event, 0, 0)
                            for code_, action, event in rules)),
        (DEVICES, 0, b''.join(struct.pack('<IIQI12x', kind, 0, at, irq)
                              for kind, at, irq in devices)),
    ] + list(extra)
    return seal(sections, version)


def seal(sections, version=1):
    table, body = b'', b''
    base = len(pad(bytes(128 + 32 * len(sections))))
    for kind, flags, data in sections:
        table += struct.pack('<IIQQQ', kind, flags, base + len(body), len(data), 0)
        body += pad(data)
    rest = pad(bytes(128) + table)[128:] + body
    head = struct.pack('<4sIQ32sIII68x', b'SVMT', version, 128 + len(rest),
                       hashlib.sha256(rest).digest(), 0, len(sections), 0)
    crc = crc32c(head + rest)
    return head[:48] + struct.pack('<I', crc) + head[52:] + rest


class Client(svmkit.Client):
    """The Python module's client, and what only tests want: answers as they are, and lines that no
    client should send."""

    def __init__(self, path, limit=20):
        super().__init__(path, timeout=limit)

    send = svmkit.Client.send_raw
    line = svmkit.Client.message

    def raw(self, method, **params):
        return self.answer(self.request(method, **params))

    def error(self, method, **params):
        message = self.raw(method, **params)
        assert 'error' in message, message
        return message['error']

    def note_of(self, method):
        """The params of the next notification of that method; others before it are dropped."""
        while True:
            message = self.notes.pop(0) if self.notes else self.line()
            if message.get('method') == method:
                return message['params']


class Daemon:
    """A svmrund of this test's own; leaving the with-block ends it and checks its health."""

    def __init__(self, program, *options, path=None):
        self.directory = tempfile.TemporaryDirectory(prefix='svmrund-')
        self.path = path or os.path.join(self.directory.name, 'control.sock')
        self.log = open(os.path.join(self.directory.name, 'log'), 'w+')
        # Of a build with ASan: freed memory that it holds back is no growth of the daemon's.
        asan = ':'.join(filter(None, [os.environ.get('ASAN_OPTIONS'), 'quarantine_size_mb=1']))
        self.process = subprocess.Popen([program, '--socket', self.path, *options],
                                        stderr=self.log, stdin=subprocess.DEVNULL,
                                        env=dict(os.environ, ASAN_OPTIONS=asan))

    def __enter__(self):
        deadline = time.monotonic() + 20
        while 'listening on' not in self.text():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, 'the daemon does not listen: ' + self.text()
            select.select([], [], [], 0.01)
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        text = self.text()
        self.directory.cleanup()
        if kind:
            print(text)
        else:
            assert status == 0, (status, text)

    def text(self):
        with open(self.log.name) as log:
            return log.read()

    def client(self, **options):
        return Client(self.path, **options)
