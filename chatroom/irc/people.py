"""People as an IRC client asks for them: their real names, whether they are away, what they run."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from chatroom.commands.services import Services
from chatroom.errors import UserError
from chatroom.irc.own_face import OwnFace
from chatroom.irc.wording import NICK as SERVICE
from chatroom.names import fold
from chatroom.rooms.person import FREE
from chatroom.rooms.room import Room
from chatroom.rooms.watchers import reason_of
from chatroom.storage.records import SUPERUSER, Account, Presence

USER = "~u"
HOST = "chat"
"""What stands for user and host of everybody: neither is ever told."""
_FOLDED_MOST = 16384


class Somebody(NamedTuple):
    """Who is here, at this server or another one."""

    account_id: str
    name: str
    real_name: str
    """As the newest session says that has one, else the name."""
    is_away: bool
    away: str
    """The reason; may be empty."""
    is_superuser: bool
    is_bot: bool
    is_sealed: bool
    """All sessions are known to be within TLS."""
    active: float
    """When that one typed last, in seconds since the epoch; 0: it is no person."""
    since: float
    """When the oldest session began, in seconds since the epoch; 0: it is coming back."""
    rooms: tuple[str, ...]
    """Their logs."""


_SERVICE = Somebody(
    account_id=SERVICE,
    name=SERVICE,
    real_name="Takes the commands of this server: /msg server help",
    is_away=False,
    away="",
    is_superuser=False,
    is_bot=True,
    is_sealed=False,
    active=0.0,
    since=0.0,
    rooms=(),
)


def find_here(services: Services, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return for each name the account id of who is here with it, and how it is spelled.

    The id is empty for nobody; the name is as given then. The service is always here, and is its
    own id. Nothing is looked up in the store.
    """
    here = {SERVICE: (SERVICE, SERVICE)}
    here |= {_folded(name): (one, name) for one, name in services.presence.names().items()}
    return [here.get(_folded(name), ("", name)) for name in names]


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else _fold_long(name)


_fold_long = lru_cache(maxsize=_FOLDED_MOST)(fold)
"""Of names that are not all ASCII: PRECIS takes some microseconds a letter."""


def inside(services: Services, room: Room) -> list[Somebody]:
    """Return who is in a room."""
    return [_shown(services, one) for one in services.presence.inside(room)]


def named(services: Services, name: str) -> Somebody | None:
    """Return somebody who is here, by name; ``None``: is not, or there is none."""
    ((account_id, _),) = find_here(services, [name])
    return somebody(services, account_id) if account_id else None


def somebody(services: Services, account_id: str) -> Somebody | None:
    """Return somebody who is here, also one that has lost the connection a moment ago."""
    if account_id == SERVICE:
        return _SERVICE
    found = services.presence.known(account_id)
    return _shown(services, found) if found is not None else None


def _shown(services: Services, one: Presence) -> Somebody:
    person = services.roster.person(one.account_id)
    members = person.members if person is not None else ()
    faces = [member.face for member in members]
    own = [face for face in faces if isinstance(face, OwnFace)]
    is_all = len(own) == len(one.seats) > 0  # of other sessions it is not known
    return Somebody(
        account_id=one.account_id,
        name=one.name,
        real_name=one.real_name or one.name,
        is_away=one.state != FREE or not one.seats,
        away=reason_of(one.state),
        is_superuser=one.grant == SUPERUSER,
        is_bot=any(face.is_bot for face in own),
        is_sealed=is_all and all(face.is_sealed for face in own),
        active=one.active,
        since=one.since,
        rooms=one.rooms,
    )


def account_named(services: Services, name: str) -> Account | None:
    """Return the account of a name; ``None``: there is none."""
    try:
        return services.accounts.find(name)
    except UserError:
        return None
