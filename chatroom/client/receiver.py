"""The receiving thread: reads, lets the conversation hear it, and does what that wants done."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from chatroom.client.connection import Connection, NotLetIn
from chatroom.client.conversation import Conversation
from chatroom.client.conversation.actions import (
    Action,
    AskLate,
    DropTicket,
    Finish,
    HoldOff,
    KeepTicket,
    Log,
    LoggedIn,
    NotAnswered,
    Reconnect,
    Send,
    SendAgain,
    Show,
    Tell,
)
from chatroom.client.conversation.cursors import Cursors, Marks
from chatroom.client.credentials import Credentials
from chatroom.client.exit_codes import FAILED, OK, UNDELIVERED, CannotWrite, End
from chatroom.client.reconnect import Connect, Reconnector, connect_at_first
from chatroom.client.render import Renderer
from chatroom.client.said import Said, mentions, text_of
from chatroom.client.session import Frontend, Session
from chatroom.client.trust import Endpoint
from chatroom.errors import Disconnected
from chatroom.sentences import Clock

_log = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
"""How long a server may take to say hello: it may be far away, busy, or have just started."""
_ANSWER_SECONDS = 60.0
"""How long a server may take to answer a login."""


class Receiver:
    """Runs a session's second thread, and belongs to it.

    :param session: shared with the main thread.
    :param connect: opens another connection to the same server; raises OSError or NotTrusted.
    :param where: the server, for people.
    :param patience: seconds without a connection after which it gives up; None: never.
    :param clock: of the person who reads; None: a program does.
    """

    def __init__(
        self,
        session: Session,
        connect: Connect,
        where: str,
        patience: float | None = None,
        clock: Clock | None = None,
        marks: Marks | None = None,
    ) -> None:
        self.ended = threading.Event()
        """Set when the thread has nothing more to do."""
        self.session = session
        self._conversation = session.conversation
        self._renderer = Renderer(clock)
        self._marks = marks
        self._reconnector = Reconnector(session, connect, where, patience)
        self._ahead: list[Said] = []  # heard already, in front of what comes next

    @property
    def was_back(self) -> bool:
        """It has come back after a loss, at least once. Any thread may read it."""
        return self._reconnector.was_back

    def start(self) -> None:
        """Start the thread. Once."""
        # A daemon: a connect or a full pipe may hold it up, and nothing is lost with it.
        threading.Thread(target=self.run, name="receiver", daemon=True).start()

    def run(self) -> None:
        """Hear the server until the visit is over. Never raises."""
        session = self.session
        try:
            while session.end is None:
                try:
                    session.connection.answer_by = self._answer_by()
                    heard, self._ahead = self._ahead or session.connection.receive(), []
                    for said in heard:
                        self._carry_out(self._conversation.hear(said))
                        if session.end is not None:
                            break
                        if self._marks is not None:
                            self._marks.hear(said, self._conversation.whereabouts.names)
                    self._tell_what_was_read()
                except Disconnected as reason:
                    self._lost(str(reason), reason)
        except BrokenPipeError:
            code = UNDELIVERED if len(self._conversation.pending) else OK
            session.finish(End(code, is_quiet=True))
        except CannotWrite as error:
            session.finish(End(FAILED, str(error)))
        except Exception:
            _log.exception("receiver failed")
            sentence = "Something went wrong in this program; see its log."
            session.finish(End(FAILED, sentence))
        session.connection.close()
        self.ended.set()

    def _answer_by(self) -> float:
        """Return when the server must have said something (monotonic), while it is its turn."""
        with self.session.news:
            is_its_turn = self._conversation.is_servers_turn
        if not is_its_turn:
            return float("inf")
        return min(self._reconnector.until, time.monotonic() + _ANSWER_SECONDS)

    def _lost(self, reason: str, disconnected: Disconnected) -> None:
        connection = self.session.connection
        connection.close()
        _log.info("connection lost reason=%s", reason)
        away = disconnected.why if isinstance(disconnected, NotLetIn) else None
        self._carry_out(self._conversation.lost(reason, away, connection.is_cut_short))

    # -- what the conversation wants done ----------------------------------------------------------

    def _carry_out(self, actions: Iterator[Action]) -> None:
        """Do one after the other: the next one is known only when this one is done."""
        news, conversation = self.session.news, self._conversation
        while True:
            with news:
                action = next(actions, None)
                if conversation.has_news:
                    conversation.has_news = False
                    news.notify_all()
            if action is None:
                return
            self._do(action)

    def _do(self, action: Action) -> None:
        session, conversation = self.session, self._conversation
        match action:
            case Show():
                self._show(action)
            case Send(word, fields):
                with session.sending:
                    session.connection.send(word, fields)
            case SendAgain():
                self._send_again(action)
            case Tell(sentence):
                session.frontend.tell(sentence)
            case AskLate(prompt):
                session.frontend.ask_late(prompt)
            case NotAnswered(command):
                session.frontend.lost(command)
            case KeepTicket():
                conversation.credentials.keep_ticket()
            case DropTicket(ticket):
                conversation.credentials.ticket_refused(ticket)
            case LoggedIn(user):
                self._reconnector.went_well()
                _log.info("logged in name=%s", user)
            case HoldOff(why):
                self._reconnector.hold_off(why)
            case Reconnect():
                self._ahead = self._reconnector.run(action)
            case Finish(end):
                session.finish(end)
            case Log(line):
                _log.info("%s", line)

    def _tell_what_was_read(self) -> None:
        conversation = self._conversation
        if self._marks is None or "read" not in conversation.features or not conversation.was_in:
            return
        for room, last in self._marks.due(conversation.whereabouts.room):
            self._do(Send("read", {"room": conversation.whereabouts.told(room), "id": last}))

    def _show(self, action: Show) -> None:
        said, sent = action.said, action.sent
        if self._marks is not None and said.fields.get("command") == "read":
            return  # a mark of this program means nothing there any more; nobody has typed it
        if said.word == "message" and "mentions" not in self._conversation.features:
            fields, own = said.fields, self._conversation.user
            if mentions(text_of(fields, "text"), own):
                fields["mentions"] = True
        text = self._renderer.render(said, self._conversation.user, self._conversation.room)
        if text and (head := self._renderer.take_head()):
            self.session.frontend.show(Said("notice", {"kind": "history"}), head, None)
        if text or sent or said.word == "read":
            is_hidden = self._reconnector.hides(said)
            self.session.frontend.show(said, "" if is_hidden else text, sent)

    def _send_again(self, action: SendAgain) -> None:
        session = self.session
        with session.sending:
            with session.news:
                again = self._conversation.let_in(action)
            for sent in again:
                session.connection.send(sent.word, sent.fields)
            with session.news:
                self._conversation.sent_again()
                session.news.notify_all()


def open_session(
    endpoint: Endpoint,
    credentials: Credentials,
    frontend: Frontend,
    leave_at_once: Callable[[int], None],
    patience: float | None,
    cursors: Cursors | None = None,
    must_be_events: bool = False,
    takes_messages: bool = False,
    clock: Clock | None = None,
    marks: Marks | None = None,
) -> Receiver:
    """Connect, and return who receives; whatever the frontend, this builds what it stands upon.

    :param endpoint: the server.
    :param credentials: who logs in.
    :param frontend: shows and asks.
    :param leave_at_once: ends the process while the main thread waits for input.
    :param patience: seconds without a server after which it gives up; None: never.
    :param cursors: what was heard before, for a login with a ticket.
    :param must_be_events: it is a program that talks: it understands nothing else, and talks in the
        lobby, wherever others by the same account have talked last.
    :param takes_messages: what commands read back comes as messages, not as a text.
    :param clock: of the person who reads; None: a program does.
    :param marks: tells the server what was shown to that person; None: nobody looks.
    :raises OSError: nobody can be reached there.
    :raises NotTrusted: it is not who it should be.
    """
    seconds = HELLO_SECONDS if patience is None else min(HELLO_SECONDS, patience)
    until = float("inf") if patience is None else time.monotonic() + patience
    usual = min(endpoint.seconds, max(0.1, seconds))

    def connect(longest: float = float("inf"), must_be_events: bool = True) -> Connection:
        endpoint.seconds = min(usual, longest)
        return Connection(endpoint, min(seconds, longest), must_be_events, takes_messages)

    first = connect_at_first(partial(connect, must_be_events=must_be_events), until, frontend.tell)
    where = f"{endpoint.host} port {endpoint.port}"
    begins_in = "lobby" if must_be_events else ""
    conversation = Conversation(credentials, where, begins_in, cursors)
    session = Session(first, conversation, frontend, leave_at_once)
    return Receiver(session, connect, where, patience, clock, marks)
