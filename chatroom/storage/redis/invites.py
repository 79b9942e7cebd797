"""Invitations, as fields of a hash, in one slot, ``{c}``."""

import time
from dataclasses import replace

from chatroom.errors import InviteSpent
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import Audit, Invite
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each, decoding
from chatroom.storage.redis.transaction import Act, Transaction
from chatroom.storage.rules.belief import WALL

INVITES = "{c}:invites"
"""Number → digest, uses, end, and what is sealed."""
INVITE_OF = "{c}:invite_of"
"""Digest → number."""


def _invite(vault: Vault, number: int, value: bytes) -> Invite | None:
    row = _row(number, value)
    return codec.unseal_invite(vault, row) if _is_valid(row) else None


def _row(number: int | bytes, value: bytes) -> tuple[int, bytes, int, float, bytes]:
    with decoding("an invitation"):
        digest, uses, until, sealed = value.split(b" ", 3)
        return int(number), bytes.fromhex(digest.decode()), int(uses), float(until), sealed


def _is_valid(row: tuple[int, bytes, int, float, bytes]) -> bool:
    return row[2] >= 1 and row[3] >= time.time()


def _value(vault: Vault, invite: Invite) -> bytes:
    head = f"{invite.digest.hex()} {invite.uses} {invite.until!r} ".encode()
    return head + codec.seal_invite(vault, invite)


def save(change: Transaction, vault: Vault, invite: Invite) -> None:
    """See ``InviteStore.save``; those that do not hold any more are forgotten."""
    over = WALL.surely_over()
    with change.store.client() as client:
        found = client.hgetall(INVITES)
    for row in decode_each(found.items(), lambda pair: _row(*pair)):
        if row[2] < 1 or row[3] < over:
            change.remove(INVITES, str(row[0]))
            change.remove(INVITE_OF, row[1].hex())
    number = str(change.number("invite"))
    change.put(INVITES, number, _value(vault, invite))
    change.put(INVITE_OF, invite.digest.hex(), number.encode())


def load(change: Transaction, vault: Vault, digest: bytes) -> Invite | None:
    """See ``InviteStore.load``."""
    number = change.get(INVITE_OF, digest.hex())
    value = change.get(INVITES, number.decode()) if number else None
    return _invite(vault, int(number), value) if number and value else None


def load_all(store: Store, vault: Vault) -> list[Invite]:
    """See ``InviteStore.load_all``."""
    with store.client() as client:
        found = client.hgetall(INVITES)
    kept = sorted(filter(_is_valid, decode_each(found.items(), lambda pair: _row(*pair))))
    opened = (codec.unseal_invite(vault, row) for row in kept)
    return [invite for invite in opened if invite is not None]


def use(change: Transaction, vault: Vault, digest: bytes) -> None:
    """Use an invitation once. :raises InviteSpent: it is no longer valid."""
    invite = load(change, vault, digest)
    if invite is None:
        raise InviteSpent
    left = replace(invite, uses=invite.uses - 1)
    change.put(INVITES, str(invite.number), _value(vault, left))


def revoke(change: Transaction, number: int) -> bool:
    """See ``InviteStore.revoke``."""
    value = change.get(INVITES, str(number))
    if value is None:
        return False
    change.remove(INVITES, str(number))
    change.remove(INVITE_OF, _row(number, value)[1].hex())
    return True


class InviteStore:
    """The role ``invites``; see ``engine.InviteStore``."""

    def __init__(self, store: Store, vault: Vault, act: Act) -> None:
        self._store = store
        self._vault = vault
        self._act = act

    def save(self, invite: Invite, act: Audit | None = None) -> None:
        self._act(act, lambda change: save(change, self._vault, invite))

    def load(self, digest: bytes) -> Invite | None:
        return load(Transaction(self._store, self._vault), self._vault, digest)

    def load_all(self) -> list[Invite]:
        return load_all(self._store, self._vault)

    def revoke(self, number: int, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: revoke(change, number))
