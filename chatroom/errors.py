"""The exception tree.

::

    ChatroomError
    ├── UserError            a sentence for the person who typed; says what to do next
    │   └── Demoted          who did it as a superuser is none any more
    ├── StartError           a sentence for the operator; the program cannot go on
    │   ├── SettingError     a setting has a value that is not allowed
    │   ├── VaultError       the master secret or the keyring cannot be used
    │   └── StoreError       the store cannot be opened, read or written
    │       ├── Damaged      a sealed record does not open: it was changed or belongs elsewhere
    │       └── Unconfirmed  it may have been written, and may not last
    ├── Conflict             the record was changed by someone else since it was read
    │   ├── NameTaken        an account or a room with this name exists already
    │   │   └── Lookalike    one exists that looks like it
    │   ├── InviteSpent      the invitation was used up or has run out
    │   └── LastSuperuser    the change would leave the room without a superuser
    └── Gone                 the peer has left, or its time to answer has run out

``UserError`` reaches a person word for word. Everything else is logged in full and answered
neutrally where a person waits for an answer.
"""


class ChatroomError(Exception):
    """The root of everything that this program raises on purpose."""


class UserError(ChatroomError):
    """Shown to the person who typed, as it is."""


class Demoted(UserError):
    """Who did this is no superuser any more; nothing was changed."""


class StartError(ChatroomError):
    """Shown to the operator, as one sentence; the program ends."""


class SettingError(StartError):
    """A setting is wrong; the sentence names it, its value and what is allowed."""


class VaultError(StartError):
    """The master secret or the keyring is missing, damaged or readable by others."""


class StoreError(StartError):
    """The store cannot be opened, read or written."""


class Damaged(StoreError):
    """A sealed record does not open at its place."""


class Unconfirmed(StoreError):
    """The store did not confirm a change: it may be done or not, and may not last."""


class Conflict(ChatroomError):
    """Somebody else changed the record first: load it again."""


class NameTaken(Conflict):
    """The name belongs to another account or room."""


class Lookalike(NameTaken):
    """The name looks like the one of another account or room."""


class InviteSpent(Conflict):
    """The invitation does not hold any more."""


class LastSuperuser(Conflict):
    """The change would leave nobody who may administer the room."""


class Gone(ChatroomError):
    """The other side has left or may not stay; ``str()`` is the reason for the log."""
