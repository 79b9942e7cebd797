"""The receiving thread: hears the server, logs in by itself, and comes back after a loss."""

import logging
import threading
import time
from collections.abc import Callable

from chatroom.client.connection import Face, NotLetIn
from chatroom.client.cursors import Cursors
from chatroom.client.exit_codes import (
    FAILED,
    KICKED,
    NOT_LOGGED_IN,
    OK,
    UNDELIVERED,
    UNREACHABLE,
    CannotWrite,
    End,
)
from chatroom.client.pending import Sent
from chatroom.client.reconnect import Connect, Reconnector
from chatroom.client.render import Shown
from chatroom.client.said import PASSING, PLAIN, Said, Why, lines_of, text_of, why
from chatroom.client.session import Prompt, State, Visit
from chatroom.errors import Code, Disconnected

_log = logging.getLogger(__name__)

_ANSWER_SECONDS = 60.0
"""How long a server may take to answer a login."""


_LOGIN_ASKS = ("account", "name", "password")
"""Questions in whose place one line logs in."""


class Receiver:
    """Runs a visit's second thread, and belongs to it.

    :param visit: shared with the main thread.
    :param connect: opens another connection to the same server; raises OSError or NotTrusted.
    :param where: the server, for people.
    :param patience: seconds without a connection after which it gives up; None: never.
    :param cursors: what was heard before this visit; None: nothing.
    """

    def __init__(
        self,
        visit: Visit,
        connect: Connect,
        where: str,
        patience: float | None = None,
        cursors: Cursors | None = None,
    ) -> None:
        self.ended = threading.Event()
        """Set when the thread has nothing more to do."""
        self._visit = visit
        self._where = where
        self._shown = Shown()
        self._comeback = Reconnector(visit, connect, where, patience)
        self._user = ""
        self._cursors = cursors or Cursors()
        self._tried_password = False
        self._tried_ticket = False
        self._asked_person = False
        """The last answer of the login is a person's."""
        self._away: Why | None = None  # the server has ended the login, and may be asked again
        self._ahead: list[Said] = []  # heard already, in front of what comes next
        self._takers: dict[str, Callable[[Said], None]] = {
            PLAIN: self._plain,
            "hello": self._hello,
            "prompt": self._prompt,
            "notice": self._notice,
            "message": self._message,
            "result": self._result,
            "ticket": self._ticket,
            "export": self._show,
            "control": self._control,
            "ping": self._ping,
        }

    @property
    def was_back(self) -> bool:
        """It has come back after a loss, at least once. Any thread may read it."""
        return self._comeback.was_back

    def run(self) -> None:
        """Hear the server until the visit is over. Never raises."""
        visit = self._visit
        try:
            while visit.end is None:
                try:
                    visit.link.answer_by = self._answer_by()
                    heard, self._ahead = self._ahead or visit.link.receive(), []
                    for said in heard:
                        self._takers.get(said.word, _ignore)(said)
                        if visit.end is not None:
                            break
                except Disconnected as reason:
                    self._lost(str(reason), reason.why if isinstance(reason, NotLetIn) else None)
        except BrokenPipeError:
            code = UNDELIVERED if len(visit.ledger) else OK
            visit.finish(End(code, is_quiet=True))
        except CannotWrite as error:
            visit.finish(End(FAILED, str(error)))
        except Exception:
            _log.exception("receiver failed")
            sentence = "Something went wrong in this program; see its log."
            visit.finish(End(FAILED, sentence))
        visit.link.close()
        self.ended.set()

    # -- what the server says ------------------------------------------------------------------

    def _show(self, said: Said, sent: Sent | None = None) -> None:
        text = self._shown.render(said, self._user, self._visit.room)
        if text and (head := self._shown.take_head()):
            self._visit.front.show(Said("notice", {"kind": "history"}), head, None)
        if text or sent:
            self._visit.front.show(said, text, sent)

    def _plain(self, said: Said) -> None:
        visit = self._visit
        if visit.link.face is Face.PLAIN and visit.state is not State.PLAIN:
            _log.info("plain server")
            with visit.news:
                visit.state = State.PLAIN
                visit.news.notify_all()
        self._show(said)

    def _hello(self, said: Said) -> None:
        with self._visit.news:
            self._visit.state = State.LOGGING_IN
        self._show(said)

    def _prompt(self, said: Said) -> None:
        visit = self._visit
        ask = text_of(said.fields, "ask")
        if ask in _LOGIN_ASKS and visit.state is State.LOGGING_IN and self._log_in():
            return
        prompt = Prompt(ask, lines_of(said.fields), said.fields.get("secret") is True)
        with visit.news:
            logging_in = visit.state is State.LOGGING_IN
            answer = visit.credentials.answer(ask) if logging_in else None
            must_answer = logging_in and visit.credentials.is_given
        self._asked_person = answer is None
        if answer is None and must_answer:
            sentence = f"The server asks what cannot be answered here: {prompt.text}"
            if ask == "password":
                sentence = (
                    f"The ticket of {visit.credentials.name} does not hold any more. Log in with "
                    "the password once: put it into CHATROOM_PASSWORD, or into a file for "
                    "--password-file."
                )
            visit.finish(End(NOT_LOGGED_IN, sentence))
        elif answer is not None:
            self._tried_password = ask == "password"
            with visit.sending:
                visit.link.send("answer", {"text": answer})
        else:
            with visit.news:
                self._tried_password = ask == "password"
                visit.prompt = prompt
                visit.awaited.end()
                visit.news.notify_all()
                is_late = visit.is_reading
            if is_late:
                visit.front.ask_late(prompt)

    def _log_in(self) -> bool:
        """Log in with one line, if there is a ticket or a password; False: a person is asked."""
        visit = self._visit
        with visit.news:
            ticket, login = visit.credentials.ticket, visit.credentials.login()
        self._tried_ticket = bool(ticket)
        self._tried_password = not ticket and login is not None
        self._asked_person = False
        if ticket:
            with visit.sending:
                visit.link.send("resume", self._cursors.resume(ticket, visit.link.line_bytes))
        elif login is not None:
            with visit.sending:
                visit.link.send("login", login)
        return self._tried_ticket or self._tried_password

    def _ticket(self, said: Said) -> None:
        with self._visit.news:
            self._visit.credentials.ticket = text_of(said.fields, "ticket")
        self._visit.credentials.keep_ticket()

    def _notice(self, said: Said) -> None:
        kind = said.fields.get("kind")
        if kind == "welcome":
            self._show(said)
            rooms = said.fields.get("rooms")
            if isinstance(rooms, list):
                self._visit.rooms = frozenset(room for room in rooms if isinstance(room, str))
            self._welcome(text_of(said.fields, "user"), text_of(said.fields, "room"))
        elif kind == "left":
            self._left(text_of(said.fields, "room"))
            self._show(said)
        elif kind == "error" and self._visit.state is State.LOGGING_IN:
            self._refused(said)
        else:
            self._show(said)

    def _left(self, room: str) -> None:
        """The person is in a room no more; lines that went there go to the lobby."""
        self._cursors.forget(room)
        with self._visit.news:
            if self._visit.room == room:
                self._visit.room = "lobby"

    def _refused(self, said: Said) -> None:
        """A wrong answer of the login; the server asks again after it."""
        visit = self._visit
        refusal = why(said.fields)
        if refusal.code in PASSING and not self._asked_person:
            # What was tried is as good as before; the next question is answered with it.
            _log.info("login put off code=%s wait=%g", refusal.code, refusal.wait)
            self._comeback.hold_off(refusal)
            return
        if self._tried_ticket:  # the password is next
            _log.info("ticket refused")
            self._tried_ticket = False
            with visit.news:
                used, visit.credentials.ticket = visit.credentials.ticket, ""
            visit.credentials.ticket_refused(used)
            return
        if not self._tried_password:
            with visit.news:
                visit.credentials.answer_refused()
            self._show(said)
            return
        self._tried_password = False
        with visit.news:
            if refusal.code not in PASSING:
                visit.credentials.refused()
            is_given = visit.credentials.is_given
        if is_given:
            _log.info("login refused code=%s", refusal.code)
            text = lines_of(said.fields).removesuffix(" Try again.")
            visit.finish(End(NOT_LOGGED_IN, text))
        else:
            self._show(said)

    def _answer_by(self) -> float:
        """Return when the server must have said something (monotonic), while it is its turn."""
        with self._visit.news:
            is_its_turn = self._visit.state is State.LOGGING_IN and self._visit.prompt is None
        if not is_its_turn:
            return float("inf")
        return min(self._comeback.until, time.monotonic() + _ANSWER_SECONDS)

    def _welcome(self, user: str, room: str) -> None:
        visit = self._visit
        self._user = user
        self._comeback.went_well()
        if self._tried_ticket and not visit.was_in and not visit.credentials.is_given:
            # Hurried fingers would type it into the room.
            visit.front.tell(f"Welcome back, {user}: this machine keeps your ticket, no password.")
        _log.info("logged in name=%s", user)
        with visit.news:
            visit.credentials.accepted(user)
            visit.prompt = None
            visit.awaited.end()
            if visit.begins_in and room:
                room = visit.room if visit.was_in else visit.begins_in
                room = room if visit.rooms is None or room in visit.rooms else "lobby"
            visit.room = room
            visit.was_in = True
            visit.state = State.RESUMING
        # What was sent before a loss may have arrived: the server keeps it once.
        self._resume()

    def _resume(self) -> None:
        visit = self._visit
        with visit.sending:
            with visit.news:
                again = visit.ledger.all()
            for sent in again:
                sent.is_tried = True
                visit.link.send(sent.word, sent.fields)
            with visit.news:
                visit.state = State.TALKING
                visit.last_settled = time.monotonic()
                visit.news.notify_all()

    def _settle(self, sent: Sent | None) -> Sent | None:
        """Under ``news``: note that the server has answered."""
        if sent is not None:
            self._visit.last_settled = time.monotonic()
            self._visit.news.notify_all()
        return sent

    def _answered(self, sent: Sent | None) -> None:
        """What answers a line was shown: what is typed from now on was typed behind it."""
        with self._visit.news:
            if self._visit.awaited.answered(sent):
                self._visit.news.notify_all()

    def _message(self, said: Said) -> None:
        sent = None
        self._cursors.note(said.fields.get("room"), said.fields.get("id"))
        if "cid" in said.fields and text_of(said.fields, "from") == self._user:
            with self._visit.news:
                sent = self._settle(self._visit.ledger.settle(said.fields["cid"]))
        self._show(said, sent)
        if sent is not None:
            self._answered(sent)

    def _result(self, said: Said) -> None:
        visit = self._visit
        cid, is_ok = said.fields.get("cid"), said.fields.get("ok") is True
        if visit.state is State.LOGGING_IN and said.fields.get("command") == "login":
            if not is_ok:
                self._refused(said)
            return
        with visit.news:
            sent = self._settle(visit.ledger.settle(cid))
            if is_ok and said.fields.get("command") == "changepassword":
                visit.credentials.password_changed()
            if sent is not None and sent.is_goodbye:  # refused: the person stays
                visit.is_leaving = False
            if sent is not None and sent.is_command:  # it is over, whatever it has asked
                visit.prompt = None
        self._show(said, sent)
        self._answered(sent)

    def _ping(self, said: Said) -> None:
        with self._visit.sending:
            self._visit.link.pong()

    def _control(self, said: Said) -> None:
        visit = self._visit
        do = said.fields.get("do")
        sent = None
        with visit.news:
            if do in ("busy", "free"):  # these commands have no other answer
                sent = self._settle(visit.ledger.settle_first("/busy", "/free"))
            elif do == "room":
                visit.room = text_of(said.fields, "room")
            elif do == "rename":
                self._user = text_of(said.fields, "user")
                visit.credentials.accepted(self._user)
        self._show(said, sent)
        self._answered(sent)
        if do == "kick":
            visit.finish(End(KICKED))
        elif do == "disconnect":
            reason = why(said.fields)
            if visit.is_leaving:
                code = OK
            elif reason.code in (Code.STOPPING, Code.RESTARTING):
                self._comeback.is_awaited = True
                return
            elif visit.state is State.LOGGING_IN and reason.is_passing and not self._asked_person:
                self._away = reason
                return
            elif visit.state is State.LOGGING_IN:
                code = NOT_LOGGED_IN
            else:
                code = UNREACHABLE
            visit.finish(End(code))
        elif do == "restart":
            self._comeback.is_awaited = True

    # -- a lost connection -----------------------------------------------------------------------

    def _lost(self, reason: str, away: Why | None) -> None:
        visit = self._visit
        away, self._away = away or self._away, None
        if away is not None and not away.is_passing:
            away = None
        was_plain, was_unknown = (visit.link.face is f for f in (Face.PLAIN, Face.UNKNOWN))
        visit.link.close()
        _log.info("connection lost reason=%s", reason)
        with visit.news:
            visit.state = State.DOWN
            visit.prompt = None
            commands = visit.ledger.drop_commands()
        if visit.is_leaving:
            visit.finish(End(OK))
        elif was_plain:
            code = UNREACHABLE if visit.link.is_cut_short else OK
            visit.finish(End(code, f"{self._where} has closed the connection."))
        elif was_unknown and away is None:
            visit.finish(End(UNREACHABLE, f"{self._where} does not let you in: {reason}"))
        else:
            for command in commands:
                visit.front.lost(command)
            with visit.news:
                visit.awaited.end()
                visit.news.notify_all()
            self._ahead = self._comeback.run(reason, away)


def _ignore(_: Said) -> None:
    """Words that are not known are for later clients."""
