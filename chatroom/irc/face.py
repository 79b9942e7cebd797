"""The third face: posts of rooms as the lines of an IRC client. Pure, and shared by its members."""

from collections.abc import Mapping
from functools import cache

from chatroom.irc.bots import BOTS
from chatroom.irc.grammar import LINE_BYTES, action, cut, escape_tag, split_text
from chatroom.irc.shape import Shape
from chatroom.protocol import utc_of
from chatroom.rooms.room import LOBBY
from chatroom.sentences import SERVER
from chatroom.storage.records import (
    ACTION,
    ANNOUNCE,
    JOIN,
    LEAVE,
    NOTICE,
    PRIVATE,
    REMOVED,
    Post,
)
from chatroom.storage.rules.private_ids import private_id
from chatroom.text import clean_line

USER_HOST = "!~u@chat"
"""User and host of everybody: neither a login name nor an address is ever shown."""
_ROOM_FOR_TEXT = LINE_BYTES - 2  # without the end of the line
ME = "/me "
"""In front of a private message that is an action: it is kept as people type it."""
_ANNOUNCED = "[announcement] "
_EVERYBODY = "$*"
"""Target of what is said to all who are here, whatever rooms they are in."""


def message_id(post: Post) -> str:
    """Return the id of a message, the same for both of a private one; empty: it has none."""
    if post.log[0] == "@" and (both := private_id(post)):
        return both
    return f"{post.epoch}-{post.seq}" if post.seq else ""


class IrcFace:
    """Posts of a room for all who have asked for the same. Any thread; it keeps no state.

    What is for one person alone, ``own_face`` renders.

    :param shape: what its members have asked for.
    """

    is_for_programs = False

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._has_tags = any((shape.time, shape.account, shape.tags))
        self._time = (-1.0, "")

    def messages(
        self, posts: list[Post], names: Mapping[str, str], old: bool = False, reader: str = ""
    ) -> bytes:
        """Render posts of rooms, as ``RoomFace.messages`` says; old ones as a batch of history."""
        batch = ""
        lines: list[str] = []
        if old and self.shape.batch and posts:
            batch = f"h{posts[0].seq}"
            target = f"#{names.get(posts[0].log, '')}"
            lines.append(f"BATCH +{batch} chathistory {target}\r\n")
        for post in posts:
            kind = post.kind
            room = f"#{names.get(post.log, '')}"
            if kind == JOIN:
                lines.append(self._join(post, room))
            elif kind == LEAVE:
                lines.append(self._leave(post, room))
            elif kind == REMOVED:
                if not old:
                    lines.append(self.removed(post, room))
            else:
                lines.append(self.said(post, room, batch, is_dated=old))
        if batch:
            lines.append(f"BATCH -{batch}\r\n")
        return "".join(lines).encode()

    def said(
        self,
        post: Post,
        target: str,
        batch: str = "",
        more: Mapping[str, str] | None = None,
        is_dated: bool = False,
    ) -> str:
        """Render what somebody has said.

        :param target: where it goes: a room with its ``#``, or a name.
        :param batch: reference of the batch that it is in; empty: of none.
        :param more: further tags, such as a label.
        :param is_dated: say when, where no tag says it.
        """
        word = "NOTICE" if post.kind == NOTICE else "PRIVMSG"
        text = post.text
        is_act = post.kind == ACTION
        if post.kind == PRIVATE and text.startswith(ME):
            text, is_act = text[len(ME) :], True
        if post.kind == ANNOUNCE:
            text = _ANNOUNCED + text
        dated = f"[{SERVER.when(post.time)}] " if is_dated and not self.shape.time else ""
        head = f":{post.sender}{USER_HOST} {word} {target} :"
        told = self._tags(post, batch, more)
        is_short = text.isascii() and text.isprintable() and head.isascii()
        is_short = is_short and len(dated) + len(text) + len(head) <= _ROOM_FOR_TEXT
        if is_short and not is_act and post.sent is None:
            return f"{told}{head}{dated}{text}\r\n"  # the usual line
        if is_act:
            room = _ROOM_FOR_TEXT - len(head.encode()) - len(action("")) - len(dated)
            whole = " ".join(clean_line(line) for line in text.split("\n"))
            first, *others = split_text(whole, room)
            acts = [action(dated + first), *map(action, others)]
            return self._each(post, head, told, acts, batch)
        return self._said_at_length(post, dated, text, head, told, target, batch)

    def _said_at_length(
        self, post: Post, dated: str, text: str, head: str, told: str, target: str, batch: str
    ) -> str:
        # The time goes with the first piece: it is no piece of its own.
        room = _ROOM_FOR_TEXT - len(head.encode()) - len(dated)
        lines = post.sent.split if post.sent is not None else None
        if lines is None or text != post.text:
            lines = tuple((line,) for line in text.split("\n"))
        pieces = [
            [p for piece in line for p in split_text(clean_line(piece), room)] for line in lines
        ]
        if dated:
            pieces[0][0] = dated + pieces[0][0]
        if self.shape.multiline and (len(lines) > 1 or len(pieces[0]) > 1):
            return self._multiline(post, head, told, target, pieces)
        return self._each(post, head, told, [p for line in pieces for p in line if p], batch)

    def _each(self, post: Post, head: str, told: str, pieces: list[str], batch: str) -> str:
        # The id and the label stand on the first line only.
        other = self._tags(post, batch, has_id=False)
        rest = "".join(f"{other}{head}{piece}\r\n" for piece in pieces[1:])
        return f"{told}{head}{pieces[0] if pieces else ' '}\r\n{rest}"

    def _multiline(
        self, post: Post, head: str, told: str, target: str, lines: list[list[str]]
    ) -> str:
        ref = f"m{post.seq}"
        out = [f"{told}:{post.sender}{USER_HOST} BATCH +{ref} draft/multiline {target}\r\n"]
        for pieces in lines:
            for at, piece in enumerate(pieces):
                concat = ";draft/multiline-concat" if at else ""
                out.append(f"@batch={ref}{concat} {head}{piece}\r\n")
        out.append(f"BATCH -{ref}\r\n")
        return "".join(out)

    def _tags(
        self,
        post: Post,
        batch: str = "",
        more: Mapping[str, str] | None = None,
        has_id: bool = True,
    ) -> str:
        if not (self._has_tags or batch or more):
            return ""
        shape = self.shape
        parts = []
        if batch:
            parts.append(f"batch={batch}")
        if more:
            parts += [f"{k}={escape_tag(v)}" if v else k for k, v in more.items()]
        if shape.time and post.time:
            parts.append(f"time={self._time_of(post.time)}")
        if shape.tags:
            if has_id and (one := message_id(post)):
                parts.append(f"msgid={one}")
            if post.sender_id in BOTS.ids:
                parts.append("bot")
        if shape.account:
            parts.append(f"account={post.sender}")
        if (sent := post.sent) is not None and shape.tags and sent.tags:
            parts.append(sent.tags)
        return f"@{';'.join(parts)} " if parts else ""

    def _time_of(self, seconds: float) -> str:
        cached, text = self._time  # one attribute: both halves always belong together
        if seconds != cached:
            text = utc_of(seconds)
            self._time = (seconds, text)
        return text

    def _join(self, post: Post, room: str) -> str:
        more = f" {post.sender} :{clean_line(post.text) or post.sender}"
        extended = more if self.shape.extended_join else ""
        line = f":{post.sender}{USER_HOST} JOIN {room}{extended}"
        return f"{self._tags(post)}{cut(line)}\r\n"

    def _leave(self, post: Post, room: str) -> str:
        who, why, tags = post.to or post.sender, clean_line(post.text), self._tags(post)
        if not post.to:  # gone from the server, which is told once: where everybody is
            what = f"QUIT :{why or 'has left'}" if post.log == LOBBY else ""
        elif who == post.sender:
            what = f"PART {room}{f' :{why}' if why else ''}"
        else:
            what = f"KICK {room} {post.sender} :{why or who}"
            tags = tags.replace(f"account={post.sender}", f"account={who}")
        return f"{tags}{cut(f':{who}{USER_HOST} {what}')}\r\n" if what else ""

    def removed(self, post: Post, target: str) -> str:
        if not self.shape.redaction or post.ref == post.seq:
            return ""
        which = post.private_id or f"{post.ref_epoch or post.epoch}-{post.ref}"
        line = f":{post.sender}{USER_HOST} REDACT {target} {which}"
        if why := clean_line(post.text):
            line += f" :{split_text(why, _ROOM_FOR_TEXT - len(line.encode()) - 2)[0]}"
        return f"{self._tags(post)}{line}\r\n"


class GoingsFace(IrcFace):
    """Shows of the lobby only who goes from the server, and announcements: a client has left it."""

    def messages(
        self, posts: list[Post], names: Mapping[str, str], old: bool = False, reader: str = ""
    ) -> bytes:
        """Render posts of the lobby, as ``RoomFace.messages`` says."""
        lines = []
        for post in posts:
            if post.kind == LEAVE:
                lines.append("" if post.to else self._leave(post, ""))
            elif post.kind == ANNOUNCE:
                lines.append(self.said(post, _EVERYBODY, is_dated=old))
        return "".join(lines).encode()


@cache
def face_of(shape: Shape) -> IrcFace:
    """Return the one face of a shape. Any thread."""
    return IrcFace(shape)


@cache
def goings_face_of(shape: Shape) -> GoingsFace:
    """Return the one face of a shape for who has left the lobby. Any thread."""
    return GoingsFace(shape)


def is_own(post: Post) -> bool:
    """Tell whether a message of a mailbox was sent by the mailbox's owner."""
    return post.log[0] == "@" and post.log[1:] == post.sender_id
