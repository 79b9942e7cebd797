"""What becomes of others, for who shows them: who is away, renamed, or here and gone again.

Who comes and goes is said by the logs of the rooms; this is about the rest, and about the people
whom a session watches. Everybody shares the lobby, so all who show rooms are told.
"""

import threading
from collections.abc import Iterable
from typing import Any

from chatroom.names import fold
from chatroom.rooms.person import FREE, Person
from chatroom.rooms.room import LOBBY, Member
from chatroom.rooms.roster import Roster
from chatroom.storage.records import JOIN, LEAVE, Post

WATCHED = 100
"""Names that a session may watch."""


class Watchers:
    """Tells sessions of other people. Any thread may call the methods; none waits.

    :param roster: who is here.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        # Guards both tables. Nothing else is taken under it; it may be taken under the roster's.
        self._lock = threading.Lock()
        # By session the names that it watches, as it has given them, by their folded form.
        self._names: dict[Member, dict[str, str]] = {}
        # By folded name the sessions that watch it; replaced, never changed.
        self._watching: dict[str, tuple[Member, ...]] = {}

    def watch(self, member: Member, names: Iterable[str]) -> list[str]:
        """Let a session be told when somebody of these names comes, or goes from the server.

        :param names: also of nobody; case does not count.
        :returns: those that are too many, see ``WATCHED``: they are not watched.
        """
        refused = []
        with self._lock:
            mine = self._names.setdefault(member, {})
            for name in names:
                folded = fold(name)
                if folded in mine:
                    continue
                if len(mine) >= WATCHED:
                    refused.append(name)
                    continue
                mine[folded] = name
                self._watching[folded] = (*self._watching.get(folded, ()), member)
        return refused

    def unwatch(self, member: Member, names: Iterable[str]) -> None:
        """Let a session be told of these names no more."""
        with self._lock:
            mine = self._names.get(member, {})
            for name in names:
                if mine.pop(fold(name), None) is not None:
                    self._forget(member, fold(name))
            if not mine:
                self._names.pop(member, None)

    def clear(self, member: Member) -> None:
        """Let a session watch nobody any more."""
        if member not in self._names:
            return
        with self._lock:
            for folded in self._names.pop(member, {}):
                self._forget(member, folded)

    def _forget(self, member: Member, folded: str) -> None:
        if others := tuple(one for one in self._watching[folded] if one is not member):
            self._watching[folded] = others
        else:
            del self._watching[folded]

    def of(self, member: Member) -> list[str]:
        """Return the names that a session watches, as it has given them."""
        with self._lock:
            return list(self._names.get(member, {}).values())

    # -- what is told -----------------------------------------------------------------------------

    def follow(self, log: str, posts: list[Post]) -> None:
        """Tell who watches somebody that comes or goes; the engine's thread, after the delivery.

        All are in the lobby as long as they are here, at whatever node. Who comes and is busy
        since the last visit is told of now: before, nobody showed who that is.
        """
        if log != LOBBY:
            return
        for post in posts:
            if post.kind == JOIN:
                self._tell_watching(post.sender, "online")
                person = self._roster.person(post.sender_id)
                if person is not None and person.state() != FREE:
                    self.tell_state(person)
            elif post.kind == LEAVE and not post.to:
                self._tell_watching(post.sender, "offline")

    def tell_state(self, person: Person) -> None:
        """Tell that somebody is away or busy now, or neither any more."""
        self.tell_remote_state(person.account.id, person.account.name, person.state())

    def tell_remote_state(self, account_id: str, name: str, state: str) -> None:
        """The same for somebody at another node; ``state`` is as of ``Presence``."""
        if state == FREE:
            self._tell(account_id, "back", name)
        else:
            self._tell(account_id, "away", name, text=reason_of(state))

    def tell_renamed(self, account_id: str, before: str, name: str) -> None:
        """Tell that somebody has another name."""
        self._tell(account_id, "renamed", before, text=name)
        self._tell_watching(before, "offline")
        self._tell_watching(name, "online")

    def tell_remote_setname(self, account_id: str, name: str, real_name: str) -> None:
        """Tell that somebody at another node has another real name."""
        self._tell(account_id, "setname", name, text=real_name)

    def tell_setname(self, person: Person, member: Member, real_name: str) -> None:
        """Give a session another real name, and tell all other sessions."""
        member.real_name = real_name
        name = person.account.name
        for one in self._showing():
            if one is not member:
                self._offer(one, "setname", name, text=real_name)

    def _showing(self) -> list[Member]:
        with self._roster.lock:
            people = list(self._roster.people.values())
        return [m for person in people for m in person.members if m.face.shows_rooms]

    def _tell(self, account_id: str, what: str, name: str, **fields: Any) -> None:
        for member in self._showing():
            if member.account_id != account_id:
                self._offer(member, what, name, **fields)

    def _tell_watching(self, name: str, what: str) -> None:
        for member in self._watching.get(fold(name), ()) if self._watching else ():
            self._offer(member, what, name)

    @staticmethod
    def _offer(member: Member, what: str, name: str, **fields: Any) -> None:
        if chunk := member.face.about(what, name, **fields):
            member.outbox.offer(chunk)


def reason_of(state: str) -> str:
    """Return the reason in a state of ``Presence``; empty: it has none."""
    return state.partition(" (")[2].removesuffix(")")
