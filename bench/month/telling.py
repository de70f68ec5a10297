"""The simulated month's figures as tables and plots: means over seeds, with how far 95 of 100 such runs lie from them."""

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape

from bench.month.world import Month

T_95 = (math.inf, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12)
"""Student's t for 95 %, two-sided, by degrees of freedom; beyond these 2.09 is near enough."""
BEGIN, END = "<!-- made: {} -->", "<!-- made -->"
HEADS = (
    "policy",
    "calls/h at the peak",
    "in 12 s",
    "by an engineer",
    "given up",
    "woken a night",
    "woken a call",
    "most by one call",
    "rung while fixing",
)

Rows = Mapping[tuple[str, float], Sequence[Month]]
"""The months of each seed, by policy and load."""


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the width of its 95 % confidence interval; inf where there is one value."""
    if len(values) < 2:
        return statistics.fmean(values), math.inf
    t = T_95[len(values) - 1] if len(values) <= len(T_95) else 2.09
    return statistics.fmean(values), t * statistics.stdev(values) / math.sqrt(len(values))


def cells(months: Sequence[Month]) -> list[str]:
    """What the table says of these months."""
    figures = [month.figures for month in months]
    return [
        _percent([one.in_time_share or 0 for one in figures]),
        _percent([one.in_time_engineer_share or 0 for one in figures]),
        _percent([one.abandoned_share or 0 for one in figures]),
        _number([one.woken_a_night or 0 for one in figures]),
        _number([one.woken_a_call or 0 for one in figures]),
        str(max(one.most_woken for one in figures)),
        str(sum(month.rung_while_fixing for month in months)),
    ]


def table(rows: Rows) -> str:
    """The figures by policy and load, in Markdown."""
    lines = [_line(HEADS), _line(["---"] * len(HEADS))]
    lines += [_line([policy, f"{peak:g}", *cells(months)]) for (policy, peak), months in rows.items()]
    return "\n".join(lines)


def sensitivity(rows: Mapping[str, Sequence[Month]]) -> str:
    """What changes when one input does, in Markdown."""
    heads = ["what is different", *HEADS[2:-1]]
    lines = [_line(heads), _line(["---"] * len(heads))]
    lines += [_line([what, *cells(months)[:-1]]) for what, months in rows.items()]
    return "\n".join(lines)


def put(document: str, name: str, made: str) -> str:
    """The document with what was made between the marks of that name. Raises ValueError where they are missing."""
    begin = BEGIN.format(name)
    before, found, after = document.partition(begin)
    _old, end, rest = after.partition(END)
    if not found or not end:
        raise ValueError(f"The document has no marks for {name}.")
    return f"{before}{begin}\n\n{made}\n\n{END}{rest}"


def made(document: str, name: str) -> str:
    """What stands between the marks of that name."""
    return document.partition(BEGIN.format(name))[2].partition(END)[0].strip()


def _line(columns: Sequence[str]) -> str:
    return f"| {' | '.join(columns)} |"


def _percent(shares: Sequence[float]) -> str:
    mean, half = spread(shares)
    return f"{100 * mean:.1f} %" if math.isinf(half) else f"{100 * mean:.1f} ± {100 * half:.1f} %"


def _number(values: Sequence[float]) -> str:
    mean, half = spread(values)
    return f"{mean:.2f}" if math.isinf(half) else f"{mean:.2f} ± {half:.2f}"


# --- Plots -----------------------------------------------------------------------------------------------------------

WIDTH, LEFT, BAR, GAP = 760, 240, 14, 22
DARK, LIGHT, INK, SOFT, GOAL = "#1f6feb", "#a5c8ff", "#1b1f24", "#57606a", "#d1242f"


def plot_in_time(rows: Rows) -> str:
    """A bar a policy and load: in 12 s by an engineer (dark), and by whoever takes a message (light), with the goal."""
    bars = [
        (
            f"{policy}, {peak:g}/h",
            spread([month.figures.in_time_share or 0 for month in months]),
            spread([month.figures.in_time_engineer_share or 0 for month in months])[0],
        )
        for (policy, peak), months in rows.items()
    ]
    return _bars(
        "Answered within 12 seconds: by an engineer (dark), or by a message taker (light)", bars, 1.0, "%", 0.98
    )


def plot_woken(rows: Rows) -> str:
    """A bar a policy and load: how many people it wakes a night."""
    bars = [
        (f"{policy}, {peak:g}/h", spread([month.figures.woken_a_night or 0 for month in months]), 0.0)
        for (policy, peak), months in rows.items()
    ]
    most = max(mean for _name, (mean, _half), _part in bars) or 1
    return _bars("People woken a night", bars, most, "", None)


def _bars(
    title: str, bars: Sequence[tuple[str, tuple[float, float], float]], most: float, unit: str, goal: float | None
) -> str:
    height = 60 + len(bars) * (BAR + GAP // 2) + 20
    room = WIDTH - LEFT - 110
    shapes = [
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="28" font-size="15" font-weight="600" fill="{INK}">{escape(title)}</text>',
    ]
    for nth, (name, (mean, half), part) in enumerate(bars):
        y = 50 + nth * (BAR + GAP // 2)
        long, dark = room * mean / most, room * part / most
        said = f"{100 * mean:.1f} %" if unit else f"{mean:.2f}"
        wide = 0 if math.isinf(half) else room * half / most
        shapes += [
            f'<text x="{LEFT - 10}" y="{y + 11}" font-size="12" text-anchor="end" fill="{INK}">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{long:.1f}" height="{BAR}" fill="{LIGHT if unit else DARK}"/>',
            f'<rect x="{LEFT}" y="{y}" width="{dark:.1f}" height="{BAR}" fill="{DARK}"/>',
            f'<text x="{LEFT + long + wide + 8:.1f}" y="{y + 11}" font-size="12" fill="{SOFT}">{said}</text>',
        ]
        if not math.isinf(half):
            ends = f'x1="{LEFT + long - wide:.1f}" x2="{LEFT + long + wide:.1f}"'
            shapes.append(f'<line {ends} y1="{y + BAR / 2}" y2="{y + BAR / 2}" stroke="{INK}"/>')
    if goal is not None:
        x = LEFT + room * goal / most
        shapes += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="42" y2="{height - 20}" stroke="{GOAL}" stroke-dasharray="4 3"/>',
            f'<text x="{x:.1f}" y="{height - 6}" font-size="12" text-anchor="middle" fill="{GOAL}">98 %</text>',
        ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" role="img">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", *shapes, "</svg>"]) + "\n"
