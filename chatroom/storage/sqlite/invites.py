"""Invitations as sealed rows: SQL in, records out. No thread and no lock in here."""

import logging
import sqlite3
import time

from chatroom.errors import InviteSpent
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Audit, Invite
from chatroom.storage.rules.belief import WALL
from chatroom.storage.sqlite.store import Act, Store

_log = logging.getLogger(__name__)

_SELECT = "SELECT number, digest, uses, until, sealed FROM invites WHERE until>=? AND uses>0 "


def save(db: sqlite3.Connection, vault: Vault, invite: Invite) -> None:
    """Keep a new invitation, and forget those that do not hold any more."""
    db.execute("DELETE FROM invites WHERE until<? OR uses<1", (WALL.surely_over(),))
    db.execute(
        "INSERT INTO invites (digest, uses, until, sealed) VALUES (?,?,?,?)",
        (invite.digest, invite.uses, invite.until, codec.seal_invite(vault, invite)),
    )


def load(db: sqlite3.Connection, vault: Vault, digest: bytes) -> Invite | None:
    """Return the invitation with this digest, if it still holds; a damaged one does not."""
    row = db.execute(_SELECT + "AND digest=?", (time.time(), digest)).fetchone()
    return codec.unseal_invite(vault, row) if row else None


def load_all(db: sqlite3.Connection, vault: Vault) -> list[Invite]:
    """Return the invitations that hold and open, oldest first."""
    rows = db.execute(_SELECT + "ORDER BY number", (time.time(),)).fetchall()
    return [invite for row in rows if (invite := codec.unseal_invite(vault, row)) is not None]


def use(db: sqlite3.Connection, vault: Vault, digest: bytes) -> None:
    """Use an invitation once, inside the transaction that makes the account.

    :raises InviteSpent: it does not hold any more.
    """
    invite = load(db, vault, digest)
    if invite is None:
        raise InviteSpent
    left = Invite(invite.digest, invite.uses - 1, invite.until, invite.by)
    db.execute(
        "UPDATE invites SET uses=?, sealed=? WHERE digest=?",
        (left.uses, codec.seal_invite(vault, left), digest),
    )


def revoke(db: sqlite3.Connection, number: int) -> bool:
    """Take an invitation back; False when there is none of this number."""
    return db.execute("DELETE FROM invites WHERE number=?", (number,)).rowcount == 1


class InviteStore:
    """The role ``invites``; see ``engine.InviteStore``."""

    def __init__(self, store: Store, act: Act) -> None:
        self._store = store
        self._vault = store.vault
        self._act = act

    def save(self, invite: Invite, act: Audit | None = None) -> None:
        self._act(act, lambda db: save(db, self._vault, invite))

    def load(self, digest: bytes) -> Invite | None:
        return self._store.read(lambda db: load(db, self._vault, digest))

    def load_all(self) -> list[Invite]:
        return self._store.read(lambda db: load_all(db, self._vault))

    def revoke(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda db: revoke(db, number))
