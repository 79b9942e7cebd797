"""One run: a fresh server, a crowd, and what was found."""

import gc
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.crowd import Crowd
from benchmarks.flood import Flood
from benchmarks.paced import Paced, percentile
from benchmarks.rooms import RoomCrowd
from benchmarks.scenarios import Scenario
from benchmarks.servers import FACES, SIZE, Server, running

Run = dict[str, Any]
PUBLISHERS = 10
WINDOW = 64
"""Messages of a flood that may be on their way to somebody."""
_IDLE_TIMES = 2  # as long as others: the system counts CPU in steps of 10 ms
_SPARE_FILES = 100


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is the same for all runs.

    :param folder: of the servers' files; each run has a folder of its own in it.
    :param cores: of the server and of the generator; None: they cannot be chosen.
    :param warm_up: seconds before the measured time.
    :param seconds: the measured time.
    """

    folder: Path
    cores: tuple[int, int] | None
    warm_up: float
    seconds: float

    @property
    def server_core(self) -> int | None:
        """Where the server runs; None: anywhere."""
        return self.cores[0] if self.cores else None

    @property
    def own_core(self) -> int | None:
        """Where the generator runs; None: anywhere."""
        return self.cores[1] if self.cores else None


def run(scenario: Scenario, server: Server, conditions: Conditions) -> Run:
    """Start a fresh server, measure once, and return the figures.

    :raises RuntimeError: the server did not start, or there cannot be so many people.

    Names end in their unit: ``_s``, ``_us``, ``_bytes``, ``_percent``, ``_per_s``.
    """
    figures: Run = {}
    most = machine.raise_file_limit() - _SPARE_FILES
    if scenario.people + scenario.nonreaders > most:
        raise RuntimeError(f"the limit of open files allows only {most} connections")
    with (
        tempfile.TemporaryDirectory(dir=conditions.folder, ignore_cleanup_errors=True) as place,
        running(server, Path(place), conditions.server_core) as (pid, port),
        machine.on_core(conditions.own_core),
    ):
        crowd = (
            RoomCrowd(port, scenario.people, scenario.rooms, SIZE)
            if scenario.rooms
            else Crowd(
                port,
                tuple(FACES[face] for face in scenario.faces) or (server.talk,),
                scenario.people,
                PUBLISHERS,
                scenario.nonreaders,
                SIZE,
                scenario.is_sealed,
            )
        )
        gc.collect()
        gc.disable()
        try:
            figures |= _come_in(scenario, crowd, pid)
            figures |= _measure(scenario, crowd, pid, conditions)
            figures["disconnected"] = scenario.people - len(crowd.sockets)
            if scenario.nonreaders:
                figures["nonreaders_cut_off"] = crowd.count_cut_off()
        finally:
            gc.enable()
            crowd.close()
    return figures


def _come_in(scenario: Scenario, crowd: Crowd, pid: int) -> Run:
    before = machine.memory_bytes(pid)
    first = machine.sample(pid)
    ramp_s = crowd.ramp()
    usage = machine.usage(first, machine.sample(pid))
    crowd.settle()
    ready = len(crowd.sockets) + len(crowd.sleeping)
    if not crowd.publishers:
        raise RuntimeError("nobody could log in")
    return {
        "ready": ready,
        "missing": scenario.people + scenario.nonreaders - ready,
        "ramp_s": round(ramp_s, 3),
        "ramp_server_cpu_s": round(usage.server_s, 2),
        "memory_before_bytes": before,
        "memory_bytes": machine.memory_bytes(pid),
        "bytes_per_connection": round((machine.memory_bytes(pid) - before) / max(ready, 1)),
        **(noise(usage) if scenario.mode == "ramp" else {}),
    }


def _measure(scenario: Scenario, crowd: Crowd, pid: int, conditions: Conditions) -> Run:
    warm_up, seconds = conditions.warm_up, conditions.seconds
    if scenario.mode == "ramp":
        return {}
    if scenario.mode == "idle":
        first = machine.sample(pid)
        crowd.sit(_IDLE_TIMES * seconds)
        usage = machine.usage(first, machine.sample(pid))
        return {"idle_cpu_percent": round(usage.server_percent, 2), **noise(usage)}
    began = time.monotonic()
    if scenario.mode == "flood":
        flood = Flood(crowd, WINDOW, scenario.checks_order).run(pid, warm_up, seconds)
        return {
            "deliveries_per_s": round(flood.deliveries / flood.usage.seconds),
            "messages_per_s": round(flood.published / flood.usage.seconds),
            "deliveries_per_receive": round(flood.deliveries / max(flood.receives, 1), 2),
            "server_cpu_s_per_million": round(
                flood.usage.server_s * 1e6 / max(flood.deliveries, 1), 3
            ),
            "expected": flood.expected,
            "received": flood.received,
            "lost": flood.lost,
            **({"orders_seen": flood.orders} if scenario.checks_order else {}),
            **noise(flood.usage),
            "took_s": round(time.monotonic() - began, 1),
        }
    paced = Paced(crowd, scenario.rate).run(pid, warm_up, seconds)
    return {
        "latency_us": percentiles(paced.latencies, "50", "95", "99", "100"),
        "last_receiver_us": percentiles(paced.last_latencies, "50", "99"),
        "messages_per_s": round(paced.published / paced.usage.seconds, 1),
        "server_cpu_us_per_message": round(paced.usage.server_s * 1e6 / max(paced.published, 1)),
        "generator_late_us": paced.late_us,
        "expected": paced.expected,
        "received": paced.received,
        "lost": paced.lost,
        **noise(paced.usage),
    }


def percentiles(values: Sequence[int], *percents: str) -> dict[str, int]:
    """Return percentiles of sorted values by their names; -1 when there are no values."""
    return {percent: percentile(values, float(percent)) for percent in percents}


def noise(usage: machine.Usage) -> Run:
    """Return what was used in a run, and whether something has disturbed it."""
    figures: Run = {key: round(value, 2) for key, value in asdict(usage).items()}
    return {**figures, "disturbed": usage.is_disturbed}
