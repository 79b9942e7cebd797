"""Who goes, and who comes back under another account: what was imposed holds, and names rest.

A deleted account's id is never used again, so that its sanctions, and being ignored, could be shed.
What is remembered of it is bound to its name, for as long as a sanction held and a day at least,
and for a day to the network that it was deleted from: who makes an account under either inherits
it. No longer than a day, since behind one address there may be many, and others come after them.
"""

import contextlib
import logging
import time
from dataclasses import replace

from chatroom.errors import (
    ChatroomError,
    Code,
    Conflict,
    Lookalike,
    NameReserved,
    NameTaken,
    StoreError,
    UserError,
)
from chatroom.names import LOOKS_LIKE, fold
from chatroom.storage.engine import AccountStore, SanctionStore
from chatroom.storage.records import Account, Sanction
from chatroom.storage.rules.departure import Departed

_log = logging.getLogger(__name__)

NEARBY_SECONDS = 86400.0
"""Time for which a new account from the same network inherits, and being ignored is inherited."""
IGNORED_BY_MOST = 100
"""People whose ignoring is remembered."""
_DAY = 86400.0


class Departures:
    """What is remembered of those who gave up a name. Any thread; the methods wait for the disk.

    :param accounts: keeps it.
    :param sanctions: keeps what is inherited.
    :param reserve_days: days for which nobody else gets a name that was given up; 0: none.
        May be replaced at any time.
    """

    def __init__(self, accounts: AccountStore, sanctions: SanctionStore, reserve_days: int) -> None:
        self._accounts = accounts
        self._sanctions = sanctions
        self.reserve_days = reserve_days

    def of_deleted(self, account: Account, network: str) -> Departed:
        """Return what is to be remembered of an account that is deleted; the engine adds more.

        :param network: what counts as one address, where it is deleted; empty: by an operator.
        """
        ignored_by = [one.id for one in self._accounts.load_all() if account.id in one.ignores]
        return self._departed(account, network, tuple(ignored_by[:IGNORED_BY_MOST]))

    def of_renamed(self, account: Account) -> Departed | None:
        """Return what is to be remembered of a name that is changed; ``None``: nothing."""
        return self._departed(account, "", ()) if self.reserve_days else None

    def _departed(self, account: Account, network: str, ignored_by: tuple[str, ...]) -> Departed:
        now = time.time()
        reserved = now + self.reserve_days * _DAY if self.reserve_days else 0.0
        until = max(reserved, now + NEARBY_SECONDS)
        return Departed(
            account.id, account.name, network, now, reserved, until, ignored_by=ignored_by
        )

    def find(self, name: str, network: str) -> list[Departed]:
        """Return of whom a new account inherits what holds."""
        found = self._accounts.departed(name, network) if network else []
        now = time.time()
        return [
            one for one in found if fold(one.name) == fold(name) or now - one.since < NEARBY_SECONDS
        ]

    def impose(self, account: Account, found: list[Departed]) -> list[Sanction]:
        """Let the sanctions that hold be of a new account, too; before it is saved: none slips in.

        :returns: what was imposed, for :meth:`take_back` if it is not saved.
        """
        now = time.time()
        longest: dict[tuple[str, str], Sanction] = {}
        for one in (sanction for departed in found for sanction in departed.sanctions):
            of = (one.kind, one.room)
            if one.until > max(now, longest[of].until if of in longest else 0.0):
                longest[of] = one
        imposed = []
        for one in longest.values():
            fresh = replace(one, target=account.id, name=account.name, number=0)
            imposed.append(self._sanctions.save(fresh))
            _log.info("%s inherited %s", one.kind, account.ident)
        return imposed

    def take_back(self, imposed: list[Sanction]) -> None:
        """Undo :meth:`impose`: the account was not made."""
        for one in imposed:
            with contextlib.suppress(StoreError):  # it is nobody's, and ends by itself
                self._sanctions.lift(one.number)

    def be_ignored(self, account: Account, found: list[Departed]) -> None:
        """Let who ignored the old account ignore a new one; what cannot be done is logged."""
        now = time.time()
        recent = [one for one in found if now - one.since < NEARBY_SECONDS]
        for account_id in dict.fromkeys(other for one in recent for other in one.ignored_by):
            try:
                self._let_ignore(account_id, account.id)
            except ChatroomError as error:
                _log.warning("not ignored by=%s %s reason=%s", account_id, account.ident, error)

    def _let_ignore(self, account_id: str, other_id: str) -> None:
        while (one := self._accounts.load_by_id(account_id)) is not None:
            if other_id in one.ignores:
                return
            with contextlib.suppress(Conflict):  # it was changed meanwhile: look again
                self._accounts.save(replace(one, ignores=(*one.ignores, other_id)))
                return


def refused_name(error: NameTaken) -> UserError:
    """Return what is told when a name cannot be had."""
    if isinstance(error, Lookalike):
        return UserError(LOOKS_LIKE, Code.NAME_TAKEN)
    if isinstance(error, NameReserved):
        return UserError(
            "That name was in use until recently and is reserved for a while. Choose another one.",
            Code.NAME_TAKEN,
        )
    return UserError("That name is taken. Choose another one.", Code.NAME_TAKEN)
