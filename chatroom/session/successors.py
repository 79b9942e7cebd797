"""Sessions whose connection stays open at a restart: how they are told, and go on."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

from chatroom.commands.services import Services
from chatroom.errors import Code, Conflict
from chatroom.log_files import FEW
from chatroom.net.connection import Connection
from chatroom.net.listener import Listener
from chatroom.net.speech import Speech
from chatroom.rooms.face import Face
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member

_log = logging.getLogger(__name__)

REST_SECONDS = 1.0
"""How long all of them together may take to come to rest."""
RESTARTS = "The server restarts. Come back in a moment."


class Seat(Protocol):
    """A session that is logged in: ``Connection.seat``."""

    @property
    def member(self) -> Member | None:
        """Of the rooms; ``None`` before the login."""

    @property
    def may_go_on(self) -> bool:
        """Nothing is half done that only this process knows, such as a question."""


class Successor(Protocol):
    """A session that goes on as its predecessor has told."""

    @property
    def face(self) -> Face: ...

    def sit(self, person: Person) -> Member:
        """Return the session as the rooms will have it; it comes in behind this."""

    def serve(self, connection: Connection, /) -> None:
        """Go on, until it ends; runs in the connection's own thread."""


class Kind(NamedTuple):
    """Sessions of one kind that can go on."""

    key: str
    """Under which they are told."""
    told: Callable[[Any], dict[str, Any]]
    """Returns in plain JSON what the successor of a :class:`Seat` has to know."""
    successor: Callable[[Connection, Mapping[str, Any]], Successor]
    """Makes it, of what was told."""


Kinds = Mapping[Speech, Kind]
"""By what peers speak; sessions of all others end at a restart, and come back."""


class SessionSuccessors:
    """Hands over the sessions at rest, and takes over those that a predecessor had.

    :param services: who is here.
    :param listener: has the connections.
    :param kinds: of sessions that go on.
    """

    def __init__(self, services: Services, listener: Listener, kinds: Kinds) -> None:
        self._services = services
        self._listener = listener
        self._kinds = kinds
        self._adopted: list[tuple[Connection, Successor]] = []
        self.at_rest: set[Connection] = set()
        """From these nothing is read any more; see :meth:`bring_to_rest`."""

    def bring_to_rest(self, connections: Collection[Connection]) -> None:
        """Stop to read from the connections that can go on in a successor.

        Those are in plain text, logged in, and have neither a question open nor a long answer
        under way. Takes ``REST_SECONDS`` at most.
        """
        wanted = {
            one
            for one in connections
            if one.seat is not None and not one.is_sealed and one.speech in self._kinds
        }
        for connection in wanted:
            connection.is_wanted = True
        end = time.monotonic() + REST_SECONDS
        for connection in wanted:
            if not connection.busy.acquire(timeout=max(0.0, end - time.monotonic())):
                connection.is_wanted = False
            elif not _may_go_on(connection):
                _let_go(connection)
            else:
                self.at_rest.add(connection)

    def give_up(self) -> None:
        """End the sessions at rest: there is no successor after all."""
        at_rest, self.at_rest = self.at_rest, set()
        for connection in at_rest:
            connection.outbox.go_on()
            connection.outbox.stop_reading()
            _let_go(connection)

    def hand_over(self) -> dict[str, Any]:
        """Return in plain JSON how sessions at rest go on; everything is delivered."""
        now = time.monotonic()
        rooms = list(self._services.roster.by_log.values())
        state: dict[str, Any] = {"delivered": {room.log: room.delivered for room in rooms}}
        state.update((kind.key, []) for kind in self._kinds.values())
        for connection in self.at_rest:
            if (told := connection.hand_over()) is not None:
                seat, kind = connection.seat, self._kinds[connection.speech]
                state[kind.key].append({**told, **_told(seat, now), **kind.told(seat)})
        return state

    def descriptors(self) -> list[int]:
        """Return those that the successor needs."""
        return [fd for one in self.at_rest if (fd := one.outbox.fileno()) >= 0]

    def take_over(self, state: dict[str, Any]) -> None:
        """Let the sessions be here, before the start; :meth:`start` lets them go on.

        A session that cannot go on is told to come back. The people are here already.
        """
        delivered = {str(log): int(place) for log, place in state["delivered"].items()}
        for kind in dict.fromkeys(self._kinds.values()):
            for one in state.get(kind.key, ()):
                try:
                    connection = self._listener.adopt(one)
                except OSError as error:
                    _log.warning("connection not taken over reason=%s", error)
                    continue
                self._take_over(connection, kind.successor(connection, one), one, delivered)

    def _take_over(
        self,
        connection: Connection,
        successor: Successor,
        one: dict[str, Any],
        delivered: dict[str, int],
    ) -> None:
        person = self._services.roster.person(str(one["account"]))
        try:
            if person is None:  # deleted, banned, or with another password
                raise Conflict("the account has changed")
            self._arrive(connection, successor, person, one, delivered)
        except Conflict as error:
            _log.info("session not taken over reason=%s", error, extra=FEW)
            text = successor.face.control("restart", RESTARTS, code=Code.RESTARTING)
            connection.outbox.finish(text)
            self._listener.go_on(connection, lambda _: None)
        else:
            self._adopted.append((connection, successor))

    def start(self) -> None:
        """Let all go on that were taken over."""
        adopted, self._adopted = self._adopted, []
        for connection, successor in adopted:
            self._listener.go_on(connection, successor.serve)

    def _arrive(
        self,
        connection: Connection,
        successor: Successor,
        person: Person,
        one: dict[str, Any],
        delivered: dict[str, int],
    ) -> None:
        outbox, services = connection.outbox, self._services
        member = successor.sit(person)
        member.ticket = bytes.fromhex(one["ticket"])
        member.since, member.query = float(one["since"]), str(one["query"])
        member.listed = tuple(map(float, one["listed"]))
        cursors = one["cursors"]
        if cursors is None:
            here = [room.log for room in person.logs]
            cursors = {log: delivered[log] for log in here if log in delivered}
        slot = outbox.reserve()
        seen = services.control_events.count
        room = str(one["room"])
        account = person.account
        _, missed = services.directory.arrive(account, member, seen, dict(cursors), room)
        # Of other nodes something may have come since.
        outbox.fill(slot, b"".join(page.chunk for page in missed))
        member.last_active = time.monotonic() - float(one["idle"])


def _may_go_on(connection: Connection) -> bool:
    seat: Seat = connection.seat
    return seat.may_go_on and not connection.outbox.input_ended


def _let_go(connection: Connection) -> None:
    connection.is_wanted = False
    connection.busy.release()


def _told(seat: Seat, now: float) -> dict[str, Any]:
    member = seat.member
    assert member is not None
    return {
        "account": member.account_id,
        "room": member.room.log,
        "query": member.query,
        "ticket": member.ticket.hex(),
        "since": member.since,
        "listed": list(member.listed),
        "idle": now - member.last_active,
        "cursors": member.cursors,
    }
