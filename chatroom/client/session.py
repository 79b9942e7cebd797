"""A visit as the two threads share it: what is open, what was sent, how it ends.

Locks, outermost first: sending → news. The main thread calls what is here; the receiving thread
(``receiver``) changes the state as the server speaks.
"""

import enum
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from chatroom.client.connection import Connection
from chatroom.client.credentials import Credentials
from chatroom.client.exit_codes import OK, UNDELIVERED, End, Ended
from chatroom.client.pending import Awaited, Pending, Sent
from chatroom.client.said import Said
from chatroom.errors import Disconnected, UserError

PATIENCE_SECONDS = 60.0
"""How long the server may be away, or confirm nothing, unless something else is asked for."""
_SLICE_SECONDS = 0.2  # a wait is cut up, since Windows looks for Ctrl-C between waits only
_GOODBYE_SECONDS = 3.0
_HELD_MOST = 1000


class Prompt:
    """An open question of the server; two that read the same are still two."""

    __slots__ = ("ask", "secret", "text")

    def __init__(self, ask: str, text: str, secret: bool) -> None:
        self.ask = ask
        self.text = text
        self.secret = secret


class Frontend(Protocol):
    """Where a person or a script sits. Any thread may call the methods."""

    def show(self, said: Said, text: str, sent: Sent | None) -> None:
        """Show ``text``, the rendering of ``said``; ``sent`` is what it answers, if anything.

        :raises BrokenPipeError: nobody reads any more.
        """

    def tell(self, sentence: str) -> None:
        """Say something that is not the server's."""

    def ask_late(self, prompt: Prompt) -> None:
        """A question came while the main thread reads a line already. The receiving thread."""

    def wake(self) -> bool:
        """The visit is over while the main thread reads: end the read, where that can be done."""

    def lost(self, command: Sent) -> None:
        """The connection ended before the command was answered."""

    def conclude(self, end: End, waiting: list[Sent], last_kept: int) -> int:
        """Say the last words, leave the terminal as it was, and return the exit status.

        :param waiting: what was never confirmed.
        :param last_kept: the last line of the input that the ledger ever held.
        """


class State(enum.Enum):
    """Where the visit stands."""

    DOWN = "there is no connection"
    LOGGING_IN = "questions are asked and answered"
    RESUMING = "logged in; what was never confirmed goes out again"
    TALKING = "lines go out as they come"
    PLAIN = "the server does not speak events"


class Visit:
    """What both threads know.

    :param link: the first connection.
    :param credentials: who logs in.
    :param front: shows and asks.
    :param leave_at_once: ends the process with a status while the main thread waits for input.
    """

    def __init__(
        self,
        link: Connection,
        credentials: Credentials,
        front: Frontend,
        leave_at_once: Callable[[int], None],
    ) -> None:
        self.front = front
        # One line at a time goes out, in the order of the ledger; held while a send blocks.
        self.sending = threading.Lock()
        # Guards everything below, and the credentials; no I/O under it.
        self.news = threading.Condition()
        self.link = link
        self.credentials = credentials
        self.ledger = Pending()
        self.state = State.LOGGING_IN
        self.prompt: Prompt | None = None
        self.room = ""
        """Where typed lines go; empty when the server has not said."""
        self.begins_in = ""
        """Where the first lines go; empty: where the account has talked last."""
        self.rooms: frozenset[str] | None = None
        """Where the person is, as of the last login; None: older servers do not say."""
        self.end: End | None = None
        self.last_sent: Sent | None = None
        """What the main thread has sent last; its own."""
        self.is_leaving = False
        self.was_in = False
        """The server has let this person in, at least once."""
        self.last_settled = time.monotonic()
        self.retry_at = 0.0
        """When the next connection is tried (monotonic), while there is none."""
        self._leave_at_once = leave_at_once
        self._is_reading = False
        self._is_woken = False  # the front ends the read of the main thread by itself
        self.awaited = Awaited()

    # -- the main thread ---------------------------------------------------------------------

    def wait_turn(self, seconds: float = float("inf")) -> bool:
        """Wait until a line can be read: for :attr:`prompt`, or to talk when that is None.

        :param seconds: how long; afterwards False.
        :raises Ended: the visit is over.
        """
        with self.news:
            return self._wait(
                lambda: self.prompt is not None or (self._is_open() and not self.awaited.is_open),
                seconds,
            )

    def stop_waiting(self) -> bool:
        """Let lines be typed although an answer is waited for; False: none is, or nobody is in."""
        with self.news:
            was_waiting = self._is_open() and self.awaited.is_open
            self.awaited.end()
            return was_waiting

    def wait_until_in(self) -> None:
        """Wait until lines can be sent, however long a login takes. :raises Ended: it's over."""
        with self.news:
            self._wait(lambda: self.state in (State.TALKING, State.PLAIN))

    def wait_settled(self, most: int, seconds: float) -> None:
        """Wait until at most ``most`` lines are unconfirmed.

        :param seconds: how long the server may confirm nothing at all.
        :raises Ended: the visit is over, or the server confirms nothing.
        """
        with self.news:
            self.last_settled = time.monotonic()

            def come() -> bool:
                if self.state is not State.TALKING:
                    self.last_settled = time.monotonic()  # the receiving thread has its own limit
                late = time.monotonic() - self.last_settled > seconds
                return late or len(self.ledger) <= most

            self._wait(come)
            if len(self.ledger) > most:
                raise Ended(End(UNDELIVERED, "The server does not confirm what was sent."))

    def wait_answered(self, seconds: float) -> None:
        """Wait until the command is answered, asks something, or is lost with its connection.

        :param seconds: how long that may take.
        :raises Ended: the visit is over, or the time is up.
        """
        with self.news:
            is_done = self._wait(
                lambda: self.prompt is not None or not (len(self.ledger) or self.awaited.is_open),
                seconds,
            )
            if not is_done:
                raise Ended(End(UNDELIVERED, "The server does not answer a command."))

    def begin_reading(self, prompt: Prompt | None) -> bool:
        """Note that the main thread is about to block in a read for ``prompt``.

        False: the question has changed meanwhile. Each True is followed by :meth:`end_reading`.

        :raises Ended: the visit is over.
        """
        with self.news:
            self._raise_if_ended()
            if prompt is not self.prompt:
                return False
            self._is_reading = True
            return True

    def end_reading(self) -> None:
        """The main thread has its line."""
        with self.news:
            self._is_reading = False
            if self.end is not None:
                # The receiving thread is ending the process; let it, unless it leaves that to us.
                self.news.wait_for(lambda: self._is_woken, _GOODBYE_SECONDS)
                raise Ended(self.end)

    def answer(self, prompt: Prompt, text: str) -> bool:
        """Answer a question; False when it is not open any more. :raises Ended: it's over.

        After a reconnect the same question is a new one. The answer is as good, but a secret goes
        to the question that it was typed for and to no other one.
        """
        with self.sending:
            with self.news:
                self._raise_if_ended()
                now = self.prompt
                is_same = now is prompt or (
                    now is not None and now.ask == prompt.ask and not (now.secret or prompt.secret)
                )
                if not is_same:
                    return False
                self.prompt = None
                word, fields = "answer", dict[str, object](text=text)
                if self.state is State.LOGGING_IN:
                    word, fields = self.credentials.line(prompt.ask, text)
                self.credentials.typed(prompt.ask, text)
                self._await_more()
                link = self.link
            self._transmit(link, word, fields)
        return True

    def post(self, text: str, number: int = 0, room: str = "") -> bool:
        """Send a message; False when it is held until the connection is back.

        :param number: the line of the input, for reports.
        :param room: where it goes; empty: where typed lines go.
        :raises UserError: it is too long, or too many are held.
        :raises Ended: the visit is over.
        """
        with self.sending:
            with self.news:
                sent = self.ledger.new(text, False, number)
                sent.room = room or self.room
                self._checked(sent)
                self.last_sent = sent
                is_up = sent.is_tried = self.state is State.TALKING
                if not is_up and len(self.ledger) >= _HELD_MOST:
                    raise UserError("Too many lines wait for the server; this one was not sent.")
                self.ledger.keep(sent)
                link = self.link
            if is_up:
                self._transmit(link, sent.word, sent.fields)
        return is_up

    def command(self, line: str, number: int = 0) -> str:
        """Send a command; return its id.

        Commands are never held: what was meant now may be wrong later.

        :raises UserError: it is too long, or there is no connection.
        :raises Ended: the visit is over.
        """
        with self.sending:
            with self.news:
                sent = self._checked(self.ledger.new(line, True, number))
                if self.state is not State.TALKING:
                    raise UserError("There is no connection just now; the command was not sent.")
                sent.is_tried = True
                self.last_sent = sent
                self.ledger.keep(sent)
                self.is_leaving = sent.is_goodbye
                self.awaited.begin(sent)
                link = self.link
            self._transmit(link, sent.word, sent.fields)
        return sent.cid

    def why_too_long(self, text: str, is_command: bool) -> str:
        """Return the sentence that sending this would be refused with; empty: it fits."""
        with self.news:
            return self._too_long(self.ledger.draft(text, is_command, self.room))

    def line(self, text: str) -> None:
        """Send a line to a plain server, as it is. :raises Ended: the visit is over."""
        with self.sending:
            with self.news:
                self._raise_if_ended()
                link = self.link
            try:
                link.send_line(text)
            except Disconnected:
                pass  # the receiving thread hears of it, too

    def leave(self, patiently: bool = True) -> None:
        """Say goodbye and wait until the server has, for a few seconds at most.

        :param patiently: False: hang up at once, as after a second Ctrl-C.
        """
        with self.news:
            self.is_leaving = True
            self.news.notify_all()
            link, state = self.link, self.state
            if self.prompt is not None:  # nothing but its answer would be heard
                patiently = False
        if patiently and state is State.PLAIN:
            link.finish_sending()
        elif patiently and state is State.TALKING and self.sending.acquire(timeout=0.5):
            try:
                self._transmit(link, "command", {"line": "/disconnect"})
            finally:
                self.sending.release()
        else:
            patiently = False
        if patiently:
            with self.news:
                try:
                    self._wait(lambda: False, _GOODBYE_SECONDS)
                except Ended:
                    pass
        self.finish(End(OK))
        link.hang_up()

    # -- both threads ------------------------------------------------------------------------

    def finish(self, end: End) -> None:
        """The visit is over; the first reason counts. Any thread.

        When the main thread waits for input it cannot be woken: then the process ends here.
        """
        with self.news:
            if self.end is not None:
                return
            self.end = end
            is_reading = self._is_reading
            self.link.hang_up()
            self.news.notify_all()
        if is_reading and self.front.wake():
            with self.news:
                self._is_woken = True
                self.news.notify_all()
        elif is_reading:
            self._leave_at_once(self.conclude(end))

    def conclude(self, end: End) -> int:
        """Let the front say its last words; return the exit status."""
        with self.news:
            waiting = [sent for sent in self.ledger.all() if not sent.is_command]
            last_kept = self.ledger.last_number
        return self.front.conclude(end, waiting, last_kept)

    @property
    def is_plain(self) -> bool:
        """The server is shown and spoken to as it is."""
        return self.state is State.PLAIN

    @property
    def is_reading(self) -> bool:
        """The main thread blocks in a read; under ``news``."""
        return self._is_reading

    # -- inside, all under ``news`` but the last -----------------------------------------------

    def _is_open(self) -> bool:
        return self.was_in or self.state is State.PLAIN

    def _await_more(self) -> None:
        """After an answer the next question should come, or the end of the command."""
        commands = [sent for sent in self.ledger.all() if sent.is_command]
        self.awaited.begin(commands[-1] if commands else None, self.state is State.LOGGING_IN)

    def _checked(self, sent: Sent) -> Sent:
        self._raise_if_ended()
        if why := self._too_long(sent):
            raise UserError(why)
        return sent

    def _too_long(self, sent: Sent) -> str:
        most = self.link.line_bytes
        return (
            f"That line is longer than {most} bytes; it was not sent." if sent.size > most else ""
        )

    def _wait(self, come: Callable[[], bool], seconds: float = float("inf")) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self._raise_if_ended()
            if come():
                return True
            if time.monotonic() > deadline:
                return False
            self.news.wait(_SLICE_SECONDS)

    def _raise_if_ended(self) -> None:
        if self.end is not None:
            raise Ended(self.end)

    @staticmethod
    def _transmit(link: Connection, word: str, fields: Mapping[str, object]) -> None:
        try:
            link.send(word, fields)
        except Disconnected:
            pass  # the receiving thread hears of it, too; what is in the ledger goes out again
