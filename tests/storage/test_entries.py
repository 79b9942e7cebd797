"""What an entry of the store's stream has of a post."""

import json
import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import TEXT, Post
from chatroom.storage.redis import entries

VAULT = Vault({1: bytes(range(32))}, 1, b"i" * 32)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


@given(WORDS, WORDS)
@example('a"b\\c', "\x00\x1f\x7f\u2028\U0001f600")
def test_any_text_comes_back_and_is_a_list_as_other_versions_read_it(name: str, text: str) -> None:
    posts = [Post("lobby", TEXT, "id-ann", name, text, cid, "bob", 7, 1) for cid in ("", "c")]
    for post, sealed in zip(posts, entries.seal_each(VAULT, posts), strict=True):
        one = entries.Entry(b"1-1", 1, "id-ann", post.cid, post.time, sealed)
        assert entries.unseal(VAULT, "lobby", "", one) == post
        plain = VAULT.unseal(sealed, entries.context("lobby", "id-ann", post.cid))
        found = plain if plain[:1] == b"[" else zlib.decompress(plain)
        assert found.decode() == json.dumps(
            [TEXT, name, text, "bob", 7], ensure_ascii=False, separators=(",", ":")
        )
