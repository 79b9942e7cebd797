"""Waiting for many sockets: epoll itself where there is one, else what ``selectors`` offers."""

import select
import selectors
import sys
from typing import Protocol

READ = 1
WRITE = 4


class Poller(Protocol):
    """Tells which descriptors are ready. Anything but ``READ`` and ``WRITE`` means trouble."""

    def register(self, fd: int, events: int) -> None:
        """Begin to watch a descriptor."""

    def modify(self, fd: int, events: int) -> None:
        """Watch it for something else."""

    def unregister(self, fd: int) -> None:
        """End to watch it."""

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Return descriptors with their events, after ``timeout`` seconds at the latest."""

    def close(self) -> None:
        """Give it back."""


class _Selector:
    """The same with ``selectors``: kqueue on macOS."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    @staticmethod
    def _events(events: int) -> int:
        return (selectors.EVENT_READ if events & READ else 0) | (
            selectors.EVENT_WRITE if events & WRITE else 0
        )

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, self._events(events))

    def modify(self, fd: int, events: int) -> None:
        self._selector.modify(fd, self._events(events))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(timeout)
        ]

    def close(self) -> None:
        self._selector.close()


def make_poller() -> Poller:
    """Return the fastest poller of this machine."""
    if sys.platform == "linux":
        return select.epoll()
    return _Selector()
