"""People as an IRC client asks for them: their real names, whether they are away, what they run."""

from typing import NamedTuple

from chatroom.commands.services import Services
from chatroom.errors import UserError
from chatroom.irc.own_face import OwnFace
from chatroom.rooms.room import Room
from chatroom.storage.records import SUPERUSER, Account, Presence

USER = "~u"
HOST = "chat"
"""What stands for user and host of everybody: neither is ever told."""
_BUSY = "busy"


class Somebody(NamedTuple):
    """Who is here, at this server or another one."""

    account_id: str
    name: str
    real_name: str
    is_away: bool
    away: str
    """The reason; may be empty."""
    is_superuser: bool
    is_bot: bool
    active: float
    """When that one typed last, in seconds since the epoch."""
    since: float
    """When the oldest session began, in seconds since the epoch."""


def everybody(services: Services) -> list[Somebody]:
    """Return all who are here."""
    return [_somebody(services, one) for one in services.presence.everybody()]


def inside(services: Services, room: Room) -> list[Somebody]:
    """Return who is in a room."""
    return [_somebody(services, one) for one in services.presence.inside(room)]


def named(services: Services, name: str) -> Somebody | None:
    """Return somebody who is here, by name; ``None``: is not, or there is none."""
    account = account_named(services, name)
    found = services.presence.presence(account.id) if account is not None else None
    return _somebody(services, found) if found is not None else None


def account_named(services: Services, name: str) -> Account | None:
    """Return the account of a name; ``None``: there is none."""
    try:
        return services.accounts.find(name)
    except UserError:
        return None


def _somebody(services: Services, one: Presence) -> Somebody:
    face = _irc_face(services, one.account_id)
    is_away = one.state.startswith(_BUSY)
    away = one.state.removeprefix(_BUSY).removeprefix(" (").removesuffix(")") if is_away else ""
    return Somebody(
        one.account_id,
        one.name,
        (face.real_name if face is not None else "") or one.name,
        is_away,
        away,
        one.grant == SUPERUSER,
        face is not None and face.is_bot,
        one.active,
        one.since,
    )


def _irc_face(services: Services, account_id: str) -> OwnFace | None:
    """Return the face of the newest IRC session that somebody has here."""
    person = services.roster.person(account_id)
    if person is None:
        return None
    faces = (member.face for member in reversed(person.members))
    return next((face for face in faces if isinstance(face, OwnFace)), None)
