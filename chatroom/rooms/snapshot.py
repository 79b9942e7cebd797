"""Who is shown what a room's log has new, and how: one chunk for all who have the same face."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from chatroom.counts import COUNTS
from chatroom.names import plain
from chatroom.rooms.face import Face, Outbox, RoomFace, Stripe
from chatroom.storage.records import JOIN, LEAVE, Post
from chatroom.storage.rules.receipts import OwnLine

_COMINGS = frozenset({JOIN, LEAVE})


class Session(Protocol):
    """A session as far as it matters here; see ``room.Member``."""

    account_id: str
    name: str
    face: Face
    outbox: Outbox
    ignores: frozenset[str]

    def seen(self, posts: list[Post]) -> list[Post]: ...


OwnLines = Mapping[Session, Mapping[int, OwnLine]]
"""For each session that is not shown all of a round as the others are: how it is shown posts of its
own, by their seq. Comings and goings of its person it is not shown at all."""


class Snapshot:
    """Those who see a log, until somebody comes, goes or gets another face. The engine's thread.

    :param sessions: each with the face that shows it the room.
    :param mentioned: who gets a chunk of its own, beside those who ignore somebody.
    :param is_mailbox: nobody is mentioned there.
    """

    __slots__ = ("_apart", "_boxes", "_shared", "named", "shows_rooms")

    def __init__(
        self,
        sessions: Iterable[tuple[Session, RoomFace]],
        mentioned: AbstractSet[Session] = frozenset(),
        is_mailbox: bool = False,
    ) -> None:
        faces: dict[RoomFace, dict[Stripe, list[Outbox]]] = {}
        apart = []
        self.named: dict[str, list[Session]] = {}
        """Programs of those inside, by the plain form of their names: they are told of mentions."""
        showing = set()
        for session, face in sessions:
            if face.is_for_programs and not is_mailbox:
                self.named.setdefault(plain(session.name), []).append(session)
            if session.face.shows_rooms:
                showing.add(face)
            if session.ignores or session in mentioned:
                apart.append((session, face))
                continue
            outbox = session.outbox
            faces.setdefault(face, {}).setdefault(outbox.stripe, []).append(outbox)
        self.shows_rooms = bool(showing)
        """Somebody inside has a face that shows rooms: see ``Face.shows_rooms``."""
        # For each face how many sessions have it, and what offers to all of them.
        self._shared: tuple[tuple[RoomFace, int, tuple[Callable[[bytes], None], ...]], ...] = tuple(
            (face, number, tuple(at.walk(boxes, number) for at, boxes in one.items()))
            for face, one in faces.items()
            for number in (sum(map(len, one.values())),)
        )
        # Who has which stripe, in the order of the above; of faces that may have own lines only.
        self._boxes = {face: faces[face] for face in showing if face in faces}
        self._apart = tuple(apart)

    def mentioned(self, words: list[str]) -> set[Session]:
        """Return the programs of those who may be mentioned among these words."""
        if self.named.keys().isdisjoint(words):
            return set()
        return {session for word in self.named.keys() & set(words) for session in self.named[word]}

    def offer(self, posts: list[Post], names: Mapping[str, str], own: OwnLines) -> None:
        """Offer posts to everybody: one chunk for each face, and one of the own for some.

        :param names: as of ``RoomFace.messages``.
        :param own: who is shown own lines in another way; usually nobody.
        """
        for face, sessions, offers in self._shared:
            if own and face in self._boxes:
                self._offer_around(face, offers, posts, names, own)
                continue
            chunk = face.messages(posts, names)
            if not chunk:
                continue
            for offer in offers:
                offer(chunk)
            COUNTS.deliveries += sessions * len(posts)
            COUNTS.delivered_bytes += sessions * len(chunk)
        for session, face in self._apart:
            seen = session.seen(posts)
            if not seen:
                continue
            if session in own:
                chunk = _Lines(face, seen, names, session.name).shown_to(session, own[session])
            else:
                chunk = face.messages(seen, names, reader=session.name)
            if chunk:
                session.outbox.offer(chunk)

    def _offer_around(
        self,
        face: RoomFace,
        offers: tuple[Callable[[bytes], None], ...],
        posts: list[Post],
        names: Mapping[str, str],
        own: OwnLines,
    ) -> None:
        """Offer to all who have a face, of whom some have own lines; only these and who shares
        their stripes are walked over one by one."""
        boxes = self._boxes[face]
        others: dict[Stripe, dict[Outbox, Session]] = {}
        for session in own:
            outbox = session.outbox
            if outbox in boxes.get(outbox.stripe, ()):
                others.setdefault(outbox.stripe, {})[outbox] = session
        lines = _Lines(face, posts, names)
        chunk = b"".join(lines.all)
        for (stripe, some), offer in zip(boxes.items(), offers, strict=True):
            if chunk and stripe not in others:
                offer(chunk)
            for outbox in some if stripe in others else ():
                session_of = others[stripe].get(outbox)
                shown = chunk
                if session_of is not None:
                    shown = lines.shown_to(session_of, own[session_of])
                if shown:
                    outbox.offer(shown)
            COUNTS.deliveries += len(some) * len(posts)
            COUNTS.delivered_bytes += len(some) * len(chunk)


class _Lines:
    """Posts line by line, as a face shows them to all others.

    :param reader: as of ``RoomFace.messages``.
    """

    __slots__ = ("_at", "_comings", "_names", "_posts", "all")

    def __init__(
        self, face: RoomFace, posts: list[Post], names: Mapping[str, str], reader: str = ""
    ) -> None:
        self.all = [face.messages([post], names, reader=reader) for post in posts]
        self._posts = posts
        self._names = names
        self._at = {post.seq: at for at, post in enumerate(posts) if post.seq}
        self._comings: dict[str, list[int]] = {}
        for at, post in enumerate(posts):
            if post.kind in _COMINGS:
                self._comings.setdefault(post.sender_id, []).append(at)

    def shown_to(self, session: Session, own: Mapping[int, OwnLine]) -> bytes:
        """Return what a session is shown that has own lines among them."""
        shown = self.all.copy()
        for seq, line in own.items():
            if (at := self._at.get(seq)) is not None:
                shown[at] = line.render(self._posts[at], self._names)
        for at in self._comings.get(session.account_id, ()):
            shown[at] = b""
        return b"".join(shown)
