"""Which runs are made, in which order, and that nothing has disturbed them."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks import machine, parts, runs
from benchmarks.runs import Conditions, Run
from benchmarks.scenarios import Scenario
from benchmarks.servers import Server

MOST_TRIES = 4
"""How often a run is taken until nothing has disturbed it."""
_MOST_QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """One run that is to be made.

    :param name: what is compared: a server, mostly.
    :param is_ours: it is ours, in whatever setting.
    """

    scenario: Scenario
    name: str
    is_ours: bool
    repetition: int
    measure: Callable[[], Run]


def jobs(
    wanted: Sequence[Scenario],
    present: Sequence[Server],
    repeat: int,
    conditions: Conditions,
    has_variants: bool,
) -> Iterator[Job]:
    """Let the servers, and the scenarios of a group, take turns; each turn begins with another.

    :param has_variants: what only ours can do is measured of its variants, too.
    """
    groups: dict[str, list[Scenario]] = {}
    for scenario in wanted:
        groups.setdefault(scenario.group or scenario.name, []).append(scenario)
    for members in groups.values():
        turn: list[tuple[Scenario, str, bool, Callable[[], Run]]] = []
        for scenario in members:
            for name in scenario.parts:
                turn.append((scenario, name, True, _part(scenario, name, conditions)))
            for server in () if scenario.parts else present:
                is_meant = server.is_ours if has_variants else server.kind == "ours"
                if scenario.people <= server.most and (is_meant or not scenario.is_only_ours):
                    measure = _crowd(scenario, server, conditions)
                    turn.append((scenario, server.name, server.is_ours, measure))
        for repetition in range(repeat):
            first = repetition % max(len(turn), 1)
            for scenario, name, is_ours, measure in turn[first:] + turn[:first]:
                yield Job(scenario, name, is_ours, repetition + 1, measure)


def undisturbed(job: Job) -> Run:
    """Make a run, again and after a moment of quiet when it was disturbed; return the quietest.

    A run that failed or in which something was lost is never replaced.
    """
    kept: Run = {}
    for tries in range(1, MOST_TRIES + 1):
        run = _tried(job)
        if not kept or is_wrong(run) or _disturbance(run) < _disturbance(kept):
            kept = run
        if is_wrong(run) or not run["disturbed"] or tries == MOST_TRIES:
            break
        print(f"disturbed ({noise(run)}), again … ", end="", file=sys.stderr, flush=True)
        machine.wait_for_quiet(_MOST_QUIET_SECONDS)
    return {
        "scenario": job.scenario.name,
        "server": job.name,
        "is_ours": job.is_ours,
        "group": job.scenario.group,
        "repetition": job.repetition,
        "tries": tries,
        **kept,
    }


def is_wrong(run: Run) -> bool:
    """Tell whether something was lost, doubled, out of order, or could not come in."""
    return bool(
        "error" in run
        or run.get("lost")
        or run.get("disconnected")
        or run.get("missing")
        or run.get("orders_seen", 1) != 1
    )


def noise(run: Run) -> str:
    """Say what others have used, and what the hypervisor has taken, in per cent of one core."""
    return f"{run['other_percent']:.0f}/{run['stolen_percent']:.0f} %"


def _tried(job: Job) -> Run:
    try:
        return job.measure()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return {"error": str(error)}


def _disturbance(run: Run) -> float:
    return float(max(run["other_percent"], run["stolen_percent"]))


def _crowd(scenario: Scenario, server: Server, conditions: Conditions) -> Callable[[], Run]:
    return lambda: runs.run(scenario, server, conditions)


def _part(scenario: Scenario, name: str, conditions: Conditions) -> Callable[[], Run]:
    return lambda: parts.MEASURES[scenario.mode](scenario, name, conditions)
