"""What is measured, and one run of it."""

import gc
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks import machine
from benchmarks.crowd import Crowd
from benchmarks.flood import Flood
from benchmarks.paced import Paced, percentile
from benchmarks.rooms import RoomCrowd
from benchmarks.servers import FACES, SIZE, Server, running

PUBLISHERS = 10
WINDOW = 64
"""Messages of a flood that may be on their way to somebody."""
_IDLE_SECONDS = 10.0
_SPARE_FILES = 100


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure.

    :param group: scenarios of one group take turns and are compared with its first one.
    :param rate: messages a second (paced).
    :param nonreaders: people who are there, too, and never read.
    :param is_sealed: everybody speaks TLS.
    :param faces: how people talk to ours, each in turn: keys of ``servers.FACES``; none: as usual.
    :param rooms: rooms of ten people each that are talked in in turn; 0: all are in one.
    """

    name: str
    title: str
    mode: Literal["flood", "paced", "idle", "ramp"]
    people: int
    rate: float = 0.0
    nonreaders: int = 0
    rooms: int = 0
    is_sealed: bool = False
    faces: tuple[str, ...] = ()
    checks_order: bool = False
    group: str = ""
    is_usual: bool = True
    is_only_ours: bool = False


SCENARIOS = (
    Scenario("flood-100", "Flood, 100 people", "flood", 100),
    Scenario("flood-1000", "Flood, 1,000 people", "flood", 1000),
    Scenario("paced-1000", "1,000 people, 20 messages a second", "paced", 1000, rate=20),
    Scenario("paced-100", "100 people, 500 messages a second", "paced", 100, rate=500),
    Scenario("idle-1000", "1,000 silent people", "idle", 1000),
    Scenario("ramp-1000", "1,000 people log in", "ramp", 1000),
    *(
        Scenario(
            f"slow-{number}",
            f"Flood, 1,000 people and {number} who never read",
            "flood",
            1000,
            nonreaders=number,
            checks_order=True,
            group="slow",
            is_only_ours=True,
        )
        for number in (0, 1, 200)
    ),
    *(
        Scenario(
            f"rooms-{rooms}",
            f"100 messages a second in {title}",
            "paced",
            people,
            rate=100,
            rooms=rooms,
            group="rooms",
            is_only_ours=True,
        )
        for rooms, people, title in (
            (1, 10, "one room of 10"),
            (1000, 100, "1,000 rooms of 10, with 100 people"),
        )
    ),
    *(
        Scenario(
            f"{word}-100",
            f"Flood, 100 people, {title}",
            "flood",
            100,
            is_sealed=word == "sealed",
            checks_order=True,
            group="sealed",
            is_only_ours=True,
        )
        for word, title in (("plain", "plain text"), ("sealed", "TLS"))
    ),
    *(
        Scenario(
            f"idle-{word}",
            f"1,000 silent people, {title}",
            "idle",
            1000,
            faces=(word,),
            group="idle",
            is_only_ours=True,
        )
        for word, title in (("events", "our client"), ("irc", "IRC"), ("web", "browsers"))
    ),
    Scenario(
        "sealed-idle-1000",
        "1,000 silent people, TLS",
        "idle",
        1000,
        is_sealed=True,
        is_only_ours=True,
    ),
    *(
        Scenario(
            f"faces-{word}",
            f"Flood, 1,000 people, {title}",
            "flood",
            1000,
            faces=faces,
            group="faces",
            is_only_ours=True,
        )
        for word, title, faces in (
            ("plain", "all by nc", ("plain",)),
            ("events", "all by our client", ("events",)),
            ("irc", "all by IRC, with tags and echo", ("irc",)),
            ("web", "half by browsers, half by our client", ("web", "events")),
            ("mixed", "a third each by nc, our client and IRC", ("plain", "events", "irc")),
        )
    ),
    Scenario("ramp-5000", "5,000 people log in", "ramp", 5000, is_usual=False),
    Scenario("idle-5000", "5,000 silent people", "idle", 5000, is_usual=False),
    Scenario("idle-10000", "10,000 silent people", "idle", 10000, is_usual=False),
    Scenario("flood-5000", "Flood, 5,000 people", "flood", 5000, is_usual=False),
    Scenario(
        "flood-10000", "Flood, 10,000 people", "flood", 10000, checks_order=True, is_usual=False
    ),
)


def run(
    scenario: Scenario,
    server: Server,
    folder: Path,
    cores: tuple[int, int] | None,
    warm_up: float,
    seconds: float,
) -> dict[str, Any]:
    """Start a fresh server below ``folder``, measure once, and return the figures.

    :raises RuntimeError: the server did not start, or there cannot be so many people.

    Names end in their unit: ``_s``, ``_us``, ``_bytes``, ``_percent``, ``_per_s``.
    """
    figures: dict[str, Any] = {"scenario": scenario.name, "server": server.name}
    most = machine.raise_file_limit() - _SPARE_FILES
    if scenario.people + scenario.nonreaders > most:
        raise RuntimeError(f"the limit of open files allows only {most} connections")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place,
        running(server, Path(place), cores[0] if cores else None) as (pid, port),
        machine.on_core(cores[1] if cores else None),
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
            figures |= _measure(scenario, crowd, pid, warm_up, seconds)
            figures["disconnected"] = scenario.people - len(crowd.sockets)
            if scenario.nonreaders:
                figures["nonreaders_cut_off"] = crowd.count_cut_off()
        finally:
            gc.enable()
            crowd.close()
    return figures


def _come_in(scenario: Scenario, crowd: Crowd, pid: int) -> dict[str, Any]:
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
        **(_noise(usage) if scenario.mode == "ramp" else {}),
    }


def _measure(
    scenario: Scenario, crowd: Crowd, pid: int, warm_up: float, seconds: float
) -> dict[str, Any]:
    if scenario.mode == "ramp":
        return {}
    if scenario.mode == "idle":
        first = machine.sample(pid)
        crowd.sit(max(seconds, _IDLE_SECONDS))
        usage = machine.usage(first, machine.sample(pid))
        return {"idle_cpu_percent": round(usage.server_percent, 2), **_noise(usage)}
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
            **_noise(flood.usage),
            "took_s": round(time.monotonic() - began, 1),
        }
    paced = Paced(crowd, scenario.rate).run(pid, warm_up, seconds)
    return {
        "latency_us": {p: percentile(paced.latencies, float(p)) for p in ("50", "95", "99", "100")},
        "last_receiver_us": {p: percentile(paced.last_latencies, float(p)) for p in ("50", "99")},
        "messages_per_s": round(paced.published / paced.usage.seconds, 1),
        "server_cpu_us_per_message": round(paced.usage.server_s * 1e6 / max(paced.published, 1)),
        "generator_late_us": paced.late_us,
        "expected": paced.expected,
        "received": paced.received,
        "lost": paced.lost,
        **_noise(paced.usage),
    }


def _noise(usage: machine.Usage) -> dict[str, Any]:
    figures: dict[str, Any] = {key: round(value, 2) for key, value in asdict(usage).items()}
    return {**figures, "disturbed": usage.is_disturbed}
