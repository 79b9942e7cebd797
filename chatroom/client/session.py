"""A session as the two threads share it: the conversation under its lock, the waiting, the end.

Locks, outermost first: sending → news. The main thread calls what is here; the receiving thread
(``receiver``) carries out what the conversation wants done when the server speaks.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from chatroom.client.connection import Connection
from chatroom.client.conversation import Conversation, Prompt, State
from chatroom.client.conversation.actions import FinishSending, Send
from chatroom.client.exit_codes import OK, UNDELIVERED, End, Ended
from chatroom.client.pending import Sent
from chatroom.client.said import Said
from chatroom.errors import Disconnected

PATIENCE_SECONDS = 60.0
"""How long the server may be away, or confirm nothing, unless something else is asked for."""
_SLICE_SECONDS = 0.2  # a wait is cut up, since Windows looks for Ctrl-C between waits only
_GOODBYE_SECONDS = 3.0


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
        :param last_kept: the last line of the input that was ever kept to be sent.
        """


class Session:
    """What both threads know.

    :param connection: the first one.
    :param conversation: what is said over it, and over those that come after it.
    :param frontend: shows and asks.
    :param leave_at_once: ends the process with a status while the main thread waits for input.
    """

    def __init__(
        self,
        connection: Connection,
        conversation: Conversation,
        frontend: Frontend,
        leave_at_once: Callable[[int], None],
    ) -> None:
        self.frontend = frontend
        # One line at a time goes out, in the order of what is kept; held while a send blocks.
        self.sending = threading.Lock()
        # Guards everything below, the conversation and its credentials; no I/O under it.
        self.news = threading.Condition()
        self.connection = connection
        self.conversation = conversation
        self.end: End | None = None
        self.retry_at = 0.0
        """When the next connection is tried (monotonic), while there is none."""
        self.quiet_until = 0.0
        """Until when (monotonic) nobody is told that there is none."""
        self._leave_at_once = leave_at_once
        self._is_woken = False  # the frontend ends the read of the main thread by itself

    # -- the main thread ---------------------------------------------------------------------

    def wait_turn(self, seconds: float = float("inf")) -> bool:
        """Wait until a line can be read: for :attr:`prompt`, or to talk when that is None.

        :param seconds: how long; afterwards False.
        :raises Ended: the visit is over.
        """
        talk = self.conversation
        with self.news:
            return self._wait(
                lambda: talk.prompt is not None or (talk.is_open and not talk.awaited.is_open),
                seconds,
            )

    def stop_waiting(self) -> bool:
        """Let lines be typed although an answer is waited for; False: none is, or nobody is in."""
        with self.news:
            was_waiting = self.conversation.is_open and self.conversation.awaited.is_open
            self.conversation.awaited.end()
            return was_waiting

    def wait_until_in(self) -> None:
        """Wait until lines can be sent, however long a login takes. :raises Ended: it's over."""
        with self.news:
            self._wait(lambda: self.conversation.state in (State.TALKING, State.PLAIN))

    def wait_settled(self, most: int, seconds: float) -> None:
        """Wait until at most ``most`` lines are unconfirmed.

        :param seconds: how long the server may confirm nothing at all.
        :raises Ended: the visit is over, or the server confirms nothing.
        """
        talk = self.conversation
        with self.news:
            talk.last_settled = time.monotonic()

            def come() -> bool:
                if talk.state is not State.TALKING:
                    talk.last_settled = time.monotonic()  # the receiving thread has its own limit
                late = time.monotonic() - talk.last_settled > seconds
                return late or len(talk.pending) <= most

            self._wait(come)
            if len(talk.pending) > most:
                raise Ended(End(UNDELIVERED, "The server does not confirm what was sent."))

    def wait_answered(self, seconds: float) -> None:
        """Wait until the command is answered, asks something, or is lost with its connection.

        :param seconds: how long that may take.
        :raises Ended: the visit is over, or the time is up.
        """
        talk = self.conversation
        with self.news:
            is_done = self._wait(
                lambda: talk.prompt is not None or not (len(talk.pending) or talk.awaited.is_open),
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
            if prompt is not self.conversation.prompt:
                return False
            self.conversation.is_reading = True
            return True

    def end_reading(self) -> None:
        """The main thread has its line."""
        with self.news:
            self.conversation.is_reading = False
            if self.end is not None:
                # The receiving thread is ending the process; let it, unless it leaves that to us.
                self.news.wait_for(lambda: self._is_woken, _GOODBYE_SECONDS)
                raise Ended(self.end)

    def answer(self, prompt: Prompt, text: str) -> bool:
        """Answer a question; False when it is not open any more. :raises Ended: it's over.

        See :meth:`Conversation.answer`: a secret goes to its own question and to no other one.
        """
        with self.sending:
            with self.news:
                self._raise_if_ended()
                line, connection = self.conversation.answer(prompt, text), self.connection
            if line is None:
                return False
            self._transmit(connection, line)
        return True

    def post(self, text: str, number: int = 0, room: str = "", to: str = "") -> Sent:
        """Send a message, or hold it until the connection is back: then it says ``is_held``.

        :param number: the line of the input, for reports.
        :param room: where it goes; empty: where typed lines go.
        :param to: for whom alone it is; empty: for a room.
        :raises UserError: it is too long, or too many are held.
        :raises Ended: the visit is over.
        """
        with self.sending:
            with self.news:
                self._raise_if_ended()
                sent = self.conversation.post(text, number, room, to)
                connection = self.connection
            if not sent.is_held:
                self._transmit(connection, Send(sent.word, sent.fields))
        return sent

    def command(self, line: str, number: int = 0, args: Mapping[str, object] | None = None) -> Sent:
        """Send a command; it is never held.

        :param args: its arguments, where ``line`` is only its name behind a slash.
        :raises UserError: it is too long, or there is no connection.
        :raises Ended: the visit is over.
        """
        with self.sending:
            with self.news:
                self._raise_if_ended()
                sent = self.conversation.command(line, number, args)
                connection = self.connection
            self._transmit(connection, Send(sent.word, sent.fields))
        return sent

    def say(self, word: str, fields: Mapping[str, object]) -> None:
        """Send a line that nobody waits for; without a connection it is lost.

        :raises Ended: the visit is over.
        """
        with self.sending:
            with self.news:
                self._raise_if_ended()
                is_talking, connection = self.is_talking, self.connection
            if is_talking:
                self._transmit(connection, Send(word, fields))

    def why_too_long(self, text: str, is_command: bool) -> str:
        """Return the sentence that sending this would be refused with; empty: it fits."""
        with self.news:
            return self.conversation.why_too_long(text, is_command)

    def line(self, text: str) -> None:
        """Send a line to a plain server, as it is. :raises Ended: the visit is over."""
        with self.sending:
            with self.news:
                self._raise_if_ended()
                connection = self.connection
            try:
                connection.send_line(text)
            except Disconnected:
                pass  # the receiving thread hears of it, too

    def leave(self, patiently: bool = True) -> None:
        """Say goodbye and wait until the server has, for a few seconds at most.

        :param patiently: False: hang up at once, as after a second Ctrl-C.
        """
        with self.news:
            goodbye, connection = self.conversation.leave(), self.connection
            self.news.notify_all()
        if not patiently:
            goodbye = None
        if isinstance(goodbye, FinishSending):
            connection.finish_sending()
        elif goodbye is not None and self.sending.acquire(timeout=0.5):
            try:
                self._transmit(connection, goodbye)
            finally:
                self.sending.release()
        else:
            goodbye = None
        if goodbye is not None:
            with self.news:
                try:
                    self._wait(lambda: False, _GOODBYE_SECONDS)
                except Ended:
                    pass
        self.finish(End(OK))
        connection.hang_up()

    # -- both threads ------------------------------------------------------------------------

    def finish(self, end: End) -> None:
        """The visit is over; the first reason counts. Any thread.

        When the main thread waits for input it cannot be woken: then the process ends here.
        """
        with self.news:
            if self.end is not None:
                return
            self.end = end
            is_reading = self.conversation.is_reading
            self.connection.hang_up()
            self.news.notify_all()
        if is_reading and self.frontend.wake():
            with self.news:
                self._is_woken = True
                self.news.notify_all()
        elif is_reading:
            self._leave_at_once(self.conclude(end))

    def conclude(self, end: End) -> int:
        """Let the frontend say its last words; return the exit status."""
        with self.news:
            pending = self.conversation.pending
            waiting = [sent for sent in pending.all() if not sent.is_command]
            last_kept = pending.last_number
        return self.frontend.conclude(end, waiting, last_kept)

    def on_the_way(self) -> tuple[list[str], float | None]:
        """Return the messages that are not confirmed, and when the next connection is tried.

        The latter is monotonic; None: there is a connection.
        """
        with self.news:
            waiting = [sent.text for sent in self.conversation.pending.all() if not sent.is_command]
            is_down = self.conversation.state is State.DOWN
            is_down = is_down and time.monotonic() >= self.quiet_until
            return waiting, self.retry_at if is_down else None

    # What a frontend may look at without the lock: each is one value, as of a moment ago.

    @property
    def prompt(self) -> Prompt | None:
        """The question that is open."""
        return self.conversation.prompt

    @property
    def room(self) -> str:
        """Where typed lines go; empty when the server has not said."""
        return self.conversation.room

    @property
    def query(self) -> str:
        """For whom alone typed lines are; empty: for the room."""
        return self.conversation.query

    @property
    def is_plain(self) -> bool:
        """The server is shown and spoken to as it is."""
        return self.conversation.state is State.PLAIN

    @property
    def is_talking(self) -> bool:
        """Lines go out as they come."""
        return self.conversation.state is State.TALKING

    @property
    def was_in(self) -> bool:
        """The server has let this person in, at least once."""
        return self.conversation.was_in

    @property
    def is_leaving(self) -> bool:
        """The goodbye is said."""
        return self.conversation.is_leaving

    # -- inside --------------------------------------------------------------------------------

    def _wait(self, come: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """Under ``news``."""
        deadline = time.monotonic() + seconds
        while True:
            self._raise_if_ended()
            if come():
                return True
            if time.monotonic() > deadline:
                return False
            self.news.wait(_SLICE_SECONDS)

    def _raise_if_ended(self) -> None:
        """Under ``news``."""
        if self.end is not None:
            raise Ended(self.end)

    @staticmethod
    def _transmit(connection: Connection, line: Send) -> None:
        try:
            connection.send(line.word, line.fields)
        except Disconnected:
            pass  # the receiving thread hears of it, too; what is kept goes out again
