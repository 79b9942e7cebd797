"""The audit trail: what superusers and operators did, and who runs a room in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chatroom.answer_texts import text_of
from chatroom.answers import Answer, Row, when
from chatroom.commands.history import one_at_a_time
from chatroom.commands.registry import Context, Needs, Registry
from chatroom.rooms.record_changes import told
from chatroom.rooms.reports import DEED as REPORT
from chatroom.sentences import SERVER
from chatroom.storage.records import ROOM_NAME, Account, Audit, RoomRecord

AUDIT_SHOWN = 20
"""Entries that are shown when no number is given."""
_HIDDEN = "a private room"
_GONE = "a room that is deleted"


def add_to(registry: Registry) -> None:
    """Enter these commands into the table."""

    @registry.command(
        "audit",
        "[USER] [N] [in ROOM]",
        "what was done lately: in this room, superusers: everywhere",
        needs=Needs.MODERATOR,
        cost=20,
    )
    def view_audit(
        context: Context, account: Account | None, number: int | None, name: str | None
    ) -> Answer:
        """The last entries, or N of them. /undo takes some back."""
        services = context.services
        room = "" if context.sees_all else context.room.log
        if name is not None:
            room = services.memberships.find(context.person, name).log
        with one_at_a_time(context):
            found = services.audit.load(number or AUDIT_SHOWN, account, room)
        rows = seen_rows(context, found)
        return Answer(audit_text(rows), rows, is_long=True)


def is_hidden(entry: Audit, reader: str) -> bool:
    """Tell whether somebody is not to know of an entry: it is a report of what that one said."""
    return entry.deed == REPORT and entry.whom_id == reader


def seen_rows(context: Context, entries: Iterable[Audit]) -> Sequence[Row]:
    """Return entries as who asks may see them, without those that are hidden."""
    roster, reader = context.services.roster, context.account.id
    shown = (one for one in entries if not is_hidden(one, reader))
    seen = {one.log for one in roster.seen_by(reader)}
    return rows_of(shown, roster.records(), seen, context.sees_all)


def rows_of(
    entries: Iterable[Audit],
    rooms: Iterable[RoomRecord],
    seen: set[str] | None = None,
    with_addresses: bool = True,
) -> Sequence[Row]:
    """Return entries as programs get them.

    :param rooms: that there are.
    :param seen: ids of those whose names may be told; ``None``: all.
    :param with_addresses: it may be told from where it was done.
    """
    there = {record.log: record.name for record in rooms}
    names = {log: name for log, name in there.items() if seen is None or log in seen}
    places = {"": ""} | dict.fromkeys(there, _HIDDEN)
    places |= {log: f"#{name}" for log, name in names.items()}
    rows = [_row(entry, names, places) for entry in entries]
    return rows if with_addresses else [row | {"from": ""} for row in rows]


def _row(entry: Audit, names: Mapping[str, str], places: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": entry.number,
        "time": when(entry.time),
        "by": entry.by,
        "from": entry.origin,
        "act": entry.act.replace(ROOM_NAME, places.get(entry.room, _GONE)),
        "why": entry.why,
        "room": names.get(entry.room, ""),
        "room_id": entry.room if entry.room in names else "",
        "changes": told(entry) if entry.room in names else {},
        "of": entry.of,
    }


def audit_text(rows: Sequence[Row]) -> str:
    """Return entries for people, one in a line; times are the server's local time."""
    return text_of("audit", rows, SERVER) or "The audit log is empty."
