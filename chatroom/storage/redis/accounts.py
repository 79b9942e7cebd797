"""Accounts and what hangs on them, as fields of hashes: all in one slot, ``{c}``."""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chatroom.errors import (
    Conflict,
    Damaged,
    Demoted,
    InviteSpent,
    LastSuperuser,
    Lookalike,
    NameTaken,
)
from chatroom.names import fold
from chatroom.storage import codec
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    DELETED,
    SUPERUSER,
    TICKETS,
    USED_SECONDS,
    Account,
    Control,
    Invite,
    Ticket,
)
from chatroom.storage.redis import departed, held
from chatroom.storage.redis.clear import clear, readable
from chatroom.storage.redis.client import Store
from chatroom.storage.redis.transaction import Transaction
from chatroom.storage.rules import events
from chatroom.storage.rules.belief import WALL

ACCOUNTS = "{c}:accounts"
"""Account id → version, number, 1 for a superuser, and what is sealed."""
NAMES = "{c}:names"
"""Keyed hash of a folded name → account id."""
LOOKS = "{c}:looks"
"""Keyed hash of how a name looks → account id, or ``-`` for a room."""
OWNED = "{c}:owned"
"""Account id → its fields in NAMES and LOOKS."""
INDEX = "{c}:index"
"""``superusers`` → ids of those who may be one; the sealed record decides."""
INVITES = "{c}:invites"
"""Number → digest, uses, end, and what is sealed."""
INVITE_OF = "{c}:invite_of"
"""Digest → number."""
PLACES = "{c}:places"
SPARE_SECONDS = 30 * 86_400.0
"""How long after a ticket's end the store itself deletes its key: its clock may be wrong, too."""

_log = logging.getLogger(__name__)


def _split(vault: Vault, account_id: str, value: bytes) -> Account:
    version, _, sealed = _clear_part(value)
    return codec.unseal_account(vault, (account_id, version, sealed))


def _clear_part(value: bytes) -> tuple[int, int, bytes]:
    """Return version and number of an account, and what is sealed."""
    with clear("an account"):
        version, number, _, sealed = value.split(b" ", 3)
        return int(version), int(number), sealed


def load(store: Store, vault: Vault, name: str) -> Account | None:
    """See ``Engine.load_account``."""
    with store.asking() as client:
        found = client.hget(NAMES, vault.index(fold(name)).hex())
    return load_by_id(store, vault, found.decode()) if found else None


def load_by_id(store: Store, vault: Vault, account_id: str) -> Account | None:
    """See ``Engine.load_account_by_id``."""
    with store.asking() as client:
        value = client.hget(ACCOUNTS, account_id)
    return _split(vault, account_id, value) if value else None


def load_all(store: Store, vault: Vault) -> Iterator[Account]:
    """See ``Engine.accounts``."""
    with store.asking() as client:
        found = client.hgetall(ACCOUNTS)
    numbered = readable(found.items(), lambda pair: (_clear_part(pair[1])[1], *pair))
    for _, account_id, value in sorted(numbered):
        try:
            yield _split(vault, account_id.decode(), value)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", account_id.decode(), error)


def superusers(store: Store, vault: Vault) -> int:
    """See ``Engine.superusers``; the sealed record decides, not the index."""
    with store.asking() as client:
        value = client.hget(INDEX, "superusers")
    count = 0
    with clear("the list of superusers"):
        ids: list[str] = list(map(str, json.loads(value or b"[]")))
    for account_id in ids:
        try:
            account = load_by_id(store, vault, account_id)
        except Damaged as error:
            _log.error("account damaged id=%s reason=%s", account_id, error)
            continue
        count += account is not None and account.grant == SUPERUSER
    return count


def save(
    change: Transaction,
    vault: Vault,
    account: Account,
    may_look_alike: bool = False,
) -> Account:
    """See ``Engine.save_account``.

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
        revoke_tickets(change, saved.id)
    _note_superuser(change, saved.id, is_superuser)
    head = f"{saved.version} {number} {int(is_superuser)} ".encode()
    change.put(ACCOUNTS, saved.id, head + codec.seal_account(vault, saved))
    change.tell(events.of_account(saved, old))
    return saved


def check_free(change: Transaction, vault: Vault, name: str) -> None:
    """See ``Engine.check_free``."""
    if change.get(NAMES, vault.index(fold(name)).hex()) is not None:
        raise NameTaken(name)
    departed.check(change, vault, name, "")
    looks = codec.lookalike_keys(vault, codec.PEOPLE, name)
    if any(change.get(LOOKS, look.hex()) is not None for look in looks):
        raise Lookalike(name)


def delete(change: Transaction, account: Account) -> None:
    """See ``Engine.delete_account``; its sanctions go with ``sanctions.forget``."""
    _spare_last(change, account)
    _note_superuser(change, account.id, False)
    _forget_names(change, account.id)
    change.remove(ACCOUNTS, account.id)
    change.remove(PLACES, account.id)
    revoke_tickets(change, account.id)
    change.tell(Control(DELETED, account.id))


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


# -- tickets ---------------------------------------------------------------------------------


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


def save_tickets(store: Store, vault: Vault, tickets: list[Ticket]) -> None:
    """See ``Engine.save_tickets``."""
    change = Transaction(store, vault)
    for one in tickets:
        owner = ticket_owner(_field(one.digest))
        change.do("SET", owner, one.account_id, "PXAT", int((one.until + SPARE_SECONDS) * 1000))
        value = f"{one.until!r} ".encode() + codec.seal_ticket(vault, one)
        change.do("HSET", tickets_of(one.account_id), _field(one.digest), value)
    for account_id in {one.account_id for one in tickets}:
        with store.asking() as client:
            kept = client.hgetall(tickets_of(account_id))
        ends = dict(readable(kept.items(), lambda pair: (pair[0], _until(pair[1])[0])))
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
    with clear("a ticket"):
        until, sealed = value.split(b" ", 1)
        return float(until), sealed


def load_ticket(store: Store, vault: Vault, digest: bytes) -> Ticket | None:
    """See ``Engine.load_ticket``."""
    with store.asking() as client:
        owner = client.get(ticket_owner(_field(digest)))
        value = client.hget(tickets_of(owner.decode()), _field(digest)) if owner else None
    if value is None:
        return None
    until, sealed = _until(value)
    ticket = Ticket(digest, owner.decode(), until)
    return codec.unseal_ticket(vault, ticket, sealed) if ticket.until >= time.time() else None


def revoke_tickets(change: Transaction, account_id: str) -> None:
    """Forget all tickets of an account, and whose they were; of one that is saved at the same
    moment the latter stays until its end.
    """
    with change.store.asking() as client:
        digests = client.hkeys(tickets_of(account_id))
    for digest in digests:
        change.do("DEL", ticket_owner(digest))
    change.do("DEL", tickets_of(account_id))


# -- invitations -----------------------------------------------------------------------------


def _invite(vault: Vault, number: int, value: bytes) -> Invite | None:
    row = _invite_row(number, value)
    return codec.unseal_invite(vault, row) if _holds(row) else None


def _invite_row(number: int | bytes, value: bytes) -> tuple[int, bytes, int, float, bytes]:
    with clear("an invitation"):
        digest, uses, until, sealed = value.split(b" ", 3)
        return int(number), bytes.fromhex(digest.decode()), int(uses), float(until), sealed


def _holds(row: tuple[int, bytes, int, float, bytes]) -> bool:
    return row[2] >= 1 and row[3] >= time.time()


def _invite_value(vault: Vault, invite: Invite) -> bytes:
    head = f"{invite.digest.hex()} {invite.uses} {invite.until!r} ".encode()
    return head + codec.seal_invite(vault, invite)


def save_invite(change: Transaction, vault: Vault, invite: Invite) -> None:
    """See ``Engine.save_invite``; those that do not hold any more are forgotten."""
    over = WALL.surely_over()
    with change.store.asking() as client:
        found = client.hgetall(INVITES)
    for row in readable(found.items(), lambda pair: _invite_row(*pair)):
        if row[2] < 1 or row[3] < over:
            change.remove(INVITES, str(row[0]))
            change.remove(INVITE_OF, row[1].hex())
    number = str(change.number("invite"))
    change.put(INVITES, number, _invite_value(vault, invite))
    change.put(INVITE_OF, invite.digest.hex(), number.encode())


def load_invite(change: Transaction, vault: Vault, digest: bytes) -> Invite | None:
    """See ``Engine.load_invite``."""
    number = change.get(INVITE_OF, digest.hex())
    value = change.get(INVITES, number.decode()) if number else None
    return _invite(vault, int(number), value) if number and value else None


def load_invites(store: Store, vault: Vault) -> list[Invite]:
    """See ``Engine.invites``."""
    with store.asking() as client:
        found = client.hgetall(INVITES)
    kept = sorted(filter(_holds, readable(found.items(), lambda pair: _invite_row(*pair))))
    opened = (codec.unseal_invite(vault, row) for row in kept)
    return [invite for invite in opened if invite is not None]


def use_invite(change: Transaction, vault: Vault, digest: bytes) -> None:
    """Use an invitation once. :raises InviteSpent: it does not hold any more."""
    invite = load_invite(change, vault, digest)
    if invite is None:
        raise InviteSpent
    left = replace(invite, uses=invite.uses - 1)
    change.put(INVITES, str(invite.number), _invite_value(vault, left))


def revoke_invite(change: Transaction, number: int) -> bool:
    """See ``Engine.revoke_invite``."""
    value = change.get(INVITES, str(number))
    if value is None:
        return False
    change.remove(INVITES, str(number))
    change.remove(INVITE_OF, _invite_row(number, value)[1].hex())
    return True
