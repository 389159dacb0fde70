# SPDX-License-Identifier: MIT
"""A curve as SVG: both axes logarithmic, a decade a line, svmkit and its peer as two lines with marks."""
import math
from html import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 66, 56
COLOURS = {"ours": "#0b5fa5", "peer": "#b4540a"}


def decades(values):
    """The powers of ten around the values, at least one decade."""
    low = math.floor(math.log10(min(values)) + 1e-9)
    high = math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


def number(power):
    return f"10{superscript(power)}" if power >= 6 or power < -3 else f"{10 ** power:,}" if power >= 0 else \
        f"{10.0 ** power:g}"


def superscript(power):
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def grid(low, high, place, across):
    """Lines and labels of one axis; `across` draws the line at a place."""
    out = []
    for power in range(low, high + 1):
        out.append(across(place(10.0 ** power), "#c8c8c8", number(power)))
        for step in range(2, 10) if power < high and high - low <= 4 else ():
            out.append(across(place(step * 10.0 ** power), "#eeeeee", None))
    return out


def mark(key, x, y):
    if key == "ours":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[key]}"/>'
    return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{COLOURS[key]}"/>'


def series(key, points, place_x, place_y):
    at = [(place_x(p["x"]), place_y(p[key])) for p in points if p[key]]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    dash = ' stroke-dasharray="7 4"' if key == "peer" else ""
    return [f'<polyline points="{line}" fill="none" stroke="{COLOURS[key]}" stroke-width="2"{dash}/>',
            *(mark(key, x, y) for x, y in at)]


def svg(name, points):
    first = points[0]
    keys = ["ours"] + ["peer"] * any(p["peer"] for p in points)
    xs = decades([p["x"] for p in points])
    ys = decades([p[key] for p in points for key in keys if p[key]])
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place_x(value):
        return LEFT + (math.log10(value) - xs[0]) / (xs[1] - xs[0]) * (right - LEFT)

    def place_y(value):
        return bottom - (math.log10(value) - ys[0]) / (ys[1] - ys[0]) * (bottom - TOP)

    def upright(x, colour, label):
        line = f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="{colour}"/>'
        return line + (text(x, bottom + 18, label) if label else "")

    def level(y, colour, label):
        line = f'<path d="M{LEFT} {y:.1f}H{right}" stroke="{colour}"/>'
        return line + (text(LEFT - 8, y + 4, label, "end") if label else "")

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
           f'height="{HEIGHT}" font-family="sans-serif" font-size="13" fill="#222222">',
           f"<title>{escape(name)}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           text(LEFT, 24, name, "start", ' font-size="16" font-weight="bold"')]
    out += grid(*xs, place_x, upright) + grid(*ys, place_y, level)
    out.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#222222"/>')
    at = LEFT
    for key in keys:
        label = "svmkit" if key == "ours" else first["peer_name"]
        out += [mark(key, at + 5, 44), text(at + 16, 48, label, "start")]
        at += 40 + 8 * len(label)
        out += series(key, points, place_x, place_y)
    out.append(text((LEFT + right) / 2, HEIGHT - 14, first["x_name"]))
    middle = (TOP + bottom) / 2
    out.append(text(20, middle, first["unit"], more=f' transform="rotate(-90 20 {middle:.1f})"'))
    return "\n".join(out) + "\n</svg>\n"
