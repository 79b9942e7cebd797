"""Which names look alike, as rows: no new name may look like one that is here.

A skeleton is kept as a keyed hash, as the names are. New ones have the rank 0, and (skeleton, rank)
is unique: of two that come at the same moment one wins. Names that were here before this rule
may look alike, and stay: the later ones have other ranks.
"""

import sqlite3

from chatroom.errors import Lookalike
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault


def claim(db: sqlite3.Connection, vault: Vault, kind: str, name: str, owner: str = "") -> None:
    """Keep how a new name looks, inside the caller's transaction.

    :param owner: account id, by which :func:`forget` finds it again.
    :raises Lookalike: a name that is here looks like it.
    """
    _claim(db, codec.lookalike_keys(vault, kind, name), name, owner)


def rename(db: sqlite3.Connection, vault: Vault, kind: str, before: str, after: str) -> None:
    """Keep how the new name of a room looks instead of the old one; they may look alike.

    :raises Lookalike: the name of another one looks like it.
    """
    old, new = (codec.lookalike_keys(vault, kind, name) for name in (before, after))
    _claim(db, [key for key in new if key not in old], after, "")
    _release(db, [key for key in old if key not in new])


def _claim(db: sqlite3.Connection, keys: list[bytes], name: str, owner: str) -> None:
    for key in keys:
        if _others(db, key):
            raise Lookalike(name)
        db.execute("INSERT INTO skeletons (skeleton, rank, owner) VALUES (?,0,?)", (key, owner))


def check(db: sqlite3.Connection, vault: Vault, kind: str, name: str) -> None:
    """Look whether a new name looks like one that is here. :raises Lookalike: it does."""
    if any(_others(db, key) for key in codec.lookalike_keys(vault, kind, name)):
        raise Lookalike(name)


def admit(db: sqlite3.Connection, vault: Vault, kind: str, name: str, owner: str = "") -> None:
    """Keep how an old name looks, also when another one looks like it."""
    for key in codec.lookalike_keys(vault, kind, name):
        db.execute(
            "INSERT INTO skeletons (skeleton, rank, owner) VALUES (?,?,?)",
            (key, _others(db, key), owner),
        )


def forget(db: sqlite3.Connection, account_id: str) -> None:
    """Let others have names that look like the one of an account that goes."""
    db.execute("DELETE FROM skeletons WHERE owner=?", (account_id,))


def release(db: sqlite3.Connection, vault: Vault, kind: str, name: str) -> None:
    """Let others have names that look like the one of a room that goes."""
    _release(db, codec.lookalike_keys(vault, kind, name))


def _release(db: sqlite3.Connection, keys: list[bytes]) -> None:
    for key in keys:
        last = "rank=(SELECT max(rank) FROM skeletons WHERE skeleton=?1)"
        db.execute(f"DELETE FROM skeletons WHERE skeleton=?1 AND owner='' AND {last}", (key,))


def _others(db: sqlite3.Connection, key: bytes) -> int:
    """Return a rank that is free behind those that are there; 0: there is none."""
    (rank,) = db.execute(
        "SELECT coalesce(max(rank) + 1, 0) FROM skeletons WHERE skeleton=?", (key,)
    ).fetchone()
    return int(rank)
