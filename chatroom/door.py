"""Serves a connection by what it speaks: the first bytes tell, see ``net.opening``."""

from collections.abc import Sequence

from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.counts import COUNTS
from chatroom.errors import Disconnected
from chatroom.irc import visit as irc
from chatroom.irc.successor import IrcSuccessor, told_of
from chatroom.net.admission import Admission
from chatroom.net.connection import Connection
from chatroom.net.speech import Speech
from chatroom.net.tls import Tls
from chatroom.session import visit
from chatroom.session.chat_successor import ChatSuccessor
from chatroom.session.dialogue import TurnsIrc
from chatroom.session.successors import Kind, Kinds

_IRC_IS_OFF = (
    "IRC is off on this server: use Chatroom's own client, chatroom_client.py, or ask the operator."
)


class Door:
    """Leads whoever comes to the face that speaks the same.

    :param tls: knows the names by which a browser may ask for the page, and who has issued it.
    :param admission: lets in whom a web proxy speaks for.
    """

    def __init__(
        self, services: Services, registry: Registry, tls: Tls, admission: Admission
    ) -> None:
        self._admission = admission
        self._services = services
        self._registry = registry
        self._tls = tls

    @property
    def kinds(self) -> Kinds:
        """The sessions that go on after a restart: a WebSocket comes back by itself."""
        parts = (self._services, self._registry)
        chat = Kind(
            "sessions",
            visit.Seat.hand_over,
            lambda connection, told: ChatSuccessor(connection, *parts, told),
        )
        irc_clients = Kind(
            "irc", told_of, lambda connection, told: IrcSuccessor(connection, *parts, told)
        )
        return {Speech.CHAT: chat, Speech.EVENTS: chat, Speech.IRC: irc_clients}

    def serve(self, connection: Connection) -> None:
        """Serve one connection until it ends; runs in the connection's own thread."""
        services, registry = self._services, self._registry
        if connection.speech is Speech.IRC:
            self._serve_irc(connection)
        elif connection.speech is Speech.WEB:
            # Loaded at the first page: most rooms never see a browser, and it takes memory.
            from chatroom.web import visit as web

            web.serve(connection, services, registry, self._tls.names, self._admission)
        else:
            try:
                visit.serve(connection, services, registry)
            except TurnsIrc as turn:
                connection.turn(Speech.IRC)
                self._serve_irc(connection, turn.lines)

    def _serve_irc(self, connection: Connection, ahead: Sequence[bytes | None] = ()) -> None:
        if not self._services.settings.irc:
            COUNTS.refused.add("irc")
            connection.say_last(_IRC_IS_OFF)
            raise Disconnected("IRC is off")
        policy = self._strict_transport(connection)
        irc.serve(connection, self._services, self._registry, policy, ahead)

    def _strict_transport(self, connection: Connection) -> str:
        days = self._services.settings.irc_sts_days
        # A client that does not trust the certificate would stay away until the days are over.
        if not days or self._tls.is_self_signed:
            return ""
        return f"duration={days * 86400}" if connection.is_sealed else f"port={connection.port}"
