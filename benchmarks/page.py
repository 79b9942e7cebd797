"""``python -m benchmarks.page``: make the last run's picture and its part of the page again.

The figures stand between two marks in docs/performance.md, and nobody writes there by hand.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import plot
from benchmarks.report import MEASURES, Figure, Measure, figure
from benchmarks.runs import Run
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import OURS, ROOT, known

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
PICTURE = "../benchmarks/results/latest.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_SIDE_BY_SIDE = {
    "flood": ("deliveries", "server's CPU a delivery"),
    "paced": ("latency, median", "latency, 99 %", "last receiver, median"),
    "idle": ("memory a connection",),
    "ramp": ("all are in after",),
}
"""What of a scenario is shown for all servers."""
_GENERATOR = Measure("the generator's own CPU", ("generator_percent",), "%", form=".0f")
_COMPARED = ("flood", "paced")
"""What the floor does, too."""
_BESIDE = ("floor", "redis")
_SEALED = {"plain-100": "sealed-100", "idle-1000": "sealed-idle-1000"}
"""Scenarios in plain text, and the same by TLS."""


def main() -> int:
    """Read the figures of the last run and show them; the status is 0."""
    last = json.loads(RESULTS.read_text(encoding="utf-8"))
    picture = plot.draw(last["runs"], last["facts"])
    RESULTS.with_suffix(".svg").write_text(picture, encoding="utf-8")
    write(last["runs"], last["facts"])
    return 0


def write(runs: Sequence[Run], facts: dict[str, Any]) -> None:
    """Put the figures of some runs where the page has its marks.

    :param facts: when, where and how they were made.
    :raises RuntimeError: the page has no marks.
    """
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise RuntimeError(f"{PAGE} has no marks {BEGIN} and {END}")
    blocks = [*_blocks(runs, facts), f"![The same figures as bars]({PICTURE})"]
    text = "\n\n".join([before + begin, *blocks, end + after])
    PAGE.write_text(text, encoding="utf-8")


def _blocks(runs: Sequence[Run], facts: dict[str, Any]) -> Iterator[str]:
    yield textwrap.fill(_about(runs, facts), 100, break_on_hyphens=False)
    present = [s for s in known().values() if any(run["server"] == s.name for run in runs)]
    head = ["", *(s.title for s in present), *(f"beside {known()[n].title}" for n in _BESIDE)]
    rows = [row for s in SCENARIOS for row in _side_by_side(s, [s.name for s in present], runs)]
    if rows:
        yield _table(head, rows)
    if sync := figure(_of("disk", "disk", runs), MEASURES["disk"][0]):
        yield textwrap.fill(
            f"One sync of the disk after 50 ms of quiet (4 KB, a file that has its length "
            f"already): {sync.median:.2f} ms, the median of {100 * sync.runs}. Who shows nothing "
            f"before it is durable waits for at least that.",
            100,
        )
    if rows := list(_sealed(runs)):
        yield _table(["", "plain text", "TLS", "TLS beside plain text"], rows)
    if rows := [row for s in SCENARIOS if s.parts and s.mode != "disk" for row in _part(s, runs)]:
        yield _table(["", "what", "median", "from – to"], rows)


def _about(runs: Sequence[Run], facts: dict[str, Any]) -> str:
    """Say when, where and how all this was measured."""
    machine, settings = facts["machine"], facts["settings"]
    others = [
        f"{known()[name].title} {number.group()}"
        for name, text in facts["servers"].items()
        if known()[name].kind == "peer" and (number := re.search(r"\d+(\.\d+)+", text))
    ]
    again = sum(run["tries"] - 1 for run in runs)
    still = sum(run.get("disturbed", False) for run in runs)
    fate = f"; {still} stayed disturbed, and count only where all did" if still else ""
    number = settings["repeat"]
    made = f"medians of {number} runs, the best one in brackets" if number > 1 else "one run"
    return (
        f"{facts['made'][:10]}, commit {facts['commit']}: {machine['cores']} cores ("
        f"{machine['processor']}), {machine['system']}, {machine['python']}; beside it "
        f"{', '.join(others)}. Of each {made}; {settings['seconds']:g} s each. Of "
        f"{again + len(runs)} runs {again} had to be made again, since something else had used the "
        f"machine{fate}."
    )


def _side_by_side(
    scenario: Scenario, servers: list[str], runs: Sequence[Run]
) -> Iterator[list[str]]:
    """Yield a row for each figure of a scenario that several servers have."""
    if scenario.group or scenario.is_only_ours or scenario.parts:
        return
    measures = [m for m in MEASURES[scenario.mode] if m.title in _SIDE_BY_SIDE[scenario.mode]]
    for measure in [*measures, _GENERATOR] if scenario.mode == "flood" else measures:
        found = {name: figure(_of(scenario.name, name, runs), measure) for name in servers}
        pairs = [(found.get(OURS), found.get(name)) for name in _BESIDE]
        has_quotients = scenario.mode in _COMPARED and measure is not _GENERATOR
        if any(found.values()):
            yield [
                f"{scenario.title}: {measure.title}, {measure.unit}",
                *(_cell(found[name], measure) for name in servers),
                *(_quotient(*pair) if has_quotients else "" for pair in pairs),
            ]


def _sealed(runs: Sequence[Run]) -> Iterator[list[str]]:
    """Yield a row for each figure of ours that there is in plain text and by TLS."""
    for scenario in SCENARIOS:
        if scenario.name not in _SEALED:
            continue
        plain = _of(scenario.name, OURS, runs)
        sealed = _of(_SEALED[scenario.name], OURS, runs)
        for measure in MEASURES[scenario.mode]:
            pair = figure(plain, measure), figure(sealed, measure)
            if all(pair) and measure.title in _SIDE_BY_SIDE[scenario.mode]:
                title = scenario.title.removesuffix(", plain text")
                cells = [_cell(made, measure) for made in pair]
                yield [f"{title}: {measure.title}, {measure.unit}", *cells, _quotient(*pair[::-1])]


def _part(scenario: Scenario, runs: Sequence[Run]) -> Iterator[list[str]]:
    for name in scenario.parts:
        for measure in MEASURES[scenario.mode]:
            if made := figure(_of(scenario.name, name, runs), measure):
                span = f"{made.least:{measure.form}} – {made.most:{measure.form}}"
                shown = f"{made.median:{measure.form}} {measure.unit}"
                yield [f"{scenario.title}, {name}", measure.title, shown, span]


def _of(scenario: str, server: str, runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run["scenario"] == scenario and run["server"] == server]


def _cell(made: Figure | None, measure: Measure) -> str:
    if not made:
        return "–"
    best = made.most if measure.more_is_better else made.least
    return f"{made.median:{measure.form}}" + (f" ({best:{measure.form}})" if made.runs > 1 else "")


def _quotient(ours: Figure | None, other: Figure | None) -> str:
    return f"{ours.median / other.median:.2f} ×" if ours and other and other.median else "–"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
