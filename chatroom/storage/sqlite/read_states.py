"""Where people are, as sealed rows: SQL in, records out. No thread and no lock in here."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ReadState
from chatroom.storage.sqlite.store import Store

_AT_ONCE = 100


def load(db: sqlite3.Connection, vault: Vault, account_id: str) -> ReadState | None:
    """Return somebody's read state. :raises Damaged: the record does not open."""
    sealed = load_sealed(db, account_id)
    return codec.unseal_read_state(vault, account_id, sealed) if sealed is not None else None


def load_sealed(db: sqlite3.Connection, account_id: str) -> bytes | None:
    """Return what is kept of somebody's read state."""
    row = db.execute("SELECT sealed FROM places WHERE account=?", (account_id,)).fetchone()
    return row[0] if row else None


def load_some(db: sqlite3.Connection, after: str) -> list[tuple[str, bytes]]:
    """Return accounts with what is kept of their read states, from one id on, at most a few."""
    query = "SELECT account, sealed FROM places WHERE account > ? ORDER BY account LIMIT ?"
    return db.execute(query, (after, _AT_ONCE)).fetchall()


def swap(db: sqlite3.Connection, rows: Sequence[codec.ReadStateRow]) -> list[bool]:
    """Save read states that are still what they were, inside the caller's transaction; tell which.

    Where the account is gone nothing is kept, and that counts as done.
    """
    query = (
        "INSERT INTO places (account, sealed) SELECT ?1, ?2 "
        "WHERE EXISTS (SELECT 1 FROM accounts WHERE id=?1) "
        "ON CONFLICT DO UPDATE SET sealed=excluded.sealed WHERE sealed IS ?3"
    )
    is_there = "SELECT EXISTS (SELECT 1 FROM accounts WHERE id=?)"
    done = []
    for one in rows:
        is_done = db.execute(query, (one.account_id, one.sealed, one.was)).rowcount == 1
        done.append(is_done or not db.execute(is_there, (one.account_id,)).fetchone()[0])
    return done


class ReadStates:
    """The role ``read_states``; see ``engine.ReadStates``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vault = store.vault

    def load(self, account_id: str) -> ReadState | None:
        return self._store.read(lambda db: load(db, self._vault, account_id))

    def save(
        self, states: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        saved: dict[str, ReadState] = {}
        left = list(states)
        while left:
            found = [self._merge(one, states[one], bases.get(one)) for one in left]
            done = self._store.write(partial(swap, rows=found))
            saved |= {row.account_id: row.state for row, ok in zip(found, done, strict=True) if ok}
            left = [row.account_id for row, ok in zip(found, done, strict=True) if not ok]
        return saved

    def members(self, log: str) -> Iterator[str]:
        last = ""
        while rows := self._store.read(partial(load_some, after=last)):
            for account_id, sealed in rows:
                if codec.is_member(self._vault, account_id, sealed, log):
                    yield account_id
            last = rows[-1][0]

    def _merge(
        self, account_id: str, mine: ReadState, base: ReadState | None
    ) -> codec.ReadStateRow:
        was = self._store.read(lambda db: load_sealed(db, account_id))
        return codec.merge_read_state(self._vault, account_id, was, mine, base)
