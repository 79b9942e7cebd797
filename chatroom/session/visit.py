"""One visit, from the greeting to the farewell, as plain sequential code in one thread."""

import logging
import time
from concurrent.futures import CancelledError

from chatroom.commands.registry import Context, Registry, Services
from chatroom.errors import Gone, StoreError
from chatroom.net.connection import Connection
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member
from chatroom.session.dialogue import Dialogue
from chatroom.session.faces import COMMAND, NOTHING, POST
from chatroom.session.login import GivenUp, Login
from chatroom.storage.records import TEXT, Account, Post

_log = logging.getLogger(__name__)

NAMES_SHOWN = 20
_SETTLE_SECONDS = 3.0


def serve(connection: Connection, services: Services, registry: Registry) -> None:
    """Serve one connection until it ends; runs in the connection's own thread.

    :raises Gone: the peer has left.
    """
    settings = services.settings
    dialogue = Dialogue(connection, settings.name, settings.line_bytes)
    try:
        dialogue.tell("greeting", f"This is {settings.name}, a chat room.")
        # No name for what the login returns: it would stay in memory as long as the visit.
        _Visit(dialogue, services, registry, _log_in(dialogue, services)).run()
    except GivenUp as reason:
        _log.info("login given up address=%s", connection.address)
        _say_goodbye(dialogue, "disconnect", str(reason))
    except CancelledError:
        raise Gone("server stops") from None
    except Gone as reason:
        _say_goodbye(dialogue, "disconnect", _GOODBYES.get(str(reason), ""))
        raise
    finally:
        # Nobody's thread may be ahead of the others at the stop: what was posted is delivered
        # to everybody before anybody hears the farewell.
        if services.stopping.is_set():
            services.settled.wait(_SETTLE_SECONDS)
            if services.restarting.is_set():
                text = "The server restarts. Come back in a moment."
                _say_goodbye(dialogue, "restart", text)
            else:
                _say_goodbye(dialogue, "disconnect", "The server stops. Goodbye.")


def _log_in(dialogue: Dialogue, services: Services) -> tuple[Account, int]:
    seen = services.directory.changes
    account = Login(dialogue, services.accounts).run()
    dialogue.connection.must_log_in = False
    return account, seen


_GOODBYES = {
    "time is up": "You took too long to log in. Connect again.",
    "a line without end": "You sent a line without an end. Connect again.",
}


def _say_goodbye(dialogue: Dialogue, do: str, text: str) -> None:
    if text:
        dialogue.connection.outbox.finish(dialogue.face.control(do, text))


class _Visit:
    __slots__ = ("_dialogue", "_member", "_person", "_registry", "_services")

    def __init__(
        self,
        dialogue: Dialogue,
        services: Services,
        registry: Registry,
        logged_in: tuple[Account, int],
    ) -> None:
        account, seen = logged_in
        self._dialogue = dialogue
        self._services = services
        self._registry = registry
        connection = dialogue.connection
        self._member = Member(account.id, dialogue.face, connection.outbox, connection.end)
        self._person: Person = self._come_in(account, seen)

    def run(self) -> None:
        try:
            self._talk()
        finally:
            self._services.directory.depart(self._person, self._member)
            _log.info("left account=%s", self._person.account.id)

    def _come_in(self, account: Account, seen: int) -> Person:
        face, outbox = self._dialogue.face, self._dialogue.connection.outbox
        # Held until the history is sent: what comes meanwhile belongs behind it.
        outbox.hold()
        person, history = self._services.directory.arrive(account, self._member, seen)
        address = self._dialogue.connection.address
        _log.info("logged in account=%s name=%s address=%s", account.id, account.name, address)
        names, number = self._services.directory.some_names(NAMES_SHOWN)
        others = number - len(names)
        here = ", ".join(names) + (f" and {others} more" if others > 0 else "")
        first = face.notice(
            "welcome",
            f"Welcome, {account.name}. Type a message, or /help for the commands.",
            user=account.name,
            grant=account.grant,
        ) + face.notice("here", f"Here now ({number}): {here}", names=names, number=number)
        if history:
            first += face.notice("history", "The last messages:") + history
        if person.busy is not None:
            text = f"You are {person.busy_text()}. Messages are held until you type /free."
            first += face.control("busy", text, reason=person.busy)
        outbox.release(first)
        return person

    def _talk(self) -> None:
        read = self._dialogue.read
        person, member = self._person, self._member
        room = self._services.directory.lobby
        rate = self._services.settings.message_rate
        while True:
            said = read()
            kind = said.kind
            if kind == NOTHING:
                continue
            member.last_active = time.monotonic()
            if rate:
                delay = person.pace(rate)
                if delay > 0:
                    self._services.stopping.wait(delay)
            if kind == POST:
                account = person.account
                try:
                    room.post(Post(room.log, TEXT, account.id, account.name, said.text, said.cid))
                except StoreError as error:
                    self._dialogue.refuse(str(error), said.cid)
            elif kind == COMMAND:
                context = Context(self._services, person, member, self._dialogue, said.cid)
                self._registry.run(context, said.text)
                if context.leaving:
                    return
            else:
                self._dialogue.refuse("Nothing was asked just now.", said.cid)
