"""Several nodes on one Redis: one order, nothing lost, nothing twice; and what happens without."""

import queue
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import Refusal, StoreError, UserError, VaultError
from chatroom.storage.records import (
    BAN,
    JOIN,
    KEPT,
    OPERATOR,
    PRIVATE,
    REMOVED,
    SUPERUSER,
    TEXT,
    TICKETS,
    Invite,
    Post,
    ReadState,
    RoomRecord,
    Sanction,
    Ticket,
)
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.rules.receipts import Outcome, Receipt
from chatroom.storage.upkeep import Keep
from tests.harness import PATIENCE
from tests.redis_server import RedisServer
from tests.storage.contract.conftest import Running, account, post


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "primary")
    yield server
    server.close()


@pytest.fixture
def node(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start nodes of one keyring, each with a data directory of its own."""
    started: list[Running] = []

    def start(server: RedisServer, replicas: int = 0) -> Running:
        data = Path(shutil.copytree(folder, tmp_path / f"node{len(started)}"))
        data.chmod(0o700)
        started.append(Running(data, lambda at: RedisEngine(at, server.url, replicas=replicas)))
        return started[-1]

    yield start
    for running in started:
        running.engine.close()


def wait_until(right: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something holds that no event tells of."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not right():
        assert time.monotonic() < deadline, "it did not come"
        pause.wait(0.01)


def kept(running: Running) -> list[tuple[int, str]]:
    return [(p.seq, p.text) for p in running.posts if p.kind in KEPT]


def say(running: Running, *texts: str) -> None:
    for text in texts:
        running.engine.logs.append(post(text))
    running.settle()


def test_all_nodes_show_all_posts_in_one_order(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    nodes = [node(primary) for _ in range(3)]
    for one in nodes:
        one.engine.logs.follow("lobby")

    def talk(number: int) -> None:
        for i in range(200):
            while not nodes[number].engine.logs.append(post(f"{number} {i}")):
                nodes[number].engine.logs.wait_for_space(1)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in nodes:
        wait_until(lambda one=one: len(kept(one)) >= 600)  # type: ignore[misc]
    assert [seq for seq, _ in kept(nodes[0])] == list(range(1, 601))
    assert kept(nodes[0]) == kept(nodes[1]) == kept(nodes[2])


def test_a_node_reads_on_as_far_as_somebody_was_shown_at_another_one(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    one, behind = node(primary), node(primary)
    for running in (one, behind):
        running.engine.logs.follow("lobby")
    behind.gate.clear()  # it is amid a delivery, and takes its time
    say(one, "first")
    wait_until(lambda: kept(one) == [(1, "first")])
    say(one, *(f"number {n}" for n in range(100)))
    with pytest.raises(StoreError, match="has not read yet"):
        behind.engine.logs.read_on("lobby", 101, 0.1)
    behind.gate.set()
    behind.engine.logs.read_on("lobby", 101, PATIENCE)
    assert [seq for seq, _ in kept(behind)] == list(range(1, 102))
    behind.engine.logs.read_on("lobby", 999, PATIENCE)  # of what nobody has said there is no end
    behind.engine.logs.read_on("nowhere", 999, PATIENCE)


def test_who_has_posted_is_known_when_what_was_kept_is_delivered_late(
    primary: RedisServer, node: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
    delivered: queue.Queue[tuple[list[str], list[str]]] = queue.Queue()

    def committed(log: str, posts: list[Post], receipts: Sequence[Receipt]) -> None:
        mine = [receipt.post.text for receipt in receipts if receipt.origin is not None]
        delivered.put(([post.text for post in posts], mine))

    engine = here.engine
    monkeypatch.setattr(engine._writer._delivery, "committed", committed)
    monkeypatch.setattr(engine._writer, "on_log", lambda key: None)  # it hears of nothing
    say(there, "between")
    read = engine._logs.entries

    def fail_once(*where: Any) -> Any:
        monkeypatch.setattr(engine._logs, "entries", read)
        raise StoreError("The store has gone for a moment.")

    monkeypatch.setattr(engine._logs, "entries", fail_once)
    receipt = engine.logs.append(post("mine"), Somebody())
    assert receipt.wait(PATIENCE) is Outcome.COMMITTED
    assert delivered.get(timeout=PATIENCE) == (["between", "mine"], ["mine"])


class Somebody:
    """Who posts, and is not told here."""

    own = None

    def accepted(self, post: Post, names: Mapping[str, str]) -> None: ...

    def returned(self, post: Post, refusal: Refusal | None) -> None: ...


def test_the_first_posts_of_a_log_have_their_ids_at_every_node(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    for running in (here, there):
        running.engine.logs.follow("lobby")
    there.engine.logs.follow("cellar")
    there.gate.clear()
    there.engine.logs.append(post("holds its delivery", "cellar"))
    here.engine.logs.append(post("first"))
    here.settle()
    there.engine.logs.append(post("second"))
    there.gate.set()
    there.settle()
    shown = [(p.epoch, p.seq, p.text) for p in there.posts if p.log == "lobby"]
    epoch = here.engine.logs.span("lobby").epoch
    assert shown == [(epoch, 1, "first"), (epoch, 2, "second")]


def test_a_post_is_there_soon_and_one_without_a_bell_within_two_seconds(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    there.engine.logs.follow("lobby")
    say(here, "one")
    wait_until(lambda: kept(there) == [(1, "one")], 1.0)
    for i in range(5):
        primary.client.client_kill_filter(_type="pubsub")
        say(here, f"more {i}")
        wait_until(lambda i=i: len(kept(there)) == i + 2, 2.0)  # type: ignore[misc]


def test_comings_are_told_on_the_other_nodes_once(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
    say(here, "listening?")
    wait_until(lambda: bool(kept(there)))
    here.engine.logs.append(post("", kind=JOIN))
    wait_until(lambda: any(p.kind == JOIN for p in there.posts))
    say(there, "after")
    wait_until(lambda: len(kept(here)) == 2)
    for one in (here, there):
        assert [p.sender for p in one.posts if p.kind == JOIN] == ["ann"]


def test_rubbish_on_the_bells_harms_nobody(
    primary: RedisServer, node: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = node(primary), node(primary)
    there.engine.logs.follow("lobby")
    keys = here.engine._logs.keys("lobby")
    for rubbish in (b"", b"\xff", b"x", b"x \xff", b"x y z \xff", b"x " + b"y" * 100_000, b"  "):
        for bell in ("{c}:bell", f"{keys.bucket}:bell"):
            primary.client.publish(bell, rubbish)
    stranger = f"other {keys.key} \xff".encode("latin-1")
    primary.client.publish(f"{keys.bucket}:bell", stranger + b" rubbish")
    say(here, "one")
    wait_until(lambda: kept(there) == [(1, "one")], 1.0)
    assert "failed" not in caplog.text
    assert [post.text for post in there.posts] == ["one"]


def test_what_somebody_has_meddled_with_is_told_and_harms_nothing_else(
    primary: RedisServer, node: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
        one.engine.logs.follow("den")
    engine, store, now = here.engine, primary.client, time.time()
    engine.accounts.save(account("ann", SUPERUSER))
    engine.rooms.save(RoomRecord("den", "id-ann"))
    engine.invites.save(Invite(b"d" * 32, 1, now + 99, "ann"))
    engine.sanctions.save(Sanction(BAN, "id-bob", "bob", "ann", "", now, now + 99))
    engine.audit.write(OPERATOR.did("looked"))
    here.engine.logs.append(post("before", "den"))
    here.settle()
    den = engine._logs.keys("den")
    for rubbish in (b"rubbish", b"- - - -", b"\xff \xfe \xfd \xfc", b"1 2 3 4"):
        for key in (den.head, *(f"{{c}}:{name}" for name in ("rooms", "invites", "sanctions"))):
            for field in (*store.hkeys(key), b"rubbish"):
                store.hset(key, field, rubbish)
        store.hset("{c}:owed", rubbish, rubbish)
        store.xadd("{c}:controls", {b"k": rubbish, b"x": rubbish})
        store.xadd("{c}:audit", {b"n": rubbish, b"b": rubbish})
        store.xadd(den.stream, {b"s": rubbish})
        store.publish("{c}:bell", b"")
        store.publish(f"{den.bucket}:bell", f"other {den.key}")
        say(here, f"after {rubbish!r}")
        wait_until(lambda: kept(here)[-1:] == kept(there)[-1:])
        assert engine.rooms.load_all() == engine.invites.load_all() == []
        with pytest.raises(StoreError, match="damaged"):
            engine.logs.read("den", 0, 9, 9)
    assert [entry.act for entry in engine.audit.load(9)] == ["looked"]
    engine.accounts.save(replace(account("ann", SUPERUSER), version=1))
    here.engine.logs.append(post("into the damage", "den"))
    here.settle()
    assert here.returned.get(timeout=PATIENCE)[1]
    assert "failed" not in caplog.text
    assert caplog.text.count("log damaged, nothing of it is shown") == 2  # once at each node


def test_who_is_banned_on_one_node_posts_on_no_other_from_then_on(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    say(there, "before")
    ban = Sanction(BAN, "id-ann", "ann", "boss", "", time.time(), float("inf"))
    number = here.engine.sanctions.save(ban).number
    say(there, "after")
    assert there.returned.get(timeout=PATIENCE)[1] == "You were banned; that was not sent."
    assert here.engine.sanctions.lift(number)
    say(there, "again")
    assert [p.text for p in here.engine.logs.read("lobby", 0, 9, 9)] == ["before", "again"]


def test_who_hears_that_a_ban_is_lifted_may_post_at_once(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    for _ in range(60):
        ban = Sanction(BAN, "id-ann", "ann", "boss", "", time.time(), float("inf"))
        number = here.engine.sanctions.save(ban).number
        lifting = threading.Thread(target=here.engine.sanctions.lift, args=(number,))
        lifting.start()
        while not there.controls.get(timeout=PATIENCE).lifted:
            pass
        say(there, "at once")
        lifting.join()
        assert there.returned.empty()


def test_a_node_with_another_keyring_or_none_does_not_start(
    primary: RedisServer, node: Callable[..., Running], tmp_path: Path
) -> None:
    node(primary)
    with pytest.raises(VaultError, match="has its keyring on another node"):
        RedisEngine(tmp_path / "empty", primary.url)
    other = RedisEngine(tmp_path / "other", primary.fresh())
    other.close()
    with pytest.raises(StoreError, match="sealed by another keyring"):
        RedisEngine(tmp_path / "other", primary.url)


def test_without_the_store_posts_are_given_back_and_everything_goes_on_when_it_is_there(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
    say(here, "one")
    wait_until(lambda: len(kept(there)) == 1)
    primary.kill()
    say(here, "two", "three")
    back: list[str] = []
    while len(back) < 2:
        posts, sentence = here.returned.get(timeout=PATIENCE)
        assert "not accepted" in sentence
        back += [p.text for p in posts]
    assert back == ["two", "three"]
    here.engine.logs.append(post("", kind=JOIN))  # the people of this node still see each other
    here.settle()
    assert here.posts[-1].kind == JOIN
    with pytest.raises(StoreError, match="cannot be used"):
        here.engine.accounts.save(account("ann"))
    primary.start()
    wait_until(lambda: not here.engine._writer._appending.is_away)
    say(here, "four")
    wait_until(lambda: len(kept(there)) == 2)
    assert kept(here) == kept(there) == [(1, "one"), (2, "four")]
    here.engine.accounts.save(account("ann"))


def test_a_store_that_lost_messages_is_told_and_counts_on(
    primary: RedisServer, node: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
    say(here, "one")
    epoch = here.engine.logs.span("lobby").epoch
    older = shutil.copytree(primary.folder, primary.folder.with_name("older"))
    say(here, "two", "three")
    wait_until(lambda: len(kept(there)) == 3)
    primary.kill()
    shutil.rmtree(primary.folder)
    shutil.copytree(older, primary.folder)
    primary.start()
    wait_until(lambda: caplog.text.count("shown=3 kept=1: the store lost messages") >= 1)
    for one in (here, there):
        wait_until(lambda one=one: not one.engine._writer._appending.is_away)  # type: ignore[misc]
    say(there, "four")
    wait_until(lambda: len(kept(here)) == 4)
    assert kept(here) == kept(there)
    assert kept(here)[-1] == (4, "four")
    assert here.engine.logs.span("lobby").epoch not in ("", epoch)
    assert [p.text for p in here.engine.logs.read("lobby", 0, 9, 9)] == ["one", "four"]


def test_a_log_that_was_dropped_has_not_lost_anything(
    primary: RedisServer, node: Callable[..., Running], caplog: pytest.LogCaptureFixture
) -> None:
    here, there = node(primary), node(primary)
    for one in (here, there):
        one.engine.logs.follow("lobby")
    say(here, "one", "two")
    wait_until(lambda: len(kept(there)) == 2)
    here.engine.logs.drop("lobby")
    say(there, "anew")
    wait_until(lambda: len(kept(here)) == 3)
    assert kept(here) == kept(there) == [(1, "one"), (2, "two"), (1, "anew")]
    assert "forked" not in caplog.text


def test_a_store_that_lost_everything_is_not_taken_for_a_new_one(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here = node(primary)
    here.engine.logs.follow("lobby")
    say(here, "one")
    primary.kill()
    shutil.rmtree(primary.folder)
    primary.folder.mkdir()
    say(here, "two")
    primary.start()
    here.returned.get(timeout=PATIENCE)
    wait_until(lambda: here.engine._writer._appending.may_try())
    say(here, "three")
    assert "not accepted" in here.returned.get(timeout=PATIENCE)[1]
    assert primary.client.dbsize() == 0


def test_what_too_few_replicas_have_is_not_confirmed_and_shown_when_they_have_it(
    primary: RedisServer, node: Callable[..., Running], tmp_path: Path
) -> None:
    replica = RedisServer(tmp_path / "replica", of=primary)
    try:
        here, there = node(primary, 1), node(primary, 1)
        for one in (here, there):
            one.engine.logs.follow("lobby")
        say(here, "one")
        wait_until(lambda: len(kept(there)) == 1)
        replica.signal(signal.SIGSTOP)
        here.engine.logs.append(Post("lobby", "text", "id-ann", "ann", "two", "aaaabbbb-1"))
        here.settle()
        assert "did not confirm" in here.returned.get(timeout=PATIENCE)[1]
        assert here.engine.logs.span("lobby").last == 1
        assert len(kept(here)) == len(kept(there)) == 1
        replica.signal(signal.SIGCONT)
        for one in (here, there):
            wait_until(lambda one=one: len(kept(one)) == 2)  # type: ignore[misc]
        here.engine.logs.append(Post("lobby", "text", "id-ann", "ann", "two", "aaaabbbb-1"))
        here.settle()
        assert here.returned.get(timeout=PATIENCE)[1] == ""
        assert kept(here) == kept(there) == [(1, "one"), (2, "two")]
    finally:
        replica.close()


def test_nothing_that_people_wrote_stands_in_clear_in_the_store(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    here = node(primary)
    engine, now = here.engine, time.time()
    here.engine.logs.follow("cellar")
    password = {"hash": "ahashofthepassword"}
    engine.accounts.save(replace(account("Clementine"), id="id", password=password))
    engine.sanctions.save(Sanction(BAN, "id", "Clementine", "Bartholomew", "insults", now, now + 9))
    engine.rooms.save(RoomRecord("cellar", "id", "confidential"))
    engine.read_states.save({"id": ReadState({"cellar": 1}, "cellar", now)})
    engine.invites.save(Invite(b"d" * 32, 1, now + 9, "Bartholomew"))
    engine.audit.write(OPERATOR.did("looked into the cellar", why="insults"))
    engine.logs.append(Post("cellar", TEXT, "other", "Bartholomew", "my confession"))
    engine.logs.append(Post("cellar", JOIN, "other", "Bartholomew"))
    here.settle()
    engine.logs.erase("cellar", "other")
    files = [file for file in primary.folder.rglob("*") if file.is_file()]
    content = b"".join(file.read_bytes() for file in files).lower()
    assert b"xadd" in content
    words = ("clementine", "bartholomew", "insults", "password", "confession", "cellar")
    assert [word for word in (*words, "confidential") if word.encode() in content] == []


def test_messages_that_are_too_old_or_too_much_go_and_the_log_counts_on(
    primary: RedisServer, folder: Path
) -> None:
    engine = RedisEngine(folder, primary.url, keep=Keep(days=1, megabytes=1))
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    for i in range(5):
        engine.logs.append(post(f"n{i}"))
    assert engine.settle(PATIENCE)
    engine.logs.erase("lobby", "id-ann", 2)
    engine.retention.expire(time.time())
    assert engine.logs.span("lobby").first == 1
    engine.retention.expire(time.time() + 2 * 86400)
    assert (engine.logs.span("lobby").first, engine.logs.span("lobby").last) == (6, 5)
    assert engine.logs.read("lobby", 0, 9, 9) == []
    for _ in range(4000):
        while not engine.logs.append(post(random.randbytes(500).hex())):
            engine.logs.wait_for_space(1)
    assert engine.settle(PATIENCE)
    engine.retention.expire(time.time())
    assert engine.logs.span("lobby").first > 6
    assert engine.logs.span("lobby").last == 4005
    engine.close()


def test_every_event_of_a_change_comes_once_on_every_node(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    nodes = [node(primary) for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda one=one, n=n: [
                one.engine.accounts.save(account(f"person{n}x{'abcdefghij'[i]}")) for i in range(10)
            ]
        )
        for n, one in enumerate(nodes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told: list[list[str]] = []
    for one in nodes:
        told.append([one.controls.get(timeout=PATIENCE).subject for _ in range(20)])
        with pytest.raises(queue.Empty):
            one.controls.get_nowait()
    assert told[0] == told[1]
    assert len(set(told[0])) == 20


# -- accounts that go ------------------------------------------------------------------------


@pytest.mark.parametrize("log", ["lobby", "@id-bob"])
def test_who_was_deleted_at_one_node_says_nothing_more_at_another(
    primary: RedisServer, node: Callable[..., Running], log: str
) -> None:
    here, there = node(primary), node(primary)
    ann = here.engine.accounts.save(account("ann"))
    kind = PRIVATE if log.startswith("@") else TEXT
    for number in range(200):  # it talks on while it is deleted
        there.engine.logs.append(post(f"word {number}", log, kind))
        if number == 100:
            here.engine.accounts.delete(ann, box="@id-ann")
            here.engine.logs.erase(log, "id-ann")
    there.settle()
    assert [p for p in here.engine.logs.read(log, 0, 999, 999) if p.kind != REMOVED] == []
    refused = [p for posts, _ in list(there.returned.queue) for p in posts]
    assert refused[-1].text == "word 199"
    assert "Your account was deleted" in there.returned.get(timeout=PATIENCE)[1]


# -- what one person leaves in the store -----------------------------------------------------


def test_tickets_that_went_leave_no_key(primary: RedisServer, node: Callable[..., Running]) -> None:
    engine = node(primary).engine
    until = time.time() + 80_000
    for n in range(3 * TICKETS):
        engine.tickets.save([Ticket(b"%032d" % n, "id-ann", until + n)])
    keys = list(primary.client.scan_iter("{c}:ticket*", count=1000))
    assert len(keys) == TICKETS + 1
    engine.tickets.revoke("id-ann")
    assert list(primary.client.scan_iter("{c}:ticket*", count=1000)) == []


def test_rooms_that_are_made_at_two_nodes_at_once_stay_within_their_limit(
    primary: RedisServer, node: Callable[..., Running]
) -> None:
    engines = [node(primary).engine, node(primary).engine]
    together = threading.Barrier(8)

    def admit(rooms: Sequence[RoomRecord]) -> None:
        if len(rooms) >= 3:
            raise UserError("There are enough.")

    def make(number: int) -> bool:
        together.wait(PATIENCE)
        try:
            engines[number % 2].rooms.save(RoomRecord(f"hall{number}", "id-ann"), admit)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert sum(made) == len(engines[0].rooms.load_all()) == 3
