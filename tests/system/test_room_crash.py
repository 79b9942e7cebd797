"""kill -9 while people run rooms and others talk there: all or nothing, and all that was confirmed.

Which log, name and record there is in the store is looked at beside the server that runs again.
"""

import random
import sys
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from chatroom.storage import codec
from chatroom.storage.records import ROOM_BAN, RoomRecord
from chatroom.storage.redis import dropping, entries
from chatroom.storage.redis.client import BUCKETS
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.sqlite import SqliteEngine
from tests.cluster import Cluster
from tests.conftest import StartServer
from tests.faults.crowd import Progress
from tests.harness import PATIENCE, Peer, ServerProcess
from tests.redis_server import RedisServer
from tests.storage.contract.test_nodes import wait_until
from tests.system.room_owners import MODERATOR, PEST, Kept, Owner, Talker, World, command, done

pytestmark = pytest.mark.sqlite  # these name their engines themselves

OWNERS, MOST_EACH, MOST = 3, 5, 16
EXPECTED = ("is weak: passwords are cheap", "engine-replicas is 0", "node dead instance=")
"""What a log may warn of."""


class Town:
    """Owners and talkers, and what must hold when their server was killed.

    :param owners_at: where rooms are run; it is killed.
    :param talkers_at: where people talk, each somewhere.
    """

    def __init__(
        self, owners_at: ServerProcess, talkers_at: list[ServerProcess], dice: random.Random
    ) -> None:
        self.world = World()
        self.dice = dice
        self.server = owners_at
        self.talkers_at = talkers_at
        self.owners = [Owner(n, self.world, random.Random(dice.random())) for n in range(OWNERS)]
        self.talkers = [
            Talker(f"talker{n}", self.world, random.Random(dice.random()))
            for n in range(len(talkers_at))
        ]
        for name in (MODERATOR, PEST):
            owners_at.program_peer(name).close()
        self.doubted: set[str] = set()
        """Ids of the rooms whose last act of the round was not confirmed."""
        self.fates: Counter[str] = Counter()
        """How many of the acts in doubt were done, and how many were not."""

    def live_until_killed(self) -> None:
        """Let all of them work, and kill the server at a random moment."""
        world, progress = self.world, Progress()
        world.is_killed = False
        for owner in self.owners:
            owner.log_in(self.server)

        works = [partial(owner.work, progress, MOST_EACH) for owner in self.owners]
        pairs = zip(self.talkers, self.talkers_at, strict=True)
        works += [partial(talker.work, server) for talker, server in pairs]
        threads = [threading.Thread(target=world.until_killed, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        watch = threading.Thread(target=lambda: [*map(threading.Thread.join, threads)])
        watch.start()
        wanted = self.dice.randrange(3, 40)
        while progress.confirmed < wanted and not world.wrong:
            watch.join(0.01)
        watch.join(self.dice.random() / 50)
        world.is_killed = True
        self.server.kill()
        for talker in self.talkers:
            talker.stop()
        watch.join(PATIENCE)
        assert not watch.is_alive()
        assert not world.wrong

    def check(self, engine: Any) -> dict[str, RoomRecord]:
        """See that what is kept is what was confirmed, or as if what was in doubt was done, too."""
        records = {record.log: record for record in engine.rooms.load_all()}
        accounts = {one.id: one.name for one in engine.accounts.load_all()}
        records.pop("lobby", None)
        kept = {
            log: Kept(
                record.name,
                accounts[record.owner],
                frozenset(accounts[one] for one in record.moderators),
                record.private,
                record.is_archived,
                frozenset(one.name for one in engine.sanctions.load(room=log)),
            )
            for log, record in records.items()
        }
        self.doubted.clear()
        for owner in self.owners:
            self._settle(owner, kept)
        assert kept == {log: room for owner in self.owners for log, room in owner.rooms.items()}
        assert {one.room for one in engine.sanctions.load() if one.kind == ROOM_BAN} <= {*records}
        for log in ("lobby", *records):
            span = engine.logs.span(log)
            posts = engine.logs.read(log, 0, span.last, span.last)
            assert [post.seq for post in posts] == list(range(1, len(posts) + 1))
            texts = [post.text for post in posts if post.sender.startswith("talker")]
            assert len({*texts}) == len(texts)
            assert all(text.endswith(f" in {log}") for text in texts)
            for talker in self.talkers:
                said = talker.said.get(log, [])
                assert [one for one in texts if one in {*said}] == said
        return records

    def _settle(self, owner: Owner, kept: dict[str, Kept]) -> None:
        """Find out what became of an act that was not confirmed."""
        doubt = owner.doubt
        if doubt is None:
            return
        self.doubted.add(doubt.id)
        if doubt.id:
            is_done = kept.get(doubt.id) == doubt.after
            owner.settle(doubt.after if is_done else owner.rooms[doubt.id])
        else:
            new = [log for log, room in kept.items() if room == doubt.after]
            is_done = bool(new)
            for log in new:
                owner.adopt(log, kept[log])
            owner.doubt = None
        self.fates["done" if is_done else "not done"] += 1

    def check_limits(self, server: ServerProcess) -> None:
        """See that as many rooms can be made as are missing, by names that are free, no more."""
        owner = self.owners[0]
        owner.log_in(server)
        there = sum(len(one.rooms) for one in self.owners)
        made = 0
        before = {*owner.rooms}
        while owner.create():
            made += 1
        assert there + made == MOST
        for log in {*owner.rooms} - before:
            owner.delete(log)


@pytest.fixture
def dice() -> random.Random:
    return random.Random()


def check_start(server: ServerProcess, begin: int) -> None:
    """See that a log says nothing odd from a place on, and the console neither."""
    lines = [*server.log()[begin:].splitlines(), *server.lines]
    odd = [x for x in lines if any(w in x for w in ("WARNING", "ERROR", "CRITICAL", "Traceback"))]
    odd += [line for line in lines if "damaged" in line or "failed" in line]
    assert not [line for line in odd if not any(word in line for word in EXPECTED)], odd


@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.timeout(3000)
def test_rooms_are_as_confirmed_whenever_the_server_is_killed(
    start_server: StartServer, dice: random.Random, rounds: int
) -> None:
    server = start_server(rooms=MOST, connections_per_address=0)
    town = Town(server, [server] * 2, dice)
    for turn in range(rounds):
        town.live_until_killed()
        begin = len(server.log())
        server.start()
        engine = SqliteEngine(server.data_dir)
        records = town.check(engine)
        check_sqlite(engine, records)
        engine.close()
        check_start(server, begin)
        if turn % 4 == 0:
            town.check_limits(server)
    report(town, rounds)


def check_sqlite(engine: Any, records: dict[str, RoomRecord]) -> None:
    """See that there is no log, no name and no number of a room that is no more."""
    vault, read = engine._store.vault, engine._store.read
    keys = {vault.index("log " + log) for log in ("lobby", *records)}
    logs = read(lambda db: db.execute("SELECT id, key FROM logs").fetchall())
    assert {key for _, key in logs} <= keys
    for table in ("numbers", "epochs"):
        held = read(lambda db, t=table: db.execute(f"SELECT log FROM {t}").fetchall())
        assert {one for (one,) in held} <= {one for one, _ in logs}


@pytest.mark.parametrize("rounds", [4, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.timeout(3000)
def test_rooms_are_as_confirmed_at_the_other_node_whenever_one_is_killed(
    tmp_path: Path, redis_server: RedisServer, dice: random.Random, rounds: int
) -> None:
    url = redis_server.fresh()
    nodes = Cluster(tmp_path, [url] * 2, "--rooms", str(MOST), "--connections-per-address", "0")
    try:
        one, other = nodes.nodes
        town = Town(one, [one, other], dice)
        for turn in range(rounds):
            town.live_until_killed()
            engine = RedisEngine(other.data_dir, url)
            with redis.Redis.from_url(url) as client:
                wait_until(lambda: not client.exists(dropping.PENDING, "{c}:owed"))
                records = town.check(engine)
                check_redis(client, engine, records)
            engine.close()
            check_seen(town, other, records)
            begin = len(one.log())
            one.start()
            check_start(one, begin)
            check_start(other, 0)
            if turn % 4 == 0:
                town.check_limits(other)
        report(town, rounds)
    finally:
        nodes.close()


def check_redis(client: Any, engine: Any, records: dict[str, RoomRecord]) -> None:
    """See that there is no log and no name of a room that is no more."""
    vault = engine._vault
    keys = {entries.keys_of(vault, log).key.encode() for log in ("lobby", *records)}
    for number in range(BUCKETS):
        tag = entries.bucket(number)
        assert client.smembers(entries.logs_of(tag)) <= keys
        for head in client.scan_iter(f"{tag}:*:head"):
            assert head.split(b":")[1] in keys
    names = {codec.room_key(vault, room.name).hex().encode() for room in records.values()}
    assert {*client.hkeys("{c}:room_names")} == names


def check_seen(town: Town, server: ServerProcess, records: dict[str, RoomRecord]) -> None:
    """See that people at a node see the rooms as they are kept.

    What was not confirmed the node may hear of a little later.
    """
    for owner in town.owners:
        for name in owner.names:
            peer = server.device(name)
            own = {log: kept for log, kept in owner.rooms.items() if kept.owner == name}
            wait_until(partial(is_shown, peer, own))
            peer.close()
            banned = [log for log, kept in own.items() if PEST in kept.banned]
            pest = server.device(PEST)
            for log in banned:
                if log in town.doubted:
                    wait_until(partial(is_refused, pest, f"/join {log}"))
                assert is_refused(pest, f"/join {log}")
            pest.close()


def is_refused(peer: Peer, line: str) -> bool:
    return not command(peer, line)["ok"]


def is_shown(peer: Peer, own: dict[str, Kept]) -> bool:
    """Tell whether somebody is shown these rooms as that person's own."""
    rows = done(peer, "/rooms")["rows"]
    shown = [done(peer, f"/roominfo {row['room_id']}")["rows"][0] for row in rows if row["owner"]]
    return {row["room_id"]: row for row in shown}.keys() == own.keys() and all(
        own[row["room_id"]]._replace(banned=frozenset())
        == Kept(
            *(row["room"], row["owner"], frozenset(row["moderators"])),
            *(row["private"], row["archived"]),
        )
        for row in shown
    )


def report(town: Town, rounds: int) -> None:
    said = sum(len(texts) for talker in town.talkers for texts in talker.said.values())
    more = f"{len(town.world.ids)} rooms, {said} said"
    sys.stdout.write(f"{rounds} kills, acts in doubt {dict(town.fates)}, {more}")
