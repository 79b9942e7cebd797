"""What is measured without a crowd that talks: the disk, and the engines."""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import disk, machine
from benchmarks.runs import Conditions, Run, noise, percentiles
from benchmarks.scenarios import Mode, Scenario

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


MEASURES: dict[Mode, Callable[[Scenario, str, Conditions], Run]] = {"disk": _disk, "posts": _posts}
