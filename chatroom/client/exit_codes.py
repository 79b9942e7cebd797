"""How a visit can end: exit codes, and the sentence that goes with one."""

from typing import NamedTuple

from chatroom.errors import ChatroomError

OK = 0
FAILED = 1
USAGE = 2
NOT_LOGGED_IN = 3
UNREACHABLE = 4
UNDELIVERED = 5
KICKED = 6
INTERRUPTED = 130
TIMED_OUT = 124


class End(NamedTuple):
    """Why the program ends."""

    code: int
    sentence: str = ""
    """For the person; empty when what came from the server says it already."""
    is_quiet: bool = False
    """Nobody reads any more: not a word."""


class Ended(ChatroomError):
    """The visit is over; ``end`` says how."""

    def __init__(self, end: End) -> None:
        super().__init__(end.sentence)
        self.end = end


class CannotWrite(OSError):
    """Standard output takes nothing; ``str()`` is a sentence that says why."""
