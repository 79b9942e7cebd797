"""What a program has asked for, and waits for: messages until they are kept, and commands."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from chatroom.client.api.records import Answer, Message, NotDelivered
from chatroom.client.exit_codes import Ended
from chatroom.client.pending import Sent
from chatroom.client.said import Said, text_of
from chatroom.client.session import Session
from chatroom.errors import Code

RECORDS_MOST = 10_000
"""Records of an export that wait for the program; then the socket is not read."""
_SLICE_SECONDS = 0.2
_GIVEN_UP = (
    "This command asks a question, which a program cannot answer: it was given up. Type it at a "
    "terminal."
)


class Requests:
    """One thread asks and waits, the receiving thread hears the answers.

    :param session: over which it goes.
    :param news: guards what is here.
    :param patience: seconds that the server may confirm nothing.
    """

    def __init__(self, session: Session, news: threading.Condition, patience: float) -> None:
        self.is_waiting = False
        """An answer must be heard, however much waits for the program besides."""
        self._session = session
        self._news = news
        self._patience = patience
        self._answers: dict[str, Answer | NotDelivered] = {}  # by client id
        self._parts: dict[str, list[Message]] = {}  # what was read back, by client id
        self._records: deque[dict[str, Any]] | None = None  # of the export that goes on

    # -- the thread that asks ----------------------------------------------------------------------

    def ask(self, send: Callable[[], Sent]) -> Answer:
        """Send something and wait until it is answered.

        :raises NotDelivered: it was refused, or asks something.
        :raises Ended: the visit is over before.
        """
        sent = self._begin(send)
        while (answer := self._next(sent)) is None:
            pass
        if isinstance(answer, NotDelivered):
            raise answer
        return answer

    def refusal(self, cid: str) -> NotDelivered | None:
        """Return why a line was refused of which only refusals are told.

        It was sent in front of something else that was asked for, and is answered.
        """
        with self._news:
            answer = self._answers.pop(cid, None)
        return answer if isinstance(answer, NotDelivered) else None

    def export(self, send: Callable[[], Sent]) -> Iterator[dict[str, Any]]:
        """Send the command, and yield the records that answer it. Raises as :meth:`ask` does."""
        with self._news:
            records = self._records = deque[dict[str, Any]]()
        try:
            sent, answer = self._begin(send), None
            while answer is None:
                answer = self._next(sent, records)
                while records:
                    yield self._take(records)
            if isinstance(answer, NotDelivered):
                raise answer
        finally:
            with self._news:  # what still comes of it is thrown away
                self._records = None
                self._news.notify_all()

    def _begin(self, send: Callable[[], Sent]) -> Sent:
        with self._news:
            if self._records is None:
                self._answers.clear()  # what came too late for those who had asked
                self._parts.clear()
        return send()

    def _take(self, records: deque[dict[str, Any]]) -> dict[str, Any]:
        with self._news:
            self._news.notify_all()
            return records.popleft()

    def _next(
        self, sent: Sent, records: deque[dict[str, Any]] | None = None
    ) -> Answer | NotDelivered | None:
        """Wait for the answer and return it; None: records have come."""
        session, is_given_up = self._session, False
        until = time.monotonic() + self._patience
        with self._news:
            self.is_waiting = True
            self._news.notify_all()
        try:
            while True:
                if (prompt := session.prompt) is not None and session.answer(prompt, ""):
                    is_given_up = True  # an empty answer gives a command up
                with self._news:
                    if records:
                        return None
                    if (answer := self._answers.pop(sent.cid, None)) is not None:
                        is_done = isinstance(answer, Answer) or not is_given_up
                        return answer if is_done else NotDelivered(_GIVEN_UP, Code.ANSWER_FIRST)
                    if session.end is not None:
                        raise Ended(session.end)
                    if not session.is_talking:  # the receiving thread has a limit of its own
                        until = time.monotonic() + self._patience
                    if time.monotonic() >= until:
                        sentence = "The server does not confirm what was sent."
                        return NotDelivered(sentence, Code.UNCONFIRMED)
                    self._news.wait(_SLICE_SECONDS)
        finally:
            with self._news:
                self.is_waiting = False

    # -- the receiving thread ----------------------------------------------------------------------

    def heard(self, said: Said, sent: Sent | None) -> None:
        """Take what answers, in whole or in part."""
        fields, is_message = said.fields, said.word == "message"
        if sent is not None:
            answer: Answer | NotDelivered
            if is_message:
                answer = Answer(messages=(Message.of(fields),))
            elif said.word == "result" and fields.get("ok") is not True:
                answer = NotDelivered.of(fields)
            else:
                with self._news:
                    answer = Answer.of(fields, tuple(self._parts.pop(sent.cid, ())))
            self._settle(sent, answer)
        elif said.word == "result" and fields.get("ok") is not True:
            with self._news:
                self._answers[text_of(fields, "cid")] = NotDelivered.of(fields)
        elif is_message and "re" in fields:
            with self._news:
                self._parts.setdefault(text_of(fields, "re"), []).append(Message.of(fields))
        elif said.word == "export":
            self._queue(fields)

    def lost(self, command: Sent) -> None:
        """The connection was lost before the answer."""
        sentence = "The connection was lost before the answer."
        self._settle(command, NotDelivered(sentence, Code.UNCONFIRMED))

    def end(self) -> None:
        """Nobody takes anything any more."""
        with self._news:
            self._records = None
            self._news.notify_all()

    def _settle(self, sent: Sent, answer: Answer | NotDelivered) -> None:
        with self._news:
            self._answers[sent.cid] = answer
            self._news.notify_all()

    def _queue(self, record: dict[str, Any]) -> None:
        with self._news:
            self._news.wait_for(
                lambda: (
                    self._records is None or len(self._records) < RECORDS_MOST or self.is_waiting
                )  # for something else, which comes behind
            )
            if self._records is not None:
                self._records.append(record)
                self._news.notify_all()
