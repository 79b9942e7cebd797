"""What becomes of a post: kept, kept before, or refused; decided in the transaction."""

import sqlite3
from collections.abc import Callable

from chatroom.errors import Refusal
from chatroom.storage.keys.vault import Vault
from chatroom.storage.rules.numbers import Verdict
from chatroom.storage.rules.receipts import Receipt
from chatroom.storage.rules.refusals import FORGOTTEN, NO_ACCOUNT
from chatroom.storage.sqlite.post_bans import PostBans
from chatroom.storage.sqlite.sessions import Sessions


class Fates:
    """Decides inside the engine's transaction, in its thread only.

    :param copy_log: returns the id of the log of a copy, ``None`` when it takes no posts.
    """

    def __init__(
        self, vault: Vault, copy_log: Callable[[sqlite3.Connection, str], int | None]
    ) -> None:
        self._sessions = Sessions(vault)
        self._bans = PostBans(vault)
        self._copy_log = copy_log
        # What was decided of copies in this transaction, whichever log comes first.
        self._copies: dict[Receipt, Verdict | Refusal] = {}

    def begin(self, db: sqlite3.Connection) -> None:
        """Look who may not post, before any post of this transaction."""
        self._copies.clear()
        self._bans.look(db)

    def is_deleted(self, log: str) -> bool:
        """Tell whether a room was deleted."""
        return self._bans.is_deleted(log)

    def of(self, db: sqlite3.Connection, log_id: int, receipt: Receipt) -> Verdict | Refusal:
        """Decide what becomes of a post; a number is spent by what is kept alone."""
        if self._copies and receipt in self._copies:
            return self._copies[receipt]
        if (copy := receipt.copy) is not None:
            if copy not in self._copies:
                of_copy = self._copy_log(db, copy.post.log)
                fate = NO_ACCOUNT if of_copy is None else self.of(db, of_copy, copy)
                self._copies[copy] = fate
            of_both = self._copies[copy]
            if isinstance(of_both, Refusal):
                return of_both
        post = receipt.post
        found = self._sessions.find(db, log_id, post) if post.cid else None
        if found is not None:
            verdict = self._sessions.numbers(found[0]).verdict(found[1])
            if verdict is not Verdict.NEW:
                return FORGOTTEN if verdict is Verdict.UNKNOWN else verdict
        # Behind the look at the numbers: what is kept stays kept, whatever its sender did since.
        if (refusal := receipt.terms.refusal or self._bans.refusal(receipt)) is not None:
            return refusal
        if found is not None:
            self._sessions.keep(*found, post)
        return Verdict.NEW

    def save(self, db: sqlite3.Connection) -> None:
        """Write down which numbers were spent."""
        self._sessions.save(db)

    def failed(self) -> None:
        """Forget what was noted: the transaction failed."""
        self._sessions.forget()
        self._bans.forget()

    def trim(self) -> None:
        """Bound what memory keeps; after a commit."""
        self._sessions.trim()
