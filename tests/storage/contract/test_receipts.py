"""Receipts: whoever posts learns what has become of that one post, and of no other."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.errors import Code, Refusal, StoreError
from chatroom.storage.records import JOIN, MUTE, PRIVATE, Post, Sanction
from chatroom.storage.rules.receipts import ORDINARY, Outcome, Receipt, Terms
from chatroom.storage.rules.refusals import NO_ACCOUNT, refusal_of
from tests.harness import PATIENCE
from tests.storage.contract.conftest import Running, account, post


def posted(running: Running, one: Post, terms: Terms = ORDINARY) -> Receipt:
    receipt = running.engine.logs.append(one, None, terms)
    assert isinstance(receipt, Receipt)
    return receipt


def result(running: Running, one: Post, terms: Terms = ORDINARY) -> Outcome | Refusal | None:
    return posted(running, one, terms).wait(PATIENCE)


def test_what_is_committed_has_its_place_and_time(running: Running) -> None:
    engine = running.engine
    first, second = posted(running, post("one")), posted(running, post("two"))
    assert second.wait(PATIENCE) is first.wait(PATIENCE) is Outcome.COMMITTED
    (one, two) = engine.logs.read("lobby", 0, 9, 9)
    assert (first.post.seq, first.post.time) == (one.seq, one.time)
    assert (second.post.seq, second.post.epoch) == (two.seq, two.epoch) == (2, one.epoch)
    assert result(running, post("", kind=JOIN)) is Outcome.COMMITTED


def test_what_comes_again_is_repeated(running: Running) -> None:
    assert result(running, post("one", cid="aaaabbbb-1")) is Outcome.COMMITTED
    assert result(running, post("one", cid="aaaabbbb-1")) is Outcome.REPEATED
    assert [one.text for one in running.engine.logs.read("lobby", 0, 9, 9)] == ["one"]


def test_what_a_muted_person_says_is_refused_with_a_code(running: Running) -> None:
    engine, mute = running.engine, Sanction(MUTE, "id-ann", "ann", "boss", "", 0.0, 1e12)
    imposed = engine.sanctions.save(mute)
    refusal = result(running, post("said"))
    assert refusal == refusal_of(MUTE)
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.MUTED
    assert result(running, post("said"), Terms(despite_mute=True)) is Outcome.COMMITTED
    engine.sanctions.lift(imposed.number)
    why = Refusal(Code.NOT_INSIDE, "You have left that room.")
    assert result(running, post("said"), Terms(refusal=why)) == why


def test_what_was_kept_is_confirmed_whatever_would_be_said_against_it_now(running: Running) -> None:
    assert result(running, post("one", cid="aaaabbbb-1")) is Outcome.COMMITTED
    why = Refusal(Code.MUTED, "You were muted.")
    again = post("one", cid="aaaabbbb-1")
    assert result(running, again, Terms(refusal=why)) is Outcome.REPEATED


@pytest.mark.single_node
def test_what_the_store_cannot_keep_is_refused_and_may_be_posted_again(
    running: Running, kind: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    assert result(running, post("before")) is Outcome.COMMITTED
    with full_store(kind, folder, request):
        refusal = result(running, post("refused"))
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.NOT_KEPT
    while (again := result(running, post("again"))) is not Outcome.COMMITTED:
        assert isinstance(again, Refusal)
        assert again.code is Code.NOT_KEPT  # it is tried again after a pause
    assert [one.text for one in running.engine.logs.read("lobby", 0, 9, 9)] == ["before", "again"]


@contextlib.contextmanager
def full_store(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the store keep nothing more for a while."""
    if kind == "sqlite":
        (folder / "chatroom.db").rename(folder / "elsewhere")
        yield
        (folder / "elsewhere").rename(folder / "chatroom.db")
        return
    client: Any = request.getfixturevalue("redis_server").client
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


def test_what_comes_too_late_is_not_taken(running: Running) -> None:
    in_time = posted(running, post("in time"))
    running.engine.close_intake()
    with pytest.raises(StoreError):
        running.engine.logs.append(post("too late"))
    running.engine.close()
    assert in_time.result is Outcome.COMMITTED


def test_a_private_message_has_one_receipt_for_both_mailboxes(running: Running) -> None:
    engine = running.engine
    own = Post("@id-ann", PRIVATE, "id-ann", "ann", "psst", "aaaabbbb-1", "bob")
    assert result(running, own, Terms(copy_to="@id-bob")) is Outcome.COMMITTED
    bob = engine.accounts.save(account("bob"))
    engine.accounts.save(account("boss", 0))
    engine.accounts.delete(bob, box="@id-bob")
    engine.logs.drop("@id-bob")
    late = Post("@id-ann", PRIVATE, "id-ann", "ann", "late", "aaaabbbb-2", "bob")
    assert result(running, late, Terms(copy_to="@id-bob")) == NO_ACCOUNT
    assert [one.text for one in engine.logs.read("@id-ann", 0, 9, 9)] == ["psst"]


def test_a_post_is_settled_whatever_is_delivered_behind_it(running: Running) -> None:
    for log in ("lobby", "slow"):
        running.engine.logs.follow(log)
    gate = running.gates["slow"] = threading.Event()
    receipt, behind = posted(running, post("mine")), posted(running, post("other", log="slow"))
    more = [posted(running, post("x" * 1000, log="slow")) for _ in range(100)]
    assert receipt.wait(PATIENCE) is Outcome.COMMITTED
    assert behind.wait(0.0) is None  # who waits for everything waits for this one, too
    gate.set()
    assert {one.wait(PATIENCE) for one in (behind, *more)} == {Outcome.COMMITTED}
