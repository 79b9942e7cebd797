"""Who has said something by IRC: how that one session is shown its own line, or told why not."""

from collections.abc import Mapping

from chatroom.errors import Refusal
from chatroom.irc.own_face import OwnFace
from chatroom.irc.session import LABEL
from chatroom.irc.shape import ECHO
from chatroom.rooms.room import Member
from chatroom.storage.records import Post


class Said:
    """The origin of one post; the engine's thread calls the methods. See ``receipts.Origin``.

    :param member: the session.
    :param face: its own face.
    :param label: of the line by which it was said; empty: it had none.
    """

    __slots__ = ("_face", "_label", "member")

    def __init__(self, member: Member, face: OwnFace, label: str) -> None:
        self.member = member
        self._face = face
        self._label = label

    @property
    def own(self) -> "Said":
        """Itself: it renders the line."""
        return self

    def accepted(self, post: Post, names: Mapping[str, str]) -> None:
        """Show what was kept in a room where this session is not any more."""
        if chunk := self.render(post, names):
            self.member.outbox.offer(chunk)

    def returned(self, post: Post, refusal: Refusal | None) -> None:
        """Tell that a post was refused."""
        if refusal is not None:
            self.member.outbox.offer(self._face.told(refusal.sentence).encode())

    def render(self, post: Post, names: Mapping[str, str]) -> bytes:
        """Render the session's own line; empty: it does not want to see it."""
        if ECHO not in self._face.caps:
            return b""
        more = {LABEL: self._label} if self._label else None
        if post.log[0] == "@":
            return self._face.private(post, more=more).encode()
        return self._face.shared.said(post, f"#{names.get(post.log, '')}", more=more).encode()
