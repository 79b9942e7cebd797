"""Private messages in the store: one id for both mailboxes, and older versions read them, too."""

import json
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatroom.storage import segments
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import NOTICE, PRIVATE, REMOVED, TEXT, Post, SearchQuery
from chatroom.storage.redis import entries
from chatroom.storage.rules import private_ids
from chatroom.storage.rules.receipts import Outcome, Terms
from chatroom.storage.sqlite.opening import STORE_FILE
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running

VAULT = Vault({1: bytes(range(32))}, 1, b"i" * 32)
ANN, BOB = "@id-ann", "@id-bob"


def letter(text: str, cid: str = "") -> Post:
    both = private_ids.new_id("id-ann", cid)
    return Post(ANN, PRIVATE, "id-ann", "ann", text, cid, "bob", to_id="id-bob", private_id=both)


def send(running: Running, *texts: str) -> list[Post]:
    """Send private messages to bob, one commit for each; return the sender's copies."""
    sent = [letter(text) for text in texts]
    for one in sent:
        receipt = running.engine.logs.append(one, None, Terms(copy_to=BOB))
        assert receipt.wait(PATIENCE) is Outcome.COMMITTED
    return sent


def read(engine: Any, log: str) -> list[Post]:
    return list(engine.logs.read(log, 0, 99, 99))


def test_both_copies_have_one_id_and_know_the_recipients_account(
    start: Callable[[], Running],
) -> None:
    running = start()
    running.engine.logs.follow(BOB)
    sent = send(running, "one", "two")
    ids = [one.private_id for one in sent]
    assert len(set(ids)) == 2
    assert all(private_ids.FORM.match(one) for one in ids)
    running.engine.close()
    again = start().engine
    for log in (ANN, BOB):
        kept = read(again, log)
        assert [(post.text, post.private_id, post.to_id) for post in kept] == [
            ("one", ids[0], "id-bob"),
            ("two", ids[1], "id-bob"),
        ]
    assert [post.private_id for post in running.posts if post.log == BOB] == ids


def test_a_private_notice_keeps_what_it_is_its_id_and_its_recipient(
    start: Callable[[], Running],
) -> None:
    running = start()
    sent = letter("beep")
    sent.kind = NOTICE
    receipt = running.engine.logs.append(sent, None, Terms(copy_to=BOB))
    assert receipt.wait(PATIENCE) is Outcome.COMMITTED
    running.engine.close()
    again = start().engine
    for log in (ANN, BOB):
        [kept] = read(again, log)
        assert (kept.kind, kept.text, kept.to) == (NOTICE, "beep", "bob")
        assert (kept.private_id, kept.to_id) == (sent.private_id, "id-bob")


def test_an_erased_private_message_keeps_its_id_and_nothing_of_its_text(
    start: Callable[[], Running],
) -> None:
    running = start()
    one, two = send(running, "secret", "other")
    for log in (ANN, BOB):
        assert running.engine.logs.erase(log, "id-ann", 1) == 1
    running.engine.close()
    again = start().engine
    for log in (ANN, BOB):
        gone, kept = read(again, log)
        assert (gone.kind, gone.text, gone.to, gone.ref) == (REMOVED, "", "", 1)
        assert (gone.private_id, gone.to_id) == (one.private_id, "id-bob")
        assert (kept.text, kept.private_id) == ("other", two.private_id)


def test_one_is_found_by_its_id_in_either_mailbox_also_when_it_is_empty(running: Running) -> None:
    sent = send(running, *(f"number {n}" for n in range(5)))
    logs, which = running.engine.logs, sent[2].private_id

    def found(log: str, sender_id: str = "") -> list[tuple[int, str]]:
        wanted = SearchQuery((), sender_id, private_id=which)
        return [(post.seq, post.text) for post in logs.search(log, wanted, 9)]

    assert found(ANN) == found(BOB) == found(BOB, "id-ann") == [(3, "number 2")]
    assert found("@id-eve") == found(BOB, "id-bob") == []
    assert logs.erase(ANN, "id-ann", 3) == 1
    assert logs.append(Post(ANN, REMOVED, "id-ann", "ann", ref=3, private_id=which))
    running.settle()
    assert found(ANN) == [(3, "")]
    assert found(BOB) == [(3, "number 2")]


def test_one_of_many_is_found_by_its_id(running: Running) -> None:
    sent = [letter(f"number {n}", f"abcdefgh-{n + 1}") for n in range(600)]
    for one in sent:
        assert running.engine.logs.append(one, None, Terms(copy_to=BOB))
    running.settle()
    for one in (sent[3], sent[599]):
        for _ in range(2):  # also when what is said to be there was put together by the first
            wanted = SearchQuery((), private_id=one.private_id)
            assert [p.text for p in running.engine.logs.search(BOB, wanted, 1)] == [one.text]


@pytest.mark.sqlite
def test_segments_that_are_joined_keep_the_ids(start: Callable[[], Running], folder: Path) -> None:
    running = start()
    sent = send(running, *(f"number {n}" for n in range(40)))
    running.engine.upkeep.look(time.time() + 3600, 1)
    with closing(sqlite3.connect(folder / STORE_FILE)) as db:
        assert db.execute("SELECT count(*) FROM segments").fetchone() == (2,)
    running.engine.close()
    for log in (ANN, BOB):
        found = [post.private_id for post in read(start().engine, log)]
        assert found == [one.private_id for one in sent]


def test_who_sends_again_under_its_client_id_gives_the_same_id() -> None:
    assert private_ids.new_id("id-ann", "abcdefgh-1") == private_ids.new_id("id-ann", "abcdefgh-1")
    others = {private_ids.new_id(who, cid) for who in ("a", "b") for cid in ("abcdefgh-1", "x-1")}
    assert len(others) == 4
    assert private_ids.new_id("id-ann", "x-1") != private_ids.new_id("id-ann", "x-1")


def test_a_message_of_an_older_version_has_the_id_that_its_client_id_gives() -> None:
    old = Post(ANN, PRIVATE, "id-ann", "ann", "hello", "abcdefgh-1", "bob")
    assert private_ids.private_id(old) == private_ids.new_id("id-ann", "abcdefgh-1")
    assert private_ids.private_id(replace(old, log=BOB)) == private_ids.private_id(old)
    assert private_ids.private_id(replace(old, cid="")) == ""
    assert private_ids.private_id(replace(old, kind=TEXT)) == ""


# -- what the version before reads -------------------------------------------------------------


def read_before(packed: bytes) -> list[tuple[str, str, str, str]]:
    """Read a segment as the code before did."""
    plain = packed if packed[:1] == b"[" else zlib.decompress(packed)
    _, people, who, texts, times, rest = json.loads(plain)
    posts = []
    for number, text, _ in zip(who, texts, times or [0] * len(who), strict=True):
        sender_id, sender = people[number]
        posts.append([sender_id, sender, text, ""])
    for at, _, _, to, _ in rest:
        posts[at][3] = to
    return [tuple(post) for post in posts]


@pytest.mark.parametrize("pack", [segments.pack, segments.pack_small])
@pytest.mark.parametrize("number", [1, 3, 40])
def test_a_segment_comes_back_and_is_read_by_the_version_before(pack: Any, number: int) -> None:
    posts = [replace(letter(f"text {n}"), seq=n + 1, time=1700000000.5) for n in range(number)]
    packed = pack(posts)
    assert segments.unpack(packed, ANN, 1) == posts
    assert segments.unpack(segments.plain(packed), ANN, 1) == posts
    assert read_before(packed) == [("id-ann", "ann", post.text, "bob") for post in posts]


@pytest.mark.parametrize("text", ["short", "long " * 200])
def test_an_entry_comes_back_and_is_read_by_the_version_before(text: str) -> None:
    post = replace(letter(text), seq=5, time=1.0)
    sealed = entries.seal(VAULT, post, "")
    one = entries.Entry(b"5-1", 5, "id-ann", "", 1.0, sealed)
    assert entries.unseal(VAULT, ANN, "", one) == post
    plain = VAULT.unseal(sealed, entries.context(ANN, "id-ann", ""))
    five = json.loads(plain if plain[:1] == b"[" else zlib.decompress(plain))
    assert five == [PRIVATE, "ann", text, "bob", 0]
    before = json.dumps(five).encode()
    for old in (before, zlib.compress(before)):
        resealed = VAULT.seal(old, entries.context(ANN, "id-ann", ""))
        found = entries.unseal(VAULT, ANN, "", replace(one, sealed=resealed))
        assert found == replace(post, to_id="", private_id="")
