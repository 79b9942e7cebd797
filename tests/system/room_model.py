"""A small model of people and of the rooms that they run, by which real answers are judged."""

import itertools
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from tests.harness import Peer

OWNER, MODERATOR, MEMBER = range(3)
WORDS = ("owner", "moderator", "")
Undo = Callable[["Place"], object]
_texts = itertools.count(1)


def next_text() -> int:
    """Return what makes a text one that nobody has said before."""
    return next(_texts)


@dataclass
class Place:
    """A room, as people have made it. People go by their keys."""

    id: str
    name: str
    owner: str
    former: list[str] = field(default_factory=list)
    moderators: set[str] = field(default_factory=set)
    invited: set[str] = field(default_factory=set)
    banned: dict[str, bool] = field(default_factory=dict)
    """Who is, and whether a moderator has done that; and of ``muted``."""
    muted: dict[str, bool] = field(default_factory=dict)
    private: bool = False
    archived: bool = False
    log: list[str] = field(default_factory=list)
    """What was said in it."""
    last: tuple[str, Undo] | None = None
    """Who did the last act that can be taken back, and what takes it back."""

    def role(self, who: str) -> int:
        """Return what somebody is in it."""
        if who == self.owner:
            return OWNER
        return MODERATOR if who in self.moderators else MEMBER

    def lets_in(self, who: str) -> bool:
        """Tell whether somebody may be in it."""
        return who not in self.banned and self.is_open_to(who)

    def is_open_to(self, who: str) -> bool:
        return not self.private or who == self.owner or who in self.invited

    def is_known_to(self, who: str) -> bool:
        """Tell whether somebody may learn that there is such a room."""
        return self.is_open_to(who) and not (self.private and who in self.banned)

    def hears(self, who: str) -> str:
        """Return the code with which it takes what who is inside says; empty: it is said."""
        if who in self.muted:
            return "muted"
        return "archived" if self.archived else ""

    def is_above(self, who: str, whom: str) -> bool:
        """Tell whether somebody may send another one out, ban or mute that one."""
        return self.role(whom) != OWNER and self.role(who) < self.role(whom)

    def changed(self, who: str, change: Undo) -> None:
        """Do an act that can be taken back as long as nothing else is done."""
        before = deepcopy(self)

        def take_back(place: "Place") -> None:
            for name in ("owner", "moderators", "invited", "private", "archived", "name"):
                setattr(place, name, getattr(before, name))
            if before.name != after:
                place.former = [*place.former, after]

        change(self)
        after, self.last = self.name, (who, take_back)

    # -- acts; each tells whether it is allowed, and does it then -------------------------------

    def rename(self, who: str, name: str) -> bool:
        if self.role(who) > OWNER or name == self.name:
            return False

        def change(place: "Place") -> None:
            place.former = [*place.former, place.name]
            place.name = name

        self.changed(who, change)
        return True

    def set_private(self, who: str, is_private: bool, members: set[str]) -> bool:
        if self.role(who) > OWNER or self.private == is_private:
            return False

        def change(place: "Place") -> None:
            place.private = is_private
            more = members if is_private else set()
            place.invited = (place.invited | place.moderators | more) - {place.owner}

        self.changed(who, change)
        return True

    def set_archived(self, who: str, is_archived: bool) -> bool:
        if self.role(who) > OWNER or self.archived == is_archived:
            return False
        self.changed(who, lambda place: setattr(place, "archived", is_archived))
        return True

    def set_moderator(self, who: str, whom: str, is_one: bool) -> bool:
        is_right = self.role(whom) == (MEMBER if is_one else MODERATOR)
        if self.role(who) > OWNER or not is_right or (is_one and whom in self.banned):
            return False

        def change(place: "Place") -> None:
            place.moderators = place.moderators ^ {whom}
            if is_one and place.private:
                place.invited = place.invited | {whom}

        self.changed(who, change)
        return True

    def transfer(self, who: str, whom: str, is_inside: bool) -> bool:
        if self.role(who) > OWNER or whom == self.owner or not is_inside:
            return False
        if self.private:
            self.invited = (self.invited | {self.owner}) - {whom}
        self.owner, self.moderators, self.last = whom, self.moderators - {whom}, None
        return True

    def invite(self, who: str, whom: str) -> bool:
        if self.role(who) > MODERATOR or not self.private or whom in self.banned:
            return False
        if self.is_open_to(whom):
            return False
        self.invited, self.last = self.invited | {whom}, None
        return True

    def uninvite(self, who: str, whom: str) -> bool:
        if self.role(who) > MODERATOR or whom not in self.invited or not self.is_above(who, whom):
            return False
        self._let_go(whom)
        self.last = None
        return True

    def remove(self, who: str, whom: str, is_inside: bool) -> bool:
        if self.role(who) > MODERATOR or who == whom or not self.is_above(who, whom):
            return False
        if not is_inside and whom not in self.invited:
            return False
        self._let_go(whom)
        self.last = None
        return True

    def impose(self, who: str, whom: str, kind: str) -> bool:
        """Ban somebody from it (``ban``), or ``mute`` that one there."""
        held = self.held(kind)
        if self.role(who) > MODERATOR or who == whom or not self.is_above(who, whom):
            return False
        if whom in held and not self._may_lift(who, whom, kind):
            return False
        self._impose(whom, kind, self.role(who) == MODERATOR)
        self.last = who, lambda place: place.held(kind).pop(whom)
        return True

    def held(self, kind: str) -> dict[str, bool]:
        """Return who is banned from it (``ban``), or muted there (``mute``)."""
        return self.banned if kind == "ban" else self.muted

    def _impose(self, whom: str, kind: str, by_moderator: bool) -> None:
        self.held(kind)[whom] = by_moderator
        if kind == "ban":
            self._let_go(whom)

    def _may_lift(self, who: str, whom: str, kind: str) -> bool:
        is_right = self.held(kind)[whom] and who != whom
        return self.role(who) == OWNER or (self.role(who) == MODERATOR and is_right)

    def _let_go(self, whom: str) -> None:
        self.invited, self.moderators = self.invited - {whom}, self.moderators - {whom}

    def lift(self, who: str, whom: str, kind: str) -> bool:
        held = self.held(kind)
        if whom not in held or not self._may_lift(who, whom, kind):
            return False
        by_moderator = held.pop(whom)
        self.last = None
        if who != whom and self.is_above(who, whom):
            self.last = who, lambda place: place._impose(whom, kind, by_moderator)
        return True

    def undo(self, who: str) -> None:
        """Take back what somebody did last."""
        assert self.last is not None
        assert self.last[0] == who
        self.last[1](self)
        self.last = None


class Session:
    """What somebody who is here has been shown, and what that should be."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.expected: list[str] = []

    def shown(self) -> list[str]:
        """Return the texts that came live, after everything that was sent so far has come."""
        self.peer.send_event("command", line="/help help", cid=f"b{next_text()}")
        self.peer.until_event("result", command="help")
        return [
            match[1]
            for line in self.peer.seen.splitlines()
            if line.startswith(">message ") and '"old":true' not in line
            if (match := re.search(r'"text":"(t\d+)"', line))
        ]


class Person:
    """What the model knows of somebody."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_registered = False
        self.is_kicked = False
        self.rooms: set[str] = {"lobby"}
        self.session: Session | None = None
        self.is_busy = False
        self.missed: list[str] = []
        self.is_sure = True  # of busy: a crash may take back what was not saved yet

    def leave(self, room: str, place: Place) -> None:
        """Be in a room no more: what was missed there is not told of any more."""
        self.rooms.discard(room)
        self.missed = [text for text in self.missed if text not in place.log]
