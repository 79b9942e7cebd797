"""Who may make an account: everybody, who has an invitation, or nobody.

An invitation's code is 128 random bits; only its SHA-256 is kept, as with tickets.
"""

import hashlib
import secrets
import time

from chatroom.errors import Code, UserError
from chatroom.sentences import duration
from chatroom.storage.engine import InviteStore
from chatroom.storage.records import Actor, Invite

OPEN, BY_INVITE, CLOSED = "open", "invite", "closed"

INVITE_SECONDS = 7 * 86400.0
INVITE_LONGEST = 365 * 86400.0
_CLOSED_SENTENCE = (
    "New accounts cannot be made here. Ask the operator for one, or answer n if you have one."
)
_SPENT = "That invitation is invalid or has expired. Ask for a new one."

SENTENCES = {
    OPEN: "Registration is open: whoever reaches this port may make an account.",
    BY_INVITE: "Registration is by invitation: make one with the sub-command invite.",
    CLOSED: "Registration is closed: accounts are made with the sub-command add-user.",
}
"""For the operator, at the start."""


class Invites:
    """The door for new accounts. Any thread may call the methods; they wait for the disk.

    :param store: keeps the invitations.
    :param registration: ``open``, ``invite`` or ``closed``; may be replaced at any time.
    """

    def __init__(self, store: InviteStore, registration: str) -> None:
        self._store = store
        self.registration = registration

    @property
    def is_needed(self) -> bool:
        """A new account needs an invitation."""
        return self.registration == BY_INVITE

    def check_door(self) -> None:
        """:raises UserError: nobody may make an account."""
        if self.registration == CLOSED:
            raise UserError(_CLOSED_SENTENCE, Code.NOT_ALLOWED)

    def admit(self, code: str) -> bytes:
        """Return the digest of the invitation that a new account uses up; empty: it needs none.

        :param code: as it was typed or came with the line.
        :raises UserError: nobody may make an account, or not with this code.
        """
        self.check_door()
        if not self.is_needed:
            return b""
        if not code.strip():
            raise UserError("A new account needs an invitation here: give its code.", Code.BAD_CODE)
        digest = _digest(code.strip())
        if self._store.load(digest) is None:
            raise UserError(_SPENT, Code.BAD_CODE)
        return digest

    def issue(self, by: Actor, uses: int, seconds: float) -> str:
        """Return the code of a new invitation; durable when this returns.

        :param by: who invites.
        :param uses: accounts that can be made with it, at least 1.
        :param seconds: how long it holds.
        :raises UserError: it would hold for no time, or for more than a year.
        """
        if not 0 < seconds <= INVITE_LONGEST:
            raise UserError("An invitation can be valid for 1s to 365d.")
        code = secrets.token_urlsafe(16)
        invite = Invite(_digest(code), uses, time.time() + seconds, by.name)
        self._store.save(invite, by.did(f"made an invitation for {uses}, {duration(seconds)}"))
        return code

    def all(self) -> list[Invite]:
        """Return the invitations that hold, oldest first."""
        return self._store.load_all()

    def revoke(self, number: int, by: Actor) -> None:
        """Take an invitation back. :raises UserError: there is none of this number."""
        act = by.did(f"revoked invitation {number}")
        if not 0 < number < 2**63 or not self._store.revoke(number, act):
            raise UserError(f"There is no invitation {number}.", Code.NO_SUCH_NUMBER)


def spent() -> UserError:
    """Return what is told when an invitation was used up by somebody who was faster."""
    return UserError(_SPENT, Code.BAD_CODE)


def link(host: str, port: int, code: str, fingerprint: str) -> str:
    """Return an invitation in one string: where, the code, and who the server is."""
    where = f"[{host}]" if ":" in host else host
    return f"chatroom://{where}:{port}/?code={code}&pin={fingerprint}"


def line_to_type(invitation: str) -> str:
    """Return what a guest types. Double quotes: the shells of all systems take them."""
    return f'python chatroom_client.py "{invitation}"'


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
