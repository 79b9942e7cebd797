"""The state machine: what the server says goes in, and what is to be done comes out.

The server goes in by :meth:`Conversation.hear` and :meth:`~Conversation.lost`, the person by
:meth:`~Conversation.post`, ``command``, ``answer`` and ``leave``.
"""

import time
from collections.abc import Callable, Iterator, Mapping

from chatroom.client.conversation.actions import (
    Action,
    AskLate,
    Finish,
    FinishSending,
    KeepTicket,
    Log,
    LoggedIn,
    NotAnswered,
    Prompt,
    Reconnect,
    Send,
    SendAgain,
    Show,
    Tell,
)
from chatroom.client.conversation.cursors import Cursors
from chatroom.client.conversation.login import Login
from chatroom.client.conversation.states import TRANSITIONS, Event, State, Tried
from chatroom.client.conversation.whereabouts import Whereabouts
from chatroom.client.credentials import Credentials
from chatroom.client.exit_codes import KICKED, NOT_LOGGED_IN, OK, UNREACHABLE, End
from chatroom.client.pending import LINE_BYTES, Awaited, Pending, Sent
from chatroom.client.said import PLAIN, Said, Why, lines_of, text_of, texts_of, why
from chatroom.errors import Code, UserError

_HELD_MOST = 1000
_OF_CONNECTION = (Code.TOO_SLOW, Code.INTERNAL)
"""Why the server ends a connection, but not the visit."""


class Conversation:
    """What is said between a person and a server, over one connection after the other.

    Its owner guards it, credentials and all: one call at a time, and each step of what
    :meth:`hear` and :meth:`lost` return is a call.

    :param credentials: who logs in.
    :param where: the server, for people.
    :param begins_in: where the first lines go; empty: where the account has talked last.
    :param cursors: what was heard before; None: nothing.
    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        where: str,
        begins_in: str = "",
        cursors: Cursors | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State.GREETING
        self.credentials = credentials
        self.pending = Pending()
        self.awaited = Awaited(clock)
        self.prompt: Prompt | None = None
        self.user = ""
        """The name that the server knows this person by."""
        self.features: frozenset[str] = frozenset()
        """What the server can, as it says itself; older ones say nothing."""
        self.was_in = False
        """The server has let this person in, at least once."""
        self.is_leaving = self._is_restarting = False
        self._of_restart = ""  # what the server has said of it
        self.is_reading = False
        """A line is being read, and a question that comes now comes late."""
        self.last_settled = clock()
        """When the server confirmed something last."""
        self.has_news = False
        """Something has come that may be waited for; who tells of it takes this back."""
        cursors = cursors or Cursors()
        self.whereabouts = Whereabouts(begins_in, cursors)
        self._where = where
        self._clock = clock
        self._login = Login(credentials, cursors, self.whereabouts.told)
        self._put_off: Why | None = None  # the server has ended the login, and may be asked again
        self._takers: dict[str, Callable[[Said], Iterator[Action]]] = {
            PLAIN: self._plain,
            "hello": self._hello,
            "prompt": self._prompt,
            "notice": self._notice,
            "message": self._message,
            "result": self._result,
            "ticket": self._ticket,
            "export": self._show,
            "read": self._show,
            "control": self._control,
            "ping": self._ping,
        }

    # -- what the server says ----------------------------------------------------------------------

    def hear(self, said: Said) -> Iterator[Action]:
        """Yield what is to be done; each action is carried out before the next one is asked for.

        What follows on a line that is shown is so known only when it was shown. Words that are not
        known are for later clients.
        """
        self.whereabouts.hear(said)
        taker = self._takers.get(said.word)
        return taker(said) if taker is not None else iter(())

    def lost(self, reason: str, away: Why | None, is_cut_short: bool) -> Iterator[Action]:
        """Yield what is to be done when the connection has ended, as :meth:`hear` does.

        :param reason: for people.
        :param away: the server has said so instead of hello.
        :param is_cut_short: a plain server has ended it before its time.
        """
        away, self._put_off = away or self._put_off, None
        if away is not None and not away.is_passing:
            away = None
        before = self.state
        self._turn(Event.LOST)
        self.prompt = None
        commands = self.pending.drop_commands()
        if self.is_leaving:
            yield Finish(End(OK))
        elif before is State.PLAIN:
            code = UNREACHABLE if is_cut_short else OK
            yield Finish(End(code, f"{self._where} has closed the connection."))
        elif before is State.GREETING and away is None:
            yield Finish(End(UNREACHABLE, f"{self._where} does not let you in: {reason}"))
        else:
            for command in commands:
                yield NotAnswered(command)
            self.awaited.end()
            self.has_news = True
            is_announced, self._is_restarting = self._is_restarting, False
            sentence, self._of_restart = self._of_restart, ""
            yield Reconnect(reason, away, is_announced, sentence)

    def let_in(self, login: SendAgain) -> list[Sent]:
        """Note that the person is in; return what was never confirmed, the oldest first.

        It may have arrived before a loss: the server keeps it once.
        """
        if not self._turn(Event.WELCOME):
            return []
        self.credentials.accepted(login.user)
        self.prompt = None
        self.awaited.end()
        self.whereabouts.let_in(login.room, self.was_in)
        self.was_in = True
        waiting = self.pending.all()
        for sent in waiting:
            sent.room, sent.has_waited = self.whereabouts.told(sent.room), True
        return waiting

    def sent_again(self) -> None:
        """All that :meth:`let_in` has returned was sent."""
        self._turn(Event.SENT_AGAIN)
        self.last_settled = self._clock()

    # -- what the person says ----------------------------------------------------------------------

    def answer(self, prompt: Prompt, text: str) -> Send | None:
        """Answer a question; None when it is not open any more.

        After a reconnect the same question is a new one. The answer is as good, but a secret goes
        to the question that it was typed for and to no other one.
        """
        now = self.prompt
        is_same = now is prompt or (
            now is not None and now.ask == prompt.ask and not (now.secret or prompt.secret)
        )
        if not is_same:
            return None
        self.prompt = None
        is_logging_in = self.state is State.LOGGING_IN
        login = self.credentials.line(prompt.ask, text) if is_logging_in else None
        self.credentials.typed(prompt.ask, text)
        # The next question should come, or the end of the command.
        commands = [sent for sent in self.pending.all() if sent.is_command]
        self.awaited.begin(commands[-1] if commands else None, is_logging_in)
        return Send(*(login or ("answer", {"text": text})))

    def post(self, text: str, number: int = 0, room: str = "", to: str = "") -> Sent:
        """Return a message that is kept until it is confirmed, to be sent unless it is held.

        :param number: the line of the input, for reports.
        :param room: where it goes.
        :param to: for whom alone it is; both empty: where typed lines go.
        :raises UserError: it is too long, or too many are held.
        """
        sent = self.pending.new(text, False, number)
        sent.room = self.whereabouts.told(room or self.whereabouts.room)
        sent.to = to or ("" if room else self.query)
        self.pending.check(sent)
        sent.is_held = self.state is not State.TALKING
        if sent.is_held and len(self.pending) >= _HELD_MOST:
            raise UserError("Too many lines wait for the server; this one was not sent.")
        self.pending.keep(sent)
        return sent

    def command(self, line: str, number: int = 0, args: Mapping[str, object] | None = None) -> Sent:
        """Return a command to be sent. None is ever held: what was meant now may be wrong later.

        :param args: its arguments, where ``line`` is only its name behind a slash.
        :raises UserError: it is too long, or there is no connection.
        """
        sent = self.pending.new(line, True, number)
        sent.args = args
        self.pending.check(sent)
        if self.state is not State.TALKING:
            raise UserError("There is no connection right now; the command was not sent.")
        self.pending.keep(sent)
        self.is_leaving = sent.is_goodbye
        self.awaited.begin(sent)
        return sent

    def leave(self) -> Send | FinishSending | None:
        """Return how to say goodbye; None where it would not be heard."""
        self.is_leaving = True
        if self.prompt is not None:  # nothing but its answer would be heard
            return None
        if self.state is State.PLAIN:
            return FinishSending()
        return Send("command", {"line": "/disconnect"}) if self.state is State.TALKING else None

    def why_too_long(self, text: str, is_command: bool) -> str:
        """Return the sentence that sending this would be refused with; empty: it fits."""
        room = self.whereabouts.told(self.whereabouts.room)
        return self.pending.why_too_long(self.pending.draft(text, is_command, room))

    # -- how it stands -----------------------------------------------------------------------------

    @property
    def room(self) -> str:
        """What the room is called where typed lines go; empty when the server has not said."""
        return self.whereabouts.room_name

    @property
    def query(self) -> str:
        """For whom alone they are instead; empty: for the room."""
        return self.whereabouts.query

    @property
    def is_open(self) -> bool:
        """Lines may be typed, whether they can be sent just now or not."""
        return self.was_in or self.state is State.PLAIN

    @property
    def is_servers_turn(self) -> bool:
        """A login waits for the server."""
        return self.state is State.LOGGING_IN and self.prompt is None

    # -- word by word ------------------------------------------------------------------------------

    def _show(self, said: Said) -> Iterator[Action]:
        yield Show(said)

    def _plain(self, said: Said) -> Iterator[Action]:
        if self._turn(Event.PLAIN):
            yield Log("plain server")
        yield Show(said)

    def _hello(self, said: Said) -> Iterator[Action]:
        self._turn(Event.HELLO)
        self._login.begin()
        most = said.fields.get("line_bytes")
        self.pending.line_bytes = most if type(most) is int and most > 0 else LINE_BYTES
        self.features = texts_of(said.fields, "features") or frozenset()
        self.whereabouts.hello(self.features)
        yield Show(said)

    def _prompt(self, said: Said) -> Iterator[Action]:
        prompt = Prompt(
            text_of(said.fields, "ask"), lines_of(said.fields), said.fields.get("secret") is True
        )
        if self.state is State.LOGGING_IN:
            if line := self._login.line(prompt.ask, self.whereabouts.room, self.pending.line_bytes):
                yield line
                return
            if end := self._login.unanswerable(prompt):
                yield Finish(end)
                return
        self.prompt = prompt
        self.awaited.end()
        self.has_news = True
        if self.is_reading:
            yield AskLate(prompt)

    def _ticket(self, said: Said) -> Iterator[Action]:
        self.credentials.ticket = text_of(said.fields, "ticket")
        yield KeepTicket()

    def _notice(self, said: Said) -> Iterator[Action]:
        kind = said.fields.get("kind")
        if kind == "welcome":
            return self._welcome(said)
        if kind == "error" and self.state is State.LOGGING_IN:
            return self._login.refused(said)
        return self._show(said)

    def _welcome(self, said: Said) -> Iterator[Action]:
        yield Show(said)
        self.user = text_of(said.fields, "user")
        yield LoggedIn(self.user)
        if self._login.tried is Tried.TICKET and not self.was_in and not self.credentials.is_given:
            # Hurried fingers would type it into the room.
            yield Tell(f"Welcome back, {self.user}: this machine keeps your ticket, no password.")
        yield from self.whereabouts.welcome(said, self.was_in)
        yield SendAgain(self.user, self.whereabouts.names.key(said.fields))

    def _message(self, said: Said) -> Iterator[Action]:
        sent = None
        if "cid" in said.fields and text_of(said.fields, "from") == self.user:
            sent = self._settled(self.pending.settle(said.fields["cid"]))
        yield Show(said, sent)
        if sent is not None:
            self._answered(sent)

    def _result(self, said: Said) -> Iterator[Action]:
        cid, is_ok = said.fields.get("cid"), said.fields.get("ok") is True
        if self.state is State.LOGGING_IN and said.fields.get("command") == "login":
            if not is_ok:
                yield from self._login.refused(said)
            return
        sent = self._settled(self.pending.settle(cid))
        if is_ok and said.fields.get("command") == "changepassword":
            self.credentials.password_changed()
        if sent is not None and sent.is_goodbye:  # refused: the person stays
            self.is_leaving = False
        if sent is not None and not is_ok:
            sent.is_refused, sent.where = True, self.whereabouts.called(sent.room)
        if sent is not None and sent.is_command:  # it is over, whatever it has asked
            self.prompt = None
        yield Show(said, sent)
        self._answered(sent)

    def _ping(self, said: Said) -> Iterator[Action]:
        yield Send("pong", {})

    def _control(self, said: Said) -> Iterator[Action]:
        do, sent = said.fields.get("do"), None
        if do == "restart":
            self._is_restarting, self._of_restart = True, lines_of(said.fields)
            return
        if do in ("busy", "free") and "answers" not in self.features:
            # Of older servers these commands have no other answer.
            sent = self._settled(self.pending.settle_first("busy", "free"))
        elif do == "rename":
            self.user = text_of(said.fields, "user")
            self.credentials.accepted(self.user)
        yield Show(said, sent)
        self._answered(sent)
        if do == "kick":
            yield Finish(End(KICKED))
        elif do == "disconnect":
            yield from self._disconnected(why(said.fields))

    def _disconnected(self, reason: Why) -> Iterator[Action]:
        """The server ends the connection, for a reason that may pass."""
        is_logging_in = self.state is State.LOGGING_IN
        if self.is_leaving:
            yield Finish(End(OK))
        elif reason.code in (Code.STOPPING, Code.RESTARTING):
            self._is_restarting = True
        elif reason.code in _OF_CONNECTION and not is_logging_in:
            pass  # it comes back, as after a loss
        elif is_logging_in and reason.is_passing and not self._login.tried.is_typed:
            self._put_off = reason
        else:
            yield Finish(End(NOT_LOGGED_IN if is_logging_in else UNREACHABLE))

    # -- inside ------------------------------------------------------------------------------------

    def _turn(self, event: Event) -> bool:
        """Go on to the next state; False: the event means nothing in this one."""
        state = TRANSITIONS.get((self.state, event))
        if state is None:
            return False
        self.state = state
        self.has_news = True
        return True

    def _settled(self, sent: Sent | None) -> Sent | None:
        """Note that the server has answered."""
        if sent is not None:
            self.last_settled = self._clock()
            self.has_news = True
        return sent

    def _answered(self, sent: Sent | None) -> None:
        """Note that what answers a line was shown: what is typed from now on is typed behind it."""
        if self.awaited.answered(sent):
            self.has_news = True
