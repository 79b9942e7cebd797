"""Who is here when the server restarts is here in its successor, too, and comes back unnoticed."""

import logging
import time
from typing import Any

from chatroom.accounts.sanctions import Sanctions
from chatroom.errors import Damaged
from chatroom.rooms.directory import Directory
from chatroom.rooms.person import Person
from chatroom.rooms.roster import Roster
from chatroom.storage.engine import AccountStore

_log = logging.getLogger(__name__)


class Successors:
    """Hands over who is here, and takes over who was. Before the start, and at the end.

    What the store keeps (rooms, places, what was read, who is busy) is not handed over.

    :param roster: who is here.
    :param directory: lets people be here.
    :param accounts: looked up again: they may have changed meanwhile.
    :param sanctions: the same.
    """

    def __init__(
        self,
        roster: Roster,
        directory: Directory,
        accounts: AccountStore,
        sanctions: Sanctions,
    ) -> None:
        self._roster = roster
        self._directory = directory
        self._accounts = accounts
        self._sanctions = sanctions

    def hand_over(self) -> dict[str, Any]:
        """Return in plain JSON who is here, for :meth:`take_over` of a successor.

        Moments are told as seconds ago, or from now.
        """
        now = time.monotonic()
        with self._roster.lock:
            people = [one for one in self._roster.people.values() if not one.is_deleted]
            here = [_told(person, now, self._directory.away_seconds) for person in people]
            slowed = [room for room in self._roster.by_log.values() if room.record.slow]
        spoke = {room.log: {one: now - at for one, at in room.spoke.items()} for room in slowed}
        return {"here": here, "spoke": spoke}

    def take_over(self, people: dict[str, Any]) -> None:
        """Let those be here who were, without a session: the engine and the scheduler may not run.

        Who is not back in time is announced as leaving then.

        :raises StoreError: the store cannot be read.
        """
        now = time.monotonic()
        for log, spoke in people["spoke"].items():
            if (room := self._roster.of_log(log)) is not None:
                room.spoke = {str(one): now - float(ago) for one, ago in spoke.items()}
        for one in people["here"]:
            account_id, away = str(one["account"]), float(one["away"])
            try:
                account = self._accounts.load_by_id(account_id)
            except Damaged as error:
                _log.error("account damaged id=%s reason=%s", account_id, error)
                continue
            if account is None or account.password_id != one["password"]:
                continue
            if self._sanctions.shut_out(account_id) is None:
                self._directory.bring_back(account, away, now - float(one["idle"]))


def _told(person: Person, now: float, away_seconds: float) -> dict[str, Any]:
    return {
        "account": person.account.id,
        "password": person.account.password_id,
        "away": away_seconds if person.members else max(0.0, person.away_until - now),
        "idle": person.idle_seconds(),
    }
