"""What those inside are told when a room was changed: the same at every server. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatroom.room_texts import rules_text
from chatroom.sentences import duration
from chatroom.storage.records import RoomRecord


@dataclass(frozen=True, slots=True)
class News:
    """One change."""

    kind: str
    """Word of the notice, or what a client has to do."""
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_control: bool = False
    """A client has to act upon it."""
    is_said: bool = False
    """It has somebody's own words: who ignores that person is not told."""


def news(before: RoomRecord, now: RoomRecord, owned_by: str = "") -> Iterator[News]:
    """Return what has changed of a room, for those inside.

    :param owned_by: name of who has owned it before; empty: nobody who is here.
    """
    name, by = f"#{now.name}", now.by
    who = {"by": by} if by else {}
    if before.name != now.name:
        text = f"{by} has renamed #{before.name}: it" if by else f"#{before.name}"
        text = f"{text} is called {name} now."
        yield News("renameroom", text, {"was": before.name, **who}, is_control=True)
    if before.topic != now.topic:
        text = f"{by} has removed the topic of {name}." if by else f"{name} has no topic any more."
        if now.topic:
            has = f"{by} has set the topic of {name}" if by else f"{name} has another topic now"
            text = f"{has}: {now.topic}"
        yield News("topic", text, {"topic": now.topic, **who}, is_said=True)
    if before.rules != now.rules:
        text = f"{by} has removed the rules of {name}." if by else f"{name} has no rules any more."
        if now.rules:
            has = f"{by} has changed the rules of {name}" if by else f"{name} has other rules now"
            text = rules_text(f"{has}:", now.rules)
        yield News("rules", text, {"rules": now.rules, **who}, is_said=True)
    if before.private != now.private:
        what = "private: only who is invited can join" if now.private else "open to everybody"
        made = f"{by} has made {name} {what}." if by else f"{name} is {what} now."
        yield News("private" if now.private else "public", made, who)
    if before.is_archived != now.is_archived:
        what = "can be read only from now on" if now.is_archived else "can be written to again"
        done = "archived" if now.is_archived else "unarchived"
        yield News(done, f"{by} has {done} {name}: it {what}." if by else f"{name} {what}.", who)
    if before.slow != now.slow:
        pace = (
            f"one message in {duration(now.slow)} from each" if now.slow else "as fast as you like"
        )
        text = f"{by} has changed the pace of {name}: {pace}." if by else f"{name}: {pace} now."
        yield News("slow", text, {"seconds": now.slow, **who})
    yield from _roles(before, now, name, who, owned_by)


def _roles(
    before: RoomRecord, now: RoomRecord, name: str, who: Mapping[str, str], owned_by: str
) -> Iterator[News]:
    fields = {"user": now.whom, **who}
    by, whom = now.by, now.whom
    if before.owner != now.owner:
        text = f"{name} has another owner now. See /roominfo."
        if not now.owner:
            text = f"{name} has no owner any more."
        elif whom:
            text = f"{by} has handed {name} over to {whom}." if by else f"{name} is {whom}'s now."
        yield News("owner", text, {**fields, **({"was": owned_by} if owned_by else {})})
    elif {*now.moderators} - {*before.moderators}:
        text = f"{name} has another moderator now. See /roominfo."
        if by and whom:
            text = f"{by} has made {whom} a moderator of {name}."
        yield News("moderator", text, fields)
    elif {*before.moderators} - {*now.moderators}:
        text = f"{name} has a moderator less now. See /roominfo."
        if by and whom:
            text = f"{by} has made {whom} no longer a moderator of {name}."
        yield News("unmoderator", text, fields)
