"""The exception tree.

::

    ChatroomError
    ├── UserError            a sentence for the person who typed; says what to do next
    │   ├── Demoted          who did it as a superuser is none any more
    │   └── Sanctioned       who did it was kicked, banned or muted meanwhile
    ├── StartError           a sentence for the operator; the program cannot go on
    │   ├── SettingError     a setting has a value that is not allowed
    │   ├── VaultError       the master secret or the keyring cannot be used
    │   └── StoreError       the store cannot be opened, read or written
    │       ├── StoreAway    nobody answers there now: it may be back in a moment
    │       ├── Damaged      a sealed record does not open: it was changed or belongs elsewhere
    │       └── Unconfirmed  it may have been written, and may not last
    ├── Conflict             the record was changed by someone else since it was read
    │   ├── NameTaken        an account or a room with this name exists already
    │   │   ├── Lookalike    one exists that looks like it
    │   │   └── NameReserved it was given up lately
    │   ├── InviteSpent      the invitation was used up or has run out
    │   ├── NotAsLeft        it was changed since the act that is to be taken back
    │   └── LastSuperuser    the change would leave the room without a superuser
    └── Disconnected         the connection has ended; its ``EndReason`` says why

``UserError`` reaches a person word for word. Everything else is logged in full and answered
neutrally where a person waits for an answer. Programs decide by its ``Code``.
"""

from enum import Enum, StrEnum
from typing import Any, NamedTuple


class Code(StrEnum):
    """Why something was refused or a visit has ended: stable words for programs.

    docs/protocol.md lists them; a value is never given another meaning.
    """

    REFUSED = "refused"
    """Anything that has no word of its own."""
    USAGE = "usage"
    NO_SUCH_COMMAND = "no-such-command"
    NO_SUCH_USER = "no-such-user"
    NO_SUCH_ROOM = "no-such-room"
    NO_SUCH_MESSAGE = "no-such-message"
    NO_SUCH_NUMBER = "no-such-number"
    NOT_ALLOWED = "not-allowed"
    NOT_INSIDE = "not-inside"
    NAME_TAKEN = "name-taken"
    BAD_NAME = "bad-name"
    BAD_PASSWORD = "bad-password"
    """A new password that is not allowed."""
    WRONG_PASSWORD = "wrong-password"
    """The name or the password of a login is wrong."""
    TICKET = "ticket"
    """The ticket is invalid or has expired."""
    BAD_CODE = "bad-code"
    """An invitation, a reset code or a claim code that does not hold."""
    THROTTLED = "throttled"
    """Too many tries; ``wait`` says how many seconds to wait."""
    CROWDED = "crowded"
    """Too many people just now: try again."""
    LOCKDOWN = "lockdown"
    KICKED = "kicked"
    BANNED = "banned"
    MUTED = "muted"
    ARCHIVED = "archived"
    """The room is read only."""
    DELETED = "deleted"
    """The account was deleted."""
    RESET = "reset"
    """The account has a new password: log in with it."""
    SESSION_ENDED = "session-ended"
    """Another session of the same account has ended this one."""
    REPEATED = "repeated"
    """It was done before, and is not done twice."""
    CHANGED = "changed"
    """It is not as it was any more, so it cannot be taken back."""
    TOO_LONG = "too-long"
    TOO_FAST = "too-fast"
    TOO_SLOW = "too-slow"
    LIMIT = "limit"
    """There are as many of these as there may be."""
    EMPTY = "empty"
    NOT_KEPT = "not-kept"
    """The store cannot keep it now; nothing was changed: try again."""
    UNCONFIRMED = "unconfirmed"
    """The store did not confirm it: it may be done or not."""
    ANSWER_FIRST = "answer-first"
    NOT_UNDERSTOOD = "not-understood"
    """The line is not one of the protocol's."""
    STOPPING = "stopping"
    RESTARTING = "restarting"
    INTERNAL = "internal"
    """A fault of the program; it was logged."""


class EndReason(Enum):
    """Why a connection to the server has ended, and with it the login or the visit.

    The value is its word in the server's log.
    """

    LEFT = "left"
    """The peer has closed its side, or its writing side only."""
    GOODBYE = "goodbye"
    """The person has left on purpose."""
    ENDED = "ended"
    """The server has ended it and has said why: a kick, a new password, a stop."""
    LOST = "connection lost"
    """It broke, or never came as far as the login; the text of ``Disconnected`` says how."""
    BANNED = "banned"
    LOGIN_TIMEOUT = "time is up"
    STALLED = "stalled"
    """Its place at the login was given to another one."""
    NO_ANSWER = "no answer"
    """It sent everything but an answer to the open question."""
    SILENT = "silent"
    """A program did not answer a ping."""
    TOO_SLOW = "too slow"
    """It read too slowly."""
    FLOODING = "flooding"
    ENDLESS_LINE = "a line without end"


class Refusal(NamedTuple):
    """Why a post was not kept, as the engine gives it back."""

    code: Code
    sentence: str
    fields: tuple[tuple[str, Any], ...] = ()
    """More of it for programs: names with plain values. Refusals are keys of tables."""


class ChatroomError(Exception):
    """The root of everything that this program raises on purpose."""


class UserError(ChatroomError):
    """Shown to the person who typed, as it is.

    :param sentence: what is wrong and what to do.
    :param code: the same for programs.
    :param fields: more of it for programs, such as ``wait`` in seconds.
    """

    code = Code.REFUSED

    def __init__(self, sentence: str = "", code: Code | None = None, **fields: Any) -> None:
        super().__init__(sentence)
        if code is not None:
            self.code = code
        self.fields = fields


class Demoted(UserError):
    """Who did this is no superuser any more; nothing was changed."""

    code = Code.NOT_ALLOWED


class Sanctioned(UserError):
    """Who did this was kicked, banned or muted meanwhile; nothing was changed."""


class StartError(ChatroomError):
    """Shown to the operator, as one sentence; the program ends."""


class SettingError(StartError):
    """A setting is wrong; the sentence names it, its value and what is allowed."""


class VaultError(StartError):
    """The master secret or the keyring is missing, damaged or readable by others."""


class StoreError(StartError):
    """The store cannot be opened, read or written."""

    code = Code.NOT_KEPT


class StoreAway(StoreError):
    """The store does not answer, or not yet; nothing is wrong with what was asked."""


class Damaged(StoreError):
    """A sealed record does not open at its place."""


class Unconfirmed(StoreError):
    """The store did not confirm a change: it may be done or not, and may not last."""

    code = Code.UNCONFIRMED


class Conflict(ChatroomError):
    """Somebody else changed the record first: load it again."""


class NameTaken(Conflict):
    """The name belongs to another account or room."""


class NameReserved(NameTaken):
    """The name was given up lately, and is reserved for a while."""


class Lookalike(NameTaken):
    """The name looks like the one of another account or room."""


class InviteSpent(Conflict):
    """The invitation is no longer valid."""


class NotAsLeft(Conflict):
    """It was changed since the act that is to be taken back; nothing was done."""


class LastSuperuser(Conflict):
    """The change would leave nobody who may administer the room."""


class Disconnected(ChatroomError):
    """The other side has left or may not stay.

    :param text: why, for the log or the person at the client; empty: the reason's own word.
    :param reason: why, for the program.
    """

    def __init__(self, text: str = "", reason: EndReason = EndReason.LOST) -> None:
        super().__init__(text or reason.value)
        self.reason = reason
