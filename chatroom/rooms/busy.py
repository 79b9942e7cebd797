"""Busy and free: what comes meanwhile waits in the logs, and is read back at the end."""

import threading
import time
from functools import partial

from chatroom.rooms.clock import Clock
from chatroom.rooms.missed import Stretch, while_busy
from chatroom.rooms.person import Person
from chatroom.storage.engine import Engine


class Busy:
    """Makes people busy and free again. Any thread may call the methods.

    :param engine: keeps what was missed.
    :param clock: ends what has an end.
    :param lock: the directory's; the fields of a person are changed under it.
    """

    def __init__(self, engine: Engine, clock: Clock, lock: threading.Lock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = lock

    def begin(self, person: Person, reason: str, seconds: float = 0.0) -> None:
        """Hold everything back from all sessions of a person; a new reason replaces the old.

        :param seconds: time after which the person is free by itself; 0 = never.
        """
        with self._lock:
            was_free = person.busy is None
            person.busy = reason
            if person.busy_alarm is not None:
                self._clock.cancel(person.busy_alarm)
            person.busy_until, person.busy_alarm = 0.0, None
            if seconds:
                person.busy_until = until = time.time() + seconds
                person.busy_alarm = self._clock.after(
                    seconds, partial(self._run_out, person, until)
                )
            for member in person.members if was_free else ():
                member.cursors = {room.log: room.put_aside(member) for room in person.logs}
            members = person.members
        for member in members:
            text = person.busy_sentence()
            member.outbox.offer(member.face.control("busy", text, reason=reason))

    def _run_out(self, person: Person, until: float) -> None:
        if person.busy_until == until:
            self.end(person)

    def end(self, person: Person) -> bool:
        """Show each session what it missed and let it see the rooms again; False: was free."""
        with self._lock:
            if person.busy is None:
                return False
            person.busy = None
            if person.busy_alarm is not None:
                self._clock.cancel(person.busy_alarm)
            person.busy_until, person.busy_alarm = 0.0, None
            held = []
            for member in person.members:
                # Held: live messages may come before those that are read back below.
                gap = member.outbox.hold()
                cursors = member.cursors or {}
                member.cursors = None
                stretches = []
                for room in person.logs:
                    upto = room.enter(member)
                    stretches.append(Stretch(room, cursors.get(room.log, upto), upto))
                held.append((member, gap, stretches))
        for member, gap, stretches in held:
            shown = member.face.control("free", "You are free. See /history for what you missed.")
            try:
                shown = while_busy(self._engine, person, member, stretches)
            finally:
                member.outbox.release(gap, shown)
        return True
