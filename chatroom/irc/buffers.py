"""Buffers, as the specifications call them: rooms, and conversations with one other person."""

from collections.abc import Callable
from typing import NamedTuple

from chatroom.commands.grammar import message_id
from chatroom.commands.private import between, recipient_of
from chatroom.errors import Code, UserError
from chatroom.irc.session import IrcSession
from chatroom.irc.wording import NICK as SERVICE
from chatroom.names import fold
from chatroom.rooms import private_messages
from chatroom.rooms.person import Person
from chatroom.rooms.private_messages import newest_first
from chatroom.rooms.room import Member, Room
from chatroom.storage.engine import LogStore
from chatroom.storage.records import REMOVED, Post

LOOKED_AT = 10_000
"""Messages of a mailbox, the newest, among which conversations are looked for."""


class Buffer(NamedTuple):
    """A room that one is in, or the conversation with somebody, who may be oneself."""

    name: str
    """As the client has to call it."""
    room: Room
    """Of a conversation one's own mailbox."""
    other_id: str
    """Account id of the other person; empty: it is a room."""
    concerns: Callable[[Post], bool]
    """Tells of a message of the log whether it belongs here."""

    def shows(self, member: Member, post: Post) -> bool:
        """Tell whether a message stands here for who reads back: removed ones do not."""
        return post.kind != REMOVED and self.concerns(post) and bool(member.seen([post]))


class Conversation(NamedTuple):
    """Somebody with whom private messages were exchanged."""

    name: str
    other_id: str
    """Account id."""
    time: float
    """Of the newest message, in seconds since the epoch."""


def is_service(target: str) -> bool:
    """Tell whether a name is that of the nick ``server``, of whom nothing is kept."""
    return fold(target) == SERVICE


def buffer_of(session: IrcSession, target: str) -> Buffer:
    """Return the buffer that a client names; reads the mailbox only for who has no account any
    more.

    :raises UserError: there is no such room or person for this one, or the person is not inside.
    """
    services, person = session.services, session.person
    assert person is not None
    if target.startswith("#"):
        room = services.memberships.joined(person, target[1:])
        return Buffer(f"#{room.name}", room, "", _anything)
    try:
        account = services.accounts.find(target)
    except UserError as error:
        if error.code is not Code.NO_SUCH_USER:
            raise
        for one in conversations(session, 0.0):
            if fold(one.name) == fold(target):
                return _with(person, one.other_id, one.name)
        raise
    return _with(person, account.id, account.name)


def _with(person: Person, other_id: str, name: str) -> Buffer:
    concerns = between(person.account.id, other_id, name)
    return Buffer(name, person.mailbox, other_id, concerns)


def seq_of(logs: LogStore, buffer: Buffer, msgid: str) -> int | None:
    """Return the place of a message by the id that clients have of it; None: it is not there."""
    log = buffer.room.log
    try:
        which = message_id(msgid)
    except UserError:
        return None
    if which.private_id:
        found = private_messages.find(logs, log, which.private_id) if buffer.other_id else None
        return found.seq if found is not None else None
    return which.seq if which.epoch and logs.knows(log, which.epoch, which.seq) else None


def conversations(session: IrcSession, since: float) -> list[Conversation]:
    """Return with whom private messages were exchanged lately, the newest conversation first.

    :param since: what is older is not looked for; in seconds since the epoch.
    """
    services, person, member = session.services, session.person, session.member
    assert person is not None and member is not None
    logs, box = services.logs, person.mailbox
    last = box.delivered
    most = min(LOOKED_AT, last - logs.seq_before(box.log, since))
    session.looked += most
    found: dict[str, Conversation] = {}
    seen: set[tuple[str, str]] = set()
    for post in newest_first(logs, box.log, last, most):
        if post.kind == REMOVED or not member.seen([post]):
            continue
        is_own = post.sender_id == person.account.id
        key = (post.to_id, post.to) if is_own else (post.sender_id, post.sender)
        if key in seen:
            continue
        seen.add(key)
        account = recipient_of(post, services.accounts) if is_own else None
        if not is_own:
            account = services.accounts.find_by_id(post.sender_id)
        # The account may be gone: what was written stays.
        other_id, name = (account.id, account.name) if account else key
        if other_id and other_id not in found:
            found[other_id] = Conversation(name, other_id, post.time)
    return list(found.values())


def _anything(_post: Post) -> bool:
    return True
