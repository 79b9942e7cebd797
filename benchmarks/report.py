"""From the runs to figures: medians, ranges, ratios, and a table of them."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.runs import Run
from benchmarks.scenarios import SCENARIOS, Mode, Scenario
from benchmarks.servers import OURS


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that is worth a column.

    :param key: where a run keeps it; two parts for a figure within a figure.
    :param scale: what the run's value is divided by to get ``unit``.
    :param more_is_better: for the ratio.
    """

    title: str
    key: tuple[str, ...]
    unit: str
    scale: float = 1.0
    more_is_better: bool = False
    form: str = ".1f"


_FLOOD = (
    Measure("deliveries", ("deliveries_per_s",), "M/s", 1e6, True, ".2f"),
    Measure("server's CPU a delivery", ("server_cpu_s_per_million",), "µs", form=".2f"),
)
_PACED = (
    Measure("latency, median", ("latency_us", "50"), "ms", 1e3, form=".2f"),
    Measure("latency, 99 %", ("latency_us", "99"), "ms", 1e3, form=".2f"),
    Measure("last receiver, median", ("last_receiver_us", "50"), "ms", 1e3, form=".2f"),
    Measure("last receiver, 99 %", ("last_receiver_us", "99"), "ms", 1e3, form=".2f"),
    Measure("server's CPU a message", ("server_cpu_us_per_message",), "ms", 1e3, form=".2f"),
)
_IDLE = (
    Measure("memory a connection", ("bytes_per_connection",), "KB", 1024),
    Measure("idle CPU", ("idle_cpu_percent",), "%", form=".2f"),
)
_RAMP = (
    Measure("all are in after", ("ramp_s",), "s", form=".2f"),
    Measure("server's CPU", ("ramp_server_cpu_s",), "s", form=".2f"),
)
_DISK = (
    Measure("median", ("sync_us", "50"), "ms", 1e3, form=".2f"),
    Measure("99 %", ("sync_us", "99"), "ms", 1e3, form=".2f"),
)
_POSTS = (
    Measure("one after the other", ("single_posts_per_s",), "thousand/s", 1e3, True, ".1f"),
    Measure("all in one go", ("posts_per_s",), "thousand/s", 1e3, True, ".1f"),
)
_STORM = (
    Measure("all are in after", ("all_s",), "s", form=".2f"),
    Measure("half of them after", ("half_s",), "s", form=".2f"),
    Measure("before that, the start", ("start_s",), "s", form=".2f"),
    Measure("server's CPU", ("server_cpu_s",), "s", form=".2f"),
)
_COMPARED = {"flood": "deliveries_per_s", "paced": "server_cpu_us_per_message"}
"""What scenarios of one group are compared by."""
MEASURES: dict[Mode, tuple[Measure, ...]] = {
    "flood": _FLOOD,
    "paced": _PACED,
    "idle": _IDLE,
    "ramp": _RAMP,
    "disk": _DISK,
    "storm": _STORM,
    "posts": _POSTS,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """Median and range of some runs, in the measure's unit."""

    median: float
    least: float
    most: float
    runs: int


def counting(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that were not disturbed; all of them when every one was."""
    good = [run for run in runs if "error" not in run]
    return [run for run in good if not run["disturbed"]] or good


def figure(runs: Sequence[Run], measure: Measure) -> Figure | None:
    """Return the figure of some runs of one server; None: there is none."""
    values = []
    for run in counting(runs):
        value: Any = run
        for key in measure.key:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and value >= 0:
            values.append(value / measure.scale)
    if not values:
        return None
    return Figure(statistics.median(values), min(values), max(values), len(values))


def ratio(ours: Figure | None, other: Figure | None, measure: Measure) -> float | None:
    """Return how many times better ours is; below 1 the other one is better."""
    if not ours or not other or not ours.median or not other.median:
        return None
    quotient = ours.median / other.median
    return quotient if measure.more_is_better else 1 / quotient


def summary(scenario: Scenario, runs: Sequence[Run]) -> dict[str, Any]:
    """Return the figures of one scenario for the JSON file, by server."""
    found: dict[str, Any] = {}
    for server, mine in _by_server(scenario, runs).items():
        entry: dict[str, Any] = {"runs": len(mine), "counted": len(counting(mine))}
        for measure in MEASURES[scenario.mode]:
            if made := figure(mine, measure):
                entry[f"{measure.title} ({measure.unit})"] = {
                    "median": round(made.median, 4),
                    "least": round(made.least, 4),
                    "most": round(made.most, 4),
                }
        found[server] = entry
    return found


def table(scenario: Scenario, runs: Sequence[Run], all_runs: Sequence[Run]) -> str:
    """Return one scenario's table in Markdown.

    :param all_runs: the runs of all scenarios: one of a group is compared with the group's first.
    """
    measures = MEASURES[scenario.mode]
    by_server = _by_server(scenario, runs)
    ours = by_server.get(OURS, [])
    compared = ["ours is better ×"] if ours and len(by_server) > 1 else []
    head = ["", *(f"{m.title}, {m.unit}" for m in measures), *compared, "notes"]
    rows = [head, ["---"] * len(head)]
    for server, mine in by_server.items():
        cells = [server]
        for measure in measures:
            made = figure(mine, measure)
            cells.append(_cell(made, measure.form) if made else "")
        ratios = [ratio(figure(ours, m), figure(mine, m), m) for m in measures]
        shown = " / ".join(f"{r:.2f}" if r else "–" for r in ratios)
        if compared:
            cells.append("" if server == OURS else shown)
        rows.append([*cells, _notes(mine)])
    lines = [
        f"{scenario.title} ({scenario.name})",
        "",
        *("| " + " | ".join(r) + " |" for r in rows),
    ]
    if against := _against_first(scenario, ours, all_runs):
        lines += ["", against]
    return "\n".join(lines)


def _against_first(scenario: Scenario, mine: Sequence[Run], runs: Sequence[Run]) -> str:
    """Compare with the group's first scenario, repetition by repetition."""
    if not scenario.group:
        return ""
    first = next(one.name for one in SCENARIOS if one.group == scenario.group)
    if scenario.name == first:
        return ""
    key = _COMPARED[scenario.mode]
    base = {
        run["repetition"]: run for run in runs if run["scenario"] == first and "error" not in run
    }
    pairs = [
        (base[run["repetition"]], run)
        for run in mine
        if "error" not in run and run["repetition"] in base
    ]
    pairs = [(a, b) for a, b in pairs if not (a["disturbed"] or b["disturbed"])] or pairs
    changes = [100 * (b[key] / a[key] - 1) for a, b in pairs]
    if not changes:
        return ""
    return (
        f"Against {first} of the same repetition, {key}: median "
        f"{statistics.median(changes):+.1f} % (from {min(changes):+.1f} to {max(changes):+.1f} %)."
    )


def _cell(made: Figure, form: str) -> str:
    if made.runs == 1:
        return f"{made.median:{form}}"
    return f"{made.median:{form}} ({made.least:{form}}–{made.most:{form}})"


def _notes(runs: Sequence[Run]) -> str:
    """Say what one has to know about some runs, nothing if all went well."""
    good = [run for run in runs if "error" not in run]
    notes = []

    def note(text: str, count: Callable[[Run], int]) -> None:
        if number := sum(map(count, good)):
            notes.append(text.format(f"{number:,}"))

    note("{} messages lost", lambda run: run.get("lost", 0))
    note("{} people disconnected", lambda run: run.get("disconnected", 0))
    note("{} people could not come in", lambda run: run.get("missing", 0))
    note("{} runs with different orders", lambda run: run.get("orders_seen", 1) != 1)
    note("{} who never read were cut off", lambda run: run.get("nonreaders_cut_off", 0))
    note("{} disturbed runs taken again", lambda run: run.get("tries", 1) - 1)
    disturbed = sum(run["disturbed"] for run in good)
    if disturbed:
        fate = "counted all the same" if disturbed == len(good) else "left out"
        notes.append(f"{disturbed} of {len(good)} runs disturbed each time, {fate}")
    if any(run.get("generator_percent", 0) > 95 for run in counting(runs)):
        notes.append("the generator is the limit")
    if len(good) < len(runs):
        notes.append(f"{len(runs) - len(good)} runs failed")
    return ", ".join(notes)


def _by_server(scenario: Scenario, runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run["scenario"] == scenario.name:
            found.setdefault(run["server"], []).append(run)
    return dict(sorted(found.items(), key=lambda pair: pair[0] != OURS))
