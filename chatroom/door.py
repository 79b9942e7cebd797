"""Serves a connection by what it speaks: the first lines tell, see ``net.speech``."""

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.irc import visit as irc
from chatroom.net.connection import Connection
from chatroom.net.speech import Speech
from chatroom.session import visit
from chatroom.session.dialogue import TurnsIrc


def serve(connection: Connection, services: Services, registry: Registry) -> None:
    """Serve one connection until it ends; runs in the connection's own thread."""
    if connection.speech is Speech.IRC:
        irc.serve(connection, services, registry)
        return
    try:
        visit.serve(connection, services, registry)
    except TurnsIrc as turn:
        connection.turn_irc()
        irc.serve(connection, services, registry, turn.lines)
