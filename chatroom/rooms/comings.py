"""Comings and goings that come too fast: one line, the rest told together."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from chatroom.errors import StoreError
from chatroom.rooms.room import LOBBY, Room
from chatroom.rooms.timers import Scheduler
from chatroom.storage.records import JOIN, LEAVE, Post

CALM_SECONDS = 5.0
"""Time for which nothing more is told of somebody who has just come or gone."""

BY_SERVER = "server"
"""In place of a name: nobody in particular has taken somebody out. Nobody may be called so."""


class Coming(NamedTuple):
    """Somebody comes into a room, or goes."""

    kind: str
    """``JOIN`` or ``LEAVE``."""
    account_id: str
    name: str
    by: str = ""
    """Of a leaving: the own name of who has left this room, the name of who has taken the person
    out of it; empty: the person has gone from the server."""
    text: str = ""
    """Of a leaving: why. Of a coming: the real name that a session has given."""

    def post(self, room: Room) -> Post:
        """Return what passes through the log of a room, so that those inside are told."""
        return Post(room.log, self.kind, self.account_id, self.name, self.text, to=self.by)


Tell = Callable[[Room, Coming], None]
"""Tells those in a room, under the roster's lock."""


class _Told:
    """What was told last of somebody in a room."""

    __slots__ = ("is_gone", "is_waiting", "joins", "kind", "latest", "must_tell", "time")

    def __init__(self, coming: Coming, now: float) -> None:
        self.kind = coming.kind
        self.latest = coming
        """What is told when the time is over, if that is how it is then."""
        self.time = now
        self.is_waiting = False
        """It has changed since, and is looked at when the time is over."""
        self.joins = 0
        """While waiting: how often others had come into the room when that began. Who has come
        since has not seen what was told."""
        self.must_tell = False
        """Nobody has seen what was told."""
        self.is_gone = False
        """While waiting: it was told in the lobby that the person has gone from the server. Who
        shows rooms has taken the person out of all of them: coming back has to be told."""


class Comings:
    """Lets at most one line a room be told of somebody in a time; then it tells how it is.

    So who comes and goes all the time fills no screen, and what was told last is right: who is
    here, or is not. Methods that begin with ``locked_`` are called under the roster's lock.

    :param scheduler: tells later.
    :param lock: the roster's; it guards the table.
    :param tell: tells it now.
    :param calm_seconds: the time; 0: everything is told at once. May be replaced at any time.
    """

    def __init__(
        self, scheduler: Scheduler, lock: threading.Lock, tell: Tell, calm_seconds: float
    ) -> None:
        self._scheduler = scheduler
        self._lock = lock
        self._tell = tell
        self.calm_seconds = calm_seconds
        # By room and account, what was told longest ago first; what is too old is dropped.
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        # Of rooms where a line waits: how many wait, and how often somebody has come since.
        self._waiting: Counter[str] = Counter()
        self._joins: Counter[str] = Counter()

    def locked_tell(self, room: Room, coming: Coming) -> None:
        """Tell of a coming or going now, or later how it is then."""
        assert self._lock.locked()
        if not self.calm_seconds:
            self._tell(room, coming)
            return
        now, account_id = time.monotonic(), coming.account_id
        self._drop(now)
        is_coming = coming.kind == JOIN and room.log in self._waiting
        if is_coming:
            self._joins[room.log] += 1
        key = (room.log, account_id)
        told = self._told.get(key)
        if told is None:
            self._told[key] = _Told(coming, now)
            self._tell_now(room, coming)
            return
        told.latest = coming
        if told.is_waiting:
            told.joins += is_coming  # one's own does not count
        else:
            told.is_waiting = True
            told.joins = self._joins[room.log]
            self._waiting[room.log] += 1
            left = told.time + self.calm_seconds - now
            self._scheduler.after(left, partial(self._tell_how_it_is, room, account_id))
        if coming.kind == LEAVE and not coming.by and room.log != LOBBY:
            in_lobby = self._told.get((LOBBY, account_id))
            told.is_gone |= in_lobby is None or in_lobby.kind == LEAVE

    def _tell_now(self, room: Room, coming: Coming) -> None:
        if room.log == LOBBY and coming.kind == LEAVE:
            for log in self._waiting:
                if (told := self._told.get((log, coming.account_id))) is not None:
                    told.is_gone = told.is_waiting
        self._tell(room, coming)

    def locked_forget(self, room: Room, account_id: str) -> None:
        """Nobody was there to be told: whoever comes next has seen nothing of it."""
        told = self._told.get((room.log, account_id))
        if told is not None and told.is_waiting:
            told.must_tell = True
        elif told is not None:
            del self._told[room.log, account_id]

    def _drop(self, now: float) -> None:
        while self._told:
            key, told = next(iter(self._told.items()))
            if told.is_waiting or now - told.time < self.calm_seconds:
                return
            del self._told[key]

    def _tell_how_it_is(self, room: Room, account_id: str) -> None:
        with self._lock:
            told = self._told.pop((room.log, account_id))  # what waits is not dropped
            is_seen = not told.must_tell and told.joins == self._joins[room.log]
            self._waiting[room.log] -= 1
            if not self._waiting[room.log]:
                del self._waiting[room.log], self._joins[room.log]
            coming = told.latest
            kind = JOIN if account_id in room.people else LEAVE
            if kind != coming.kind:  # that was not to be told
                coming = Coming(kind, account_id, coming.name, BY_SERVER if kind == LEAVE else "")
            if kind == told.kind and is_seen and not (told.is_gone and kind == JOIN):
                return
            self._told[(room.log, account_id)] = _Told(coming, time.monotonic())
            try:
                self._tell_now(room, coming)
            except StoreError:
                return  # the server stops: nobody is left to be told
