"""The receiving thread: reads, lets the conversation hear it, and does what that wants done."""

import logging
import threading
import time
from collections.abc import Iterator

from chatroom.client.connection import NotLetIn
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
from chatroom.client.exit_codes import FAILED, OK, UNDELIVERED, CannotWrite, End
from chatroom.client.reconnect import Connect, Reconnector
from chatroom.client.render import Shown
from chatroom.client.said import Said
from chatroom.client.session import Visit
from chatroom.errors import Disconnected

_log = logging.getLogger(__name__)

_ANSWER_SECONDS = 60.0
"""How long a server may take to answer a login."""


class Receiver:
    """Runs a visit's second thread, and belongs to it.

    :param visit: shared with the main thread.
    :param connect: opens another connection to the same server; raises OSError or NotTrusted.
    :param where: the server, for people.
    :param patience: seconds without a connection after which it gives up; None: never.
    """

    def __init__(
        self, visit: Visit, connect: Connect, where: str, patience: float | None = None
    ) -> None:
        self.ended = threading.Event()
        """Set when the thread has nothing more to do."""
        self._visit = visit
        self._conversation = visit.conversation
        self._shown = Shown()
        self._reconnector = Reconnector(visit, connect, where, patience)
        self._ahead: list[Said] = []  # heard already, in front of what comes next

    @property
    def was_back(self) -> bool:
        """It has come back after a loss, at least once. Any thread may read it."""
        return self._reconnector.was_back

    def run(self) -> None:
        """Hear the server until the visit is over. Never raises."""
        visit = self._visit
        try:
            while visit.end is None:
                try:
                    visit.connection.answer_by = self._answer_by()
                    heard, self._ahead = self._ahead or visit.connection.receive(), []
                    for said in heard:
                        self._carry_out(self._conversation.hear(said))
                        if visit.end is not None:
                            break
                except Disconnected as reason:
                    self._lost(str(reason), reason)
        except BrokenPipeError:
            code = UNDELIVERED if len(self._conversation.pending) else OK
            visit.finish(End(code, is_quiet=True))
        except CannotWrite as error:
            visit.finish(End(FAILED, str(error)))
        except Exception:
            _log.exception("receiver failed")
            sentence = "Something went wrong in this program; see its log."
            visit.finish(End(FAILED, sentence))
        visit.connection.close()
        self.ended.set()

    def _answer_by(self) -> float:
        """Return when the server must have said something (monotonic), while it is its turn."""
        with self._visit.news:
            is_its_turn = self._conversation.is_servers_turn
        if not is_its_turn:
            return float("inf")
        return min(self._reconnector.until, time.monotonic() + _ANSWER_SECONDS)

    def _lost(self, reason: str, disconnected: Disconnected) -> None:
        connection = self._visit.connection
        connection.close()
        _log.info("connection lost reason=%s", reason)
        away = disconnected.why if isinstance(disconnected, NotLetIn) else None
        self._carry_out(self._conversation.lost(reason, away, connection.is_cut_short))

    # -- what the conversation wants done ----------------------------------------------------------

    def _carry_out(self, actions: Iterator[Action]) -> None:
        """Do one after the other: the next one is known only when this one is done."""
        news = self._visit.news
        while True:
            with news:
                action = next(actions, None)
                news.notify_all()
            if action is None:
                return
            self._do(action)

    def _do(self, action: Action) -> None:
        visit, conversation = self._visit, self._conversation
        match action:
            case Show():
                self._show(action)
            case Send(word, fields):
                with visit.sending:
                    visit.connection.send(word, fields)
            case SendAgain():
                self._send_again(action)
            case Tell(sentence):
                visit.frontend.tell(sentence)
            case AskLate(prompt):
                visit.frontend.ask_late(prompt)
            case NotAnswered(command):
                visit.frontend.lost(command)
            case KeepTicket():
                conversation.credentials.keep_ticket()
            case DropTicket(ticket):
                conversation.credentials.ticket_refused(ticket)
            case LoggedIn(user):
                self._reconnector.went_well()
                _log.info("logged in name=%s", user)
            case HoldOff(why):
                self._reconnector.hold_off(why)
            case Reconnect(reason, why, is_announced):
                self._ahead = self._reconnector.run(reason, why, is_announced)
            case Finish(end):
                visit.finish(end)
            case Log(line):
                _log.info("%s", line)

    def _show(self, action: Show) -> None:
        said, sent = action.said, action.sent
        text = self._shown.render(said, self._conversation.user, self._conversation.room)
        if text and (head := self._shown.take_head()):
            self._visit.frontend.show(Said("notice", {"kind": "history"}), head, None)
        if text or sent:
            self._visit.frontend.show(said, text, sent)

    def _send_again(self, action: SendAgain) -> None:
        visit = self._visit
        with visit.sending:
            with visit.news:
                again = self._conversation.let_in(action)
            for sent in again:
                visit.connection.send(sent.word, sent.fields)
            with visit.news:
                self._conversation.sent_again()
                visit.news.notify_all()
