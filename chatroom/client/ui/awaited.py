"""What the keyboard waits for: the answer to a command, or the question that it asks."""

import time

from chatroom.client.pending import Sent

_SECONDS = 5.0
"""Longer than any answer should take, short enough not to lock the keyboard up."""
_FOREVER = float("inf")


class Awaited:
    """The command that should be answered next. Guarded by its owner."""

    def __init__(self) -> None:
        self._sent: Sent | None = None
        self._until = 0.0  # monotonic

    @property
    def is_open(self) -> bool:
        """Something is waited for."""
        return self._until > time.monotonic()

    def begin(self, sent: Sent | None, is_patient: bool = False) -> None:
        """Wait for a command's answer, or its next question.

        :param sent: the command; None: it is not known.
        :param is_patient: however long it takes, as behind a command that asks for a password:
            it may be typed already, and the keyboard waits until it is known what becomes of it.
        """
        self._sent = sent
        is_patient = is_patient or (sent is not None and sent.may_ask_secrets)
        self._until = _FOREVER if is_patient else time.monotonic() + _SECONDS

    def end(self) -> None:
        """It has come, or cannot come any more."""
        self._sent, self._until = None, 0.0

    def answered(self, sent: Sent | None) -> bool:
        """Note that a line was answered; tell whether it was the one that is waited for.

        :param sent: the line; None: something that was never sent.
        """
        is_it = sent is self._sent if sent is not None else self._until < _FOREVER
        if is_it:
            self.end()
        return is_it
