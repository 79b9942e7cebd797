"""How a session that may come in enters the rooms, how it leaves, and the last it is told.

The same for every face; what is sent, each visit renders itself.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from chatroom.commands.services import SETTLE_SECONDS, Services
from chatroom.errors import Code, Conflict, Disconnected, EndReason, StoreError
from chatroom.log_files import FEW
from chatroom.net.connection import TOO_SLOW, Connection
from chatroom.rooms.catch_up import Page
from chatroom.rooms.person import Person
from chatroom.rooms.room import Member
from chatroom.session.login import Login, LoginRefused
from chatroom.storage.records import Account

_log = logging.getLogger(__name__)

_ECHO_SECONDS = 10.0
"""Time after its last line in which somebody who leaves is shown first what became of it."""


def arrive(
    connection: Connection,
    services: Services,
    login: Login,
    account: Account,
    member: Member,
    seen: int,
    show: Callable[[Person, Iterator[Page]], None],
    cursors: dict[str, int] | None = None,
    talks_in: str = "",
) -> Person:
    """Let a session in whose outbox is held; only the connection's thread.

    :param seen: as of ``Directory.arrive``, and so are ``cursors`` and ``talks_in``.
    :param show: sends what it is shown first, and lets go of the outbox.
    :raises LoginRefused: it may not come in any more, or the rooms cannot be read.
    :raises Disconnected: the peer has left.
    """
    try:
        services.directory.read_on(cursors or {})
        while True:
            try:
                person, pages = services.directory.arrive(account, member, seen, cursors, talks_in)
                break
            except Conflict:  # banned, renamed, reset … while the person logged in
                seen = services.control_events.count
                account = login.look_again(account)
        show(person, pages)
    except StoreError as error:
        services.directory.depart(member)
        raise not_readable(account, error) from None
    except Disconnected:
        was_ended = connection.ended_by is not None
        services.directory.depart(member, bool(member.ticket) and not was_ended)
        raise
    except BaseException:
        services.directory.depart(member)
        raise
    return person


def not_readable(account: Account, error: StoreError) -> LoginRefused:
    """Return what somebody is told for whom the store cannot be read; it is logged."""
    _log.error("login failed %s reason=%s", account.ident, error, extra=FEW)
    sentence = "The rooms cannot be read just now. Tell the operator."
    return LoginRefused(sentence, code=Code.NOT_KEPT)


def leave(
    connection: Connection,
    services: Services,
    person: Person,
    member: Member,
    ended: Disconnected | None,
    may_come_back: bool,
    why: str = "",
) -> None:
    """Take a session out that has ended; only the connection's thread.

    :param ended: how; ``None``: by a fault of the program.
    :param may_come_back: when the connection was lost, the person is not announced as gone for a
        while.
    :param why: what the person has said by leaving, for the others; may be empty.
    """
    reason = ended.reason if ended else None
    # Else the server itself has ended it: a kick, a stop.
    outbox = connection.outbox
    is_goodbye = reason is EndReason.GOODBYE
    is_lost = may_come_back and not is_goodbye and ended is not None
    is_lost = is_lost and (outbox.overflowed or outbox.lost or not outbox.input_ended)
    if services.stopping.is_set():
        # What was posted before the stop is delivered to everybody before anybody leaves.
        services.settled.wait(SETTLE_SECONDS)
    elif reason is EndReason.LEFT and time.monotonic() - member.last_active < _ECHO_SECONDS:
        # It may have closed its writing side only, and wait for what it said to come back.
        services.settle(SETTLE_SECONDS)
    if is_goodbye:
        member.taken_until = time.monotonic()
    elif reason in (EndReason.LEFT, EndReason.ENDED):
        # After a reset or a silence nothing is known.
        member.look_at_taken()
    if connection.ended_by is EndReason.BANNED:
        why = "banned"
    services.directory.depart(member, is_lost, is_goodbye, why)
    connection.seat = None
    if ended is not None:
        few = {"few": member.account_id}
        _log.info("left %s reason=%s", person.account.ident, ended, extra=few)


class Farewell(NamedTuple):
    """The last that somebody is told."""

    do: str
    """What the client is to think of it: ``disconnect``, ``kick`` or ``restart``."""
    text: str
    code: Code


_FAREWELLS = {
    EndReason.LOGIN_TIMEOUT: (Code.TOO_SLOW, "You took too long to log in. Connect again."),
    EndReason.STALLED: (
        Code.CROWDED,
        "Many people are logging in, and you took long to answer. Connect again.",
    ),
    EndReason.NO_ANSWER: (
        Code.ANSWER_FIRST,
        "That was not an answer, too many times. Connect again.",
    ),
    EndReason.TOO_SLOW: (Code.TOO_SLOW, TOO_SLOW),
    EndReason.FLOODING: (
        Code.TOO_FAST,
        "You write faster than this server accepts, and did not slow down. Connect again.",
    ),
    EndReason.ENDLESS_LINE: (
        Code.NOT_UNDERSTOOD,
        "You sent a line without an end. Connect again.",
    ),
}


def farewell(connection: Connection, services: Services, reason: EndReason) -> Farewell | None:
    """Return what is said to a connection that ends for this reason; ``None``: nothing."""
    ended_by = connection.ended_by or reason
    if ended_by is EndReason.BANNED:
        sentence = services.sanctions.refusal(connection.address)
        return Farewell("kick", sentence or "Your address was banned.", Code.BANNED)
    if ended_by in _FAREWELLS:
        code, text = _FAREWELLS[ended_by]
        return Farewell("disconnect", text, code)
    if services.stopping.is_set():
        if services.restarting.is_set():
            sentence = "The server restarts. Come back in a moment."
            return Farewell("restart", sentence, Code.RESTARTING)
        sentence = "The server stops. Come back when it runs again."
        return Farewell("disconnect", sentence, Code.STOPPING)
    return None
