"""Records as sealed bytes, and back: the same for both engines. No store, no thread, no lock.

What a seal is bound to (its *context*) names the record and what the store has of it in clear, so
that records cannot be swapped, nor made older or longer. Changing a context, or what is sealed,
makes older stores unreadable: tests/data has one.
"""

import json
import logging
from dataclasses import asdict
from typing import Any, NamedTuple

from chatroom.errors import Damaged
from chatroom.names import fold, skeletons
from chatroom.storage.keys.vault import Vault
from chatroom.storage.records import (
    Account,
    Audit,
    Invite,
    ReadState,
    RoomRecord,
    Sanction,
    Ticket,
)
from chatroom.storage.rules import read_states
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.events import Carried, Control, Kept, Report, Standing, TakenOut

_log = logging.getLogger(__name__)


def seal_account(vault: Vault, account: Account) -> bytes:
    """Return an account sealed for its id and version."""
    plain = json.dumps(
        {
            "name": account.name,
            "grant": account.grant,
            "password": account.password,
            "created": account.created,
            "reset": account.reset,
            "ignores": account.ignores,
        }
    )
    return vault.seal(plain.encode(), f"account {account.id} {account.version}")


def unseal_account(vault: Vault, row: tuple[str, int, bytes]) -> Account:
    """Return the account in id, version and what is sealed. :raises Damaged: it does not open."""
    account_id, version, sealed = row
    fields = json.loads(vault.unseal(sealed, f"account {account_id} {version}"))
    fields["ignores"] = tuple(fields.get("ignores", ()))
    return Account(id=account_id, version=version, **fields)


def unseal_room(vault: Vault, key: bytes, version: int, sealed: bytes) -> RoomRecord | None:
    """Return a room; ``None`` when it is damaged, which is logged."""
    try:
        fields = json.loads(vault.unseal(sealed, f"room {key.hex()} {version}"))
    except Damaged as error:
        _log.error("room damaged key=%s reason=%s", key.hex(), error)
        return None
    for listed in ("invited", "former", "moderators"):
        fields[listed] = tuple(fields.get(listed, ()))
    return RoomRecord(version=version, **fields)


def room_key(vault: Vault, name: str) -> bytes:
    """Return what a room is found by, from its id or a name."""
    return vault.index("room " + fold(name))


def log_mark(vault: Vault, log: str) -> str:
    """Return what stands for a log where its name may not: a keyed hash, in 32 digits."""
    return vault.index("log " + log)[:16].hex()


def seal_room(vault: Vault, room: RoomRecord, key: bytes) -> bytes:
    """Return a room sealed for its key and version."""
    fields = asdict(room)
    for told_otherwise in ("version", "is_closed"):
        del fields[told_otherwise]
    return vault.seal(json.dumps(fields).encode(), f"room {key.hex()} {room.version}")


def unseal_read_state(vault: Vault, account_id: str, sealed: bytes) -> ReadState:
    """Return somebody's read state. :raises Damaged: the record does not open."""
    found = json.loads(vault.unseal(sealed, f"places {account_id}"))
    later = found.get("busy"), found.get("busy_until", 0.0), found.get("read", {})
    until = found.get("read_until", {})
    return ReadState(found["cursors"], found["room"], found["seen"], *later, until)


def is_member(vault: Vault, account_id: str, sealed: bytes, log: str) -> bool:
    """Tell whether somebody is a member of a log; False, which is logged: the seal is damaged."""
    try:
        return log in unseal_read_state(vault, account_id, sealed).cursors
    except Damaged as error:
        _log.error("read state damaged account=%s reason=%s", account_id, error)
        return False


def seal_read_state(vault: Vault, account_id: str, state: ReadState) -> bytes:
    """Return a read state sealed for its account."""
    fields: dict[str, object] = {"cursors": state.cursors, "room": state.room}
    fields["seen"] = state.seen
    if state.busy is not None:  # left out for those who are free, as in older records
        fields |= {"busy": state.busy, "busy_until": state.busy_until}
    if state.read:
        fields["read"] = state.read
    if state.read_until:
        fields["read_until"] = state.read_until
    return vault.seal(json.dumps(fields).encode(), f"places {account_id}")


class ReadStateRow(NamedTuple):
    """Somebody's read state, ready to take the place of the one that is kept."""

    account_id: str
    was: bytes | None
    """What is kept must still be this."""
    sealed: bytes
    state: ReadState


def merge_read_state(
    vault: Vault, account_id: str, was: bytes | None, mine: ReadState, base: ReadState | None
) -> ReadStateRow:
    """Return somebody's read state as it is to be kept: see :func:`read_states.merged`.

    :param was: what is kept now; a damaged record counts as none.
    """
    stored = None
    try:
        stored = unseal_read_state(vault, account_id, was) if was is not None else None
    except Damaged as error:
        _log.error("read state damaged account=%s reason=%s", account_id, error)
    state = read_states.merged(stored, mine, base)
    return ReadStateRow(account_id, was, seal_read_state(vault, account_id, state), state)


def seal_ticket(vault: Vault, ticket: Ticket) -> bytes:
    """Return the seal_room of a ticket."""
    return vault.seal(b"", _ticket_context(ticket))


def unseal_ticket(vault: Vault, ticket: Ticket, sealed: bytes) -> Ticket | None:
    """Return a ticket if this is its seal_room; ``None``, which is logged, if it is damaged."""
    try:
        vault.unseal(sealed, _ticket_context(ticket))
    except Damaged as error:
        _log.error("ticket damaged account=%s reason=%s", ticket.account_id, error)
        return None
    return ticket


def _ticket_context(ticket: Ticket) -> str:
    return f"ticket {ticket.digest.hex()} {ticket.account_id} {ticket.until}"


def seal_invite(vault: Vault, invite: Invite) -> bytes:
    """Return an invitation sealed for its digest, uses and end."""
    return vault.seal(json.dumps({"by": invite.by}).encode(), _invite_context(invite))


def _invite_context(invite: Invite) -> str:
    return f"invite {invite.digest.hex()} {invite.uses} {invite.until}"


def unseal_invite(vault: Vault, row: tuple[int, bytes, int, float, bytes]) -> Invite | None:
    """Return the invitation in a row; ``None`` when it is damaged, which is logged."""
    number, digest, uses, until, sealed = row
    invite = Invite(digest, uses, until, number=number)
    try:
        by = json.loads(vault.unseal(sealed, _invite_context(invite)))["by"]
    except Damaged as error:
        _log.error("invite damaged number=%d reason=%s", number, error)
        return None
    return Invite(digest, uses, until, by, number)


def seal_audit(vault: Vault, entry: Audit, number: int) -> bytes:
    """Return an entry sealed for its number."""
    return vault.seal(json.dumps(asdict(entry)).encode(), f"audit {number}")


def unseal_audit(vault: Vault, number: int, sealed: bytes) -> Audit | None:
    """Return an entry; ``None`` when it is damaged, which is logged."""
    try:
        fields = json.loads(vault.unseal(sealed, f"audit {number}"))
        return Audit(**fields | {"number": number})
    except Damaged as error:
        _log.error("audit damaged seq=%d reason=%s", number, error)
        return None


IN_ROOM = "@"
"""Parts the account from the room in what a store has as the target of a sanction of a room."""


def sanction_target(vault: Vault, sanction: Sanction) -> str:
    """Return what a store has as the target of a sanction: a room stands in it as its mark only."""
    room = f"{IN_ROOM}{log_mark(vault, sanction.room)}" if sanction.room else ""
    return sanction.target + room


def is_of_target(stored: str, target: str) -> bool:
    """Tell whether what a store has is about a target, everywhere or in a room."""
    return stored == target or (bool(target) and stored.startswith(target + IN_ROOM))


def seal_sanction(vault: Vault, sanction: Sanction) -> bytes:
    """Return a sanction sealed for its kind, target and end."""
    fields: dict[str, Any] = {
        "name": sanction.name,
        "by": sanction.by,
        "reason": sanction.reason,
        "since": sanction.since,
    }
    if sanction.room:
        fields["room"] = sanction.room
    if sanction.by_moderator:
        fields["by_moderator"] = True
    target = sanction_target(vault, sanction)
    return vault.seal(json.dumps(fields).encode(), f"{sanction.kind} {target} {sanction.until}")


def unseal_sanction(
    vault: Vault, number: int, kind: str, target: str, until: float, sealed: bytes
) -> Sanction:
    """Return a sanction; also a damaged one, which is logged.

    It still holds: whoever damages the record must not get back in by that. Of a sanction of a
    room the posts are refused then; of which one nobody can tell: ``?``.

    :param target: as :func:`sanction_target` has it.
    """
    account_id, in_room, _ = target.partition(IN_ROOM)
    try:
        fields = json.loads(vault.unseal(sealed, f"{kind} {target} {until}"))
    except Damaged as error:
        _log.error("%s damaged target=%s reason=%s", kind, target, error)
        fields = {"name": "?", "by": "?", "reason": "the record is damaged", "since": 0.0}
        if in_room:
            fields["room"] = "?"
    return Sanction(kind=kind, target=account_id, until=until, number=number, **fields)


PEOPLE, ROOMS = "look", "room look"
"""People and rooms are compared among themselves only."""


def lookalike_keys(vault: Vault, kind: str, name: str) -> list[bytes]:
    """Return the keyed hashes of how a name looks."""
    return [vault.index(f"{kind} {skeleton}") for skeleton in skeletons(name)]


class DepartedKeys(NamedTuple):
    """By what a departed one is found."""

    name: bytes
    network: bytes
    """Empty when nobody knows it."""


def departed_keys(vault: Vault, name: str, network: str) -> DepartedKeys:
    """Return the keyed hashes of a name and of a network."""
    origin = vault.index(f"network {network}") if network else b""
    return DepartedKeys(vault.index("departed " + fold(name)), origin)


def seal_departed(vault: Vault, one: Departed) -> bytes:
    """Return somebody sealed for account and end."""
    plain = json.dumps(
        {
            "name": one.name,
            "network": one.network,
            "since": one.since,
            "reserved_until": one.reserved_until,
            "ignored_by": one.ignored_by,
            "sanctions": [
                # Of what is of a room also which one; older versions had none.
                [s.kind, s.name, s.by, s.reason, s.since, s.until, *filter(None, (s.room,))]
                for s in one.sanctions
            ],
        }
    )
    return vault.seal(plain.encode(), f"departed {one.account_id} {one.until}")


def unseal_departed(vault: Vault, account_id: str, until: float, sealed: bytes) -> Departed:
    """Return somebody who has gone; of a damaged row the name stays reserved."""
    try:
        fields = json.loads(vault.unseal(sealed, f"departed {account_id} {until}"))
    except Damaged:
        return Departed(account_id, "?", "", 0.0, until, until)
    fields["ignored_by"] = tuple(fields["ignored_by"])
    fields["sanctions"] = tuple(
        Sanction(kind, account_id, name, by, reason, since, end, room="".join(room))
        for kind, name, by, reason, since, end, *room in fields["sanctions"]
    )
    return Departed(account_id=account_id, until=until, **fields)


_CARRIED_BYTES = 4096
"""A larger record, such as a room with many invitations, is not carried: it is looked up."""


_CARRIED: dict[str, type[Carried]] = {
    "sanction": Sanction,
    "standing": Standing,
    "room": RoomRecord,
    "kept": Kept,
    "report": Report,
    "taken_out": TakenOut,
}


def seal_control(vault: Vault, control: Control) -> bytes:
    """Return what an event carries, sealed for its word and subject; empty: nothing."""
    carried = control.carried
    for name, kind in _CARRIED.items():
        if isinstance(carried, kind):
            plain = json.dumps({name: asdict(carried)}).encode()
            if len(plain) <= _CARRIED_BYTES:
                return vault.seal(plain, _control_context(control.word, control.subject))
    return b""


def unseal_control(vault: Vault, word: str, subject: str, sealed: bytes | None) -> Control:
    """Return an event with what it carries; without it when that does not open."""
    if not sealed:
        return Control.of_word(word, subject)
    try:
        ((name, fields),) = json.loads(
            vault.unseal(sealed, _control_context(word, subject))
        ).items()
        for key, value in fields.items():  # JSON has no tuples
            fields[key] = tuple(value) if isinstance(value, list) else value
        return Control.of_word(word, subject, _CARRIED[name](**fields))
    except (Damaged, KeyError, TypeError, ValueError):  # of a newer version, or meddled with
        return Control.of_word(word, subject)


def _control_context(word: str, subject: str) -> str:
    return f"control {word} {subject}"
