"""Who is told of an invitation: whom it is of, and who runs the room. Any thread."""

import time
from collections.abc import Iterable

from chatroom.rooms.memberships import tell
from chatroom.rooms.roles import runs
from chatroom.rooms.room import Member, Room
from chatroom.rooms.roster import Roster

INVITED_SECONDS = 60.0
"""Least time between two notices to somebody of invitations to one room."""


def tell_invited(roster: Roster, room: Room, account_id: str, by_id: str, by: str) -> None:
    """Tell somebody who is here of an invitation.

    :param by_id: account id of who invites: who ignores that person is not told.
    :param by: name of who invites; empty: it is not told.
    """
    text = f"{by} invites you: /join {room.name}" if by else f"You are invited: /join {room.name}"
    tell(_to_tell(roster, room, account_id), "invited", text, room, by_id, by)


def _to_tell(roster: Roster, room: Room, account_id: str) -> Iterable[Member]:
    """Return the sessions of somebody that are to be told of an invitation.

    None, if they were lately: who invites and takes that back in turn makes no noise.
    """
    now = time.monotonic()
    with roster.lock:
        person = roster.people.get(account_id)
        if person is None:
            return ()
        lately = {k: at for k, at in person.invited.items() if now - at < INVITED_SECONDS}
        if room.log in lately:
            return ()
        person.invited = {**lately, room.log: now}
        return person.members


def tell_runners(roster: Roster, room: Room, name: str, by_id: str, by: str) -> None:
    """Tell who runs a room and shows such things that somebody was invited; not who did that.

    :param name: of whom was invited.
    """
    with roster.lock:
        inside = roster.locked_inside(room)
    for person in inside:
        if person.account.id == by_id or not runs(person.account, room.record):
            continue
        for member in person.members:
            if chunk := member.face.about("invited", name, by=by, room=room.name):
                member.outbox.offer(chunk)
