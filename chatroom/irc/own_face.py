"""What one IRC session alone is shown: its private messages, and what the server tells it."""

from collections.abc import Callable, Mapping
from typing import Any

from chatroom.commands.services import Services
from chatroom.errors import StoreError
from chatroom.irc import numerics
from chatroom.irc.face import USER_HOST, IrcFace, face_of, is_own
from chatroom.irc.grammar import format_line
from chatroom.irc.news import NEWS, said_line
from chatroom.irc.places import END_OF_NAMES, names_lines, topic_lines
from chatroom.irc.shape import (
    AWAY_NOTIFY,
    ECHO,
    EXTENDED_JOIN,
    INVITE_NOTIFY,
    NO_NAMES,
    OLD_NO_NAMES,
    READ_MARKER,
    SELF_MESSAGE,
    SETNAME,
    USERHOST_IN_NAMES,
    shape_of,
)
from chatroom.irc.wording import as_it_is, notice_lines
from chatroom.protocol import utc_of
from chatroom.rooms.room import Room
from chatroom.storage.records import REMOVED, Post
from chatroom.text import clean_line

AWAY = "away"
"""What is told of who is away or busy, and does not say why."""


class OwnFace:
    """The face of one session; messages of rooms are rendered by the shared one of its shape.

    The fields are changed by the session's thread only; any thread may render.

    :param services: knows who is in which room.
    :param server: name of the server.
    :param account_id: of the account, and ``nick`` is its name.
    :param caps: what the client has asked for.
    """

    name = "irc"
    answers_pings = True
    shows_rooms = True

    __slots__ = (
        "_services",
        "account_id",
        "caps",
        "is_bot",
        "is_sealed",
        "nick",
        "real_name",
        "server",
        "shared",
        "wording",
    )

    def __init__(
        self, services: Services, server: str, account_id: str, nick: str, caps: frozenset[str]
    ) -> None:
        self._services = services
        self.account_id = account_id
        self.server = server
        self.nick = nick
        self.real_name = ""
        """As the client has given it; empty: the name."""
        self.is_bot = False
        """It has said so, by its mode +B."""
        self.is_sealed = False
        """Its connection is within TLS."""
        self.wording: Callable[[str], str] = as_it_is
        """Names the commands in sentences as they are typed."""
        self.caps = caps
        self.shared: IrcFace = face_of(shape_of(caps))

    def ask_for(self, caps: frozenset[str]) -> None:
        """Render for who has asked for these from now on."""
        self.caps = caps
        self.shared = face_of(shape_of(caps))

    @property
    def is_for_programs(self) -> bool:
        """The client says itself what was read."""
        return READ_MARKER in self.caps

    def of_room(self, is_current: bool) -> IrcFace:
        """The face for messages of rooms, shared by all who have asked for the same."""
        return self.shared

    def line(self, *words: str, source: str = "") -> str:
        """Return one line with its end; the last word is a text."""
        who = source or self.server
        return format_line(*words, source=who, trailing=True) + "\r\n"

    def messages(
        self, posts: list[Post], names: Mapping[str, str], old: bool = False, reader: str = ""
    ) -> bytes:
        """Render private messages; of rooms as the shared face does."""
        if not posts or posts[0].log[0] != "@":
            return self.shared.messages(posts, names, old, reader)
        return "".join(self.private(post, is_dated=old) for post in posts).encode()

    def private(
        self,
        post: Post,
        batch: str = "",
        more: Mapping[str, str] | None = None,
        is_dated: bool = False,
    ) -> str:
        """Render a private message; the parameters are as of ``IrcFace.said``."""
        mine = is_own(post)
        if post.kind == REMOVED:
            return "" if is_dated else self.shared.removed(post, post.to or self.nick)
        if mine and post.to_id != post.sender_id and not self.shows_own:
            return ""
        target = post.to if mine else self.nick
        return self.shared.said(post, target, batch, more, is_dated)

    @property
    def shows_own(self) -> bool:
        """The client knows what to do with what its own person has sent."""
        return ECHO in self.caps or SELF_MESSAGE in self.caps

    # -- what the server tells ------------------------------------------------------------------

    def notice(self, kind: str, text: str, **fields: Any) -> bytes:
        """Render what happened as the line that IRC has for it, else as a NOTICE."""
        render = NEWS.get(kind)
        lines = render(self, fields) if render is not None else None
        if lines is not None:
            return lines.encode()
        return self.told(text).encode()

    def control(self, do: str, text: str, **fields: Any) -> bytes:
        """Render what a client has to act upon, or why the connection ends."""
        if do in ("disconnect", "kick", "restart"):
            return format_line("ERROR", clean_line(text), trailing=True).encode() + b"\r\n"
        if do == "rename":
            before, self.nick = self.nick, str(fields.get("user", self.nick))
            return format_line("NICK", self.nick, source=before + USER_HOST).encode() + b"\r\n"
        return self.notice(do, text, **fields)

    def told(self, text: str) -> str:
        """Return sentences of the server as NOTICEs, one for each line."""
        lines = notice_lines(self.server, self.nick, self.wording(text))
        return "".join(f"{line}\r\n" for line in lines)

    def result(self, command: str, text: str, ok: bool, cid: str, **fields: Any) -> bytes:
        """Render an answer to a line that has no better one."""
        return self.told(text).encode() if text else b""

    def read(self, message_id: str, **fields: str) -> bytes:
        return b""

    def export(self, fields: dict[str, Any]) -> bytes:
        return b""

    def ticket(self, ticket: str, until: float) -> bytes:
        return b""  # there is no word for it

    # -- rooms ----------------------------------------------------------------------------------

    def read_until(self, until: int, room: Room, other_id: str) -> bytes:
        """Render MARKREAD: see ``Face.read_until``."""
        if READ_MARKER not in self.caps:
            return b""
        name = f"#{room.name}"
        if other_id:
            account = self._services.accounts.find_by_id(other_id)
            if account is None:
                return b""
            name = account.name
        return f"{marker_line(self.server, name, until)}\r\n".encode()

    def entered(self, room: Room, may_look: bool = True) -> bytes:
        """Render what tells this session that its person is in a room now.

        :param may_look: into the log and the store; not in the engine's thread.
        """
        name = f"#{room.name}"
        me = self.nick + USER_HOST
        more = (self.nick, self.real_name or self.nick) if EXTENDED_JOIN in self.caps else ()
        lines = [format_line("JOIN", name, *more, source=me, trailing=bool(more))]
        lines += topic_lines(self._services, self.server, self.nick, room, may_look)
        if READ_MARKER in self.caps:
            lines.append(marker_line(self.server, name, self._read_in(room, may_look)))
        if not self.caps & {NO_NAMES, OLD_NO_NAMES}:
            with_host = USERHOST_IN_NAMES in self.caps
            lines += names_lines(self._services, self.server, self.nick, room, with_host)
            end = (numerics.RPL_ENDOFNAMES, self.nick, name, END_OF_NAMES)
            lines.append(format_line(*end, source=self.server, trailing=True))
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _read_in(self, room: Room, may_look: bool) -> int:
        person = self._services.roster.person(self.account_id)
        try:
            marks = self._services.read_marks
            return marks.until(person, room, "", may_look) if person is not None else 0
        except StoreError:
            return 0

    def room(self, room_id: str) -> Room | None:
        """Return a room by its id."""
        return self._services.roster.of_log(room_id)

    def about(self, what: str, name: str, **fields: Any) -> bytes:
        """Render that somebody else is ``away`` or ``back``, and so on: see ``Face.about``."""
        source = name + USER_HOST
        text = clean_line(str(fields.get("text", "")))
        if what in ("away", "back"):
            if AWAY_NOTIFY not in self.caps:
                return b""
            params = (text or AWAY,) if what == "away" else ()
            return format_line("AWAY", *params, source=source).encode() + b"\r\n"
        if what == "invited":
            if INVITE_NOTIFY not in self.caps:
                return b""
            return said_line(self, fields, "INVITE", name, f"#{fields['room']}").encode()
        if what == "setname":
            if SETNAME not in self.caps:
                return b""
            return self.line("SETNAME", text, source=source).encode()
        if what == "renamed":
            return format_line("NICK", text, source=source).encode() + b"\r\n"
        if what == "online":
            return self.line(numerics.RPL_MONONLINE, self.nick, source).encode()
        if what == "offline":
            return self.line(numerics.RPL_MONOFFLINE, self.nick, name).encode()
        return b""


def marker_line(server: str, name: str, until: int) -> str:
    """Return what tells up to when a room or the messages with somebody were read.

    :param until: milliseconds since the epoch; 0: nobody knows.
    """
    text = f"timestamp={utc_of(until / 1000)}" if until else "*"
    return format_line("MARKREAD", name, text, source=server)
