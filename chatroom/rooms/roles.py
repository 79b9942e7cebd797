"""Who runs a room: its owner, its moderators, and superusers. Pure; any thread."""

from enum import IntEnum
from typing import NamedTuple

from chatroom.errors import Code, UserError
from chatroom.storage.records import SUPERUSER, Account, Actor, RoomRecord
from chatroom.storage.rules.askers import Asker


class Role(IntEnum):
    """What somebody is in a room; a smaller one may do all that a larger one may."""

    OWNER = 0
    MODERATOR = 1
    MEMBER = 2


_WORDS = {Role.OWNER: "owner", Role.MODERATOR: "moderator", Role.MEMBER: ""}
_FOR_WHOM = {Role.OWNER: "its owner", Role.MODERATOR: "its owner and its moderators"}


def role_of(record: RoomRecord, account_id: str) -> Role:
    """Return what somebody is in a room, as its record says; a superuser may do more."""
    if account_id == record.owner:
        return Role.OWNER
    return Role.MODERATOR if account_id in record.moderators else Role.MEMBER


def role_word(record: RoomRecord, account_id: str) -> str:
    """Return what somebody is in a room, as rows name it; empty: nothing particular."""
    return _WORDS[role_of(record, account_id)]


def runs(account: Account, record: RoomRecord) -> bool:
    """Tell whether somebody may do in a room what its moderators may."""
    return account.grant == SUPERUSER or role_of(record, account.id) <= Role.MODERATOR


class Runner(NamedTuple):
    """Who does in a room what not everybody may."""

    actor: Actor
    is_superuser: bool
    needs: Role
    """What it takes, as the table of commands says."""

    def check(self, record: RoomRecord, what: str = "") -> None:
        """Refuse who may not, or not any more.

        :param what: that is to be done, for the sentence; empty: that.
        :raises UserError: says who may.
        """
        if not self.is_superuser and role_of(record, self.actor.id) > self.needs:
            text = f"In #{record.name} {what or 'that'} is for {_FOR_WHOM[self.needs]} only."
            raise UserError(text, Code.NOT_ALLOWED)

    def check_over(self, record: RoomRecord, account: Account) -> None:
        """Refuse what a moderator may not do to the owner, superusers and other moderators.

        :raises UserError: says so.
        """
        own = role_of(record, self.actor.id)
        if self.is_superuser or own is Role.OWNER:
            return
        if account.grant == SUPERUSER or role_of(record, account.id) <= own:
            what = "a superuser" if account.grant == SUPERUSER else "one who runs this room, too"
            raise UserError(f"{account.name} is {what}: you cannot do that.", Code.NOT_ALLOWED)

    def asker(self, record: RoomRecord, speaks: bool = False) -> Asker:
        """Return who has to be allowed to do it when it is saved.

        :param speaks: as of ``Asker``.
        """
        is_as_superuser = role_of(record, self.actor.id) > self.needs
        return Asker(self.actor.id, self.actor.origin, is_as_superuser, speaks)
