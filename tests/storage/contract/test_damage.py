"""One flipped bit in every kind of record: it is told which, and all others are still right."""

import contextlib
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from chatroom.errors import Damaged, StoreError, VaultError
from chatroom.storage.keys.vault import open_vault
from chatroom.storage.records import KICK, Audit, ReadState, RoomRecord, Sanction, Ticket
from chatroom.storage.sqlite import SqliteEngine, schema
from tests.storage.contract.conftest import Running, account, post

pytestmark = pytest.mark.sqlite

BITS = 12
"""Bits that are flipped of each record, one at a time; the first and the last are among them."""
LATER = time.time() + 3600
TICKETS = [Ticket(bytes([n]) * 32, f"id-{name}", LATER) for n, name in enumerate(("ann", "bob"))]


@pytest.fixture
def store(folder: Path) -> Path:
    """A store with two records of every kind; the first one is for ann, the second for bob."""
    running = Running(folder, SqliteEngine)
    engine = running.engine
    for name in ("ann", "bob"):
        engine.accounts.save(account(name))
        engine.rooms.save(RoomRecord(f"of-{name}", f"id-{name}", f"topic of {name}"))
        engine.read_states.save({f"id-{name}": ReadState({"lobby": 1}, f"of-{name}", 1.0)})
        engine.audit.write(Audit(1.0, name, f"done by {name}"))
        engine.logs.append(post(f"said by {name}"))
        running.settle()
    for name in ("ann", "bob"):
        engine.sanctions.save(Sanction(KICK, f"id-{name}", name, "boss", f"for {name}", 1.0, LATER))
    for ticket in TICKETS:
        engine.tickets.save([ticket])
    engine.close()
    return folder


def flips(size: int) -> list[int]:
    dice = random.Random(size)
    return [0, size * 8 - 1, *(dice.randrange(size * 8) for _ in range(BITS - 2))]


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@contextmanager
def damaged(store: Path, table: str, column: str = "sealed") -> Iterator[list[bytes]]:
    """Yield variants of the first row's column; the store is put back afterwards."""
    db = sqlite3.connect(store / "chatroom.db", isolation_level=None)
    order = {"places": "account", "tickets": "digest"}.get(table, "rowid")
    where = f"{order} = (SELECT min({order}) FROM {table})"
    (whole,) = db.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
    db.close()
    yield [flipped(whole, bit) for bit in flips(len(whole))]


def put(store: Path, table: str, content: bytes, column: str = "sealed") -> None:
    db = sqlite3.connect(store / "chatroom.db", isolation_level=None)
    order = {"places": "account", "tickets": "digest"}.get(table, "rowid")
    changed = db.execute(
        f"UPDATE {table} SET {column}=? WHERE {order} = (SELECT min({order}) FROM {table})",
        (content,),
    )
    assert changed.rowcount == 1
    db.close()


def see_account(engine: SqliteEngine) -> None:
    with pytest.raises(Damaged, match="account id-ann 1"):
        engine.accounts.load("ann")
    with pytest.raises(Damaged, match="account id-ann 1"):
        engine.accounts.load_by_id("id-ann")
    assert [a.name for a in engine.accounts.load_all()] == ["bob"]
    assert engine.accounts.load("bob") is not None


def see_kick(engine: SqliteEngine) -> None:
    ann, bob = engine.sanctions.load()
    assert (ann.target, ann.by, ann.reason) == ("id-ann", "?", "the record is damaged")
    assert (bob.by, bob.reason) == ("boss", "for bob")


def see_segment(engine: SqliteEngine) -> None:
    assert [(p.seq, p.text) for p in engine.logs.read("lobby", 0, 9, 9)] == [(2, "said by bob")]
    assert engine.logs.span("lobby").last == 2


def see_room(engine: SqliteEngine) -> None:
    assert [(room.name, room.topic) for room in engine.rooms.load_all()] == [
        ("of-bob", "topic of bob")
    ]


def see_places(engine: SqliteEngine) -> None:
    with pytest.raises(Damaged, match="places id-ann"):
        engine.read_states.load("id-ann")
    bob = engine.read_states.load("id-bob")
    assert bob is not None
    assert bob.room == "of-bob"


def see_ticket(engine: SqliteEngine) -> None:
    assert engine.tickets.load(TICKETS[0].digest) is None
    assert engine.tickets.load(TICKETS[1].digest) == TICKETS[1]


def see_audit(engine: SqliteEngine) -> None:
    assert [(entry.by, entry.act) for entry in engine.audit.load(9)] == [("bob", "done by bob")]


@pytest.mark.parametrize(
    ("table", "see", "named"),
    [
        ("accounts", see_account, "account damaged id=id-ann"),
        ("sanctions", see_kick, "kick damaged target=id-ann"),
        ("segments", see_segment, "messages damaged log=1 first=1 last=1"),
        ("rooms", see_room, "room damaged key="),
        ("places", see_places, ""),
        ("tickets", see_ticket, "ticket damaged account=id-ann"),
        ("audit", see_audit, "audit damaged seq=1"),
    ],
)
def test_a_flipped_bit_is_told_and_the_other_records_are_right(
    store: Path,
    table: str,
    see: Callable[[SqliteEngine], None],
    named: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with damaged(store, table) as variants:
        for variant in variants:
            put(store, table, variant)
            caplog.clear()
            logging.getLogger("chatroom").propagate = True
            engine = SqliteEngine(store)
            try:
                see(engine)
            finally:
                engine.close()
            assert named in caplog.text


def test_a_ticket_cannot_be_given_to_somebody_else_or_made_longer_on_the_disk(store: Path) -> None:
    for change in ("account='id-bob'", f"until={LATER + 99}"):
        db = sqlite3.connect(store / "chatroom.db", isolation_level=None)
        db.execute(f"UPDATE tickets SET {change}")
        db.close()
        engine = SqliteEngine(store)
        assert engine.tickets.load(TICKETS[0].digest) is None
        engine.close()


def test_posting_goes_on_behind_a_damaged_segment(store: Path) -> None:
    with damaged(store, "segments") as variants:
        put(store, "segments", variants[0])
    running = Running(store, SqliteEngine)
    running.engine.logs.append(replace(post("three"), sender_id="id-eve"))  # ann was kicked
    running.settle()
    assert [p.seq for p in running.engine.logs.read("lobby", 0, 9, 9)] == [2, 3]
    running.engine.close()


def test_a_flipped_bit_in_the_store_s_own_seal_is_told(store: Path) -> None:
    db = sqlite3.connect(store / "chatroom.db", isolation_level=None)
    (seal,) = db.execute("SELECT value FROM meta WHERE key='seal'").fetchone()
    for bit in flips(len(seal)):
        db.execute("UPDATE meta SET value=? WHERE key='seal'", (flipped(seal, bit),))
        with pytest.raises(StoreError, match="keyring does not belong to the store"):
            SqliteEngine(store)
    db.close()


@pytest.mark.parametrize("name", ["keyring", "master.key"])
def test_a_flipped_bit_in_the_keys_is_told(store: Path, name: str) -> None:
    file = store / name
    whole = file.read_bytes()
    size = len(whole) - (name == "master.key")  # behind the secret is the end of the line
    for bit in flips(size):
        file.write_bytes(flipped(whole, bit))
        with pytest.raises(VaultError, match=r"keyring does not open|holds no secret"):
            open_vault(store, store_exists=True)
    file.write_bytes(whole)
    open_vault(store, store_exists=True)


# -- pages -----------------------------------------------------------------------------------

LATE = ("segments", "segments_place", "numbers", "numbers_account")
"""Tables and an index that grow with the history: when it is long, they are not looked through."""


def roots(store: Path) -> dict[str, int]:
    """Return the first page of every table and index; 2 is SQLite's own map of the pages."""
    db = sqlite3.connect(store / "chatroom.db")
    found = dict(db.execute("SELECT name, rootpage FROM sqlite_master"))
    db.close()
    assert sorted(found.values()) == list(range(3, 3 + len(found)))
    return {**found, "map": 2}


def spoil(store: Path, page: int) -> None:
    file = store / "chatroom.db"
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    file.write_bytes(content)


@pytest.mark.parametrize("is_long", [False, True], ids=["short history", "long history"])
def test_a_damaged_page_is_told_at_the_start(
    store: Path, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
    if is_long:
        monkeypatch.setattr(schema, "_CHECKED_WHOLE", 0)
    whole = (store / "chatroom.db").read_bytes()
    for name, page in roots(store).items():
        if is_long and name in (*LATE, "map"):
            continue
        spoil(store, page)
        with pytest.raises(StoreError, match=r"chatroom\.db cannot be used"):
            SqliteEngine(store)
        for file in store.glob("chatroom.db*"):
            file.unlink()
        (store / "chatroom.db").write_bytes(whole)


@pytest.mark.parametrize("name", [*LATE, "map"])
def test_a_damaged_page_of_the_history_gives_no_wrong_text_and_no_false_word(
    store: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(schema, "_CHECKED_WHOLE", 0)  # a long history
    spoil(store, roots(store)[name])
    running = Running(store, SqliteEngine)
    engine = running.engine
    assert [a.name for a in engine.accounts.load_all()] == ["ann", "bob"]
    try:
        texts = [p.text for p in engine.logs.read("lobby", 0, 9, 9)]
    except StoreError:
        texts = []
    assert texts in ([], ["said by ann", "said by bob"])
    with contextlib.suppress(StoreError):
        engine.logs.follow("lobby")
    engine.logs.append(post("three", cid="aaaabbbb-1"))
    running.settle()
    told = [p.text for p in running.posts]
    refused = [p.text for posts, why in running.returned.queue for p in posts if why]
    assert told + refused == ["three"]
    engine.close()
