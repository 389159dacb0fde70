# SPDX-License-Identifier: MIT
"""benchmarks.md and its curves from what bench/run measured. What a change won is told beside what is
measured now: bench/wins.json has the numbers of before, with the change that ended them; of times only the
ratio to the peer, since the machine was busy in its own way each day."""
import json
import os
import re

import chart
from rows import TOP, amount, verdict

INTRODUCTION = """<!-- Made by bench/run (make bench); changes here are lost. -->
# Benchmarks

Every row stands beside a peer that was measured in the same run. `ratio` is svmkit's number by the
peer's; where a row has a bound, `make bench` fails if it is missed. Instructions are callgrind's, or
those of a lab that counts them (ticks): they repeat. Times do not: they are of the machine named here,
while it did other things, too. Guests ran under emulation: no row about them is of SVM in silicon.
"""


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def curves(result):
    """name -> points, by x"""
    found = {}
    for bench in result["benches"]:
        for point in bench["points"]:
            found.setdefault(point["curve"], []).append(point)
    return {name: sorted(points, key=lambda point: point["x"]) for name, points in found.items()}


def cells(*texts):
    return "| " + " | ".join(str(text).replace("|", "\\|") for text in texts) + " |"


def table(bench):
    lines = ["", f"## {bench['bench']}: {bench['title']}", ""]
    if bench["failed"] or bench["skipped"]:
        lines += [f"**{'Failed' if bench['failed'] else 'Not run'}:** {bench['failed'] or bench['skipped']}", ""]
    if bench["rows"]:
        lines += [cells("what", "unit", "svmkit", "peer", "ratio", "bound"), "|---|---|---:|---|---:|---|"]
    for row in bench["rows"]:
        peer = "" if row["peer"] is None else f"{amount(row['peer'])}: {row['peer_name']}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        name = row["row"] + (f" ({row['note']})" if row.get("note") else "")
        lines.append(cells(name, row["unit"], amount(row["ours"]), peer, ratio, verdict(row)))
    return lines


def drawn(name, points):
    first, last = points[0], points[-1]
    text = f"{first['x_name']} {first['x']:,} to {last['x']:,}: {amount(first['ours'])} to {amount(last['ours'])} {first['unit']}"
    if last["peer"] is not None:
        text += f"; {last['peer_name']}: {amount(first['peer'])} to {amount(last['peer'])}"
    return ["", f"![{name}](benchmarks-{slug(name)}.svg)", "", text]


def wins(result):
    with open(os.path.join(TOP, "bench", "wins.json"), encoding="utf-8") as file:
        won = json.load(file)
    now = {(bench["bench"], row["row"]): row for bench in result["benches"] for row in bench["rows"]}
    lines = ["", "## What profiles have won", "",
             cells("change", "row", "unit", "before", "now", "of before"), "|---|---|---|---:|---:|---:|"]
    for win in won:
        row = now.get((win["bench"], win["row"]))
        if row and "ratio" in win:
            before, after, unit = win["ratio"], row["ratio"], f"of the {row['unit']} of {row['peer_name']}"
        elif row:
            before, after, unit = win["before"], row["ours"], row["unit"]
        else:
            continue
        lines.append(cells(win["change"], f"{win['bench']}: {win['row']}", unit, amount(before), amount(after),
                           f"{100 * after / before:.0f} %"))
    return lines if len(lines) > 5 else []


def write(result, directory):
    lines = [INTRODUCTION, cells("made with", ""), "|---|---|"]
    lines += [cells(key, f"`{value}`" if key in ("command", "commit") else value)
              for key, value in result["conditions"].items()]
    for bench in result["benches"]:
        lines += table(bench)
    lines += wins(result)
    found = curves(result)
    if found:
        lines += ["", "## Curves", "", "Both axes are logarithmic."]
    for name, points in found.items():
        lines += drawn(name, points)
        with open(os.path.join(directory, f"benchmarks-{slug(name)}.svg"), "w", encoding="utf-8") as file:
            file.write(chart.svg(name, points))
    with open(os.path.join(directory, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
