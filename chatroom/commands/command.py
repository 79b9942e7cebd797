"""A command as data: one row of the table."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from chatroom.answers import Answer
from chatroom.rooms.roles import Role
from chatroom.storage.records import NORMAL, SUPERUSER, Account

Handler = Callable[..., Answer | None]


class Needs(Enum):
    """What a command needs beside its grant; superusers always have it."""

    NOTHING = "nothing"
    OWNER = "to be the owner of the room where one talks"
    MODERATOR = "to be its owner or one of its moderators"
    MODERATOR_TO_CHANGE = "the same, when an argument is given; without one it only shows something"
    ROOM_CREATOR = "to be one who may make rooms, as the setting room_creators says"


ROLES = {
    Needs.OWNER: Role.OWNER,
    Needs.MODERATOR: Role.MODERATOR,
    Needs.MODERATOR_TO_CHANGE: Role.MODERATOR,
}
"""What some take to be in the room where one talks."""


class Muted(Enum):
    """What a command is to somebody who is muted."""

    MAY = "may be used"
    MAY_LOOK = "may be used without an argument only: it says something to others"
    WITHOUT_TEXT = "may be used without the text at its end: others see it"
    TO_SUPERUSERS = "may be used to write to superusers only; see private.send"


@dataclass(frozen=True)
class Family:
    """Commands that belong together: people look for them in one place."""

    name: str
    """A command may have it, too: ``/help rooms`` is the family, ``/help /rooms`` the command."""
    summary: str


@dataclass(frozen=True)
class Command:
    """One row of the table."""

    name: str
    usage: str
    """``USER`` (an account), ``USER...`` (one or more, to the end of the line), ``ROOM`` (with its
    ``#`` or without), ``45m`` (a length of time), ``0|1`` and ``private`` (a choice), any other
    word (a text). ``[…]`` may be missing; a last ``TEXT``, ``WORDS`` or ``[reason]`` takes the rest
    of the line. ``[from USER]`` is a clause at the end of the line, and ``N``, ``ID`` and ``DATE``
    are read by ``grammar``."""
    summary: str
    handler: Handler
    family: Family
    grant: int = NORMAL
    """The weakest grant that may use it."""
    others: int = SUPERUSER
    """The weakest grant that may use it on what is somebody else's; see ``Context.is_others``."""
    runners_too: bool = False
    """Who runs a room may use it there, too, on what is somebody else's, or is shown more."""
    needs: Needs = Needs.NOTHING
    muted: Muted = Muted.MAY
    """What somebody who is muted may do with it."""
    cost: float = 1.0
    """What it takes of the person's rate, in lines: by its work, and by whom it is told to."""
    aliases: tuple[str, ...] = ()
    """Other words for it, as people of other chats type them."""
    takes_lines: bool = False
    """A program may give its text several lines."""
    is_basic: bool = False
    """Whoever is new is shown it first."""

    @property
    def details(self) -> str:
        """More of what it does, in one line: its handler's docstring; may be empty."""
        return " ".join((self.handler.__doc__ or "").split())

    @property
    def form(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.usage}".rstrip()

    def allows(self, account: Account) -> bool:
        """Tell whether this account may use the command."""
        return account.grant <= self.grant
