"""What an act has changed of a room's record: written down with it, and taken back by it.

Only the fields that were changed; of a list of people only who came and who went. So what others
have changed meanwhile stays.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chatroom.names import fold
from chatroom.storage.records import FORMER_NAMES, Audit, RoomRecord

_FIELDS = (
    *("name", "topic", "topic_by", "topic_at", "owner"),
    *("private", "is_archived", "slow", "rules"),
)
_PEOPLE = ("moderators", "invited")


def written_down(act: Audit, before: RoomRecord, after: RoomRecord) -> Audit:
    """Return the entry of an act that changed a record, with what it has changed.

    An act without a ``deed`` cannot be taken back and stays as it is.
    """
    if not act.deed:
        return act
    was: dict[str, Any] = {}
    became: dict[str, Any] = {}
    for name in _FIELDS:
        if getattr(before, name) != getattr(after, name):
            was[name], became[name] = getattr(before, name), getattr(after, name)
    for name in _PEOPLE:
        old, new = getattr(before, name), getattr(after, name)
        if {*old} != {*new}:
            was[name] = [one for one in old if one not in new]
            became[name] = [one for one in new if one not in old]
    return replace(act, before=was, after=became)


def is_as_left(record: RoomRecord, act: Audit) -> bool:
    """Tell whether a record still is as an act has left it, in all that the act has changed."""
    was, became = _pair(act)
    return all(
        {*became[name]} <= {*getattr(record, name)} and not {*was[name]} & {*getattr(record, name)}
        if name in _PEOPLE
        else getattr(record, name) == value
        for name, value in became.items()
    )


def taken_back(record: RoomRecord, act: Audit) -> RoomRecord:
    """Return a record as it would be without an act; see :func:`is_as_left`."""
    was, became = _pair(act)
    fields: dict[str, Any] = {}
    for name, value in was.items():
        fields[name] = value
        if name in _PEOPLE:
            stay = (one for one in getattr(record, name) if one not in became[name])
            fields[name] = (*stay, *value)
    if "name" in fields:
        gone = (fold(fields["name"]), fold(record.name))
        former = [one for one in record.former if fold(one) not in gone]
        former += [record.name] if gone[0] != gone[1] else []
        fields["former"] = tuple(former[-FORMER_NAMES:])
    if "invited" in fields:
        fields["invited"] = tuple(sorted(fields["invited"]))
    return replace(record, **fields)


def _pair(act: Audit) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return act.before or {}, act.after or {}
