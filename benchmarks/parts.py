"""What is measured without a crowd that talks: the disk, storms of tickets, and the engines."""

import functools
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import disk, machine
from benchmarks.runs import Conditions, Run, noise, percentiles
from benchmarks.scenarios import Mode, Scenario
from benchmarks.storm import House

_POSTS = {"SQLite": 100_000, "Redis": 10_000}
"""So many that a run takes seconds."""


def is_possible(scenario: Scenario) -> bool:
    """Tell whether what a scenario needs is installed: the engines want a Redis and its library."""
    return scenario.mode != "posts" or bool(
        importlib.util.find_spec("redis") and shutil.which("redis-server")
    )


def _disk(scenario: Scenario, name: str, conditions: Conditions) -> Run:
    first = machine.sample(None)
    times = disk.sync_times(conditions.folder, conditions.server_core)
    return {
        "sync_us": percentiles([round(seconds * 1e6) for seconds in times], "50", "99"),
        **noise(machine.usage(first, machine.sample(None))),
    }


def _storm(scenario: Scenario, name: str, conditions: Conditions) -> Run:
    machine.raise_file_limit()
    found, usage = _house(conditions.folder, scenario.people).storm(by_password=False)
    return {
        "start_s": round(found.start, 3),
        "half_s": round(found.half, 3),
        "all_s": round(found.all, 3),
        "server_cpu_s": found.server_cpu,
        "memory_bytes": found.memory,
        **noise(usage),
    }


@functools.cache
def _house(folder: Path, people: int) -> House:
    """Make the store of a storm, once for all its runs."""
    place = folder / f"storm-{people}"
    place.mkdir()
    return House(place, people, is_one=False, has_limits=False)


def _posts(scenario: Scenario, name: str, conditions: Conditions) -> Run:
    from benchmarks.engines import posts_per_second  # needs what is not always installed
    from chatroom.storage.redis.engine import RedisEngine
    from chatroom.storage.sqlite import SqliteEngine
    from tests.redis_server import RedisServer

    with tempfile.TemporaryDirectory(dir=conditions.folder) as place:
        folder = Path(place)
        store = RedisServer(folder / "redis") if name == "Redis" else None
        try:
            pid = store.process.pid if store else None
            engine = RedisEngine(folder, store.url) if store else SqliteEngine(folder)
            first = machine.sample(pid)
            one, many = posts_per_second(engine, _POSTS[name])
            usage = machine.usage(first, machine.sample(pid))
        finally:
            if store:
                store.close()
    return {"posts_per_s": round(many), "single_posts_per_s": round(one), **noise(usage)}


MEASURES: dict[Mode, Callable[[Scenario, str, Conditions], Run]] = {
    "disk": _disk,
    "storm": _storm,
    "posts": _posts,
}
