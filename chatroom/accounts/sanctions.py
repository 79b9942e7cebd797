"""Kicks, bans, mutes and the lockdown: imposed, lifted, and looked up wherever they count."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from chatroom.accounts.sanction_sentences import shut_out_sentence
from chatroom.addresses import Range, address_of, range_of
from chatroom.errors import Code, Conflict, StoreError, UserError
from chatroom.sentences import DEEDS, duration
from chatroom.storage.engine import SanctionStore
from chatroom.storage.records import (
    BLOCKS_LOGIN,
    LOCKDOWN,
    MUTE,
    OF_ROOMS,
    ROOM_BAN,
    ROOM_MUTE,
    ROOM_NAME,
    Account,
    Actor,
    Audit,
    RoomRecord,
    Sanction,
)
from chatroom.storage.rules.askers import Asker
from chatroom.storage.rules.audit import Deed
from chatroom.storage.rules.events import Control, ControlKind

_log = logging.getLogger(__name__)

CLOSED = "The room is closed: new logins are not allowed right now. Try again later."
UNSURE = "This server cannot check bans and mutes right now. Try again in a moment."
_ACTS = {**DEEDS, LOCKDOWN: "began a lockdown"}
_ROOM_ACTS = {ROOM_BAN: "banned {} from", ROOM_MUTE: "muted {} in"}
_ROOM_LIFTS = {ROOM_BAN: "took back the ban of {} from", ROOM_MUTE: "took back the mute of {} in"}


_SHOWN_SECONDS = 2.0
"""Longest wait for what was said before a sanction."""


def _meant(one: Sanction) -> str:
    """Return who is meant, for the log; not in which room: ids of old rooms are their names."""
    return f" name={one.name}" if one.is_of_account else ""


def longest(found: Iterable[Sanction]) -> Sanction | None:
    """Return which of these keeps somebody out for longest; ``None``: none does."""
    kept_out = (one for one in found if one.kind in BLOCKS_LOGIN)
    return max(kept_out, key=lambda one: one.until, default=None)


def to_plain(sanction: Sanction) -> dict[str, Any]:
    """Return a sanction as the audit trail has it, in plain JSON; without its number."""
    plain = asdict(sanction)
    del plain["number"]
    return plain | {"until": None if math.isinf(sanction.until) else sanction.until}


def from_plain(plain: Any) -> Sanction:
    """Return what :func:`to_plain` was given, without its number."""
    return Sanction(**plain | {"until": math.inf if plain["until"] is None else plain["until"]})


_OfRooms = Mapping[tuple[str, str, str], Sanction]
"""Bans and mutes of rooms, by kind, account id and room id."""


def _of_rooms(found: Iterable[Sanction]) -> _OfRooms:
    return {(one.kind, one.target, one.room): one for one in found if one.kind in OF_ROOMS}


class Sanctions:
    """Imposes and lifts; knows by heart what is asked for at each connection and each post.

    What it knows by heart follows the control events, which come from the engine's thread. Any
    thread may call the other methods; those that change something wait for the disk.

    :param store: keeps the sanctions.
    :param settle: waits until what was posted is delivered; see ``engine.Engine.settle``.
    :raises StoreError: they cannot be read.
    """

    def __init__(self, store: SanctionStore, settle: Callable[[float], object]) -> None:
        self._store = store
        self._settle = settle
        # Guards who replaces what follows, which is never changed; readers take none.
        self._lock = threading.Lock()
        self._followed = 0
        self._is_sure = False
        self._ranges: tuple[tuple[Range, Sanction], ...] = ()
        self._mutes: dict[str, Sanction] = {}
        self._of_rooms: _OfRooms = {}
        self._lockdown: Sanction | None = None
        self.load()

    # -- what is asked for -----------------------------------------------------------------------

    def refusal(self, address: str) -> str:
        """Return what keeps an address out, as a sentence; empty: nothing. Reads no store."""
        if not self._is_sure:
            return UNSURE
        if not self._ranges:
            return ""
        ip, now = address_of(address), time.time()
        for banned, sanction in self._ranges:
            if ip is not None and ip in banned and sanction.until > now:
                return shut_out_sentence(sanction)
        return ""

    def mute_of(self, account_id: str) -> Sanction | None:
        """Return the mute of somebody, if it still holds. Reads no store.

        :raises StoreError: nobody knows just now.
        """
        if not self._is_sure:
            raise StoreError(UNSURE)
        mute = self._mutes.get(account_id)
        return mute if mute is not None and mute.until > time.time() else None

    def room_ban_of(self, account_id: str, room_id: str) -> Sanction | None:
        """Return what keeps somebody out of a room, as far as it is known here. Reads no store.

        Where somebody comes in it is looked up before: see :meth:`look_up`.
        """
        return self._of_room(ROOM_BAN, account_id, room_id)

    def room_mute_of(self, account_id: str, room_id: str) -> Sanction | None:
        """Return the mute of somebody in a room, if it still holds. Reads no store."""
        return self._of_room(ROOM_MUTE, account_id, room_id)

    def _of_room(self, kind: str, account_id: str, room_id: str) -> Sanction | None:
        if not self._of_rooms:
            return None
        found = self._of_rooms.get((kind, account_id, room_id))
        return found if found is not None and found.until > time.time() else None

    def all(self, target: str | None = None, room: str | None = None) -> list[Sanction]:
        """Return the sanctions that hold, oldest first, from the store; see its ``load``."""
        return self._store.load(target, room)

    def look_up(self, account_id: str) -> list[Sanction]:
        """Return what holds of somebody, and know by heart what of it is of rooms.

        What another server has imposed counts from here on, also when its event is late.
        """
        while True:
            followed = self._followed
            found = self._store.load(account_id)
            with self._lock:
                if followed == self._followed:  # else what was read may be older than the event
                    if news := _of_rooms(found):
                        self._of_rooms = {**self._of_rooms, **news}
                    return found

    def shut_out(self, account_id: str) -> Sanction | None:
        """Return what keeps somebody out of the server; then as :meth:`look_up`."""
        return longest(self.look_up(account_id))

    @property
    def is_locked_down(self) -> bool:
        """True while nobody new comes in. Reads no store. :raises StoreError: as ``mute_of``."""
        if not self._is_sure:
            raise StoreError(UNSURE)
        return self._lockdown is not None

    def controlled(self, control: Control) -> bool:
        """Follow a control event; the engine's thread only. Reads no store.

        :returns: False: it does not tell enough: nobody is let in, and nobody who may be muted
            heard, until :meth:`load` has succeeded.
        """
        kind, target = control.kind, control.subject
        if isinstance(control.carried, RoomRecord) and control.carried.is_closed:
            self._forget_room(control.carried.log)
        if kind not in _ACTS and kind is not ControlKind.MISSED:
            return True
        with self._lock:
            self._followed += 1
            if kind in OF_ROOMS:
                self._locked_follow_room(control)
            elif not control.lifted and isinstance(control.carried, Sanction):
                self._locked_take(control.carried)
            elif not control.lifted:
                self._is_sure = False
            elif kind is ControlKind.LOCKDOWN:
                self._lockdown = None
            elif kind is ControlKind.MUTE:
                self._mutes = {k: v for k, v in self._mutes.items() if k != target}
            else:
                self._ranges = tuple(one for one in self._ranges if one[1].target != target)
            return self._is_sure

    def _forget_room(self, room_id: str) -> None:
        with self._lock:
            self._of_rooms = {k: v for k, v in self._of_rooms.items() if v.room != room_id}

    def _locked_follow_room(self, control: Control) -> None:
        one = control.carried
        if not isinstance(one, Sanction):
            self._is_sure = False
            return
        key = (one.kind, one.target, one.room)
        others = {k: v for k, v in self._of_rooms.items() if k != key}
        self._of_rooms = others if control.lifted else {**others, key: one}

    def doubt(self) -> None:
        """Trust nothing that is known by heart until :meth:`load` has succeeded."""
        with self._lock:
            self._is_sure = False

    def load(self) -> None:
        """Learn all sanctions by heart, in place of what was known.

        :raises StoreError: they cannot be read.
        """
        while True:
            followed = self._followed
            found = self._store.load()
            with self._lock:
                if followed != self._followed:  # what was read may be older than what was told
                    continue
                closed = [one for one in found if one.kind == LOCKDOWN]
                self._mutes = {one.target: one for one in found if one.kind == MUTE}
                self._ranges = tuple((range_of(one.target), one) for one in found if one.is_range)
                self._of_rooms = _of_rooms(found)
                self._lockdown = closed[-1] if closed else None
                self._is_sure = True
                return

    def _locked_take(self, sanction: Sanction) -> None:
        if sanction.kind == LOCKDOWN:
            self._lockdown = sanction
        elif sanction.kind == MUTE:
            self._mutes = {**self._mutes, sanction.target: sanction}
        elif sanction.is_range:
            others = (one for one in self._ranges if one[1].target != sanction.target)
            self._ranges = (*others, (range_of(sanction.target), sanction))

    # -- imposed and lifted --------------------------------------------------------------------

    def impose(
        self, kind: str, whom: Account | Range | None, by: Actor, reason: str, seconds: float
    ) -> Sanction:
        """Impose a sanction; durable, and in force everywhere here, when this returns.

        What was said before is shown by then, too: nothing that is refused comes after it.

        :param whom: an account, a range of addresses (ban only), or nobody in particular.
        :param seconds: for how long; infinite: until it is lifted.
        """
        target = whom.id if isinstance(whom, Account) else str(whom or "")
        name = whom.name if isinstance(whom, Account) else target
        now = time.time()
        length = "forever" if math.isinf(seconds) else f"for {duration(seconds)}"
        act = f"{_ACTS[kind]} {name} {length}" if target else _ACTS[kind]
        whom_id = target if isinstance(whom, Account) else ""
        new = Sanction(kind, target, name, by.name, reason, now, now + seconds)
        entry = by.did(act, whom_id, reason, deed=kind, after=to_plain(new))
        return self._impose(new, seconds, entry)

    def impose_in(
        self,
        room: RoomRecord,
        kind: str,
        account: Account,
        by: Actor,
        reason: str,
        seconds: float,
        asker: Asker,
        by_moderator: bool = False,
        is_new: bool = False,
    ) -> Sanction:
        """Impose a sanction of one room; otherwise as :meth:`impose`.

        :param room: as it was loaded; what it becomes by this is saved in one step with it.
        :param kind: ``ROOM_BAN`` or ``ROOM_MUTE``.
        :param asker: who has to be allowed to do it when it is saved.
        :param by_moderator: it is a moderator who imposes it.
        :param is_new: it may not take the place of another one.
        :raises Conflict: the room was changed meanwhile: look again who may do what there.
        """
        now = time.time()
        length = "forever" if math.isinf(seconds) else f"for {duration(seconds)}"
        act = f"{_ROOM_ACTS[kind].format(account.name)} {ROOM_NAME} {length}"
        times = (now, now + seconds)
        whom = (account.id, account.name)
        new = Sanction(
            *(kind, *whom, by.name, reason, *times), room=room.log, by_moderator=by_moderator
        )
        entry = by.did(act, account.id, reason, room.log, kind, after=to_plain(new))
        return self._impose(new, seconds, entry, is_new, asker, room)

    def impose_again(
        self,
        was: Sanction,
        by: Actor,
        asker: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> Sanction:
        """Impose what was lifted, for the rest of its time; otherwise as :meth:`impose`.

        :param asker: and ``of``, as of :meth:`lift`.
        :raises UserError: there is none left, or another one of its kind holds by now.
        :raises Conflict: the room was changed meanwhile.
        """
        left = was.until - time.time()
        if left <= 0:
            raise UserError(f"Nothing was undone: the time of that {was.kind} is over by now.")
        act = f"imposed the {was.kind} of {was.name} again" if was.target else _ACTS[was.kind]
        if was.kind in _ROOM_ACTS:
            act = f"{_ROOM_ACTS[was.kind].format(was.name)} {ROOM_NAME} again"
        whom_id = was.target if was.is_of_account else ""
        entry = by.did(act, whom_id, was.reason, was.room, was.kind, after=to_plain(was))
        try:
            return self._impose(was, left, entry, True, asker, of)
        except Conflict:
            if of is not None and self.holding(was) is None:
                raise
            whom = f" of {was.name}" if was.target else ""
            text = f"Nothing was undone: another {was.kind}{whom} holds by now."
            raise UserError(text, Code.CHANGED) from None

    def _impose(
        self,
        new: Sanction,
        seconds: float,
        entry: Audit,
        is_new: bool = False,
        asker: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> Sanction:
        sanction = self._store.save(new, entry, asker, of, is_new)
        self._settle(_SHOWN_SECONDS)
        length = "forever" if math.isinf(seconds) else f"{seconds:.0f}"
        act = new.kind if new.kind == LOCKDOWN else _ACTS[new.kind]
        # The reason is sealed in the audit trail, and stands nowhere in clear.
        _log.info(
            "%s target=%s seconds=%s by=%s%s",
            act,
            *(new.target or "-", length, entry.by),
            _meant(new),
        )
        return sanction

    def holding(self, one: Sanction) -> Sanction | None:
        """Return the sanction of the same kind, target and room that holds now."""
        of = (one.kind, one.room)
        return next((s for s in self._store.load(one.target) if (s.kind, s.room) == of), None)

    def lift(
        self,
        sanction: Sanction,
        by: Actor,
        asker: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> None:
        """Take a sanction back.

        :param asker: of a room: who has to be allowed to do it when it is saved; else a superuser.
        :param of: the room, as of :meth:`impose_in`.
        :raises UserError: it is over already.
        :raises Conflict: the room was changed meanwhile.
        """
        kind, target = sanction.kind, sanction.target
        act = f"took back the {kind} of {sanction.name}" if target else "ended the lockdown"
        if kind in _ROOM_LIFTS:
            act = f"{_ROOM_LIFTS[kind].format(sanction.name)} {ROOM_NAME}"
        whom_id = target if sanction.is_of_account else ""
        entry = by.did(act, whom_id, "", sanction.room, Deed.LIFT, to_plain(sanction))
        if not self._store.lift(sanction.number, entry, asker, of):
            raise UserError(f"That {kind} has already ended.")
        _log.info("%s lifted target=%s by=%s%s", kind, target or "-", by.name, _meant(sanction))

    def set_lockdown(self, is_on: bool, by: Actor) -> None:
        """Begin or end a lockdown. :raises UserError: it is so already."""
        now = next((one for one in self._store.load("") if one.kind == LOCKDOWN), None)
        if is_on == (now is not None):
            raise UserError(f"The lockdown is {'on' if is_on else 'off'} already.")
        if now is None:
            self.impose(LOCKDOWN, None, by, "", math.inf)
        else:
            self.lift(now, by)
