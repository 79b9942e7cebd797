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
_TOLD = {
    **{name: name for name in ("name", "topic", "rules", "slow", "private")},
    "is_archived": "archived",
}
"""Fields that readers of the trail are told of, as programs know them."""


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


def told(act: Audit) -> dict[str, list[Any]]:
    """Return for who may see the room what an act has changed of it: what was, and what became."""
    was, became = act.before, act.after
    if not (isinstance(was, Mapping) and isinstance(became, Mapping)):
        return {}
    changed = {name: key for name, key in _TOLD.items() if act.room and name in was.keys() & became}
    return {key: [was[name], became[name]] for name, key in changed.items()}


def meant(act: Audit) -> tuple[str, ...]:
    """Return the fields that an act was about; what else it has changed follows from that.

    Who is in a room comes and goes: no act that can be taken back is about who is invited, and one
    about the room itself is not about who moderates it either.
    """
    _, became = _pair(act)
    alone = tuple(name for name in became if name not in _PEOPLE)
    return alone or tuple(name for name in became if name == "moderators")


def who_gains(act: Audit) -> set[str]:
    """Return the account ids of who gets a role again when an act is taken back."""
    was, _ = _pair(act)
    return {was.get("owner", ""), *was.get("moderators", ())} - {""}


def is_as_left(record: RoomRecord, act: Audit) -> bool:
    """Tell whether a record still is as an act has left it, in all that the act was about."""
    was, became = _pair(act)
    return all(
        {*became[name]} <= {*getattr(record, name)} and not {*was[name]} & {*getattr(record, name)}
        if name in _PEOPLE
        else getattr(record, name) == became[name]
        for name in meant(act)
    )


def taken_back(record: RoomRecord, act: Audit) -> RoomRecord:
    """Return a record as it would be without an act; see :func:`is_as_left`.

    Who came or went meanwhile stays so, as far as that goes together with the rest of it.
    """
    was, became = _pair(act)
    fields: dict[str, Any] = {}
    for name, value in was.items():
        fields[name] = value
        if name in _PEOPLE:
            stay = [one for one in getattr(record, name) if one not in became[name]]
            fields[name] = (*stay, *(one for one in value if one not in stay))
    if "name" in fields:
        gone = (fold(fields["name"]), fold(record.name))
        former = [one for one in record.former if fold(one) not in gone]
        former += [record.name] if gone[0] != gone[1] else []
        fields["former"] = tuple(former[-FORMER_NAMES:])
    now = replace(record, **fields)
    now = replace(now, moderators=tuple(one for one in now.moderators if one != now.owner))
    invited = {*now.invited}
    if now.private:  # who moderates it, or owned it until now, may be in it
        invited = {*invited, *now.moderators, record.owner} - {now.owner, ""}
    return replace(now, invited=tuple(sorted(invited)))


def _pair(act: Audit) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return act.before or {}, act.after or {}
