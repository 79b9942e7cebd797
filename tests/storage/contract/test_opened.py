"""Those who come back read the same messages: each seal is opened for the first of them."""

from dataclasses import replace

import pytest

from chatroom.storage.keys.opened import Opened
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Post
from tests.storage.contract.conftest import Running, post

MANY = 600
"""More than memory keeps of a log that is followed, each in a seal of its own."""


def test_what_one_has_read_is_not_opened_again_for_the_next_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    unseal = Vault.unseal

    def counted(vault: Vault, sealed: bytes, context: str) -> bytes:
        opened.append(context)
        return unseal(vault, sealed, context)

    for number in range(MANY):
        running.engine.logs.append(post(f"number {number}"))
        running.settle()
    monkeypatch.setattr(Vault, "unseal", counted)
    first = running.engine.logs.read("lobby", 0, MANY, MANY)
    assert [one.text for one in first] == [f"number {number}" for number in range(MANY)]
    opened.clear()
    assert running.engine.logs.read("lobby", 0, MANY, MANY) == first
    assert not opened


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    def of(text: str) -> list[Post]:
        return [replace(post(text), seq=1)]

    opened = Opened(most=5_000)
    for key in "abc":
        opened.keep(key, of(key))
    assert opened.get("a") == of("a")
    opened.keep("long", of("x" * 3_000))  # there is room for one more beside it
    assert [key for key in ("a", "b", "c", "long") if opened.get(key)] == ["a", "long"]
    opened.forget("long")
    opened.forget("never kept")
    for key in "defg":
        opened.keep(key, of(key))
    assert [key for key in "adefg" if opened.get(key)] == list("adefg")
    opened.keep("too long", of("x" * 9_000))
    assert [key for key in ("a", "g", "too long") if opened.get(key)] == []
