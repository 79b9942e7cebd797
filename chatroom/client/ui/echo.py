"""Whether a terminal shows what is typed."""

import os
import sys
from array import array
from typing import Any

try:
    import fcntl
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]


class Echo:
    """Whether the terminal shows what is typed, where that can be set. Any thread."""

    def __init__(self) -> None:
        self._usual: list[Any] | None = None
        self._now: list[Any] | None = None  # as it was set last
        self._is_off = False
        if termios is not None:
            try:
                self._usual = termios.tcgetattr(sys.stdin.fileno())
            except (termios.error, OSError, ValueError, AttributeError):
                pass

    @property
    def is_off(self) -> bool:
        """What is typed is not seen, since :meth:`off` or :meth:`hush`."""
        return self._is_off

    def off(self) -> bool:
        """Stop it, and forget a line that was begun; False when that cannot be done here."""
        return self.hush(termios.TCSAFLUSH if termios is not None else 0)

    def hush(self, when: int = 0) -> bool:
        """Stop it, and keep what was typed. False when that cannot be done here."""
        if self._usual is None:
            return False
        attributes = list(self._usual)
        attributes[3] &= ~termios.ECHO
        return self._set(when or termios.TCSANOW, attributes, is_off=True)

    def forget_typed(self) -> bool:
        """Throw away what was typed and not read; False: no line of it was whole."""
        if termios is None:
            return False
        try:
            there = array("i", [0])
            fcntl.ioctl(sys.stdin.fileno(), termios.FIONREAD, there)
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
        except (termios.error, OSError, ValueError, AttributeError):
            return False
        return there[0] > 0

    def again(self) -> None:
        """Set the terminal as it was last set here: a shell may have changed it meanwhile."""
        if self._now is None:
            return
        try:
            is_ours = os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return
        if is_ours:  # who sets it from the background is stopped
            self._set(termios.TCSANOW, self._now, self._is_off)

    def on(self) -> bool:
        """Show again what is typed; True when :meth:`off` had been called."""
        return self._is_off and self.restore()

    def hold(self) -> None:
        """Let what is typed wait unseen and as it is, for a prompt that is about to open."""
        if self._usual is None:
            return
        attributes = list(self._usual)
        attributes[0] &= ~(termios.ICRNL | termios.IXON)
        attributes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        self._set(termios.TCSANOW, attributes, is_off=False)

    def restore(self) -> bool:
        """Put the terminal back as it was at the start; True when :meth:`off` had been called."""
        was_off = self._is_off
        if self._usual is not None:
            self._set(termios.TCSANOW, self._usual, is_off=False)
        return was_off

    def _set(self, when: int, attributes: list[Any], is_off: bool) -> bool:
        try:
            termios.tcsetattr(sys.stdin.fileno(), when, attributes)
        except (termios.error, OSError, ValueError):
            return False
        self._is_off, self._now = is_off, attributes
        return True
