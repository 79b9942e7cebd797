"""The numbers of a server as Prometheus reads them; needs the package prometheus-client.

They are read when somebody asks, from plain integers (``counts``) and from the parts; nothing here
is called by a message. No label is a name of a room or a person: how many series there are does not
depend on what people do. Names by prometheus.io/docs/practices/naming.
"""

import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from chatroom import __version__
from chatroom.counts import BOUNDS, COUNTS, Histogram
from chatroom.ops.last_runs import LAST_BACKUP, LAST_DRILL, last_run
from chatroom.ops.sources import Sources
from chatroom.storage.sqlite.opening import STORE_FILE

_PREFIX = "chatroom_"


def application(sources: Sources) -> Any:
    """Return what answers a request for all metrics of a server, by WSGI (PEP 3333)."""
    return make_wsgi_app(registry(sources), disable_compression=True)


def registry(sources: Sources) -> CollectorRegistry:
    """Return what makes all metrics of a server."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Server(sources))
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    return made


class _Server(Collector):
    def __init__(self, sources: Sources) -> None:
        self._of = sources

    def collect(self) -> Iterator[Metric]:
        yield self._build()
        yield from self._people()
        yield from _doors()
        yield from self._messages()
        yield from self._store()
        yield from self._moments()
        if self._of.is_shared:
            yield from self._nodes()

    def _build(self) -> Metric:
        labels = {
            "version": __version__,
            "python": platform.python_version(),
            "engine": "redis" if self._of.is_shared else "sqlite",
        }
        return _gauge("build_info", "Which program this is.", {tuple(labels.values()): 1}, *labels)

    def _people(self) -> Iterator[Metric]:
        number = {(state, tls): 0 for state in ("login", "inside") for tls in ("yes", "no")}
        for one in self._of.admission.connections():
            state = "login" if one.must_log_in else "inside"
            number[state, "yes" if one.is_sealed else "no"] += 1
        yield _gauge("connections", "Open connections.", number, "state", "tls")
        roster = self._of.roster
        with roster.lock:
            people, rooms = list(roster.people.values()), len(roster.by_name)
        faces = Counter({("events",): 0, ("irc",): 0, ("plain",): 0, ("web",): 0})
        here = 0
        for person in people:
            members = person.members
            here += bool(members)
            for member in members:
                faces[(member.face.name,)] += 1
        yield _gauge("sessions", "Sessions of people who are logged in.", faces, "face")
        yield _gauge("people", "People who are logged in.", {(): here})
        yield _gauge("rooms", "Rooms that there are.", {(): rooms})
        waiting = self._of.passwords.waiting
        yield _gauge("password_queue", "Logins that wait for a password hash.", {(): waiting})
        yield _histogram("password_hash_seconds", "Time that password hashes took.", COUNTS.hashing)

    def _messages(self) -> Iterator[Metric]:
        counts = COUNTS
        kinds = {(kind,): number for kind, number in counts.posts.items()}
        yield _counter("posts", "Messages, comings and goings, by where.", kinds, "kind")
        refused = {(str(code),): number for code, number in counts.refused_posts.all().items()}
        yield _counter("posts_refused", "Posts that were refused, by code.", refused, "reason")
        yield _counter("rounds", "Times that posts were committed together.", {(): counts.rounds})
        yield _histogram("commit_seconds", "Time that commits took.", counts.commit)
        yield _histogram("deliver_seconds", "Time until all was offered.", counts.deliver)
        yield _counter(
            "deliveries", "Posts, times the sessions that got them.", {(): counts.deliveries}
        )
        delivered = {(): counts.delivered_bytes}
        yield _counter("delivered_bytes", "Bytes of messages that were offered.", delivered)
        yield _gauge("queue_posts", "Posts that wait for a commit.", {(): self._of.engine.queued()})
        behind = self._of.flusher.behind
        yield _gauge("slow_readers", "Connections that have not taken all.", {(): behind})

    def _store(self) -> Iterator[Metric]:
        store = self._of.data_dir / STORE_FILE
        if not self._of.is_shared:
            yield _gauge("store_bytes", "Size of the store.", {(): _size(store)})
            wal = store.with_name(store.name + "-wal")
            yield _gauge("wal_bytes", "Size of its write-ahead log.", {(): _size(wal)})
        disk = shutil.disk_usage(self._of.data_dir)
        yield _gauge("disk_free_bytes", "Free space beside the data.", {(): disk.free})
        yield _gauge("disk_bytes", "Space beside the data in all.", {(): disk.total})
        failing = int(COUNTS.is_failing)
        yield _gauge("store_failing", "1: nothing is kept just now.", {(): failing})
        errors = sum(COUNTS.store_errors.all().values())
        yield _counter("store_errors", "Writes to the store that failed.", {(): errors})
        damaged = sum(COUNTS.damaged.all().values())
        text = "Times that a record did not open: it was changed."
        yield _counter("records_damaged", text, {(): damaged})

    def _moments(self) -> Iterator[Metric]:
        of = self._of
        moments = {
            "upkeep_success": ("The last upkeep of the store.", COUNTS.kept_up),
            "backup_success": ("The last backup.", last_run(of.data_dir, LAST_BACKUP)),
            "drill_success": (
                "The last trial of a restore.",
                last_run(of.data_dir, LAST_DRILL),
            ),
            "certificate_expiry": ("The end of the certificate.", of.tls.valid_until),
        }
        for name, (text, moment) in moments.items():
            text = f"{text} 0: there was none."
            yield _gauge(f"{name}_timestamp_seconds", text, {(): moment})

    def _nodes(self) -> Iterator[Metric]:
        yield _gauge("engine_up", "1: the store answers.", {(): int(not COUNTS.is_failing)})
        nodes = self._of.engine.nodes.load_all()
        lag = next((node.lag for node in nodes if node.is_this), 0.0)
        yield _gauge("engine_answer_seconds", "Time of its last answer to this node.", {(): lag})
        yield _gauge("nodes", "Servers that share the store.", {(): len(nodes)})
        text = "Logs that lost what had been shown."
        yield _counter("history_forks", text, {(): COUNTS.forks})


def _doors() -> Iterator[Metric]:
    counts = COUNTS
    accepted = {(): sum(counts.accepted.all().values())}
    yield _counter("connections_accepted", "Connections that came in.", accepted)
    refused = _one_label(counts.refused.all())
    yield _counter("connections_refused", "Connections that did not.", refused, "reason")
    shaken = _one_label(counts.handshakes.all())
    yield _counter("tls_handshakes", "Handshakes of TLS.", shaken, "result")
    logins = counts.logins.all()
    yield _counter("logins", "Tries to log in.", logins, "way", "result")
    cut_off = _one_label(counts.cut_off.all())
    yield _counter("cut_off", "Connections that the server has cut off.", cut_off, "reason")


Values = Mapping[Any, float]
"""Numbers by the values of their labels, a tuple."""


def _one_label(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(word,): number for word, number in counts.items()}


def _gauge(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(_PREFIX + name, text, labels=labels), values)


def _counter(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(_PREFIX + name, text, labels=labels), values)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Values) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(name: str, text: str, found: Histogram) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=())
    family.add_metric((), list(_cumulative(found.classes)), found.seconds)
    return family


def _cumulative(classes: Iterable[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, number in zip([*map(str, BOUNDS), "+Inf"], list(classes), strict=True):
        total += number
        yield bound, total


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
