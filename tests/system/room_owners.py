"""People who run rooms, and people who talk there, until their server is killed under them."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.crowd import Progress
from tests.harness import Peer, ServerProcess

MODERATOR, PEST = "helpful", "pest"


class Kept(NamedTuple):
    """What is kept of a room, as far as this is about it."""

    name: str
    owner: str
    moderators: frozenset[str] = frozenset()
    private: bool = False
    archived: bool = False
    banned: frozenset[str] = frozenset()


class Doubt(NamedTuple):
    """An act that was begun: what is kept must be as before it, or as after it."""

    id: str
    """Of the room; empty: it is a new one."""
    after: Kept | None
    """``None``: the room is deleted."""


class Refused(Exception):
    """What should have been done was not."""


def command(peer: Peer, line: str, confirm: str = "") -> dict[str, Any]:
    """Give a command as a program does; return its result.

    :param confirm: what is answered when it asks; empty: it asks nothing.
    """
    peer.send_event("command", line=line, cid=line)
    if confirm:
        peer.until_event("prompt", ask="confirm-room")
        peer.send_event("answer", text=confirm)
    return peer.until_event("result", cid=line)


def done(peer: Peer, line: str, confirm: str = "") -> dict[str, Any]:
    answer = command(peer, line, confirm)
    if not answer["ok"]:
        raise Refused(f"{line}: {answer}")
    return answer


@dataclass
class World:
    """What all of them share."""

    logs: dict[str, list[str]] = field(default_factory=dict)
    """What was said in each room that is there, and confirmed, by its id; one list a talker."""
    ids: set[str] = field(default_factory=set)
    """Of all rooms that there have ever been."""
    wrong: list[str] = field(default_factory=list)
    is_killed: bool = False

    def until_killed(self, work: Callable[[], None]) -> None:
        """Let somebody work until the server is gone; write down what else ends it."""
        try:
            work()
        except (OSError, AssertionError) as error:
            if not self.is_killed:
                self.wrong.append(repr(error))
        except Exception as error:
            self.wrong.append(repr(error))


class Owner:
    """Somebody who makes rooms and runs them, with an heir to hand them over to."""

    def __init__(self, number: int, world: World, dice: random.Random) -> None:
        self.names = (f"own{number}", f"heir{number}")
        self.number = number
        self.world = world
        self.dice = dice
        self.rooms: dict[str, Kept] = {}
        self.doubt: Doubt | None = None
        self.peers: dict[str, Peer] = {}
        self.count = 0

    def log_in(self, server: ServerProcess) -> None:
        self.peers = {name: server.device(name) for name in self.names}

    def work(self, progress: Progress, most: int) -> None:
        """Do one act after the other, until the server is gone.

        :param most: rooms that one may have.
        """
        while True:
            if not self.rooms or (len(self.rooms) < most and self.dice.random() < 0.15):
                self.create()
            else:
                self.act(self.dice.choice(list(self.rooms)))
            progress.add(1)

    def free_name(self) -> str:
        taken = {kept.name for kept in self.rooms.values()}
        return self.dice.choice([n for n in map(self._name, range(20)) if n not in taken])

    def _name(self, number: int) -> str:
        return f"place{self.number}x{number}"  # few: those of rooms that are gone come again

    def create(self) -> bool:
        """Make a room; False: there are enough."""
        who = self.names[0]
        after = Kept(self.free_name(), who)
        self.doubt = Doubt("", after)
        answer = command(self.peers[who], f"/create {after.name}")
        if not answer["ok"] and answer["code"] == "limit":
            self.doubt = None
            return False
        if not answer["ok"]:
            raise Refused(f"{after}: {answer}")
        (row,) = done(self.peers[who], f"/roominfo {after.name}")["rows"]
        self.adopt(row["room_id"], after)
        return True

    def adopt(self, room_id: str, kept: Kept) -> None:
        """Take over a new room: its id was never another one's."""
        if room_id in self.world.ids:
            raise Refused(f"the id of {kept.name} is not new")
        self.world.ids.add(room_id)
        self.rooms[room_id] = kept
        self.world.logs[room_id] = []
        self.doubt = None

    def act(self, room_id: str) -> None:
        """Do something with a room."""
        room = self.rooms[room_id]
        name = self.free_name()
        heir = self.names[room.owner == self.names[0]]
        others = room.moderators - {PEST}  # with a ban the role ends
        acts: list[tuple[str, Kept | None]] = [
            (f"/renameroom {name}", room._replace(name=name)),
            (f"/transfer {heir}", room._replace(owner=heir)),
            *_switch("/{}moderator " + MODERATOR, room, "moderators", MODERATOR),
            *_switch("/{}roomban " + PEST, room._replace(moderators=others), "banned", PEST),
            ("/public" if room.private else "/private", room._replace(private=not room.private)),
            (
                "/unarchive" if room.archived else "/archive",
                room._replace(archived=not room.archived),
            ),
            ("/deleteroom", None),
        ]
        if PEST not in room.banned:
            acts += 2 * _switch("/{}moderator " + PEST, room, "moderators", PEST)
        line, after = self.dice.choice(acts)
        peer = self.peers[room.owner]
        done(peer, f"/join {room_id}")
        if line == f"/transfer {heir}":  # who gets it is in it
            command(peer, f"/invite {heir}")
            done(self.peers[heir], f"/join {room_id}")
        self.doubt = Doubt(room_id, after)
        done(peer, line, "" if after else room.name)
        self.settle(after)

    def delete(self, room_id: str) -> None:
        """Delete a room."""
        room = self.rooms[room_id]
        done(self.peers[room.owner], f"/join {room_id}")
        self.doubt = Doubt(room_id, None)
        done(self.peers[room.owner], "/deleteroom", room.name)
        self.settle(None)

    def settle(self, after: Kept | None) -> None:
        """Note what became of what was begun."""
        assert self.doubt is not None
        if after is None:
            del self.rooms[self.doubt.id]
            self.world.logs.pop(self.doubt.id, None)
        else:
            self.rooms[self.doubt.id] = after
        self.doubt = None


def _switch(line: str, room: Kept, name: str, who: str) -> list[tuple[str, Kept | None]]:
    """Return the act that makes somebody one of those in a field, or none any more."""
    before: frozenset[str] = getattr(room, name)
    change: dict[str, Any] = {name: before ^ {who}}
    return [(line.format("un" if who in before else ""), room._replace(**change))]


class Talker:
    """Somebody who talks in all rooms that there are, and notes what was confirmed."""

    def __init__(self, name: str, world: World, dice: random.Random) -> None:
        self.name = name
        self.world = world
        self.dice = dice
        self.number = 0
        self.said: dict[str, list[str]] = {}
        """What was confirmed, by the id of its room, in order."""
        self.is_over = threading.Event()

    def stop(self) -> None:
        """End it where the server goes on."""
        self.is_over.set()

    def work(self, server: ServerProcess) -> None:
        """Talk until the server is gone, or :meth:`stop`."""
        self.is_over.clear()
        peer = server.device(self.name)
        while not self.is_over.is_set():
            room_id = self.dice.choice(["lobby", *self.world.logs])
            self.number += 1
            text = f"{self.name}-{self.number} in {room_id}"
            peer.send_event("post", room=room_id, text=text, cid=text)
            answer = peer.until(f'"cid":"{text}"')
            if ">message " in answer.splitlines()[-1]:
                self.said.setdefault(room_id, []).append(text)
            elif '"not-inside"' in answer:
                command(peer, f"/join {room_id}")
