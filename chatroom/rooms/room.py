"""A room: a log, those who see it, and the delivery of what the log commits.

A person's mailbox is a room, too: its log is ``@`` and the account id, and that person's sessions
are its only members.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from chatroom.errors import Refusal
from chatroom.names import HERE, calls_all, words_of
from chatroom.rooms.face import Face, Outbox, RoomFace
from chatroom.rooms.offered import Offered
from chatroom.rooms.snapshot import OwnLines, Session, Snapshot
from chatroom.storage.engine import LogStore
from chatroom.storage.records import ANNOUNCE, KEPT, MENTIONS, Account, Post, RoomRecord, Sent
from chatroom.storage.rules.receipts import ORDINARY, Origin, OwnLine, Receipt, Terms

LOBBY = "lobby"
_NOBODY: Mapping[str, float] = {}
_EMPTY = Snapshot(())
_NO_OWN_LINES: OwnLines = {}


def mailbox_of(account_id: str) -> str:
    """Return the name of a person's mailbox log."""
    return "@" + account_id


class Member:
    """One session as the rooms see it: a face, an outbox, and how to end it."""

    __slots__ = (
        "_given",
        "account_id",
        "address",
        "cursors",
        "end",
        "face",
        "ignores",
        "last_active",
        "listed",
        "name",
        "next_password_id",
        "outbox",
        "password_id",
        "query",
        "real_name",
        "room",
        "since",
        "taken_until",
        "ticket",
    )

    own: OwnLine | None = None
    """See ``Origin``: it shows itself its posts as those of others."""

    room: "Room"
    """Where this session's typed lines go; replaced under the roster's lock."""

    def __init__(
        self,
        account_id: str,
        face: Face,
        outbox: Outbox,
        end: Callable[[bytes], None],
        address: str = "",
    ) -> None:
        self.account_id = account_id
        self.name = ""
        """Of the account; see ``Room.invalidate_snapshot``."""
        self.face = face
        self.outbox = outbox
        self.end = end
        self.address = address
        """Of the peer; empty when it has none."""
        self.since = time.time()
        self.cursors: dict[str, int] | None = None
        """While busy: the last place that was shown, for each log; shared by sessions."""
        self.ignores: frozenset[str] = frozenset()
        """Account ids of whom this session is shown nothing; see ``Room.invalidate_snapshot``."""
        self.ticket = b""
        """Digest of the ticket by which the session may come back; empty: it has none."""
        self.password_id = ""
        """Of the account's password that it came in by: it lasts no longer than that one."""
        self.real_name = ""
        """As this session says; shown to others, and kept nowhere."""
        self.next_password_id = ""
        """While another one is coming with which this session goes on."""
        self.query = ""
        """Account id of whom typed lines go to instead of the room; empty: to the room."""
        self.listed: tuple[float, ...] = ()
        """When the person's sessions began that it was shown last, by their numbers."""
        self.last_active = time.monotonic()
        self.taken_until = 0.0
        """Up to which moment (monotonic) the peer has taken all that was offered; 0: unknown."""
        self._given = (0.0, -1)  # a moment, and how many bytes had been given to the system then

    def look_at_taken(self) -> None:
        """Note up to which moment the peer has taken everything, as far as it can be seen now.

        The system tells how much the peer has acknowledged. Where always something is on its way,
        what had been given at the look before may have been acknowledged meanwhile.
        """
        now = time.monotonic()  # before the look: what is offered after it may not have been taken
        progress = self.outbox.progress()
        if progress is None:
            return
        given, taken = progress
        before, then = self._given
        if taken >= given:
            self.taken_until = now
        elif taken >= then >= 0:
            self.taken_until = max(self.taken_until, before)
        elif then >= 0:
            return  # what the look before has seen is still on its way
        self._given = (now, given)

    @property
    def is_shown_last(self) -> bool:
        """It is shown the last messages of a room that it comes into."""
        return True

    def show_first(self, slot: object, chunk: bytes) -> None:
        """Fill a slot of the outbox with what it is shown first of a room that it has joined."""
        self.outbox.fill(slot, chunk)

    def accepted(self, post: Post, names: Mapping[str, str]) -> None:
        """Show what was kept in a room where this session is not any more: see ``Origin``.

        :param names: as of ``RoomFace.messages``.
        """
        self.outbox.offer(self.face.of_room(False).messages([post], names))

    def returned(self, post: Post, refusal: Refusal | None) -> None:
        """Tell that a post was refused; ``None``: that its log had it already: see ``Origin``."""
        sentence = refusal.sentence if refusal else ""
        fields = {"code": refusal.code, **dict(refusal.fields)} if refusal else {}
        chunk = self.face.result("", sentence, refusal is None, post.cid, **fields)
        if chunk:
            self.outbox.offer(chunk)

    def face_in(self, room: "Room") -> RoomFace:
        """Return the face that shows messages of a room to this session."""
        return self.face if room.is_mailbox else self.face.of_room(room is self.room)

    def seen(self, posts: list[Post]) -> list[Post]:
        """Return the posts that this session is shown: announcements, and of whom it may hear."""
        if not self.ignores:
            return posts
        return [p for p in posts if p.sender_id not in self.ignores or p.kind == ANNOUNCE]


Sessions = tuple[Member, ...]
"""Those of one person; replaced, never changed."""


class Room:
    """Members of one log. Any thread may call the methods, except :meth:`deliver`.

    :param record: what is kept of the room; its name is the name of the log.
    :param logs: keeps the log.
    """

    def __init__(self, record: RoomRecord, logs: LogStore) -> None:
        self.log = record.log
        self.is_mailbox = record.log.startswith("@")
        self.record = record
        self.people: dict[str, None] = {}
        """Account ids of the people here who have joined; under the roster's lock."""
        self.may_call_all: Callable[[Room, str], bool] = _nobody
        """Tells whether who has this account id may mention all who are here, by ``@here``."""
        self.spoke: Mapping[str, float] = _NOBODY
        """When (monotonic) somebody has said something last, by account id; see ``voice``."""
        self._logs = logs
        # The room's lock, second of roster → room → stripe. Guards everything below.
        # Delivery takes it once a round, for a snapshot, and holds no lock while it sends.
        self._lock = threading.Lock()
        # By account id. A person comes and goes as a whole: with a thousand rooms and a hundred
        # sessions, one step for each session and room would be far too much.
        self._inside: dict[str, Sessions] = {}
        # Busy people: their sessions see what they post themselves, and announcements.
        self._paused: dict[str, Sessions] = {}
        self._snapshot: Snapshot | None = _EMPTY
        self._delivered = 0
        logs.follow(self.log)
        with self._lock:
            # Followed first: what is committed from now on is either delivered here or counted
            # here, and deliver() leaves out what was counted.
            self._delivered = max(self._delivered, logs.span(self.log).last)
            self._offered = Offered(self._delivered)

    @property
    def record(self) -> RoomRecord:
        """What is kept of it; replaced, never changed, and only under the roster's lock."""
        return self._record

    @record.setter
    def record(self, record: RoomRecord) -> None:
        self._record = record
        self.name = "" if self.is_mailbox else record.name
        """As it is shown; empty for a mailbox."""
        self.names = {self.log: self.name}
        """The same by the log, as faces take it."""

    @property
    def fields(self) -> dict[str, str]:
        """What programs are told of which room something is: name and id; of a mailbox nothing."""
        return {"room": self.name, "room_id": self.log} if self.name else {"room": ""}

    @property
    def delivered(self) -> int:
        """The last place that all members have been shown."""
        with self._lock:
            return self._delivered

    def offered_at(self, moment: float) -> int:
        """Return a place up to which everything had been offered at a moment; rather too early.

        :param moment: monotonic, in seconds.
        """
        with self._lock:
            return self._offered.at(moment)

    def enter(self, account_id: str, sessions: Sessions) -> int:
        """Let these sessions of a person, and no others, see the log, none: take the person out.

        :returns: the place after which everything arrives by itself.
        """
        with self._lock:
            self._paused.pop(account_id, None)
            if sessions:
                self._inside[account_id] = sessions
            else:
                self._inside.pop(account_id, None)
            self._snapshot = None
            return self._delivered

    def pause(self, account_id: str, sessions: Sessions) -> int:
        """Let these sessions see only what the person posts, and announcements; but all that has
        come, who shows rooms: those know who is inside by what they see.

        :returns: the last place that who was inside has been shown.
        """
        with self._lock:
            seeing = tuple(member for member in sessions if member.face.shows_rooms)
            if self._inside.pop(account_id, None) is not None or seeing:
                self._snapshot = None
            if seeing:
                self._inside[account_id] = seeing
            self._paused[account_id] = tuple(m for m in sessions if not m.face.shows_rooms)
            return self._delivered

    def leave(self, account_id: str) -> None:
        """Take a person out."""
        self.enter(account_id, ())

    def sessions(self) -> Sessions:
        """Return the sessions that are shown what comes here now."""
        with self._lock:
            return tuple(member for sessions in self._inside.values() for member in sessions)

    def invalidate_snapshot(self) -> None:
        """Note that a member ignores others than before, has another name, or another face here."""
        with self._lock:
            self._snapshot = None

    def post(
        self,
        kind: str,
        account: Account,
        text: str,
        cid: str = "",
        origin: Origin | None = None,
        terms: Terms = ORDINARY,
        to: str = "",
        ref: int = 0,
        to_id: str = "",
        private_id: str = "",
        sent: Sent | None = None,
    ) -> Receipt:
        """Append a post of an account to the log; wait while too much is queued.

        :param cid: the client id; empty when there is none.
        :param origin: who is told what becomes of it, if anybody.
        :param to: name of the recipient of a private message.
        :param ref: as of ``Post``, and so are ``to_id``, ``private_id`` and ``sent``.
        :raises StoreError: the server has stopped.
        """
        post = Post(self.log, kind, account.id, account.name, text, cid, to, ref)
        post.sent = sent
        if self.is_mailbox:
            post.to_id, post.private_id = to_id, private_id
        append = self._logs.append
        while (receipt := append(post, origin, terms)) is None:
            self._logs.wait_for_space(1.0)
        return receipt

    def deliver(self, posts: list[Post], receipts: Sequence[Receipt] = ()) -> None:
        """Offer new posts to every member, in order: one chunk for each face, and one of their own
        for who ignores somebody or may be mentioned.

        Only the engine's thread calls it, with posts that are committed.

        :param receipts: of those among them that were posted here: who has left the room since
            is shown what it said there.
        """
        before = self._snapshot
        may_mention = (before is None or before.named) and not self.is_mailbox
        words = self._words_of(posts) if may_mention else None
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
            if words and (mentioned := snapshot.mentioned(words)):
                snapshot = self._make_snapshot(mentioned)
            paused = dict(self._paused) if self._paused else None
            inside = self._inside
            departed = [
                receipt
                for receipt in receipts
                if receipt.post.sender_id not in inside and receipt.origin is not None
            ]
            own = self._own_lines(posts, receipts) if snapshot.shows_rooms else _NO_OWN_LINES
        if not posts:
            return
        snapshot.offer(posts, self.names, own)
        if paused:
            self._deliver_paused(posts, paused)
        if departed and not self.is_mailbox:
            self._acknowledge(departed, paused or {})
        if last:
            with self._lock:
                self._offered.note(self._delivered)

    def _words_of(self, posts: list[Post]) -> list[str]:
        """Return the words among which there may be names; mark the posts that mention all."""
        texts = [post.text for post in posts if post.kind in MENTIONS]
        text = "\n".join(texts)
        words = words_of(text)
        if "@" in text and HERE in words:
            for post in posts:
                if post.kind in MENTIONS and self.may_call_all(self, post.sender_id):
                    post.calls_all = calls_all(post.text)
        return words

    def _own_lines(self, posts: list[Post], receipts: Sequence[Receipt]) -> OwnLines:
        """Return who is shown own posts in another way than others are; under the room's lock."""
        found: dict[Session, dict[int, OwnLine]] = {}
        for receipt in receipts:
            origin = receipt.origin
            if origin is not None and (own := origin.own) is not None:
                found.setdefault(own.member, {})[receipt.post.seq] = own
        for post in posts:
            if post.kind not in KEPT:
                for member in self._inside.get(post.sender_id, ()):
                    if member.face.shows_rooms:
                        found.setdefault(member, {})
        return found

    def _acknowledge(self, receipts: list[Receipt], paused: dict[str, Sessions]) -> None:
        """Show posts to the sessions that sent them and left the room before the commit."""
        for receipt in receipts:
            if receipt.post.sender_id not in paused and receipt.origin is not None:
                receipt.origin.accepted(receipt.post, self.names)

    def _deliver_paused(self, posts: list[Post], paused: dict[str, Sessions]) -> None:
        for post in posts:
            found: Iterable[Member] = ()
            if post.kind == ANNOUNCE:
                found = (member for sessions in paused.values() for member in sessions)
            elif post.kind in KEPT:
                found = paused.get(post.sender_id, ())
            for member in found:
                member.outbox.offer(member.face_in(self).messages([post], self.names))

    def _make_snapshot(self, mentioned: AbstractSet[Session] = frozenset()) -> Snapshot:
        """Return who is inside; under the room's lock.

        :param mentioned: who gets an own chunk beside those who ignore somebody.
        """
        sessions = [
            (member, member.face_in(self))
            for sessions in self._inside.values()
            for member in sessions
        ]
        return Snapshot(sessions, mentioned, self.is_mailbox)


def _nobody(_room: Room, _account_id: str) -> bool:
    return False
