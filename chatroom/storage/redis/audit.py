"""The audit trail, as a stream in one slot, ``{c}``."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import BLOCKS_LOGIN, MUTE, Account, Audit
from chatroom.storage.redis import accounts, held, sanctions
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each, decoding
from chatroom.storage.redis.held import SANCTION_OF
from chatroom.storage.redis.transaction import Transaction, Transactions
from chatroom.storage.rules import askers
from chatroom.storage.rules import audit as audit_rules
from chatroom.storage.rules.askers import Asker, superuser

_T = TypeVar("_T")

AUDIT = "{c}:audit"
_BATCH = 200


def check(change: Transaction, asker: Asker) -> None:
    """Look, in the change itself, whether who asks for it still may.

    :raises Demoted: no superuser any more.
    :raises Sanctioned: kicked, banned or muted meanwhile.
    """
    if not asker.id:
        return
    if asker.is_superuser:
        accounts.check_superuser(change, asker.id)
    # Read first, so that whatever changes from here on makes the change be worked out anew.
    for kind in sorted(BLOCKS_LOGIN | {MUTE}):
        change.get(SANCTION_OF, f"{kind} {asker.id}")
    change.get(held.INDEX, sanctions.RANGES)
    now = time.time()
    for _, kind, target, until, _ in sanctions._all(change.store):
        if until >= now:
            askers.refuse(kind, target, asker)


def write(change: Transaction, vault: Vault, entry: Audit) -> None:
    """Add to the audit trail, in the change that does the act."""
    number = change.number("audit")
    change.do("XADD", AUDIT, "*", "n", number, "b", codec.seal_audit(vault, entry, number))


def _row(found: tuple[bytes, dict[bytes, bytes]]) -> tuple[int, bytes]:
    with decoding("the audit trail"):
        return int(found[1][b"n"]), found[1][b"b"]


def _newest_first(store: Store) -> Iterator[tuple[int, bytes]]:
    """Yield all entries, sealed, each with its number."""
    end = "+"
    while True:
        with store.client() as client:
            batch = client.xrevrange(AUDIT, end, "-", count=_BATCH)
        if not batch:
            return
        yield from decode_each(batch, _row)
        end = "(" + batch[-1][0].decode()


def load(store: Store, vault: Vault, most: int, account: Account | None, room: str) -> list[Audit]:
    """See ``AuditTrail.load``."""
    rows = islice(_newest_first(store), audit_rules.LOOKED_AT if room else None)
    opened = (codec.unseal_audit(vault, *row) for row in rows)
    wanted = (one for one in opened if one and audit_rules.is_wanted(one, account, room))
    return list(islice(wanted, most))[::-1]


def find(store: Store, vault: Vault, number: int) -> Audit | None:
    """See ``AuditTrail.find``."""
    for row in _newest_first(store):
        if row[0] <= number:  # they grow
            return codec.unseal_audit(vault, *row) if row[0] == number else None
    return None


class AuditTrail:
    """The role ``audit``, and how what superusers do is done; see ``engine.AuditTrail``.

    :param changes: run the changes of this node.
    """

    def __init__(self, store: Store, vault: Vault, changes: Transactions) -> None:
        self._store = store
        self._vault = vault
        self._changes = changes

    def write(self, entry: Audit, by: Asker | None = None) -> None:
        self.act(entry, lambda change: None, by)

    def load(self, most: int, account: Account | None = None, room: str = "") -> list[Audit]:
        return load(self._store, self._vault, most, account, room)

    def find(self, number: int) -> Audit | None:
        return find(self._store, self._vault, number)

    def act(
        self, act: Audit | None, job: Callable[[Transaction], _T], by: Asker | None = None
    ) -> _T:
        """Do something, if who asks for it may, and write down who did it: all or nothing."""

        def both(change: Transaction) -> _T:
            asker = by if by is not None or act is None else superuser(act)
            if asker is not None:
                check(change, asker)
            done = job(change)
            if act is not None and done is not False:
                write(change, self._vault, act)
            return done

        # What superusers and operators do waits for nobody else's changes.
        return self._changes.run(both, comes_first=act is not None)
