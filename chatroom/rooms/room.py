"""A room: a log, those who see it, and the delivery of what the log commits.

A person's mailbox is a room, too: its log is ``@`` and the account id, and that person's sessions
are its only members.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from chatroom.storage.engine import Engine
from chatroom.storage.records import ANNOUNCE, KEPT, Post, RoomRecord

LOBBY = "lobby"


def mailbox_of(account_id: str) -> str:
    """Return the name of a person's mailbox log."""
    return "@" + account_id


class Face(Protocol):
    """Turns what happens into the bytes of one kind of client. Shared by all its members."""

    @property
    def name(self) -> str:
        """What it is called, for a superuser who looks at somebody's sessions."""

    @property
    def elsewhere(self) -> "Face":
        """The face for messages of rooms where this session's typed lines do not go."""

    def messages(self, posts: list[Post], old: bool = False) -> bytes:
        """Render posts, in order; ``old`` when they are read back."""

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        """Render a sentence of the server for one person."""

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        """Render something that the client has to act upon."""

    def export(self, fields: dict[str, Any]) -> bytes:
        """Render one record of somebody's own data."""

    def result(self, command: str, text: str, ok: bool, cid: str, **fields: Any) -> bytes:
        """Render the answer to a line of one's own; ``command`` is empty for a message."""


class Stripe(Protocol):
    """What the outboxes of some members share; see ``net.outbox.Stripe``."""

    def walk(self, outboxes: Iterable[Any]) -> Callable[[bytes], None]: ...


class Outbox(Protocol):
    """Where a member's bytes go; see ``net.outbox.Outbox``. No call blocks."""

    @property
    def stripe(self) -> Stripe: ...

    def offer(self, chunk: bytes) -> None: ...

    def hold(self) -> Any: ...

    def release(self, gap: Any, first: bytes) -> None: ...


class Member:
    """One session as the rooms see it: a face, an outbox, and how to end it."""

    __slots__ = (
        "account_id",
        "address",
        "cursors",
        "end",
        "face",
        "ignores",
        "last_active",
        "next_password_id",
        "outbox",
        "password_id",
        "room",
        "since",
        "ticket",
    )

    room: "Room"
    """Where this session's typed lines go; replaced under the directory's lock."""

    def __init__(
        self,
        account_id: str,
        face: Face,
        outbox: Outbox,
        end: Callable[[bytes], None],
        address: str = "",
    ) -> None:
        self.account_id = account_id
        self.face = face
        self.outbox = outbox
        self.end = end
        self.address = address
        """Of the peer; empty when it has none."""
        self.since = time.time()
        self.cursors: dict[str, int] | None = None
        """While busy: the last place that was shown, for each log."""
        self.ignores: frozenset[str] = frozenset()
        """Account ids of whom this session is shown nothing; see ``Room.look_again``."""
        self.ticket = b""
        """Digest of the ticket by which the session may come back; empty: it has none."""
        self.password_id = ""
        """Of the account's password that it came in by: it lasts no longer than that one."""
        self.next_password_id = ""
        """While this session chooses another one."""
        self.last_active = time.monotonic()

    def face_in(self, room: "Room") -> Face:
        """Return the face that shows messages of a room to this session."""
        return self.face if room is self.room or room.is_mailbox else self.face.elsewhere

    def seen(self, posts: list[Post]) -> list[Post]:
        """Return the posts that this session is shown: announcements, and of whom it may hear."""
        if not self.ignores:
            return posts
        return [p for p in posts if p.sender_id not in self.ignores or p.kind == ANNOUNCE]


Snapshot = tuple[tuple[Face, tuple[Callable[[bytes], None], ...]], ...]


class Room:
    """Members of one log. Any thread may call the methods, except :meth:`deliver`.

    :param record: what is kept of the room; its name is the name of the log.
    :param engine: keeps the log.
    """

    def __init__(self, record: RoomRecord, engine: Engine) -> None:
        self.log = record.name
        self.is_mailbox = record.name.startswith("@")
        self.record = record
        """Replaced, never changed, and only under the directory's lock."""
        self.people: dict[str, None] = {}
        """Account ids of the people here who have joined; under the directory's lock."""
        self._engine = engine
        # The room's lock, second of directory → room → stripe. Guards everything below.
        # Delivery takes it once a round, for a snapshot, and holds no lock while it sends.
        self._lock = threading.Lock()
        # With each member the face for this room: it is another one while the session's typed
        # lines go elsewhere.
        self._members: dict[Member, Face] = {}
        # Busy members: they see what they post themselves, and announcements.
        self._aside: dict[str, dict[Member, Face]] = {}
        self._snapshot: Snapshot | None = ()
        # Members who ignore somebody: each gets a chunk of its own.
        self._picky: tuple[tuple[Member, Face], ...] = ()
        self._delivered = 0
        engine.follow(self.log)
        with self._lock:
            # Followed first: what is committed from now on is either delivered here or counted
            # here, and deliver() leaves out what was counted.
            self._delivered = max(self._delivered, engine.span(self.log).last)

    @property
    def delivered(self) -> int:
        """The last place that all members have been shown."""
        with self._lock:
            return self._delivered

    def enter(self, member: Member) -> int:
        """Let a member see the log; return the place after which it arrives by itself.

        A member that is in already goes on with the face that it has for this room now.
        """
        face = member.face_in(self)
        with self._lock:
            self._take_from_aside(member)
            self._members[member] = face
            self._snapshot = None
            return self._delivered

    def put_aside(self, member: Member) -> int:
        """Let a member see only its own posts; return the last place that it has been shown."""
        face = member.face_in(self)
        with self._lock:
            if self._members.pop(member, None) is not None:
                self._snapshot = None
            self._aside.setdefault(member.account_id, {})[member] = face
            return self._delivered

    def leave(self, member: Member) -> None:
        """Take a member out."""
        with self._lock:
            self._take_from_aside(member)
            if self._members.pop(member, None) is not None:
                self._snapshot = None

    def look_again(self) -> None:
        """Note that a member ignores others than before."""
        with self._lock:
            self._snapshot = None

    def post(self, post: Post) -> None:
        """Append to the log; wait while too much is queued.

        :raises StoreError: the server has stopped.
        """
        append = self._engine.append
        while not append(post):
            self._engine.wait_for_space(1.0)

    def deliver(self, posts: list[Post]) -> None:
        """Offer new posts to every member, in order: one chunk for each face.

        Only the engine's thread calls it, with posts that are committed.
        """
        with self._lock:
            # Usually the last post is kept, and none was counted when the room was opened.
            last = posts[-1].seq or max(post.seq for post in posts)
            if last:
                if posts[0].seq <= self._delivered:
                    posts = [p for p in posts if p.kind not in KEPT or p.seq > self._delivered]
                self._delivered = max(self._delivered, last)
            snapshot = self._snapshot
            if snapshot is None:
                snapshot = self._snapshot = self._make_snapshot()
            picky = self._picky
            aside = {k: list(v.items()) for k, v in self._aside.items()} if self._aside else None
            members = self._members
            orphans = [p for p in posts if p.origin is not None and p.origin not in members]
        if not posts:
            return
        for face, offers in snapshot:
            chunk = face.messages(posts)
            for offer in offers:
                offer(chunk)
        for member, face in picky:
            if seen := member.seen(posts):
                member.outbox.offer(face.messages(seen))
        if aside:
            self._deliver_aside(posts, aside)
        if orphans and not self.is_mailbox:
            self._acknowledge(orphans, aside or {})

    @staticmethod
    def _acknowledge(posts: list[Post], aside: dict[str, list[tuple[Member, Face]]]) -> None:
        """Show posts to the sessions that sent them and left the room before the commit."""
        for post in posts:
            member = post.origin
            if all(member is not one for one, _ in aside.get(post.sender_id, ())):
                member.outbox.offer(member.face.elsewhere.messages([post]))

    @staticmethod
    def _deliver_aside(posts: list[Post], aside: dict[str, list[tuple[Member, Face]]]) -> None:
        for post in posts:
            if post.kind == ANNOUNCE:
                found = [one for members in aside.values() for one in members]
            else:
                found = aside.get(post.sender_id, []) if post.kind in KEPT else []
            for member, face in found:
                member.outbox.offer(face.messages([post]))

    def _make_snapshot(self) -> Snapshot:
        faces: dict[Face, dict[Stripe, list[Outbox]]] = {}
        self._picky = tuple(one for one in self._members.items() if one[0].ignores)
        for member, face in self._members.items():
            if member.ignores:
                continue
            outbox = member.outbox
            faces.setdefault(face, {}).setdefault(outbox.stripe, []).append(outbox)
        return tuple(
            (face, tuple(stripe.walk(outboxes) for stripe, outboxes in stripes.items()))
            for face, stripes in faces.items()
        )

    def _take_from_aside(self, member: Member) -> None:
        assert self._lock.locked()
        aside = self._aside.get(member.account_id)
        if aside is not None and aside.pop(member, None) is not None and not aside:
            del self._aside[member.account_id]
