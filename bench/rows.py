# SPDX-License-Identifier: MIT
"""What the benches share: rows and points of curves, printed as a table or, with --json, as one JSON
object a line (bench/README says what is in it); the build directory; a lab of the bench's own."""
import json
import os
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MISSED, CANNOT = 1, 77


def arguments(doc, flags=()):
    """(build directory, --json, the other flags) of a command line [--json] [FLAG...] [BUILDDIR]."""
    options = [a for a in sys.argv[1:] if a.startswith("-")]
    rest = [a for a in sys.argv[1:] if not a.startswith("-")]
    if set(options) - {"--json", *flags} or len(rest) > 1:
        print(doc.strip())
        sys.exit(0 if options in (["--help"], ["-h"]) else 2)
    return build_directory(rest), "--json" in options, set(options) - {"--json"}


def build_directory(named=()):
    for path in [*named, os.path.join(TOP, "build", "gcc"), os.path.join(TOP, "build")]:
        if os.access(os.path.join(path, "svmc"), os.X_OK):
            return os.path.abspath(path)
    sys.exit("bench: no svmc; build first, or name the build directory")


def make(build, *targets):
    subprocess.run(["make", "-s", "-C", build, *targets], check=True, stdout=sys.stderr)


def cannot(why):
    """Ends a bench that this machine cannot run."""
    print("cannot run here: " + why, file=sys.stderr)
    sys.exit(CANNOT)


def quiet():
    """Whether the machine does next to nothing else: only then can a time by the clock be judged."""
    def idle():
        with open("/proc/stat", encoding="utf-8") as file:
            return int(file.readline().split()[4])

    before = idle()
    time.sleep(1)
    return (idle() - before) / os.sysconf("SC_CLK_TCK") > 0.85 * os.cpu_count()


def amount(value):
    """A measured number for people: three digits at least, no more than tell something."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


class Rows:
    """Rows as they are measured. `better` says whether the ratio, or without a peer the value itself,
    is bounded from above ("lower") or from below ("higher")."""

    def __init__(self, as_json):
        self.as_json = as_json
        self.missed = 0

    def row(self, row, unit, ours, peer=None, peer_name=None, bound=None, better="lower", note=None):
        ratio = None if not peer else ours / peer
        limit = None if bound is None else bound if peer is None else bound * peer
        ok = limit is None or (ours <= limit if better == "lower" else ours >= limit)
        self.tell({"row": row, "unit": unit, "ours": ours, "peer": peer, "peer_name": peer_name,
                   "ratio": ratio, "better": better, "bound": bound, "ok": ok, "note": note})

    def tell(self, row):
        self.missed += not row["ok"]
        print(json.dumps(row) if self.as_json else line(row), flush=True)

    def point(self, curve, x, x_name, unit, ours, peer=None, peer_name=None):
        point = {"curve": curve, "x": x, "x_name": x_name, "unit": unit, "ours": ours, "peer": peer,
                 "peer_name": peer_name}
        beside = f"  {peer_name}: {amount(peer)}" if peer is not None else ""
        print(json.dumps(point) if self.as_json else
              f"{curve}: {x:,} {x_name}: {amount(ours)} {unit}{beside}", flush=True)

    def status(self):
        return MISSED if self.missed else 0


def verdict(row):
    if row["bound"] is None:
        return ""
    sign = "at most" if row["better"] == "lower" else "at least"
    return f"{sign} {amount(row['bound'])}: {'holds' if row['ok'] else 'MISSED'}"


def line(row):
    """A row as text."""
    beside = "" if row["peer"] is None else f"{row['peer_name']}: {amount(row['peer'])}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return (f"{row['row']:<58} {amount(row['ours']):>14} {row['unit']:<14} {beside:<34} {ratio:>6}  "
            f"{verdict(row)}").rstrip()


class Lab:
    """A lab that is there for one bench: SVMLAB_NAME, or "bench"."""

    def __init__(self, build):
        self.svmlab = os.path.join(build, "svmlab")
        self.environment = dict(os.environ)
        self.environment.setdefault("SVMLAB_NAME", "bench")

    def call(self, *arguments, seconds):
        done = subprocess.run([self.svmlab, *arguments], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds)
        if done.returncode:
            sys.exit(f"bench: svmlab {arguments[0]} failed with status {done.returncode}")
        return done.stdout

    def up(self, *options, add=(), seconds=600):
        """`add`: (file here, path there)."""
        self.call("up", "--fresh", "--boot-time", str(seconds), *options,
                  *[word for pair in add for word in ("--add", ":".join(pair))], seconds=seconds + 200)

    def run(self, script, seconds=300):
        """What a shell script in the lab prints."""
        return self.call("run", "--time-limit", str(seconds), "--", "sh", "-c", script, seconds=seconds + 60)

    def socket(self):
        return self.call("status", "--socket", seconds=60).strip()

    def __enter__(self):
        # What ends a bench early, such as its time limit, takes the lab down, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(self, *_):
        self.call("down", seconds=90)
