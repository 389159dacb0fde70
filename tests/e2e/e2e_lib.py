# SPDX-License-Identifier: MIT
"""What the end-to-end tests share beside the client (python/svmkit.py): the environment, compiling,
changed templates, TAP."""
import hashlib
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
from svmkit import Client, RpcError  # noqa: E402,F401  (for the tests that import from here)

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
