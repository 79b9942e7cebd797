"""The figures as a picture: bars with ranges, as SVG, drawn by hand."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.report import MEASURES, Figure, Measure, figure
from benchmarks.runs import Run
from benchmarks.scenarios import Scenario
from benchmarks.servers import OURS

_WIDTH = 760
_LEFT = 110
_RIGHT = 150
_BAR = 18
_GAP = 8
_HEAD = 46
_FOOT = 22
_SHOWN = {
    "flood": ("deliveries",),
    "paced": ("latency, median", "last receiver, median"),
    "idle": ("memory a connection",),
    "disk": (),
    "posts": ("all in one go",),
    "ramp": ("all are in after",),
}
_STYLE = """
text { font: 13px system-ui, "Helvetica Neue", Arial, sans-serif; fill: #222 }
.title { font-size: 16px; font-weight: 600 }
.panel { font-weight: 600 }
.small { font-size: 11px; fill: #666 }
.ours { fill: #1f6fb2 }
.other { fill: #b4bac2 }
.range { stroke: #222; stroke-width: 1.2 }
.axis { stroke: #888; stroke-width: 1 }
"""


def draw(scenarios: Sequence[Scenario], runs: Sequence[Run], caption: str) -> str:
    """Return the SVG text; ``caption`` says where and how the figures were got."""
    parts: list[str] = []
    y = 64
    for scenario in scenarios:
        mine = [run for run in runs if run["scenario"] == scenario.name]
        for measure in MEASURES[scenario.mode]:
            if measure.title in _SHOWN[scenario.mode] and not scenario.group:
                y = _panel(parts, y, scenario.title, measure, _bars(mine, measure, "server"))
    for group in dict.fromkeys(s.group for s in scenarios if s.group):
        members = [s for s in scenarios if s.group == group]
        mine = [r for r in runs if r["group"] == group and r["server"] == OURS]
        measure = MEASURES[members[0].mode][0]
        title = f"Ours: {members[-1].title[0].lower()}{members[-1].title[1:]}, and fewer of them"
        y = _panel(parts, y, title, measure, _bars(mine, measure, "scenario"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" '
        f'width="{_WIDTH}" height="{y}" role="img">\n<style>{_STYLE}</style>\n'
        f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>\n'
        f'<text class="title" x="20" y="30">Chatroom against others</text>\n'
        f'<text class="small" x="20" y="48">{escape(caption)}</text>\n{body}\n</svg>\n'
    )


def _bars(runs: Sequence[Run], measure: Measure, key: str) -> list[tuple[str, Figure]]:
    """Return servers (or scenarios, by ``key``) with their figures, the best one first."""
    bars = []
    for name in dict.fromkeys(run[key] for run in runs):
        made = figure([run for run in runs if run[key] == name], measure)
        if made:
            bars.append((name, made))
    return sorted(bars, key=lambda bar: bar[1].median, reverse=measure.more_is_better)


def _panel(
    parts: list[str],
    y: int,
    title: str,
    measure: Measure,
    bars: list[tuple[str, Figure]],
) -> int:
    """Draw one panel at ``y``; return where the next one begins."""
    if not bars:
        return y
    better = "more is better" if measure.more_is_better else "less is better"
    parts.append(
        f'<text class="panel" x="20" y="{y + 22}">{escape(title)}'
        f'<tspan class="small" dx="8" font-weight="400">{escape(measure.title)}, '
        f"{measure.unit}; {better}</tspan></text>"
    )
    largest = max(made.most for _, made in bars) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / largest
    top = y + _HEAD - _GAP
    for number, (server, made) in enumerate(bars):
        place = top + number * (_BAR + _GAP)
        middle = place + _BAR / 2
        kind = "ours" if server == OURS or title.startswith("Ours") else "other"
        text = f"{made.median:{measure.form}}"
        if made.runs > 1:
            text += f" ({made.least:{measure.form}}–{made.most:{measure.form}})"
        parts += [
            f'<text x="{_LEFT - 8}" y="{middle + 4.5}" text-anchor="end">{escape(server)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{place}" width="{made.median * scale:.1f}" '
            f'height="{_BAR}"/>',
            f'<line class="range" x1="{_LEFT + made.least * scale:.1f}" y1="{middle}" '
            f'x2="{_LEFT + made.most * scale:.1f}" y2="{middle}"/>',
            f'<text class="small" x="{_LEFT + made.most * scale + 8:.1f}" y="{middle + 4}">'
            f"{text}</text>",
        ]
    bottom = top + len(bars) * (_BAR + _GAP) - _GAP
    parts.append(f'<line class="axis" x1="{_LEFT}" y1="{top - 3}" x2="{_LEFT}" y2="{bottom + 3}"/>')
    return bottom + _FOOT
