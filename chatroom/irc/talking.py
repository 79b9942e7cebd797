"""Commands that say something: PRIVMSG, NOTICE, BATCH."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chatroom.counts import COUNTS
from chatroom.errors import Code, UserError
from chatroom.irc import numerics, service
from chatroom.irc.channels import is_in
from chatroom.irc.face import ME
from chatroom.irc.grammar import Line, client_tags, ctcp, format_line, strip_formatting
from chatroom.irc.multiline import MOST_LINES, BatchRefused
from chatroom.irc.own_face import AWAY
from chatroom.irc.said import CANNOT_SEND, Reply, Said
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import TAGS
from chatroom.rooms.person import FREE
from chatroom.rooms.voice import check_voice
from chatroom.rooms.watchers import reason_of
from chatroom.storage.records import ACTION, NOTICE, PRIVATE, SUPERUSER, TEXT, Presence, Sent
from chatroom.text import can_be_seen, clean_line

MOST_TARGETS = 4
"""Of one line; TARGMAX in 005."""
NOT_HERE = "not here; it is kept"
_NO_TEXT = "No text to send"
Pieces = tuple[tuple[str, ...], ...]
_Post = Callable[[Reply], None]


class _Words(NamedTuple):
    """What is said, understood and clean."""

    command: str
    kind: str
    text: str
    sent: Sent | None = None
    """Of more than a text: how it came."""

    @property
    def is_notice(self) -> bool:
        """No error is ever answered to it."""
        return self.command == "NOTICE"


def privmsg(session: IrcSession, line: Line) -> None:
    """PRIVMSG, to up to four targets."""
    if not line.params or not line.params[0]:
        session.reply(numerics.ERR_NORECIPIENT, "No recipient given (PRIVMSG)")
        return
    _say_lines(session, "PRIVMSG", line.params[0], ((line.params[1:] or ("",))[:1],), line.tags)


def notice(session: IrcSession, line: Line) -> None:
    """NOTICE: like PRIVMSG, but no error is ever answered to it."""
    if len(line.params) > 1:
        _say_lines(session, "NOTICE", line.params[0], (line.params[1:2],), line.tags)


def batch(session: IrcSession, line: Line) -> None:
    """BATCH: a message of several lines, which is said when the batch ends."""
    try:
        said = session.incoming.batch(line, session.label)
    except BatchRefused as error:
        _refuse_batch(session, error)
        return
    if said is not None:
        session.label = said.label or session.label
        _say_lines(session, said.command, said.target, said.lines, said.tags)
    elif session.incoming.is_open:
        session.spend_label()  # it goes with the answer to the whole


def takes(session: IrcSession, line: Line) -> bool:
    """Take a line that belongs to a batch; False: it does not say so."""
    try:
        lines = session.services.rates.lines or MOST_LINES
        return session.incoming.takes(line, min(lines, MOST_LINES))
    except BatchRefused as error:
        _refuse_batch(session, error)
        return True


def _refuse_batch(session: IrcSession, error: BatchRefused) -> None:
    session.label = session.label or error.label
    session.fail("BATCH", error.fail, str(error), *error.context)


def _say_lines(
    session: IrcSession, command: str, targets: str, lines: Pieces, tags: Mapping[str, str]
) -> None:
    words = _understood(command, lines, client_tags(tags) if tags and TAGS in session.caps else "")
    if words is None:
        if command == "PRIVMSG":
            session.reply(numerics.ERR_NOTEXTTOSEND, _NO_TEXT)
    elif words.text:
        _say(session, words, targets)
    elif not words.is_notice:
        text = "Of CTCP this server passes on ACTION only; that was not sent."
        session.tell("error", text)


def _understood(command: str, lines: Pieces, tags: str) -> _Words | None:
    """Return what is said, without a text if it is for programs only; ``None``: nothing is."""
    kind = NOTICE if command == "NOTICE" else TEXT
    whole = "\n".join(map("".join, lines))
    if (found := ctcp(whole)) is not None:
        if kind == NOTICE or found[0] != "ACTION":
            return _Words(command, kind, "")
        kind, whole = ACTION, found[1]
        lines = ()
    clean = [clean_line(strip_formatting(line)) for line in whole.split("\n")]
    text = "\n".join(clean).strip("\n")
    if not can_be_seen(text):
        return None
    pieces = None
    if len(lines) > 1 or any(len(line) > 1 for line in lines):
        pieces = tuple(tuple(clean_line(strip_formatting(p)) for p in line) for line in lines)
        if ["".join(line) for line in pieces] != clean:
            pieces = None  # what belongs together was torn apart: it is split anew
    sent = Sent(pieces, tags) if pieces or tags else None
    return _Words(command, kind, text, sent)


def _say(session: IrcSession, words: _Words, given: str) -> None:
    """Say something to each target, or answer why not."""
    targets = list(dict.fromkeys(filter(None, given.split(","))))
    if len(targets) > MOST_TARGETS:
        if not words.is_notice:
            text = f"At most {MOST_TARGETS} targets at once; it was not sent."
            session.reply(numerics.ERR_TOOMANYTARGETS, targets[0], text)
        return
    posts: list[_Post] = []
    for target in targets:
        is_room = target.startswith("#")
        if not is_room and service.hears(session, target, words.text, words.is_notice):
            continue
        try:
            posts.append((_in_room if is_room else _in_private)(session, words, target))
        except UserError as error:
            COUNTS.refused_posts.add(error.code)
            if not words.is_notice:
                numeric = CANNOT_SEND.get(error.code, "") if is_room else ""
                session.refused(error, target, numeric=numeric)
    if not posts:
        return
    face = session.face
    assert face is not None
    label = session.spend_label()
    reply = Reply(face, label, session.take_lines() if label else (), len(posts))
    for post in posts:
        post(reply)


def _in_room(session: IrcSession, words: _Words, target: str) -> _Post:
    """Return what posts to a room. :raises UserError: it may not be said there."""
    services, person, member = session.services, session.person, session.member
    assert person is not None and member is not None
    room = services.memberships.joined(person, target[1:])
    if not is_in(session, room):
        text = f"You have left #{room.name} with this client. JOIN #{room.name} comes back."
        raise UserError(text, Code.NOT_INSIDE)
    check_voice(services.sanctions, person, room)
    where = f"#{room.name}"

    def post(reply: Reply) -> None:
        said = Said(member, reply, where, words.command)
        room.post(words.kind, person.account, words.text, "", said, sent=words.sent)

    return post


def _in_private(session: IrcSession, words: _Words, target: str) -> _Post:
    """Return what sends to a person. :raises UserError: there is none, or it may not be said."""
    services, person, member = session.services, session.person, session.member
    assert person is not None and member is not None
    to = services.accounts.find(target)
    if to.grant != SUPERUSER:
        check_voice(services.sanctions, person)
    away = ""
    if not words.is_notice and to.id != person.account.id:
        away = _away(services.presence.presence(to.id))
    kind = NOTICE if words.is_notice else PRIVATE
    text = ME + words.text if words.kind == ACTION else words.text

    def post(reply: Reply) -> None:
        more = ""
        if away:
            told = (numerics.RPL_AWAY, session.nick, to.name, away)
            more = format_line(*told, source=session.server, trailing=True) + "\r\n"
        said = Said(member, reply, to.name, words.command, more)
        services.directory.send_private(person, to, text, "", said, kind=kind, sent=words.sent)

    return post


def _away(presence: Presence | None) -> str:
    """Return what is told of who does not see it now; empty: sees it."""
    if presence is None:
        return NOT_HERE
    if presence.state == FREE:
        return ""
    return reason_of(presence.state) or AWAY
