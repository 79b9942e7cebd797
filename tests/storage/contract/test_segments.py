"""Segments: what is packed comes back, in few bytes."""

import random
import string

import pytest

from chatroom.storage import segments
from chatroom.storage.records import ACTION, PRIVATE, REMOVED, TEXT, Post

pytestmark = pytest.mark.sqlite

PAGE_BYTES = 4096
SEAL_BYTES = 42


def burst(number: int, seed: int = 1) -> list[Post]:
    """Return messages of 64 letters by as many people, as one commit has them."""
    chance = random.Random(seed)
    return [
        Post(
            "lobby",
            TEXT,
            f"{who:032x}",
            f"person{who}",
            "".join(chance.choices(string.ascii_lowercase, k=64)),
            f"{who:08x}-{chance.randrange(1000)}",
            seq=who + 1,
            epoch="e",
            time=1700000000.123,
        )
        for who in range(number)
    ]


@pytest.mark.parametrize("pack", [segments.pack, segments.pack_small])
@pytest.mark.parametrize("number", [1, 2, 16, 300])
def test_what_is_packed_comes_back(pack: object, number: int) -> None:
    assert callable(pack)
    posts = burst(number)
    posts[-1].kind, posts[-1].cid = ACTION, ""
    assert segments.unpack(pack(posts), "lobby", 1, "e") == posts


def test_times_recipients_and_what_was_removed_come_back() -> None:
    posts = burst(3)
    posts[0].text = "two\nlines \u00e9 \U0001f600"
    posts[1].kind, posts[1].to = PRIVATE, "bob"
    posts[2].kind, posts[2].ref = REMOVED, 7
    for late, post in enumerate(posts):
        post.time += late * 3600.5
    assert segments.unpack(segments.pack(posts), "lobby", 1, "e") == posts


def test_two_bursts_of_sixteen_share_a_page() -> None:
    # Random letters are the worst case: nothing in the texts can be left out.
    assert 2 * (len(segments.pack(burst(16))) + SEAL_BYTES + 40) < PAGE_BYTES
