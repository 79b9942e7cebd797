"""One visit of an IRC client, from its registration to its farewell, in one thread."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError

from chatroom.accounts.rates import cost_of
from chatroom.commands.registry import Registry
from chatroom.commands.services import Services
from chatroom.counts import COUNTS
from chatroom.errors import Disconnected, EndReason, StoreError, UserError
from chatroom.irc import numerics, oneself
from chatroom.irc.entry import Entry
from chatroom.irc.gone import GONE
from chatroom.irc.grammar import Line
from chatroom.irc.member import IrcMember
from chatroom.irc.modes import be_bot
from chatroom.irc.own_face import OwnFace
from chatroom.irc.session import IrcSession
from chatroom.irc.shape import CHATHISTORY
from chatroom.irc.table import ROWS, Row
from chatroom.irc.talking import takes
from chatroom.irc.welcome import welcome
from chatroom.irc.wording import wording_of
from chatroom.log_files import FEW
from chatroom.net.connection import Connection
from chatroom.net.outbox import Slot
from chatroom.rooms.catch_up import PAGE_BYTES, Page
from chatroom.rooms.person import FREE, Person
from chatroom.session.arrival import Farewell, arrive, farewell, leave
from chatroom.session.flood import Flood
from chatroom.session.login import LoginRefused
from chatroom.storage.records import SUPERUSER

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0  # at most so often it is looked at what the peer has taken
_LINES_AT_ONE = 4  # of a message of several lines cost as much as one
_QUERIES_AT_ONCE = 100
_QUERIES_A_SECOND = 10.0
_LINES_OF_A_QUERY = 200  # so many in the answer count as one more


def serve(
    connection: Connection,
    services: Services,
    registry: Registry,
    strict_transport: str = "",
    ahead: Sequence[bytes | None] = (),
) -> None:
    """Serve one IRC client until it ends; runs in the connection's own thread.

    :param strict_transport: what the client is told of TLS (STS); empty: nothing.
    :param ahead: lines that were read already, the first one first.
    """
    session = IrcSession(connection, services, registry, ahead)
    session.strict_transport = strict_transport
    try:
        _come_in(session)
    except LoginRefused as reason:
        _log.info("not logged in address=%s reason=given up", connection.address, extra=FEW)
        if reason.do == "kick":
            session.reply(numerics.ERR_YOUREBANNEDCREEP, str(reason))
        session.end(str(reason))
        return
    except (Disconnected, CancelledError) as error:
        # A password that is not checked any more: the server stops.
        end = error if isinstance(error, Disconnected) else Disconnected("stop", EndReason.ENDED)
        _log.info("not logged in address=%s reason=%s", connection.address, end, extra=FEW)
        _say_farewell(session, end.reason)
        return
    go_on(session)


def go_on(session: IrcSession) -> None:
    """Serve a session that has come in until it ends; as :func:`serve`."""
    connection, services = session.connection, session.services
    assert session.person is not None and session.member is not None
    connection.seat = session
    ended: Disconnected | None = None
    try:
        _talk(session)
    except Disconnected as error:
        ended = error
    finally:
        why, member = session.left_with, session.member
        leave(connection, services, session.person, member, ended, may_come_back=True, why=why)
        GONE.note(session.nick, session.real_name)
        be_bot(session, False)
    assert ended is not None
    _say_farewell(session, ended.reason)


def _say_farewell(session: IrcSession, reason: EndReason) -> None:
    connection = session.connection
    COUNTS.ended(connection.ended_by or reason)
    said: Farewell | None = farewell(connection, session.services, reason)
    if said is not None:
        connection.say_last(said.text, said.code)


def _come_in(session: IrcSession) -> None:
    """Log in, enter the rooms, and show what there is."""
    connection, services = session.connection, session.services
    seen = services.control_events.count
    entry = Entry(session)
    account = entry.run()
    connection.logged_in()
    if services.sanctions.mute_of(account.id) is not None:
        session.real_name = ""  # others would see it
    face = OwnFace(services, session.server, account.id, account.name, session.caps)
    face.wording = wording_of(session.registry)
    face.real_name = session.real_name
    outbox = connection.outbox
    member = IrcMember(account.id, face, outbox, connection.end, connection.address)
    member.real_name, face.is_sealed = session.real_name, connection.is_sealed
    slot = outbox.reserve()

    def show(person: Person, pages: Iterator[Page]) -> None:
        session.person, session.member, session.face = person, member, face
        session.nick = face.nick = person.account.name
        _show(session, slot, pages)

    arrive(connection, services, entry.login, account, member, seen, show)
    if entry.away:
        oneself.mark(session, entry.away)
    _log.info(
        "logged in %s address=%s by=%s", *(account.ident, connection.address, "irc"), extra=FEW
    )


def _show(session: IrcSession, slot: Slot, pages: Iterator[Page]) -> None:
    """Send what somebody is shown first: the numbers, the rooms, what was missed."""
    person, face, outbox = session.person, session.face, session.connection.outbox
    assert person is not None and face is not None
    welcome(session)
    if person.state() != FREE:
        oneself.confirm_away(session, person.state())
    for room in person.rooms:
        session.send_rendered(face.entered(room))
    chunk = session.take()
    # Who asks for history by itself is shown none unasked.
    for page in pages if CHATHISTORY not in session.caps else ():
        if len(chunk) + len(page.chunk) > PAGE_BYTES:
            session.connection.wait_for_reader()
            outbox.insert(slot, chunk)
            chunk = b""
        chunk += page.chunk
    outbox.fill(slot, chunk)


def _talk(session: IrcSession) -> None:
    """Answer line after line. :raises Disconnected: the person has left, or may not stay."""
    services, member, person = session.services, session.member, session.person
    assert member is not None and person is not None
    rates = services.rates
    rate = rates.of(member.account_id, session.network)
    rate.take()  # a visit costs a line, too
    flood = Flood(session)
    queries_due = looked = 0.0

    def take_turn() -> None:
        nonlocal looked, queries_due
        line = session.read()
        now = time.monotonic()
        if now - looked > _LOOK_SECONDS:
            looked = now
            member.look_at_taken()
            services.read_marks.note(person, member)
        row = ROWS.get(line.command) if line is not None else None
        if rates.rate and person.account.grant != SUPERUSER:
            if row is not None and line is not None and row.cost:
                text = line.params[-1] if line.params else ""
                if line.tags:
                    text += "".join(line.tags.values())
                cost = row.cost - 1 + cost_of(text)
                delay = rate.take(cost / _LINES_AT_ONE if "batch" in line.tags else cost)
                if delay > 0:
                    flood.note(rates.rate)
                else:
                    flood.is_over()
            else:  # a client asks much when it has come in: that is only delayed
                queries_due = max(queries_due, now - _QUERIES_AT_ONCE / _QUERIES_A_SECOND)
                queries_due += 1 / _QUERIES_A_SECOND
                delay = queries_due - now
            if delay > 0:
                services.stopping.wait(delay)
                session.connection.check_input()
        if line is not None:
            _answer(session, line, row)
        queries_due += session.flush() // _LINES_OF_A_QUERY / _QUERIES_A_SECOND

    session.take_turn = take_turn
    while True:
        take_turn()


def _answer(session: IrcSession, line: Line, row: Row | None) -> None:
    if "batch" in line.tags and takes(session, line):
        return
    if row is None:
        text = "There is no such command here"
        session.reply(numerics.ERR_UNKNOWNCOMMAND, line.command, text)
        return
    if len(line.params) < row.least:
        session.reply(numerics.ERR_NEEDMOREPARAMS, line.command, "Not enough parameters")
        return
    assert session.member is not None
    if row.cost:
        session.member.last_active = time.monotonic()
    try:
        session.services.lookups.check(session.member.account_id)
        row.handler(session, line)
    except UserError as error:
        session.refused(error)
    except StoreError as error:
        _log.error("irc command=%s failed reason=%s", line.command, error)
        text = "The store cannot be used right now; nothing was changed. Try again later."
        session.refused(UserError(text, error.code))
    except (Disconnected, CancelledError):
        raise
    except Exception:
        _log.exception("irc command=%s failed", line.command)
        text = "Something went wrong with that; it was logged."
        session.reply(numerics.ERR_UNKNOWNERROR, line.command, text)
