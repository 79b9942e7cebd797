"""Where people are and what they were shown last: saved by several nodes, merged."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from chatroom.errors import StoreError
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import ReadState
from chatroom.storage.redis import accounts, held
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.transaction import ATTEMPTS, CROWDED, Transaction, pause

_AT_ONCE = 100


def save(
    store: Store, vault: Vault, states: Mapping[str, ReadState], bases: Mapping[str, ReadState]
) -> dict[str, ReadState]:
    """See ``ReadStates.save``."""
    saved: dict[str, ReadState] = {}
    ids = list(states)
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        for attempt in range(ATTEMPTS):
            change = Transaction(store, vault)
            rows = _merge(change, vault, {one: states[one] for one in some}, bases)
            if not change.writes or change.commit() is not None:
                break
            pause(attempt)
        else:
            raise StoreError(CROWDED)
        saved |= rows
    return saved


def _merge(
    change: Transaction,
    vault: Vault,
    states: Mapping[str, ReadState],
    bases: Mapping[str, ReadState],
) -> dict[str, ReadState]:
    with change.store.client() as client:
        kept = dict(zip(states, client.hmget(accounts.PLACES, list(states)), strict=True))
        fresh = [one for one, sealed in kept.items() if sealed is None]
        has_account = {one: client.hexists(held.ACCOUNTS, one) for one in fresh}
    saved = {}
    for account_id, mine in states.items():
        was = kept[account_id]
        row = codec.merge_read_state(vault, account_id, was, mine, bases.get(account_id))
        saved[account_id] = row.state
        if was is None and not has_account[account_id]:
            continue  # it was deleted, and its read state with it
        change.read[(accounts.PLACES, account_id)] = was
        change.put(accounts.PLACES, account_id, row.sealed)
    return saved


class ReadStates:
    """The role ``read_states``; see ``engine.ReadStates``."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def load(self, account_id: str) -> ReadState | None:
        with self._store.client() as client:
            sealed = client.hget(accounts.PLACES, account_id)
        return codec.unseal_read_state(self._vault, account_id, sealed) if sealed else None

    def save(
        self, states: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        return save(self._store, self._vault, states, bases)

    def members(self, log: str) -> Iterator[str]:
        seen = set()  # what changes while it is looked at may come twice
        place, is_first = 0, True
        while place or is_first:
            is_first = False
            with self._store.client() as client:
                place, rows = client.hscan(accounts.PLACES, place, count=_AT_ONCE)
            for key, sealed in rows.items():
                account_id = key.decode()
                if account_id in seen:
                    continue
                if codec.is_member(self._vault, account_id, sealed, log):
                    seen.add(account_id)
                    yield account_id
