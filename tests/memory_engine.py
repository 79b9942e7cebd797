"""An engine in memory: for tests of rooms and services, and held to the engines' contract.

It seals nothing and keeps nothing on a disk. Engines on the same folder in one process share what
is kept, as processes share a store; what is kept outlives them.
"""

import copy
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from chatroom import __version__
from chatroom.errors import (
    Conflict,
    Demoted,
    InviteSpent,
    LastSuperuser,
    Lookalike,
    NameTaken,
    Refusal,
    StoreError,
)
from chatroom.names import fold, skeletons
from chatroom.storage.engine import BEHIND, Admit, Committed, Controlled, Returned, Watcher
from chatroom.storage.post_queue import PostQueue
from chatroom.storage.records import (
    ARCHIVED,
    BAN,
    BLOCKS_LOGIN,
    DELETED,
    KEPT,
    KICK,
    REMOVED,
    ROOM_DELETED,
    SUPERUSER,
    TICKETS,
    USED_SECONDS,
    Account,
    Audit,
    Invite,
    Node,
    Post,
    ReadState,
    RoomRecord,
    Sanction,
    SearchQuery,
    Span,
    Ticket,
    sequenced_id,
)
from chatroom.storage.rules import askers, departure, events, read_states
from chatroom.storage.rules import audit as audit_rules
from chatroom.storage.rules.askers import Asker, superuser
from chatroom.storage.rules.departure import Departed
from chatroom.storage.rules.epochs import Epochs, name_posts, name_ref
from chatroom.storage.rules.events import Control, ControlKind
from chatroom.storage.rules.numbers import SESSIONS, Numbers, Verdict
from chatroom.storage.rules.receipts import Outcome, Receipt
from chatroom.storage.rules.refusals import FORGOTTEN, NO_ACCOUNT, refusal_of, refusing_kinds
from chatroom.storage.rules.search import Search
from tests.harness import PATIENCE

_T = TypeVar("_T")
_CARRIED = 4096
"""Characters of a record that an event carries; a larger one is looked up."""


@dataclass
class Log:
    """One log."""

    epochs: Epochs = field(default_factory=lambda: Epochs((0,), (secrets.token_hex(4),)))
    posts: dict[int, Post] = field(default_factory=dict)
    last: int = 0

    @property
    def first(self) -> int:
        return min(self.posts, default=self.last + 1)


class Kept:
    """What is kept on one folder. The lock guards all of it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.logs: dict[str, Log] = {}
        self.closed: set[str] = set()
        self.deleted: set[str] = set()  # rooms
        self.numbers: OrderedDict[tuple[str, str, str], Numbers] = OrderedDict()
        self.accounts: dict[str, Account] = {}
        self.gone: set[str] = set()
        self.departed: list[Departed] = []
        self.rooms: dict[str, RoomRecord] = {}
        self.read_states: dict[str, ReadState] = {}
        self.tickets: dict[bytes, Ticket] = {}
        self.invites: dict[int, Invite] = {}
        self.sanctions: dict[int, Sanction] = {}
        self.audit: list[Audit] = []
        self.controls: list[Control] = []
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count


_FOLDERS: dict[Path, Kept] = {}


class Store:
    """The way of one engine to what is kept: all or nothing, and its events are handed out."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.hand_out: Callable[[], object] = lambda: None
        self.is_closed = False

    def change(
        self, job: Callable[[Kept], _T], act: Audit | None = None, by: Asker | None = None
    ) -> _T:
        kept = self.kept
        if self.is_closed:
            raise StoreError("The engine is closed.")
        with kept.lock:
            names = [name for name in vars(kept) if name not in ("lock", "logs")]
            before = {name: copy.copy(getattr(kept, name)) for name in names}
            try:
                asker = by if by is not None or act is None else superuser(act)
                if asker is not None:
                    _check(kept, asker)
                done = job(kept)
                if act is not None and done is not False:
                    kept.audit.append(replace(act, number=len(kept.audit) + 1))
            except BaseException:
                vars(kept).update(before)
                raise
        self.hand_out()
        return done


def _check(kept: Kept, asker: Asker) -> None:
    if not asker.id:
        return
    if asker.is_superuser:
        by = kept.accounts.get(asker.id)
        if by is None or by.grant != SUPERUSER:
            raise Demoted("You are not a superuser any more; nothing was done.")
    for one in _valid(kept):
        if one.target == asker.id or "/" in one.target:
            askers.refuse(one.kind, one.target, asker)


def _valid(kept: Kept, target: str | None = None) -> list[Sanction]:
    now = time.time()
    found = [one for one in kept.sanctions.values() if one.until >= now]
    return [one for one in found if target is None or one.target == target]


def _is_last(kept: Kept, account_id: str) -> bool:
    out = {one.target for one in _valid(kept) if one.kind in (KICK, BAN)}
    able = [a.id for a in kept.accounts.values() if a.grant == SUPERUSER]
    return account_id in able and not any(one != account_id and one not in out for one in able)


class Accounts:
    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, name: str) -> Account | None:
        with self._store.kept.lock:
            accounts = self._store.kept.accounts.values()
            return next((one for one in accounts if fold(one.name) == fold(name)), None)

    def load_by_id(self, account_id: str) -> Account | None:
        return self._store.kept.accounts.get(account_id)

    def load_all(self) -> Iterator[Account]:
        return iter(list(self._store.kept.accounts.values()))

    def save(
        self,
        account: Account,
        invite: bytes = b"",
        act: Audit | None = None,
        left: Departed | None = None,
    ) -> Account:
        saved = replace(account, version=account.version + 1)

        def job(kept: Kept) -> Account:
            if invite:
                _use(kept, invite)
            if left is not None:
                kept.departed.append(left)
            before = kept.accounts.get(saved.id)
            others = [one.name for one in kept.accounts.values() if one.id != saved.id]
            if fold(saved.name) in map(fold, others):
                raise NameTaken(saved.name)
            if account.version == 0 and before is not None:
                raise NameTaken(saved.name)
            if account.version:
                if saved.grant != SUPERUSER and _is_last(kept, saved.id):
                    raise LastSuperuser(saved.name)
                if before is None or before.version != account.version:
                    raise Conflict(f"The account of {saved.name} was changed meanwhile.")
            if before is None or before.name != saved.name:
                self._check_name(kept, saved.name, saved.id, others)
            if account.version and (before is None or before.password_id != saved.password_id):
                _revoke(kept, saved.id)
            kept.accounts[saved.id] = saved
            kept.controls.append(events.of_account(saved, before))
            return saved

        return self._store.change(job, act)

    def _check_name(self, kept: Kept, name: str, account_id: str, others: list[str]) -> None:
        departure.refuse_reserved(self._found(kept, name, ""), account_id)
        looks = set(skeletons(name))
        if any(looks & set(skeletons(other)) for other in others):
            raise Lookalike(name)

    def delete(
        self,
        account: Account,
        act: Audit | None = None,
        box: str = "",
        left: Departed | None = None,
    ) -> None:
        def job(kept: Kept) -> None:
            if _is_last(kept, account.id):
                raise LastSuperuser(account.name)
            if left is not None:
                held = _valid(kept, account.id)
                kept.departed.append(departure.with_sanctions(left, held))
            kept.accounts.pop(account.id, None)
            kept.gone.add(account.id)
            kept.read_states.pop(account.id, None)
            _revoke(kept, account.id)
            mine = [n for n, one in kept.sanctions.items() if one.target == account.id]
            for number in mine:
                del kept.sanctions[number]
            if box:
                kept.closed.add(box)
            kept.controls.append(Control(ControlKind.DELETED, account.id))

        self._store.change(job, act)

    def superusers(self) -> list[Account]:
        return [one for one in self.load_all() if one.grant == SUPERUSER]

    def is_last_superuser(self, account_id: str) -> bool:
        with self._store.kept.lock:
            return _is_last(self._store.kept, account_id)

    def check_free(self, name: str) -> None:
        with self._store.kept.lock:
            others = [one.name for one in self._store.kept.accounts.values()]
            if fold(name) in map(fold, others):
                raise NameTaken(name)
            self._check_name(self._store.kept, name, "", others)

    @staticmethod
    def _found(kept: Kept, name: str, network: str) -> list[Departed]:
        now = time.time()
        valid = [one for one in reversed(kept.departed) if one.until >= now]
        named = [one for one in valid if fold(one.name) == fold(name)][: departure.MOST]
        near = [one for one in valid if network and one.network == network]
        return named + near[: departure.MOST]

    def departed(self, name: str, network: str) -> list[Departed]:
        with self._store.kept.lock:
            return self._found(self._store.kept, name, network)

    def free_name(self, name: str, act: Audit | None = None) -> bool:
        def job(kept: Kept) -> bool:
            meant = [one for one in kept.departed if fold(one.name) == fold(name)]
            kept.departed = [departure.freed(o) if o in meant else o for o in kept.departed]
            return any(map(departure.is_remembered, meant))

        return self._store.change(job, act)


class Rooms:
    def __init__(self, store: Store) -> None:
        self._store = store

    def load_all(self) -> list[RoomRecord]:
        return list(self._store.kept.rooms.values())

    def save(
        self,
        room: RoomRecord,
        admit: Admit | None = None,
        by: Asker | None = None,
        act: Audit | None = None,
    ) -> RoomRecord:
        saved, key = replace(room, version=room.version + 1), fold(room.log)

        def job(kept: Kept) -> RoomRecord:
            if room.version == 0 and admit is not None:
                admit(self.load_all())
            before = kept.rooms.get(key)
            if room.version == 0 and before is not None:
                raise NameTaken(room.name)
            if room.version and (before is None or before.version != room.version):
                raise Conflict(f"The room {room.name} was changed meanwhile.")
            if before is None or before.name != room.name:
                others = [one for one in kept.rooms.values() if one is not before]
                if fold(room.name) in {fold(n) for one in others for n in (one.name, one.log)}:
                    raise NameTaken(room.name)
                looks = set(skeletons(room.name))
                if any(looks & set(skeletons(one.name)) for one in others):
                    raise Lookalike(room.name)
            kept.rooms[key] = saved
            carried = saved if len(repr(saved)) <= _CARRIED else None
            kept.controls.append(Control(ControlKind.ROOM, "", carried))
            return saved

        # Not under the lock: what was changed is handed out behind it.
        return self._store.change(job, act, by)

    def delete(self, room: RoomRecord, by: Asker | None = None, act: Audit | None = None) -> bool:
        def job(kept: Kept) -> bool:
            key = fold(room.log)
            found = kept.rooms.get(key)
            if found is None or found.version != room.version:
                return False
            del kept.rooms[key]
            kept.deleted.add(room.log)
            of_others = [one for one in kept.sanctions.items() if one[1].room != room.log]
            kept.sanctions = dict(of_others)
            kept.logs.pop(room.log, None)
            kept.controls.append(events.of_closed_room(room))
            return True

        return self._store.change(job, act, by)


class ReadStates:
    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, account_id: str) -> ReadState | None:
        return self._store.kept.read_states.get(account_id)

    def save(
        self, places: Mapping[str, ReadState], bases: Mapping[str, ReadState] = MappingProxyType({})
    ) -> dict[str, ReadState]:
        def job(kept: Kept) -> dict[str, ReadState]:
            there = kept.read_states
            saved = {
                one: read_states.merged(there.get(one), mine, bases.get(one))
                for one, mine in places.items()
            }
            kept.read_states |= {k: v for k, v in saved.items() if k in there or k not in kept.gone}
            return saved

        return self._store.change(job)

    def members(self, log: str) -> Iterator[str]:
        states = self._store.kept.read_states
        return iter([one for one, state in states.items() if log in state.cursors])


def _revoke(kept: Kept, account_id: str) -> None:
    kept.tickets = {d: one for d, one in kept.tickets.items() if one.account_id != account_id}


class Tickets:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, tickets: Sequence[Ticket]) -> None:
        def job(kept: Kept) -> None:
            kept.tickets |= {one.digest: one for one in tickets}
            soon = time.time() + USED_SECONDS
            for account_id in {one.account_id for one in tickets}:
                mine = [t for t in kept.tickets.values() if t.account_id == account_id]
                for used in (True, False):
                    some = [t for t in mine if (t.until <= soon) == used]
                    some.sort(key=lambda t: t.until, reverse=True)
                    for one in some[TICKETS:]:
                        del kept.tickets[one.digest]

        self._store.change(job)

    def load(self, digest: bytes) -> Ticket | None:
        found = self._store.kept.tickets.get(digest)
        return found if found is not None and found.until >= time.time() else None

    def is_kept(self, ticket: Ticket) -> bool:
        return ticket.digest in self._store.kept.tickets

    def revoke(self, account_id: str) -> None:
        self._store.change(lambda kept: _revoke(kept, account_id))


def _use(kept: Kept, digest: bytes) -> None:
    for number, one in kept.invites.items():
        if one.digest == digest and one.uses > 0 and one.until >= time.time():
            kept.invites[number] = replace(one, uses=one.uses - 1)
            return
    raise InviteSpent


class Invites:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, invite: Invite, act: Audit | None = None) -> None:
        def job(kept: Kept) -> None:
            number = kept.number()
            kept.invites[number] = replace(invite, number=number)

        self._store.change(job, act)

    def load(self, digest: bytes) -> Invite | None:
        return next((one for one in self.load_all() if one.digest == digest), None)

    def load_all(self) -> list[Invite]:
        now = time.time()
        found = self._store.kept.invites.values()
        return [one for one in found if one.uses > 0 and one.until >= now]

    def revoke(self, number: int, act: Audit | None = None) -> bool:
        return self._store.change(lambda kept: kept.invites.pop(number, None) is not None, act)


class Sanctions:
    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def _check_room(kept: Kept, of: RoomRecord | None) -> None:
        room = kept.rooms.get(fold(of.log)) if of is not None else None
        if of is not None and (room.version if room else 0) != of.version:
            raise Conflict(f"The room {of.name} was changed meanwhile.")

    def save(
        self,
        sanction: Sanction,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
        is_new: bool = False,
    ) -> Sanction:
        def job(kept: Kept) -> Sanction:
            self._check_room(kept, of)
            if act is not None and sanction.is_of_account:
                askers.check_target(kept.accounts.get(sanction.target))
            like = (sanction.kind, sanction.target, sanction.room)
            for number, one in list(kept.sanctions.items()):
                if (one.kind, one.target, one.room) == like:
                    if is_new and one.until >= time.time():
                        raise Conflict(f"There is a {sanction.kind} already.")
                    del kept.sanctions[number]
            if sanction.kind in BLOCKS_LOGIN:
                _revoke(kept, sanction.target)
            numbered = replace(sanction, number=kept.number())
            kept.sanctions[numbered.number] = numbered
            kept.controls.append(Control(ControlKind(sanction.kind), sanction.target, numbered))
            if of is not None and of.version and of != kept.rooms[fold(of.log)]:
                kept.rooms[fold(of.log)] = room = replace(of, version=of.version + 1)
                kept.controls.append(Control(ControlKind.ROOM, "", room))
            return numbered

        return self._store.change(job, act, by)

    def lift(
        self,
        number: int,
        act: Audit | None = None,
        by: Asker | None = None,
        of: RoomRecord | None = None,
    ) -> bool:
        def job(kept: Kept) -> bool:
            self._check_room(kept, of)
            one = kept.sanctions.get(number)
            if one is None or one.until < time.time():
                return False
            del kept.sanctions[number]
            carried = one if one.room else None
            kept.controls.append(Control(ControlKind(one.kind), one.target, carried, lifted=True))
            return True

        return self._store.change(job, act, by)

    def load(self, target: str | None = None, room: str | None = None) -> list[Sanction]:
        with self._store.kept.lock:
            found = sorted(_valid(self._store.kept, target), key=lambda one: one.number)
            return [one for one in found if room is None or one.room == room]


class AuditTrail:
    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, entry: Audit, by: Asker | None = None) -> None:
        self._store.change(lambda kept: None, entry, by)

    def load(self, most: int, account: Account | None = None, room: str = "") -> list[Audit]:
        newest = self._store.kept.audit[-audit_rules.LOOKED_AT if room else 0 :]
        found = [one for one in newest if audit_rules.is_wanted(one, account, room)]
        return found[-most:] if most else []

    def find(self, number: int) -> Audit | None:
        return next((one for one in self._store.kept.audit if one.number == number), None)


class Nodes:
    def __init__(self) -> None:
        self._watcher: Watcher | None = None
        self._since = time.time()

    def attach_presence(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def load_all(self) -> list[Node]:
        people = len(self._watcher.here()) if self._watcher is not None else 0
        return [Node("", "here", self._since, people, 0.0, 0.0, True, __version__)]


class ControlEvents:
    def __init__(self, store: Store) -> None:
        self._store = store

    def publish(self, control: Control) -> None:
        self._store.change(lambda kept: kept.controls.append(control))

    def confirm(self, control: Control) -> None:
        pass


class Logs:
    """The logs, of which one engine hands out what it has appended itself."""

    def __init__(self, kept: Kept, queue: PostQueue) -> None:
        self._kept = kept
        self.followed: set[str] = set()
        self.begun: set[str] = set()  # in which this engine has opened its epoch
        self.append = queue.append
        self.wait_for_space = queue.wait_for_space
        self._settle = queue.settle

    def follow(self, log: str) -> None:
        self.followed.add(log)

    def read_on(self, log: str, upto: int, seconds: float) -> None:
        if not self._settle(seconds):
            raise StoreError(BEHIND)

    def unfollow(self, log: str) -> None:
        self.followed.discard(log)

    def read(self, log: str, after: int, upto: int, most: int) -> list[Post]:
        with self._kept.lock:
            found = self._kept.logs.get(log, Log())
            upto = min(upto, found.last)
            after = max(after, upto - most)
            posts = [
                copy.copy(found.posts[n]) for n in range(after + 1, upto + 1) if n in found.posts
            ]
            name_posts(found.epochs, posts)
            return posts

    def span(self, log: str) -> Span:
        found = self._kept.logs.get(log)
        return Span(found.epochs.newest, found.first, found.last) if found else Span("", 1, 0)

    def knows(self, log: str, epoch: str, seq: int) -> bool:
        found = self._kept.logs.get(log)
        return found is not None and found.epochs.knows(epoch, seq)

    def seq_before(self, log: str, when: float) -> int:
        with self._kept.lock:
            found = self._kept.logs.get(log, Log())
            before = [seq for seq, post in found.posts.items() if post.time < when]
            return max(before, default=found.first - 1 if found.first > 1 else 0)

    def search(self, log: str, wanted: SearchQuery, most: int) -> list[Post]:
        search = Search(wanted)
        span = self.span(log)
        posts = self.read(log, span.first - 1, span.last, span.last)
        return [post for post in reversed(posts) if search.is_wanted(post)][:most]

    def erase(self, log: str, sender_id: str, seq: int = 0, since: float = 0.0) -> int:
        number = 0
        with self._kept.lock:
            for at, post in self._kept.logs.get(log, Log()).posts.items():
                is_meant = post.sender_id == sender_id and (at == seq or not seq)
                is_there = post.kind != REMOVED or post.text
                if is_meant and is_there and post.time >= since:
                    self._kept.logs[log].posts[at] = replace(
                        post, kind=REMOVED, text="", cid="", to="", ref=post.ref or at
                    )
                    number += not post.ref
        return number

    def drop(self, log: str) -> None:
        with self._kept.lock:
            self._kept.logs.pop(log, None)
            self.begun.discard(log)

    def keep(self, receipts: list[Receipt]) -> dict[Receipt, Refusal | Outcome]:
        """Keep posts in order, under the lock; return what becomes of each that is kept or not."""
        fates: dict[Receipt, Refusal | Outcome] = {}
        for receipt in receipts:
            post = receipt.post
            if post.kind not in KEPT:
                continue
            fate: Refusal | Outcome | None = None
            if receipt.copy is not None:
                of_copy = fates[receipt.copy]
                fate = of_copy if isinstance(of_copy, Refusal) else None
            fate = fate or self._fate(receipt)
            fates[receipt] = fate or Outcome.COMMITTED
            if fate is None:
                self._add(post)
        return fates

    def _fate(self, receipt: Receipt) -> Refusal | Outcome | None:
        kept, post = self._kept, receipt.post
        if post.log in kept.closed:
            return NO_ACCOUNT
        if post.log in kept.deleted:
            return refusal_of(ROOM_DELETED, post.log)
        numbers = None
        if (found := sequenced_id(post.cid)) is not None:
            session, number = found
            key = (post.log, post.sender_id, session)
            if key not in kept.numbers:
                mine = [k for k in kept.numbers if k[1] == post.sender_id]
                if len(mine) >= SESSIONS:
                    for old in mine[: SESSIONS // 10]:
                        del kept.numbers[old]
            numbers = kept.numbers.setdefault(key, Numbers())
            verdict = numbers.verdict(number)
            if verdict is not Verdict.NEW:
                return FORGOTTEN if verdict is Verdict.UNKNOWN else Outcome.REPEATED
        if (refusal := receipt.terms.refusal or self._refused(receipt)) is not None:
            return refusal
        if numbers is not None:
            numbers.add(number)
            kept.numbers.move_to_end(key)
        return None

    def _refused(self, receipt: Receipt) -> Refusal | None:
        sender_id, log, kinds = receipt.post.sender_id, receipt.post.log, refusing_kinds(receipt)
        if sender_id in self._kept.gone and DELETED in kinds:
            return refusal_of(DELETED, log)
        held = {one.kind for one in _valid(self._kept, sender_id) if one.room in ("", log)}
        room = self._kept.rooms.get(fold(log))
        if room is not None and room.is_archived:
            held.add(ARCHIVED)
        return next((refusal_of(kind, log) for kind in kinds if kind in held), None)

    def _add(self, post: Post) -> None:
        log = self._kept.logs.setdefault(post.log, Log())
        if post.log not in self.begun:
            self.begun.add(post.log)
            log.epochs = log.epochs.then(log.last + 1, secrets.token_hex(4))
        post.seq = log.last = log.last + 1
        post.epoch = log.epochs.newest
        if post.ref:
            name_ref(log.epochs, post)
        log.posts[post.seq] = copy.copy(post)


class MemoryEngine:
    """See ``storage.engine.Engine``.

    :param folder: names what is kept; nothing is written there.
    """

    def __init__(self, folder: Path) -> None:
        self.kept = _FOLDERS.setdefault(folder, Kept())
        self._store = store = Store(self.kept)
        self._queue = PostQueue()
        self.logs = Logs(self.kept, self._queue)
        self.accounts, self.rooms = Accounts(store), Rooms(store)
        self.read_states, self.tickets = ReadStates(store), Tickets(store)
        self.invites, self.sanctions = Invites(store), Sanctions(store)
        self.audit, self.nodes = AuditTrail(store), Nodes()
        self.controls = ControlEvents(store)
        self.close_intake, self.settle = self._queue.close_intake, self._queue.settle
        self.queued = self._queue.queued
        self._cursor = len(self.kept.controls)
        self._handed_out = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self, committed: Committed, controlled: Controlled, returned: Returned) -> None:
        self._committed, self._controlled = committed, controlled
        self._queue.returned = returned
        self._store.hand_out = self._wait_handed_out
        self._thread.start()

    def check_writes(self, seconds: float) -> bool:
        return True

    def give_up(self) -> None:
        pass

    def close(self) -> None:
        self._store.is_closed = True
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _wait_handed_out(self) -> None:
        if threading.current_thread() is self._thread:
            return
        upto = len(self.kept.controls)
        with self._queue.lock:
            self._queue.wake()
        with self._handed_out:
            done = lambda: self._cursor >= upto or not self._thread.is_alive()  # noqa: E731
            if not self._handed_out.wait_for(done, PATIENCE):
                raise StoreError("The event was not handed out.")

    def _run(self) -> None:
        queue = self._queue
        while True:
            self._hand_out()
            with queue.lock:
                receipts, barriers = queue.take()
                is_over = queue.is_closing and not receipts and not barriers
                if not receipts and not barriers and not is_over:
                    queue.fall_asleep()
            if is_over:
                break
            if not receipts and not barriers:
                queue.sleep(0.05)
                continue
            self._round(receipts)
            for barrier in barriers:
                barrier.set()

    def _hand_out(self) -> None:
        while self._cursor < len(self.kept.controls):
            try:
                self._controlled(self.kept.controls[self._cursor])
            except Exception:
                break  # it comes again
            with self._handed_out:
                self._cursor += 1
                self._handed_out.notify_all()

    def _round(self, receipts: list[Receipt]) -> None:
        now = int(time.time() * 1000) / 1000
        for receipt in receipts:
            receipt.post.time = now
        with self.kept.lock:
            fates = self.logs.keep(receipts)
        for refusal in dict.fromkeys(fates.values()):
            if refusal is not Outcome.COMMITTED:
                back = [receipt for receipt, fate in fates.items() if fate is refusal]
                why = refusal if isinstance(refusal, Refusal) else None
                self._queue.give_back(back, why)
        groups: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            if fates.get(receipt, Outcome.COMMITTED) is Outcome.COMMITTED:
                groups.setdefault(receipt.post.log, []).append(receipt)
        for name, group in groups.items():
            if name in self.logs.followed:
                try:
                    self._committed(name, [receipt.post for receipt in group], group)
                except Exception:  # as the contract says, it goes on
                    pass
            Receipt.settle(group, Outcome.COMMITTED)
