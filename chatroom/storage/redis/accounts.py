"""Accounts and their names, as fields of hashes in one slot, ``{c}``."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace

from chatroom.errors import (
    Conflict,
    Damaged,
    Demoted,
    LastSuperuser,
    Lookalike,
    NameTaken,
)
from chatroom.names import fold
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    CLOSED,
    DELETED,
    GONE_SECONDS,
    SUPERUSER,
    Account,
    Audit,
)
from chatroom.storage.redis import departed, held, invites, sanctions, tickets
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.entries import decode_each, decoding, keys_of
from chatroom.storage.redis.held import ACCOUNTS, INDEX
from chatroom.storage.redis.transaction import Act, Transaction
from chatroom.storage.rules import departure, events
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Control, ControlKind

NAMES = "{c}:names"
"""Keyed hash of a folded name → account id."""
LOOKS = "{c}:looks"
"""Keyed hash of how a name looks → account id, or ``-`` for a room."""
OWNED = "{c}:owned"
"""Account id → its fields in NAMES and LOOKS."""
PLACES = "{c}:places"

_log = logging.getLogger(__name__)


def _split(vault: Vault, account_id: str, value: bytes) -> Account:
    version, _, sealed = _clear_part(value)
    return codec.unseal_account(vault, (account_id, version, sealed))


def _clear_part(value: bytes) -> tuple[int, int, bytes]:
    """Return version and number of an account, and what is sealed."""
    with decoding("an account"):
        version, number, _, sealed = value.split(b" ", 3)
        return int(version), int(number), sealed


def load(store: Store, vault: Vault, name: str) -> Account | None:
    """See ``AccountStore.load``."""
    with store.client() as client:
        found = client.hget(NAMES, vault.index(fold(name)).hex())
    return load_by_id(store, vault, found.decode()) if found else None


def load_by_id(store: Store, vault: Vault, account_id: str) -> Account | None:
    """See ``AccountStore.load_by_id``."""
    with store.client() as client:
        value = client.hget(ACCOUNTS, account_id)
    return _split(vault, account_id, value) if value else None


def load_all(store: Store, vault: Vault) -> Iterator[Account]:
    """See ``AccountStore.load_all``."""
    with store.client() as client:
        found = client.hgetall(ACCOUNTS)
    numbered = decode_each(found.items(), lambda pair: (_clear_part(pair[1])[1], *pair))
    for _, account_id, value in sorted(numbered):
        try:
            yield _split(vault, account_id.decode(), value)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", account_id.decode(), error)


def superusers(store: Store, vault: Vault) -> list[Account]:
    """See ``AccountStore.superusers``; the sealed record decides, not the index."""
    with store.client() as client:
        value = client.hget(INDEX, "superusers")
    found = []
    with decoding("the list of superusers"):
        ids: list[str] = list(map(str, json.loads(value or b"[]")))
    for account_id in ids:
        try:
            account = load_by_id(store, vault, account_id)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", account_id, error)
            continue
        if account is not None and account.grant == SUPERUSER:
            found.append(account)
    return found


def save(
    change: Transaction,
    vault: Vault,
    account: Account,
    may_look_alike: bool = False,
) -> Account:
    """See ``AccountStore.save``.

    :param may_look_alike: of accounts that were made before that was looked at.
    """
    saved = replace(account, version=account.version + 1)
    is_superuser = saved.grant == SUPERUSER
    name = vault.index(fold(saved.name)).hex()
    value = change.get(ACCOUNTS, saved.id)
    holder = change.get(NAMES, name)
    if holder is not None and holder != saved.id.encode():
        raise NameTaken(saved.name)
    old: Account | None = None
    if account.version == 0:
        if value is not None:
            raise NameTaken(saved.name)
        number = change.number("account")
    else:
        if not is_superuser:
            _spare_last(change, account)
        if value is None or _clear_part(value)[0] != account.version:
            raise Conflict(f"The account of {saved.name} was changed meanwhile.")
        number = _clear_part(value)[1]
        try:
            old = _split(vault, saved.id, value)
        except Damaged:
            old = None  # nobody can tell what it was: its tickets go
    if account.version == 0 or (old is not None and old.name != saved.name):
        departed.check(change, vault, saved.name, saved.id)
        _forget_names(change, saved.id)
        _claim(change, vault, saved, name, may_look_alike)
    if account.version and (old is None or old.password_id != saved.password_id):
        tickets.revoke(change, saved.id)
    _note_superuser(change, saved.id, is_superuser)
    head = f"{saved.version} {number} {int(is_superuser)} ".encode()
    change.put(ACCOUNTS, saved.id, head + codec.seal_account(vault, saved))
    change.tell(events.of_account(saved, old))
    return saved


def check_free(change: Transaction, vault: Vault, name: str) -> None:
    """See ``AccountStore.check_free``."""
    if change.get(NAMES, vault.index(fold(name)).hex()) is not None:
        raise NameTaken(name)
    departed.check(change, vault, name, "")
    looks = codec.lookalike_keys(vault, codec.PEOPLE, name)
    if any(change.get(LOOKS, look.hex()) is not None for look in looks):
        raise Lookalike(name)


def delete(change: Transaction, account: Account) -> None:
    """See ``AccountStore.delete``; its sanctions go with ``sanctions.forget``."""
    _spare_last(change, account)
    _note_superuser(change, account.id, False)
    _forget_names(change, account.id)
    change.remove(ACCOUNTS, account.id)
    change.remove(PLACES, account.id)
    tickets.revoke(change, account.id)
    change.tell(Control(ControlKind.DELETED, account.id))


def check_superuser(change: Transaction, account_id: str) -> None:
    """Look whether somebody still is a superuser. :raises Demoted: not any more."""
    value = change.get(ACCOUNTS, account_id)
    if value is None or _split(change.vault, account_id, value).grant != SUPERUSER:
        raise Demoted("You are not a superuser any more; nothing was done.")


def _claim(
    change: Transaction, vault: Vault, account: Account, name: str, may_look_alike: bool
) -> None:
    looks = [key.hex() for key in codec.lookalike_keys(vault, codec.PEOPLE, account.name)]
    taken = [look for look in looks if change.get(LOOKS, look) is not None]
    if taken and not may_look_alike:
        raise Lookalike(account.name)
    looks = [look for look in looks if look not in taken]
    for look in looks:
        change.put(LOOKS, look, account.id.encode())
    change.put(NAMES, name, account.id.encode())
    change.put(OWNED, account.id, json.dumps([name, *looks]).encode())


def _forget_names(change: Transaction, account_id: str) -> None:
    owned = change.get(OWNED, account_id)
    if owned is None:
        return
    name, *looks = json.loads(owned)
    change.remove(NAMES, name)
    for look in looks:
        change.remove(LOOKS, look)
    change.remove(OWNED, account_id)


def is_last_superuser(change: Transaction, account_id: str) -> bool:
    """Tell whether nobody else may administer the room: who is kicked or banned does not count."""
    ids = json.loads(change.get(INDEX, "superusers") or b"[]")
    others = (one for one in ids if one != account_id)
    return account_id in ids and all(held.is_shut_out(change, one) for one in others)


def _spare_last(change: Transaction, account: Account) -> None:
    if is_last_superuser(change, account.id):
        raise LastSuperuser(account.name)


def _note_superuser(change: Transaction, account_id: str, is_superuser: bool) -> None:
    ids = json.loads(change.get(INDEX, "superusers") or b"[]")
    if (account_id in ids) != is_superuser:
        ids = [*ids, account_id] if is_superuser else [one for one in ids if one != account_id]
        change.put(INDEX, "superusers", json.dumps(ids).encode())
    else:
        change.read.pop((INDEX, "superusers"), None)  # whoever else becomes one: no matter


class AccountStore:
    """The role ``accounts``; see ``engine.AccountStore``."""

    def __init__(self, store: Store, vault: Vault, act: Act) -> None:
        self._store = store
        self._vault = vault
        self._act = act

    def _look(self) -> Transaction:
        return Transaction(self._store, self._vault)

    def load(self, name: str) -> Account | None:
        return load(self._store, self._vault, name)

    def load_by_id(self, account_id: str) -> Account | None:
        return load_by_id(self._store, self._vault, account_id)

    def load_all(self) -> Iterator[Account]:
        return iter(list(load_all(self._store, self._vault)))

    def save(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        def job(change: Transaction) -> Account:
            if invite:
                invites.use(change, self._vault, invite)
            if left is not None:
                departed.save(change, self._vault, left)
            return save(change, self._vault, account)

        return self._act(act, job)

    def delete(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        def job(change: Transaction) -> None:
            if left is not None:
                held = sanctions.load(self._store, self._vault, account.id)
                departed.save(change, self._vault, departure.with_sanctions(left, held))
            sanctions.forget(change, account.id)
            delete(change, account)
            until = time.time() + GONE_SECONDS
            change.ban(DELETED, account.id, until)
            if box:
                change.ban(CLOSED, keys_of(self._vault, box).key, until)

        self._act(act, job)

    def superusers(self) -> list[Account]:
        return superusers(self._store, self._vault)

    def is_last_superuser(self, account_id: str) -> bool:
        return is_last_superuser(self._look(), account_id)

    def check_free(self, name: str) -> None:
        check_free(self._look(), self._vault, name)

    def departed(self, name: str, network: str) -> list[Departed]:
        return departed.find(self._look(), self._vault, name, network)

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        return self._act(act, lambda change: departed.free(change, self._vault, name))
