"""Sessions whose connection stays open at a restart: how they are told, and go on."""

import logging
import time
from collections.abc import Collection
from typing import Any

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.errors import Code, Conflict
from chatroom.log_files import FEW
from chatroom.net.connection import Connection
from chatroom.net.listener import Listener
from chatroom.protocol import from_text, to_text
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member
from chatroom.session.dialogue import Dialogue
from chatroom.session.faces import EVENTS, PLAIN
from chatroom.session.visit import Seat, serve

_log = logging.getLogger(__name__)

REST_SECONDS = 1.0
"""How long all of them together may take to come to rest."""
RESTARTS = "The server restarts. Come back in a moment."


class SessionSuccessors:
    """Hands over the sessions at rest, and takes over those that a predecessor had.

    :param services: who is here.
    :param registry: the commands.
    :param listener: has the connections.
    """

    def __init__(
        self,
        services: Services,
        registry: Registry,
        listener: Listener,
    ) -> None:
        self._services = services
        self._registry = registry
        self._listener = listener
        self._adopted: list[tuple[Connection, Seat]] = []
        self.at_rest: set[Connection] = set()
        """From these nothing is read any more; see :meth:`bring_to_rest`."""

    def bring_to_rest(self, connections: Collection[Connection]) -> None:
        """Stop to read from the connections that can go on in a successor.

        Those are in plain text, logged in, and have neither a question open nor a long answer
        under way. Takes ``REST_SECONDS`` at most.
        """
        wanted = {one for one in connections if one.seat is not None and not one.is_sealed}
        for connection in wanted:
            connection.is_wanted = True
        end = time.monotonic() + REST_SECONDS
        for connection in wanted:
            if not connection.busy.acquire(timeout=max(0.0, end - time.monotonic())):
                connection.is_wanted = False
            elif connection.seat.dialogue.is_asking or connection.outbox.input_ended:
                _let_go(connection)
            else:
                self.at_rest.add(connection)

    def give_up(self) -> None:
        """End the sessions at rest: there is no successor after all."""
        at_rest, self.at_rest = self.at_rest, set()
        for connection in at_rest:
            connection.outbox.stop_reading()
            _let_go(connection)

    def hand_over(self) -> dict[str, Any]:
        """Return in plain JSON how sessions at rest go on; everything is delivered."""
        now = time.monotonic()
        rooms = list(self._services.roster.by_log.values())
        sessions = []
        for connection in self.at_rest:
            if (told := connection.hand_over()) is not None:
                sessions.append({**told, **_told(connection.seat, now)})
        return {"sessions": sessions, "delivered": {room.log: room.delivered for room in rooms}}

    def descriptors(self) -> list[int]:
        """Return those that the successor needs."""
        return [fd for one in self.at_rest if (fd := one.outbox.fileno()) >= 0]

    def take_over(self, state: dict[str, Any]) -> None:
        """Let the sessions be here, before the start; :meth:`start` lets them go on.

        A session that cannot go on is told to come back. The people are here already.
        """
        delivered = {str(log): int(place) for log, place in state["delivered"].items()}
        for one in state["sessions"]:
            try:
                connection = self._listener.adopt(one)
            except OSError as error:
                _log.warning("connection not taken over reason=%s", error)
                continue
            dialogue = self._dialogue(connection, one)
            person = self._services.roster.person(str(one["account"]))
            try:
                if person is None:  # deleted, banned, or with another password
                    raise Conflict("the account has changed")
                self._adopted.append((connection, self._arrive(dialogue, person, one, delivered)))
            except Conflict as error:
                _log.info("session not taken over reason=%s", error, extra=FEW)
                text = dialogue.face.control("restart", RESTARTS, code=Code.RESTARTING)
                connection.outbox.finish(text)
                self._listener.go_on(connection, lambda _: None)

    def start(self) -> None:
        """Let all go on that were taken over."""
        adopted, self._adopted = self._adopted, []
        for connection, seat in adopted:
            self._listener.go_on(connection, _Serve(self._services, self._registry, seat))

    def _dialogue(self, connection: Connection, one: dict[str, Any]) -> Dialogue:
        settings = self._services.settings
        dialogue = Dialogue(connection, settings.name, settings.line_bytes)
        ahead = [None if line is None else from_text(line) for line in one["ahead"]]
        face = EVENTS if one["events"] else PLAIN
        dialogue.take_over(face, bool(one["messages"]), bool(one["query_too"]), ahead)
        return dialogue

    def _arrive(
        self, dialogue: Dialogue, person: Person, one: dict[str, Any], delivered: dict[str, int]
    ) -> Seat:
        connection, services = dialogue.connection, self._services
        account, outbox = person.account, connection.outbox
        member = Member(account.id, dialogue.face, outbox, connection.end, connection.address)
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
        _, missed = services.directory.arrive(account, member, seen, dict(cursors), room)
        # Of other nodes something may have come since.
        outbox.fill(slot, b"".join(page.chunk for page in missed))
        member.last_active = time.monotonic() - float(one["idle"])
        return Seat(dialogue, person, member)


def _let_go(connection: Connection) -> None:
    connection.is_wanted = False
    connection.busy.release()


class _Serve:
    """Lets one session go on in its connection's thread."""

    __slots__ = ("_registry", "_seat", "_services")

    def __init__(self, services: Services, registry: Registry, seat: Seat) -> None:
        self._services = services
        self._registry = registry
        self._seat = seat

    def __call__(self, connection: Connection) -> None:
        serve(connection, self._services, self._registry, self._seat)


def _told(seat: Seat, now: float) -> dict[str, Any]:
    dialogue, member = seat.dialogue, seat.member
    face, takes_messages, takes_query, ahead = dialogue.hand_over()
    return {
        "account": member.account_id,
        "events": face is EVENTS,
        "messages": takes_messages,
        "query_too": takes_query,
        "ahead": [None if line is None else to_text(line) for line in ahead],
        "room": member.room.log,
        "query": member.query,
        "ticket": member.ticket.hex(),
        "since": member.since,
        "listed": list(member.listed),
        "idle": now - member.last_active,
        "cursors": member.cursors,
    }
