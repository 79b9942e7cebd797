"""Who has said something by IRC: how that one session is shown its own line, or told why not."""

from collections.abc import Mapping, Sequence

from chatroom.errors import Code, Refusal
from chatroom.irc import numerics
from chatroom.irc.labels import labelled
from chatroom.irc.own_face import OwnFace
from chatroom.irc.refusals import refusal_line
from chatroom.irc.shape import BATCH, ECHO
from chatroom.rooms.room import Member
from chatroom.storage.records import Post

CANNOT_SEND = dict.fromkeys(
    (Code.ARCHIVED, Code.BANNED, Code.KICKED, Code.MUTED, Code.NOT_INSIDE, Code.TOO_FAST),
    numerics.ERR_CANNOTSENDTOCHAN,
)
"""What is told by another numeric than elsewhere when it keeps somebody from talking in a room."""


class Reply:
    """The answer to one line that says something, to one target or to several.

    The session's thread makes it; from the first post on only the engine's thread has it.

    :param face: of the session.
    :param label: of the line; empty: each part goes out by itself.
    :param first: lines that are known already, with their ends.
    :param parts: how many more there will be.
    """

    __slots__ = ("_label", "_lines", "_parts", "face")

    def __init__(self, face: OwnFace, label: str, first: Sequence[str], parts: int) -> None:
        self.face = face
        self._label = label
        self._lines = list(first)
        self._parts = parts

    def add(self, lines: Sequence[str]) -> bytes:
        """Take a part; return what goes out now."""
        if not self._label:
            return "".join(lines).encode()
        self._lines += lines
        self._parts -= 1
        if self._parts > 0:
            return b""
        face = self.face
        whole = labelled(self._lines, self._label, face.server, BATCH in face.caps)
        return "".join(whole).encode()


class Said:
    """The origin of one post; the engine's thread calls the methods. See ``receipts.Origin``.

    :param member: the session.
    :param reply: the answer that this is a part of.
    :param target: where it went, as it is shown: a room with its ``#``, or a name.
    :param command: by which it was said; nothing is answered to a NOTICE that is refused.
    :param more: a line that goes out when it is kept, with its end; empty: there is none.
    """

    __slots__ = ("_command", "_more", "_reply", "_target", "member")

    def __init__(
        self, member: Member, reply: Reply, target: str, command: str, more: str = ""
    ) -> None:
        self.member = member
        self._reply = reply
        self._target = target
        self._command = command
        self._more = more

    @property
    def own(self) -> "Said":
        """Itself."""
        return self

    def render(self, post: Post, names: Mapping[str, str]) -> bytes:
        """Render the session's own line, if it wants to see it, and what is told besides."""
        face = self._reply.face
        said = [f"{one}\r\n" for one in face.shared.said(post, self._target).split("\r\n") if one]
        shown = said if ECHO in face.caps else []
        chunk = self._reply.add([*shown, self._more] if self._more else shown)
        if post.to_id and post.to_id == post.sender_id:  # and received by who has sent it
            chunk += "".join(said).encode()
        return chunk

    def accepted(self, post: Post, names: Mapping[str, str]) -> None:
        """Show what was kept in a room where this session is not any more."""
        self._offer(self.render(post, names))

    def returned(self, post: Post, refusal: Refusal | None) -> None:
        """Tell that a post was refused."""
        lines = []
        if refusal is not None and self._command != "NOTICE":
            face, code = self._reply.face, refusal.code
            numeric = CANNOT_SEND.get(code, "") if self._target.startswith("#") else ""
            about = (self._target,)
            told = (code, refusal.sentence, about, self._command, numeric)
            lines.append(refusal_line(face.server, face.nick, face.caps, *told) + "\r\n")
        self._offer(self._reply.add(lines))

    def _offer(self, chunk: bytes) -> None:
        if chunk:
            self.member.outbox.offer(chunk)
