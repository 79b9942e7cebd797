"""A session of an IRC client that goes on after a restart."""

from collections.abc import Mapping
from typing import Any

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.irc.member import IrcMember
from chatroom.irc.own_face import OwnFace
from chatroom.irc.session import IrcSession
from chatroom.irc.visit import go_on
from chatroom.irc.wording import wording_of
from chatroom.net.connection import Connection
from chatroom.net.speech import Speech
from chatroom.protocol import from_text, to_text
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member


def told_of(session: IrcSession) -> dict[str, Any]:
    """Return in plain JSON what :class:`IrcSuccessor` has to know."""
    person, member, face = session.person, session.member, session.face
    assert person is not None and member is not None and face is not None
    return {
        "caps": sorted(session.caps),
        "version": session.version,
        "user": session.user,
        "real_name": member.real_name,
        "bot": face.is_bot,
        "hides_lobby": member.hides_lobby,
        "away": person.away if person.away_by is member else None,
        "watched": session.services.watchers.of(member),
        "ahead": [None if line is None else to_text(line) for line in session.ahead],
    }


class IrcSuccessor:
    """Goes on as :func:`told_of` says; see ``session.successors.Successor``."""

    __slots__ = ("_away", "_hides_lobby", "_session", "_watched", "face")

    def __init__(
        self,
        connection: Connection,
        services: Services,
        registry: Registry,
        told: Mapping[str, Any],
    ) -> None:
        connection.turn(Speech.IRC)
        session = self._session = IrcSession(connection, services, registry)
        session.caps = frozenset(map(str, told["caps"]))
        session.version, session.user = int(told["version"]), str(told["user"])
        session.real_name = str(told["real_name"])
        session.ahead = [None if line is None else from_text(line) for line in told["ahead"]]
        self.face = session.face = OwnFace(services, session.server, "", session.nick, session.caps)
        self.face.wording = wording_of(registry)
        self.face.real_name = session.real_name
        self.face.is_bot = bool(told["bot"])
        self._away, self._hides_lobby = told["away"], bool(told["hides_lobby"])
        self._watched = [str(name) for name in told["watched"]]

    def sit(self, person: Person) -> Member:
        session, face = self._session, self.face
        session.nick = face.nick = person.account.name
        face.account_id = person.account.id
        at = session.connection
        member = IrcMember(person.account.id, face, at.outbox, at.end, at.address)
        member.real_name, member.hides_lobby = session.real_name, self._hides_lobby
        session.person, session.member = person, member
        return member

    def serve(self, connection: Connection, /) -> None:
        session = self._session
        assert session.person is not None and session.member is not None
        services = session.services
        services.watchers.watch(session.member, self._watched)
        if self._away is not None:
            services.busy.mark_away(session.person, str(self._away), session.member)
        go_on(session)
