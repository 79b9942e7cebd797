"""``python -m benchmarks``: measure, print the tables, write JSON and a picture."""

import argparse
import datetime
import fnmatch
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, page, parts, plan, plot, report, runs, servers
from benchmarks.runs import Conditions, Run
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import Server

HERE = Path(__file__).resolve().parent


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; the status is 1 when ours has lost something."""
    arguments = _parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server is left behind
    wanted = _wanted_scenarios(arguments.only)
    present = _wanted_servers(arguments.servers)
    cores = machine.choose_cores()
    if cores is None:
        print("Server and generator share the cores here: the figures say less.", file=sys.stderr)
    conditions = Conditions(arguments.folder, cores, arguments.warm_up, arguments.seconds)
    facts = {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine.describe(),
        "servers": {server.name: server.describe() for server in present},
        "settings": {
            "repeat": arguments.repeat,
            "seconds": arguments.seconds,
            "warm_up_s": arguments.warm_up,
            "message_bytes": servers.SIZE,
            "publishers": runs.PUBLISHERS,
            "window": runs.WINDOW,
            "own_cores": cores is not None,
        },
    }
    found: list[Run] = []
    status = 0
    arguments.folder.mkdir(parents=True, exist_ok=True)
    try:
        for job in plan.jobs(
            wanted, present, arguments.repeat, conditions, has_variants=bool(arguments.servers)
        ):
            about = f"{job.scenario.name:11} {job.name:11} {job.repetition} … "
            print(about, end="", file=sys.stderr, flush=True)
            run = plan.undisturbed(job)
            found.append(run)
            print(_line(job.scenario, run), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted: what is there is reported", file=sys.stderr)
        status = 130
    finally:
        shutil.rmtree(arguments.folder, ignore_errors=True)
    _write(arguments.output, arguments.name, wanted, found, facts)
    if arguments.docs and not status:
        page.write(found, facts)
    return status or int(any(plan.is_wrong(run) for run in found if run["is_ours"]))


def _commit() -> str:
    """Return what this is a copy of, empty when that is not known."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    names = ", ".join(s.name + ("" if s.is_usual else "*") for s in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"Scenarios: {names}. (* only when asked for.)",
    )
    add = parser.add_argument
    add("--only", default="", help="scenarios, separated by commas; may have * (slow-*)")
    add(
        "--servers",
        default="",
        help="servers, separated by commas; default: those of these that are "
        f"installed: {', '.join(s.name for s in servers.known().values() if s.is_usual)}",
    )
    add("--repeat", type=int, default=5, help="undisturbed runs of each server (default 5)")
    add("--seconds", type=float, default=5.0, help="measured time of a run (default 5)")
    add("--warm-up", type=float, default=1.0, help="seconds before it (default 1)")
    add("--output", type=Path, default=HERE / "results", help="folder of the results")
    add("--name", default="latest", help="name of the results' files (default latest)")
    add("--docs", action="store_true", help="write the figures into docs/performance.md, too")
    add("--folder", type=Path, default=HERE / ".work", help="folder of the servers' files; removed")
    return parser.parse_args(argv)


def _wanted_scenarios(only: str) -> list[Scenario]:
    patterns = only.split(",") if only else [s.name for s in SCENARIOS if s.is_usual]
    for pattern in patterns:
        if not fnmatch.filter([s.name for s in SCENARIOS], pattern):
            raise SystemExit(f"There is no scenario '{pattern}'; see --help.")
    wanted = [s for s in SCENARIOS if any(fnmatch.fnmatch(s.name, p) for p in patterns)]
    for scenario in wanted:
        if not parts.is_possible(scenario):
            print(f"Left out, it needs Redis and its library: {scenario.name}.", file=sys.stderr)
    return [scenario for scenario in wanted if parts.is_possible(scenario)]


def _wanted_servers(names: str) -> list[Server]:
    known = servers.known()
    if not names:
        missing = [name for name, server in known.items() if not server.program]
        if missing:
            print(f"Not installed, left out: {', '.join(missing)}.", file=sys.stderr)
        return [server for server in known.values() if server.program and server.is_usual]
    for name in names.split(","):
        if name not in known or not known[name].program:
            raise SystemExit(f"'{name}' is not known or not installed; known: {', '.join(known)}.")
    return [known[name] for name in names.split(",")]


def _line(scenario: Scenario, run: Run) -> str:
    if "error" in run:
        return f"failed: {run['error']}"
    shown = []
    for measure in report.MEASURES[scenario.mode]:
        if made := report.figure([run], measure):
            shown.append(f"{measure.title} {made.median:{measure.form}} {measure.unit}")
    if scenario.people:
        shown.append(f"generator's CPU {run['generator_percent']:.0f} %")
    if run["disturbed"]:
        shown.append(f"disturbed ({plan.noise(run)})")
    if plan.is_wrong(run):
        shown.append("SOMETHING IS MISSING")
    return ", ".join(shown)


def _write(
    folder: Path,
    name: str,
    wanted: Sequence[Scenario],
    found: Sequence[Run],
    facts: dict[str, Any],
) -> None:
    done = [s for s in wanted if any(run["scenario"] == s.name for run in found)]
    for scenario in done:
        print(report.table(scenario, found, found), end="\n\n")
    if not done:
        return
    folder.mkdir(parents=True, exist_ok=True)
    summary = {scenario.name: report.summary(scenario, found) for scenario in done}
    everything = json.dumps({"facts": facts, "summary": summary}, indent=1).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(run) for run in found)
    text = f'{everything},\n "runs": [\n  {lines}\n ]\n}}\n'
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / f"{name}.svg").write_text(plot.draw(found, facts), encoding="utf-8")
    print(f"Written: {folder / name}.json and .svg")


if __name__ == "__main__":
    sys.exit(main())
