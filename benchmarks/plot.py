"""The figures as a picture: bars with ranges, as SVG, drawn by hand, for light and dark pages."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.report import MEASURES, Figure, Measure, figure
from benchmarks.runs import Run
from benchmarks.scenarios import SCENARIOS, Mode
from benchmarks.servers import OURS, known

_COLUMN = 500
_LEFT = 168
_RIGHT = 135
_BAR = 16
_GAP = 7
_HEAD = 48
_FOOT = 20
_TOP = 64
_MOST_LETTERS = 20
_SHOWN: dict[Mode, tuple[str, ...]] = {
    "flood": ("deliveries",),
    "paced": ("latency, median", "last receiver, median"),
    "idle": ("memory a connection",),
    "disk": (),
    "storm": (),
    "posts": ("all in one go",),
    "ramp": ("all are in after",),
}
_STYLE = """
svg { --paper: #fff; --ink: #1f2328; --pale: #59636e; --ours: #1f6fb2; --variant: #8ab8de;
  --other: #b4bac2 }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --pale: #9198a1;
  --ours: #4493d8; --variant: #2a5f8f; --other: #59616b } }
text { font: 13px system-ui, "Helvetica Neue", Arial, sans-serif; fill: var(--ink) }
.title { font-size: 16px; font-weight: 600 }
.panel { font-weight: 600 }
.small { font-size: 11px; font-weight: 400; fill: var(--pale) }
.paper { fill: var(--paper) }
.ours { fill: var(--ours) }
.variant { fill: var(--variant) }
.other { fill: var(--other) }
.range { stroke: var(--ink); stroke-width: 1.2 }
.axis { stroke: var(--pale); stroke-width: 1 }
"""

Bars = list[tuple[str, str, Figure]]
"""Of each bar what it is called, its class, and how long it is."""
Panel = tuple[str, Measure, Bars]


def draw(runs: Sequence[Run], facts: dict[str, Any]) -> str:
    """Return the SVG text; ``facts`` says where and how the figures were got."""
    about = facts["machine"]
    caption = (
        f"Medians and ranges, runs of each: {facts['settings']['repeat']}; {about['cores']} cores, "
        f"{about['python']}, {about['system']}, {facts['made'][:10]}"
    )
    panels = [panel for panel in _panels(runs) if len(panel[2]) > 1]
    parts: list[str] = []
    y = _TOP
    for at in range(0, len(panels), 2):
        pair = panels[at : at + 2]
        for column, panel in enumerate(pair):
            parts.append(f'<g transform="translate({column * _COLUMN} {y})">{_panel(*panel)}</g>')
        y += _HEAD + _FOOT + max(len(bars) for _, _, bars in pair) * (_BAR + _GAP)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _COLUMN} {y}" '
        f'width="{2 * _COLUMN}" height="{y}" role="img">\n<style>{_STYLE}</style>\n'
        f'<rect class="paper" width="{2 * _COLUMN}" height="{y}"/>\n'
        f'<text class="title" x="20" y="30">Chatroom beside others</text>\n'
        f'<text class="small" x="20" y="48">{escape(caption)}</text>\n{body}\n</svg>\n'
    )


def _panels(runs: Sequence[Run]) -> list[Panel]:
    """Return one panel for each scenario and figure, and one for each group of ours."""
    panels: list[Panel] = []
    titles = {server.name: server.title for server in known().values()}
    done = {run["scenario"] for run in runs}
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in done]
    for scenario in (s for s in scenarios if not s.group):
        mine = [run for run in runs if run["scenario"] == scenario.name]
        for measure in MEASURES[scenario.mode]:
            if measure.title in _SHOWN[scenario.mode]:
                bars = _bars(mine, measure, "server", titles)
                panels.append((scenario.title, measure, bars))
    for group in dict.fromkeys(s.group for s in scenarios if s.group):
        members = [s for s in scenarios if s.group == group]
        mine = [run for run in runs if run["group"] == group and run["server"] == OURS]
        measure = MEASURES[members[0].mode][0]
        title = f"Chatroom alone: {members[-1].title[0].lower()}{members[-1].title[1:]}"
        tails = {s.name: s.title.rpartition(", ")[2] for s in members}
        short = {name: tail for name, tail in tails.items() if len(tail) < _MOST_LETTERS}
        panels.append((title, measure, _bars(mine, measure, "scenario", short)))
    return panels


def _bars(runs: Sequence[Run], measure: Measure, key: str, titles: dict[str, str]) -> Bars:
    """Return servers (or scenarios, by ``key``) with their figures, the best one first."""
    bars: Bars = []
    for name in dict.fromkeys(run[key] for run in runs):
        mine = [run for run in runs if run[key] == name]
        kind = "ours" if name == OURS or key != "server" else "variant"
        if made := figure(mine, measure):
            bars.append((titles.get(name, name), kind if mine[0]["is_ours"] else "other", made))
    return sorted(bars, key=lambda bar: bar[2].median, reverse=measure.more_is_better)


def _panel(title: str, measure: Measure, bars: Bars) -> str:
    better = "more is better" if measure.more_is_better else "less is better"
    about = escape(f"{measure.title}, {measure.unit}; {better}")
    parts = [
        f'<text class="panel" x="20" y="16">{escape(title)}</text>'
        f'<text class="small" x="20" y="31">{about}</text>'
    ]
    largest = max(made.most for _, _, made in bars) or 1.0
    scale = (_COLUMN - _LEFT - _RIGHT) / largest
    top = _HEAD - _GAP
    for number, (name, kind, made) in enumerate(bars):
        place = top + number * (_BAR + _GAP)
        middle = place + _BAR / 2
        text = f"{made.median:{measure.form}}"
        if made.runs > 1:
            text += f" ({made.least:{measure.form}}–{made.most:{measure.form}})"
        parts += [
            f'<text x="{_LEFT - 8}" y="{middle + 4.5}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{place}" width="{made.median * scale:.1f}" '
            f'height="{_BAR}"/>',
            f'<line class="range" x1="{_LEFT + made.least * scale:.1f}" y1="{middle}" '
            f'x2="{_LEFT + made.most * scale:.1f}" y2="{middle}"/>',
            f'<text class="small" x="{_LEFT + made.most * scale + 8:.1f}" y="{middle + 4}">'
            f"{text}</text>",
        ]
    bottom = top + len(bars) * (_BAR + _GAP) - _GAP
    parts.append(f'<line class="axis" x1="{_LEFT}" y1="{top - 3}" x2="{_LEFT}" y2="{bottom + 3}"/>')
    return "\n".join(parts)
