"""What others changed: accounts, rooms and sanctions, told by control events."""

import math
import threading

from chatroom.errors import Code
from chatroom.rooms.catalogue import Catalogue
from chatroom.rooms.clock import Clock
from chatroom.rooms.memberships import Memberships
from chatroom.rooms.person import Person
from chatroom.storage.engine import Engine
from chatroom.storage.records import (
    FORKED,
    KICK,
    LOCKDOWN,
    MUTE,
    PURGE,
    SHUT_OUT,
    SUPERUSER,
    Control,
)

CHANGES_KNOWN = 4096
"""Account changes that are remembered for those who are just logging in."""
NEW_PASSWORD = "Your password was changed, so this session has ended. Log in with the new one."
_TOLD_ALL = {
    LOCKDOWN: "The room is closed now: nobody new comes in. Who is inside stays.",
    f"un{LOCKDOWN}": "The room is open again.",
}
_LOOK_SECONDS = 0.1  # changes of rooms that come together are looked at together


class Changes:
    """Brings who is here up to what the store says. Any thread may call the methods.

    :param engine: what the store says.
    :param clock: looks at changed rooms a little later.
    :param lock: the directory's; it guards the fields of people and of this.
    :param people: who is here, by account id.
    :param catalogue: the rooms.
    :param memberships: sends people out of rooms.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        lock: threading.Lock,
        people: dict[str, Person],
        catalogue: Catalogue,
        memberships: Memberships,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = lock
        self._people = people
        self._catalogue = catalogue
        self._memberships = memberships
        self._is_look_due = False
        self.count = 0
        """Number of account changes that were seen."""
        # The last changes by account, the oldest first; those before _forgotten are not known.
        self._changed: dict[str, int] = {}
        self._forgotten = 0

    def locked_is_newer(self, account_id: str, seen: int) -> bool:
        """Tell whether an account may have changed since :attr:`count` was ``seen``."""
        return self._changed.get(account_id, self._forgotten) > seen

    def controlled(self, control: Control) -> None:
        """Act upon a change of an account or a room; called by the engine's thread."""
        if control.kind == "room":
            with self._lock:
                if not self._is_look_due:
                    self._is_look_due = True
                    self._clock.after(_LOOK_SECONDS, self._look_at_rooms)
            return
        if control.kind == FORKED:
            self._tell_of_fork(control.account_id)
            return
        with self._lock:
            self.count += 1
            self._changed.pop(control.account_id, None)
            self._changed[control.account_id] = self.count
            if control.kind == LOCKDOWN or "/" in control.account_id:
                self._changed.clear()  # it may be about anybody
                self._forgotten = self.count
            if len(self._changed) > CHANGES_KNOWN:
                self._forgotten = self._changed.pop(next(iter(self._changed)))
        if control.kind in _TOLD_ALL:
            with self._lock:
                everybody = list(self._people.values())
            self._tell(everybody, control.kind, _TOLD_ALL[control.kind])
            return
        person = self._people.get(control.account_id)
        if person is not None and control.kind == MUTE:
            for mute in self._engine.sanctions(control.account_id):
                if mute.kind == MUTE:
                    self._tell([person], MUTE, f"{mute.sentence}. You may read, but not write.")
        elif person is not None and control.kind == "unmute":
            self._tell([person], "unmute", "You may write again.")
        elif control.kind == PURGE:
            self._tell_of_purge(control.account_id)
            return
        self.refresh(control.account_id)

    def _tell_of_purge(self, account_id: str) -> None:
        account = self._engine.load_account_by_id(account_id)
        if account is not None:  # else it is deleted, and nobody needs to know its name
            with self._lock:
                everybody = list(self._people.values())
            self._tell(
                everybody, PURGE, f"A superuser has removed what {account.name} said lately."
            )

    def _tell_of_fork(self, log: str) -> None:
        room = self._catalogue.of_log(log)
        with self._lock:
            inside = [person for person in self._people.values() if room in person.logs]
        name, where = ("", "private messages") if room and room.is_mailbox else (log, f"#{log}")
        text = (
            f"{where}: history forked. The store has lost messages that were shown; "
            "what follows is counted anew."
        )
        for person in inside:
            for member in person.members:
                member.outbox.offer(member.face.notice("gap", text, room=name))

    @staticmethod
    def _tell(people: list[Person], kind: str, text: str) -> None:
        for person in people:
            for member in person.members:
                member.outbox.offer(member.face.notice(kind, text))

    def _look_at_rooms(self) -> None:
        with self._lock:
            self._is_look_due = False
        for taken in self._catalogue.load():
            self._memberships.follow(taken)

    def refresh(self, account_id: str) -> None:
        """Bring somebody who is here up to what the store says of the account."""
        person = self._people.get(account_id)
        if person is None:
            return
        shut_out = [one for one in self._engine.sanctions(account_id) if one.kind in SHUT_OUT]
        if shut_out:
            one = max(shut_out, key=lambda one: one.until)
            # JSON knows no infinity: without an end it is null.
            until = None if math.isinf(one.until) else one.until
            code = Code.KICKED if one.kind == KICK else Code.BANNED
            fields = {"by": one.by, "reason": one.reason, "until": until, "code": code}
            text = one.sentence if one.reason else f"{one.sentence}."
            for member in person.members:
                member.end(member.face.control("kick", text, **fields))
            return
        account = self._engine.load_account_by_id(account_id)
        if account is None:
            with self._lock:
                person.is_deleted = True
            text = "Your account was deleted. Goodbye."
            for member in person.members:
                member.end(member.face.control("disconnect", text, code=Code.DELETED))
            return
        with self._lock:
            before = person.account
            if account.version < before.version:
                return
            person.account = account
            if account.ignores != before.ignores:
                for member in person.members:
                    member.ignores = frozenset(account.ignores)
                for room in person.logs:
                    room.look_again()
        for member in person.members:
            if account.password_id not in (member.password_id, member.next_password_id):
                member.end(member.face.control("disconnect", NEW_PASSWORD, code=Code.RESET))
        if account.name != before.name:
            for member in person.members:
                text = f"You are called {account.name} now."
                member.outbox.offer(member.face.control("rename", text, user=account.name))
        if account.grant != before.grant:
            role = "a superuser" if account.grant == SUPERUSER else "a normal user"
            for member in person.members:
                text = f"You are {role} now. See /help for what you may do."
                member.outbox.offer(member.face.control("changegrant", text, grant=account.grant))
