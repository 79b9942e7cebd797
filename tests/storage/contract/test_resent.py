"""What is sent again: kept once when it was kept, kept now when it was refused, never guessed."""

import math
import random
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from chatroom.storage.records import (
    BAN,
    DELETED,
    KICK,
    MUTE,
    PRIVATE,
    Post,
    Sanction,
)
from chatroom.storage.redis import scripts
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.rules.numbers import RUNS, SESSIONS, Numbers, Verdict
from chatroom.storage.rules.receipts import ORDINARY, Outcome, Terms
from chatroom.storage.rules.refusals import FORGOTTEN, refusal_of
from tests.harness import PATIENCE
from tests.storage.contract.conftest import OLD_NUMBERS, OLD_ROOMS, Running, account, post


def sanction(kind: str) -> Sanction:
    return Sanction(kind, "id-ann", "ann", "boss", "", 0.0, math.inf)


def say(running: Running, *posts: Post, terms: Terms = ORDINARY) -> list[str]:
    """Append; return what is answered for those that are not kept."""
    for one in posts:
        while not running.engine.logs.append(one, None, terms):
            running.engine.logs.wait_for_space(PATIENCE)
    running.settle()
    told = []
    while not running.returned.empty():
        found, sentence = running.returned.get()
        told += [f"{one.text}: {sentence}" for one in found]
    return told


def numbered(number: int, text: str = "", log: str = "lobby") -> Post:
    return post(text or f"n{number}", log, cid=f"aaaabbbb-{number}")


def kept(engine: Any, log: str = "lobby") -> list[str]:
    return [one.text for one in engine.logs.read(log, 0, 10_000, 10_000)]


@pytest.mark.parametrize("sanction_kind", [MUTE, BAN, KICK])
def test_what_was_refused_may_come_again_behind_what_was_kept_since(
    start: Callable[[], Running], sanction_kind: str
) -> None:
    first = start()
    assert say(first, numbered(1)) == []
    imposed = first.engine.sanctions.save(sanction(sanction_kind))
    sentence = refusal_of(sanction_kind).sentence
    assert say(first, numbered(2), numbered(3)) == [f"n2: {sentence}", f"n3: {sentence}"]
    first.engine.sanctions.lift(imposed.number)
    assert say(first, numbered(4), numbered(2)) == []
    first.engine.close()
    second = start()
    assert say(second, numbered(2), numbered(4), numbered(1)) == ["n2: ", "n4: ", "n1: "]
    assert say(second, numbered(3), numbered(3)) == ["n3: "]
    assert kept(second.engine) == ["n1", "n4", "n2", "n3"]


def test_what_was_kept_stays_acknowledged_whatever_its_sender_did_since(running: Running) -> None:
    assert say(running, numbered(1)) == []
    running.engine.sanctions.save(sanction(BAN))
    assert say(running, numbered(1)) == ["n1: "]


def test_of_many_that_come_together_each_is_told_its_own(running: Running) -> None:
    """What is repeated or refused among them takes no place from the others."""
    running.engine.logs.follow("lobby")
    assert say(running, numbered(1)) == []
    running.engine.sanctions.save(sanction(MUTE))
    running.gate.clear()
    by_bob = replace(numbered(1, "bob's first"), sender_id="id-bob", sender="bob")
    others = [by_bob]
    for number in range(2, 5):
        others.append(numbered(number))
        others.append(replace(numbered(number), sender_id="id-bob", sender="bob"))
    others += [numbered(1), replace(others[2]), replace(by_bob, text="bob's last", cid="x")]
    receipts = [running.engine.logs.append(one) for one in others]
    running.gate.set()
    running.settle()
    muted = refusal_of(MUTE)
    results = [Outcome.COMMITTED, *(muted, Outcome.COMMITTED) * 3]
    results += [Outcome.REPEATED, Outcome.REPEATED, Outcome.COMMITTED]
    assert [one.result for one in receipts if one] == results
    placed = [one for one in others if one.seq]
    assert [one.seq for one in placed] == [2, 3, 4, 5, 6]
    read = running.engine.logs.read("lobby", 1, 6, 10)
    assert [(one.seq, one.text, one.sender) for one in read] == [
        (one.seq, one.text, "bob") for one in placed
    ]
    assert running.posts[1:] == placed


def test_of_numbers_far_below_nothing_is_confirmed_and_nothing_is_kept(running: Running) -> None:
    engine = running.engine
    even = [2 * n for n in range(1, RUNS + 11)]
    assert say(running, *(numbered(n) for n in even)) == []
    told = say(running, numbered(2), numbered(3), numbered(even[-1] - 1), numbered(even[-1]))
    sentence = FORGOTTEN.sentence
    assert sorted(told) == sorted([f"n{even[-1]}: ", f"n2: {sentence}", f"n3: {sentence}"])
    assert kept(engine) == [*(f"n{n}" for n in even), f"n{even[-1] - 1}"]


def test_numbers_know_what_was_kept_as_a_set_does() -> None:
    chance = random.Random(5)
    for spread in (40, 200, 1000):
        numbers, known = Numbers(), set[int]()
        for _ in range(400):
            number = chance.randrange(spread)
            found = numbers.verdict(number)
            if found is not Verdict.UNKNOWN:
                assert (found is Verdict.HAD) == (number in known)
                if found is Verdict.NEW:
                    numbers.add(number)
                    known.add(number)
            if chance.random() < 0.1:
                numbers = Numbers(str(numbers))
        assert len(str(numbers)) < RUNS * 8


def test_the_store_knows_as_much_as_memory_does(running: Running) -> None:
    chance = random.Random(6)
    told: list[str] = []
    expected: list[str] = []
    numbers = Numbers()
    for _ in range(30):
        batch = [chance.randrange(500) for _ in range(30)]
        for number in batch:
            found = numbers.verdict(number)
            if found is Verdict.NEW:
                numbers.add(number)
            else:
                sentence = "" if found is Verdict.HAD else FORGOTTEN.sentence
                expected.append(f"n{number}: {sentence}")
        told += say(running, *map(numbered, batch))
    assert sorted(told) == sorted(expected)


def test_sessions_of_an_account_are_bounded_and_the_oldest_go(running: Running, kind: str) -> None:
    most = SESSIONS if kind in ("memory", "sqlite") else scripts.SESSIONS
    posts = [post("x", cid=f"session{n:05}-1") for n in range(most + 20)]
    for at in range(0, len(posts), 100):
        assert say(running, *posts[at : at + 100]) == []
    assert say(running, replace(posts[-1]), replace(posts[most // 2])) == ["x: ", "x: "]
    assert say(running, replace(posts[0])) == []  # forgotten, so it is kept again
    other = Post("lobby", "text", "id-bob", "bob", "mine", "session00001-1")
    assert say(running, other, replace(other)) == ["mine: "]


@pytest.mark.single_node
def test_of_a_session_that_goes_where_it_still_says_something_nothing_stays(
    running: Running, folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    client: Any = None
    if kind == "redis":
        server = request.getfixturevalue("redis_server")
        client = redis.Redis(port=server.port, db=server.databases)
    most = scripts.SESSIONS if client else SESSIONS
    assert say(running, *(post("x", cid=f"session{n:05}-1") for n in range(most))) == []
    if client:  # behind the first of what comes, which waits, all the rest is one batch
        client.client_pause(round(PATIENCE * 1000), all=False)
    for n in range(20):
        running.engine.logs.append(post("from the oldest", cid=f"session{n:05}-2"))
        running.engine.logs.append(post("from a new one", cid=f"session{most + n:05}-1"))
    if client:
        client.client_unpause()
    assert say(running, post("again", cid=f"session{most:05}-1")) == ["again: "]
    if client:
        (key,) = client.scan_iter("{r*:numbers")
        assert client.hlen(key) == most + 1  # the sessions, and their order
        client.close()
    else:
        db = sqlite3.connect(folder / "chatroom.db")
        (number,) = db.execute("SELECT count(*) FROM numbers").fetchone()
        assert number <= most
        db.close()


def test_a_private_message_is_in_both_mailboxes_or_in_none(running: Running) -> None:
    engine = running.engine

    def private(number: int) -> Post:
        return Post("@ann", PRIVATE, "id-ann", "ann", f"p{number}", f"aaaabbbb-{number}", "bob")

    both = Terms(copy_to="@bob")
    assert say(running, private(1), private(2), terms=both) == []
    assert say(running, private(2), terms=both) == ["p2: ", "p2: "]
    imposed = engine.sanctions.save(sanction(MUTE))
    sentence = refusal_of(MUTE).sentence
    assert say(running, private(3), terms=both) == [f"p3: {sentence}"] * 2
    assert say(running, private(4), terms=replace(both, despite_mute=True)) == []
    engine.sanctions.lift(imposed.number)
    assert say(running, private(3), terms=both) == []
    assert kept(engine, "@ann") == kept(engine, "@bob") == ["p1", "p2", "p4", "p3"]
    # Of an older store, where one copy alone may be there.
    alone = private(5)
    assert say(running, replace(alone, log="@bob")) == []
    assert say(running, alone, terms=both) == ["p5: "]
    assert kept(engine, "@ann")[-1] == kept(engine, "@bob")[-1] == "p5"


@pytest.mark.parametrize("sanction_kind", [MUTE, BAN, KICK])
def test_what_waits_in_the_queue_does_not_come_behind_a_sanction(
    running: Running, sanction_kind: str
) -> None:
    engine = running.engine
    engine.logs.follow("lobby")
    running.gate.clear()
    engine.logs.append(post("delivered for long"))
    waiting = [numbered(n, "x" * 1000) for n in range(1, 200)]
    for one in waiting:
        engine.logs.append(one)
    done = threading.Event()

    def impose() -> None:
        engine.sanctions.save(sanction(sanction_kind))
        done.set()

    threading.Thread(target=impose).start()
    running.gate.set()
    assert done.wait(PATIENCE)
    at = len(kept(engine))
    running.settle()
    late = say(running, post("late"))
    assert late[-1] == f"late: {refusal_of(sanction_kind).sentence}"
    assert len(kept(engine)) == at
    assert len(late) == len(waiting) + 2 - at


@pytest.mark.single_node
def test_who_was_deleted_says_nothing_more_also_after_a_failed_commit(
    running: Running, kind: str, folder: Path
) -> None:
    engine = running.engine
    ann = engine.accounts.save(account("ann"))
    assert say(running, post("before")) == []
    engine.accounts.delete(ann)
    sentence = refusal_of(DELETED).sentence
    assert say(running, post("after")) == [f"after: {sentence}"]
    if kind == "sqlite":
        (folder / "chatroom.db").rename(folder / "elsewhere")
        assert len(say(running, post("cannot be kept"))) == 1
        (folder / "elsewhere").rename(folder / "chatroom.db")
    engine.controls.publish(Control(ControlKind.PURGE, ann.id))
    assert say(running, post("late")) == [f"late: {sentence}"]
    assert kept(engine) == ["before"]


@pytest.mark.sqlite
def test_a_sanction_of_another_process_holds_from_its_commit_on(
    start: Callable[[], Running],
) -> None:
    here, operator = start(), start()
    assert say(here, post("before")) == []
    imposed = operator.engine.sanctions.save(sanction(MUTE))
    assert say(here, post("after")) == [f"after: {refusal_of(MUTE).sentence}"]
    operator.engine.sanctions.lift(imposed.number)
    assert say(here, post("again")) == []


@pytest.mark.single_node
def test_a_store_of_before_says_of_its_old_numbers_what_it_knows(
    start: Callable[[], Running], folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    first = start()
    assert say(first, numbered(7), numbered(9)) == []
    first.engine.close()
    _make_old(folder, kind, request)
    second = start()
    told = say(second, numbered(9), numbered(8), numbered(10), numbered(10))
    sentence = FORGOTTEN.sentence
    assert sorted(told) == sorted([f"n9: {sentence}", f"n8: {sentence}", "n10: "])
    assert kept(second.engine) == ["n7", "n9", "n10"]


def _make_old(folder: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Turn the numbers of a store into what older versions have written."""
    if kind == "sqlite":
        db = sqlite3.connect(folder / "chatroom.db")
        db.executescript(
            f"{OLD_NUMBERS} {OLD_ROOMS} DROP TABLE epochs;"
            " DROP TABLE departed; PRAGMA user_version=6;"
        )
        db.close()
        return
    server = request.getfixturevalue("redis_server")
    client: Any = redis.Redis(port=server.port, db=server.databases)
    for key in client.scan_iter("*:numbers"):
        if key.startswith(b"{r"):
            for field, value in client.hgetall(key).items():
                if field.startswith(b"a:"):
                    client.hdel(key, field)
                else:
                    client.hset(key, field, b" ".join(value.split(b" ")[:2]))
    client.close()
