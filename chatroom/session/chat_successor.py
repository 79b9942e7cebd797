"""A session of a person or a program that goes on after a restart."""

from collections.abc import Mapping
from typing import Any

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.net.connection import Connection
from chatroom.net.speech import Speech
from chatroom.protocol import from_text
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member
from chatroom.session.dialogue import Dialogue
from chatroom.session.faces import EVENTS, PLAIN, AnyFace
from chatroom.session.visit import Seat, serve


class ChatSuccessor:
    """Goes on as ``visit.Seat.hand_over`` has told; see ``successors.Successor``."""

    __slots__ = ("_dialogue", "_registry", "_seat", "_services")
    _seat: Seat

    def __init__(
        self,
        connection: Connection,
        services: Services,
        registry: Registry,
        told: Mapping[str, Any],
    ) -> None:
        self._services = services
        self._registry = registry
        settings = services.settings
        self._dialogue = Dialogue(connection, settings.name, settings.line_bytes)
        ahead = [None if line is None else from_text(line) for line in told["ahead"]]
        connection.turn(Speech.EVENTS if told["events"] else Speech.CHAT)
        face = EVENTS if told["events"] else PLAIN
        flags = bool(told["messages"]), bool(told["query_too"])
        self._dialogue.take_over(face, *flags, ahead)

    @property
    def face(self) -> AnyFace:
        return self._dialogue.face

    def sit(self, person: Person) -> Member:
        at = self._dialogue.connection
        member = Member(person.account.id, self.face, at.outbox, at.end, at.address)
        self._seat = Seat(self._dialogue, person, member)
        return member

    def serve(self, connection: Connection, /) -> None:
        serve(connection, self._services, self._registry, self._seat)
