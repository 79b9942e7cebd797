"""A store that was made by older code opens: all is there, and people come in as they left."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from chatroom.errors import NameTaken
from chatroom.storage.records import TEXT, Post, RoomRecord, SearchQuery
from chatroom.storage.redis.engine import RedisEngine
from chatroom.storage.sqlite import SqliteEngine
from tests.conftest import StartServer
from tests.data.old_store.make import CODE, HERE, load
from tests.harness import PASSWORD, PATIENCE, ServerProcess
from tests.redis_server import RedisServer

pytestmark = pytest.mark.sqlite  # Redis is among them; once is enough

Told = dict[str, Any]

OLD_PRIVATE = ("you saw this", "you did not see this")
"""What ann has written to bob."""


class OldStore:
    """A copy of the old store of one engine, and what the old code said is in it."""

    def __init__(self, kind: str, data_dir: Path, redis_server: RedisServer) -> None:
        self.told: Told = json.loads((HERE / f"{kind}.json").read_text("utf-8"))
        self.data_dir = data_dir
        data_dir.mkdir(mode=0o700)
        for file in (HERE / kind).iterdir():
            shutil.copyfile(file, data_dir / file.name)
            (data_dir / file.name).chmod(0o600)
        self.url = ""
        if kind == "redis":
            self.url = redis_server.fresh()
            with redis.Redis.from_url(self.url) as client:
                load(client, HERE / "redis-keys.jsonl")

    def open(self) -> Any:
        """Return today's engine on it."""
        return RedisEngine(self.data_dir, self.url) if self.url else SqliteEngine(self.data_dir)

    def id_of(self, name: str) -> str:
        """Return the id of an account."""
        return str(next(one["id"] for one in self.told["accounts"] if one["name"] == name))


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> OldStore:
    (tmp_path / "one").mkdir()
    return OldStore(request.param, tmp_path / "one" / "data", redis_server)


@pytest.fixture
def engine(store: OldStore) -> Iterator[Any]:
    engine = store.open()
    engine.start(lambda *_: None, lambda *_: None, lambda *_: None)
    yield engine
    engine.close()


def same(found: Any, told: Any) -> bool:
    """Tell whether a record is what the old code told, as far as it told it."""
    fields = json.loads(json.dumps(asdict(found), default=bytes.hex))
    return bool({name: fields[name] for name in told} == told)


def all_same(found: Any, told: list[Told]) -> bool:
    return all(same(one, other) for one, other in zip(found, told, strict=True))


def test_all_accounts_rooms_and_what_hangs_on_them_are_there(store: OldStore, engine: Any) -> None:
    told = store.told
    assert all_same(engine.accounts.load_all(), told["accounts"])
    assert engine.accounts.load("gone") is None
    assert all_same(engine.accounts.departed("gone", ""), told["departed"])
    assert all_same(engine.rooms.load_all(), told["rooms"])
    for account_id, read_state in told["read_states"].items():
        assert same(engine.read_states.load(account_id), read_state)
    for ticket in told["tickets"]:
        assert same(engine.tickets.load(bytes.fromhex(ticket["digest"])), ticket)


def test_all_invitations_sanctions_and_the_audit_trail_are_there(
    store: OldStore, engine: Any
) -> None:
    told = store.told
    assert all_same(engine.invites.load_all(), told["invites"])
    assert all_same(engine.sanctions.load(), told["sanctions"])
    assert len(told["sanctions"]) == 4
    assert all_same(engine.audit.load(100), told["audit"])


def test_every_message_is_read_and_found_in_its_log(store: OldStore, engine: Any) -> None:
    logs: dict[str, list[Told]] = {}
    for post in store.told["posts"]:
        logs.setdefault(post["log"], []).append(post)
    assert len(logs) == 5  # three rooms, two mailboxes
    for log, posts in logs.items():
        assert all_same(engine.logs.read(log, 0, 1000, 1000), posts)
    (found,) = engine.logs.search("lobby", SearchQuery(("grusse",)), 10)
    assert found.text == "Grüße, ann — שלום"
    assert not engine.logs.search("lobby", SearchQuery(("nobody has to",)), 10)
    assert len(engine.logs.search("dev", SearchQuery((), store.id_of("ann")), 100)) == 30


def test_a_log_goes_on_where_it_ended(store: OldStore, engine: Any) -> None:
    last = engine.logs.span("den").last
    engine.logs.append(Post("den", TEXT, store.id_of("ann"), "ann", "and on it goes"))
    assert engine.settle(PATIENCE)
    (post,) = engine.logs.read("den", last, last + 1, 10)
    assert (post.seq, post.text) == (last + 1, "and on it goes")


def test_a_room_is_renamed_and_keeps_its_log_and_its_first_name(engine: Any) -> None:
    dev = next(room for room in engine.rooms.load_all() if room.name == "dev")
    last = engine.logs.span("dev").last
    assert dev.log == "dev"
    renamed = engine.rooms.save(replace(dev, id=dev.log, name="workshop"))
    assert renamed in engine.rooms.load_all()
    assert engine.logs.span(renamed.log).last == last
    for name in ("Dev", "Workshop", "den"):
        with pytest.raises(NameTaken):
            engine.rooms.save(RoomRecord(name, "", id="!new"))
    assert engine.rooms.save(replace(renamed, name="dev")).log == "dev"
    engine.rooms.save(RoomRecord("workshop", "", id="!new"))


@pytest.fixture
def server(store: OldStore, start_server: StartServer) -> ServerProcess:
    return start_server(engine=store.url, keep_days=0, reserve_days=3650, registration="invite")


def test_people_come_in_by_password_ticket_and_invitation(
    store: OldStore, server: ServerProcess
) -> None:
    bob = server.peer()
    bob.send("n", "bob", PASSWORD)
    shown = bob.until("Here now")
    assert "Welcome, bob" in shown
    bob.send("/mail 1", "/history 3", "/search wave")
    bob.until("you did not see this")
    bob.until("bob has missed this")
    ann = server.program_start()
    ann.send_event("resume", ticket=store.told["ticket"], cursors={})
    welcome = ann.until_event("notice", kind="welcome")
    assert (welcome["user"], welcome["rooms"]) == ("ann", ["lobby", "dev", "den"])
    ann.send_event("post", text="here again", room="den")
    bob.until("ann: here again")
    ivy = server.program_start()
    ivy.send_event("register", name="ivy", password=PASSWORD, code=CODE)
    ivy.until_event("notice", kind="welcome")


def test_who_was_banned_kicked_muted_or_busy_is_so_still(server: ServerProcess) -> None:
    for name, sentence in (("ben", "You were banned by boss"), ("kit", "You were kicked by boss")):
        peer = server.peer()
        peer.send("n", name, PASSWORD)
        assert sentence in peer.until_end()
    mia = server.join("mia")
    mia.send("can you hear me")
    mia.until("You were muted by boss: too loud")
    zoe = server.peer()
    zoe.send("n", "Zoë", PASSWORD, "/bans", "/viewusers")
    zoe.until("192.0.2.0/24")
    zoe.until("lunch")


def test_old_private_messages_are_shown_by_name_and_removed_in_both_mailboxes(
    server: ServerProcess,
) -> None:
    bob = server.join("bob")
    ann = server.program_start()
    ann.send_event("login", name="ann", password=PASSWORD)
    ann.until_event("notice", kind="here")
    ann.send_event("command", name="history", args={"with": "bob"}, cid="h")
    ids = [ann.until_event("message", re="h", text=text)["id"] for text in OLD_PRIVATE]
    shown = bob.answer_to("/history with ann")
    assert all(f"private from ann: {text}" in shown for text in OLD_PRIVATE)
    ann.send_event("command", name="delete", args={"id": ids[0]}, cid="d")
    assert "both mailboxes" in ann.until_event("result", cid="d", ok=True)["text"]
    bob.until_match(r"ann removed message \d+\.")
    shown = bob.answer_to("/history with ann")
    assert [text in shown for text in OLD_PRIVATE] == [False, True]
