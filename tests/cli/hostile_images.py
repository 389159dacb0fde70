#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Feed svmc truncated and damaged images.

Each must end with status 0 (a template that svmc's own reader took) or 1 (a message that names the
image), within a time limit. The damage is random but seeded: a failure is the same the next time.
usage: hostile_images.py SVMC KIND:PROFILE:IMAGE...
"""
import random
import struct
import subprocess
import sys

ROUNDS = 60
HEADERS = 0x200
VALUES = (0, 1, 0x7F, 0xFF, 0xFFF, 0x1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFF000,
          0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFF000)


def damaged(data, rng):
    """Truncations at and around the headers' ends, then fields of 1 to 8 bytes overwritten."""
    ends = [0, 1, 3, 4, 15, 16, 51, 52, 63, 64, 119, 120, len(data) // 2, len(data) - 1]
    yield from (data[:end] for end in ends if end < len(data))
    for _ in range(ROUNDS):
        image = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            size = rng.choice((1, 2, 4, 8))
            starts = [0, image.find(struct.pack("<I", 0x1BADB002)), image.find(b"Xen") - 12,
                      0x1F0 if image[0x202:0x206] == b"HdrS" else 0]
            at = max(rng.choice(starts), 0) + rng.randrange(0, HEADERS, min(size, 4))
            if at + size <= len(image):
                value = rng.choice(VALUES) & ((1 << 8 * size) - 1)
                image[at:at + size] = value.to_bytes(size, "little")
        yield bytes(image)


def run(svmc, kind, profile, image):
    with open("hostile.img", "wb") as out:
        out.write(image)
    with open("hostile.yaml", "w", encoding="utf-8") as out:
        out.write(f"svmspec: 1\nname: hostile\nextends: {profile}\npayload: {{ {kind}: hostile.img }}\n"
                  "memory: [ { at: 0, size: 16MiB }, { at: 4GiB, size: 64GiB } ]\n")
    return subprocess.run([svmc, "check", "hostile.yaml"], capture_output=True, text=True,
                          timeout=10, check=False)


def main():
    rng = random.Random(20261123)
    count = 0
    for case in sys.argv[2:]:
        kind, profile, path = case.split(":")
        with open(path, "rb") as file:
            data = file.read()
        for image in damaged(data, rng):
            result = run(sys.argv[1], kind, profile, image)
            count += 1
            named = "hostile" in result.stderr and ": error: " in result.stderr
            if result.returncode not in (0, 1) or (result.returncode == 1 and not named) or \
                    "internal error" in result.stderr:
                sys.exit(f"{case}, image {count}: status {result.returncode}\n{result.stderr}")
    print(f"{count} images")


if __name__ == "__main__":
    main()
