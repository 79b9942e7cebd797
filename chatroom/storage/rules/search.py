"""What a search looks for: first in the bytes of a whole segment, then in each of its posts."""

import re
import sys
import unicodedata
from functools import cache

from chatroom.storage.records import REMOVED, Post, SearchQuery
from chatroom.text import JOINERS

# In the JSON of a segment these characters of a text look different.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')


@cache
def _marks() -> re.Pattern[str]:
    found = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.combining(chr(c))]
    return re.compile(f"[{''.join([*found, *sorted(JOINERS)])}]+")


def fold(text: str) -> str:
    """Return a text as searches compare it: without accents, compatibility forms and case.

    Nor do the joiners inside words count, which older messages were kept without.
    """
    if text.isascii():
        return text.lower()
    return _marks().sub("", unicodedata.normalize("NFKD", text).casefold())


class Search:
    """One search. Any thread may use it.

    :param wanted: what must hold.
    """

    def __init__(self, wanted: SearchQuery) -> None:
        self._wanted = wanted
        self._words = [folded for word in wanted.words if (folded := fold(word))]
        self._pieces = [p for word in self._words for p in _ESCAPED.split(word) if p]
        # None: there is a piece that no ASCII text holds.
        self._ascii_pieces: list[bytes] | None = None
        if all(piece.isascii() for piece in self._pieces):
            self._ascii_pieces = [piece.encode() for piece in self._pieces]
        self._ids = wanted.sender_id.encode(), wanted.private_id.encode()

    def may_be_in(self, plain: bytes) -> bool:
        """Tell whether a post in this JSON of a segment may be wanted; False is certain."""
        if any(one not in plain for one in self._ids):
            return False
        if plain.isascii():
            if self._ascii_pieces is None:
                return False
            lowered = plain.lower()
            return all(piece in lowered for piece in self._ascii_pieces)
        folded = fold(plain.decode())
        return all(piece in folded for piece in self._pieces)

    def is_wanted(self, post: Post) -> bool:
        """Tell whether a post is wanted."""
        wanted = self._wanted
        if wanted.private_id and post.private_id != wanted.private_id:
            return False
        if post.kind == REMOVED and not (wanted.private_id and post.ref == post.seq):
            return False
        if post.time < wanted.since or post.sender_id in wanted.without:
            return False
        if wanted.upto and post.seq > wanted.upto:
            return False
        if wanted.sender_id and post.sender_id != wanted.sender_id:
            return False
        folded = fold(post.text)
        return all(word in folded for word in self._words)
