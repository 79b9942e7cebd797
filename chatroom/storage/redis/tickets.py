"""Tickets, as fields of a hash for each account, in one slot, ``{c}``."""

import time
from collections.abc import Mapping, Sequence

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import TICKETS, USED_SECONDS, Ticket
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each, decoding
from chatroom.storage.redis.transaction import Act, Transaction
from chatroom.storage.rules.belief import WALL

SPARE_SECONDS = 30 * 86_400.0
"""How long after a ticket's end the store itself deletes its key: its clock may be wrong, too."""


def tickets_of(account_id: str) -> str:
    """Return the key of the tickets of an account: digest → end and seal."""
    return f"{{c}}:tickets:{account_id}"


def ticket_owner(field: bytes) -> str:
    """Return the key that tells whose a ticket is; it goes with the ticket, or after its end.

    :param field: the ticket's field in :func:`tickets_of`.
    """
    return f"{{c}}:ticket:{field.decode(errors='replace')}"


def _field(digest: bytes) -> bytes:
    return digest.hex().encode()


def save(store: Store, vault: Vault, tickets: list[Ticket]) -> None:
    """See ``TicketStore.save``."""
    change = Transaction(store, vault)
    for one in tickets:
        owner = ticket_owner(_field(one.digest))
        change.do("SET", owner, one.account_id, "PXAT", int((one.until + SPARE_SECONDS) * 1000))
        value = f"{one.until!r} ".encode() + codec.seal_ticket(vault, one)
        change.do("HSET", tickets_of(one.account_id), _field(one.digest), value)
    for account_id in {one.account_id for one in tickets}:
        with store.client() as client:
            kept = client.hgetall(tickets_of(account_id))
        ends = dict(decode_each(kept.items(), lambda pair: (pair[0], _until(pair[1])[0])))
        ends |= {_field(t.digest): t.until for t in tickets if t.account_id == account_id}
        for digest in _too_many(ends):
            change.do("HDEL", tickets_of(account_id), digest)
            change.do("DEL", ticket_owner(digest))
    change.commit()


def _too_many(ends: Mapping[bytes, float]) -> list[bytes]:
    """Return those of an account's tickets that go: what has ended, and what is not among the
    newest few. Those that were used are counted for themselves, as in ``rooms.save_tickets``.
    """
    over = WALL.surely_over()
    now = time.time()
    gone, counts = [], {True: 0, False: 0}
    for digest in sorted(ends, key=lambda digest: ends[digest], reverse=True):
        is_used = ends[digest] <= now + USED_SECONDS
        counts[is_used] += 1
        if counts[is_used] > TICKETS or ends[digest] < over:
            gone.append(digest)
    return gone


def _until(value: bytes) -> tuple[float, bytes]:
    with decoding("a ticket"):
        until, sealed = value.split(b" ", 1)
        return float(until), sealed


def load(store: Store, vault: Vault, digest: bytes) -> Ticket | None:
    """See ``TicketStore.load``."""
    with store.client() as client:
        owner = client.get(ticket_owner(_field(digest)))
        value = client.hget(tickets_of(owner.decode()), _field(digest)) if owner else None
    if value is None:
        return None
    until, sealed = _until(value)
    ticket = Ticket(digest, owner.decode(), until)
    return codec.unseal_ticket(vault, ticket, sealed) if ticket.until >= time.time() else None


def revoke(change: Transaction, account_id: str) -> None:
    """Forget all tickets of an account, and whose they were; of one that is saved at the same
    moment the latter stays until its end.
    """
    with change.store.client() as client:
        digests = client.hkeys(tickets_of(account_id))
    for digest in digests:
        change.do("DEL", ticket_owner(digest))
    change.do("DEL", tickets_of(account_id))


class TicketStore:
    """The role ``tickets``; see ``engine.TicketStore``."""

    def __init__(self, store: Store, vault: Vault, act: Act) -> None:
        self._store = store
        self._vault = vault
        self._act = act

    def save(self, tickets: Sequence[Ticket]) -> None:
        if tickets:
            save(self._store, self._vault, list(tickets))

    def load(self, digest: bytes) -> Ticket | None:
        return load(self._store, self._vault, digest)

    def is_kept(self, ticket: Ticket) -> bool:
        with self._store.client() as client:
            return bool(client.hexists(tickets_of(ticket.account_id), _field(ticket.digest)))

    def revoke(self, account_id: str) -> None:
        self._act(None, lambda change: revoke(change, account_id))
